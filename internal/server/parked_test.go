package server

import (
	"net/http"
	"strings"
	"testing"

	"volenti.dev/volenti/internal/store/storetest"
	"volenti.dev/volenti/request"
	"volenti.dev/volenti/request/fulfill"
)

// Whatever stops a request, it says at which step and collection, and what has
// to happen.
func TestStoppedRequestSaysWhereAndWhatIsNeeded(t *testing.T) { // E10, X7, X27
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		s := newSiteWith(t, db, func(srv *Server) { srv.limits = fulfill.Limits{RowsPerCollection: 1} })
		s.openShop()
		s.world.exec("DELETE FROM note WHERE id = 'n2'")
		parked := func(what, id string, status request.Status, step, collection, needed string) {
			t.Helper()
			p := s.await(id, status).Parked
			if p == nil || p.Step != step || p.Collection != collection || len(p.Needed) == 0 || !strings.Contains(strings.Join(p.Needed, "; "), needed) {
				t.Errorf("%s: %+v", what, p)
			}
		}
		capped := s.submit("erasure", "anna@example.com")
		s.approve(capped)
		parked("a cap", capped.ID, request.Paused, "erasure", "shop:orders", "raises the limit")

		s.world.exec("ALTER TABLE note ADD COLUMN more TEXT")
		s.act(capped.ID, "retry", `{}`)
		parked("drift", capped.ID, request.Errored, "erasure", "", "bring the database back")
		s.world.exec("ALTER TABLE note DROP COLUMN more")
		if got := s.act(capped.ID, "cancel", ""); got.status != http.StatusOK || strings.Contains(got.body, "parked") || strings.Contains(got.body, `"step"`) {
			t.Errorf("one that has ended says %s", got.body)
		}
	})
	t.Run("a collection", func(t *testing.T) {
		w, mend := broken(t, "sqlite")
		s := newSite(t, storetest.SQLite(t))
		s.world = w
		s.openShop()
		mend("parcel")
		r := s.submit("access", "anna@example.com")
		s.approve(r)
		p := s.await(r.ID, request.Errored).Parked
		if p == nil || p.Step != "access" || p.Collection != "shop:letter" || len(p.Needed) != 2 {
			t.Errorf("it is parked at %+v", p)
		}
		mend("letter")
		s.act(r.ID, "retry", `{}`)
		if done := s.await(r.ID, request.Complete); done.Parked != nil || done.Step != "" {
			t.Errorf("one that has ended is parked at %+v", done.Parked)
		}
	})
}
