package store_test

import (
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"volenti.dev/volenti/internal/pgtest"
	"volenti.dev/volenti/internal/store"
	"volenti.dev/volenti/internal/store/storetest"
	"volenti.dev/volenti/internal/wiretest"
	"volenti.dev/volenti/request"
)

func TestServerThatCrashesUnderLoadLosesNothingAcknowledged(t *testing.T) { // R3
	db := storetest.Postgres(t)
	var mu sync.Mutex
	outcomes := map[string]error{}
	var acknowledged atomic.Int64
	progress := make(chan struct{}, 1)
	var stop atomic.Bool
	defer stop.Store(true) // also when the server does not come back
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for n := 0; !stop.Load(); n++ {
				name := fmt.Sprint("object/", i, "-", n)
				err := db.Audit().Append(ctx, tenant, named(name))
				mu.Lock()
				outcomes[name] = err
				mu.Unlock()
				if err == nil && acknowledged.Add(1)%100 == 0 {
					select {
					case progress <- struct{}{}:
					default:
					}
				}
			}
		})
	}
	for range 3 {
		<-progress
		pgtest.Restart(t)
	}
	<-progress // it goes on by itself
	stop.Store(true)
	all.Wait()

	found := map[string]int{}
	records, err := db.Audit().Records(ctx, tenant, 0, 1_000_000)
	must(t, err)
	for _, r := range records {
		found[r.Object]++
	}
	unknown := 0
	for name, err := range outcomes {
		switch n := found[name]; {
		case err == nil && n != 1:
			t.Errorf("%s was acknowledged and is there %d times", name, n)
		case errors.Is(err, store.ErrUnknown):
			unknown++
			if n > 1 {
				t.Errorf("%s is there %d times", name, n)
			}
		case err != nil && n != 0:
			t.Errorf("%s failed and is there: %v", name, err)
		case err != nil && !errors.Is(err, store.ErrUnavailable):
			t.Errorf("%s: %v", name, err)
		}
	}
	t.Logf("%d writes, %d with unknown outcome", len(outcomes), unknown)
	verify(t, db, int64(len(records)))
}

// Two that have both seen what is left must not both take it.
func TestReservationsWaitForEachOther(t *testing.T) { // X27
	t.Parallel()
	db := storetest.Postgres(t)
	raw := db.Raw(t)
	leases := []request.Lease{running(t, db), running(t, db)}
	blocker, err := raw.Begin()
	must(t, err)
	_, err = blocker.Exec(`LOCK TABLE reservations IN SHARE MODE`) // sums are possible, inserts wait
	must(t, err)
	var granted, done atomic.Int64
	var all sync.WaitGroup
	for _, l := range leases {
		all.Go(func() {
			defer done.Add(1)
			ok, err := db.Work().Reserve(ctx, l, map[string]int64{people: 60}, 100)
			if err != nil {
				t.Error(err)
			}
			if ok {
				granted.Add(1)
			}
		})
	}
	for waiting(t, raw)+done.Load() < 2 {
	}
	must(t, blocker.Rollback())
	all.Wait()
	if granted.Load() != 1 {
		t.Errorf("60 of 100 were granted %d times", granted.Load())
	}
}

// A write that has seen its lease commits before the lease changes hands.
func TestLeaseStaysUntilTheWriteCommits(t *testing.T) { // R4
	t.Parallel()
	db := storetest.Postgres(t)
	raw := db.Raw(t)
	old := running(t, db)
	blocker, err := raw.Begin()
	must(t, err)
	_, err = blocker.Exec(`LOCK TABLE request_chunks IN SHARE MODE`)
	must(t, err)
	var written, claimed atomic.Int64
	var all sync.WaitGroup
	all.Go(func() {
		defer written.Add(1)
		if err := db.Work().Chunk(ctx, old, request.Chunk{Address: people, N: 0, Rows: 1, Sealed: []byte("x")}); err != nil {
			t.Error(err)
		}
	})
	for waiting(t, raw)+written.Load() < 1 {
	}
	all.Go(func() {
		defer claimed.Add(1)
		if _, _, err := db.Requests().Claim(ctx, tenant, old.Request, "node-b", ttl, true, entry("request.start")); err != nil {
			t.Error(err)
		}
	})
	for waiting(t, raw)+written.Load()+claimed.Load() < 2 {
	}
	if written.Load() == 0 && claimed.Load() == 1 {
		t.Error("the lease changed hands in the middle of a write")
	}
	must(t, blocker.Rollback())
	all.Wait()
}

// waiting counts who waits for a lock.
func waiting(t *testing.T, raw *sql.DB) (n int64) {
	t.Helper()
	must(t, raw.QueryRow(`SELECT COUNT(*) FROM pg_stat_activity
		WHERE datname = current_database() AND wait_event_type = 'Lock'`).Scan(&n))
	return n
}

func TestConnectionCutAfterCommitWasSentIsAnUnknownOutcome(t *testing.T) { // R3
	t.Parallel()
	db := storetest.Postgres(t)
	wire, address := wiretest.New(t, db.Config.URL)
	through := storetest.Open(t, address)

	wire.Swallow.Store(1)
	if err := through.Audit().Append(ctx, tenant, named("object/cut")); !errors.Is(err, store.ErrUnknown) {
		t.Errorf("append: %v", err)
	}
	must(t, through.Audit().Append(ctx, tenant, named("object/next")))
	records, err := db.Audit().Records(ctx, tenant, 1, 10)
	must(t, err)
	if len(records) != 2 || records[0].Object != "object/cut" || records[1].Object != "object/next" {
		t.Errorf("records %+v", records)
	}
	verify(t, db, 3)
}

// A process that is paused in the middle of a batch must not hold back for ever
// whoever takes its request over.
func TestTransactionWhoseProcessDoesNotAnswerEnds(t *testing.T) {
	t.Parallel()
	for parameter, want := range map[string]string{"": "5min", "&idle_in_transaction_session_timeout=2000": "2s"} {
		db := storetest.Open(t, pgtest.URL(t)+parameter)
		var limit string
		if err := db.Look(ctx, `SELECT current_setting('idle_in_transaction_session_timeout')`, &limit); err != nil || limit != want {
			t.Errorf("with %q the limit is %q, %v", parameter, limit, err)
		}
	}
}
