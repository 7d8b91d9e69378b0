package store_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"volenti.dev/volenti/connector"
	"volenti.dev/volenti/internal/store/storetest"
)

// nodes are the limiters of processes that share a database; SQLite has one process.
func nodes(t testing.TB, db *storetest.Database, of string) []connector.Limiter {
	t.Helper()
	all := []connector.Limiter{db.CallLimits().Of(of)}
	if !db.Embedded() {
		all = append(all, storetest.Open(t, db.Config.URL).CallLimits().Of(of))
	}
	return all
}

// callsCounted keeps what is counted, which the store forgets, by key.
func callsCounted(t testing.TB, db *storetest.Database) func(key string) []int64 {
	t.Helper()
	raw := db.Raw(t)
	statements := []string{
		`CREATE TABLE counted (key text NOT NULL, at bigint NOT NULL)`,
		`CREATE FUNCTION note_call() RETURNS trigger AS $$ BEGIN INSERT INTO counted VALUES (NEW.key, NEW.at); RETURN NEW; END $$ LANGUAGE plpgsql`,
		`CREATE TRIGGER note AFTER INSERT ON limited_calls FOR EACH ROW EXECUTE FUNCTION note_call()`,
	}
	if db.Embedded() {
		statements = []string{statements[0], `CREATE TRIGGER note AFTER INSERT ON limited_calls BEGIN INSERT INTO counted VALUES (NEW.key, NEW.at); END`}
	}
	for _, statement := range statements {
		_, err := raw.Exec(statement)
		must(t, err)
	}
	return func(key string) (all []int64) {
		rows, err := raw.Query(`SELECT at FROM counted WHERE key = $1 ORDER BY at`, key)
		must(t, err)
		defer rows.Close()
		for rows.Next() {
			var at int64
			must(t, rows.Scan(&at))
			all = append(all, at)
		}
		must(t, rows.Err())
		return all
	}
}

func TestThereAreNeverMoreCallsThanTheirRateWhoeverMakesThem(t *testing.T) { // H11
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		const rate, period, calls = 5, 100 * time.Millisecond, 60
		made := callsCounted(t, db)
		var all sync.WaitGroup
		work := make(chan struct{}, calls)
		for range calls {
			work <- struct{}{}
		}
		close(work)
		for _, node := range nodes(t, db, tenant) {
			for range 8 {
				all.Go(func() {
					for range work {
						if err := node.Wait(ctx, "letters", rate, period); err != nil {
							t.Error(err)
						}
					}
				})
			}
		}
		all.Wait()
		at := made("letters")
		if len(at) != calls {
			t.Fatalf("%d calls were counted", len(at))
		}
		for i := rate; i < len(at); i++ {
			if apart := at[i] - at[i-rate]; apart < period.Microseconds() {
				t.Errorf("there were %d calls in %d µs", rate+1, apart)
			}
		}
	})
}

func TestCallsCountWithThoseOfTheirKeyAndTenantOnly(t *testing.T) { // H11, SE14
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		must(t, db.CreateTenant(ctx, "other"))
		for _, of := range []string{tenant, "other"} {
			for _, key := range []string{"a", "b"} {
				must(t, db.CallLimits().Of(of).Wait(ctx, key, 1, time.Hour))
			}
		}
		db.Reopen(t)
		short, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
		defer cancel()
		for _, node := range nodes(t, db, tenant) {
			if err := node.Wait(short, "a", 1, time.Hour); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("a second call in an hour, after a restart: %v", err)
			}
		}
	})
}

// Who gives up has made no call, and others do not wait for it.
func TestACallThatWasGivenUpDoesNotCount(t *testing.T) { // H11
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		made := callsCounted(t, db)
		l := db.CallLimits().Of(tenant)
		must(t, l.Wait(ctx, "a", 1, 200*time.Millisecond))
		given, cancel := context.WithTimeout(ctx, 20*time.Millisecond)
		defer cancel()
		for range 3 {
			if err := l.Wait(given, "a", 1, 200*time.Millisecond); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("it waits no longer: %v", err)
			}
		}
		must(t, l.Wait(ctx, "a", 1, 200*time.Millisecond))
		if at := made("a"); len(at) != 2 {
			t.Errorf("%d calls were counted", len(at))
		}
	})
}

func TestCallsOfBeforeAreForgotten(t *testing.T) { // H11
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		l := db.CallLimits().Of(tenant)
		stored := func() (keys []string) {
			rows, err := db.Raw(t).Query(`SELECT key || '/' || COUNT(*) FROM limited_calls GROUP BY key ORDER BY key`)
			must(t, err)
			defer rows.Close()
			for rows.Next() {
				var key string
				must(t, rows.Scan(&key))
				keys = append(keys, key)
			}
			must(t, rows.Err())
			return keys
		}
		for range 10 {
			must(t, l.Wait(ctx, "quick", 3, time.Millisecond))
		}
		must(t, l.Wait(ctx, "slow", 3, time.Hour))
		if got := stored(); !slices.Equal(got, []string{"quick/3", "slow/1"}) {
			t.Errorf("after ten calls there are %v", got)
		}
		<-time.After(10 * time.Millisecond)
		must(t, db.CallLimits().Sweep(ctx, tenant))
		if got := stored(); !slices.Equal(got, []string{"slow/1"}) {
			t.Errorf("later there are %v", got)
		}
	})
}

// BenchmarkCallLimit measures what a call to a vendor waits for its turn where there
// is no need to wait.
func BenchmarkCallLimit(b *testing.B) {
	for _, d := range databases {
		for _, callers := range []int{1, 16} {
			b.Run(fmt.Sprintf("%s/callers=%d", d.name, callers), func(b *testing.B) {
				l := d.open(b).CallLimits().Of(tenant)
				var all sync.WaitGroup
				work := make(chan struct{}, callers)
				for range callers {
					all.Go(func() {
						for range work {
							must(b, l.Wait(ctx, "a", 1000, time.Microsecond))
						}
					})
				}
				b.ResetTimer()
				for range b.N {
					work <- struct{}{}
				}
				close(work)
				all.Wait()
			})
		}
	}
}
