package store_test

import (
	"testing"
	"time"

	"github.com/google/uuid"

	"volenti.dev/volenti/internal/store/storetest"
	"volenti.dev/volenti/request"
)

// What the home page counts is what the lists show that it links to.
func TestCountsAreOfWhatTheListsShow(t *testing.T) { // W1
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
