package store

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"volenti.dev/volenti/audit"
	"volenti.dev/volenti/consent"
	"volenti.dev/volenti/consent/notice"
	"volenti.dev/volenti/consent/site"
)

// The bridge between the devices of a person and the ledger goes both ways, each
// in one commit that holds the end of the tenant's log:
//
//	a device chooses          -> Bridge: what all its devices say -> records
//	the person says elsewhere -> Follow: what that changes        -> the devices
//
// A grant that Bridge has written ends with the last yes that it rests on:
//
//	Bridge -> device_grants: when that is -> EndGrants -> records that it expired
//
// It compares what stands with what is to stand, so that a second run changes
// nothing. What Follow writes has source ledger and is never bridged, what Bridge
// writes is never followed: so neither causes the other.

// ours is the condition of records that Bridge has written.
const ours = `source IN ('cookie_banner', 'gpc') AND notice LIKE 'site/%'`

// Bridge records in the ledger what the devices of a person say, where the
// consent is of a device that is linked to one. When it has returned, no check
// allows what was refused or withdrawn on it.
func (s *Devices) Bridge(ctx context.Context, tenant, id string) error {
	all, err := s.people(ctx, `SELECT person FROM site_consents WHERE tenant = $1 AND id = $2 AND person <> ''`, tenant, id)
	if err != nil {
		return err
	}
	return s.each(ctx, tenant, all)
}

// BridgeRest does what Bridge has left undone, withdrawals first: a process was
// killed between a choice and its bridge.
func (s *Devices) BridgeRest(ctx context.Context, tenant string) error {
	all, err := s.people(ctx, `
		SELECT person FROM site_consents WHERE tenant = $1 AND person <> '' AND bridged < seq AND source <> 'ledger'
		ORDER BY CASE source WHEN 'withdrawal' THEN 0 ELSE 1 END, seq`, tenant)
	if err != nil {
		return err
	}
	return s.each(ctx, tenant, all)
}

// Follow takes over to devices what people said elsewhere in up to limit records
// behind those that it has looked at, and says whether there are more.
func (s *Devices) Follow(ctx context.Context, tenant string, limit int64) (more bool, err error) {
	var from, size, linked int64
	if err := s.db.engine.row(ctx, `SELECT COALESCE((SELECT seq FROM device_cursors WHERE tenant = $1), 0), size,
		(SELECT COUNT(*) FROM (SELECT 1 FROM site_consents WHERE tenant = $1 AND person <> '' LIMIT 1) AS first)
		FROM audit_heads WHERE tenant = $1`, tenant).Scan(&from, &size, &linked); err != nil {
		return false, fmt.Errorf("read how far devices follow: %w", err)
	}
	if linked == 0 || from >= size {
		return false, nil
	}
	to := min(size, from+limit)
	all, err := s.people(ctx, `
		SELECT DISTINCT subject FROM consent_records WHERE tenant = $1 AND seq >= $2 AND seq < $3 AND source <> 'expiry' AND NOT (`+ours+`)
		AND EXISTS (SELECT 1 FROM site_consents c WHERE c.tenant = $1 AND c.person = consent_records.subject AND c.person <> '')`, tenant, from, to)
	if err != nil {
		return false, err
	}
	if err := s.each(ctx, tenant, all); err != nil {
		return false, err
	}
	err = s.db.write(ctx, tenant, func(ctx context.Context, t *tx) error {
		_, err := t.exec(ctx, `INSERT INTO device_cursors (tenant, seq) VALUES ($1, $2)
			ON CONFLICT (tenant) DO UPDATE SET seq = excluded.seq WHERE device_cursors.seq < excluded.seq`, tenant, to)
		return err
	})
	if err != nil {
		return false, fmt.Errorf("note how far devices follow: %w", err)
	}
	return to < size, nil
}

func (s *Devices) people(ctx context.Context, query string, args ...any) ([]consent.SubjectID, error) {
	all, err := collect(ctx, s.db.engine, func(s scanner) (id consent.SubjectID, err error) {
		var text string
		if err := s.Scan(&text); err != nil {
			return id, err
		}
		return consent.ParseSubjectID(text)
	}, query, args...)
	if err != nil {
		return nil, fmt.Errorf("find whose devices have changed: %w", err)
	}
	return all, nil
}

// each lets ledger and devices follow each other, for each person once.
func (s *Devices) each(ctx context.Context, tenant string, people []consent.SubjectID) error {
	seen := map[consent.SubjectID]bool{}
	for _, person := range people {
		if seen[person] {
			continue
		}
		seen[person] = true
		if err := s.db.write(ctx, tenant, func(ctx context.Context, t *tx) error { return s.follow(ctx, t, person) }); err != nil {
			return fmt.Errorf("bridge devices and ledger: %w", err)
		}
	}
	return nil
}

// follow lets the ledger follow what the devices of a person say, and then the
// devices what the person said elsewhere.
func (s *Devices) follow(ctx context.Context, t *tx, person consent.SubjectID) error {
	b, err := s.db.Consents().open(ctx, t, []*choices{newChoices(ctx, []consent.Entry{{Subject: person}}, t.keys)})
	if err != nil {
		return err
	}
	if b.people[person] == nil {
		return nil // erased, and the devices with them
	}
	if _, err := b.endGrants(ctx, []string{person.String()}); err != nil {
		return err
	}
	devices, err := collect(ctx, t, scanLinked, selectLinked, t.tenant, person.String())
	if err != nil {
		return fmt.Errorf("read the devices of a person: %w", err)
	}
	said, err := t.said(ctx, person)
	if err != nil {
		return err
	}
	entries, ends := site.Words(person, devices, said, b.statesOf(person), b.now)
	for _, e := range entries {
		if b.rules.Purpose(e.Purpose) == nil || e.Granted && b.agreed(person, e) {
			continue // it was configured away, or never was; or the banner adds nothing
		}
		o, err := b.choose(person, e, nil)
		if err != nil {
			return err
		}
		if e.Granted {
			if err := t.rests(ctx, o, ends[e.Purpose]); err != nil {
				return err
			}
		}
	}
	if err := b.flush(ctx); err != nil {
		return err
	}
	if _, err := t.exec(ctx, `UPDATE site_consents SET bridged = seq WHERE tenant = $1 AND person = $2 AND person <> '' AND bridged < seq AND source <> 'ledger'`,
		t.tenant, person.String()); err != nil {
		return fmt.Errorf("note what was bridged: %w", err)
	}
	for i := range devices {
		if categories, changed := devices[i].Reflect(said, b.statesOf(person), b.now); changed {
			if err := t.reflect(ctx, &devices[i], categories, b); err != nil {
				return err
			}
		}
	}
	return nil
}

// statesOf gives what stands about a person, with what the batch has changed. A
// grant whose time is over counts as expired.
func (b *batch) statesOf(person consent.SubjectID) map[string]consent.State {
	states := map[string]consent.State{}
	for a, s := range b.states {
		if a.subject == person {
			state := *s
			if state.Choice == consent.Granted && b.rules.Ended(a.purpose, state.Given, b.now) {
				state.Choice = consent.Expired
			}
			states[a.purpose] = state
		}
	}
	return states
}

// agreed says that a grant stands which the person gave elsewhere, and which
// answers all notices that the entry does. It stays in its place, since a grant
// of a banner ends with the banner.
func (b *batch) agreed(person consent.SubjectID, e consent.Entry) bool {
	s := b.states[about{person, e.Purpose}]
	return s != nil && s.Choice == consent.Granted && !notice.FromSite(s.Notice) &&
		!b.rules.Ended(e.Purpose, s.Given, b.now) && s.Era >= b.rules.EraAt(e.Purpose, e.Shown.Published)
}

// rests notes when the last yes ends that a grant rests on.
func (t *tx) rests(ctx context.Context, o consent.Outcome, ends time.Time) error {
	if _, err := t.exec(ctx, `INSERT INTO device_grants (tenant, subject, purpose, seq, ends) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (tenant, subject, purpose) DO UPDATE SET seq = excluded.seq, ends = excluded.ends WHERE device_grants.seq <> excluded.seq OR device_grants.ends <> excluded.ends`,
		t.tenant, o.Subject.String(), o.Purpose, o.Sequence, micros(ends)); err != nil {
		return fmt.Errorf("note when a grant ends: %w", err)
	}
	return nil
}

// EndGrants ends the grants that rest on devices, for up to limit people, once
// the last of them said so long enough ago. It gives how many, and whether there
// are more. Several servers may do it: who comes second finds nothing.
func (s *Devices) EndGrants(ctx context.Context, tenant string, limit int) (ended int, more bool, err error) {
	people, err := s.people(ctx, `SELECT DISTINCT subject FROM device_grants WHERE tenant = $1 AND ends <= {now} LIMIT $2`, tenant, limit)
	if err != nil || len(people) == 0 {
		return 0, false, err
	}
	err = s.db.write(ctx, tenant, func(ctx context.Context, t *tx) error {
		var group []*choices
		var names []string
		for _, person := range people {
			group = append(group, newChoices(ctx, []consent.Entry{{Subject: person}}, t.keys))
			names = append(names, person.String())
		}
		b, err := s.db.Consents().open(ctx, t, group)
		if err != nil {
			return err
		}
		if ended, err = b.endGrants(ctx, names); err != nil {
			return err
		}
		return b.flush(ctx)
	})
	if err != nil {
		return 0, false, fmt.Errorf("end grants of devices: %w", err)
	}
	return ended, len(people) == limit, nil
}

// endGrants ends the grants of people who are in the batch.
func (b *batch) endGrants(ctx context.Context, people []string) (ended int, err error) {
	type grant struct {
		person  consent.SubjectID
		purpose string
		seq     int64
	}
	var over []grant
	take := func(s scanner) (err error) {
		var text string
		var g grant
		if err := s.Scan(&text, &g.purpose, &g.seq); err != nil {
			return err
		}
		g.person, err = consent.ParseSubjectID(text)
		over = append(over, g)
		return err
	}
	if err := b.t.all(ctx, []statement{{`SELECT subject, purpose, seq FROM device_grants WHERE tenant = $1 AND ends <= $2 AND subject {in $3}`,
		[]any{b.t.tenant, micros(b.now), people}, take}}); err != nil {
		return 0, fmt.Errorf("find grants that have ended: %w", err)
	}
	for _, g := range over {
		o, err := b.choose(g.person, consent.Entry{Subject: g.person, Purpose: g.purpose, Source: consent.SourceExpiry}, &g.seq)
		if err != nil {
			return ended, err
		}
		if !o.Unchanged {
			ended++
		}
		if _, err := b.t.exec(ctx, `DELETE FROM device_grants WHERE tenant = $1 AND subject = $2 AND purpose = $3`, b.t.tenant, g.person.String(), g.purpose); err != nil {
			return ended, fmt.Errorf("forget when a grant ends: %w", err)
		}
	}
	return ended, nil
}

// said gives what a person said last about each purpose, elsewhere than on their
// devices.
func (t *tx) said(ctx context.Context, person consent.SubjectID) (map[string]site.Said, error) {
	all := map[string]site.Said{}
	err := t.each(ctx, func(s scanner) error {
		var purpose string
		var last site.Said
		var choice consent.Choice
		err := s.Scan(&purpose, &last.Sequence, &choice)
		last.Granted = choice == consent.Granted
		all[purpose] = last
		return err
	}, `SELECT purpose, seq, choice FROM consent_records {by subject} WHERE tenant = $1 AND subject = $2 AND source <> 'expiry' AND NOT (`+ours+`) ORDER BY seq`,
		t.tenant, person.String())
	if err != nil {
		return nil, fmt.Errorf("read what a person said elsewhere: %w", err)
	}
	return all, nil
}

// reflect records that the categories of a device become others, by what its
// person said elsewhere.
func (t *tx) reflect(ctx context.Context, d *site.Linked, categories map[string]bool, b *batch) error {
	o, err := d.Become(categories, b.now)
	if err != nil || o.Act == "" {
		return err
	}
	details, err := detailsOfRecord(o.Record)
	if err != nil {
		return err
	}
	if err := t.log(ctx, audit.Entry{Act: o.Act, Object: site.Object(d.ID), Details: details}); err != nil {
		return err
	}
	answers, err := json.Marshal(o.Standing.Categories)
	if err != nil {
		return fmt.Errorf("write what stands for a device: %w", err)
	}
	vendors, err := json.Marshal(o.Standing.Vendors)
	if err != nil {
		return fmt.Errorf("write what stands for a device: %w", err)
	}
	if _, err := t.exec(ctx, `UPDATE site_consents SET categories = $3, vendors = $4, source = $5, updated = $6, expires = $7, seq = $8 WHERE tenant = $1 AND id = $2`,
		t.tenant, d.ID, string(answers), string(vendors), string(site.Ledger), micros(b.now), micros(o.Standing.Expires), t.last()); err != nil {
		return fmt.Errorf("store what stands for a device: %w", err)
	}
	return nil
}
