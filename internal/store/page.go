package store

import (
	"context"
	"fmt"

	"volenti.dev/volenti/request"
)

// Page gives up to limit requests, without their plans, that are older than
// the one with id before, newest first; "" begins with the newest. A status
// and a policy that are not "" leave out the requests of others.
func (s *Requests) Page(ctx context.Context, tenant string, status request.Status, policy, before string, limit int) ([]request.Request, error) {
	statement, args := selectPage+` WHERE tenant = $1`, []any{tenant}
	where := func(condition string, value any) {
		args = append(args, value)
		statement += fmt.Sprintf(" AND "+condition, len(args))
	}
	if status != "" {
		where("status = $%d", status)
	}
	if policy != "" {
		where("policy = $%d", policy)
	}
	if before != "" {
		where("id < $%d", before)
	}
	args = append(args, limit)
	page, err := collect(ctx, s.db.engine, scanRequest, statement+fmt.Sprintf(" ORDER BY id DESC LIMIT $%d", len(args)), args...)
	if err != nil {
		return nil, fmt.Errorf("list requests: %w", err)
	}
	return page, nil
}

const selectPage = `SELECT ` + requestColumns + `, NULL FROM requests`

// Ready says whether the database answers.
func (db *DB) Ready(ctx context.Context) error {
	return db.engine.row(ctx, `SELECT 1`).Scan(new(int64))
}
