package store_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"volenti.dev/volenti/consent"
	"volenti.dev/volenti/internal/store/storetest"
	"volenti.dev/volenti/webhook"
)

// follow reads all events behind a sequence, some at a time.
func follow(t testing.TB, db *storetest.Database, tenant string, after int64, limit int) (all []webhook.Event) {
	t.Helper()
	for {
		page, err := db.Events().After(ctx, tenant, after, limit)
		must(t, err)
		if len(page) == 0 {
			return all
		}
		if len(page) > limit {
			t.Fatalf("%d events, %d were asked for", len(page), limit)
		}
		all = append(all, page...)
		after = page[len(page)-1].Sequence
	}
}

func TestEveryRecordAndMaterialVersionIsAnEventInItsPlace(t *testing.T) { // A9, A10, A11
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		publish(t, db, version("1", false))
		yes := give(t, db, says("anna@example.com", "analytics", true))[0]
		no := give(t, db, says("ben@example.com", "analytics", false))[0]
		publish(t, db, version("2", true, "analytics", "research"))
		publish(t, db, version("2", true, "analytics", "research")) // changes nothing
		ended := give(t, db, says("anna@example.com", "analytics", false))[0]
		publish(t, db, version("3", true))
		if _, err := db.Consents().Append(ctx, tenant, "", []consent.Entry{says("anna@example.com", "research", true), says("anna@example.com", "nonsense", true)}); err == nil {
			t.Fatal("a purpose that there is not was taken")
		}
		var all []string
		for _, p := range consent.DefaultPurposes() {
			all = append(all, p.Key)
		}
		about := func(o consent.Outcome) webhook.Data {
			return webhook.Data{Subject: o.Subject.String(), Purpose: "analytics", Record: o.Record}
		}
		want := []webhook.Event{
			{Type: webhook.ConsentGranted, Sequence: yes.Sequence, ID: yes.Record, Data: about(yes)},
			{Type: webhook.ConsentRefused, Sequence: no.Sequence, ID: no.Record, Data: about(no)},
			{Type: webhook.ReconsentRequired, Sequence: no.Sequence + 1, Data: webhook.Data{Notice: "2", Purposes: []string{"analytics", "research"}}},
			{Type: webhook.ConsentWithdrawn, Sequence: ended.Sequence, ID: ended.Record, Data: about(ended)},
			{Type: webhook.ReconsentRequired, Sequence: ended.Sequence + 1, Data: webhook.Data{Notice: "3", Purposes: all}},
		}
		got := follow(t, db, tenant, 0, 100)
		for i, e := range got {
			record, err := db.Audit().Records(ctx, tenant, e.Sequence, 1)
			must(t, err)
			if !e.Timestamp.Equal(record[0].At) || e.ID == "" {
				t.Errorf("event %d: id %q at %v, its leaf at %v", i, e.ID, e.Timestamp, record[0].At)
			}
			got[i].Timestamp = want[0].Timestamp
			if e.Type == webhook.ReconsentRequired {
				got[i].ID = ""
			}
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Error(d)
		}
		for limit := 1; limit <= 5; limit++ {
			if n := len(follow(t, db, tenant, 0, limit)); n != len(want) {
				t.Errorf("%d at a time: %d events", limit, n)
			}
		}
		text, err := json.Marshal(follow(t, db, tenant, 0, 100))
		must(t, err)
		for _, personal := range []string{"example.com", "canary"} { // promise 8
			if strings.Contains(string(text), personal) {
				t.Errorf("an event names somebody: %s", text)
			}
		}
		must(t, db.CreateTenant(ctx, "other"))
		if others := follow(t, db, "other", 0, 10); len(others) != 0 { // SE14
			t.Errorf("another tenant sees %v", others)
		}
	})
}

func TestEventsAreAsStableAsTheirRecords(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		give(t, db, says("anna@example.com", "analytics", true))
		publish(t, db, version("1", true))
		before := follow(t, db, tenant, 0, 10)
		db.Reopen(t)
		if d := cmp.Diff(before, follow(t, db, tenant, 0, 10)); d != "" || len(before) != 2 {
			t.Error(d)
		}
	})
}

// Who follows while many write gets every event once and in order, and is
// woken for each without asking again and again.
func TestFollowerMissesNothingWhileManyWrite(t *testing.T) { // A11, A32
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		const writers, each = 8, 25
		var all sync.WaitGroup
		for w := range writers {
			all.Go(func() {
				for i := range each {
					if _, err := db.Consents().Append(ctx, tenant, "", []consent.Entry{says(fmt.Sprintf("p%d@example.com", w), "analytics", i%2 == 0)}); err != nil {
						t.Error(err)
					}
					if i == each/2 && w == 0 {
						if err := db.Consents().Publish(ctx, tenant, version("1", true), entry("notice.publish")); err != nil {
							t.Error(err)
						}
					}
				}
			})
		}
		var got []webhook.Event
		for after := int64(0); len(got) < writers*each+1; {
			changed := db.Events().Changed(tenant)
			page, err := db.Events().After(ctx, tenant, after, 7)
			must(t, err)
			if len(page) == 0 {
				<-changed
				continue
			}
			got, after = append(got, page...), page[len(page)-1].Sequence
		}
		all.Wait()
		if d := cmp.Diff(follow(t, db, tenant, 0, 1000), got); d != "" {
			t.Error(d)
		}
	})
}
