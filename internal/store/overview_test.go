package store_test

import (
	"testing"
	"time"

	"github.com/google/uuid"

	"volenti.dev/volenti/consent"
	"volenti.dev/volenti/internal/store/storetest"
	"volenti.dev/volenti/request"
)

func TestRecordsOfADayAreCountedAsTheyAreShown(t *testing.T) { // W1
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		must(t, db.CreateTenant(ctx, "other"))
		anna := says("anna@example.com", "analytics", true)
		_, err := db.Consents().Append(ctx, "other", "", []consent.Entry{anna})
		must(t, err)
		before := time.Now()
		give(t, db, anna, says("anna@example.com", "research", false), says("ben@example.com", "analytics", true))
		after := time.Now().Add(time.Second)
		for name, q := range map[string]consent.Query{
			"today": {From: before.Add(-time.Hour), To: after}, "yesterday": {From: before.Add(-2 * time.Hour), To: before.Add(-time.Hour)}, "tomorrow": {From: after, To: after.Add(time.Hour)},
		} {
			q.Limit = 100
			if n, err := db.Consents().Count(ctx, tenant, q.From, q.To, 100); err != nil || n != int64(len(look(t, db, q).Records)) || name == "today" && n != 3 {
				t.Errorf("%s: %d are counted, %v", name, n, err)
			}
		}
		if n, err := db.Consents().Count(ctx, tenant, before.Add(-time.Hour), after, 2); err != nil || n != 2 {
			t.Errorf("counting to 2 ends at %d, %v", n, err)
		}
	})
}

// What the home page counts is what the lists show that it links to.
func TestCountsAreOfWhatTheListsShow(t *testing.T) { // W1
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		s := db.Requests()
		now := time.Now().UTC()
		must(t, db.CreateTenant(ctx, "other"))
		for _, of := range []string{tenant, tenant, tenant, "other"} {
			for _, r := range []request.Request{
				{Status: request.AwaitingApproval, Due: now.Add(-aDay)}, {Status: request.AwaitingApproval, Due: now.Add(aDay)},
				{Status: request.IdentityUnverified, Due: now.Add(-aDay)}, {Status: request.Approved},
			} {
				r.ID, r.Tenant, r.Policy, r.Law, r.Plan = uuid.Must(uuid.NewV7()).String(), of, "p", "gdpr", []byte("{}")
				must(t, s.Create(ctx, r, person("a@example.com"), entry("request.vouch")))
			}
		}
		for name, q := range map[string]request.Query{
			"all": {}, "waiting": {Statuses: []request.Status{request.AwaitingApproval}}, "late": {Overdue: true}, "soon": {Open: true, DueBefore: now.Add(2 * aDay)}, "none": {Policy: "q"},
		} {
			shown, err := s.Search(ctx, tenant, q, request.Mark{}, 100)
			must(t, err)
			if n, err := s.Count(ctx, tenant, q, 100); err != nil || n != int64(len(shown)) {
				t.Errorf("%s: %d are counted and %d shown, %v", name, n, len(shown), err)
			}
		}
		if n, err := s.Count(ctx, tenant, request.Query{}, 5); err != nil || n != 5 {
			t.Errorf("counting to 5 ends at %d, %v", n, err)
		}
	})
}
