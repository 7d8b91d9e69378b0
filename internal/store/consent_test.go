package store_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"volenti.dev/volenti/consent"
	"volenti.dev/volenti/consent/notice"
	"volenti.dev/volenti/internal/store/storetest"
	"volenti.dev/volenti/subject"
)

// says is a choice of the person with this mail address.
func says(email, purpose string, granted bool) consent.Entry {
	return consent.Entry{Identities: person(email), Purpose: purpose, Granted: granted, Source: consent.SettingsPage}
}

func give(t testing.TB, db *storetest.Database, entries ...consent.Entry) []consent.Outcome {
	t.Helper()
	outcomes, err := db.Consents().Append(ctx, tenant, "", entries)
	must(t, err)
	return outcomes
}

func gate(t testing.TB, db *storetest.Database, now time.Time) *consent.Gate {
	t.Helper()
	checks, err := db.Consents().Checks(ctx, tenant)
	must(t, err)
	return &consent.Gate{Tenant: tenant, States: checks, Now: func() time.Time { return now }}
}

// version is a published notice.
func version(label string, material bool, purposes ...string) notice.Version {
	return notice.Version{
		Version: label, Texts: []notice.Text{{Language: "en", Body: "We use data. " + label}},
		Summary: "New in " + label, Material: material, ClassifiedBy: canary, Purposes: purposes,
	}
}

func publish(t testing.TB, db *storetest.Database, v notice.Version) {
	t.Helper()
	must(t, db.Consents().Publish(ctx, tenant, v, entry("notice.publish")))
}

// sound checks what must hold at every moment.
func sound(t testing.TB, db *storetest.Database) {
	t.Helper()
	if differ, err := db.Consents().Rebuild(ctx, tenant); err != nil || differ != 0 {
		t.Fatalf("%d states are not those of the records: %v", differ, err)
	}
	all, err := db.Audit().Records(ctx, tenant, 0, 1_000_000)
	must(t, err)
	var committed []consent.Record
	for _, r := range all {
		if strings.HasPrefix(r.Act, "consent.") {
			record, err := consent.RecordOf(r.Leaf, r.Details)
			must(t, err)
			committed = append(committed, record)
		}
	}
	records, err := db.Consents().Records(ctx, tenant, 0, 1_000_000)
	must(t, err)
	if diff := cmp.Diff(committed, records); diff != "" {
		t.Fatalf("the records are not what the tree commits to: %s", diff) // A32
	}
}

func TestWithdrawalEndsAGrantAndARefusalNeedsNone(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		publish(t, db, version("1", false))
		anna := give(t, db, says("anna@example.com", "analytics", true))[0]
		publish(t, db, version("2", false))
		no := give(t, db, says("anna@example.com", "analytics", false), says("anna@example.com", "research", false))
		again := give(t, db, says("anna@example.com", "analytics", true))[0]
		same := give(t, db, says("anna@example.com", "analytics", true), says("anna@example.com", "research", false))
		if anna.Choice != consent.Granted || no[0].Choice != consent.Withdrawn || no[1].Choice != consent.Refused { // A10
			t.Errorf("choices %v %v", anna, no)
		}
		if !same[0].Unchanged || same[0].Record != again.Record || !same[1].Unchanged || same[1].Record != no[1].Record { // A24
			t.Errorf("the same again: %+v", same)
		}
		history, err := db.Consents().History(ctx, tenant, anna.Subject)
		must(t, err)
		if len(history) != 4 {
			t.Fatalf("%d records", len(history))
		}
		grant, withdrawal, regrant := history[0], history[1], history[3]
		if grant.Supersedes != -1 || withdrawal.Supersedes != grant.Sequence || withdrawal.Notice != "1" || withdrawal.Digest != grant.Digest { // A7
			t.Errorf("withdrawal %+v of %+v", withdrawal, grant)
		}
		if regrant.Supersedes != withdrawal.Sequence || regrant.Notice != "2" { // A7
			t.Errorf("granted again %+v", regrant)
		}
		sound(t, db)
		verify(t, db, 1+2+4)
	})
}

func TestReaffirmationIsARecordWhenItIsAskedFor(t *testing.T) { // A24
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		e := says("anna@example.com", "analytics", true)
		first := give(t, db, e)[0]
		e.Reaffirm = true
		second := give(t, db, e)[0]
		if second.Unchanged || second.Choice != consent.Granted || second.Sequence <= first.Sequence {
			t.Errorf("outcome %+v", second)
		}
		sound(t, db)
	})
}

func TestAppendIsAllOrNothingAndNamesAllThatIsWrong(t *testing.T) { // A24
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		publish(t, db, version("1", false))
		bad := says("anna@example.com", "cookies", true)
		bad.Notice, bad.Source, bad.Given = "99", "telepathy", time.Now().Add(time.Hour)
		before := db.Dump(t)
		_, err := db.Consents().Append(ctx, tenant, "k", []consent.Entry{says("anna@example.com", "analytics", true), bad, {}})
		var invalid *consent.Invalid
		if !errors.As(err, &invalid) {
			t.Fatalf("error %v", err)
		}
		fields := map[string]bool{}
		for _, v := range invalid.Violations {
			fields[fmt.Sprint(v.Entry, v.Field)] = true
		}
		for _, want := range []string{"1purpose", "1notice", "1source", "1given_at", "2subject", "2purpose", "2source"} {
			if !fields[want] {
				t.Errorf("%s is not mentioned in %v", want, err)
			}
		}
		if !bytes.Equal(before, db.Dump(t)) {
			t.Error("something was stored")
		}
	})
}

func TestABadAppendDoesNotSpoilThoseItSharesACommitWith(t *testing.T) { // A34
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		nobody := consent.SubjectID{15: 9}
		var all sync.WaitGroup
		for i := range 64 {
			all.Go(func() {
				entries := []consent.Entry{says(fmt.Sprintf("p%d@example.com", i), "analytics", true), says(fmt.Sprintf("p%d@example.com", i), "research", false)}
				if i%4 == 0 { // found out after the first entry was taken
					entries = append(entries, consent.Entry{Subject: nobody, Purpose: "research", Source: consent.API})
				}
				_, err := db.Consents().Append(ctx, tenant, "", entries)
				if (i%4 == 0) != errors.Is(err, consent.ErrNotFound) {
					t.Errorf("append %d: %v", i, err)
				}
			})
		}
		all.Wait()
		records, err := db.Consents().Records(ctx, tenant, 0, 1000)
		must(t, err)
		if len(records) != 2*48 {
			t.Errorf("%d records", len(records))
		}
		sound(t, db)
		verify(t, db, 1+2*48)
	})
}

func TestAnIdempotencyKeyGivesOneAnswer(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		send := func(granted bool) ([]consent.Outcome, error) {
			return db.Consents().Append(ctx, tenant, "key-1", []consent.Entry{says(canary, "analytics", granted)})
		}
		var all sync.WaitGroup
		answers := make([][]consent.Outcome, 16)
		for i := range answers {
			all.Go(func() {
				var err error
				if answers[i], err = send(true); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		for _, a := range answers {
			if diff := cmp.Diff(answers[0], a); diff != "" {
				t.Errorf("answers differ: %s", diff)
			}
		}
		db.Reopen(t)
		if a, err := send(true); err != nil || a[0] != answers[0][0] || a[0].Unchanged {
			t.Errorf("after a restart: %v %v", a, err)
		}
		if _, err := send(false); !errors.Is(err, consent.ErrConflict) {
			t.Errorf("another content: %v", err)
		}
		records, err := db.Consents().Records(ctx, tenant, 0, 100)
		must(t, err)
		if len(records) != 1 {
			t.Errorf("%d records", len(records))
		}
	})
}

// 64 at once about one consent, on two nodes where there can be two: each is
// either a record or told that it changes nothing, the chain of records has no
// gap, and its end is what stands.
func TestChoicesAboutOneConsentFormOneChain(t *testing.T) { // R4
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		nodes := []*storetest.Database{db, db}
		if !db.Embedded() {
			nodes[1] = storetest.Open(t, db.Config.URL)
		}
		told := make([]consent.Outcome, 64)
		var all sync.WaitGroup
		for i := range told {
			all.Go(func() { told[i] = give(t, nodes[i%2], says("anna@example.com", "analytics", i%4 < 2))[0] })
		}
		all.Wait()
		records, err := db.Consents().Records(ctx, tenant, 0, 100)
		must(t, err)
		made := map[string]bool{}
		for _, o := range told {
			if !o.Unchanged {
				made[o.Record] = true
			}
		}
		if len(made) != len(records) {
			t.Errorf("%d were told of a record of theirs, there are %d", len(made), len(records))
		}
		last := int64(-1)
		for i, r := range records {
			if r.Subject != records[0].Subject || r.Supersedes != last || i > 0 && r.Choice == records[i-1].Choice || !made[r.ID] {
				t.Errorf("record %d: %+v", i, r)
			}
			last = r.Sequence
		}
		for _, node := range nodes {
			states, err := node.Consents().States(ctx, tenant, records[0].Subject)
			must(t, err)
			s := states["analytics"]
			if d := gate(t, node, time.Now()).Allowed(ctx, records[0].Subject, "analytics"); s.Sequence != last || d.Allowed != (s.Choice == consent.Granted) {
				t.Errorf("record %d stands, the last is %d, and the gate says %v", s.Sequence, last, d)
			}
		}
		sound(t, db)
	})
}

func TestStatesAreThoseOfTheRecordsAfterAnyHistory(t *testing.T) { // A8
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		n := 0
		rapid.Check(t, func(r *rapid.T) {
			for range rapid.IntRange(1, 6).Draw(r, "commits") {
				if rapid.IntRange(0, 9).Draw(r, "publish") == 0 {
					n++
					publish(t, db, version(fmt.Sprint("v", n), rapid.Bool().Draw(r, "material"), "analytics"))
				}
				var entries []consent.Entry
				for range rapid.IntRange(1, 5).Draw(r, "entries") {
					e := says(rapid.SampledFrom([]string{"a@example.com", "b@example.com"}).Draw(r, "who"),
						rapid.SampledFrom([]string{"analytics", "research"}).Draw(r, "purpose"), rapid.Bool().Draw(r, "granted"))
					if rapid.Bool().Draw(r, "import") {
						e.Given = time.Unix(rapid.Int64Range(1, time.Now().Unix()).Draw(r, "given"), 0)
					}
					entries = append(entries, e)
				}
				give(t, db, entries...)
			}
		})
		sound(t, db)
		records, err := db.Consents().Records(ctx, tenant, 0, 1_000_000)
		must(t, err)
		if len(records) < 20 {
			t.Errorf("only %d records", len(records))
		}
		// What the index was told commit by commit is what it would load.
		kept := gate(t, db, time.Now())
		before := decisions(kept, records)
		db.Reopen(t)
		if diff := cmp.Diff(before, decisions(gate(t, db, kept.Now()), records)); diff != "" {
			t.Error(diff)
		}
	})
}

func decisions(g *consent.Gate, records []consent.Record) map[string]consent.Decision {
	all := map[string]consent.Decision{}
	for _, r := range records {
		all[r.Subject.String()+r.Purpose] = g.Allowed(ctx, r.Subject, r.Purpose)
	}
	return all
}

func TestAnImportDoesNotDisplaceALaterChoice(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		given := func(granted bool, day int) consent.Entry {
			e := says("anna@example.com", "analytics", granted)
			e.Source, e.Given = consent.Import, time.Date(2024, 5, day, 12, 0, 0, 0, time.UTC)
			return e
		}
		entries := []consent.Entry{given(true, 1), given(false, 3), given(true, 2)}
		for range 2 { // a second run is harmless
			o := give(t, db, entries...)
			if o[1].Choice != consent.Withdrawn || !o[2].Older || o[2].Choice != consent.Withdrawn {
				t.Errorf("outcomes %+v", o)
			}
		}
		records, err := db.Consents().Records(ctx, tenant, 0, 100)
		must(t, err)
		if len(records) != 2 || !records[0].Given.Equal(entries[0].Given) || records[0].Notice != "" || !records[0].At.After(records[0].Given) {
			t.Errorf("records %+v", records)
		}
		sound(t, db)
	})
}

func TestConsentTablesShowNothingPersonal(t *testing.T) { // SE11, A31
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		e := says(canary, "analytics", true)
		e.Address, e.Agent = subject.Conceal("203.0.113.77"), subject.Conceal("Mozilla/5.0 canary-agent")
		_, err := db.Consents().Append(ctx, tenant, canary, []consent.Entry{e})
		must(t, err)
		for _, secret := range []string{canary, "203.0.113", "canary-agent"} {
			if bytes.Contains(db.Dump(t), []byte(secret)) {
				t.Errorf("%s is in the database", secret)
			}
		}
		records, err := db.Consents().Records(ctx, tenant, 0, 10)
		must(t, err)
		if records[0].Trace == "" {
			t.Error("the record does not commit to where it came from")
		}
	})
}

func TestConsentRecordsRefuseToBeChanged(t *testing.T) { // A1
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		give(t, db, says("anna@example.com", "analytics", true))
		publish(t, db, version("1", true))
		queueAll(t, db)
		before := db.Dump(t)
		for _, table := range []string{"consent_records", "consent_rules", "consent_texts", "consent_notices", "consent_queue", "consent_publications"} {
			statements := []string{`UPDATE ` + table + ` SET tenant = tenant`, `DELETE FROM ` + table}
			if db.Embedded() && table == "consent_queue" { // who is in it already is left alone
				_, err := db.Raw(t).Exec(`INSERT OR REPLACE INTO consent_queue SELECT tenant, version, subject, 'ads' FROM consent_queue`)
				must(t, err)
			} else if db.Embedded() {
				statements = append(statements, `INSERT OR REPLACE INTO `+table+` SELECT * FROM `+table)
			} else {
				statements = append(statements, `TRUNCATE `+table)
			}
			for _, s := range statements {
				if _, err := db.Raw(t).Exec(s); err == nil || !strings.Contains(err.Error(), "append-only") {
					t.Errorf("%s: %v", s, err)
				}
			}
		}
		if !bytes.Equal(before, db.Dump(t)) {
			t.Error("something changed")
		}
	})
}

// A record stands and its state stands, or neither; and nobody is told so
// before.
func TestNoRecordStandsWhenItsLeafCannotBeWritten(t *testing.T) { // A11, SE16
	t.Parallel()
	for _, table := range []string{"audit_heads", "audit_hashes", "consent_records", "consent_state"} {
		t.Run(table, func(t *testing.T) {
			storetest.Each(t, func(t *testing.T, db *storetest.Database) {
				anna := give(t, db, says("anna@example.com", "analytics", true))[0]
				checks, err := db.Consents().Checks(ctx, tenant)
				must(t, err)
				if db.Embedded() {
					<-checks.Loaded() // else the gate asks the table that is gone
				}
				g := consent.Gate{Tenant: tenant, States: checks, Now: time.Now}
				_, err = db.Raw(t).Exec(`ALTER TABLE ` + table + ` RENAME TO broken`)
				must(t, err)
				before := db.Dump(t)
				_, err = db.Consents().Append(ctx, tenant, "", []consent.Entry{says("anna@example.com", "analytics", false)})
				if err == nil || strings.Contains(err.Error(), "anna") {
					t.Errorf("error %v", err)
				}
				if !bytes.Equal(before, db.Dump(t)) {
					t.Error("something changed")
				}
				if d := g.Allowed(ctx, anna.Subject, "analytics"); db.Embedded() && !d.Allowed {
					t.Errorf("what was rolled back counts: %v", d)
				}
			})
		})
	}
}

func TestWhoGivesUpWaitingLeavesTheOthersAlone(t *testing.T) {
	t.Parallel()
	db := storetest.SQLite(t)
	gone, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := db.Consents().Append(gone, tenant, "", []consent.Entry{says("a@example.com", "analytics", true)}); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	give(t, db, says("b@example.com", "analytics", true))
	sound(t, db)
}

func TestSubjectsAreLinkedByWhatTheyAreKnownBy(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		phone := subject.Identity{Type: subject.Phone, Value: subject.Conceal("+491701234567")}
		both := says("anna@example.com", "analytics", true)
		both.Identities = append(both.Identities, phone)
		anna := give(t, db, both)[0].Subject
		ben := give(t, db, says("ben@example.com", "analytics", true))[0].Subject
		if found, err := db.Consents().Find(ctx, tenant, phone); err != nil || found != anna || anna == ben {
			t.Errorf("found %v, %v", found, err)
		}
		mixed := says("ben@example.com", "research", true)
		mixed.Identities = append(mixed.Identities, phone)
		var invalid *consent.Invalid
		if _, err := db.Consents().Append(ctx, tenant, "", []consent.Entry{mixed}); !errors.As(err, &invalid) {
			t.Errorf("identities of two: %v", err)
		}
		if _, err := db.Consents().Find(ctx, tenant, person("nobody@example.com")[0]); !errors.Is(err, consent.ErrNotFound) {
			t.Errorf("found nobody: %v", err)
		}
	})
}
