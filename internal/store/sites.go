package store

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strings"

	"volenti.dev/volenti/audit"
	"volenti.dev/volenti/consent"
	"volenti.dev/volenti/consent/site"
)

// Sites keeps the sites: their drafts, what was published of them, and the
// documents that visitors are shown. What visitors read is in sites_shown.go.
//
// Every change takes the end of the ledger first, so that those of a tenant
// come one after the other.
type Sites struct{ db *DB }

// Sites gives access to the sites.
func (db *DB) Sites() *Sites { return &Sites{db} }

// Create stores a new site; its id and key are made by the caller. ErrExists
// when one of them is taken, by whomever.
func (s *Sites) Create(ctx context.Context, tenant string, as site.Summary, d site.Draft, entry audit.Entry) error {
	draft, err := draftOf(as.Name, d)
	if err != nil {
		return err
	}
	return s.db.write(ctx, tenant, func(ctx context.Context, t *tx) error {
		_, now, err := t.growth.next(ctx, t, tenant)
		if err != nil {
			return fmt.Errorf("lock the ledger: %w", err)
		}
		made, err := t.exec(ctx, `
			INSERT INTO sites (tenant, id, key, name, draft, revision, edited, version, origins, created)
			VALUES ($1, $2, $3, $4, $5, 1, $6, 0, '', $6) ON CONFLICT DO NOTHING`, tenant, as.ID, as.Key, as.Name, draft, now)
		if err != nil {
			return fmt.Errorf("create a site: %w", err)
		}
		if made == 0 {
			return ErrExists
		}
		return t.log(ctx, entry)
	})
}

func draftOf(name string, d site.Draft) ([]byte, error) {
	if err := site.Keepable(name, d); err != nil {
		return nil, err
	}
	draft, err := json.Marshal(d)
	if err != nil {
		return nil, fmt.Errorf("write a draft: %w", err)
	}
	return draft, nil
}

// Edit replaces the draft of a site, where revision is the one that was read;
// else site.ErrRevision.
func (s *Sites) Edit(ctx context.Context, tenant, id string, revision int64, name string, d site.Draft, entry audit.Entry) error {
	draft, err := draftOf(name, d)
	if err != nil {
		return err
	}
	return s.db.write(ctx, tenant, func(ctx context.Context, t *tx) error {
		_, now, err := t.growth.next(ctx, t, tenant)
		if err != nil {
			return fmt.Errorf("lock the ledger: %w", err)
		}
		k, err := t.siteAt(ctx, id, revision)
		if err != nil {
			return err
		}
		if _, err := t.exec(ctx, `UPDATE sites SET name = $3, draft = $4, revision = revision + 1, edited = $5 WHERE tenant = $1 AND id = $2`,
			tenant, id, name, draft, now); err != nil {
			return fmt.Errorf("edit a site: %w", err)
		}
		if k.version == 0 { // its origins take effect
			t.growth.after = append(t.growth.after, func(bool) { s.db.shown.forget() })
		}
		return t.log(ctx, with(entry, map[string]any{"revision": revision + 1}))
	})
}

// kept is a site in a transaction.
type kept struct {
	key     string
	draft   site.Draft
	version int
	origins string
}

// siteAt reads a site of which somebody has seen a revision.
func (t *tx) siteAt(ctx context.Context, id string, revision int64) (k kept, err error) {
	var draft []byte
	var is int64
	err = t.row(ctx, `SELECT key, draft, revision, version, origins FROM sites WHERE tenant = $1 AND id = $2 {lock}`, t.tenant, id).
		Scan(&k.key, &draft, &is, &k.version, &k.origins)
	if err := siteError("read a site", err); err != nil {
		return k, err
	}
	if is != revision {
		return k, site.ErrRevision
	}
	k.draft, err = openDraft(draft)
	return k, err
}

func openDraft(b []byte) (d site.Draft, err error) {
	if json.Unmarshal(b, &d) != nil {
		return d, errors.New("the draft of a site is damaged")
	}
	return d, nil
}

func siteError(what string, err error) error {
	if errors.Is(err, sql.ErrNoRows) {
		return site.ErrNotFound
	}
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

// with gives an entry with further details. The entry itself stays as it is: a
// work may run more than once.
func with(e audit.Entry, details map[string]any) audit.Entry {
	all := maps.Clone(e.Details)
	if all == nil {
		all = map[string]any{}
	}
	maps.Copy(all, details)
	e.Details = all
	return e
}

// Publish publishes the draft that was seen as revision, with its documents, in
// one commit. p.Site, p.At and p.Ledger are set here; by is who decided whether
// it is material. The error is site.ErrRevision where the draft has changed, or
// somebody else has published it, and a *site.Invalid where it cannot be
// published.
//
// A draft that shows and asks what is published already keeps that version, and
// only its origins take effect; made is false then.
func (s *Sites) Publish(ctx context.Context, tenant, id string, revision int64, p site.Publication, by string, entry audit.Entry) (v site.Published, made bool, err error) {
	err = s.db.write(ctx, tenant, func(ctx context.Context, t *tx) error {
		_, now, err := t.growth.next(ctx, t, tenant)
		if err != nil {
			return fmt.Errorf("lock the ledger: %w", err)
		}
		k, err := t.siteAt(ctx, id, revision)
		if err != nil {
			return err
		}
		rules, err := s.db.Consents().rulesIn(ctx, t, tenant)
		if err != nil {
			return err
		}
		p.Site, p.At, p.Ledger = id, instant(now), ledgerOf(rules)
		var before *site.Version
		if k.version > 0 {
			was, _, err := readVersion(ctx, t, tenant, id, k.version)
			if err != nil {
				return err
			}
			before = &was.Version
			v = was
		}
		version, err := site.Publish(k.draft, before, p)
		if err != nil {
			return err
		}
		made = version.Number != k.version
		origins := strings.Join(k.draft.Origins, " ")
		if !made && origins == k.origins {
			return nil
		}
		if made {
			if v, err = t.keepVersion(ctx, k, version, by); err != nil {
				return err
			}
		}
		if _, err := t.exec(ctx, `UPDATE sites SET version = $3, origins = $4, revision = revision + 1 WHERE tenant = $1 AND id = $2`,
			tenant, id, version.Number, origins); err != nil {
			return fmt.Errorf("publish a site: %w", err)
		}
		t.growth.after = append(t.growth.after, func(bool) { s.db.shown.forget() })
		return t.log(ctx, with(entry, map[string]any{
			"site": id, "version": v.Number, "digest": v.Digest, "material": v.Material == v.Number, "classified_by": by,
		}))
	})
	if err != nil {
		return site.Published{}, false, err
	}
	return v, made, nil
}

func ledgerOf(rules *consent.Rules) map[string]bool {
	purposes := map[string]bool{}
	for _, p := range rules.Purposes {
		purposes[p.Key] = true
	}
	return purposes
}

// keepVersion stores a version with its documents.
func (t *tx) keepVersion(ctx context.Context, k kept, v site.Version, by string) (p site.Published, err error) {
	documents, err := site.Render(v, k.key)
	if err != nil {
		return p, err
	}
	draft, err := json.Marshal(k.draft)
	if err != nil {
		return p, fmt.Errorf("write a draft: %w", err)
	}
	snapshot := v.Canonical()
	p = site.Published{Version: v, Digest: sumOf(snapshot), ClassifiedBy: by}
	if _, err := t.exec(ctx, `
		INSERT INTO site_versions (tenant, site, version, digest, snapshot, draft, published, sealed)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`, t.tenant, v.Site, v.Number, p.Digest, snapshot, draft, micros(v.Published),
		t.keys.Seal([]byte(by), versionPlace(t.tenant, v.Site, v.Number))); err != nil {
		return p, fmt.Errorf("store a version of a site: %w", err)
	}
	for _, d := range documents {
		if _, err := t.exec(ctx, `
			INSERT INTO site_documents (tenant, site, version, language, region, etag, body)
			VALUES ($1, $2, $3, $4, $5, $6, $7)`, t.tenant, v.Site, v.Number, d.Language, d.Region, d.ETag, d.Body); err != nil {
			return p, fmt.Errorf("store a document of a site: %w", err)
		}
		t.growth.bulk += len(d.Body)
	}
	return p, nil
}

func sumOf(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// versionPlace is the associated data of who classified a version.
func versionPlace(tenant, id string, n int) []byte {
	return fmt.Appendf(nil, "site/%s/%s/%d", tenant, id, n)
}

// List gives the tenant's sites, by name.
func (s *Sites) List(ctx context.Context, tenant string) ([]site.Summary, error) {
	all, err := collect(ctx, s.db.engine, scanSite, selectSites+` WHERE s.tenant = $1 ORDER BY s.name, s.id`, tenant)
	if err != nil {
		return nil, fmt.Errorf("list sites: %w", err)
	}
	return all, nil
}

const selectSites = `
	SELECT s.id, s.key, s.name, s.version, COALESCE(v.digest, ''), s.edited, s.revision
	FROM sites s LEFT JOIN site_versions v ON v.tenant = s.tenant AND v.site = s.id AND v.version = s.version`

func scanSite(row scanner) (s site.Summary, err error) {
	var edited int64
	err = row.Scan(&s.ID, &s.Key, &s.Name, &s.Version, &s.Digest, &edited, &s.Revision)
	s.Edited = instant(edited)
	return s, err
}

// Get gives a site with its draft, or site.ErrNotFound.
func (s *Sites) Get(ctx context.Context, tenant, id string) (as site.Summary, d site.Draft, err error) {
	var edited int64
	var draft []byte
	err = s.db.engine.row(ctx, `
		SELECT s.id, s.key, s.name, s.version, COALESCE(v.digest, ''), s.edited, s.revision, s.draft
		FROM sites s LEFT JOIN site_versions v ON v.tenant = s.tenant AND v.site = s.id AND v.version = s.version
		WHERE s.tenant = $1 AND s.id = $2`, tenant, id).
		Scan(&as.ID, &as.Key, &as.Name, &as.Version, &as.Digest, &edited, &as.Revision, &draft)
	if err := siteError("read a site", err); err != nil {
		return as, d, err
	}
	as.Edited = instant(edited)
	d, err = openDraft(draft)
	return as, d, err
}

// Versions gives what was published of a site, the newest first; none where
// there is no such site.
func (s *Sites) Versions(ctx context.Context, tenant, id string) ([]site.Edition, error) {
	all, err := collect(ctx, s.db.engine, func(row scanner) (e site.Edition, err error) {
		var published, material int64
		err = row.Scan(&e.Number, &e.Digest, &published, &material)
		e.Published, e.Material = instant(published), material == int64(e.Number)
		return e, err
	}, `SELECT version, digest, published, {material} FROM site_versions WHERE tenant = $1 AND site = $2 ORDER BY version DESC`, tenant, id)
	if err != nil {
		return nil, fmt.Errorf("list the versions of a site: %w", err)
	}
	return all, nil
}

// Version gives a published version with who classified it, or
// site.ErrNotFound.
func (s *Sites) Version(ctx context.Context, tenant, id string, n int) (site.Published, error) {
	keys, err := s.db.Tenant(ctx, tenant)
	if err != nil {
		return site.Published{}, err
	}
	v, sealed, err := readVersion(ctx, s.db.engine, tenant, id, n)
	if err != nil {
		return v, err
	}
	by, err := keys.Open(sealed, versionPlace(tenant, id, n))
	if err != nil {
		return v, fmt.Errorf("open who classified version %d of a site: %w", n, err)
	}
	v.ClassifiedBy = string(by)
	return v, nil
}

// readVersion refuses a snapshot that is not what its digest says.
func readVersion(ctx context.Context, q querier, tenant, id string, n int) (v site.Published, sealed []byte, err error) {
	var snapshot []byte
	var published int64
	err = q.row(ctx, `SELECT digest, snapshot, published, sealed FROM site_versions WHERE tenant = $1 AND site = $2 AND version = $3`, tenant, id, n).
		Scan(&v.Digest, &snapshot, &published, &sealed)
	if err := siteError("read a version of a site", err); err != nil {
		return v, nil, err
	}
	if sumOf(snapshot) != v.Digest || json.Unmarshal(snapshot, &v.Version) != nil {
		return v, nil, fmt.Errorf("version %d of a site is damaged", n)
	}
	v.Published = instant(published)
	return v, sealed, nil
}
