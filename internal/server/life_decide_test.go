package server

import (
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"volenti.dev/volenti/internal/store/storetest"
	"volenti.dev/volenti/request"
)

// Many approve a request while as many cancel it. One approval counts at most,
// and one cancellation; who is told that it was done finds it in the audit log,
// and nobody else does. A cancellation is the last that happens to a request.
func TestOfManyWhoApproveAndCancelAtTheSameMomentOneOfEachCountsAtMost(t *testing.T) { // X22, X23, R4
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		s := newSite(t, db)
		s.openShop()
		for range 20 {
			r := s.submit("access", "anna@example.com")
			var approved, canceled atomic.Int64
			var all sync.WaitGroup
			together := make(chan struct{})
			decide := func(done *atomic.Int64, does, body string) {
				<-together
				switch got := s.act(r.ID, does, body); got.status {
				case http.StatusOK:
					done.Add(1)
				case http.StatusConflict:
				default:
					t.Errorf("%s: %d %s", does, got.status, got.body)
				}
			}
			for range 64 {
				all.Go(func() { decide(&approved, "approve", `{"plan_hash":"`+r.PlanHash+`"}`) })
				all.Go(func() { decide(&canceled, "cancel", "") })
			}
			close(together)
			all.Wait()
			want, last := request.Complete, "request.complete"
			if canceled.Load() > 0 {
				want, last = request.Canceled, "request.cancel"
			}
			s.await(r.ID, want)
			acts := s.actsOn("request/" + r.ID)
			told := []int64{approved.Load(), canceled.Load()}
			logged := []int64{int64(count(acts, "request.approve")), int64(count(acts, "request.cancel"))}
			if max(told[0], told[1]) != 1 || !slices.Equal(told, logged) || acts[len(acts)-1] != last || told[0] == 0 && len(acts) != 2 {
				t.Fatalf("approved and canceled %d times, and the log has %v", told, acts)
			}
		}
	})
}
