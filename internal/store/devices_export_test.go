package store

import (
	"context"
	"encoding/json"
	"time"

	"github.com/google/uuid"

	"volenti.dev/volenti/audit"
	"volenti.dev/volenti/consent/site"
)

// PublishSite stores a site, whose id is its key, with a version of it.
func (db *DB) PublishSite(ctx context.Context, tenant, key string, v site.Version) error {
	snapshot, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return db.write(ctx, tenant, func(ctx context.Context, t *tx) error {
		if _, err := t.exec(ctx, `INSERT INTO sites (tenant, id, key, name, draft, revision, edited, version, origins, created) VALUES ($1, $2, $2, $2, $3, 1, 0, $4, '', 0)
			ON CONFLICT (tenant, id) DO UPDATE SET version = excluded.version`, tenant, key, []byte(`{}`), v.Number); err != nil {
			return err
		}
		_, err := t.exec(ctx, `INSERT INTO site_versions (tenant, site, version, digest, snapshot, draft, published, sealed) VALUES ($1, $2, $3, $4, $5, $6, {now}, $6)`,
			tenant, key, v.Number, "digest-of-"+key, snapshot, []byte(`{}`))
		return err
	})
}

// ChooseOn records what a device chose, as a leaf and as what stands for it, and
// gives the id of the consent. Nothing is bridged.
func (db *DB) ChooseOn(ctx context.Context, tenant, key, digest string, s site.Standing) (id string, err error) {
	categories, err := json.Marshal(s.Categories)
	if err != nil {
		return "", err
	}
	err = db.write(ctx, tenant, func(ctx context.Context, t *tx) error {
		if err := t.row(ctx, `INSERT INTO site_consents (tenant, site, device, id, seq, version, digest, categories, vendors, source, signal, created, updated, expires, person, bridged)
			VALUES ($1, $2, $3, $4, 0, $5, $6, $7, '{}', $8, $9, {now}, {now}, $10, '', 0)
			ON CONFLICT (tenant, site, device) DO UPDATE SET version = excluded.version, categories = excluded.categories, source = excluded.source, signal = excluded.signal, expires = excluded.expires
			RETURNING id`, tenant, key, digest, uuid.NewString(), s.Version, "digest-of-"+key, string(categories), string(s.Source), map[bool]int64{true: 1}[s.Signal], micros(s.Expires)).Scan(&id); err != nil {
			return err
		}
		if err := t.log(ctx, audit.Entry{Act: site.ActUpdated, Object: site.Object(id)}); err != nil {
			return err
		}
		_, err := t.exec(ctx, `UPDATE site_consents SET seq = $3 WHERE tenant = $1 AND id = $2`, tenant, id, t.last())
		return err
	})
	return id, err
}

// Pass lets time pass for what visitors chose, and for grants that rest on it.
func (db *DB) Pass(ctx context.Context, tenant string, by time.Duration) error {
	return db.write(ctx, tenant, func(ctx context.Context, t *tx) error {
		all, err := collect(ctx, t, scanVisitor, selectVisitor+` WHERE tenant = $1`, tenant)
		if err != nil {
			return err
		}
		for _, v := range all {
			for key, a := range v.Categories {
				if !a.Expires.IsZero() {
					a.Expires = a.Expires.Add(-by)
					v.Categories[key] = a
				}
			}
			categories, err := json.Marshal(v.Categories)
			if err != nil {
				return err
			}
			if _, err := t.exec(ctx, `UPDATE site_consents SET categories = $3, expires = expires - $4 WHERE tenant = $1 AND id = $2`, tenant, v.ID, string(categories), by.Microseconds()); err != nil {
				return err
			}
		}
		_, err = t.exec(ctx, `UPDATE device_grants SET ends = ends - $2 WHERE tenant = $1`, tenant, by.Microseconds())
		return err
	})
}

// AgeCodes lets the codes of devices be older than they are.
func (db *DB) AgeCodes(ctx context.Context, by time.Duration) error {
	return db.write(ctx, DefaultTenant, func(ctx context.Context, t *tx) error {
		_, err := t.exec(ctx, `UPDATE device_codes SET expires = expires - $1 WHERE tenant = $2`, by.Microseconds(), t.tenant)
		return err
	})
}
