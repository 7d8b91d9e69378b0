package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"volenti.dev/volenti/audit"
	"volenti.dev/volenti/consent/site"
	"volenti.dev/volenti/internal/seal"
)

// banners is what a process keeps in memory of the choices of visitors.
type banners struct {
	lines    lines[*chosen]
	networks networks
}

// decision tells what becomes of what stands; prior is nil for nothing.
type decision func(prior *site.Standing, now time.Time) (site.Outcome, error)

// chosen is one choice that waits.
type chosen struct {
	ctx          context.Context
	site, device string // the device as a digest
	key, content string // digests of the submission; "" for none
	network      string // truncated; "" when unknown
	decide       decision

	standing site.Standing
	err      error
	turn     chan bool
}

func newChosen(ctx context.Context, keys *seal.Tenant, siteID, device, submission string) *chosen {
	return &chosen{
		ctx: ctx, site: siteID, device: deviceDigest(keys, siteID, device), turn: make(chan bool, 1),
		key: digestOfSite(keys, "submission", siteID, device+"\x00"+submission),
	}
}

func (p *chosen) told() chan bool { return p.turn }

// wait returns when the choice is durable or refused.
func (c *SiteConsents) wait(tenant string, p *chosen) {
	c.db.banners.lines.tenant(tenant).wait(p, func(waiting []*chosen) (group, rest []*chosen) {
		n := min(groupLimit, len(waiting))
		return waiting[:n:n], slices.Clone(waiting[n:])
	}, func(group []*chosen) { c.together(tenant, group) })
}

// together writes a group; when it fails, each goes by itself, so that a bad
// one takes nobody along.
func (c *SiteConsents) together(tenant string, group []*chosen) {
	ctx := context.WithoutCancel(group[0].ctx) // the others do not end with the one whose turn it is
	err := c.write(ctx, tenant, group)
	if err == nil {
		return
	}
	alone := len(group) > 1 && !errors.Is(err, ErrUnknown) && !errors.Is(err, ErrUnavailable)
	for _, p := range group {
		if alone {
			err = c.write(ctx, tenant, []*chosen{p})
		}
		if err != nil {
			p.standing, p.err = site.Standing{}, fmt.Errorf("record a choice: %w", err)
		}
	}
}

func (c *SiteConsents) write(ctx context.Context, tenant string, group []*chosen) error {
	return c.db.write(ctx, tenant, func(ctx context.Context, t *tx) error {
		b, err := c.open(ctx, t, group)
		if err != nil {
			return err
		}
		for _, p := range group {
			p.standing, p.err = site.Standing{}, p.ctx.Err()
			if p.err != nil {
				continue
			}
			if p.standing, p.err, err = b.take(ctx, p); err != nil {
				return err
			}
		}
		return b.flush(ctx)
	})
}

// choosing is a group of choices in one transaction: what stands is read at
// once, each is decided in memory, then all is written at once.
type choosing struct {
	c    *SiteConsents
	t    *tx
	now  time.Time
	next int64 // sequence

	visitors map[string]*visitor   // by device
	taken    map[string]submission // by key
	digests  map[string]string     // by network

	dirty  map[string]bool // visitors to be stored
	leaves []audit.Leaf
	rows   map[*insertion][][]any
}

// submission is one that was taken before.
type submission struct{ content string }

var (
	intoLeaves      = into("audit_leaves", "seq bigint, version bigint, at bigint, act text, object text, commitment text", "")
	intoDetails     = into("audit_details", "seq bigint, sealed bytea", "")
	intoSubmissions = into("site_submissions", "site text, key text, content text, consent text, seq bigint, at bigint", "")
	intoVisitors    = into("site_consents", "site text, device text, id text, seq bigint, version bigint, digest text, categories text, vendors text, source text, signal bigint, created bigint, updated bigint, expires bigint, person text, bridged bigint", `
		ON CONFLICT (tenant, site, device) DO UPDATE SET id = excluded.id, seq = excluded.seq, version = excluded.version, digest = excluded.digest,
			categories = excluded.categories, vendors = excluded.vendors, source = excluded.source, signal = excluded.signal,
			created = excluded.created, updated = excluded.updated, expires = excluded.expires, person = excluded.person, bridged = excluded.bridged`)
)

// open locks the end of the log, behind which all choices of a tenant come one
// after the other, and reads what stands for the devices of the group.
func (c *SiteConsents) open(ctx context.Context, t *tx, group []*chosen) (*choosing, error) {
	b := &choosing{
		c: c, t: t, visitors: map[string]*visitor{}, taken: map[string]submission{}, digests: map[string]string{},
		dirty: map[string]bool{}, rows: map[*insertion][][]any{},
	}
	devices, keys := map[string][]string{}, map[string][]string{} // by site
	for _, p := range group {
		devices[p.site] = append(devices[p.site], p.device)
		if p.key != "" {
			keys[p.site] = append(keys[p.site], p.key)
		}
	}
	all := t.growth.lock(t.tenant)
	for id := range devices {
		all = append(all, statement{selectVisitor + ` WHERE tenant = $1 AND site = $2 AND device {in $3}`, []any{t.tenant, id, devices[id]}, b.scanVisitor})
		if len(keys[id]) > 0 {
			all = append(all, statement{`SELECT key, content FROM site_submissions WHERE tenant = $1 AND site = $2 AND key {in $3}`, []any{t.tenant, id, keys[id]}, b.scanSubmission})
		}
	}
	if err := t.all(ctx, all); err != nil {
		return nil, fmt.Errorf("read what stands: %w", err)
	}
	next, at, err := t.growth.end(t.tenant)
	b.next, b.now = next, instant(at)
	return b, err
}

func (b *choosing) scanVisitor(s scanner) error {
	v, err := scanVisitor(s)
	b.visitors[v.device] = &v
	return err
}

func (b *choosing) scanSubmission(s scanner) error {
	var key string
	var r submission
	err := s.Scan(&key, &r.content)
	b.taken[key] = r
	return err
}

// take decides about one choice. Wrong is what is wrong with it; after an
// error the whole group is lost.
func (b *choosing) take(ctx context.Context, p *chosen) (s site.Standing, wrong, err error) {
	v := b.visitors[p.device]
	if r, ok := b.taken[p.key]; ok && p.key != "" {
		switch {
		case r.content != p.content:
			return s, site.ErrConflict, nil
		case v == nil:
			return s, nil, nil
		}
		return v.Standing, nil, nil
	}
	var prior *site.Standing
	if v != nil {
		prior = &v.Standing
	}
	o, wrong := p.decide(prior, b.now)
	if wrong != nil {
		return s, wrong, nil
	}
	if v != nil && !b.now.Before(v.Expires) { // as the sweeper would have it
		if v.Source != site.Withdrawal {
			if _, err := b.log(site.Object(v.ID), site.Expire(v.site, v.Standing, b.now)); err != nil {
				return s, nil, err
			}
		}
		v, o.Standing.ID, o.Standing.Linked, o.Record.Linked = nil, "", false, false
	}
	if v == nil {
		v = &visitor{site: p.site, device: p.device}
	}
	if o.Act != "" {
		if o.Record.Network, err = b.network(ctx, p.network); err != nil {
			return s, nil, err
		}
		if o.Standing.ID == "" {
			if o.Standing.ID, err = newConsentID(b.t); err != nil {
				return s, nil, err
			}
		}
		if o.Standing.Sequence, err = b.log(site.Object(o.Standing.ID), o); err != nil {
			return s, nil, err
		}
		v.Standing = o.Standing
		b.visitors[p.device], b.dirty[p.device] = v, true
	}
	if p.key != "" {
		b.taken[p.key] = submission{p.content}
		b.add(intoSubmissions, p.site, p.key, p.content, v.ID, v.Sequence, micros(b.now))
	}
	return v.Standing, nil, nil
}

// network gives the digest of a network, made once for the group.
func (b *choosing) network(ctx context.Context, network string) (digest string, err error) {
	digest, ok := b.digests[network]
	if !ok {
		if digest, err = b.t.networkDigest(ctx, &b.c.db.banners.networks, network, b.now); err == nil {
			b.digests[network] = digest
		}
	}
	return digest, err
}

// log adds the leaf of a record.
func (b *choosing) log(object string, o site.Outcome) (seq int64, err error) {
	details, err := detailsOfRecord(o.Record)
	if err != nil {
		return 0, err
	}
	salt := make([]byte, audit.SaltSize)
	if _, err := io.ReadFull(b.t.rand, salt); err != nil {
		return 0, fmt.Errorf("make a salt: %w", err)
	}
	seq = b.next
	r, err := audit.NewRecord(b.t.tenant, seq, b.now, audit.Entry{Act: o.Act, Object: object, Details: details}, salt)
	if err != nil {
		return 0, err
	}
	b.add(intoLeaves, seq, int64(r.Version), micros(b.now), r.Act, r.Object, r.Commitment)
	b.add(intoDetails, seq, b.t.keys.Seal(slices.Concat(r.Salt, r.Details), detailsOf(b.t.tenant, seq)))
	b.leaves = append(b.leaves, r.Leaf)
	b.next++
	return seq, nil
}

func (b *choosing) add(into *insertion, row ...any) { b.rows[into] = append(b.rows[into], row) }

// flush writes all that was decided.
func (b *choosing) flush(ctx context.Context) error {
	for device := range b.dirty {
		row, err := b.visitors[device].row()
		if err != nil {
			return err
		}
		b.add(intoVisitors, row...)
	}
	var all []statement
	for _, table := range []*insertion{intoLeaves, intoDetails, intoVisitors, intoSubmissions} {
		all = append(all, b.t.fill(table, b.t.tenant, b.rows[table])...)
	}
	if err := b.t.all(ctx, all); err != nil {
		return unwritable("store what was chosen", err)
	}
	for _, l := range b.leaves {
		b.t.growth.leaves = append(b.t.growth.leaves, grown{b.t.tenant, l})
	}
	return nil
}

// row is a visitor as intoVisitors takes it.
func (v *visitor) row() ([]any, error) {
	categories, err := json.Marshal(v.Categories)
	vendors, err2 := json.Marshal(v.Vendors)
	if err = errors.Join(err, err2); err != nil {
		return nil, fmt.Errorf("write what stands for a device: %w", err)
	}
	signal := int64(0)
	if v.Signal {
		signal = 1
	}
	return []any{
		v.site, v.device, v.ID, v.Sequence, int64(v.Version), v.Digest, string(categories), string(vendors), string(v.Source), signal,
		micros(v.Recorded), micros(v.Updated), micros(v.Expires), v.person, v.bridged,
	}, nil
}
