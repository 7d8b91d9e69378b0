package store

import (
	"context"
	"fmt"
	"io"

	"volenti.dev/volenti/audit"
	"volenti.dev/volenti/request"
)

// Raise sets how many rows per collection a request may write, while it has
// not ended: request.ErrTransition, and no entry, when it has.
func (s *Requests) Raise(ctx context.Context, tenant, id string, maxRows int64, entry audit.Entry) error {
	return s.db.write(ctx, tenant, func(ctx context.Context, t *tx) error {
		raised, err := t.exec(ctx, `UPDATE requests SET max_rows = $3 WHERE tenant = $1 AND id = $2 AND ended = 0`, tenant, id, maxRows)
		if err != nil {
			return fmt.Errorf("raise the limit: %w", err)
		}
		if raised == 0 {
			return request.ErrTransition
		}
		return t.log(ctx, entry)
	})
}

// Lock keeps something that a path stands for to one process, until it is
// closed or the process ends, however it ends. ErrInUse names the holder.
func Lock(path string) (io.Closer, error) {
	l, err := acquire(path)
	if err != nil {
		return nil, err
	}
	return l, nil
}
