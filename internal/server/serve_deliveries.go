package server

import (
	"context"
	"errors"
	"slices"

	"volenti.dev/volenti/api"
	"volenti.dev/volenti/consent/propagate"
	"volenti.dev/volenti/datamap/taxonomy"
	"volenti.dev/volenti/internal/store"
	"volenti.dev/volenti/request"
)

// deliveries makes, for the interface, what the store and the configuration say of
// how choices reach connections.
type deliveries struct {
	*store.Propagation
	db     *store.DB
	latest *Latest
}

var (
	_ api.Deliveries = deliveries{}
	_ api.Matrix     = deliveries{}
)

// Attempts implements api.Deliveries.
func (d deliveries) Attempts(ctx context.Context, tenant, record, connection string) (propagate.Delivery, []propagate.Attempt, error) {
	found, err := d.List(ctx, tenant, propagate.Filter{Record: record, Connection: connection, Limit: 1})
	if err != nil {
		return propagate.Delivery{}, nil, err
	}
	if len(found) == 0 {
		return propagate.Delivery{}, nil, propagate.ErrNotFound
	}
	attempts, err := d.Propagation.Attempts(ctx, tenant, record, connection)
	return found[0], attempts, err
}

// Lanes implements api.Deliveries.
func (d deliveries) Lanes(ctx context.Context, tenant string) ([]propagate.LaneState, error) {
	lanes, err := d.Propagation.Lanes(ctx, tenant)
	if err != nil {
		return nil, err
	}
	places, err := d.places(ctx, tenant)
	for i, l := range lanes {
		lanes[i].System, lanes[i].Barred = places.of(l.Connection)
	}
	return lanes, err
}

// Columns implements api.Matrix.
func (d deliveries) Columns(ctx context.Context, tenant string) ([]propagate.Column, error) {
	columns, err := d.Propagation.Columns(ctx, tenant)
	if err != nil {
		return nil, err
	}
	places, err := d.places(ctx, tenant)
	for i, c := range columns {
		columns[i].System, columns[i].Barred = places.of(c.Connection)
	}
	return columns, err
}

// places are what the configuration says of connections: which system each belongs to,
// and what keeps every choice from it.
type places struct {
	targets []propagate.Target
	uses    map[string][]taxonomy.Use
}

func (d deliveries) places(ctx context.Context, tenant string) (p places, err error) {
	if p.targets, err = d.targets(ctx, tenant); err == nil {
		p.uses, err = d.uses(ctx, tenant)
	}
	return p, err
}

func (p places) of(connection string) (system string, barred propagate.Reason) {
	at := slices.IndexFunc(p.targets, func(t propagate.Target) bool { return t.Key == connection })
	if at < 0 {
		return "", propagate.Removed
	}
	return p.targets[at].System, propagate.Barred(p.targets[at], p.uses)
}

// Tables implements api.Deliveries.
func (d deliveries) Tables(ctx context.Context, tenant string) ([]propagate.Kept, error) {
	return d.db.Permissions().Tables(ctx, tenant)
}

// Takers implements api.Deliveries: there are none without a configuration.
func (d deliveries) Takers(ctx context.Context, tenant string) ([]propagate.Taker, error) {
	e, release, err := d.latest.Use(ctx, tenant)
	if errors.Is(err, request.ErrNoConfiguration) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer release()
	var all []propagate.Taker
	for _, c := range e.config.Connections {
		all = append(all, propagate.Taker{Key: c.Key, Name: c.Name, System: c.System, Takes: c.Choices != nil})
	}
	return all, nil
}

// Retry implements api.Deliveries. What was left out for how the connection is set up
// is judged anew: a retry sends nothing that would not be sent if it were new.
func (d deliveries) Retry(ctx context.Context, tenant, by, connection string, all []propagate.Delivery) (int, map[propagate.Reason]int, error) {
	targets, err := d.targets(ctx, tenant)
	if err != nil {
		return 0, nil, err
	}
	uses, err := d.uses(ctx, tenant)
	if err != nil {
		return 0, nil, err
	}
	at := slices.IndexFunc(targets, func(t propagate.Target) bool { return t.Key == connection })
	left := map[propagate.Reason]int{}
	var refs []propagate.Ref
	for _, one := range all {
		reason := propagate.Removed
		if at >= 0 {
			_, reason = propagate.Route(one.Change, targets[at], uses[one.Purpose])
		}
		if reason != propagate.NoReason {
			left[reason]++
			continue
		}
		refs = append(refs, propagate.Ref{Sequence: one.Sequence, Attempt: one.Attempt})
	}
	if len(refs) == 0 {
		return 0, left, nil
	}
	retried, err := d.Propagation.Retry(ctx, tenant, connection, by, refs)
	if errors.Is(err, propagate.ErrStale) {
		err = nil
	}
	return retried, left, err
}

// Import implements api.Deliveries.
func (d deliveries) Import(ctx context.Context, tenant, by string, all []propagate.LegacyMap) (int, map[int]string, error) {
	targets, err := d.targets(ctx, tenant)
	if err != nil {
		return 0, nil, err
	}
	_, err = d.Propagation.Import(ctx, tenant, by, targets, all)
	var wrong propagate.LegacyProblems
	if !errors.As(err, &wrong) {
		return len(all), nil, err
	}
	// What is left of all, and where it was.
	var good []propagate.LegacyMap
	var places []int
	for i, m := range all {
		if wrong[i] == "" {
			good, places = append(good, m), append(places, i)
		}
	}
	if len(good) == 0 {
		return 0, wrong, nil
	}
	imported, more, err := d.Import(ctx, tenant, by, good)
	for i, text := range more {
		wrong[places[i]] = text
	}
	return imported, wrong, err
}

// targets are the connections that take choices; none without a configuration.
func (d deliveries) targets(ctx context.Context, tenant string) ([]propagate.Target, error) {
	e, release, err := d.latest.propagation(ctx, tenant)
	if errors.Is(err, propagate.ErrNoEdition) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer release()
	return e.Targets, nil
}

// uses are the data uses of each purpose.
func (d deliveries) uses(ctx context.Context, tenant string) (map[string][]taxonomy.Use, error) {
	rules, err := d.db.Consents().Rules(ctx, tenant)
	if err != nil {
		return nil, err
	}
	all := map[string][]taxonomy.Use{}
	for _, p := range rules.Purposes {
		all[p.Key] = nil
		for _, u := range p.Uses {
			all[p.Key] = append(all[p.Key], taxonomy.Use(u))
		}
	}
	return all, nil
}
