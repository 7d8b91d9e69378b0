package server

import (
	"context"
	"encoding/json"
	"fmt"

	"volenti.dev/volenti/api"
	"volenti.dev/volenti/internal/store"
	"volenti.dev/volenti/request"
	"volenti.dev/volenti/request/fulfill"
	"volenti.dev/volenti/request/graph"
	"volenti.dev/volenti/subject"
)

// requests shows the requests of the store to the interface.
type requests struct{ db *store.DB }

var _ api.Requests = requests{}

func (s requests) Search(ctx context.Context, tenant string, q request.Query, after request.Mark, limit int) ([]request.Request, error) {
	return s.db.Requests().Search(ctx, tenant, q, after, limit)
}

// Count implements api.Requests.
func (s requests) Count(ctx context.Context, tenant string, q request.Query, most int) (int64, error) {
	return s.db.Requests().Count(ctx, tenant, q, most)
}

// Digest implements api.Requests.
func (s requests) Digest(ctx context.Context, tenant string, i subject.Identity) (string, error) {
	keys, err := s.db.Tenant(ctx, tenant)
	if err != nil {
		return "", err
	}
	return i.Digest(keys.RecallKey()), nil
}

// Identities implements api.Requests.
func (s requests) Identities(ctx context.Context, tenant, id string) ([]subject.Identity, error) {
	return identitiesOf(ctx, s.db, tenant, id, request.Proven, request.Vouched, request.Derived, request.Claimed)
}

func (s requests) Report(ctx context.Context, tenant, id string) (request.Request, api.Report, error) {
	r, err := s.db.Requests().Get(ctx, tenant, id)
	if err != nil {
		return r, api.Report{}, err
	}
	plan := &graph.Plan{}
	if len(r.Plan) > 0 { // it has none before it was planned
		if err := json.Unmarshal(r.Plan, plan); err != nil {
			return r, api.Report{}, fmt.Errorf("read the stored plan: %w", err)
		}
	}
	report, err := fulfill.NewReport(ctx, r, plan, s.db.Work())
	return r, reported(report), err
}

// reported writes a report as the interface promises it, whatever becomes of
// the report's own form.
func reported(from fulfill.Report) api.Report {
	to := api.Report{Collections: []api.Collection{}, Skipped: []api.Skipped{}, Webhooks: []api.Webhooked{}, Consent: from.Consent, LeftOut: []api.Omitted{}}
	for _, o := range from.LeftOut {
		to.LeftOut = append(to.LeftOut, api.Omitted{Address: o.Address, Field: o.Field, Values: o.Values, All: o.All, Reason: string(o.Reason)})
	}
	for _, w := range from.Webhooks {
		derived := []string{}
		for _, t := range w.Derived {
			derived = append(derived, string(t))
		}
		to.Webhooks = append(to.Webhooks, api.Webhooked{Webhook: w.Webhook, Connection: w.Connection, Status: string(w.Status), Calls: w.Calls, Message: w.Message, Derived: derived})
	}
	for i := range from.Collections {
		c := &from.Collections[i]
		fields := []api.Field{}
		for _, f := range c.Fields {
			fields = append(fields, api.Field(f))
		}
		to.Collections = append(to.Collections, api.Collection{
			Address: c.Address, Action: string(c.Action), Status: string(c.Status),
			RowsRead: c.RowsRead, RowsMasked: c.RowsMasked, RowsAlready: c.RowsAlready, RowsFailed: c.RowsFailed, RowsResidue: c.RowsResidue,
			Verified: c.Verified, Message: c.Message, Attempts: c.Attempts, Fields: fields, Waits: (*api.Wait)(c.Waits),
		})
	}
	for _, k := range from.Skipped {
		to.Skipped = append(to.Skipped, api.Skipped{Address: k.Address, Reason: k.Reason})
	}
	return to
}
