package store_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"volenti.dev/volenti/consent"
	"volenti.dev/volenti/consent/notice"
	"volenti.dev/volenti/internal/store/storetest"
	"volenti.dev/volenti/subject"
)

func configure(t testing.TB, db *storetest.Database, purposes ...consent.Purpose) {
	t.Helper()
	must(t, db.Consents().Configure(ctx, tenant, purposes, nil, entry("purposes.set")))
}

// queueAll queues in chunks of three subjects, with a restart in between.
func queueAll(t *testing.T, db *storetest.Database) (total int64) {
	t.Helper()
	for i := 0; ; i++ {
		n, done, err := db.Consents().Queue(ctx, tenant, 3)
		must(t, err)
		if total += n; done {
			return total
		}
		if i == 1 {
			db.Reopen(t)
		}
	}
}

// due lists who is to be asked again, in pages of two.
func due(t *testing.T, db *storetest.Database) (open []string) {
	t.Helper()
	for after := (consent.SubjectID{}); ; {
		page, err := db.Consents().Due(ctx, tenant, time.Now(), after, 2)
		must(t, err)
		if len(page) == 0 {
			return open
		}
		for _, d := range page {
			for _, r := range d.Renewals {
				open = append(open, d.Subject.String()+r.Purpose)
			}
			after = d.Subject
		}
	}
}

// asked gives how many people a version has queued, and who has not answered.
func asked(t *testing.T, db *storetest.Database, version string) [2]int64 {
	t.Helper()
	people, open, err := db.Consents().Asked(ctx, tenant, version)
	must(t, err)
	return [2]int64{people, open}
}

func TestAMaterialVersionAsksThoseWhoAgreedToAnOlderOne(t *testing.T) { // A17, A18, A19, A20
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		configure(t, db, consent.Purpose{Key: "analytics", Block: true}, consent.Purpose{Key: "research"}, consent.Purpose{Key: "ads"})
		before := says("before@example.com", "analytics", true)
		unversioned := give(t, db, before)[0].Subject // no version was published yet
		publish(t, db, version("1", false))
		var people []consent.SubjectID
		for i := range 8 {
			mail := fmt.Sprintf("p%d@example.com", i)
			people = append(people, give(t, db, says(mail, "analytics", true), says(mail, "research", true), says(mail, "ads", true))[0].Subject)
		}
		give(t, db, says("p1@example.com", "analytics", false)) // not granted any more
		publish(t, db, version("2", true, "analytics", "research"))
		fresh := give(t, db, says("new@example.com", "analytics", true))[0].Subject // under the new one

		g := gate(t, db, time.Now().Add(-time.Minute))
		for _, c := range []struct {
			id      consent.SubjectID
			purpose string
			want    consent.Reason
		}{
			{unversioned, "analytics", consent.ReconsentDue}, // A18: no version counts as older
			{people[0], "analytics", consent.ReconsentDue},
			{people[0], "research", consent.Given}, // keeps meanwhile
			{people[0], "ads", consent.Given},
			{people[1], "analytics", consent.WasWithdrawn},
			{fresh, "analytics", consent.Given},
		} {
			if d := g.Allowed(ctx, c.id, c.purpose); d.Reason != c.want {
				t.Errorf("%s: %v, want %v", c.purpose, d, c.want)
			}
		}
		if n := queueAll(t, db); n != 1+7+8 { // A18
			t.Errorf("%d queued", n)
		}
		publish(t, db, version("2", true, "analytics", "research")) // published again
		if n := queueAll(t, db); n != 0 || len(due(t, db)) != 16 || asked(t, db, "2") != [2]int64{9, 9} {
			t.Errorf("%d more queued, %d open, asked %v", n, len(due(t, db)), asked(t, db, "2"))
		}
		rules, err := db.Consents().Rules(ctx, tenant)
		must(t, err)
		states, err := db.Consents().States(ctx, tenant, people[0])
		must(t, err)
		published := rules.Version("2").PublishedAt
		want := []consent.Renewal{
			{Purpose: "analytics", From: "1", To: "2", Since: published, Summary: "New in 2", BlocksFrom: published},
			{Purpose: "research", From: "1", To: "2", Since: published, Summary: "New in 2"},
		}
		if diff := cmp.Diff(want, rules.Due(states, time.Now())); diff != "" { // A19
			t.Error(diff)
		}
		page, err := db.Consents().Due(ctx, tenant, time.Now(), unversioned, 1)
		must(t, err)
		if diff := cmp.Diff([]consent.Due{{Subject: people[0], Renewals: want}}, page); diff != "" {
			t.Error(diff)
		}

		give(t, db, consent.Entry{Subject: people[0], Purpose: "analytics", Granted: true, Source: consent.BulkReconsent}, // A22
			consent.Entry{Subject: people[0], Purpose: "research", Source: consent.BulkReconsent})
		if got := due(t, db); len(got) != 14 || strings.Contains(strings.Join(got, " "), people[0].String()) || asked(t, db, "2") != [2]int64{9, 8} { // A20
			t.Errorf("still open: %v, asked %v", got, asked(t, db, "2"))
		}
		old := consent.Entry{Subject: people[2], Purpose: "analytics", Granted: true, Source: consent.API, Notice: "1", Reaffirm: true}
		give(t, db, old) // answered, but to the old version
		if len(due(t, db)) != 14 || asked(t, db, "2") != [2]int64{9, 8} {
			t.Error("an answer to the old version counts")
		}
		g = gate(t, db, time.Now().Add(-time.Minute))
		if d := g.Allowed(ctx, people[0], "analytics"); !d.Allowed {
			t.Errorf("renewed: %v", d)
		}
		publish(t, db, version("3", false)) // A21: does not ask again
		if d := g.Allowed(ctx, fresh, "analytics"); !d.Allowed || queueAll(t, db) != 0 {
			t.Errorf("a change that is not material asked again: %v", d)
		}
		publish(t, db, version("4", true)) // all purposes
		if n := queueAll(t, db); n != 1+6+1+1+7+8 || len(due(t, db)) != int(n) {
			t.Errorf("%d queued, %d open", n, len(due(t, db)))
		}
		sound(t, db)
	})
}

func TestWhoClassifiedAChangeIsKeptWithTheVersionAndInTheAuditLog(t *testing.T) { // A21
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		v := version("1", true, "research")
		v.Texts = append(v.Texts, notice.Text{Language: "de", Body: "Wir nutzen Daten."})
		publish(t, db, v)
		publish(t, db, v) // again
		all, err := db.Audit().Records(ctx, tenant, 0, 10)
		must(t, err)
		if last := all[len(all)-1]; last.Act != "notice.publish" || !bytes.Contains(last.Details, []byte(canary)) {
			t.Errorf("entry %+v %s", last.Leaf, last.Details)
		}
		got, err := db.Consents().Notice(ctx, tenant, "1")
		must(t, err)
		if got.PublishedAt.IsZero() {
			t.Error("it is not said when")
		}
		want := notice.Full{
			Published: notice.Published{
				Version: "1", PublishedAt: got.PublishedAt, Summary: "New in 1", Material: true, Purposes: []string{"research"},
				Digests: map[string]string{"de": v.Texts[1].Digest(), "en": v.Texts[0].Digest()},
			},
			Texts: []notice.Text{v.Texts[1], v.Texts[0]}, ClassifiedBy: canary,
		}
		if diff := cmp.Diff(want, got); diff != "" { // A5
			t.Error(diff)
		}
		public, err := json.Marshal(got)
		must(t, err)
		if bytes.Contains(public, []byte(canary)) || bytes.Contains(db.Dump(t), []byte(canary)) {
			t.Error("the name of the operator is for all to see")
		}
		if _, err := db.Consents().Notice(ctx, tenant, "2"); !errors.Is(err, consent.ErrNotFound) {
			t.Error(err)
		}
	})
}

func TestExpiredGrantsAreSweptOnce(t *testing.T) { // A13
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		configure(t, db, consent.Purpose{Key: "research"}, consent.Purpose{Key: "analytics", Expires: 24 * time.Hour})
		aged := func(mail, purpose string, hours int) consent.Entry {
			e := says(mail, purpose, true)
			e.Source, e.Given = consent.Import, time.Now().Add(-time.Duration(hours)*time.Hour)
			return e
		}
		o := give(t, db, aged("a@example.com", "analytics", 30), aged("b@example.com", "analytics", 20), aged("a@example.com", "research", 99), aged("c@example.com", "analytics", 30))
		if d := gate(t, db, time.Now()).Allowed(ctx, o[0].Subject, "analytics"); d.Reason != consent.HasExpired {
			t.Errorf("before the sweep: %v", d)
		}
		for _, want := range []int{1, 1, 0} {
			if n, err := db.Consents().Sweep(ctx, tenant, 1); n != want || err != nil {
				t.Errorf("swept %d, want %d: %v", n, want, err)
			}
		}
		history, err := db.Consents().History(ctx, tenant, o[0].Subject)
		must(t, err)
		if last := history[len(history)-1]; len(history) != 3 || last.Choice != consent.Expired || last.Supersedes != o[0].Sequence {
			t.Errorf("history %+v", history)
		}
		renewed := give(t, db, says("a@example.com", "analytics", true), says("c@example.com", "analytics", false))
		if renewed[0].Choice != consent.Granted || renewed[1].Choice != consent.Refused {
			t.Errorf("after the sweep: %+v", renewed)
		}
		sound(t, db)
	})
}

func TestASweepLeavesAGrantAloneThatWasRenewedMeanwhile(t *testing.T) { // A13
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		p := consent.Purpose{Key: "analytics", Expires: 24 * time.Hour}
		configure(t, db, p)
		old := says("a@example.com", "analytics", true)
		old.Source, old.Given = consent.Import, time.Now().Add(-48*time.Hour)
		give(t, db, old)
		var renewed consent.Outcome
		found, err := db.Consents().SweepAfter(ctx, tenant, p, func() { renewed = give(t, db, says("a@example.com", "analytics", true))[0] })
		if found != 1 || err != nil {
			t.Fatalf("found %d, %v", found, err)
		}
		if d := gate(t, db, time.Now()).Allowed(ctx, renewed.Subject, "analytics"); !d.Allowed {
			t.Errorf("the gate says %v", d)
		}
		sound(t, db)
	})
}

func TestErasedSubjectsAreNobodyAndTheirReceiptsVerify(t *testing.T) { // A31
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		publish(t, db, version("1", false))
		e := says(canary, "analytics", true)
		e.Address = subject.Conceal("203.0.113.77")
		given, err := db.Consents().Append(ctx, tenant, "key", []consent.Entry{e})
		must(t, err)
		ben := give(t, db, says("ben@example.com", "analytics", true))[0]
		id, seq := given[0].Subject, given[0].Sequence
		keys, err := db.Tenant(ctx, tenant)
		must(t, err)
		digest := person(canary)[0].Digest(keys.DigestKey())
		proof := func() []byte {
			evidence, err := db.Consents().Evidence(ctx, tenant, seq)
			must(t, err)
			text, err := evidence.Receipt()
			must(t, err)
			return text
		}
		early := proof()
		g := gate(t, db, time.Now())
		for range 2 {
			must(t, db.Consents().EraseSubject(ctx, tenant, id, named("subject/of nobody")))
		}
		all, err := db.Audit().Records(ctx, tenant, 0, 1000)
		must(t, err)
		if last := all[len(all)-1]; last.Object != "subject/"+id.String() {
			t.Errorf("the log says that %s was erased", last.Object)
		}
		for when, text := range map[string][]byte{"before": early, "after": proof()} {
			v, err := consent.VerifyReceipt(text, keys.Verifier())
			if err != nil || v.Record.Subject != id || v.Record.Notice != "1" {
				t.Errorf("receipt from %s the erasure: %+v, %v", when, v, err)
			}
		}
		if d := g.Allowed(ctx, id, "analytics"); d.Reason != consent.Absent {
			t.Errorf("the gate says %v", d)
		}
		if bytes.Contains(db.Dump(t), []byte(digest)) {
			t.Error("the digest of the identity is still there")
		}
		var left int
		must(t, db.Raw(t).QueryRow(`SELECT (SELECT count(*) FROM keys WHERE owner = '`+"subject/"+id.String()+`') +
			(SELECT count(*) FROM consent_traces t JOIN consent_records r ON r.tenant = t.tenant AND r.seq = t.seq WHERE r.subject = '`+id.String()+`') + (SELECT count(*) FROM subject_identities WHERE subject = '`+id.String()+`')`).Scan(&left))
		if left != 0 {
			t.Errorf("%d rows are left", left)
		}
		if _, err := db.Consents().Append(ctx, tenant, "key", []consent.Entry{e}); !errors.Is(err, consent.ErrConflict) {
			t.Errorf("a late retry: %v", err)
		}
		if _, err := db.Consents().Append(ctx, tenant, "", []consent.Entry{{Subject: id, Purpose: "analytics", Granted: true, Source: consent.API}}); !errors.Is(err, consent.ErrErased) || !errors.Is(err, consent.ErrNotFound) {
			t.Errorf("a choice of nobody: %v", err)
		}
		if _, err := db.Consents().Append(ctx, tenant, "", []consent.Entry{{Subject: consent.SubjectID{1}, Purpose: "analytics", Granted: true, Source: consent.API}}); !errors.Is(err, consent.ErrNotFound) || errors.Is(err, consent.ErrErased) {
			t.Errorf("a choice of one who was never there: %v", err)
		}
		for who, want := range map[consent.SubjectID]error{id: consent.ErrErased, ben.Subject: nil, {1}: consent.ErrNotFound} {
			if err := db.Consents().Alive(ctx, tenant, who); !errors.Is(err, want) || want == nil && err != nil || errors.Is(err, consent.ErrErased) != errors.Is(want, consent.ErrErased) {
				t.Errorf("%v: %v, want %v", who, err, want)
			}
		}
		if again := give(t, db, says(canary, "analytics", true))[0]; again.Subject == id {
			t.Error("who comes back is recognised")
		}
		if d := g.Allowed(ctx, ben.Subject, "analytics"); !d.Allowed {
			t.Errorf("somebody else: %v", d)
		}
		if err := db.Consents().EraseSubject(ctx, tenant, consent.SubjectID{1}, entry("subject.erase")); !errors.Is(err, consent.ErrNotFound) {
			t.Errorf("erased who does not exist: %v", err)
		}
		sound(t, db)
		if _, err := db.Consents().Evidence(ctx, tenant, 0); !errors.Is(err, consent.ErrNotFound) {
			t.Errorf("evidence of another act: %v", err)
		}
		verify(t, db, int64(records(t, db)))
	})
}
