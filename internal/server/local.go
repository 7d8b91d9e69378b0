package server

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/google/uuid"

	"volenti.dev/volenti/audit"
	"volenti.dev/volenti/internal/blob"
	"volenti.dev/volenti/internal/store"
	"volenti.dev/volenti/request"
	"volenti.dev/volenti/request/fulfill"
	"volenti.dev/volenti/request/graph"
	"volenti.dev/volenti/request/task"
	"volenti.dev/volenti/subject"
)

// Local carries requests out in this process, for an operator who vouches
// for the identities.
type Local struct {
	House   *House
	Tenant  string // "" for the default one
	Systems *Systems
	Log     *slog.Logger
	Out     string // directory for packages and the report
	// Controller is the company's name, for packages.
	Controller string
	By         string // who vouches and approves: goes into the sealed details of the audit log
	Limits     fulfill.Limits
	Tell       func(fulfill.Event)
	Now        func() time.Time
	// Answers gives what people answer who are asked by the plan; nil where
	// nobody does.
	Answers func(task.Ask) (*task.Form, error)
}

func (l *Local) tenant() string { return cmp.Or(l.Tenant, store.DefaultTenant) }

// The store is what the executor needs.
var (
	_ fulfill.Requests = (*store.Requests)(nil)
	_ fulfill.Work     = (*store.Work)(nil)
	_ fulfill.Keys     = (*store.Keys)(nil)
	_ fulfill.Holds    = (*store.Holds)(nil)
)

// What a run leaves in its directory.
const (
	reportName  = "report.json"
	accessName  = "access.json"
	packageName = "package.zip"
)

// Resumable gives the request that the same command began and that has not
// been reported as ended: it is found by policy and identities. Nil when
// there is none.
func (l *Local) Resumable(ctx context.Context, policyKey string, identities []subject.Identity) (*request.Request, error) {
	found, err := l.House.Store.Requests().Find(ctx, l.tenant(), policyKey, identities)
	if err != nil {
		return nil, err
	}
	reported := l.reported()
	for i := range found {
		switch r := &found[i]; {
		case r.Author != "": // it came to a server, and that carries it out
		case !r.Status.Terminal():
			return r, nil
		case r.Status != request.Canceled && reported.Request == r.ID && !reported.Status.Terminal():
			return r, nil // it ended, and was stopped before it could say so
		}
	}
	return nil, nil
}

// reported reads the report that lies in the directory, if any.
func (l *Local) reported() (r fulfill.Report) {
	b, err := os.ReadFile(filepath.Join(l.Out, reportName))
	if err == nil {
		_ = json.Unmarshal(b, &r) // anything else is somebody else's file, and is set aside
	}
	return r
}

// Submit stores an approved request, unless what it is to erase is under legal
// hold: *request.HeldError then. Two entries of the audit log say that
// the operator vouches for the identities and approved the plan.
func (l *Local) Submit(ctx context.Context, plan *graph.Plan, identities []subject.Identity, maxRows int64) (string, error) {
	if err := fulfill.Sendable(plan); err != nil {
		return "", err
	}
	if err := l.Held(ctx, plan, identities); err != nil {
		return "", err
	}
	return l.submit(ctx, plan, identities, maxRows)
}

func (l *Local) submit(ctx context.Context, plan *graph.Plan, identities []subject.Identity, maxRows int64) (string, error) {
	id, err := l.keep(ctx, request.Request{MaxRows: maxRows}, plan, identities, "")
	if err != nil {
		return "", err
	}
	return id, l.approve(ctx, id, plan.Hash, maxRows)
}

// keep stores a request that awaits its approval. The note says how the
// operator knows whose identities they are.
func (l *Local) keep(ctx context.Context, r request.Request, plan *graph.Plan, identities []subject.Identity, note string, papers ...store.Paper) (string, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return "", err
	}
	keys, err := l.House.Store.Tenant(ctx, l.tenant())
	if err != nil {
		return "", err
	}
	if r.Plan, err = json.Marshal(plan); err != nil {
		return "", err
	}
	r.ID, r.Tenant, r.Policy, r.PlanHash, r.Status = id.String(), l.tenant(), plan.Policy, plan.Hash, request.AwaitingApproval
	var digests []string
	for _, i := range identities {
		digests = append(digests, string(i.Type)+" "+i.Digest(keys.RecallKey()))
	}
	details := map[string]any{"by": l.By, "identities": digests, "policy": plan.Policy}
	if note != "" {
		details["note"] = note
	}
	if r.Of != "" {
		details["of"] = r.Of
	}
	vouched := audit.Entry{Act: "request.vouch", Object: "request/" + r.ID, Details: details}
	if err := l.House.Store.Requests().Create(ctx, r, identities, vouched, papers...); err != nil {
		return "", fmt.Errorf("store the request: %w", err)
	}
	return r.ID, nil
}

func (l *Local) approve(ctx context.Context, id, hash string, maxRows int64) error {
	entry := audit.Entry{Act: "request.approve", Object: "request/" + id, Details: map[string]any{"by": l.By, "plan": hash, "max_rows": maxRows}}
	if err := l.House.Store.Requests().Apply(ctx, l.tenant(), id, request.Approve, entry); err != nil {
		return fmt.Errorf("approve the request: %w", err)
	}
	return nil
}

// Raise lets a request that has begun write up to so many rows per
// collection; 0 leaves it as it is.
func (l *Local) Raise(ctx context.Context, r *request.Request, maxRows int64) error {
	if maxRows == 0 || maxRows == r.MaxRows {
		return nil
	}
	entry := audit.Entry{Act: "request.raise", Object: "request/" + r.ID, Details: map[string]any{"by": l.By, "max_rows": maxRows}}
	return l.House.Store.Requests().Raise(ctx, r.Tenant, r.ID, maxRows, entry)
}

// Cancel gives a request up; what it had found is destroyed.
func (l *Local) Cancel(ctx context.Context, id string) error {
	entry := audit.Entry{Act: "request.cancel", Object: "request/" + id, Details: map[string]any{"by": l.By}}
	return l.House.Store.Requests().Apply(ctx, l.tenant(), id, request.Cancel, entry)
}

// Prepare makes the directory ready for a new request: what another one left
// there is kept under another name, and the report says what is under way.
func (l *Local) Prepare(ctx context.Context, id string, plan *graph.Plan) error {
	names := []string{reportName, accessName, packageName}
	for _, n := range plan.Nodes {
		for rule := range n.Returned {
			names = append(names, rule+"/"+accessName, rule+"/"+packageName)
		}
	}
	for _, a := range plan.Asks {
		for rule := range a.Returned {
			names = append(names, rule+"/"+accessName, rule+"/"+packageName)
		}
	}
	slices.Sort(names)
	if err := (blob.Directory{Path: l.Out}).SetAside(slices.Compact(names)...); err != nil {
		return fmt.Errorf("prepare %s: %w", l.Out, err)
	}
	_, err := l.Report(ctx, id)
	return err
}

// Run carries a stored request out. The error says why it did not end; the
// report says how far it came.
func (l *Local) Run(ctx context.Context, id string) (fulfill.Report, error) {
	r, err := l.House.Store.Requests().Get(ctx, l.tenant(), id)
	if err != nil {
		return fulfill.Report{}, err
	}
	if r.Status == request.AwaitingApproval { // interrupted between the two
		if err := l.approve(ctx, id, r.PlanHash, r.MaxRows); err != nil {
			return fulfill.Report{}, err
		}
	}
	var failed error
	if !r.Status.Terminal() {
		failed = l.run(ctx, id, r.Status)
	}
	report, err := l.Report(context.WithoutCancel(ctx), id)
	return report, errors.Join(failed, err)
}

// run carries a request out, and answers what it asks people on the way.
func (l *Local) run(ctx context.Context, id string, status request.Status) error {
	failed := fulfill.ErrPaused
	if status != request.RequiresInput {
		failed = l.carryOut(ctx, id)
	}
	if !errors.Is(failed, fulfill.ErrPaused) {
		return failed
	}
	resumed, err := l.enter(ctx, id)
	if err != nil || !resumed {
		return errors.Join(failed, err)
	}
	return l.carryOut(ctx, id)
}

// carryOut carries a request out, and waits in place for systems that answer later.
func (l *Local) carryOut(ctx context.Context, id string) error {
	for {
		err := l.executor().Run(ctx, l.tenant(), id, l.House.Store.Exclusive())
		var waits *fulfill.Awaits
		if !errors.As(err, &waits) {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(waits.Again.Sub(l.Now())):
		}
	}
}

func (l *Local) executor() *fulfill.Executor {
	return &fulfill.Executor{
		Requests: l.House.Store.Requests(), Work: l.House.Store.Work(), Keys: l.House.Store.Keys(), Holds: l.House.Store.Holds(), Colleagues: l.colleagues(), Choices: choices{l.House.Store, l.Now},
		Connect: l.Systems.Connect, Output: blob.Directory{Path: l.Out}, Limits: l.Limits,
		Log: l.Log, Tell: l.Tell, Owner: l.House.Owner, Controller: l.Controller, Now: l.Now,
	}
}

// Report puts the report of a request together and writes it to the directory.
func (l *Local) Report(ctx context.Context, id string) (fulfill.Report, error) {
	r, err := l.House.Store.Requests().Get(ctx, l.tenant(), id)
	if err != nil {
		return fulfill.Report{}, err
	}
	plan := &graph.Plan{}
	if err := json.Unmarshal(r.Plan, plan); err != nil {
		return fulfill.Report{}, fmt.Errorf("read the stored plan: %w", err)
	}
	report, err := fulfill.NewReport(ctx, r, plan, l.House.Store.Work())
	if err != nil {
		return report, err
	}
	err = blob.Directory{Path: l.Out}.Put(ctx, reportName, func(w io.Writer) error {
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		return e.Encode(report)
	})
	if err != nil {
		return report, fmt.Errorf("write the report: %w", err)
	}
	return report, nil
}

// Count fills in how many rows of each collection belong to the identities.
// It reads as a request would and keeps nothing.
func (l *Local) Count(ctx context.Context, plan *graph.Plan, identities []subject.Identity) error {
	id, err := l.submit(ctx, plan, identities, 0)
	if err != nil {
		return err
	}
	rows, err := l.executor().Survey(ctx, l.tenant(), id)
	if err != nil {
		return err
	}
	for i := range plan.Nodes {
		n := rows[plan.Nodes[i].Address]
		plan.Nodes[i].Rows = &n
	}
	return nil
}
