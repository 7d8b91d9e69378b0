package server

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"volenti.dev/volenti/connector"
	"volenti.dev/volenti/internal/pgtest"
	"volenti.dev/volenti/request"
	"volenti.dev/volenti/request/fulfill"
)

// TestDatabaseThatIsRestartedUnderLoadLosesNothingAndDoesNothingTwice crashes
// PostgreSQL again and again while a request runs and others write. The same
// request is run until it ends.
func TestDatabaseThatIsRestartedUnderLoadLosesNothingAndDoesNothingTwice(t *testing.T) { // R3
	for _, c := range []struct{ store, target string }{{"postgres", "sqlite"}, {"sqlite", "postgres"}, {"postgres", "postgres"}} {
		t.Run(fmt.Sprintf("store %s, target %s", c.store, c.target), func(t *testing.T) {
			w := newPost(t, c.store, c.target)
			w.limits.Batch = 50
			var events atomic.Int64
			restart := make(chan struct{}, 1)
			w.tell = func(fulfill.Event) {
				if n := events.Add(1); n%9 == 3 && n < 50 {
					select {
					case restart <- struct{}{}:
					default: // the last restart is not over
					}
				}
			}
			d := w.open()
			id := d.submit("erasure", "anna@example.com")
			var load sync.WaitGroup
			stop, cancel := context.WithCancel(t.Context())
			defer load.Wait() // other tests use the same server
			defer cancel()
			restarts := 0
			load.Go(func() {
				for {
					select {
					case <-stop.Done():
						return
					case <-restart:
						pgtest.Restart(t)
						restarts++
					}
				}
			})
			for n := range 3 {
				load.Go(func() { w.writeElsewhere(stop, n) })
			}
			report, runs := d.runUntilItEnds(id)
			cancel()
			load.Wait()
			if restarts < 3 {
				t.Errorf("%d restarts", restarts)
			}
			t.Logf("%d restarts, %d runs", restarts, runs)
			<-time.After(rested) // what follows reads once, and not again
			d.exactly(report)
		})
	}
}

// writeElsewhere writes rows of somebody else, whatever comes of it.
func (w *world) writeElsewhere(ctx context.Context, n int) {
	for i := 0; ; i++ {
		select {
		case <-ctx.Done():
			return
		case <-time.After(5 * time.Millisecond):
			_, _ = w.db.ExecContext(ctx, fmt.Sprintf("UPDATE letter SET stamp = stamp + 1 WHERE id = %d", 10_001+(i*3+n)%letters))
		}
	}
}

// rested is longer than connections of the store's pool lie unused before they are
// tried out first. A restart may have cut them off after the request had ended.
const rested = 1100 * time.Millisecond

// recovery is what a run is given before the next one.
const recovery = 250 * time.Millisecond

// runUntilItEnds runs a request again while what stops it may pass.
func (d *desk) runUntilItEnds(id string) (fulfill.Report, int) {
	d.t.Helper()
	for runs := 1; ; runs++ {
		report, err := d.Run(d.t.Context(), id)
		passes := errors.Is(err, request.ErrUnavailable) || errors.Is(err, request.ErrUnknown) || connector.Retryable(err)
		switch {
		case err == nil:
			return report, runs
		case !passes || runs == 60:
			d.t.Fatalf("run %d: %v\n%s", runs, err, d.log)
		}
		<-time.After(recovery) // a server that recovers on a busy machine takes its time
	}
}
