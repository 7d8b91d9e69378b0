package server

import (
	"context"
	"errors"
	"io"

	"volenti.dev/volenti/api"
	"volenti.dev/volenti/audit"
	"volenti.dev/volenti/request"
	"volenti.dev/volenti/request/delivery"
	"volenti.dev/volenti/request/fulfill"
)

// omissions leaves values out of packages.
type omissions struct{ previews }

var _ api.Omissions = omissions{}

// Rows implements api.Omissions.
func (o omissions) Rows(ctx context.Context, tenant, id, rule, address string, without, limit int) (page delivery.Page, err error) {
	err = o.look(ctx, tenant, id, rule, func(file io.Reader, secret []byte) error {
		page, err = delivery.Rows(file, secret, address, without, limit)
		return err
	})
	return page, err
}

// Omitted implements api.Omissions.
func (o omissions) Omitted(ctx context.Context, tenant, id string) ([]request.Omission, error) {
	if _, err := o.handing.db.Requests().Get(ctx, tenant, id); err != nil {
		return nil, err
	}
	return o.handing.db.Work().Omissions(ctx, tenant, id)
}

// Omit implements api.Omissions.
func (o omissions) Omit(ctx context.Context, tenant, id string, all []request.Omission, entry audit.Entry) error {
	err := o.look(ctx, tenant, id, all[0].Rule, func(file io.Reader, secret []byte) error {
		found, err := delivery.Holds(file, secret, all[0].Address, cells(all))
		if err == nil && !found {
			err = request.ErrNoSuchValue
		}
		return err
	})
	if err != nil {
		return err
	}
	return o.handing.db.Requests().Omit(ctx, tenant, id, all, entry)
}

// Readmit implements api.Omissions.
func (o omissions) Readmit(ctx context.Context, tenant, id string, all []request.Omission, entry audit.Entry) error {
	return o.handing.db.Requests().Readmit(ctx, tenant, id, all, entry)
}

func cells(all []request.Omission) (cells []delivery.Cell) {
	for _, one := range all {
		cells = append(cells, delivery.Cell{Row: one.Row, Field: one.Field})
	}
	return cells
}

// look opens the package of a request that waits for a last look, with the secret of
// the ids of its rows.
func (o omissions) look(ctx context.Context, tenant, id, rule string, read func(file io.Reader, secret []byte) error) (err error) {
	r, err := o.handing.db.Requests().Get(ctx, tenant, id)
	if err != nil {
		return err
	}
	if r.Status != request.RequiresFinalization {
		return request.ErrTransition
	}
	key, err := o.handing.db.Keys().RequestKey(ctx, tenant, id)
	if err != nil {
		return err
	}
	file, err := o.open(ctx, tenant, id, rule)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	return read(file, key.Derive(fulfill.PackageRows))
}
