package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"volenti.dev/volenti/connector"
)

// CallLimits counts calls to vendors, over all processes that share the database.
type CallLimits struct{ db *DB }

// CallLimits gives access to the counters of calls.
func (db *DB) CallLimits() *CallLimits { return &CallLimits{db} }

// Of gives the limiter of a tenant. There are never more than rate calls of a key in
// any stretch of time as long as the period, by the database's clock.
func (s *CallLimits) Of(tenant string) connector.Limiter { return &limiter{s.db, tenant} }

type limiter struct {
	db     *DB
	tenant string
}

// Wait implements connector.Limiter.
func (l *limiter) Wait(ctx context.Context, key string, rate int64, period time.Duration) error {
	release, err := l.db.turns.take(ctx, "calls/"+l.tenant+"/"+key)
	if err != nil {
		return err
	}
	defer release()
	for {
		counted, err := l.count(ctx, key, rate, period)
		if err != nil || counted {
			return err
		}
		pause, err := l.pause(ctx, key, rate, period)
		if err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
	}
}

// count counts a call where there may be one now. Calls are numbered, so that of two
// processes that want the same number one gets it, and the call that is rate calls
// before it says whether it may be made. What is before that is forgotten.
func (l *limiter) count(ctx context.Context, key string, rate int64, period time.Duration) (counted bool, err error) {
	err = l.db.write(ctx, l.tenant, func(ctx context.Context, t *tx) error {
		var number int64
		err := t.row(ctx, `
			INSERT INTO limited_calls (tenant, key, number, at, until)
			SELECT $1, $2, made.last + 1, {now}, {now} + $4
			FROM (SELECT COALESCE(MAX(number), 0) AS last FROM limited_calls WHERE tenant = $1 AND key = $2) AS made
			WHERE NOT EXISTS (SELECT 1 FROM limited_calls WHERE tenant = $1 AND key = $2 AND number = made.last + 1 - $3 AND at > {now} - $4)
			ON CONFLICT DO NOTHING RETURNING number`, l.tenant, key, rate, period.Microseconds()).Scan(&number)
		if counted = err == nil; errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("count a call: %w", err)
		}
		if _, err := t.exec(ctx, `DELETE FROM limited_calls WHERE tenant = $1 AND key = $2 AND number <= $3`, l.tenant, key, number-rate); err != nil {
			return fmt.Errorf("forget a call: %w", err)
		}
		return nil
	})
	return counted && err == nil, err
}

// pause is how long there may be no call.
func (l *limiter) pause(ctx context.Context, key string, rate int64, period time.Duration) (time.Duration, error) {
	var left int64
	err := l.db.engine.row(ctx, `
		SELECT at + $4 - {now} FROM limited_calls WHERE tenant = $1 AND key = $2
			AND number = (SELECT MAX(number) + 1 - $3 FROM limited_calls WHERE tenant = $1 AND key = $2)`,
		l.tenant, key, rate, period.Microseconds()).Scan(&left)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("see when a call may be made: %w", err)
	}
	return min(time.Duration(left)*time.Microsecond, period), nil
}

// Sweep forgets calls that count no more.
func (s *CallLimits) Sweep(ctx context.Context, tenant string) error {
	return s.db.write(ctx, tenant, func(ctx context.Context, t *tx) error {
		if _, err := t.exec(ctx, `DELETE FROM limited_calls WHERE tenant = $1 AND until <= {now}`, t.tenant); err != nil {
			return fmt.Errorf("forget calls: %w", err)
		}
		return nil
	})
}
