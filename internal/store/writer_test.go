package store_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"volenti.dev/volenti/internal/store"
	"volenti.dev/volenti/internal/store/storetest"
	"volenti.dev/volenti/request"
)

func TestWritesThatWaitShareACommitAndABadOneFailsAlone(t *testing.T) {
	t.Parallel()
	db := storetest.SQLite(t)
	const writers = 64
	before := db.Commits()
	var failed [writers]error
	atOnce(t, db, writers, func(i int) {
		if i%8 == 0 {
			failed[i] = db.AppendAndFail(ctx, entry("test.act"))
		} else {
			failed[i] = db.Audit().Append(ctx, tenant, entry("test.act"))
		}
	})
	for i, err := range failed {
		if (err != nil) != (i%8 == 0) {
			t.Errorf("write %d: %v", i, err)
		}
	}
	if n := db.Commits() - before; n > writers/2 {
		t.Errorf("%d commits for %d writes", n, writers)
	}
	if n := records(t, db); n != 1+writers-writers/8 {
		t.Errorf("%d records", n)
	}
}

// One of them moves the request, and the others are told so; but when their
// commit fails, none of this has happened.
func TestWritesWhoseCommitFailsAllFail(t *testing.T) {
	t.Parallel()
	db := storetest.SQLite(t)
	id := create(t, db)
	_, err := db.Raw(t).Exec(`ALTER TABLE audit_hashes RENAME TO broken`)
	must(t, err)
	atOnce(t, db, 16, func(int) {
		err := db.Requests().Apply(ctx, tenant, id, request.Approve, entry("request.approve"))
		if err == nil || errors.Is(err, request.ErrTransition) {
			t.Errorf("approve: %v", err)
		}
	})
	if got := status(t, db, id); got != request.AwaitingApproval {
		t.Errorf("status %s", got)
	}
}

// atOnce runs n writes while the database is locked: the first waits for the
// lock, and the others behind it.
func atOnce(t *testing.T, db *storetest.Database, n int, write func(i int)) {
	t.Helper()
	raw, err := db.Raw(t).Conn(ctx)
	must(t, err)
	_, err = raw.ExecContext(ctx, "BEGIN IMMEDIATE")
	must(t, err)
	var started, all sync.WaitGroup
	started.Add(n)
	for i := range n {
		all.Go(func() { started.Done(); write(i) })
	}
	started.Wait()
	_, err = raw.ExecContext(ctx, "COMMIT")
	must(t, err)
	all.Wait()
	must(t, raw.Close())
}

func TestAbandonedWriteIsNotDone(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		before := records(t, db)
		gone, cancel := context.WithCancel(ctx)
		cancel()
		if err := db.Audit().Append(gone, tenant, entry("test.act")); !errors.Is(err, context.Canceled) {
			t.Errorf("append: %v", err)
		}
		if records(t, db) != before {
			t.Error("it was written")
		}
	})
}

func TestWriteAfterCloseIsRefused(t *testing.T) { // R8
	t.Parallel()
	db := storetest.SQLite(t)
	var all sync.WaitGroup
	acknowledged := make(chan string, 1000)
	for i := range 16 {
		all.Go(func() {
			for n := 0; ; n++ {
				name := fmt.Sprint("test.", i, ".", n)
				if err := db.Audit().Append(ctx, tenant, named(name)); err != nil {
					if !errors.Is(err, store.ErrUnavailable) {
						t.Error(err)
					}
					return
				}
				acknowledged <- name
			}
		})
	}
	go func() { all.Wait(); close(acknowledged) }()
	var names []string
	for range 50 {
		names = append(names, <-acknowledged)
	}
	must(t, db.Close())
	for name := range acknowledged {
		names = append(names, name)
	}
	db.Reopen(t)
	if n := records(t, db); n != 1+len(names) {
		t.Errorf("%d records, %d were acknowledged", n, len(names))
	}
}

func TestFullDiskRefusesWritesAndNeedsNoRepair(t *testing.T) { // R5
	t.Parallel()
	db := storetest.SQLite(t)
	l := running(t, db)
	must(t, db.Statement(ctx, "PRAGMA max_page_count = 600")) // of 4 KiB
	big := bytes.Repeat([]byte{1}, 100_000)
	failed := make([]error, 64)
	var all sync.WaitGroup
	for i := range failed {
		all.Go(func() {
			failed[i] = db.Work().Chunk(ctx, l, request.Chunk{Address: fmt.Sprint("shop:", i), N: 0, Rows: 1, Sealed: big})
		})
	}
	all.Wait()
	stored := func(i int) (stored bool) {
		must(t, db.Work().Chunks(ctx, tenant, l.Request, fmt.Sprint("shop:", i), 1, func(int, []byte) error { stored = true; return nil }))
		return stored
	}
	refused := 0
	for i, err := range failed {
		if err != nil {
			refused++
			if !errors.Is(err, store.ErrUnavailable) {
				t.Error(err)
			}
		}
		if stored(i) != (err == nil) { // reads go on
			t.Errorf("write %d: %v, but stored is %v", i, err, err != nil)
		}
	}
	if refused == 0 {
		t.Error("the disk was not full")
	}
	must(t, db.Statement(ctx, "PRAGMA max_page_count = 1000000"))
	must(t, db.Requests().Move(ctx, l, request.Turn{Event: request.Pause}, entry("request.pause")))
	var verdict string
	must(t, db.Raw(t).QueryRow("PRAGMA integrity_check").Scan(&verdict))
	if verdict != "ok" {
		t.Error(verdict)
	}
}

// One change that ends while many wait: what each alone costs, and together.
func BenchmarkWrite(b *testing.B) {
	for name, open := range map[string]func(testing.TB) *storetest.Database{"sqlite": storetest.SQLite, "postgres": storetest.Postgres} {
		write := func(b *testing.B, db *storetest.Database) {
			if err := db.Audit().Append(ctx, tenant, entry("test.act")); err != nil {
				b.Error(err)
			}
		}
		b.Run(name+"/one", func(b *testing.B) {
			db := open(b)
			before := db.Commits()
			for b.Loop() {
				write(b, db)
			}
			b.ReportMetric(float64(db.Commits()-before)/float64(b.N), "commits/op")
		})
		b.Run(name+"/together", func(b *testing.B) {
			db := open(b)
			before := db.Commits()
			b.SetParallelism(64)
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					write(b, db)
				}
			})
			b.ReportMetric(float64(db.Commits()-before)/float64(b.N), "commits/op")
		})
	}
}
