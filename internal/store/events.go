package store

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"

	"github.com/google/uuid"

	"volenti.dev/volenti/audit"
	"volenti.dev/volenti/consent"
	"volenti.dev/volenti/consent/site"
	"volenti.dev/volenti/internal/seal"
	"volenti.dev/volenti/request"
	"volenti.dev/volenti/webhook"
)

// Events reads what happened in a tenant out of its ledger, for those who
// follow it. Nothing is queued for them: an event is there when its record is,
// and not before.
type Events struct{ db *DB }

// Events gives access to the events.
func (db *DB) Events() *Events { return &Events{db} }

// eventRows are the events of a tenant. They come from one statement, which
// sees one state of the ledger, so that none is missing between two others.
// Each part is limited by itself: PostgreSQL would else sort all of them.
const eventRows = `
	SELECT seq, id, choice, at, subject, purpose, '' AS version, CAST(NULL AS bytea) AS sealed FROM
		(SELECT seq, id, choice, at, subject, purpose FROM consent_records WHERE tenant = $1 AND seq > $2 ORDER BY seq LIMIT $3) r
	UNION ALL
	SELECT seq, id, '', at, '', purposes, version, CAST(NULL AS bytea) FROM
		(SELECT seq, id, at, purposes, version FROM consent_publications WHERE tenant = $1 AND seq > $2 ORDER BY seq LIMIT $3) p
	UNION ALL
	SELECT seq, request, act, at, status, policy, '', CAST(NULL AS bytea) FROM
		(SELECT l.seq, q.id AS request, l.act, l.at, q.status, q.policy
			FROM audit_leaves l JOIN ` + aboutRequest + ` WHERE l.tenant = $1 AND l.seq > $2 AND ` + actOfRequest + `
			ORDER BY l.seq LIMIT $3) a
	UNION ALL
	SELECT b.seq, b.object, b.act, b.at, '', '', '', d.sealed FROM
		(SELECT l.seq, l.object, l.act, l.at FROM audit_leaves l WHERE l.tenant = $1 AND l.seq > $2 AND ` + actOfBanner + `
			ORDER BY l.seq LIMIT $3) b LEFT JOIN audit_details d ON d.tenant = $1 AND d.seq = b.seq
	ORDER BY seq LIMIT $3`

// aboutRequest joins an act with its request, and actOfRequest says that it is
// an event. The acts are written as the index audit_leaves_of_requests has them.
// Requests without an author are the command line's, which tells by itself what
// becomes of them.
const (
	aboutRequest = `requests q ON q.tenant = l.tenant AND q.id = substr(l.object, 9)`
	actOfRequest = `q.author <> '' AND l.object LIKE 'request/%' AND l.act IN ('message.receive', 'request.approve', 'request.complete', 'request.deny', 'request.fail', 'request.finalise', 'request.overdue', 'request.submit', 'request.verify', 'request.vouch', 'task.wait')`
)

// actOfBanner says that an act is an event of a banner. Which site it is about
// stands in its details.
const actOfBanner = ofBanner + ` AND l.act IN ('banner.given', 'banner.updated', 'banner.withdrawn', 'banner.expired')`

// ofAct tells which event an act on a request is, and what became of the
// request by it. Its status is left out where the act does not change it, and
// is that of the request where it ends it, in the one way or the other.
var ofAct = map[string]struct {
	is     webhook.Type
	status request.Status
}{
	"request.submit":   {webhook.RequestReceived, request.IdentityUnverified},
	"request.vouch":    {webhook.RequestReceived, request.AwaitingApproval},
	"request.verify":   {webhook.RequestVerified, request.AwaitingApproval},
	"request.approve":  {webhook.RequestApproved, request.Approved},
	"request.deny":     {webhook.RequestDenied, request.Denied},
	"request.complete": {webhook.RequestCompleted, ends},
	"request.finalise": {webhook.RequestCompleted, request.CompleteWithResidue},
	"request.fail":     {webhook.RequestFailed, request.Errored},
	"request.overdue":  {webhook.RequestOverdue, ""},
	"task.wait":        {webhook.TaskWaiting, request.RequiresInput},
	"message.receive":  {webhook.RequestMessage, ""},
}

const ends request.Status = "ends"

// After gives up to limit events behind a sequence, in their order. Whoever
// goes on behind the last one misses none.
func (e *Events) After(ctx context.Context, tenant string, after int64, limit int) ([]webhook.Event, error) {
	keys, err := e.db.Tenant(ctx, tenant)
	if err != nil {
		return nil, err
	}
	all, err := collect(ctx, e.db.engine, func(row scanner) (webhook.Event, error) { return scanEvent(row, tenant, keys) }, eventRows, tenant, after, limit)
	if err != nil {
		return nil, fmt.Errorf("read events: %w", err)
	}
	return all, nil
}

func scanEvent(s scanner, tenant string, keys *seal.Tenant) (webhook.Event, error) {
	var e webhook.Event
	var sealed []byte
	var choice, person, purpose, version string
	var at int64
	if err := s.Scan(&e.Sequence, &e.ID, &choice, &at, &person, &purpose, &version, &sealed); err != nil {
		return e, err
	}
	e.Timestamp = instant(at)
	if id, ok := strings.CutPrefix(e.ID, site.Object("")); ok {
		return ofBannerAct(e, choice, id, sealed, tenant, keys), nil
	}
	if act, ok := ofAct[choice]; ok {
		e.Type, e.Data = act.is, webhook.Data{Request: e.ID, Policy: purpose, Status: string(act.status)}
		if act.status == ends {
			e.Data.Status = person
		}
		e.ID = uuid.NewSHA1(uuid.NameSpaceURL, fmt.Appendf(nil, "request/%s/%d", e.ID, e.Sequence)).String()
		return e, nil
	}
	if choice == "" {
		e.Type, e.Data = webhook.ReconsentRequired, webhook.Data{Notice: version, Purposes: strings.Fields(purpose)}
		return e, nil
	}
	e.Type, e.Data = webhook.Type("consent."+choice), webhook.Data{Subject: person, Purpose: purpose, Record: e.ID}
	return e, nil
}

// ofBannerAct makes the event of an act in a banner. Where its details are erased
// or damaged, it tells of the consent alone, and holds nothing else up.
func ofBannerAct(e webhook.Event, act, consent string, sealed []byte, tenant string, keys *seal.Tenant) webhook.Event {
	e.ID = uuid.NewSHA1(uuid.NameSpaceURL, fmt.Appendf(nil, "%s/%d", e.ID, e.Sequence)).String()
	e.Type, e.Data.Consent = webhook.Type(act), consent
	r, err := openRecord(audit.Leaf{Tenant: tenant, Sequence: e.Sequence}, sealed, keys)
	var chosen site.Record
	if err == nil && json.Unmarshal(r.Details, &chosen) == nil {
		e.Data.Site, e.Data.Version = chosen.Site, chosen.Version
	}
	return e
}

// Changed gives a channel that is closed once this process adds something to
// the tenant's ledger. Take it before reading, and nothing is slept through.
func (e *Events) Changed(tenant string) <-chan struct{} { return e.db.watch.changed(tenant) }

// published makes the event of a material version, whose act was just logged.
func (t *tx) published(ctx context.Context, rules *consent.Rules) error {
	id, err := uuid.NewV7FromReader(t.rand)
	if err != nil {
		return fmt.Errorf("make an id: %w", err)
	}
	var purposes []string
	for _, p := range rules.Purposes {
		if eras := rules.Eras[p.Key]; len(eras) > 0 && eras[len(eras)-1].Version == rules.Current() {
			purposes = append(purposes, p.Key)
		}
	}
	act := t.growth.leaves[len(t.growth.leaves)-1].leaf
	if _, err := t.exec(ctx, `INSERT INTO consent_publications (tenant, seq, id, at, version, purposes) VALUES ($1, $2, $3, $4, $5, $6)`,
		t.tenant, act.Sequence, id.String(), micros(act.At), rules.Current(), strings.Join(purposes, " ")); err != nil {
		return fmt.Errorf("store the event of a version: %w", err)
	}
	return nil
}

// watch wakes those who wait for the ledger of a tenant to grow.
type watch struct {
	mu      sync.Mutex
	waiting map[string]chan struct{}
}

func (w *watch) changed(tenant string) <-chan struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.waiting == nil {
		w.waiting = map[string]chan struct{}{}
	}
	if w.waiting[tenant] == nil {
		w.waiting[tenant] = make(chan struct{})
	}
	return w.waiting[tenant]
}

func (w *watch) wake(tenant string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if c := w.waiting[tenant]; c != nil {
		close(c)
		delete(w.waiting, tenant)
	}
}
