package fulfill

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"volenti.dev/volenti/request"
)

// renewing renews a lease so many times, and then it is somebody else's.
type renewing struct {
	Requests
	left int
}

func (r *renewing) Renew(context.Context, request.Lease, time.Duration) error {
	if r.left == 0 {
		return request.ErrFenced
	}
	r.left--
	return nil
}

func TestLeaseIsRenewedUntilItIsLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		keeper := &renewing{left: 5}
		r := &run{requests: keeper, limits: Limits{Lease: 30 * time.Second}}
		ctx, release := r.keepLease(t.Context())
		defer release()
		begun := time.Now()
		<-ctx.Done()
		if took := time.Since(begun); took != 60*time.Second || !errors.Is(context.Cause(ctx), request.ErrFenced) {
			t.Errorf("ended after %v with %v; the sixth renewal, every 10 s, is refused", took, context.Cause(ctx))
		}
	})
}
