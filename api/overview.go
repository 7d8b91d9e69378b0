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
	Mail        bool              `json:"mail" doc:"There is a mail server that letters are handed to"`
}

// RequestCounts counts requests of which it is known who asks, and which have not ended.
type RequestCounts struct {
	Overdue int64 `json:"overdue" doc:"Whose answer is late"`
	DueSoon int64 `json:"due_soon" doc:"Whose answer is due within seven days, or late"`
	// Unanswered counts those that have ended, too.
	Unanswered int64            `json:"unanswered" doc:"About which the person has written something that waits for an answer, also those that have ended"`
	Statuses   map[string]int64 `json:"statuses" doc:"By status, those that wait for somebody"`
	Most       int64            `json:"most" doc:"No number is higher: it stands for itself and more"`
}

// ConnectionCounts counts connections that take choices.
type ConnectionCounts struct {
	All     int64 `json:"all"`
	Failing int64 `json:"failing" doc:"To which nothing can be sent, though they are not switched off, or to which the last attempt failed"`
}

// ChoiceCounts counts what was chosen, by days in UTC: by visitors on all sites, and
// in the ledger, which has what is known of whom, also from sites.
type ChoiceCounts struct {
	Day       string    `json:"day" format:"date" doc:"Which day it is"`
	Today     *int64    `json:"today" doc:"Choices of visitors; null when there are one to nine"`
	Yesterday *int64    `json:"yesterday" doc:"null when there are one to nine"`
	Records   DayCounts `json:"records" doc:"Records of the ledger"`
}

// DayCounts counts of two days.
type DayCounts struct {
	Today     int64 `json:"today"`
	Yesterday int64 `json:"yesterday"`
	Most      int64 `json:"most" doc:"No number is higher: it stands for itself and more"`
}

const (
	// mostCounted keeps counting cheap however many requests there are.
	mostCounted = 1000
	mostRecords = 100_000
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
		columns, err := a.config.Matrix.Columns(ctx, caller.Tenant)
		if err != nil {
			return nil, err
		}
		out.Connections = countConnections(columns)
	}
	if caller.May(auth.ReadConsents) {
		if out.Choices, err = a.countChoices(ctx, caller.Tenant); err != nil {
			return nil, err
		}
	}
	out.Mail = a.config.Letters.Sends()
	return &overviewOutput{out}, nil
}

func (a *API) countChoices(ctx context.Context, tenant string) (*ChoiceCounts, error) {
	today := a.config.Now().UTC().Truncate(24 * time.Hour)
	counts := &ChoiceCounts{Day: today.Format(time.DateOnly), Records: DayCounts{Most: mostRecords}}
	for _, of := range []struct {
		day     time.Time
		chosen  **int64
		records *int64
	}{{today, &counts.Today, &counts.Records.Today}, {today.AddDate(0, 0, -1), &counts.Yesterday, &counts.Records.Yesterday}} {
		total, _, _, err := a.chosenBySite(ctx, tenant, of.day, of.day)
		if err != nil {
			return nil, err
		}
		*of.chosen = total.Total
		if *of.records, err = a.config.Records.Count(ctx, tenant, of.day, of.day.AddDate(0, 0, 1), mostRecords); err != nil {
			return nil, err
		}
	}
	return counts, nil
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
	if counts.Unanswered, err = count(request.Query{Unanswered: true}); err != nil {
		return counts, err
	}
	counts.DueSoon, err = count(request.Query{Statuses: open, DueBefore: a.config.Now().AddDate(0, 0, soonDays)})
	return counts, err
}

func countConnections(columns []propagate.Column) *ConnectionCounts {
	counts := &ConnectionCounts{All: int64(len(columns))}
	for _, c := range columns {
		if c.Fails() {
			counts.Failing++
		}
	}
	return counts
}
