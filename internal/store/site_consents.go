package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"golang.org/x/mod/sumdb/tlog"

	"volenti.dev/volenti/audit"
	"volenti.dev/volenti/consent"
	"volenti.dev/volenti/consent/site"
	"volenti.dev/volenti/internal/seal"
	"volenti.dev/volenti/subject"
)

// SiteConsents keeps what visitors of sites choose: one row for each device,
// which says what stands, and a record of each choice in the audit log. The row
// is the only place where a device and the id in its records meet.
//
//	Choose, Withdraw -> line: what waits goes into one transaction -> site_consents_batch.go
type SiteConsents struct{ db *DB }

// SiteConsents gives access to what visitors of sites choose.
func (db *DB) SiteConsents() *SiteConsents { return &SiteConsents{db} }

// Choose makes a record of a submission, by the version that it refers to and
// the digest of that, and gives what stands then, durably. The same submission
// once more changes nothing and gives what stands now; with another content it
// is site.ErrConflict. What is wrong with it is a *consent.Invalid.
func (c *SiteConsents) Choose(ctx context.Context, tenant string, v site.Version, digest string, s site.Submission) (site.Standing, error) {
	if err := site.Check(v, digest, s); err != nil {
		return site.Standing{}, err
	}
	keys, err := c.db.Tenant(ctx, tenant)
	if err != nil {
		return site.Standing{}, err
	}
	p := newChosen(ctx, keys, v.Site, s.Device, s.ID)
	p.content = digestOfSite(keys, "content", v.Site, contentOfSubmission(s))
	p.network = consent.Entry{Address: subject.Conceal(s.Address)}.Trace().Network
	p.decide = func(prior *site.Standing, now time.Time) (site.Outcome, error) {
		return site.Apply(v, digest, prior, s, now)
	}
	c.wait(tenant, p)
	return p.standing, p.err
}

// Withdraw ends what stands for a device, and gives what is left:
// site.ErrNotFound where nothing stands. The same submission once more changes
// nothing.
func (c *SiteConsents) Withdraw(ctx context.Context, tenant, siteID, device, submission string) (site.Standing, error) {
	keys, err := c.db.Tenant(ctx, tenant)
	if err != nil {
		return site.Standing{}, err
	}
	p := newChosen(ctx, keys, siteID, device, submission)
	p.content = digestOfSite(keys, "content", siteID, "withdraw")
	p.decide = withdrawal(siteID, "", "")
	c.wait(tenant, p)
	return p.standing, p.err
}

// WithdrawConsent ends what stands under the id of a consent, in the visitor's
// place: site.ErrNotFound where the site has no such consent, or nothing stands
// any more. By says who does it.
func (c *SiteConsents) WithdrawConsent(ctx context.Context, tenant, siteID, id, by string) (site.Standing, error) {
	var device string
	err := c.db.engine.row(ctx, `SELECT device FROM site_consents WHERE tenant = $1 AND id = $2 AND site = $3`, tenant, id, siteID).Scan(&device)
	if errors.Is(err, sql.ErrNoRows) {
		return site.Standing{}, site.ErrNotFound
	}
	if err != nil {
		return site.Standing{}, fmt.Errorf("find a consent: %w", err)
	}
	p := &chosen{ctx: ctx, site: siteID, device: device, decide: withdrawal(siteID, id, by), turn: make(chan bool, 1)}
	c.wait(tenant, p)
	return p.standing, p.err
}

func withdrawal(siteID, id, by string) decision {
	return func(prior *site.Standing, now time.Time) (site.Outcome, error) {
		if prior == nil || !prior.Stands(now) || id != "" && prior.ID != id {
			return site.Outcome{}, site.ErrNotFound
		}
		o := site.Withdraw(siteID, *prior, now)
		o.Record.By = by
		return o, nil
	}
}

// Current gives what stands for a device: site.ErrNotFound where nothing does,
// also when it was withdrawn or has expired.
func (c *SiteConsents) Current(ctx context.Context, tenant, siteID, device string) (site.Standing, error) {
	v, now, err := c.ofDevice(ctx, tenant, siteID, device)
	if err == nil && !v.Stands(now) {
		err = site.ErrNotFound
	}
	if err != nil {
		return site.Standing{}, err
	}
	return v.Standing, nil
}

// Kept gives what is kept of a device, whether or not anything stands, with all
// its records, the newest first: site.ErrNotFound where nothing is.
func (c *SiteConsents) Kept(ctx context.Context, tenant, siteID, device string) (site.Standing, []site.Entry, error) {
	v, _, err := c.ofDevice(ctx, tenant, siteID, device)
	if err != nil {
		return site.Standing{}, nil, err
	}
	trail, err := c.Trail(ctx, tenant, siteID, v.ID)
	return v.Standing, trail, err
}

// Consent gives what is kept under the id of a consent: site.ErrNotFound where
// there is no row of it at this site, be it that its time is over.
func (c *SiteConsents) Consent(ctx context.Context, tenant, siteID, id string) (site.Standing, error) {
	v, _, err := c.visitor(ctx, `tenant = $1 AND site = $2 AND id = $3`, tenant, siteID, id)
	return v.Standing, err
}

// Trail gives the records of a consent out of the audit log, the newest first.
// They outlast the row: site.ErrNotFound where the site never had such a
// consent.
func (c *SiteConsents) Trail(ctx context.Context, tenant, siteID, id string) ([]site.Entry, error) {
	keys, err := c.db.Tenant(ctx, tenant)
	if err != nil {
		return nil, err
	}
	all, err := collect(ctx, c.db.engine, func(s scanner) (audit.Record, error) { return scanLeaf(s, tenant, keys) },
		selectTrail, tenant, site.Object(id))
	if err != nil {
		return nil, fmt.Errorf("read the records of a consent: %w", err)
	}
	var trail []site.Entry
	for _, r := range all {
		e, err := site.EntryOf(r)
		if errors.Is(err, site.ErrNotFound) {
			continue // another act about it, like a link
		}
		if err != nil {
			return nil, err
		}
		if e.Record.Site == siteID {
			trail = append(trail, e)
		}
	}
	if len(trail) == 0 {
		return nil, site.ErrNotFound
	}
	return trail, nil
}

// Receipt gives what proves the latest record of a device, against the log as
// it is now: site.ErrNotFound where nothing is kept of the device.
func (c *SiteConsents) Receipt(ctx context.Context, tenant, siteID, device string) (site.Receipt, error) {
	v, _, err := c.ofDevice(ctx, tenant, siteID, device)
	if err != nil {
		return site.Receipt{}, err
	}
	return c.receipt(ctx, tenant, v.Sequence)
}

func (c *SiteConsents) receipt(ctx context.Context, tenant string, seq int64) (site.Receipt, error) {
	keys, err := c.db.Tenant(ctx, tenant)
	if err != nil {
		return site.Receipt{}, err
	}
	size, checkpoint, err := c.db.Audit().checkpoint(ctx, tenant)
	if err != nil {
		return site.Receipt{}, err
	}
	r, err := scanLeaf(c.db.engine.row(ctx, selectLeaf, tenant, seq), tenant, keys)
	if err != nil {
		return site.Receipt{}, fmt.Errorf("read the record of a consent: %w", err)
	}
	proof, err := tlog.ProveRecord(size, seq, treeReader(ctx, c.db.engine, tenant))
	if err != nil {
		return site.Receipt{}, fmt.Errorf("prove a record: %w", err)
	}
	return site.NewReceipt(r, proof, string(checkpoint), keys.Verifier()), nil
}

// Sweep ends up to limit consents of a tenant whose time is over, each with a
// record, and removes their rows: what leads from a device to its records goes
// with them. It forgets submissions that nobody sends again, and keys of
// networks. It says how many rows it removed. Several servers may do it: who
// comes second finds nothing.
func (c *SiteConsents) Sweep(ctx context.Context, tenant string, limit int) (removed int, err error) {
	err = c.db.write(ctx, tenant, func(ctx context.Context, t *tx) error {
		_, at, err := t.growth.next(ctx, t, tenant)
		if err != nil {
			return fmt.Errorf("lock the log: %w", err)
		}
		over, err := collect(ctx, t, scanVisitor, selectVisitor+` WHERE tenant = $1 AND expires <= $2 ORDER BY expires LIMIT $3`, tenant, at, int64(limit))
		if err != nil {
			return fmt.Errorf("find consents that have expired: %w", err)
		}
		removed = len(over)
		for _, v := range over {
			if v.Source != site.Withdrawal { // which has its record
				details, err := detailsOfRecord(site.Expire(v.site, v.Standing, instant(at)).Record)
				if err != nil {
					return err
				}
				if err := t.log(ctx, audit.Entry{Act: site.ActExpired, Object: site.Object(v.ID), Details: details}); err != nil {
					return err
				}
			}
			if _, err := t.exec(ctx, `DELETE FROM site_consents WHERE tenant = $1 AND site = $2 AND device = $3`, tenant, v.site, v.device); err != nil {
				return fmt.Errorf("remove a consent that has expired: %w", err)
			}
		}
		if _, err := t.exec(ctx, `DELETE FROM site_submissions WHERE tenant = $1 AND at < $2`, tenant, at-submissionTime.Microseconds()); err != nil {
			return fmt.Errorf("forget submissions: %w", err)
		}
		return t.forgetNetworks(ctx, instant(at))
	})
	return removed, err
}

// submissionTime is how long a submission may be sent again.
const submissionTime = 30 * 24 * time.Hour

// visitor is a row: what stands for a device.
type visitor struct {
	site, device string
	site.Standing
	person  string // "" for none
	bridged int64
}

const selectVisitor = `SELECT site, device, id, seq, version, digest, categories, vendors, source, signal, created, updated, expires, person, bridged FROM site_consents`

func scanVisitor(s scanner) (v visitor, err error) {
	var categories, vendors string
	var version, signal, created, updated, expires int64
	if err := s.Scan(&v.site, &v.device, &v.ID, &v.Sequence, &version, &v.Digest, &categories, &vendors, &v.Source, &signal,
		&created, &updated, &expires, &v.person, &v.bridged); err != nil {
		return v, err
	}
	v.Version, v.Signal, v.Linked = int(version), signal != 0, v.person != ""
	v.Recorded, v.Updated, v.Expires = instant(created), instant(updated), instant(expires)
	if err := errors.Join(json.Unmarshal([]byte(categories), &v.Categories), json.Unmarshal([]byte(vendors), &v.Vendors)); err != nil {
		return v, fmt.Errorf("read what stands for a device: %w", err)
	}
	return v, nil
}

func (c *SiteConsents) ofDevice(ctx context.Context, tenant, siteID, device string) (visitor, time.Time, error) {
	keys, err := c.db.Tenant(ctx, tenant)
	if err != nil {
		return visitor{}, time.Time{}, err
	}
	return c.visitor(ctx, `tenant = $1 AND site = $2 AND device = $3`, tenant, siteID, deviceDigest(keys, siteID, device))
}

// visitor gives one row, and the time of the database.
func (c *SiteConsents) visitor(ctx context.Context, where string, args ...any) (v visitor, now time.Time, err error) {
	var at int64
	err = c.db.engine.all(ctx, []statement{
		{selectNow, nil, func(s scanner) error { return s.Scan(&at) }},
		{selectVisitor + ` WHERE ` + where, args, func(s scanner) error {
			v, err = scanVisitor(s)
			return err
		}},
	})
	if err == nil && v.ID == "" {
		err = site.ErrNotFound
	}
	return v, instant(at), err
}

const (
	leafColumns = `SELECT l.seq, l.version, l.commitment, l.at, d.sealed, l.act, l.object FROM audit_leaves l `
	withDetails = ` LEFT JOIN audit_details d ON d.tenant = l.tenant AND d.seq = l.seq`
	selectLeaf  = leafColumns + withDetails + ` WHERE l.tenant = $1 AND l.seq = $2`
	// It names what the index is of, or that could not be taken.
	selectTrail = leafColumns + `{by banner}` + withDetails + ` WHERE l.tenant = $1 AND l.object = $2 AND l.object LIKE 'banner/%' ORDER BY l.seq DESC`
)

func scanLeaf(s scanner, tenant string, keys *seal.Tenant) (audit.Record, error) {
	l := audit.Leaf{Tenant: tenant}
	var at int64
	var sealed []byte
	if err := s.Scan(&l.Sequence, &l.Version, &l.Commitment, &at, &sealed, &l.Act, &l.Object); err != nil {
		return audit.Record{}, err
	}
	l.At = instant(at)
	return openRecord(l, sealed, keys)
}

// deviceDigest is what a device is known by at a site. Its id is random and
// stays on the visitor's side.
func deviceDigest(keys *seal.Tenant, siteID, device string) string {
	return digestOfSite(keys, "device", siteID, device)
}

func digestOfSite(keys *seal.Tenant, kind, siteID, text string) string {
	return digest(keys.RecallKey(), "site/"+kind, siteID+"\x00"+text)
}

// contentOfSubmission writes what was chosen, for a digest. From where it came
// may differ when it is sent again.
func contentOfSubmission(s site.Submission) string {
	s.Address, s.Agent, s.Country, s.Signal = "", "", "", false
	b, err := json.Marshal(s)
	if err != nil {
		panic("store: " + err.Error()) // it is plain text and numbers
	}
	return string(b)
}

// detailsOfRecord are the details of an act.
func detailsOfRecord(r site.Record) (details map[string]any, err error) {
	b, err := json.Marshal(r)
	if err == nil {
		err = json.Unmarshal(b, &details)
	}
	if err != nil {
		return nil, fmt.Errorf("write the record of a consent: %w", err)
	}
	return details, nil
}

func newConsentID(t *tx) (string, error) {
	id, err := uuid.NewRandomFromReader(t.rand)
	if err != nil {
		return "", fmt.Errorf("make an id: %w", err)
	}
	return id.String(), nil
}
