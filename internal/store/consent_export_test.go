package store

import (
	"context"
	"time"

	"volenti.dev/volenti/consent"
	"volenti.dev/volenti/subject"
)

// SweepAfter sweeps a purpose, and calls between once it has found what
// expired.
func (c *Consents) SweepAfter(ctx context.Context, tenant string, p consent.Purpose, between func()) (found int, err error) {
	group, err := c.ended(ctx, tenant, p, 100)
	if err != nil {
		return 0, err
	}
	between()
	c.together(tenant, group)
	for _, e := range group {
		if e.err != nil {
			return 0, e.err
		}
	}
	return len(group), nil
}

// Doubt is what happens to the states in memory when the outcome of a commit
// is unknown.
func (c *Consents) Doubt(tenant string) { c.current(tenant, false) }

// Ask answers a check from the database.
func (c *Consents) Ask(ctx context.Context, tenant string, id consent.SubjectID, purpose string, now time.Time) (consent.Decision, error) {
	return c.ask(ctx, tenant, id, purpose, now)
}

// FindAnew finds a subject in the database.
func (c *Consents) FindAnew(ctx context.Context, tenant string, identity subject.Identity) (consent.SubjectID, error) {
	return c.find(ctx, tenant, identity)
}

// FindSlowly finds a subject, with something between reading and keeping it.
func (c *Consents) FindSlowly(ctx context.Context, tenant string, identity subject.Identity, between func()) {
	k := &c.db.consents.known
	who := k.digest(tenant, identity)
	_, mark := k.lately(who)
	id, err := c.find(ctx, tenant, identity)
	between()
	if err == nil {
		k.keep(who, id, mark)
	}
}

// Keep keeps n made-up people as found, and gives how many are kept.
func (c *Consents) Keep(tenant string, n int) int {
	k := &c.db.consents.known
	for i := range n {
		_, mark := k.lately(whose{})
		k.keep(whose{byte(i), byte(i >> 8), byte(i >> 16)}, consent.SubjectID{1}, mark)
	}
	return len(k.young) + len(k.old)
}

// SearchAmong is Search where a page looks at so many records.
func (c *Consents) SearchAmong(ctx context.Context, tenant string, q consent.Query, look int) (consent.Page, error) {
	return c.search(ctx, tenant, q, look)
}
