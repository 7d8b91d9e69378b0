package store

import (
	"context"
	"fmt"

	"volenti.dev/volenti/audit"
	"volenti.dev/volenti/request"
)

// Omissions gives what is left out of the packages of a request, in an order that
// stays.
func (w *Work) Omissions(ctx context.Context, tenant, id string) ([]request.Omission, error) {
	all, err := collect(ctx, w.db.engine, func(row scanner) (o request.Omission, err error) {
		return o, row.Scan(&o.Address, &o.Row, &o.Field, &o.Rule, &o.Reason)
	}, `SELECT address, row_id, field, rule, reason FROM request_omissions WHERE tenant = $1 AND request = $2 ORDER BY address, field, row_id`, tenant, id)
	if err != nil {
		return nil, fmt.Errorf("read what is left out: %w", err)
	}
	return all, nil
}

// Omit leaves values out of the packages of a request, with its entry, while the
// request waits for an operator's last look: else request.ErrTransition. What is left
// out already gets the reason. request.ErrTooMuch where there is as much as may be.
func (s *Requests) Omit(ctx context.Context, tenant, id string, all []request.Omission, entry audit.Entry) error {
	return s.looked(ctx, tenant, id, entry, func(ctx context.Context, t *tx) error {
		for _, o := range all {
			_, err := t.exec(ctx, `INSERT INTO request_omissions (tenant, request, address, row_id, field, rule, reason) VALUES ($1, $2, $3, $4, $5, $6, $7)
				ON CONFLICT (tenant, request, address, row_id, field) DO UPDATE SET rule = excluded.rule, reason = excluded.reason`,
				t.tenant, id, o.Address, o.Row, o.Field, o.Rule, o.Reason)
			if err != nil {
				return fmt.Errorf("leave something out: %w", err)
			}
		}
		var kept int64
		if err := t.row(ctx, `SELECT COUNT(*) FROM request_omissions WHERE tenant = $1 AND request = $2`, t.tenant, id).Scan(&kept); err != nil {
			return fmt.Errorf("count what is left out: %w", err)
		}
		if kept > request.MaxOmissions {
			return request.ErrTooMuch
		}
		return nil
	})
}

// Readmit puts back what was left out, under the same conditions.
func (s *Requests) Readmit(ctx context.Context, tenant, id string, all []request.Omission, entry audit.Entry) error {
	return s.looked(ctx, tenant, id, entry, func(ctx context.Context, t *tx) error {
		for _, o := range all {
			_, err := t.exec(ctx, `DELETE FROM request_omissions WHERE tenant = $1 AND request = $2 AND address = $3 AND row_id = $4 AND field = $5`,
				t.tenant, id, o.Address, o.Row, o.Field)
			if err != nil {
				return fmt.Errorf("put something back: %w", err)
			}
		}
		return nil
	})
}

// looked changes something of a request that waits for a last look, and lets nobody
// end that meanwhile.
func (s *Requests) looked(ctx context.Context, tenant, id string, entry audit.Entry, change func(context.Context, *tx) error) error {
	return s.db.write(ctx, tenant, func(ctx context.Context, t *tx) error {
		_, err := t.move(ctx, `UPDATE requests SET status = status WHERE tenant = $1 AND id = $2 AND status = $3 RETURNING status`, tenant, id, request.RequiresFinalization)
		if err != nil {
			return err
		}
		if err := change(ctx, t); err != nil {
			return err
		}
		return t.log(ctx, entry)
	})
}
