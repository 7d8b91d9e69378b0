package store

import (
	"context"
	"fmt"
	"time"

	"volenti.dev/volenti/consent"
)

var _ consent.Checker = (*Checks)(nil)

// Checks answer whether a purpose is allowed. On an embedded database the
// states are in memory, changed with each commit before it is acknowledged;
// with several processes each check asks the database, because a state in
// memory could be one that another process has ended.
type Checks struct {
	c     *Consents
	index *consent.Index // nil: ask the database
	t     string
}

// Checks begins to load the tenant's states, and returns when they are
// loaded. Checks through it are right from the start of the first.
func (c *Consents) Checks(ctx context.Context, tenant string) (*Checks, error) {
	k := &Checks{c: c, t: tenant}
	if !c.db.Exclusive() {
		return k, nil
	}
	index, fresh, err := c.index(ctx, tenant)
	if err != nil {
		return nil, err
	}
	k.index = index
	if !fresh {
		return k, nil
	}
	err = c.db.engine.each(ctx, func(s scanner) error {
		a, state, err := scanState(s)
		if err == nil {
			index.Load(a.subject, a.purpose, state)
		}
		return err
	}, selectStates+` WHERE tenant = $1`, tenant)
	if err != nil {
		c.drop(tenant)
		return nil, fmt.Errorf("load the states: %w", err)
	}
	index.Ready()
	return k, nil
}

// Check implements consent.Checker.
func (k *Checks) Check(ctx context.Context, tenant string, id consent.SubjectID, purpose string, now time.Time) (consent.Decision, error) {
	if k.index != nil && tenant == k.t {
		if d, ok := k.index.Decide(id, purpose, now); ok {
			return d, nil
		}
	}
	return k.c.ask(ctx, tenant, id, purpose, now)
}

// askTime bounds a check that has to ask the database; whoever waits longer
// is better told no.
const askTime = 5 * time.Second

// ask reads rules and state in one statement, so that they belong together.
func (c *Consents) ask(ctx context.Context, tenant string, id consent.SubjectID, purpose string, now time.Time) (consent.Decision, error) {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	if _, err := c.db.Tenant(ctx, tenant); err != nil {
		return consent.Decision{}, err
	}
	var stamp, era, given int64
	var choice string
	err := c.db.engine.row(ctx, `
		SELECT COALESCE(MAX(r.stamp), 0), COALESCE(MAX(s.choice), ''), COALESCE(MAX(s.era), 0), COALESCE(MAX(s.given), 0)
		FROM (SELECT COALESCE(MAX(stamp), 0) AS stamp FROM consent_rules WHERE tenant = $1) r
		LEFT JOIN consent_state s ON s.tenant = $1 AND s.subject = $2 AND s.purpose = $3`, tenant, id.String(), purpose).Scan(&stamp, &choice, &era, &given)
	if err != nil {
		return consent.Decision{}, fmt.Errorf("check consent: %w", err)
	}
	rules, err := c.rulesAt(ctx, c.db.engine, tenant, stamp)
	if err != nil {
		return consent.Decision{}, err
	}
	c.keepRules(tenant, rules)
	return rules.Judgements()[purpose].Decide(consent.Choice(choice), int(era), instant(given), now), nil
}

// index gives the tenant's index, and whether it is a new one.
func (c *Consents) index(ctx context.Context, tenant string) (*consent.Index, bool, error) {
	m := &c.db.consents
	m.mu.Lock()
	x := m.indexes[tenant]
	m.mu.Unlock()
	if x != nil {
		return x, false, nil
	}
	// Made where writes are made, so that no change passes it by.
	fresh := false
	err := c.db.write(ctx, tenant, func(ctx context.Context, t *tx) error {
		rules, err := c.rulesIn(ctx, t, tenant)
		if err != nil {
			return err
		}
		t.growth.after = append(t.growth.after, func(bool) {
			m.mu.Lock()
			defer m.mu.Unlock()
			if m.indexes == nil {
				m.indexes = map[string]*consent.Index{}
			}
			if x = m.indexes[tenant]; x == nil {
				x, fresh = consent.NewIndex(rules), true
				m.indexes[tenant] = x
			}
		})
		return nil
	})
	return x, fresh, err
}

// follow hands the batch's states over when they stand.
func (c *Consents) follow(b *batch) {
	tenant := b.t.tenant
	b.t.growth.after = append(b.t.growth.after, func(stands bool) {
		x := c.current(tenant, stands)
		if x == nil {
			return
		}
		for a := range b.dirty {
			x.Set(a.subject, a.purpose, *b.states[a])
		}
	})
}

func (c *Consents) followRules(tenant string, rules *consent.Rules, stands bool) {
	if stands {
		c.keepRules(tenant, rules)
	}
	if x := c.current(tenant, stands); x != nil {
		x.Follow(rules)
	}
}

// current gives the index to be changed, if there is one. When it is not
// known whether a change stands, the index ends: checks ask the database.
func (c *Consents) current(tenant string, stands bool) *consent.Index {
	if !stands {
		c.drop(tenant)
		return nil
	}
	m := &c.db.consents
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.indexes[tenant]
}

func (c *Consents) drop(tenant string) {
	m := &c.db.consents
	m.mu.Lock()
	defer m.mu.Unlock()
	if x := m.indexes[tenant]; x != nil {
		x.Stop()
		delete(m.indexes, tenant)
	}
}
