package server

import (
	"context"
	"errors"
	"fmt"

	"volenti.dev/volenti/api"
	"volenti.dev/volenti/audit"
	"volenti.dev/volenti/auth"
	"volenti.dev/volenti/internal/store"
	"volenti.dev/volenti/message"
	"volenti.dev/volenti/request"
)

// messages are what people and operators write to each other. A thread is kept as
// long after the end of its request as a package is.
type messages struct{ front *front }

var _ api.Messages = messages{}

func (m messages) store() *store.Messages { return m.front.store().Messages() }

func (m messages) handing() *handing { return m.front.desk.handing }

// Exchanged implements api.Messages.
func (m messages) Exchanged(ctx context.Context, tenant string, ids ...string) (map[string]request.Thread, error) {
	return m.store().Of(ctx, tenant, ids...)
}

// Read implements api.Messages.
func (m messages) Read(ctx context.Context, tenant, id string) (request.Thread, error) {
	return m.store().Read(ctx, tenant, id)
}

// Answer implements api.Messages.
func (m messages) Answer(ctx context.Context, caller auth.Caller, id string, n api.Note) (request.Message, bool, error) {
	none := request.Message{}
	r, err := m.front.store().Requests().Get(ctx, caller.Tenant, id)
	if err != nil {
		return none, false, err
	}
	to, err := m.address(ctx, r)
	if err != nil {
		return none, false, err
	}
	writing, _, err := m.handing().about(ctx, r)
	if err != nil {
		return none, false, err
	}
	told, err := writing.Letter(r, to, message.Answer, nil)
	if err != nil {
		return none, false, err
	}
	entry := audit.Entry{Act: "message.send", Object: "request/" + id, Details: map[string]any{"by": caller.By(), "told": !to.None()}}
	w, _, err := m.store().Write(ctx, caller.Tenant, id, store.Written{
		From: request.FromCompany, Text: n.Text, Once: n.Once, Read: n.Read, Keeps: m.handing().keeps, To: to, Told: told, Entry: entry,
	})
	return w, !to.None(), err
}

// Settle implements api.Messages.
func (m messages) Settle(ctx context.Context, caller auth.Caller, id string, upTo int64) error {
	entry := audit.Entry{Act: "message.settle", Object: "request/" + id, Details: map[string]any{"by": caller.By(), "message": upTo}}
	return m.store().Settle(ctx, caller.Tenant, id, upTo, entry)
}

// Follow implements api.Messages.
func (m messages) Follow(ctx context.Context, token string) (api.Conversation, error) {
	r, err := m.front.followed(ctx, token)
	if err != nil {
		return api.Conversation{}, err
	}
	return m.conversation(ctx, r)
}

// Ask implements api.Messages.
func (m messages) Ask(ctx context.Context, token string, n api.Note) (api.Conversation, error) {
	none := api.Conversation{}
	r, err := m.front.followed(ctx, token)
	if err != nil {
		return none, err
	}
	to, err := m.address(ctx, r)
	if err != nil {
		return none, err
	}
	_, _, err = m.store().Write(ctx, r.Tenant, r.ID, store.Written{
		From: request.FromPerson, Text: n.Text, Once: n.Once, Read: n.Read, Keeps: m.handing().keeps, To: to,
		Entry: audit.Entry{Act: "message.receive", Object: "request/" + r.ID, Details: map[string]any{"by": byPerson}},
	})
	if err != nil {
		return none, err
	}
	return m.conversation(ctx, r)
}

// See implements api.Messages.
func (m messages) See(ctx context.Context, token string, upTo int64) (api.Conversation, error) {
	r, err := m.front.followed(ctx, token)
	if err != nil {
		return api.Conversation{}, err
	}
	if err := m.store().See(ctx, r.Tenant, r.ID, upTo); err != nil {
		return api.Conversation{}, err
	}
	return m.conversation(ctx, r)
}

func (m messages) conversation(ctx context.Context, r request.Request) (api.Conversation, error) {
	thread, err := m.store().Read(ctx, r.Tenant, r.ID)
	if err != nil {
		return api.Conversation{}, err
	}
	to, err := m.address(ctx, r)
	if err != nil {
		return api.Conversation{}, err
	}
	takes := thread.TakesFrom(request.FromPerson, r, m.handing().keeps, m.front.desk.now())
	return api.Conversation{Thread: thread, Open: takes == nil, Full: errors.Is(takes, request.ErrThreadFull), Told: !to.None()}, nil
}

// address gives where the person is told that there is a message: that of the
// request while it is open, then what is kept with the thread or beside the
// package. There may be none.
func (m messages) address(ctx context.Context, r request.Request) (request.Address, error) {
	to, _, err := m.handing().handover(ctx, r.Tenant, r.ID)
	if err != nil || !to.None() || m.handing().writing.URL == "" {
		return to, err
	}
	if to, err = m.store().Address(ctx, r.Tenant, r.ID); err != nil || !to.None() {
		return to, err
	}
	to, err = m.handing().kept(ctx, r.Tenant, r.ID)
	if errors.Is(err, request.ErrNotFound) || errors.Is(err, request.ErrNoAddress) {
		return request.Address{}, nil
	}
	return to, err
}

// expireMessages destroys the texts of threads whose time is over.
func (h *handing) expireMessages(ctx context.Context, tenant string) error {
	for {
		over, err := h.db.Messages().Outlived(ctx, tenant, h.keeps, expireSlice)
		if err != nil {
			return err
		}
		for _, id := range over {
			if err := h.db.Messages().Destroy(ctx, tenant, id, "their time is over"); err != nil {
				return fmt.Errorf("destroy messages: %w", err)
			}
		}
		if len(over) < expireSlice {
			return nil
		}
	}
}
