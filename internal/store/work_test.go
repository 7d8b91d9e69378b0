package store_test

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"volenti.dev/volenti/internal/store/storetest"
	"volenti.dev/volenti/request"
)

const people = "shop:people"

func TestProgressOutcomesAndLogComeBackAsSaved(t *testing.T) { // X24
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		w, l := db.Work(), running(t, db)
		p := request.Progress{
			Address: people, Action: request.Erasure, Round: 1, Attempt: 2, Position: 3, Intent: 4, RowsRead: 5, RowsMatched: 6,
			RowsMasked: 7, RowsAlready: 8, RowsFailed: 9, RowsResidue: 10, Message: "m",
		}
		must(t, w.Begin(ctx, l, p))
		p.Status = request.Running
		same(t, db, l, p)

		p.Status, p.Message, p.Started, p.Ended = request.Done, "n", time.UnixMicro(1).UTC(), time.UnixMicro(2).UTC()
		masked := request.FieldOutcome{Address: people, Field: "email", Status: "masked", Rows: 2}
		kept := request.FieldOutcome{Address: people, Field: "email", Status: "kept", Rows: 1, Reason: "the law"}
		line := request.LogLine{
			Address: people, Action: request.Erasure, Status: "complete", Attempt: 2, Message: "x", Fields: []string{"email"}, RowsMasked: 7, Round: 1, Started: p.Started,
			Calls: []request.Call{{Call: "GET /people/<email>", Status: 429, Times: 3, Attempts: 2, Took: time.Second, Note: "busy"}}}
		must(t, w.Save(ctx, l, p, []request.FieldOutcome{masked, kept}, line))
		must(t, w.Save(ctx, l, p, []request.FieldOutcome{masked}, line))
		db.Reopen(t)
		w = db.Work()
		same(t, db, l, p)

		masked.Rows = 4
		outcomes, err := w.Outcomes(ctx, tenant, l.Request)
		must(t, err)
		if diff := cmp.Diff([]request.FieldOutcome{kept, masked}, outcomes); diff != "" {
			t.Error(diff)
		}
		lines, err := w.Log(ctx, tenant, l.Request, 1, 10)
		must(t, err)
		line.Sequence = 2
		if diff := cmp.Diff([]request.LogLine{line}, lines, cmpopts.IgnoreFields(request.LogLine{}, "At")); diff != "" {
			t.Error(diff)
		}
		if lines[0].At.IsZero() {
			t.Error("a line without its time")
		}
	})
}

func TestMessageOfAnyBytesIsKeptReadable(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		const bytes, text = "a\x00b\xffc", "a\ufffdb\ufffdc"
		l := running(t, db)
		p := request.Progress{Address: people, Action: request.Access, Round: 1, Status: request.Failed, Message: bytes}
		must(t, db.Work().Save(ctx, l, p, []request.FieldOutcome{{Field: "f", Reason: bytes}}, request.LogLine{Message: bytes}))
		must(t, db.Requests().Move(ctx, l, request.Turn{Event: request.Fail, Message: bytes}, entry("request.fail")))
		p.Message = text
		same(t, db, l, p)
		r, err := db.Requests().Get(ctx, tenant, l.Request)
		must(t, err)
		lines, err := db.Work().Log(ctx, tenant, l.Request, 0, 1)
		must(t, err)
		outcomes, err := db.Work().Outcomes(ctx, tenant, l.Request)
		must(t, err)
		if r.Message != text || lines[0].Message != text || outcomes[0].Reason != text {
			t.Errorf("%q, %q, %q", r.Message, lines[0].Message, outcomes[0].Reason)
		}
	})
}

func same(t *testing.T, db *storetest.Database, l request.Lease, want request.Progress) {
	t.Helper()
	got, err := db.Work().Progress(ctx, tenant, l.Request)
	must(t, err)
	if want.Status == request.Running && got[0].Started.IsZero() {
		t.Error("no time of start")
	}
	if want.Status == request.Failed && got[0].Ended.IsZero() {
		t.Error("no time of end")
	}
	ignore := cmp.Options{}
	if want.Started.IsZero() {
		ignore = cmp.Options{cmpopts.IgnoreFields(request.Progress{}, "Started", "Ended")}
	}
	if diff := cmp.Diff([]request.Progress{want}, got, ignore); diff != "" {
		t.Error(diff)
	}
}

func TestChunksComeInOrderAndANewAttemptForgetsThem(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		w, l := db.Work(), running(t, db)
		const n = 37
		for i := n - 1; i >= 0; i-- {
			must(t, w.Chunk(ctx, l, request.Chunk{Address: people, N: i, Rows: 1, Sealed: fmt.Appendf(nil, "chunk %d", i)}))
		}
		must(t, w.Chunk(ctx, l, request.Chunk{Address: people, N: 3, Rows: 1, Sealed: []byte("chunk 3")})) // again: harmless
		next := 0
		must(t, w.Chunks(ctx, tenant, l.Request, people, 1, func(i int, sealed []byte) error {
			if i != next || string(sealed) != fmt.Sprint("chunk ", i) {
				t.Errorf("chunk %d: %d %q", next, i, sealed)
			}
			next++
			return nil
		}))
		if next != n {
			t.Errorf("%d chunks", next)
		}
		stop := errors.New("stop")
		if err := w.Chunks(ctx, tenant, l.Request, people, 1, func(int, []byte) error { return stop }); !errors.Is(err, stop) {
			t.Errorf("the reader's error: %v", err)
		}
		must(t, w.Begin(ctx, l, request.Progress{Address: people, Action: request.Erasure}))
		if chunks(t, db, l) != n {
			t.Error("an erasure forgot what was read")
		}
		must(t, w.Begin(ctx, l, request.Progress{Address: people, Action: request.Access}))
		if chunks(t, db, l) != 0 {
			t.Error("a new attempt finds old chunks")
		}
	})
}

func chunks(t *testing.T, db *storetest.Database, l request.Lease) (n int) {
	t.Helper()
	must(t, db.Work().Chunks(ctx, tenant, l.Request, people, 1, func(int, []byte) error { n++; return nil }))
	return n
}

// A reader must never take what is left of destroyed data for all there was.
func TestChunksDestroyedWhileTheyAreReadAreAnError(t *testing.T) { // X16
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		w, l := db.Work(), running(t, db)
		for i := range 20 {
			must(t, w.Chunk(ctx, l, request.Chunk{Address: people, N: i, Rows: 1, Sealed: []byte("x")}))
		}
		err := w.Chunks(ctx, tenant, l.Request, people, 1, func(i int, _ []byte) error {
			if i == 0 {
				must(t, db.Requests().Move(ctx, l, request.Turn{Event: request.Finish}, entry("request.finish")))
			}
			return nil
		})
		if !errors.Is(err, request.ErrDestroyed) {
			t.Errorf("read to an end: %v", err)
		}
	})
}

func TestMissingChunkIsAnError(t *testing.T) { // X16
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		w, l := db.Work(), running(t, db)
		must(t, w.Chunk(ctx, l, request.Chunk{Address: people, N: 0, Rows: 1, Sealed: []byte("x")}))
		must(t, w.Chunk(ctx, l, request.Chunk{Address: people, N: 2, Rows: 1, Sealed: []byte("x")}))
		if err := w.Chunks(ctx, tenant, l.Request, people, 1, func(int, []byte) error { return nil }); err == nil {
			t.Error("a gap was passed over")
		}
	})
}

func TestFencedWorkerWritesNothing(t *testing.T) { // R4
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		w, s := db.Work(), db.Requests()
		old := running(t, db)
		p := request.Progress{Address: people, Action: request.Erasure}
		must(t, w.Begin(ctx, old, p))
		current := claim(t, db, old.Request, "node-b")
		wrongOwner := current
		wrongOwner.Owner = owner
		before := db.Dump(t)
		for name, l := range map[string]request.Lease{"old fence": old, "wrong owner": wrongOwner} {
			_, reserve := w.Reserve(ctx, l, map[string]int64{people: 1}, 100)
			for what, err := range map[string]error{
				"renew":   s.Renew(ctx, l, ttl),
				"advance": s.Advance(ctx, l, "x"),
				"move":    s.Move(ctx, l, request.Turn{Event: request.Finish}, entry("test.act")),
				"begin":   w.Begin(ctx, l, p),
				"chunk":   w.Chunk(ctx, l, request.Chunk{Address: people, N: 0, Rows: 1, Sealed: []byte("x")}),
				"save":    w.Save(ctx, l, p, []request.FieldOutcome{{Field: "x"}}, request.LogLine{}),
				"intend":  w.Intend(ctx, l, request.Progress{Address: people, Action: request.Erasure, Status: request.Running, Attempt: 1, Intent: 9}, entry("test.act")),
				"audit":   w.Audit(ctx, l, entry("test.act")),
				"reserve": reserve,
			} {
				if !errors.Is(err, request.ErrFenced) {
					t.Errorf("%s, %s: %v", name, what, err)
				}
			}
		}
		if !bytes.Equal(before, db.Dump(t)) {
			t.Error("something was written")
		}
	})
}

// Sixteen workers take one request from each other while all of them write:
// the log holds what its holder wrote and no line of one who had lost it.
func TestWorkersThatTakeOverFromEachOtherLeaveOneStory(t *testing.T) { // R4
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		id := running(t, db).Request
		var all sync.WaitGroup
		var mu sync.Mutex
		acknowledged := 0
		for i := range 16 {
			all.Go(func() {
				l, _, err := db.Requests().Claim(ctx, tenant, id, fmt.Sprint("node-", i), ttl, true, entry("request.start"))
				if err != nil {
					t.Error(err)
					return
				}
				for range 10 {
					err := db.Work().Save(ctx, l, request.Progress{Address: people, Action: request.Access}, nil,
						request.LogLine{Attempt: int(l.Fence)})
					if errors.Is(err, request.ErrFenced) {
						return
					}
					if err != nil {
						t.Error(err)
						return
					}
					mu.Lock()
					acknowledged++
					mu.Unlock()
				}
			})
		}
		all.Wait()
		lines, err := db.Work().Log(ctx, tenant, id, 0, 1000)
		must(t, err)
		if len(lines) != acknowledged {
			t.Errorf("%d lines, %d acknowledged", len(lines), acknowledged)
		}
		for i := 1; i < len(lines); i++ {
			if lines[i].Attempt < lines[i-1].Attempt || lines[i].Sequence != lines[i-1].Sequence+1 {
				t.Errorf("line %d of fence %d follows line %d of fence %d",
					lines[i].Sequence, lines[i].Attempt, lines[i-1].Sequence, lines[i-1].Attempt)
			}
		}
	})
}

func TestIntentIsLoggedOnceAndBeforeItCounts(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		w, l := db.Work(), running(t, db)
		before := records(t, db)
		for _, intent := range []int64{5, 5, 3, 9} {
			must(t, w.Intend(ctx, l, request.Progress{Address: people, Action: request.Erasure, Status: request.Running, Attempt: 1, Intent: intent}, entry("request.mask")))
		}
		p, err := w.Progress(ctx, tenant, l.Request)
		must(t, err)
		if p[0].Intent != 9 || p[0].Status != request.Running || p[0].Started.IsZero() || records(t, db) != before+2 {
			t.Errorf("intent %d, %s since %v, %d records", p[0].Intent, p[0].Status, p[0].Started, records(t, db)-before)
		}
	})
}

func TestRestOfTheRowsIsStoredWithTheOutcome(t *testing.T) { // X16, X24
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		w, l := db.Work(), running(t, db)
		done := request.Progress{Address: people, Action: request.Access, Status: request.Done, Attempt: 1, Took: time.Minute}
		stale := l
		stale.Fence--
		if err := w.Save(ctx, stale, done, nil, request.LogLine{}, request.Chunk{Address: people, Rows: 1, Sealed: []byte("x")}); !errors.Is(err, request.ErrFenced) {
			t.Errorf("fenced: %v", err)
		}
		must(t, w.Save(ctx, l, done, nil, request.LogLine{Address: people, Action: request.Access}, request.Chunk{Address: people, Rows: 1, Sealed: []byte("one")}))
		var got []string
		must(t, w.Chunks(ctx, tenant, l.Request, people, 1, func(_ int, sealed []byte) error { got = append(got, string(sealed)); return nil }))
		p, err := w.Progress(ctx, tenant, l.Request)
		must(t, err)
		if !slices.Equal(got, []string{"one"}) || len(p) != 1 || p[0].Ended.Sub(p[0].Started) != time.Minute {
			t.Errorf("chunks %q, progress %+v", got, p)
		}
	})
}

func TestHourlyAllowanceIsNeverExceeded(t *testing.T) { // X27
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		w := db.Work()
		leases := make([]request.Lease, 8)
		for i := range leases {
			leases[i] = running(t, db)
		}
		granted := make([]bool, 32)
		var all sync.WaitGroup
		for i := range granted {
			all.Go(func() {
				ok, err := w.Reserve(ctx, leases[i%len(leases)], map[string]int64{fmt.Sprint("shop:", i): 30}, 100)
				if err != nil {
					t.Error(err)
				}
				granted[i] = ok
			})
		}
		all.Wait()
		n := 0
		for i, ok := range granted {
			if !ok {
				continue
			}
			n++
			again, err := w.Reserve(ctx, leases[i%len(leases)], map[string]int64{fmt.Sprint("shop:", i): 30}, 100)
			must(t, err)
			if !again {
				t.Error("what was reserved is not when asked again")
			}
			more, err := w.Reserve(ctx, leases[i%len(leases)], map[string]int64{fmt.Sprint("shop:", i): 60}, 100)
			must(t, err)
			if more {
				t.Error("a collection that grew went past the cap")
			}
		}
		if n != 3 {
			t.Errorf("%d reservations of 30 out of 100", n)
		}
		// An hour later, by the database's clock, all is there again.
		_, err := db.Raw(t).Exec(`UPDATE reservations SET at = at - 3600000001`)
		must(t, err)
		ok, err := w.Reserve(ctx, leases[0], map[string]int64{"shop:later": 100}, 100)
		must(t, err)
		if !ok {
			t.Error("reservations of an hour ago still count")
		}
		// All of a request's collections, or none of them.
		_, err = db.Raw(t).Exec(`UPDATE reservations SET at = at - 3600000001`)
		must(t, err)
		for _, step := range []struct {
			rows map[string]int64
			want bool
		}{
			{map[string]int64{"shop:a": 60, "shop:b": 41}, false},
			{map[string]int64{"shop:a": 60, "shop:b": 40}, true},
			{map[string]int64{"shop:a": 60, "shop:b": 41}, false},
			{map[string]int64{"shop:a": 50, "shop:b": 40}, true},
			{map[string]int64{"shop:c": 1}, false},
		} {
			ok, err := w.Reserve(ctx, leases[1], step.rows, 100)
			must(t, err)
			if ok != step.want {
				t.Errorf("%v out of 100 gives %t", step.rows, ok)
			}
		}
	})
}
