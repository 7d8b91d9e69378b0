package server

import (
	"slices"
	"testing"

	"volenti.dev/volenti/internal/store"
	"volenti.dev/volenti/request"
)

// A program of the company is called again at most under the same id, and what the
// person agreed to is withdrawn once.
func TestKilledAroundWebhooksAndWithdrawalsDoesEachOnce(t *testing.T) { // R1, X5, X12
	t.Parallel()
	if _, err := crashing(); err != nil {
		t.Fatal(err)
	}
	bothStores(t, func(t *testing.T, kind string) {
		for _, point := range []string{"webhook.calling", "webhook.called:2", "webhook.recorded", "consents.withdrawn"} {
			t.Run(point, func(t *testing.T) {
				w, c := newWorld(t, kind, "sqlite"), newPrograms(t)
				w.configureFor(c, halting+"  rules:\n  - {key: agreed, action: consent}\n#")
				p := newStruck(t, w, func(s *site) { s.makeConsent(store.DefaultTenant, "anna@example.com", "analytics", true) })
				done, server := p.killedAt(point, "access", request.Complete)
				for _, path := range []string{"crm", "erp", "told"} {
					calls := c.to(path)
					if len(calls) == 0 || len(calls) > 2 || len(calls) == 2 && (point != "webhook.called:2" || calls[0].id != calls[1].id) {
						t.Errorf("calls to %s: %+v", path, calls)
					}
				}
				w.equal("in this order", slices.Compact(c.paths()), []string{"crm", "erp", "told"})
				w.equal("the report", done.Report.Consent, "withdrawn: analytics")
				p.must(server.Process.Kill())
				_ = server.Wait()
				closed := p.openStore()
				defer closed()
				chosen := p.chosen("anna@example.com")
				if len(chosen) != 2 || chosen[1] != "analytics withdrawn request" {
					t.Errorf("her choices: %v", chosen)
				}
			})
		}
	})
}
