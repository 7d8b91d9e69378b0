package store

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"volenti.dev/volenti/audit"
	"volenti.dev/volenti/request"
)

// Views keeps which requests operators like to look at, each for themselves.
type Views struct{ db *DB }

// Views gives access to the views.
func (db *DB) Views() *Views { return &Views{db} }

// List gives those of an operator, by name.
func (s *Views) List(ctx context.Context, tenant, operator string) ([]request.View, error) {
	all, err := collect(ctx, s.db.engine, func(row scanner) (v request.View, err error) {
		return v, row.Scan(&v.ID, &v.Name, &v.Filter)
	}, `SELECT id, name, filter FROM request_views WHERE tenant = $1 AND operator = $2 ORDER BY name`, tenant, operator)
	if err != nil {
		return nil, fmt.Errorf("list views: %w", err)
	}
	return all, nil
}

// Save keeps a view with its entry, in the place of the operator's view of that
// name, and gives its id, which it draws. request.ErrTooMany where there are as
// many as there may be.
func (s *Views) Save(ctx context.Context, tenant, operator string, v request.View, entry audit.Entry) (id string, err error) {
	err = s.db.write(ctx, tenant, func(ctx context.Context, t *tx) error {
		if _, err := t.exec(ctx, `DELETE FROM request_views WHERE tenant = $1 AND operator = $2 AND name = $3`, t.tenant, operator, v.Name); err != nil {
			return fmt.Errorf("replace a view: %w", err)
		}
		var others int64
		if err := t.row(ctx, `SELECT COUNT(*) FROM request_views WHERE tenant = $1 AND operator = $2`, t.tenant, operator).Scan(&others); err != nil {
			return fmt.Errorf("count views: %w", err)
		}
		if others >= request.MaxViews {
			return request.ErrTooMany
		}
		drawn, err := uuid.NewV7FromReader(t.rand)
		if err != nil {
			return fmt.Errorf("draw the id of a view: %w", err)
		}
		id, entry.Object = drawn.String(), "view/"+drawn.String()
		if _, err := t.exec(ctx, `INSERT INTO request_views (tenant, operator, id, name, filter) VALUES ($1, $2, $3, $4, $5)`, t.tenant, operator, id, v.Name, v.Filter); err != nil {
			return fmt.Errorf("keep a view: %w", err)
		}
		return t.log(ctx, entry)
	})
	return id, err
}

// Remove forgets a view of an operator, if it is there, with an entry that it was
// asked for.
func (s *Views) Remove(ctx context.Context, tenant, operator, id string, entry audit.Entry) error {
	return s.db.write(ctx, tenant, func(ctx context.Context, t *tx) error {
		if _, err := t.exec(ctx, `DELETE FROM request_views WHERE tenant = $1 AND operator = $2 AND id = $3`, t.tenant, operator, id); err != nil {
			return fmt.Errorf("remove a view: %w", err)
		}
		return t.log(ctx, entry)
	})
}
