package store

import (
	"context"
	"encoding/json"
	"fmt"

	"volenti.dev/volenti/request"
)

// Progress gives how far all collections of a request have come, round by
// round.
func (w *Work) Progress(ctx context.Context, tenant, id string) ([]request.Progress, error) {
	all, err := collect(ctx, w.db.engine, func(row scanner) (p request.Progress, err error) {
		var started, ended int64
		err = row.Scan(&p.Address, &p.Action, &p.Status, &p.Attempt, &p.Position, &p.Intent, &p.RowsRead, &p.RowsMatched, &p.RowsMasked,
			&p.RowsAlready, &p.RowsFailed, &p.RowsResidue, &p.Message, &started, &ended, &p.Round)
		p.Started, p.Ended = instant(started), instant(ended)
		return p, err
	}, `SELECT `+progressColumns+` FROM request_progress WHERE tenant = $1 AND request = $2 ORDER BY round, address, action`, tenant, id)
	if err != nil {
		return nil, fmt.Errorf("read progress: %w", err)
	}
	return all, nil
}

// Outcomes gives what became of the fields of a request.
func (w *Work) Outcomes(ctx context.Context, tenant, id string) ([]request.FieldOutcome, error) {
	all, err := collect(ctx, w.db.engine, func(row scanner) (o request.FieldOutcome, err error) {
		err = row.Scan(&o.Address, &o.Field, &o.Status, &o.Reason, &o.Rows)
		return o, err
	}, `SELECT address, field, status, reason, rows FROM request_outcomes
		WHERE tenant = $1 AND request = $2 ORDER BY address, field, status, reason`, tenant, id)
	if err != nil {
		return nil, fmt.Errorf("read outcomes: %w", err)
	}
	return all, nil
}

// Skips gives the collections that an operator has taken out of a request,
// each with the reason.
func (w *Work) Skips(ctx context.Context, tenant, id string) (map[string]string, error) {
	skips := map[string]string{}
	err := w.db.engine.each(ctx, func(row scanner) error {
		var address, reason string
		err := row.Scan(&address, &reason)
		skips[address] = reason
		return err
	}, `SELECT address, reason FROM request_skips WHERE tenant = $1 AND request = $2`, tenant, id)
	if err != nil {
		return nil, fmt.Errorf("read what is skipped: %w", err)
	}
	return skips, nil
}

// Log gives up to limit lines of a request's execution log that follow the
// one with number after; 0 begins with the first. Lines of before schema 8 have
// one number of rows.
func (w *Work) Log(ctx context.Context, tenant, id string, after int64, limit int) ([]request.LogLine, error) {
	page, err := collect(ctx, w.db.engine, func(row scanner) (l request.LogLine, err error) {
		var at, started int64
		var fields, calls string
		if err = row.Scan(&l.Sequence, &at, &started, &l.Round, &l.Address, &l.Action, &l.Status, &l.Attempt, &l.Message, &l.RowsRead, &l.RowsMasked, &fields, &calls); err != nil {
			return l, err
		}
		l.At, l.Started = instant(at), instant(started)
		if err = json.Unmarshal([]byte(calls), &l.Calls); err == nil {
			err = json.Unmarshal([]byte(fields), &l.Fields)
		}
		return l, err
	}, `SELECT seq, at, started, round, address, action, status, attempt, message,
		CASE action WHEN 'access' THEN rows_read + rows ELSE rows_read END, CASE action WHEN 'access' THEN rows_masked ELSE rows_masked + rows END, fields, calls
		FROM request_log
		WHERE tenant = $1 AND request = $2 AND seq > $3 ORDER BY seq LIMIT $4`, tenant, id, after, limit)
	if err != nil {
		return nil, fmt.Errorf("read the execution log: %w", err)
	}
	return page, nil
}

// chunkPage bounds how many chunks are in memory at once.
const chunkPage = 8

// Chunks is described in fulfill.Work. It ends with an error when chunks are
// missing, so that data that was destroyed meanwhile is never taken for all
// there was: request.ErrDestroyed when the request has ended.
func (w *Work) Chunks(ctx context.Context, tenant, id, address string, round int, each func(n int, sealed []byte) error) error {
	next := 0
	for {
		page, err := w.chunks(ctx, tenant, id, address, round, next)
		if err != nil {
			return fmt.Errorf("read chunks: %w", err)
		}
		for _, c := range page {
			if c.n != next {
				return fmt.Errorf("read chunks: number %d of %s is missing", next, address)
			}
			if err := each(c.n, c.sealed); err != nil {
				return err
			}
			next++
		}
		if len(page) < chunkPage {
			break
		}
	}
	_, err := requestKey(ctx, w.db.engine, tenant, id)
	return err
}

type chunk struct {
	n      int
	sealed []byte
}

func (w *Work) chunks(ctx context.Context, tenant, id, address string, round, from int) ([]chunk, error) {
	return collect(ctx, w.db.engine, func(row scanner) (c chunk, err error) {
		err = row.Scan(&c.n, &c.sealed)
		return c, err
	}, `SELECT n, sealed FROM request_chunks
		WHERE tenant = $1 AND request = $2 AND address = $3 AND round = $4 AND n >= $5 ORDER BY n LIMIT $6`, tenant, id, address, round, from, chunkPage)
}
