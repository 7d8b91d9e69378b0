package store

import (
	"context"
	"fmt"
	"time"

	"volenti.dev/volenti/consent/propagate"
	"volenti.dev/volenti/request"
)

// Tally counts what a tenant has, for those who watch over an installation.
type Tally struct {
	Requests map[request.Status]int64
	Overdue  int64
	Letters  map[string]int64 // by state
	// Oldest is how long the oldest letter waits that was not sent yet.
	Oldest time.Duration
	// Waiting are deliveries that are not over, and Resting connections to which
	// nothing is sent for now.
	Waiting, Resting int64
}

// Tally counts the requests, letters and deliveries of a tenant.
func (db *DB) Tally(ctx context.Context, tenant string) (Tally, error) {
	t := Tally{Requests: map[request.Status]int64{}, Letters: map[string]int64{}}
	err := db.engine.each(ctx, func(row scanner) error {
		var status request.Status
		var n int64
		err := row.Scan(&status, &n)
		t.Requests[status] = n
		return err
	}, `SELECT status, count(*) FROM requests WHERE tenant = $1 GROUP BY status`, tenant)
	if err == nil {
		err = db.engine.row(ctx, `SELECT count(*) FROM requests WHERE tenant = $1 AND due > 0 AND due <= {now} AND ended = 0 AND status <> $2`,
			tenant, request.IdentityUnverified).Scan(&t.Overdue)
	}
	if err == nil {
		err = db.engine.each(ctx, func(row scanner) error {
			var state string
			var n int64
			err := row.Scan(&state, &n)
			t.Letters[state] = n
			return err
		}, `SELECT state, count(*) FROM letters WHERE tenant = $1 GROUP BY state`, tenant)
	}
	var waits int64
	if err == nil {
		err = db.engine.row(ctx, `SELECT COALESCE({now} - MIN(created), 0) FROM letters WHERE tenant = $1 AND ended = 0`, tenant).Scan(&waits)
	}
	if err == nil {
		err = db.engine.row(ctx, `SELECT (SELECT count(*) FROM deliveries WHERE tenant = $1 AND status = 'pending')
			+ (SELECT count(*) FROM deliveries WHERE tenant = $1 AND status = 'sending'),
			(SELECT count(*) FROM delivery_lanes WHERE tenant = $1 AND (quiet > {now} OR failing >= $2))`, tenant, propagate.OpenAfter).Scan(&t.Waiting, &t.Resting)
	}
	t.Oldest = time.Duration(max(0, waits)) * time.Microsecond
	if err != nil {
		return t, fmt.Errorf("count what there is: %w", err)
	}
	return t, nil
}
