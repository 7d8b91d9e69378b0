package api

import (
	"context"
	"time"

	"volenti.dev/volenti/auth"
	"volenti.dev/volenti/consent/propagate"
	"volenti.dev/volenti/request"
)

type overviewOutput struct {
	Body Overview
}

// Overview counts what waits for operators. What the caller may not read is absent.
type Overview struct {
	Requests    RequestCounts     `json:"requests"`
	Connections *ConnectionCounts `json:"connections,omitempty" doc:"Needs the scope deliveries:read"`
	Choices     *ChoiceCounts     `json:"choices,omitempty" doc:"Needs the scope consents:read"`
}

// RequestCounts counts requests of which it is known who asks, and which have not ended.
type RequestCounts struct {
	Overdue  int64            `json:"overdue" doc:"Whose answer is late"`
	DueSoon  int64            `json:"due_soon" doc:"Whose answer is due within seven days, or late"`
	Statuses map[string]int64 `json:"statuses" doc:"By status, those that wait for somebody"`
	Most     int64            `json:"most" doc:"No number is higher: it stands for itself and more"`
}

// ConnectionCounts counts connections that take choices.
type ConnectionCounts struct {
	All     int64 `json:"all"`
	Failing int64 `json:"failing" doc:"To which nothing can be sent, or to which the last attempt failed"`
}

// ChoiceCounts counts what visitors chose on all sites, by days in UTC.
type ChoiceCounts struct {
	Today     int64 `json:"today"`
	Yesterday int64 `json:"yesterday"`
}

const (
	// mostCounted keeps counting cheap however many requests there are.
	mostCounted = 1000
	soonDays    = 7
)

// waiting are the statuses in which a request waits for somebody.
var waiting = []request.Status{
	request.AwaitingApproval, request.RequiresInput, request.AwaitingEmailSend, request.Paused, request.RequiresFinalization, request.Errored,
}

func showOverview(a *API, ctx context.Context, caller auth.Caller, _ *struct{}) (*overviewOutput, error) {
	var out Overview
	var err error
	if out.Requests, err = a.countRequests(ctx, caller.Tenant); err != nil {
		return nil, err
	}
	if caller.May(auth.ReadDeliveries) {
		lanes, err := a.config.Deliveries.Lanes(ctx, caller.Tenant)
		if err != nil {
			return nil, err
		}
		out.Connections = countConnections(lanes)
	}
	if caller.May(auth.ReadConsents) {
		now := a.config.Now().UTC()
		out.Choices = &ChoiceCounts{}
		for day, n := range map[time.Time]*int64{now: &out.Choices.Today, now.AddDate(0, 0, -1): &out.Choices.Yesterday} {
			if *n, err = a.config.SiteCounts.Chosen(ctx, caller.Tenant, day); err != nil {
				return nil, err
			}
		}
	}
	return &overviewOutput{out}, nil
}

func (a *API) countRequests(ctx context.Context, tenant string) (RequestCounts, error) {
	counts := RequestCounts{Statuses: map[string]int64{}, Most: mostCounted}
	count := func(q request.Query) (int64, error) { return a.config.Requests.Count(ctx, tenant, q, mostCounted) }
	var err error
	for _, s := range waiting {
		if counts.Statuses[string(s)], err = count(request.Query{Statuses: []request.Status{s}}); err != nil {
			return counts, err
		}
	}
	open := append([]request.Status{request.Approved, request.InProcessing}, waiting...)
	if counts.Overdue, err = count(request.Query{Statuses: open, Overdue: true}); err != nil {
		return counts, err
	}
	counts.DueSoon, err = count(request.Query{Statuses: open, DueBefore: a.config.Now().AddDate(0, 0, soonDays)})
	return counts, err
}

func countConnections(lanes []propagate.LaneState) *ConnectionCounts {
	counts := &ConnectionCounts{All: int64(len(lanes))}
	for _, l := range lanes {
		if l.Barred != "" || l.Failing > 0 {
			counts.Failing++
		}
	}
	return counts
}
