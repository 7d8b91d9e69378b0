package store_test

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"volenti.dev/volenti/consent"
	"volenti.dev/volenti/consent/notice"
	"volenti.dev/volenti/internal/store/storetest"
	"volenti.dev/volenti/subject"
)

func look(t *testing.T, db *storetest.Database, q consent.Query) consent.Page {
	t.Helper()
	page, err := db.Consents().Search(ctx, tenant, q)
	must(t, err)
	return page
}

func sequences(all []consent.Record) (seqs []int64) {
	for _, r := range all {
		seqs = append(seqs, r.Sequence)
	}
	return seqs
}

func TestRecordsAreFoundByEachOfTheirMarks(t *testing.T) { // W6
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		shown := says("anna@example.com", "research", true)
		shown.Shown, shown.Source = &consent.Shown{Version: notice.OfSite("shop", 3), Digest: "d", Language: "en"}, consent.CookieBanner
		other := says("ben@example.com", "research", true)
		other.Shown, other.Source = &consent.Shown{Version: notice.OfSite("shop2", 1), Digest: "d", Language: "en"}, consent.CookieBanner
		made := give(t, db, says("anna@example.com", "analytics", true), shown, other, says("ben@example.com", "analytics", false), says("anna@example.com", "analytics", false))
		seq := func(places ...int) (seqs []int64) {
			for _, i := range places {
				seqs = append(seqs, made[i].Sequence)
			}
			return seqs
		}
		must(t, db.CreateTenant(ctx, "other"))
		_, err := db.Consents().Append(ctx, "other", "", []consent.Entry{says("anna@example.com", "analytics", true)})
		must(t, err)
		for _, c := range []struct {
			of   string
			q    consent.Query
			want []int64
		}{
			{"everything", consent.Query{}, seq(4, 3, 2, 1, 0)},
			{"a person", consent.Query{Subject: made[0].Subject}, seq(4, 1, 0)},
			{"a purpose", consent.Query{Purpose: "research"}, seq(2, 1)},
			{"a choice", consent.Query{Choice: consent.Withdrawn}, seq(4)},
			{"a source", consent.Query{Source: consent.SettingsPage}, seq(4, 3, 0)},
			{"a site, and not one that is called alike", consent.Query{Site: "shop"}, seq(1)},
			{"two marks at once", consent.Query{Purpose: "analytics", Choice: consent.Refused}, seq(3)},
			{"what nothing has", consent.Query{Purpose: "nothing"}, nil},
			{"before a record", consent.Query{Before: made[2].Sequence}, seq(1, 0)},
		} {
			c.q.Limit = 10
			if page := look(t, db, c.q); page.Next != 0 || !slices.Equal(sequences(page.Records), c.want) {
				t.Errorf("%s: %v and %d, not %v", c.of, sequences(page.Records), page.Next, c.want)
			}
		}
	})
}

func TestPagesOfASearchLeadThroughAllOfItAndReadOnlySoMuch(t *testing.T) { // W6
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		var want []int64
		for i := range 30 {
			purpose := "analytics"
			if i%9 == 0 { // fewer than one in each window
				purpose = "research"
			}
			o := give(t, db, says(fmt.Sprintf("p%d@example.com", i), purpose, true))[0]
			if purpose == "research" {
				want = append([]int64{o.Sequence}, want...)
			}
		}
		for name, q := range map[string]consent.Query{"rare": {Purpose: "research", Limit: 3}, "one a page": {Purpose: "research", Limit: 1}} {
			var got []int64
			pages := 0
			for ; ; pages++ {
				page, err := db.Consents().SearchAmong(ctx, tenant, q, 4)
				must(t, err)
				got = append(got, sequences(page.Records)...)
				if q.Before = page.Next; page.Next == 0 {
					break
				}
			}
			if !slices.Equal(got, want) || pages < 7 {
				t.Errorf("%s: %v in %d pages, not %v", name, got, pages, want)
			}
		}
	})
}

func TestRecordsAreFoundByWhenTheyWereMade(t *testing.T) { // W6
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		var made []consent.Record
		for i := range 9 {
			give(t, db, says(fmt.Sprintf("p%d@example.com", i), "analytics", true))
			<-time.After(2 * time.Millisecond) // SQLite's clock has milliseconds
		}
		made = look(t, db, consent.Query{Limit: 100}).Records
		slices.Reverse(made)
		for from := range made {
			for to := from; to < len(made); to++ {
				page := look(t, db, consent.Query{From: made[from].At, To: made[to].At, Limit: 100})
				slices.Reverse(page.Records)
				if diff := cmp.Diff(sequences(made[from:to]), sequences(page.Records)); diff != "" {
					t.Errorf("from %d to %d: %s", from, to, diff)
				}
			}
		}
		if page := look(t, db, consent.Query{From: made[8].At.Add(time.Hour), Limit: 100}); len(page.Records) != 0 {
			t.Errorf("of the future: %v", page.Records)
		}
	})
}

func TestHowAPersonSaidSoIsSealedAndCommittedTo(t *testing.T) { // A1, A31
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		e := says("anna@example.com", "analytics", false)
		e.By, e.Note = "operator/olga", subject.Conceal("Anna has called from her own telephone")
		send := func() (consent.Record, error) {
			_, err := db.Consents().Append(ctx, tenant, "call-1", []consent.Entry{e})
			return look(t, db, consent.Query{Limit: 1}).Records[0], err
		}
		r, err := send()
		must(t, err)
		if trace, err := db.Consents().Trace(ctx, tenant, r); err != nil || trace != (consent.Trace{By: "operator/olga", Note: "Anna has called from her own telephone"}) {
			t.Errorf("noted is %+v: %v", trace, err)
		}
		if bytes.Contains(db.Dump(t), []byte("Anna has called")) {
			t.Error("the note lies open in the database")
		}
		if again, err := send(); err != nil || again != r {
			t.Errorf("sent again: %v %v", again, err)
		}
		e.Note = subject.Conceal("Anna has written a letter")
		if _, err := send(); !errors.Is(err, consent.ErrConflict) {
			t.Errorf("with another note: %v", err)
		}

		another := r
		another.Trace = strings.Repeat("0", 64)
		if trace, err := db.Consents().Trace(ctx, tenant, another); err == nil {
			t.Errorf("a record that commits to something else is told %+v", trace)
		}
		sound(t, db)
		must(t, db.Consents().EraseSubject(ctx, tenant, r.Subject, entry("subject.erase")))
		if trace, err := db.Consents().Trace(ctx, tenant, r); err != nil || trace != (consent.Trace{}) {
			t.Errorf("erased, and noted is %+v: %v", trace, err)
		}
		sound(t, db)
	})
}

func TestWhoASubjectIsAndFromWhereTheyCameGoWithThem(t *testing.T) { // W5, A31
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		must(t, db.CreateTenant(ctx, "other"))
		e := says("anna@example.com", "analytics", true)
		e.Address, e.Agent = subject.Conceal("192.0.2.17"), subject.Conceal("Mozilla/5.0 (X11; Linux x86_64)")
		o := give(t, db, e)[0]
		phone, err := subject.New(subject.Phone, "+49 30 1234567")
		must(t, err)
		more := says("anna@example.com", "research", true)
		more.Identities = append(more.Identities, phone)
		give(t, db, more)

		known, err := db.Consents().KnownBy(ctx, tenant, o.Subject)
		must(t, err)
		var said []string
		for _, i := range known {
			said = append(said, string(i.Type)+" "+i.Value.Reveal())
		}
		if want := []string{"email anna@example.com", "phone_number +49301234567"}; !slices.Equal(said, want) {
			t.Errorf("known by %v", said)
		}
		records := look(t, db, consent.Query{Limit: 2}).Records
		if trace, err := db.Consents().Trace(ctx, tenant, records[1]); err != nil || trace != (consent.Trace{Network: "192.0.2.0/24", Agent: "desktop"}) {
			t.Errorf("it came from %+v: %v", trace, err)
		}
		if trace, err := db.Consents().Trace(ctx, tenant, records[0]); err != nil || trace != (consent.Trace{}) {
			t.Errorf("it came from %+v: %v", trace, err)
		}
		if _, err := db.Consents().KnownBy(ctx, "other", o.Subject); !errors.Is(err, consent.ErrNotFound) {
			t.Errorf("another tenant is told: %v", err)
		}

		must(t, db.Consents().EraseSubject(ctx, tenant, o.Subject, entry("subject.erase")))
		if _, err := db.Consents().KnownBy(ctx, tenant, o.Subject); !errors.Is(err, consent.ErrErased) {
			t.Errorf("erased: %v", err)
		}
		if trace, err := db.Consents().Trace(ctx, tenant, records[1]); err != nil || trace != (consent.Trace{}) {
			t.Errorf("erased, and it came from %+v: %v", trace, err)
		}
	})
}
