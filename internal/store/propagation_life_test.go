package store_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"volenti.dev/volenti/connector"
	"volenti.dev/volenti/consent"
	"volenti.dev/volenti/consent/propagate"
	"volenti.dev/volenti/internal/store/storetest"
	"volenti.dev/volenti/subject"
)

// row is the delivery of a change to a connection.
func row(t testing.TB, db *storetest.Database, record, connection string) propagate.Delivery {
	t.Helper()
	view, err := db.Propagation().Change(ctx, tenant, record)
	must(t, err)
	i := slices.IndexFunc(view.Rows, func(d propagate.Delivery) bool { return d.Connection == connection })
	if i < 0 {
		t.Fatalf("there is no delivery to %s: %+v", connection, view.Rows)
	}
	return view.Rows[i]
}

func ref(d propagate.Delivery) propagate.Ref {
	return propagate.Ref{Sequence: d.Sequence, Attempt: d.Attempt}
}

func TestIdentitiesLinkedToThePersonAreSentWithWhereTheyCameFrom(t *testing.T) { // P9
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		target := to("a", func(t *propagate.Target) { t.Identities = []subject.Type{subject.ExternalID, subject.Email} })
		world(t, db, target)
		first := give(t, db, says("anna@example.com", "analytics", true))[0]
		link := says("anna@example.com", "ads", true)
		link.Identities = append(link.Identities,
			subject.Identity{Type: subject.ExternalID, Value: subject.Conceal("c-1")},
			subject.Identity{Type: subject.Phone, Value: subject.Conceal("+491")})
		second := give(t, db, link)[0]
		third := give(t, db, says("anna@example.com", "news", true))[0] // says the address only
		planAll(t, db, target)
		l := lane(t, db, "a")
		begun := begin(t, db, l, target, ref(row(t, db, third.Record, "a")))
		if len(begun) != 1 {
			t.Fatal("nothing was begun")
		}
		var got []string
		for _, i := range begun[0].Preference.Identities {
			got = append(got, string(i.Type)+" "+i.Value.Reveal())
		}
		if diff := cmp.Diff([]string{"external_id c-1", "email anna@example.com"}, got); diff != "" {
			t.Error(diff)
		}
		want := []propagate.Sent{{Type: subject.ExternalID, Linked: second.Sequence}, {Type: subject.Email, Linked: first.Sequence}}
		if diff := cmp.Diff(want, row(t, db, third.Record, "a").Sent); diff != "" {
			t.Error(diff)
		}
		if p := begun[0].Preference; p.Subject != first.Subject.String() || p.Purpose != "news" || !slices.Equal(p.Items, []string{"news"}) || !p.Since.Equal(third.At) {
			t.Errorf("preference %+v", p)
		}
	})
}

func TestWhatASystemAnsweredIsKeptWithTheAttempt(t *testing.T) { // P5
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		target := to("a", func(t *propagate.Target) { t.Items = map[string][]string{"news": {"list_1", "list_2"}} })
		world(t, db, target)
		anna := give(t, db, says("anna@example.com", "news", true))[0]
		planAll(t, db, target)
		l := lane(t, db, "a")
		begun := begin(t, db, l, target, refs(next(t, db, l))...)[0]
		s := became(begun, propagate.Partial)
		s.Reason, s.Message = propagate.Refused, "one of two\x00"
		s.Calls = []connector.Call{{Name: "list_1", Outcome: connector.Arrived}, {Name: "list_2", Outcome: connector.Rejected, Reason: "no such list"}}
		must(t, db.Propagation().Settle(ctx, l, []propagate.Settlement{s}))
		got := row(t, db, anna.Record, "a")
		if diff := cmp.Diff(s.Calls, got.Calls); diff != "" || got.Status != propagate.Partial || got.Reason != propagate.Refused {
			t.Errorf("delivery %+v: %s", got, diff)
		}
		all, err := db.Propagation().Attempts(ctx, tenant, anna.Record, "a")
		must(t, err)
		if len(all) != 1 || all[0].Took != s.Took || all[0].Message != "one of two\ufffd" || len(all[0].Calls) != 2 || all[0].Status != propagate.Partial {
			t.Errorf("attempts %+v", all)
		}
		if !slices.Equal(begun.Preference.Items, []string{"list_1", "list_2"}) {
			t.Errorf("items %v", begun.Preference.Items)
		}
	})
}

func TestWhatIsUnderWayHoldsBackTheSamePersonAndPurpose(t *testing.T) { // P3
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		target := to("a")
		world(t, db, target)
		grant := give(t, db, says("anna@example.com", "news", true))[0]
		planAll(t, db, target)
		l := lane(t, db, "a")
		begun := begin(t, db, l, target, refs(next(t, db, l))...)
		withdrawal := give(t, db, says("anna@example.com", "news", false))[0]
		other := give(t, db, says("anna@example.com", "ads", true))[0]
		planAll(t, db, target)
		busy := propagate.Ref{Sequence: begun[0].Sequence, Attempt: begun[0].Attempt}
		if due := next(t, db, l, busy); len(due) != 1 || due[0].Record != other.Record {
			t.Errorf("due %+v", due)
		}
		must(t, db.Propagation().Settle(ctx, l, []propagate.Settlement{became(begun[0], propagate.Pending)}))
		if due := next(t, db, l); len(due) != 2 || due[0].Record != withdrawal.Record {
			t.Errorf("due %+v", due)
		}
		// It waits again, and a newer one stands: it must not be sent any more.
		if again := begin(t, db, l, target, ref(row(t, db, grant.Record, "a"))); len(again) != 0 {
			t.Errorf("begun %+v", again)
		}
		if got := row(t, db, grant.Record, "a"); got.Status != propagate.Superseded {
			t.Errorf("it is %s", got.Status)
		}
	})
}

func TestATargetThatChangedIsJudgedAgain(t *testing.T) { // P4
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		target := to("a")
		world(t, db, target)
		anna := give(t, db, says("anna@example.com", "news", true))[0]
		planAll(t, db, target)
		l := lane(t, db, "a")
		off := target
		off.Off = true
		if begun := begin(t, db, l, off, refs(next(t, db, l))...); len(begun) != 0 {
			t.Errorf("begun %+v", begun)
		}
		if got := row(t, db, anna.Record, "a"); got.Status != propagate.Skipped || got.Reason != propagate.ActionDisabled {
			t.Errorf("delivery %+v", got)
		}
		_, err := db.Propagation().Retry(ctx, tenant, "a", "olga", []propagate.Ref{ref(row(t, db, anna.Record, "a"))})
		must(t, err)
		if begun := begin(t, db, l, target, refs(next(t, db, l))...); len(begun) != 1 {
			t.Errorf("begun %+v", begun)
		}
	})
}

func TestNothingIsRetriedAgainstANewerChoice(t *testing.T) { // P2, P3, P10
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		target := to("a", func(t *propagate.Target) { t.Disabled = true })
		world(t, db, target)
		old := give(t, db, says("anna@example.com", "news", true))[0]
		gone := give(t, db, says("bert@example.com", "news", true))[0]
		planAll(t, db, target)
		refused := []propagate.Ref{ref(row(t, db, old.Record, "a")), ref(row(t, db, gone.Record, "a"))}
		give(t, db, says("anna@example.com", "news", false))
		must(t, db.Consents().EraseSubject(ctx, tenant, gone.Subject, entry("subject.erase")))
		if _, err := db.Propagation().Retry(ctx, tenant, "a", "olga", refused); !errors.Is(err, propagate.ErrStale) {
			t.Errorf("retried: %v", err)
		}
		if _, err := db.Propagation().Retry(ctx, tenant, "nobody", "olga", refused); !errors.Is(err, propagate.ErrNotFound) {
			t.Errorf("retried: %v", err)
		}
		for _, o := range []consent.Outcome{old, gone} {
			if got := row(t, db, o.Record, "a"); got.Status != propagate.Skipped || got.Reason != propagate.Disabled {
				t.Errorf("delivery %+v", got)
			}
		}
	})
}

func TestAScheduledConnectionGetsWhatWaitsTogether(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		target := to("a", func(t *propagate.Target) { t.Schedule = propagate.Schedule{Every: time.Hour} })
		world(t, db, target)
		anna := give(t, db, says("anna@example.com", "news", true))[0]
		planAll(t, db, target)
		due, later, err := db.Propagation().Next(ctx, lane(t, db, "a"), nil, 10)
		must(t, err)
		if want := target.Schedule.Next(anna.At); len(due) != 0 || !later.Equal(want) || !row(t, db, anna.Record, "a").Due.Equal(want) {
			t.Errorf("due %v, then at %v and not at %v", due, later, want)
		}
	})
}

// A letter that holds both a refusal and a grant is sent again as one, also when the
// clock passes their time while the store reads what is due; and nothing that becomes
// due just then is overlooked.
func TestWhatIsDueAtOneTimeIsFoundTogether(t *testing.T) { // P7
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		target := to("a")
		world(t, db, target)
		give(t, db, says("anna@example.com", "news", true), says("ben@example.com", "news", false))
		planAll(t, db, target)
		l := lane(t, db, "a")
		for range 60 {
			var all []propagate.Settlement
			due := time.Now().Add(3 * time.Millisecond)
			for _, b := range begin(t, db, l, target, refs(next(t, db, l))...) {
				s := became(b, propagate.Pending)
				s.Due = due
				all = append(all, s)
			}
			must(t, db.Propagation().Settle(ctx, l, all))
			for {
				found, later, err := db.Propagation().Next(ctx, l, nil, 10)
				must(t, err)
				if len(found) == 2 {
					break
				}
				if len(found) == 1 || later.IsZero() {
					t.Fatalf("%d of 2 are due, and then at %v", len(found), later)
				}
			}
		}
	})
}

func TestAPermissionTableIsSettledUpToARecord(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		target := to("a", func(t *propagate.Target) { t.Table = true })
		world(t, db, target)
		var all []consent.Outcome
		for i := range 4 {
			all = append(all, give(t, db, says(fmt.Sprintf("p%d@example.com", i), "news", true))[0])
		}
		planAll(t, db, target)
		must(t, db.Consents().EraseSubject(ctx, tenant, all[1].Subject, entry("subject.erase")))
		must(t, db.Propagation().SettleTable(ctx, tenant, target, all[2].Sequence))
		for i, want := range []string{"complete ", "skipped erased", "complete ", "pending "} {
			if got := row(t, db, all[i].Record, "a"); fmt.Sprintf("%s %s", got.Status, got.Reason) != want {
				t.Errorf("delivery %d: %+v", i, got)
			}
		}
		if got := acts(t, db, "delivery/"+all[2].Record+"/a"); !slices.Equal(got, []string{"delivery.complete"}) {
			t.Errorf("acts %v", got)
		}
	})
}

func TestWhatWasSeenTooEarlyChangesNothing(t *testing.T) { // P1
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		carried, table := to("a"), to("b", func(t *propagate.Target) { t.Table = true })
		off := to("a", func(t *propagate.Target) { t.Off = true })
		world(t, db, carried, table)
		anna := give(t, db, says("anna@example.com", "news", true))[0]
		planAll(t, db, carried, table)
		l, p, early := lane(t, db, "a"), db.Propagation(), propagate.Ref{Sequence: anna.Sequence}
		settle := func(s propagate.Status) {
			t.Helper()
			must(t, p.Settle(ctx, l, []propagate.Settlement{became(begin(t, db, l, carried, ref(row(t, db, anna.Record, "a")))[0], s)}))
		}
		stands := func(want propagate.Status, attempt int) {
			t.Helper()
			d := row(t, db, anna.Record, "a")
			if got := acts(t, db, d.Object()); d.Status != want || d.Attempt != attempt || len(got) != 2*attempt {
				t.Errorf("%s after attempt %d, with the acts %v", d.Status, d.Attempt, got)
			}
		}
		settle(propagate.Pending)
		begin(t, db, l, off, early) // it would be skipped
		stands(propagate.Pending, 1)
		settle(propagate.Failed)
		if n, err := p.Retry(ctx, tenant, "a", "operator", []propagate.Ref{early}); !errors.Is(err, propagate.ErrStale) {
			t.Errorf("retried %d: %v", n, err)
		}
		stands(propagate.Failed, 2)
		must(t, p.SettleTableLate(ctx, tenant, table, func() { must(t, p.SettleTable(ctx, tenant, table, anna.Sequence)) }))
		if got := acts(t, db, "delivery/"+anna.Record+"/b"); !slices.Equal(got, []string{"delivery.complete"}) {
			t.Errorf("acts %v", got)
		}
	})
}

func TestDamageToOnePersonHoldsBackNobodyElse(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		var troubles []string
		db.Config.Trouble = func(err error) { troubles = append(troubles, err.Error()) }
		db.Reopen(t)
		carried, table := to("a"), to("b", func(t *propagate.Target) { t.Table = true })
		world(t, db, carried, table)
		var all []consent.Outcome
		for _, name := range []string{"anna@example.com", "bert@example.com", "carl@example.com"} {
			all = append(all, give(t, db, says(name, "news", true))[0])
		}
		planAll(t, db, carried, table)
		key, identity := all[0].Subject.String(), all[1].Subject.String()
		must(t, db.Statement(ctx, `UPDATE keys SET wrapped = (SELECT k.wrapped FROM keys k WHERE k.owner = 'subject/`+identity+`') WHERE owner = 'subject/`+key+`'`))
		must(t, db.Statement(ctx, `UPDATE subject_identities SET sealed = (SELECT i.sealed FROM subject_identities i WHERE i.subject = '`+key+`') WHERE subject = '`+identity+`'`))
		l := lane(t, db, "a")
		begun := begin(t, db, l, carried, refs(next(t, db, l))...)
		if len(begun) != 1 || begun[0].Record != all[2].Record {
			t.Fatalf("begun %+v", begun)
		}
		must(t, db.Propagation().SettleTable(ctx, tenant, table, all[2].Sequence))
		for i, want := range []string{"error unreadable, error unreadable", "error unreadable, error unreadable", "sending , complete "} {
			a, b := row(t, db, all[i].Record, "a"), row(t, db, all[i].Record, "b")
			if got := fmt.Sprintf("%s %s, %s %s", a.Status, a.Reason, b.Status, b.Reason); got != want {
				t.Errorf("delivery %d: %s", i, got)
			}
		}
		if got := acts(t, db, "delivery/"+all[0].Record+"/a"); !slices.Equal(got, []string{"delivery.error"}) {
			t.Errorf("acts %v", got)
		}
		people, err := db.Permissions().People(ctx, tenant, []consent.SubjectID{all[0].Subject, all[1].Subject, all[2].Subject}, carried.Identities)
		must(t, err)
		if len(people[0].Identities) != 0 || len(people[1].Identities) != 0 || len(people[2].Identities) != 1 {
			t.Errorf("in the table %+v", people)
		}
		if len(troubles) != 6 { // two people: a lane, a table's deliveries, its rows
			t.Errorf("troubles %q", troubles)
		}
		for i, said := range troubles {
			if !strings.Contains(said, fmt.Sprintf("record %d ", all[i%2].Sequence)) && !strings.Contains(said, fmt.Sprintf("record %d ", all[1-i%2].Sequence)) ||
				strings.Contains(said, key) || strings.Contains(said, identity) {
				t.Errorf("the log says %q", said)
			}
		}
		if n, err := db.Propagation().Retry(ctx, tenant, "a", "operator", []propagate.Ref{{Sequence: all[0].Sequence}}); err != nil || n != 1 {
			t.Errorf("retried %d: %v", n, err)
		}
	})
}

func TestAConnectionThatIsGoneLeavesNothingWaiting(t *testing.T) { // P4
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		a, b := to("a"), to("b")
		world(t, db, a, b)
		var all []consent.Outcome
		for i := range 5 {
			all = append(all, give(t, db, says(fmt.Sprintf("p%d@example.com", i), "news", true))[0])
		}
		planAll(t, db, a, b)
		l := lane(t, db, "a")
		begin(t, db, l, a, ref(row(t, db, all[0].Record, "a")))
		if states, err := db.Propagation().Lanes(ctx, tenant); err != nil || !states[0].Oldest.Equal(all[0].At) || !states[1].Oldest.Equal(all[0].At) {
			t.Errorf("what is being sent, and waits, is the oldest: %+v, %v", states, err)
		}
		for range 4 { // some at a time
			_, err := db.Propagation().Plan(ctx, tenant, []propagate.Target{b}, 2)
			must(t, err)
		}
		for i, o := range all {
			want := "skipped connection_removed"
			if i == 0 {
				want = "sending "
			}
			if got := row(t, db, o.Record, "a"); fmt.Sprintf("%s %s", got.Status, got.Reason) != want {
				t.Errorf("delivery %d: %+v", i, got)
			}
		}
		must(t, db.Propagation().Release(ctx, l, propagate.Weather{}))
		planAll(t, db, b)
		if got := row(t, db, all[0].Record, "a"); got.Status != propagate.Failed || got.Reason != propagate.Removed {
			t.Errorf("what was being sent: %+v", got)
		}
		states, err := db.Propagation().Lanes(ctx, tenant)
		must(t, err)
		if len(states) != 1 || states[0].Connection != "b" || states[0].Counts[propagate.Pending] != 5 || !states[0].Oldest.Equal(all[0].At) {
			t.Errorf("lanes %+v", states)
		}
		planAll(t, db, a, b) // it is back, and begins anew
		late := give(t, db, says("late@example.com", "news", true))[0]
		planAll(t, db, a, b)
		if due := next(t, db, lane(t, db, "a")); len(due) != 1 || due[0].Record != late.Record {
			t.Errorf("due %+v", due)
		}
		since, err := db.Propagation().Since(ctx, tenant)
		must(t, err)
		last := all[len(all)-1].Sequence
		if len(since) != 2 || since["a"] <= last || since["a"] > late.Sequence || since["b"] > all[0].Sequence {
			t.Errorf("sent to since %v: the choices were %d to %d, and the late one %d", since, all[0].Sequence, last, late.Sequence)
		}
	})
}

func TestDeliveriesAreListedInPagesOfWholeChanges(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		targets := []propagate.Target{to("a"), to("b"), to("c", func(t *propagate.Target) { t.Disabled, t.System = true, "shop" })}
		world(t, db, targets...)
		var all []consent.Outcome
		for i := range 5 {
			all = append(all, give(t, db, says(fmt.Sprintf("p%d@example.com", i), "news", true), says(fmt.Sprintf("p%d@example.com", i), "analytics", true))...)
		}
		planAll(t, db, targets...)
		list := func(f propagate.Filter) (names []string) {
			for f.Limit = 2; ; {
				page, err := db.Propagation().List(ctx, tenant, f)
				must(t, err)
				if len(page) == 0 {
					return names
				}
				for _, d := range page {
					i := slices.IndexFunc(all, func(o consent.Outcome) bool { return o.Record == d.Record })
					names = append(names, fmt.Sprintf("%d%s", i, d.Connection))
					f.Before = d.Sequence
				}
			}
		}
		if got := list(propagate.Filter{}); len(got) != 30 || !slices.Equal(got[:6], []string{"9a", "9b", "9c", "8a", "8b", "8c"}) {
			t.Errorf("all: %v", got)
		}
		for want, f := range map[string]propagate.Filter{
			"[8a 6a 4a 2a 0a]":                {Connection: "a", Purpose: "news"},
			"[3a 3b 3c 2a 2b 2c]":             {Subject: all[2].Subject.String()},
			"[1a 1b 1c]":                      {Record: all[1].Record},
			"[9c 8c 7c 6c 5c 4c 3c 2c 1c 0c]": {System: "shop"},
			"[8b 6b 4b 2b 0b]":                {Connection: "b", Statuses: []propagate.Status{propagate.Pending, propagate.Sending}},
			"[9a 9b 7a 7b 5a 5b 3a 3b 1a 1b]": {System: "crm", Statuses: []propagate.Status{propagate.Skipped}},
			"[]":                              {Connection: "nobody"},
		} {
			if got := fmt.Sprint(list(f)); got != want {
				t.Errorf("%+v: %s, and not %s", f, got, want)
			}
		}
	})
}

func TestTheLatestChoiceIsFoundWithItsDeliveries(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		target := to("a")
		world(t, db, target)
		anna := give(t, db, says("anna@example.com", "news", true))[0]
		planAll(t, db, target)
		change, rows, err := db.Propagation().Latest(ctx, tenant, anna.Subject, "news")
		must(t, err)
		if change.Record != anna.Record || !change.At.Equal(anna.At) || len(rows) != 1 || rows[0].Connection != "a" {
			t.Errorf("change %+v, %+v", change, rows)
		}
		late := give(t, db, says("anna@example.com", "news", false))[0]
		if change, rows, err = db.Propagation().Latest(ctx, tenant, anna.Subject, "news"); err != nil || change.Record != late.Record || !change.OptOut() || len(rows) != 0 {
			t.Errorf("change %+v, %+v: %v", change, rows, err)
		}
		if _, _, err := db.Propagation().Latest(ctx, tenant, anna.Subject, "ads"); !errors.Is(err, consent.ErrNotFound) {
			t.Errorf("nothing was chosen: %v", err)
		}
	})
}

// What another tenant has looks like what does not exist.
func TestDeliveriesOfAnotherTenantAreNotThere(t *testing.T) { // SE14
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		const other = "other"
		must(t, db.CreateTenant(ctx, other))
		target := to("a")
		world(t, db, target)
		anna := give(t, db, says("anna@example.com", "news", true))[0]
		planAll(t, db, target)
		p, l := db.Propagation(), lane(t, db, "a")
		foreign := l
		foreign.Tenant = other
		if _, err := p.Change(ctx, other, anna.Record); !errors.Is(err, propagate.ErrNotFound) {
			t.Errorf("change: %v", err)
		}
		if _, err := p.Begin(ctx, foreign, target, []propagate.Ref{{Sequence: anna.Sequence}}); !errors.Is(err, propagate.ErrFenced) {
			t.Errorf("begin: %v", err)
		}
		if _, err := p.Retry(ctx, other, "a", "olga", []propagate.Ref{{Sequence: anna.Sequence}}); !errors.Is(err, propagate.ErrNotFound) {
			t.Errorf("retry: %v", err)
		}
		if _, _, err := p.Latest(ctx, other, anna.Subject, "news"); !errors.Is(err, consent.ErrNotFound) {
			t.Errorf("latest: %v", err)
		}
		must(t, p.SettleTable(ctx, other, target, anna.Sequence))
		lanes, err := p.Vacant(ctx, other, owner)
		must(t, err)
		list, err := p.List(ctx, other, propagate.Filter{Limit: 10})
		must(t, err)
		states, err := p.Lanes(ctx, other)
		must(t, err)
		attempts, err := p.Attempts(ctx, other, anna.Record, "a")
		must(t, err)
		due, _, err := p.Next(ctx, foreign, nil, 10)
		must(t, err)
		if n := len(lanes) + len(list) + len(states) + len(attempts) + len(due); n != 0 {
			t.Errorf("%d things of another tenant", n)
		}
		if got := row(t, db, anna.Record, "a"); got.Status != propagate.Pending {
			t.Errorf("delivery %+v", got)
		}
	})
}
