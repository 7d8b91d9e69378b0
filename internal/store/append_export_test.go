package store

import (
	"bytes"
	"context"
	"sync"

	"volenti.dev/volenti/audit"
	"volenti.dev/volenti/consent"
)

var alone sync.Mutex

// AppendAlone is Append with a transaction of its own, without a key.
func (c *Consents) AppendAlone(ctx context.Context, tenant, _ string, entries []consent.Entry) ([]consent.Outcome, error) {
	keys, err := c.db.Tenant(ctx, tenant)
	if err != nil {
		return nil, err
	}
	if c.db.Exclusive() { // whose writer would put it into one commit with others
		alone.Lock()
		defer alone.Unlock()
	}
	p := newChoices(ctx, entries, keys)
	c.together(tenant, []*choices{p})
	return p.outcomes, p.err
}

// Prove logs n records that are stored nowhere but in the tree.
func (c *Consents) Prove(ctx context.Context, tenant string, n int) error {
	return c.db.write(ctx, tenant, func(ctx context.Context, t *tx) error {
		seq, at, err := t.growth.next(ctx, t, tenant)
		for i := range int64(n) {
			r := consent.Record{Sequence: seq + i, Subject: consent.SubjectID{1}, Purpose: "analytics", Choice: consent.Granted, At: instant(at), Given: instant(at)}
			logged, err := r.Logged(tenant, bytes.Repeat([]byte{1}, audit.SaltSize))
			if err != nil {
				return err
			}
			t.growth.leaves = append(t.growth.leaves, grown{tenant, logged.Leaf})
		}
		return err
	})
}

// Waiting is how many wait in the tenant's line.
func (c *Consents) Waiting(tenant string) int {
	l := c.db.consents.lines.tenant(tenant)
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.waiting)
}

// Leading tells whether somebody has the turn, and took all that waited along.
func (c *Consents) Leading(tenant string) bool {
	l := c.db.consents.lines.tenant(tenant)
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.taken && len(l.waiting) == 0
}

// Ring tells whether a subject's key is in memory, unwrapped, and how many are.
func (c *Consents) Ring(tenant string, id consent.SubjectID) (held bool, size int) {
	r := &c.db.consents.keyring
	r.mu.Lock()
	defer r.mu.Unlock()
	name := keyName{tenant, id}
	return r.young[name].key != nil || r.former[name].key != nil, len(r.young) + len(r.former)
}

// RingSize is how many keys are in memory at most.
const RingSize = keyringSize
