package store

import (
	"context"
	"fmt"

	"volenti.dev/volenti/request"
	"volenti.dev/volenti/subject"
)

// Paper is something that is kept with a request, sealed when it is stored.
type Paper struct {
	Kind, Name string
	Plain      subject.Personal[[]byte]
}

// Papers gives what of a kind is kept with a request, sealed, in the order of
// the names. Once the request has ended there is nothing.
func (w *Work) Papers(ctx context.Context, tenant, id, kind string) ([]request.Paper, error) {
	all, err := collect(ctx, w.db.engine, func(row scanner) (p request.Paper, err error) {
		p.Kind = kind
		err = row.Scan(&p.Name, &p.Sealed)
		return p, err
	}, `SELECT name, sealed FROM request_papers WHERE tenant = $1 AND request = $2 AND kind = $3 ORDER BY name`, tenant, id, kind)
	if err != nil {
		return nil, fmt.Errorf("read papers: %w", err)
	}
	return all, nil
}

// PutPaper keeps a paper with a request that is carried out, in the place of
// one of the same kind and name.
func (w *Work) PutPaper(ctx context.Context, l request.Lease, p request.Paper) error {
	return w.db.hold(ctx, l, func(ctx context.Context, t *tx, _ int64) error { return t.putPaper(ctx, l.Request, p) })
}

func (t *tx) putPaper(ctx context.Context, id string, p request.Paper) error {
	if _, err := t.exec(ctx, `INSERT INTO request_papers (tenant, request, kind, name, sealed) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (tenant, request, kind, name) DO UPDATE SET sealed = excluded.sealed`, t.tenant, id, p.Kind, p.Name, p.Sealed); err != nil {
		return fmt.Errorf("keep a paper: %w", err)
	}
	t.growth.bulk += len(p.Sealed)
	return nil
}
