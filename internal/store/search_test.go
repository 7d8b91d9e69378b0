package store_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"volenti.dev/volenti/internal/store/storetest"
	"volenti.dev/volenti/request"
)

func TestRequestsAreFoundByWhatIsSaidOfThem(t *testing.T) { // X25
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		s := db.Requests()
		made := func(email string, r request.Request) string {
			t.Helper()
			r.ID, r.Tenant, r.Plan = uuid.Must(uuid.NewV7()).String(), tenant, []byte("{}")
			must(t, s.Create(ctx, r, person(email), entry("request.vouch")))
			return r.ID
		}
		now := time.Now().UTC()
		late := made("a@example.com", request.Request{Policy: "p", Status: request.AwaitingApproval, Law: "gdpr", Place: "DE", Due: now.Add(-aDay)})
		soon := made("b@example.com", request.Request{Policy: "q", Status: request.Approved, Law: "ccpa", Place: "US-CA", Due: now.Add(aDay)})
		unproven := made("a@example.com", request.Request{Policy: "p", Status: request.IdentityUnverified, Law: "gdpr", Due: now.Add(-2 * aDay)})
		stopped := made("a@example.com", request.Request{Policy: "q", Status: request.AwaitingApproval, Law: "gdpr"})
		ended := made("a@example.com", request.Request{Policy: "p", Status: request.AwaitingApproval, Law: "gdpr", Due: now.Add(-3 * aDay)})
		must(t, s.Apply(ctx, tenant, ended, request.Cancel, entry("request.cancel")))
		must(t, db.CreateTenant(ctx, "other"))
		must(t, s.Create(ctx, request.Request{ID: late, Tenant: "other", Policy: "p", Status: request.AwaitingApproval, Due: now.Add(-aDay)}, person("a@example.com"), entry("request.vouch")))
		keys, err := db.Tenant(ctx, tenant)
		must(t, err)
		a := person("a@example.com")[0]

		for name, c := range map[string]struct {
			q    request.Query
			want []string
		}{
			"all":          {request.Query{}, []string{ended, stopped, unproven, soon, late}},
			"statuses":     {request.Query{Statuses: []request.Status{request.Approved, request.Canceled}}, []string{ended, soon}},
			"policy":       {request.Query{Policy: "q"}, []string{stopped, soon}},
			"law":          {request.Query{Law: "ccpa"}, []string{soon}},
			"country":      {request.Query{Place: "US"}, []string{soon}},
			"place":        {request.Query{Place: "US-CA"}, []string{soon}},
			"no such part": {request.Query{Place: "US-C"}, nil},
			"vouched":      {request.Query{Origins: []request.Origin{request.Vouched}, Policy: "q"}, []string{stopped, soon}},
			"proven":       {request.Query{Origins: []request.Origin{request.Proven, request.Claimed}}, nil},
			"overdue":      {request.Query{Overdue: true}, []string{late}},
			"due before":   {request.Query{DueBefore: now}, []string{ended, unproven, late}},
			"open":         {request.Query{Open: true}, []string{stopped, unproven, soon, late}},
			"identity":     {request.Query{Type: a.Type, Digest: a.Digest(keys.RecallKey())}, []string{ended, stopped, unproven, late}},
			"other type":   {request.Query{Type: "phone", Digest: a.Digest(keys.RecallKey())}, nil},
			"from":         {request.Query{From: now.Add(time.Hour)}, nil},
			"to":           {request.Query{To: now.Add(-time.Hour)}, nil},
			"between":      {request.Query{From: now.Add(-time.Hour), To: now.Add(time.Hour), Policy: "q"}, []string{stopped, soon}},
			"by due":       {request.Query{ByDue: true}, []string{ended, unproven, late, soon, stopped}},
			"the open due": {request.Query{ByDue: true, Open: true, Statuses: []request.Status{request.AwaitingApproval, request.Approved}}, []string{late, soon, stopped}},
		} {
			for _, limit := range []int{1, 2, 100} {
				var got []string
				for after := (request.Mark{}); ; {
					page, err := s.Search(ctx, tenant, c.q, after, limit)
					must(t, err)
					for _, r := range page {
						got, after = append(got, r.ID), request.MarkOf(r)
					}
					if len(page) < limit {
						break
					}
				}
				if !slices.Equal(got, c.want) {
					t.Errorf("%s, %d at once: %v, want %v", name, limit, got, c.want)
				}
			}
		}
	})
}

// Requests that are due on the same day are all shown.
func TestPagesByDueLeaveNothingOut(t *testing.T) { // X25
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		want := map[string]bool{}
		for i := range 20 {
			id := uuid.Must(uuid.NewV7()).String()
			want[id] = true
			r := request.Request{ID: id, Tenant: tenant, Policy: "p", Status: request.AwaitingApproval, Due: time.Date(2027, 1, 1+i%3, 0, 0, 0, 0, time.UTC), Plan: []byte("{}")}
			if i%4 == 0 {
				r.Due = time.Time{}
			}
			must(t, db.Requests().Create(ctx, r, nil, entry("request.vouch")))
		}
		var last request.Request
		for after := (request.Mark{}); ; {
			page, err := db.Requests().Search(ctx, tenant, request.Query{ByDue: true}, after, 3)
			must(t, err)
			for _, r := range page {
				if !want[r.ID] || !last.Due.IsZero() && !r.Due.IsZero() && r.Due.Before(last.Due) || last.ID != "" && last.Due.IsZero() && !r.Due.IsZero() {
					t.Errorf("%s comes behind %s", fmt.Sprint(r.ID, r.Due), fmt.Sprint(last.ID, last.Due))
				}
				delete(want, r.ID)
				after, last = request.MarkOf(r), r
			}
			if len(page) < 3 {
				break
			}
		}
		if len(want) > 0 {
			t.Errorf("%d are left out", len(want))
		}
	})
}
