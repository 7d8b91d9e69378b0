package store_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"volenti.dev/volenti/audit"
	"volenti.dev/volenti/consent"
	"volenti.dev/volenti/consent/site"
	"volenti.dev/volenti/internal/store"
	"volenti.dev/volenti/internal/store/storetest"
	"volenti.dev/volenti/webhook"
)

func TestActsInBannersAreEventsAmongThoseOfConsents(t *testing.T) { // B35
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		log(t, db, tenant, act{site.ActGiven, "a", site.Record{Site: shopSite, Version: 3, ConsentString: canary}})
		give(t, db, says("anna@example.com", "analytics", true))
		log(t, db, tenant,
			act{site.ActUpdated, "a", site.Record{Site: shopSite, Version: 4}}, act{site.ActWithdrawn, "a", site.Record{Site: shopSite, Version: 4}},
			act{site.ActGiven, "b", site.Record{Site: blog, Version: 1}}, act{site.ActErased, "a", site.Record{Site: shopSite, Version: 4}}, act{site.ActExpired, "b", site.Record{Site: blog, Version: 1}},
			act{"banner.link", "b", site.Record{Site: blog, Version: 1}})
		events := follow(t, db, tenant, 0, 100)
		var got []string
		ids := map[string]bool{}
		for _, e := range events {
			ids[e.ID] = true
			record, err := db.Audit().Records(ctx, tenant, e.Sequence, 1)
			must(t, err)
			if e.Type == webhook.ConsentGranted {
				got = append(got, string(e.Type))
				continue
			}
			got = append(got, fmt.Sprint(e.Type, " ", e.Data.Site, " ", e.Data.Consent, " ", e.Data.Version))
			if !cmp.Equal(e.Data, webhook.Data{Site: e.Data.Site, Consent: e.Data.Consent, Version: e.Data.Version}) || !e.Timestamp.Equal(record[0].At) || string(e.Type) != record[0].Act {
				t.Errorf("event %+v of %+v", e, record[0].Leaf)
			}
		}
		want := []string{
			"banner.given " + shopSite + " a 3", "consent.granted", "banner.updated " + shopSite + " a 4", "banner.withdrawn " + shopSite + " a 4",
			"banner.given " + blog + " b 1", "banner.expired " + blog + " b 1",
		}
		if d := cmp.Diff(want, got); d != "" || len(ids) != len(want) {
			t.Errorf("%d ids, %s", len(ids), d)
		}
		db.Reopen(t)
		for limit := 1; limit <= 4; limit++ {
			if d := cmp.Diff(events, follow(t, db, tenant, 0, limit)); d != "" {
				t.Errorf("%d at a time: %s", limit, d)
			}
		}
		must(t, db.Audit().EraseDetails(ctx, tenant, events[0].Sequence, audit.Entry{Act: "audit.erase", Object: "audit/1"}))
		if after := follow(t, db, tenant, 0, 100); len(after) != len(events) || after[0].ID != events[0].ID || !cmp.Equal(after[0].Data, webhook.Data{Consent: "a"}) {
			t.Errorf("without its details: %+v", after)
		}
	})
}

// What waits at an endpoint comes back as it was.
func TestAnEventOfABannerThatWaitsIsReadAgain(t *testing.T) { // B35
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		e, _ := hook(t, db, tenant, "http://one.example/")
		log(t, db, tenant, act{site.ActGiven, "a", site.Record{Site: shopSite, Version: 3}})
		events := follow(t, db, tenant, 0, 10)
		l, _, _ := claimed(t, db, e.ID, owner)
		must(t, db.Webhooks().Report(ctx, l, ttl, webhook.Report{Cursor: events[0].Sequence, Waits: []webhook.Waiting{{Event: events[0], Tried: 2}}}))
		if _, _, waiting := claimed(t, db, e.ID, owner); len(waiting) != 1 || waiting[0].Tried != 2 || !cmp.Equal(waiting[0].Event, events[0]) {
			t.Errorf("%+v", waiting)
		}
	})
}

func TestActsInBannersAreFoundByTheirIndex(t *testing.T) { // A11
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		var all []consent.Entry
		for i := range 500 {
			all = append(all, says(fmt.Sprintf("p%d@example.com", i), "analytics", true))
		}
		give(t, db, all...)
		for range 400 {
			must(t, db.Audit().Append(ctx, tenant, entry("request.mask")))
		}
		log(t, db, tenant, act{site.ActGiven, "a", site.Record{Site: shopSite}})
		if !db.Embedded() {
			_, err := db.Raw(t).ExecContext(ctx, `ANALYZE audit_leaves`)
			must(t, err)
		}
		for query, args := range map[string][]any{store.EventRows: {tenant, int64(0), 100}, store.ToCount: {tenant, int64(0), 100}, store.LastOf: {tenant, site.Object("a"), int64(1000)}} {
			index := "audit_leaves_of_banners_by_seq"
			if query == store.LastOf && db.Embedded() { // PostgreSQL would not take the trouble for one record
				index = "audit_leaves_of_banners "
			}
			plan, err := db.Plan(ctx, query, args...)
			must(t, err)
			if !strings.Contains(plan, index) {
				t.Errorf("the plan is\n%s", plan)
			}
		}
	})
}
