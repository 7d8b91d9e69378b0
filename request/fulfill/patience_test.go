package fulfill

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"volenti.dev/volenti/request"
)

// failing is a store that fails in the middle of what it gives, as long as
// there are errors.
type failing struct {
	Work
	errs  []error
	calls []time.Duration // since the first
	begun time.Time
}

func (f *failing) Chunks(_ context.Context, _, _, _ string, _ int, each func(int, []byte) error) error {
	if f.begun.IsZero() {
		f.begun = time.Now()
	}
	f.calls = append(f.calls, time.Since(f.begun))
	for n := range 4 {
		if n == 2 && len(f.errs) > 0 {
			err := f.errs[0]
			f.errs = f.errs[1:]
			return err
		}
		if err := each(n, nil); err != nil {
			return err
		}
	}
	return nil
}

func (f *failing) chunks(ctx context.Context, each func(int, []byte) error) error {
	e := &Executor{Work: f, Log: slog.New(slog.DiscardHandler)}
	return e.waiting().Work.Chunks(ctx, "t", "r", "a", 1, each)
}

func TestChunksGoOnWhereTheStoreBrokeOff(t *testing.T) { // R3
	synctest.Test(t, func(t *testing.T) {
		f := &failing{errs: []error{request.ErrUnavailable, fmt.Errorf("read: %w", request.ErrUnavailable)}}
		var got []int
		err := f.chunks(t.Context(), func(n int, _ []byte) error { got = append(got, n); return nil })
		if fmt.Sprint(got, err, f.calls) != "[0 1 2 3] <nil> [0s 500ms 1.5s]" {
			t.Errorf("chunks %v, %v, asked at %v", got, err, f.calls)
		}
	})
}

func TestStoreIsWaitedForAsLongAsALease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &failing{}
		for range 100 {
			f.errs = append(f.errs, request.ErrUnavailable)
		}
		err := f.chunks(t.Context(), func(int, []byte) error { return nil })
		if last := f.calls[len(f.calls)-1]; !errors.Is(err, request.ErrUnavailable) || last < 30*time.Second || last > time.Minute {
			t.Errorf("given up after %v: %v", last, err)
		}
	})
}

func TestOnlyTheStoresAbsenceIsWaitedFor(t *testing.T) {
	own, broken := fmt.Errorf("of the caller: %w", request.ErrUnavailable), errors.New("broken")
	f := &failing{}
	if err := f.chunks(t.Context(), func(int, []byte) error { return own }); !errors.Is(err, own) || len(f.calls) != 1 {
		t.Errorf("the caller's own error: %v after %d calls", err, len(f.calls))
	}
	f = &failing{errs: []error{broken}}
	if err := f.chunks(t.Context(), func(int, []byte) error { return nil }); !errors.Is(err, broken) || len(f.calls) != 1 {
		t.Errorf("another error: %v after %d calls", err, len(f.calls))
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(request.ErrFenced)
	f = &failing{errs: []error{request.ErrUnavailable}}
	if err := f.chunks(ctx, func(int, []byte) error { return nil }); !errors.Is(err, request.ErrFenced) {
		t.Errorf("a lease that is lost: %v", err)
	}
}
