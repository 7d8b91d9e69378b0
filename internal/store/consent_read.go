package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"volenti.dev/volenti/consent"
	"volenti.dev/volenti/consent/notice"
	"volenti.dev/volenti/internal/seal"
	"volenti.dev/volenti/subject"
)

// find asks the database for a subject: see Find.
func (c *Consents) find(ctx context.Context, tenant string, identity subject.Identity) (consent.SubjectID, error) {
	keys, err := c.db.Tenant(ctx, tenant)
	if err != nil {
		return consent.SubjectID{}, err
	}
	id, err := c.findUnder(ctx, tenant, identity, keys)
	if !errors.Is(err, consent.ErrNotFound) {
		return id, err
	}
	// Another process may have rotated the key.
	stored, err := c.db.stored(ctx, tenant, keys)
	if err != nil {
		return id, err
	}
	if stored == keys {
		return id, consent.ErrNotFound
	}
	return c.findUnder(ctx, tenant, identity, stored)
}

// findUnder looks under all keys in one statement: between two, the identity could
// go over from one key to the other.
func (c *Consents) findUnder(ctx context.Context, tenant string, identity subject.Identity, keys *seal.Tenant) (consent.SubjectID, error) {
	digests := keys.DigestKeys()
	var id string
	err := c.db.engine.row(ctx, `SELECT subject FROM subject_identities WHERE tenant = $1 AND type = $2 AND digest IN ($3, $4)`,
		tenant, string(identity.Type), identity.Digest(digests[0]), identity.Digest(digests[len(digests)-1])).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		return consent.SubjectID{}, consent.ErrNotFound
	}
	if err != nil {
		return consent.SubjectID{}, fmt.Errorf("find a subject: %w", err)
	}
	return consent.ParseSubjectID(id)
}

// Alive is nil for a subject that the tenant has, consent.ErrErased for one
// that was erased, and consent.ErrNotFound for others.
func (c *Consents) Alive(ctx context.Context, tenant string, id consent.SubjectID) error {
	var erased int64
	err := c.db.engine.row(ctx, `SELECT erased FROM subjects WHERE tenant = $1 AND id = $2`, tenant, id.String()).Scan(&erased)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return consent.ErrNotFound
	case err != nil:
		return fmt.Errorf("find a subject: %w", err)
	case erased != 0:
		return consent.ErrErased
	}
	return nil
}

// States gives the latest record of each purpose that the subject has one of.
func (c *Consents) States(ctx context.Context, tenant string, id consent.SubjectID) (map[string]consent.State, error) {
	states := map[string]consent.State{}
	err := c.db.engine.each(ctx, func(s scanner) error {
		a, state, err := scanState(s)
		states[a.purpose] = state
		return err
	}, selectStates+` WHERE tenant = $1 AND subject = $2`, tenant, id.String())
	if err != nil {
		return nil, fmt.Errorf("read the states: %w", err)
	}
	return states, nil
}

const (
	recordFields  = `seq, id, subject, purpose, choice, at, given, notice, digest, language, legal_basis, source, supersedes, trace, facts`
	selectRecords = `
	SELECT ` + recordFields + `
	FROM consent_records`
)

const (
	selectHistory     = selectRecords + ` {by subject} WHERE tenant = $1 AND subject = $2 ORDER BY seq`
	selectHistoryFrom = selectRecords + ` {by subject} WHERE tenant = $1 AND subject = $2 AND seq >= $3 ORDER BY seq LIMIT $4`
)

// History gives all records about a subject in their order.
func (c *Consents) History(ctx context.Context, tenant string, id consent.SubjectID) ([]consent.Record, error) {
	return c.records(ctx, selectHistory, tenant, id.String())
}

// HistoryFrom gives up to limit records about a subject from a sequence on.
func (c *Consents) HistoryFrom(ctx context.Context, tenant string, id consent.SubjectID, from int64, limit int) ([]consent.Record, error) {
	return c.records(ctx, selectHistoryFrom, tenant, id.String(), from, limit)
}

// Records gives up to limit records of the tenant from a sequence on. Whoever
// goes on behind the last one misses none: sequences become visible in order.
func (c *Consents) Records(ctx context.Context, tenant string, from int64, limit int) ([]consent.Record, error) {
	return c.records(ctx, selectRecords+` WHERE tenant = $1 AND seq >= $2 ORDER BY seq LIMIT $3`, tenant, from, limit)
}

func (c *Consents) records(ctx context.Context, query string, args ...any) ([]consent.Record, error) {
	all, err := collect(ctx, c.db.engine, scanConsent, query, args...)
	if err != nil {
		return nil, fmt.Errorf("read consent records: %w", err)
	}
	return all, nil
}

func scanConsent(s scanner) (r consent.Record, err error) {
	var id string
	var at, given int64
	if err := s.Scan(&r.Sequence, &r.ID, &id, &r.Purpose, &r.Choice, &at, &given, &r.Notice, &r.Digest, &r.Language, &r.LegalBasis, &r.Source, &r.Supersedes, &r.Trace, &r.Facts); err != nil {
		return r, err
	}
	r.At, r.Given = instant(at), instant(given)
	r.Subject, err = consent.ParseSubjectID(id)
	return r, err
}

// Rebuild makes the states of a tenant again from its records, and gives how
// many differ from those that are stored. It changes nothing.
func (c *Consents) Rebuild(ctx context.Context, tenant string) (differ int, err error) {
	rules, err := c.Rules(ctx, tenant)
	if err != nil {
		return 0, err
	}
	banners, err := c.banners(ctx, tenant)
	if err != nil {
		return 0, err
	}
	made := map[about]consent.State{}
	for from := int64(0); ; {
		page, err := collect(ctx, c.db.engine, scanConsent, selectRecords+`
			WHERE tenant = $1 AND seq >= $2 AND EXISTS (SELECT 1 FROM subjects s WHERE s.tenant = $1 AND s.id = consent_records.subject AND s.erased = 0)
			ORDER BY seq LIMIT 1000`, tenant, from)
		if err != nil {
			return 0, fmt.Errorf("read consent records: %w", err)
		}
		if len(page) == 0 {
			break
		}
		for _, r := range page {
			era := rules.Era(r.Purpose, r.Notice)
			if published, ok := banners[r.Notice]; ok {
				era = rules.EraAt(r.Purpose, published)
			}
			made[about{r.Subject, r.Purpose}] = consent.State{
				Record: r.ID, Sequence: r.Sequence, Choice: r.Choice, Given: r.Given,
				Notice: r.Notice, Digest: r.Digest, Language: r.Language, Era: era,
			}
			from = r.Sequence + 1
		}
	}
	err = c.db.engine.each(ctx, func(s scanner) error {
		a, state, err := scanState(s)
		if made[a] != state {
			differ++
		}
		delete(made, a)
		return err
	}, selectStates+` WHERE tenant = $1`, tenant)
	return differ + len(made), err
}

// banners tells when the versions of the tenant's sites were published, by the
// label that records name them by.
func (c *Consents) banners(ctx context.Context, tenant string) (map[string]time.Time, error) {
	all := map[string]time.Time{}
	err := c.db.engine.each(ctx, func(s scanner) error {
		var key string
		var version, published int64
		if err := s.Scan(&key, &version, &published); err != nil {
			return err
		}
		all[notice.OfSite(key, int(version))] = instant(published)
		return nil
	}, `SELECT s.key, v.version, v.published FROM site_versions v JOIN sites s ON s.tenant = v.tenant AND s.id = v.site WHERE v.tenant = $1`, tenant)
	if err != nil {
		return nil, fmt.Errorf("read what sites have published: %w", err)
	}
	return all, nil
}
