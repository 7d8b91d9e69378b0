package server

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"volenti.dev/volenti/api"
	"volenti.dev/volenti/audit"
	"volenti.dev/volenti/auth"
	"volenti.dev/volenti/config"
	"volenti.dev/volenti/config/source"
	"volenti.dev/volenti/connector"
	"volenti.dev/volenti/datamap/dataset"
	"volenti.dev/volenti/datamap/inventory"
	"volenti.dev/volenti/internal/store"
)

// The bounds of a proposal: a page waits for it.
const (
	mostProposals = 2 // databases at once
	proposalTime  = 40 * time.Second
	lookingTime   = 20 * time.Second // of these, for rows
	mostSampled   = 20_000           // rows of all tables together
)

// datasetDesk keeps datasets that package config finds nothing wrong with.
type datasetDesk struct {
	descriptions
	connections connections
	proposing   chan struct{} // holds one for each database that is looked at
}

var _ api.MadeDatasets = datasetDesk{}

func newDatasetDesk(db *store.DB, latest *Latest, now func() time.Time) datasetDesk {
	return datasetDesk{descriptions{latest, now}, connections{db, latest}, make(chan struct{}, mostProposals)}
}

// verdict is what a text describes, and what came of judging it with all else.
type verdict struct {
	picture
	made     inventory.Made
	shown    api.DescribedDataset
	problems []source.Problem
}

// refused is what keeps the dataset from being kept; nil for nothing.
func (v verdict) refused() error {
	if source.Failed(v.problems) {
		return &api.FaultyDataset{Place: v.made.Place(), Problems: v.problems}
	}
	return nil
}

// Check implements api.MadeDatasets.
func (d datasetDesk) Check(ctx context.Context, tenant string, t api.DatasetText) (api.DescribedDataset, []source.Problem, error) {
	v, err := d.judge(ctx, tenant, t)
	return v.shown, v.problems, err
}

// judge reads a text and judges what would be with it. What cannot be read is judged by
// itself.
func (d datasetDesk) judge(ctx context.Context, tenant string, t api.DatasetText) (v verdict, err error) {
	text := strings.ReplaceAll(t.Text, "\r\n", "\n")
	if !strings.HasSuffix(text, "\n") {
		text += "\n"
	}
	v.made, v.problems = config.DatasetOf(t.Connection, []byte(text))
	if t.Key != "" && v.made.Key != "" && v.made.Key != t.Key {
		v.problems = append(v.problems, source.Problem{
			Position: source.Position{File: v.made.Place()}, Severity: source.Error, Message: "the key of a dataset stays: it is " + t.Key, Fix: "make another dataset, and remove this one",
		})
	}
	v.shown = inFull(api.DescribedDataset{Connection: t.Connection}, v.made)
	if v.picture, err = d.connections.picture(ctx, tenant, inventory.OfDataset, v.made.Key); err != nil || source.Failed(v.problems) {
		return v, err
	}
	files, now := within(v.files), v.others
	if v.own != nil {
		now = slices.Concat(now, []inventory.Made{*v.own})
	}
	_, before := d.judged(files, now)
	c, after := d.judged(files, slices.Concat(v.others, []inventory.Made{v.made}))
	if set := c.Datasets.Dataset(v.made.Key); set != nil && set.At.File == v.made.Place() {
		v.shown.Dataset = *set
		v.shown = inFull(v.shown, v.made)
	}
	v.problems = config.WrongWith(before, after, v.made)
	return v, nil
}

// Create implements api.MadeDatasets.
func (d datasetDesk) Create(ctx context.Context, caller auth.Caller, t api.DatasetText) (string, error) {
	v, err := d.judge(ctx, caller.Tenant, t)
	switch {
	case err != nil:
		return "", err
	case v.own != nil:
		return "", inventory.ErrTaken
	case v.refused() != nil:
		return "", v.refused()
	}
	return v.made.Key, d.connections.db.Datasets().Create(ctx, caller.Tenant, v.made, v.seen, described("dataset.create", v.made, caller))
}

// Edit implements api.MadeDatasets.
func (d datasetDesk) Edit(ctx context.Context, caller auth.Caller, t api.DatasetText) error {
	is, err := d.own(ctx, caller.Tenant, t.Key)
	if err != nil {
		return err
	}
	if t.Connection == "" {
		t.Connection = is.own.Of
	}
	v, err := d.judge(ctx, caller.Tenant, t)
	if err != nil {
		return err
	}
	if err := v.refused(); err != nil {
		return err
	}
	return d.connections.db.Datasets().Edit(ctx, caller.Tenant, v.made, v.seen, described("dataset.edit", v.made, caller))
}

// Remove implements api.MadeDatasets. What refers to the dataset keeps it.
func (d datasetDesk) Remove(ctx context.Context, caller auth.Caller, key string) error {
	p, err := d.own(ctx, caller.Tenant, key)
	if err != nil {
		return err
	}
	files := within(p.files)
	_, before := d.judged(files, slices.Concat(p.others, []inventory.Made{*p.own}))
	_, after := d.judged(files, p.others)
	if left := config.WrongWith(before, after, *p.own); source.Failed(left) {
		return &api.FaultyDataset{Place: p.own.Place(), Problems: left}
	}
	return d.connections.db.Datasets().Remove(ctx, caller.Tenant, key, p.seen, described("dataset.remove", *p.own, caller))
}

// own gives the picture of a dataset that was made.
func (d datasetDesk) own(ctx context.Context, tenant, key string) (picture, error) {
	p, err := d.connections.picture(ctx, tenant, inventory.OfDataset, key)
	if err != nil || p.own != nil {
		return p, err
	}
	if c, _ := config.ReadWith(p.files, p.others, p.options); c.Datasets.Dataset(key) != nil {
		return p, inventory.ErrManaged
	}
	return p, inventory.ErrNoDataset
}

func described(act string, m inventory.Made, caller auth.Caller) (e audit.Entry) {
	e = changed(act, m.Place(), caller)
	e.Details["connection"] = m.Of
	return e
}

// Propose implements api.MadeDatasets.
func (d datasetDesk) Propose(ctx context.Context, caller auth.Caller, connection string, samples int) (p api.Proposals, err error) {
	select {
	case d.proposing <- struct{}{}:
		defer func() { <-d.proposing }()
	default:
		return p, api.ErrProposing
	}
	e, release, err := d.latest.Use(ctx, caller.Tenant)
	if err != nil {
		return p, err
	}
	defer release()
	switch c := e.systems.connection(connection); {
	case c.Key == "":
		return p, inventory.ErrNoConnection
	case c.Disabled:
		return p, &connector.Error{Kind: connector.Permanent, Connection: connection, Doing: "describe", Reason: "it is disabled"}
	}
	if err := d.connections.db.Audit().Append(ctx, caller.Tenant, changed("connection.describe", connectionObject+connection, caller)); err != nil {
		return p, err
	}
	return d.propose(ctx, e.systems, connection, samples)
}

func (d datasetDesk) propose(ctx context.Context, s *Systems, connection string, samples int) (p api.Proposals, err error) {
	within, cancel := context.WithTimeout(ctx, proposalTime)
	defer cancel()
	looking, stop := context.WithTimeout(within, lookingTime)
	defer stop()
	share := func(tables int) int { return min(samples, mostSampled/max(1, tables)) }
	found, err := s.discover(within, looking, connection, share, d.today())
	switch {
	case err != nil && ctx.Err() == nil && errors.Is(within.Err(), context.DeadlineExceeded):
		return p, &api.TooLong{Limit: proposalTime}
	case err != nil && ctx.Err() == nil:
		var failed *connector.Error
		if !errors.As(err, &failed) {
			failed = &connector.Error{Kind: connector.Permanent, Connection: connection, Doing: "describe", Reason: err.Error()}
		}
		return p, failed
	case err != nil:
		return p, err
	}
	p.Drift, p.Unsampled = found.Drift, found.Unsampled
	known := s.described(connection)
	for _, draft := range found.Drafts {
		lacking := draft.Lacking(known)
		if len(lacking.Tables) == 0 && len(known) > 0 {
			continue
		}
		made := api.Proposal{Draft: draft, Text: draft.YAML(connection)}
		if slices.ContainsFunc(known, func(k dataset.Dataset) bool { return k.Key == draft.Key }) {
			made = api.Proposal{Draft: lacking, Described: true, Text: lacking.Fragment(known)}
		}
		p.Drafts = append(p.Drafts, made)
	}
	return p, nil
}
