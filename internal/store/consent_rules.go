package store

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"volenti.dev/volenti/audit"
	"volenti.dev/volenti/consent"
	"volenti.dev/volenti/consent/notice"
)

// Rules gives what the tenant asks for and how.
func (c *Consents) Rules(ctx context.Context, tenant string) (*consent.Rules, error) {
	rules, err := c.rulesIn(ctx, c.db.engine, tenant)
	if err == nil {
		c.keepRules(tenant, rules)
	}
	return rules, err
}

// Configure sets the purposes and the custom sources. What is wrong with them
// is a *consent.Invalid.
func (c *Consents) Configure(ctx context.Context, tenant string, purposes []consent.Purpose, sources []consent.Source, entry audit.Entry) error {
	return c.change(ctx, tenant, entry, nil, func(r *consent.Rules, _ time.Time) (*consent.Rules, error) {
		return r.Configure(purposes, sources)
	})
}

// Apply sets the purposes to those of a configuration directory; see
// consent.Rules.
func (c *Consents) Apply(ctx context.Context, tenant string, purposes []consent.Purpose, managed bool, entry audit.Entry) error {
	return c.change(ctx, tenant, entry, nil, func(r *consent.Rules, _ time.Time) (*consent.Rules, error) {
		return r.Apply(purposes, managed)
	})
}

// Describe sets what receipts say of the controller.
func (c *Consents) Describe(ctx context.Context, tenant string, controller consent.Controller, entry audit.Entry) error {
	return c.change(ctx, tenant, entry, nil, func(r *consent.Rules, _ time.Time) (*consent.Rules, error) {
		return r.Describe(controller)
	})
}

// Publish publishes a version of the notice. When it is material, those who
// agreed to an earlier one are due to be asked again from this moment on. The
// same version again changes nothing.
func (c *Consents) Publish(ctx context.Context, tenant string, v notice.Version, entry audit.Entry) error {
	return c.change(ctx, tenant, entry, &v, func(r *consent.Rules, now time.Time) (*consent.Rules, error) {
		return r.Publish(v, now)
	})
}

func (c *Consents) change(ctx context.Context, tenant string, entry audit.Entry, published *notice.Version, to func(*consent.Rules, time.Time) (*consent.Rules, error)) error {
	return c.db.write(ctx, tenant, func(ctx context.Context, t *tx) error {
		_, at, err := t.growth.next(ctx, t, tenant)
		if err != nil {
			return fmt.Errorf("lock the ledger: %w", err)
		}
		old, err := c.rulesIn(ctx, t, tenant)
		if err != nil {
			return err
		}
		rules, err := to(old, instant(at))
		if err != nil || rules == old {
			return err
		}
		document, err := json.Marshal(rules)
		if err != nil {
			return fmt.Errorf("write the rules: %w", err)
		}
		if _, err := t.exec(ctx, `INSERT INTO consent_rules (tenant, stamp, at, document) VALUES ($1, $2, $3, $4)`, tenant, rules.Stamp, at, document); err != nil {
			return fmt.Errorf("store the rules: %w", err)
		}
		if published != nil {
			if err := t.keepNotice(ctx, *published); err != nil {
				return fmt.Errorf("store a version of the notice: %w", err)
			}
		}
		t.growth.after = append(t.growth.after, func(stands bool) { c.followRules(tenant, rules, stands) })
		if err := t.log(ctx, entry); err != nil {
			return err
		}
		if len(rules.Versions) > len(old.Versions) && rules.Versions[len(rules.Versions)-1].Material {
			return t.published(ctx, rules)
		}
		return nil
	})
}

// keepRules keeps committed rules in memory.
func (c *Consents) keepRules(tenant string, rules *consent.Rules) {
	m := &c.db.consents
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.rules == nil {
		m.rules = map[string]*consent.Rules{}
	}
	if old := m.rules[tenant]; old == nil || old.Stamp < rules.Stamp {
		m.rules[tenant] = rules
	}
}

// rulesIn reads the rules as q sees them. The document is read only when it is
// another than the one in memory.
func (c *Consents) rulesIn(ctx context.Context, q querier, tenant string) (*consent.Rules, error) {
	var stamp int64
	if err := q.all(ctx, []statement{standing(tenant, &stamp, new(int64))}); err != nil {
		return nil, fmt.Errorf("read the rules: %w", err)
	}
	return c.rulesAt(ctx, q, tenant, stamp)
}

// standing reads the stamp of the rules that hold, 0 when none were set, and the
// number of the digest key.
func standing(tenant string, stamp, digestKey *int64) statement {
	return statement{`SELECT COALESCE(MAX(stamp), 0), COALESCE((SELECT digest_key FROM tenants WHERE tenant = $1), 0) FROM consent_rules WHERE tenant = $1`, []any{tenant},
		func(s scanner) error { return s.Scan(stamp, digestKey) }}
}

// rulesAt gives the rules with this stamp. Rules with a stamp never change.
func (c *Consents) rulesAt(ctx context.Context, q querier, tenant string, stamp int64) (*consent.Rules, error) {
	m := &c.db.consents
	m.mu.Lock()
	known := m.rules[tenant]
	m.mu.Unlock()
	if known != nil && known.Stamp == stamp {
		return known, nil
	}
	rules := consent.DefaultRules()
	if stamp > 0 {
		var document []byte
		if err := q.row(ctx, `SELECT document FROM consent_rules WHERE tenant = $1 AND stamp = $2`, tenant, stamp).Scan(&document); err != nil {
			return nil, fmt.Errorf("read the rules: %w", err)
		}
		rules = &consent.Rules{}
		if err := json.Unmarshal(document, rules); err != nil {
			return nil, fmt.Errorf("read the rules: %w", err)
		}
		if rules.Eras == nil {
			rules.Eras = map[string][]consent.Era{}
		}
	}
	return rules, nil
}
