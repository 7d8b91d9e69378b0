package http

import (
	"context"
	"sync"
	"time"

	"volenti.dev/volenti/connector"
)

// NewLimiter gives a connector.Limiter that lives as long as the process: there are never
// more than rate calls in any stretch of time as long as the period.
func NewLimiter() connector.Limiter { return &local{made: map[string][]time.Time{}} }

type local struct {
	mu   sync.Mutex
	made map[string][]time.Time // the calls of the last period, oldest first
}

func (l *local) Wait(ctx context.Context, key string, rate int64, period time.Duration) error {
	for {
		pause := l.take(key, rate, period)
		if pause <= 0 {
			return ctx.Err()
		}
		if err := wait(ctx, pause); err != nil {
			return err
		}
	}
}

// take counts a call, or says how long to wait until it may be tried again.
func (l *local) take(key string, rate int64, period time.Duration) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	made := l.made[key]
	for len(made) > 0 && now.Sub(made[0]) >= period {
		made = made[1:]
	}
	if int64(len(made)) >= rate {
		l.made[key] = made
		return period - now.Sub(made[0])
	}
	l.made[key] = append(made, now)
	return 0
}

// wait waits, or gives the error of the context that ended before.
func wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
