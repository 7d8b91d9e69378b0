package store_test

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"volenti.dev/volenti/audit"
	"volenti.dev/volenti/consent"
	"volenti.dev/volenti/internal/store"
	"volenti.dev/volenti/internal/store/storetest"
	"volenti.dev/volenti/request"
	"volenti.dev/volenti/webhook"
)

// vouched stores a request of an author, by an act of its own.
func vouched(t testing.TB, db *storetest.Database, of, author string) (id string, log func(act string) audit.Entry) {
	t.Helper()
	id = uuid.Must(uuid.NewV7()).String()
	log = func(act string) audit.Entry {
		return audit.Entry{Act: act, Object: "request/" + id, Details: map[string]any{"by": canary}}
	}
	r := request.Request{ID: id, Tenant: of, Policy: "erase", Status: request.AwaitingApproval, PlanHash: "h", Plan: []byte(`{"nodes":[]}`), Author: author}
	must(t, db.Requests().Create(ctx, r, person(canary), log("request.vouch")))
	return id, log
}

func TestActsOnRequestsAreEventsAmongThoseOfConsents(t *testing.T) { // X21
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		s := db.Requests()
		id, log := vouched(t, db, tenant, "apikey/a")
		give(t, db, says("anna@example.com", "analytics", true))
		must(t, s.Apply(ctx, tenant, id, request.Approve, log("request.approve")))
		l, _, err := s.Claim(ctx, tenant, id, owner, ttl, true, log("request.start"))
		must(t, err)
		must(t, s.Move(ctx, l, request.Turn{Event: request.Fail}, log("request.fail")))
		must(t, s.Finalise(ctx, tenant, id, "enough", log("request.finalise")))

		complete := func(e request.Event) string {
			id, log := vouched(t, db, tenant, "apikey/a")
			must(t, s.Apply(ctx, tenant, id, request.Approve, log("request.approve")))
			l, _, err := s.Claim(ctx, tenant, id, owner, ttl, true, log("request.start"))
			must(t, err)
			for _, act := range []string{"request.submit", "request.verify", "request.overdue", "task.wait"} {
				must(t, db.Work().Audit(ctx, l, log(act)))
			}
			must(t, s.Move(ctx, l, request.Turn{Event: e}, log("request.complete")))
			return id
		}
		whole, residue := complete(request.Finish), complete(request.Leave)
		denied, log := vouched(t, db, tenant, "apikey/a")
		must(t, s.Decide(ctx, tenant, denied, request.Turn{Event: request.Deny, Message: "no"}, log("request.deny")))
		_, _ = vouched(t, db, tenant, "") // the command line's

		var got []string
		events := follow(t, db, tenant, 0, 100)
		for i, e := range events {
			if strings.HasPrefix(string(e.Type), "consent.") {
				got = append(got, string(e.Type))
				continue
			}
			got = append(got, fmt.Sprint(e.Type, " ", e.Data.Request, " ", e.Data.Status))
			record, err := db.Audit().Records(ctx, tenant, e.Sequence, 1)
			must(t, err)
			if !cmp.Equal(e.Data, webhook.Data{Request: e.Data.Request, Policy: "erase", Status: e.Data.Status}) || !e.Timestamp.Equal(record[0].At) || record[0].Object != "request/"+e.Data.Request {
				t.Errorf("event %d: %+v of %+v", i, e, record[0].Leaf)
			}
		}
		want := []string{"request.received " + id + " awaiting_approval", "consent.granted", "request.approved " + id + " approved", "request.failed " + id + " error", "request.completed " + id + " complete_with_residue"}
		for _, c := range []struct{ id, end string }{{whole, "complete"}, {residue, "complete_with_residue"}} {
			want = append(want, "request.received "+c.id+" awaiting_approval", "request.approved "+c.id+" approved",
				"request.received "+c.id+" identity_unverified", "request.verified "+c.id+" awaiting_approval", "request.overdue "+c.id+" ", "task.waiting "+c.id+" requires_input", "request.completed "+c.id+" "+c.end)
		}
		want = append(want, "request.received "+denied+" awaiting_approval", "request.denied "+denied+" denied")
		if d := cmp.Diff(want, got); d != "" {
			t.Error(d)
		}
		ids := map[string]bool{}
		for _, e := range events {
			ids[e.ID] = true
		}
		if len(ids) != len(events) {
			t.Errorf("%d events have %d ids", len(events), len(ids))
		}
		for limit := 1; limit <= 7; limit++ {
			if d := cmp.Diff(events, follow(t, db, tenant, 0, limit)); d != "" {
				t.Errorf("%d at a time: %s", limit, d)
			}
		}
		db.Reopen(t)
		if d := cmp.Diff(events, follow(t, db, tenant, 0, 100)); d != "" {
			t.Error(d)
		}
		must(t, db.CreateTenant(ctx, "other"))
		theirs, _ := vouched(t, db, "other", "apikey/a")
		if others := follow(t, db, "other", 0, 10); len(others) != 1 || others[0].Data.Request != theirs { // SE14
			t.Errorf("another tenant sees %v", others)
		}
	})
}

// The acts of the query are those that the index has, and those that are known
// to be events.
func TestActsThatAreEventsAreFoundByTheirIndex(t *testing.T) { // A11
	t.Parallel()
	quoted := regexp.MustCompile(`'((?:message|request|task)\.[a-z]+)'`)
	var acts []string
	for _, m := range quoted.FindAllStringSubmatch(store.EventRows, -1) {
		acts = append(acts, m[1])
	}
	if d := cmp.Diff(store.EventActs(), acts); d != "" || !slices.IsSorted(acts) {
		t.Errorf("events (-table +query):\n%s", d)
	}
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		vouched(t, db, tenant, "apikey/a")
		var all []consent.Entry
		for i := range 500 {
			all = append(all, says(fmt.Sprintf("p%d@example.com", i), "analytics", true))
		}
		give(t, db, all...)
		for range 400 {
			must(t, db.Audit().Append(ctx, tenant, entry("request.mask")))
		}
		if !db.Embedded() {
			for _, of := range []string{"audit_leaves", "consent_records", "requests", "consent_publications"} {
				_, err := db.Raw(t).ExecContext(ctx, `ANALYZE `+of)
				must(t, err)
			}
		}
		plan, err := db.Plan(ctx, store.EventRows, tenant, int64(0), 100)
		must(t, err)
		if !strings.Contains(plan, "audit_leaves_of_requests") {
			t.Errorf("the plan is\n%s", plan)
		}
	})
}
