package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"volenti.dev/volenti/audit"
	"volenti.dev/volenti/consent"
	"volenti.dev/volenti/consent/site"
	"volenti.dev/volenti/subject"
)

// Devices keeps to whom devices belong. A person is a subject of the consent
// ledger, and what their devices say is recorded there: see device_bridge.go.
type Devices struct{ db *DB }

// Devices gives access to the devices of people.
func (db *DB) Devices() *Devices { return &Devices{db} }

// device is the row of one.
type device struct {
	id, person string
}

// holdChoices keeps all choices of the tenant's visitors out until the commit:
// whoever records one locks the end of the log first and reads rows then, and
// two who lock them in another order would wait for each other.
func (t *tx) holdChoices(ctx context.Context) error {
	if err := t.all(ctx, t.growth.lock(t.tenant)); err != nil {
		return fmt.Errorf("lock the log: %w", err)
	}
	return nil
}

// device gives the row of a device, and holds it; site.ErrNotFound where
// nothing stands for it.
func (t *tx) device(ctx context.Context, siteID, digest string) (d device, err error) {
	if err := t.holdChoices(ctx); err != nil {
		return d, err
	}
	err = t.row(ctx, `SELECT id, person FROM site_consents WHERE tenant = $1 AND site = $2 AND device = $3`, t.tenant, siteID, digest).
		Scan(&d.id, &d.person)
	if errors.Is(err, sql.ErrNoRows) {
		return d, site.ErrNotFound
	}
	if err != nil {
		return d, fmt.Errorf("find a device: %w", err)
	}
	return d, nil
}

// Prove links a device to whose address was answered at. See Link.
func (s *Devices) Prove(ctx context.Context, p site.Proof) (consent.SubjectID, error) {
	c := p.Of()
	return s.link(ctx, c.Tenant, c.Site, c.Device, map[string]any{"how": "code"}, func(ctx context.Context, t *tx) ([]subject.Identity, error) {
		email, err := t.useCode(ctx, c)
		return []subject.Identity{email}, err
	})
}

// Link links a device to the person with these identities, who becomes a subject
// of the ledger if they are none: somebody, named in the details, vouches for
// them. What the device says is in the ledger when it returns. Linked to the same
// person again, nothing changes. It fails with site.ErrNotFound where nothing
// stands for the device, with site.ErrLinked when it is another's, and with
// *consent.Invalid when the identities are those of several people.
func (s *Devices) Link(ctx context.Context, tenant, siteID, device string, identities []subject.Identity, details map[string]any) (consent.SubjectID, error) {
	return s.link(ctx, tenant, siteID, device, details, func(context.Context, *tx) ([]subject.Identity, error) { return identities, nil })
}

func (s *Devices) link(ctx context.Context, tenant, siteID, digest string, details map[string]any, who func(context.Context, *tx) ([]subject.Identity, error)) (person consent.SubjectID, err error) {
	err = s.db.write(ctx, tenant, func(ctx context.Context, t *tx) error {
		d, err := t.device(ctx, siteID, digest)
		if err != nil {
			return err
		}
		identities, err := who(ctx, t)
		if err != nil {
			return err
		}
		if person, err = s.person(ctx, t, identities); err != nil {
			return err
		}
		switch d.person {
		case person.String():
			return nil
		case "":
		default:
			return site.ErrLinked
		}
		if err := t.log(ctx, audit.Entry{Act: site.ActLinked, Object: site.Object(d.id), Details: details}); err != nil {
			return err
		}
		if _, err := t.exec(ctx, `UPDATE site_consents SET person = $4, linked = $5, bridged = -1 WHERE tenant = $1 AND site = $2 AND device = $3`,
			tenant, siteID, digest, person.String(), t.last()); err != nil {
			return fmt.Errorf("link a device: %w", err)
		}
		// What is in the ledger by now reaches it at once.
		if _, err := t.exec(ctx, `INSERT INTO device_cursors (tenant, seq) VALUES ($1, $2) ON CONFLICT DO NOTHING`, tenant, t.last()); err != nil {
			return fmt.Errorf("link a device: %w", err)
		}
		return s.follow(ctx, t, person)
	})
	return person, err
}

// person finds or makes a subject, and adds identities to it.
func (s *Devices) person(ctx context.Context, t *tx, identities []subject.Identity) (consent.SubjectID, error) {
	p := newChoices(ctx, []consent.Entry{{Identities: identities}}, t.keys)
	b, err := s.db.Consents().open(ctx, t, []*choices{p})
	if err != nil {
		return consent.SubjectID{}, err
	}
	id, err := b.person(p, 0, p.entries[0])
	if err != nil {
		return id, err
	}
	return id, b.flush(ctx)
}

// Unlink takes a device from its person, once what it said is in the ledger,
// where that stays. Of one that is nobody's nothing changes; site.ErrNotFound
// as in Link.
func (s *Devices) Unlink(ctx context.Context, tenant, siteID, digest string, details map[string]any) error {
	return s.db.write(ctx, tenant, func(ctx context.Context, t *tx) error {
		d, err := t.device(ctx, siteID, digest)
		if err != nil || d.person == "" {
			return err
		}
		person, err := consent.ParseSubjectID(d.person)
		if err != nil {
			return err
		}
		if err := s.follow(ctx, t, person); err != nil {
			return err
		}
		if _, err := t.exec(ctx, `UPDATE site_consents SET person = '', linked = 0, bridged = 0 WHERE tenant = $1 AND site = $2 AND device = $3`, tenant, siteID, digest); err != nil {
			return fmt.Errorf("unlink a device: %w", err)
		}
		return t.log(ctx, audit.Entry{Act: site.ActUnlinked, Object: site.Object(d.id), Details: details})
	})
}

// Of gives what stands for the devices of a person, on all sites, in the order
// of the sites.
func (s *Devices) Of(ctx context.Context, tenant string, person consent.SubjectID) ([]site.Linked, error) {
	all, err := collect(ctx, s.db.engine, scanLinked, selectLinked, tenant, person.String())
	if err != nil {
		return nil, fmt.Errorf("read the devices of a person: %w", err)
	}
	return all, nil
}

// Erase forgets the devices of a person, who stays a subject of the ledger.
func (s *Devices) Erase(ctx context.Context, tenant string, person consent.SubjectID) error {
	return s.db.write(ctx, tenant, func(ctx context.Context, t *tx) error { return t.eraseDevices(ctx, person) })
}

// eraseDevices forgets the devices of a person: their records stay and lead to
// nobody.
func (t *tx) eraseDevices(ctx context.Context, person consent.SubjectID) error {
	if err := t.holdChoices(ctx); err != nil {
		return err
	}
	all, err := collect(ctx, t, func(s scanner) (e audit.Entry, err error) {
		var id, siteID string
		err = s.Scan(&id, &siteID)
		return audit.Entry{Act: site.ActErased, Object: site.Object(id), Details: map[string]any{"site": siteID}}, err
	}, `DELETE FROM site_consents WHERE tenant = $1 AND person = $2 AND person <> '' RETURNING id, site`, t.tenant, person.String())
	if err != nil {
		return fmt.Errorf("erase devices: %w", err)
	}
	for _, entry := range all {
		t.growth.destroyed = true
		if err := t.log(ctx, entry); err != nil {
			return err
		}
	}
	return nil
}

// selectLinked names no device. Where a site has published nothing, there is no
// version.
const selectLinked = `
	SELECT c.site, s.key, c.id, c.seq, c.version, c.digest, c.categories, c.vendors, c.source, c.signal, c.created, c.updated, c.expires,
		CASE c.source WHEN 'ledger' THEN c.bridged ELSE c.seq END, c.linked, c.bridged, v.snapshot, COALESCE(v.published, 0)
	FROM site_consents c JOIN sites s ON s.tenant = c.tenant AND s.id = c.site
	LEFT JOIN site_versions v ON v.tenant = c.tenant AND v.site = c.site AND v.version = c.version
	WHERE c.tenant = $1 AND c.person = $2 AND c.person <> '' ORDER BY s.key, c.id`

func scanLinked(s scanner) (l site.Linked, err error) {
	var categories, vendors string
	var version, signal, created, updated, expires, published int64
	var snapshot []byte
	if err := s.Scan(&l.Site, &l.Key, &l.ID, &l.Sequence, &version, &l.Digest, &categories, &vendors, &l.Source, &signal, &created, &updated, &expires,
		&l.Own, &l.Since, &l.Heard, &snapshot, &published); err != nil {
		return l, err
	}
	l.Version, l.Signal, l.Linked = int(version), signal == 1, true
	l.Recorded, l.Updated, l.Expires = instant(created), instant(updated), instant(expires)
	if err := errors.Join(json.Unmarshal([]byte(categories), &l.Categories), json.Unmarshal([]byte(vendors), &l.Vendors)); err != nil {
		return l, errors.New("what stands for a device is damaged")
	}
	if snapshot != nil {
		if err := json.Unmarshal(snapshot, &l.Asked); err != nil {
			return l, errors.New("a version of a site is damaged")
		}
	}
	l.Asked.Published = instant(published)
	return l, nil
}

// Asking gives the site with a key, of whatever tenant: its id and its name;
// site.ErrNotFound for none.
func (s *Devices) Asking(ctx context.Context, key string) (tenant, id, name string, err error) {
	err = s.db.engine.row(ctx, `SELECT tenant, id, name FROM sites WHERE key = $1`, key).Scan(&tenant, &id, &name)
	if errors.Is(err, sql.ErrNoRows) {
		return "", "", "", site.ErrNotFound
	}
	if err != nil {
		return "", "", "", fmt.Errorf("find a site: %w", err)
	}
	return tenant, id, name, nil
}

// Known gives what a device is known by on a site.
func (s *Devices) Known(ctx context.Context, tenant, siteID, device string) (string, error) {
	keys, err := s.db.Tenant(ctx, tenant)
	if err != nil {
		return "", err
	}
	return deviceDigest(keys, siteID, device), nil
}
