package server

import (
	"context"
	"errors"
	"io"

	"volenti.dev/volenti/api"
	"volenti.dev/volenti/request"
	"volenti.dev/volenti/request/delivery"
)

// previews reads packages to be looked at.
type previews struct{ handing *handing }

var _ api.Previews = previews{}

// previewRows is how many rows of a collection are shown.
const previewRows = 3

// Preview implements api.Previews.
func (p previews) Preview(ctx context.Context, tenant, id, rule string) (found []delivery.Glimpse, err error) {
	file, err := p.open(ctx, tenant, id, rule)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	return delivery.Preview(file, previewRows)
}

// open gives what an access rule has given, or request.ErrRecipientOnly.
func (p previews) open(ctx context.Context, tenant, id, rule string) (io.ReadCloser, error) {
	s, name := p.handing.shelf(tenant, id), accessName
	if rule != "" {
		name = rule + "/" + accessName
	}
	file, err := s.open(ctx, name)
	if !errors.Is(err, request.ErrNotFound) {
		return file, err
	}
	closed, err := s.open(ctx, name+ageSuffix)
	if err != nil {
		return nil, err
	}
	return nil, errors.Join(request.ErrRecipientOnly, closed.Close())
}
