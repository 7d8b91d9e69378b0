package api

import (
	"context"
	"time"

	"volenti.dev/volenti/auth"
	"volenti.dev/volenti/consent"
	"volenti.dev/volenti/consent/propagate"
)

// Matrix is what became of choices, whole changes at a time, at all connections.
type Matrix interface {
	// Rows gives changes, the newest first, each with its cells.
	Rows(ctx context.Context, tenant string, m propagate.Matrix) ([]propagate.Row, error)
	// Columns gives how connections stand that take choices, by key, without counting
	// what they were sent.
	Columns(ctx context.Context, tenant string) ([]propagate.Column, error)
}

type matrixInput struct {
	Connection string    `query:"connection" maxLength:"256" doc:"Only at this connection"`
	System     string    `query:"system" maxLength:"256" doc:"Only at connections that belong to this system"`
	Status     string    `query:"status" enum:"pending,sending,complete,partial,error,skipped,superseded" doc:"Only changes that have this status at one of the connections"`
	Purpose    string    `query:"purpose" maxLength:"64"`
	Failing    bool      `query:"failing" doc:"Only at connections that fail: nothing can be sent to them, though they are not switched off, or the last call failed. Only these are among the connections of the answer"`
	From       time.Time `query:"from" doc:"Only choices that were recorded at this time or later"`
	Until      time.Time `query:"until" doc:"Only choices that were recorded before"`
	Before     int64     `query:"before" minimum:"0" doc:"The next of the page before"`
	Limit      int       `query:"limit" minimum:"1" maximum:"100" default:"25" doc:"How many changes at once"`
}

type matrixOutput struct {
	Body DeliveryMatrix
}

// DeliveryMatrix is a page of changes, the newest first, with what became of each at
// every connection that is meant.
type DeliveryMatrix struct {
	Connections []DeliveryColumn `json:"connections" nullable:"false" doc:"All that take choices, or, with failing, those that fail; by key"`
	Items       []DeliveryRow    `json:"items" nullable:"false"`
	Next        int64            `json:"next,omitempty" doc:"Hand it over as before, for the next page; absent on the last"`
}

// DeliveryColumn is how a connection stands.
type DeliveryColumn struct {
	Connection string             `json:"connection" doc:"Its key"`
	System     string             `json:"system,omitempty" doc:"Key of the system that it belongs to"`
	Status     propagate.Status   `json:"status" doc:"The worst that there is: error, pending, partial, complete, skipped"`
	Statuses   []propagate.Status `json:"statuses" nullable:"false" doc:"Those that there are"`
	Failing    int                `json:"failing,omitempty" doc:"How many calls in a row have failed"`
	Quiet      *time.Time         `json:"quiet_until,omitempty" doc:"Nothing is sent until then"`
	Barred     propagate.Reason   `json:"barred,omitempty" doc:"What keeps every choice from it"`
	Why        string             `json:"why,omitempty" doc:"That as a sentence"`
	Mend       string             `json:"mend,omitempty" doc:"What can be done about it"`
}

// DeliveryRow is a change.
type DeliveryRow struct {
	Record   string                      `json:"record" format:"uuid" doc:"Of the choice"`
	Sequence int64                       `json:"sequence" doc:"Of the record in the ledger"`
	Subject  consent.SubjectID           `json:"subject" format:"uuid"`
	Purpose  string                      `json:"purpose"`
	Choice   string                      `json:"choice" enum:"granted,refused,withdrawn,expired"`
	Recorded time.Time                   `json:"recorded_at"`
	Cells    []DeliveryCell              `json:"cells" nullable:"false" doc:"By the key of the connection; none where it did not take choices yet"`
	Systems  map[string]propagate.Status `json:"systems" nullable:"false" doc:"By the key of the system: the worst of the cells of its connections"`
}

// DeliveryCell is what became of a change at a connection.
type DeliveryCell struct {
	Connection string           `json:"connection" doc:"Its key"`
	Status     propagate.Status `json:"status"`
	Reason     propagate.Reason `json:"reason,omitempty"`
	Attempts   int              `json:"attempts,omitempty" doc:"How many were begun"`
}

func showMatrix(a *API, ctx context.Context, caller auth.Caller, in *matrixInput) (*matrixOutput, error) {
	columns, err := a.config.Matrix.Columns(ctx, caller.Tenant)
	if err != nil {
		return nil, err
	}
	out := DeliveryMatrix{Connections: []DeliveryColumn{}, Items: []DeliveryRow{}}
	m := propagate.Matrix{Status: propagate.Status(in.Status), Purpose: in.Purpose, From: in.From, Until: in.Until, Before: in.Before, Limit: in.Limit + 1}
	if in.Connection != "" && in.System == "" && !in.Failing {
		m.Connections = []string{in.Connection} // it may be gone
	}
	for _, c := range columns {
		if in.Failing && !c.Fails() {
			continue
		}
		out.Connections = append(out.Connections, shownColumn(c))
		if (in.System != "" || in.Failing) && (in.System == "" || in.System == c.System) && (in.Connection == "" || in.Connection == c.Connection) {
			m.Connections = append(m.Connections, c.Connection)
		}
	}
	if (in.System != "" || in.Failing) && m.Connections == nil {
		return &matrixOutput{out}, nil // there is none
	}
	rows, err := a.config.Matrix.Rows(ctx, caller.Tenant, m)
	if err != nil {
		return nil, err
	}
	if len(rows) > in.Limit {
		rows = rows[:in.Limit]
		out.Next = rows[in.Limit-1].Sequence
	}
	for _, r := range rows {
		out.Items = append(out.Items, shownRow(r))
	}
	return &matrixOutput{out}, nil
}

func shownColumn(c propagate.Column) DeliveryColumn {
	d := DeliveryColumn{Connection: c.Connection, System: c.System, Status: c.Status(), Statuses: []propagate.Status{}, Failing: c.Failing, Barred: c.Barred, Why: c.Barred.Sentence(), Mend: c.Barred.Mend()}
	for _, s := range propagate.Statuses() {
		if _, there := c.Newest[s]; there {
			d.Statuses = append(d.Statuses, s)
		}
	}
	if !c.Quiet.IsZero() {
		quiet := c.Quiet.UTC()
		d.Quiet = &quiet
	}
	return d
}

func shownRow(r propagate.Row) DeliveryRow {
	row := DeliveryRow{
		Record: r.Record, Sequence: r.Sequence, Subject: r.Subject, Purpose: r.Purpose, Choice: string(r.Choice), Recorded: r.At.UTC(),
		Cells: []DeliveryCell{}, Systems: r.Systems(),
	}
	for _, c := range r.Cells {
		row.Cells = append(row.Cells, DeliveryCell{c.Connection, c.Status, c.Reason, c.Attempt})
	}
	return row
}
