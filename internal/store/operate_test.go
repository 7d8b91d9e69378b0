package store_test

import (
	"bytes"
	"errors"
	"testing"

	"volenti.dev/volenti/internal/store/storetest"
	"volenti.dev/volenti/request"
)

// An operator's hand on a request changes it where the table allows it, with
// one entry in the log, and changes nothing elsewhere.
func TestOperatorsActsAreRefusedWhereTheyAreNotPossible(t *testing.T) { // X23
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		s := db.Requests()
		stopped := func(e request.Event) func() string {
			return func() string {
				l := running(t, db)
				must(t, s.Move(ctx, l, request.Turn{Event: e, Message: "why"}, entry("request.stop")))
				return l.Request
			}
		}
		states := map[request.Status]func() string{
			request.AwaitingApproval: func() string { return create(t, db) },
			request.InProcessing:     func() string { return running(t, db).Request },
			request.Errored:          stopped(request.Fail),
			request.Paused:           stopped(request.Pause),
			request.Complete:         stopped(request.Finish),
			request.Canceled:         stopped(request.Cancel),
		}
		acts := map[request.Event]func(id string) error{
			request.Retry: func(id string) error { return s.Apply(ctx, tenant, id, request.Retry, entry("request.retry")) },
			request.Skip: func(id string) error {
				return s.Skip(ctx, tenant, id, people, "no need", entry("request.skip"))
			},
			request.Finalise: func(id string) error {
				return s.Finalise(ctx, tenant, id, "enough", entry("request.finalise"))
			},
			request.Cancel: func(id string) error { return s.Apply(ctx, tenant, id, request.Cancel, entry("request.cancel")) },
		}
		for from, make := range states {
			for event, act := range acts {
				id := make()
				before, logged := db.Dump(t), records(t, db)
				want, possible := from.Next(event)
				err := act(id)
				if waits := from == request.InProcessing && (event == request.Skip || event == request.Finalise); possible == nil && !waits { // only one that waits for a system can be then
					if got := status(t, db, id); err != nil || got != want || records(t, db) != logged+1 {
						t.Errorf("%s in %s gives %s, %v, %d records", event, from, got, err, records(t, db)-logged)
					}
					continue
				}
				if !errors.Is(err, request.ErrTransition) || !bytes.Equal(before, db.Dump(t)) {
					t.Errorf("%s in %s: %v, or something changed", event, from, err)
				}
			}
		}
	})
}

func TestSkippedCollectionIsKeptWithItsReasonAndOnlyOnce(t *testing.T) { // X23
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		s, l := db.Requests(), running(t, db)
		must(t, s.Move(ctx, l, request.Turn{Event: request.Fail, Message: "why"}, entry("request.fail")))
		must(t, s.Skip(ctx, tenant, l.Request, people, "no need", entry("request.skip")))
		before := db.Dump(t)
		if err := s.Skip(ctx, tenant, l.Request, people, "again", entry("request.skip")); !errors.Is(err, request.ErrTransition) || !bytes.Equal(before, db.Dump(t)) {
			t.Errorf("skipped again: %v, or something changed", err)
		}
		skips, err := db.Work().Skips(ctx, tenant, l.Request)
		must(t, err)
		if len(skips) != 1 || skips[people] != "no need" {
			t.Errorf("skips %v", skips)
		}
	})
}

func TestFinalisedRequestSaysWhyAndKeepsNothing(t *testing.T) { // X23, X16
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		s, l := db.Requests(), running(t, db)
		must(t, db.Work().Chunk(ctx, l, request.Chunk{Address: people, N: 0, Rows: 1, Sealed: []byte("x")}))
		must(t, s.Move(ctx, l, request.Turn{Event: request.Fail, Message: "why"}, entry("request.fail")))
		must(t, s.Finalise(ctx, tenant, l.Request, "enough", entry("request.finalise")))
		r, err := s.Get(ctx, tenant, l.Request)
		must(t, err)
		if r.Status != request.CompleteWithResidue || r.Message != "enough" || r.Ended.IsZero() {
			t.Errorf("ended as %+v", r)
		}
		if _, err := db.Keys().RequestKey(ctx, tenant, l.Request); !errors.Is(err, request.ErrDestroyed) {
			t.Errorf("its key: %v", err)
		}
	})
}

// What another process has begun in a later round is not taken for that of an
// earlier one.
func TestEachRoundHasItsOwnProgressAndChunks(t *testing.T) { // X17
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		w, l := db.Work(), running(t, db)
		access := request.Progress{Address: people, Action: request.Access, Attempt: 1}
		erasure := request.Progress{Address: people, Action: request.Erasure, Attempt: 1}
		must(t, w.Begin(ctx, l, access))
		must(t, w.Chunk(ctx, l, request.Chunk{Address: people, N: 0, Rows: 1, Sealed: []byte("one")}))
		must(t, w.Begin(ctx, l, erasure))
		must(t, w.Intend(ctx, l, request.Progress{Address: people, Action: request.Erasure, Status: request.Running, Attempt: 1, Intent: 5}, entry("request.mask")))
		failed := request.FieldOutcome{Address: people, Field: "email", Status: "failed", Rows: 1}
		sent := erasure
		sent.Intent = 5
		must(t, w.Save(ctx, l, sent, []request.FieldOutcome{failed}, request.LogLine{}))

		before := db.Dump(t)
		if err := db.Requests().NextRound(ctx, l, 3, "access", entry("request.round")); err == nil || !bytes.Equal(before, db.Dump(t)) {
			t.Errorf("a round was passed over: %v, or something changed", err)
		}
		must(t, db.Requests().NextRound(ctx, l, 2, "access", entry("request.round")))
		before = db.Dump(t)
		if err := db.Requests().NextRound(ctx, l, 2, "access", entry("request.round")); err != nil || !bytes.Equal(before, db.Dump(t)) {
			t.Errorf("the same round again: %v, or something changed", err)
		}
		must(t, w.Begin(ctx, l, access))
		must(t, w.Chunk(ctx, l, request.Chunk{Address: people, N: 0, Rows: 1, Sealed: []byte("two")}))
		must(t, w.Begin(ctx, l, access)) // again
		must(t, w.Chunk(ctx, l, request.Chunk{Address: people, N: 0, Rows: 1, Sealed: []byte("three")}))
		must(t, w.Begin(ctx, l, erasure))
		db.Reopen(t)
		w = db.Work()
		r, err := db.Requests().Get(ctx, tenant, l.Request)
		must(t, err)
		all, err := w.Progress(ctx, tenant, l.Request)
		must(t, err)
		if r.Round != 2 || r.Step != "access" || len(all) != 4 || all[1].Round != 1 || all[1].Intent != 5 || all[3].Round != 2 || all[3].Intent != 0 {
			t.Errorf("round %d, step %q, progress %+v", r.Round, r.Step, all)
		}
		for round, want := range map[int]string{1: "one", 2: "three"} {
			must(t, w.Chunks(ctx, tenant, l.Request, people, round, func(_ int, sealed []byte) error {
				if string(sealed) != want {
					t.Errorf("round %d holds %q", round, sealed)
				}
				want = ""
				return nil
			}))
			if want != "" {
				t.Errorf("round %d holds nothing", round)
			}
		}
		outcomes, err := w.Outcomes(ctx, tenant, l.Request)
		must(t, err)
		if len(outcomes) != 0 {
			t.Errorf("what had failed before is still called failed: %+v", outcomes)
		}
	})
}
