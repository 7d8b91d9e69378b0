package server

import (
	"context"
	"errors"

	"volenti.dev/volenti/api"
	"volenti.dev/volenti/audit"
	"volenti.dev/volenti/auth"
	"volenti.dev/volenti/internal/store"
	"volenti.dev/volenti/request"
)

// callbacks take the answers of systems that answer later.
type callbacks struct {
	db   *store.DB
	wake func()
}

var _ api.Callbacks = callbacks{}

// TakeReply implements api.Callbacks.
func (c callbacks) TakeReply(ctx context.Context, token string, body []byte) error {
	pass, err := c.db.Passes().Find(ctx, auth.PostReply, token)
	if err != nil {
		return err
	}
	id, question, number, ok := request.OfReply(pass.Object)
	if !ok {
		return auth.ErrRefused
	}
	key, err := c.db.Keys().RequestKey(ctx, pass.Tenant, id)
	if errors.Is(err, request.ErrDestroyed) || errors.Is(err, request.ErrNotFound) {
		return auth.ErrRefused
	}
	if err != nil {
		return err
	}
	reply := request.NewReply(key, pass.Tenant, id, question, number, body)
	entry := audit.Entry{Act: "request.reply", Object: "request/" + id, Details: map[string]any{"number": number, "bytes": len(body)}}
	if err := c.db.Requests().Reply(ctx, pass, id, reply, entry); err != nil {
		return err
	}
	c.wake()
	return nil
}
