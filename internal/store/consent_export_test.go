package store

import (
	"context"
	"time"

	"volenti.dev/volenti/consent"
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
