package fulfill

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"volenti.dev/volenti/request"
	"volenti.dev/volenti/request/graph"
)

// Report says what became of a request, collection by collection. It holds
// no personal value.
type Report struct {
	Request     string             `json:"request"`
	Status      request.Status     `json:"status"`
	Message     string             `json:"message,omitempty"`
	Step        string             `json:"step,omitempty"` // that it stands at
	Parked      *request.Parked    `json:"parked,omitempty"`
	Policy      string             `json:"policy"`
	Plan        string             `json:"plan"` // its hash
	Rounds      int                `json:"rounds"`
	Collections []CollectionReport `json:"collections"`
	Skipped     []graph.Skipped    `json:"skipped"`
	Webhooks    []WebhookReport    `json:"webhooks,omitempty"`
	Consent     string             `json:"consent,omitempty"` // what was withdrawn
	LeftOut     []OmissionReport   `json:"left_out,omitempty"`
}

// OmissionReport counts what an operator has left out of the packages, of one field and
// for one reason.
type OmissionReport struct {
	Address string                 `json:"address"`
	Field   string                 `json:"field"`            // "" for the rows as a whole
	Values  int                    `json:"values,omitempty"` // of as many rows
	All     bool                   `json:"all,omitempty"`    // of all rows
	Reason  request.OmissionReason `json:"reason"`
}

// CollectionReport is one collection in one action: access, or erasure with
// its verification. Rows that were read or masked are those of all rounds,
// rows that failed or are residue those of the last.
type CollectionReport struct {
	Address     string                   `json:"address"`
	Action      request.Action           `json:"action"`
	Status      request.CollectionStatus `json:"status"`
	RowsRead    int64                    `json:"rows_read"`
	RowsMasked  int64                    `json:"rows_masked"`
	RowsAlready int64                    `json:"rows_already_masked,omitempty"`
	RowsFailed  int64                    `json:"rows_failed,omitempty"`
	RowsResidue int64                    `json:"rows_residue,omitempty"`
	Verified    bool                     `json:"verified,omitempty"` // the database was asked again, and every row is as it must be
	Message     string                   `json:"message"`
	Notes       []string                 `json:"notes,omitempty"` // what the plan said about it beforehand
	Attempts    int                      `json:"attempts,omitempty"`
	Waits       *WaitReport              `json:"waits,omitempty"`
	Fields      []FieldReport            `json:"fields,omitempty"`
	Rounds      []RoundReport            `json:"rounds,omitempty"` // of an erasure, when there was more than one
}

// RoundReport is what one round did to a collection.
type RoundReport struct {
	Round       int   `json:"round"`
	RowsRead    int64 `json:"rows_read"`  // that no round knew before
	RowsAgain   int64 `json:"rows_again"` // that were read anew
	RowsMasked  int64 `json:"rows_masked"`
	RowsFailed  int64 `json:"rows_failed"`
	RowsResidue int64 `json:"rows_residue"`
}

// FieldReport is what became of one field.
type FieldReport struct {
	Field  string `json:"field"` // "" for the row as a whole
	Status string `json:"status"`
	Rows   int64  `json:"rows,omitempty"`
	Reason string `json:"reason,omitempty"`
	Ground string `json:"ground,omitempty"`
}

// NewReport puts together what the store knows of a request.
func NewReport(ctx context.Context, req request.Request, plan *graph.Plan, work Work) (Report, error) {
	rep := Report{Request: req.ID, Status: req.Status, Message: req.Message, Policy: req.Policy, Plan: req.PlanHash, Rounds: req.Round, Collections: []CollectionReport{}, Skipped: plan.Skipped, Step: req.Step}
	if req.Parked.Collection != "" || len(req.Parked.Needed) > 0 {
		rep.Parked = &req.Parked
	}
	rows, err := work.Progress(ctx, req.Tenant, req.ID)
	if err != nil {
		return rep, fmt.Errorf("read progress: %w", err)
	}
	outcomes, err := work.Outcomes(ctx, req.Tenant, req.ID)
	if err != nil {
		return rep, fmt.Errorf("read outcomes: %w", err)
	}
	waits, err := waitReports(ctx, req, plan, work, rows)
	if err != nil {
		return rep, err
	}
	rep.Consent = allRounds(rows, ConsentAddress, consentAction).Message
	omitted, err := work.Omissions(ctx, req.Tenant, req.ID)
	if err != nil {
		return rep, err
	}
	rep.LeftOut = leftOut(omitted)
	if rep.Webhooks, err = webhookReports(ctx, req, plan, work); err != nil {
		return rep, err
	}
	for i := range plan.Nodes {
		n := &plan.Nodes[i]
		read := allRounds(rows, n.Address, request.Access)
		verified := allRounds(rows, n.Address, request.Verification)
		c := CollectionReport{
			Address: n.Address, Action: request.Access, Status: or(read.Status, request.Pending),
			RowsRead: read.RowsRead, Message: read.Message, Attempts: read.Attempt,
		}
		if !n.Targeted() {
			c.RowsResidue, c.Message = verified.RowsResidue, or(read.Message, verified.Message)
		}
		c.wait(waits[lineOf(n, request.Access)])
		rep.Collections = append(rep.Collections, c)
		if n.Targeted() {
			c := erasureReport(n, read.RowsRead, allRounds(rows, n.Address, request.Erasure), verified, outcomes)
			if req.Round > 1 {
				c.Rounds = byRound(rows, n.Address, req.Round)
			}
			c.wait(waits[lineOf(n, request.Erasure)])
			rep.Collections = append(rep.Collections, c)
		}
	}
	return rep, nil
}

// allRounds puts the progress of all rounds together: rows that were read and
// written and attempts are summed up, the rest is that of the last round.
func allRounds(rows []request.Progress, address string, action request.Action) request.Progress {
	var all request.Progress
	for _, p := range rows { // in the order of rounds
		if p.Address != address || p.Action != action {
			continue
		}
		p.RowsRead += all.RowsRead
		p.RowsMasked += all.RowsMasked
		p.RowsAlready += all.RowsAlready
		p.Attempt += all.Attempt
		all = p
	}
	return all
}

// NothingErased is the message of a collection of which the plan erases
// nothing.
const NothingErased = "nothing of it is erased; see its fields"

func byRound(rows []request.Progress, address string, rounds int) []RoundReport {
	all := make([]RoundReport, rounds)
	for i := range all {
		all[i].Round = i + 1
	}
	for _, p := range rows {
		if p.Address != address {
			continue
		}
		switch r := &all[p.Round-1]; p.Action {
		case request.Access:
			r.RowsRead, r.RowsAgain = p.RowsRead, p.RowsMatched
		case request.Erasure:
			r.RowsMasked, r.RowsFailed = p.RowsMasked, p.RowsFailed
		case request.Verification:
			r.RowsResidue = p.RowsResidue
		}
	}
	return all
}

func erasureReport(n *graph.Node, read int64, p, v request.Progress, outcomes []request.FieldOutcome) CollectionReport {
	c := CollectionReport{
		Address: n.Address, Action: request.Erasure, Status: or(p.Status, request.Pending),
		RowsRead: read, RowsMasked: p.RowsMasked, RowsAlready: p.RowsAlready, RowsFailed: p.RowsFailed,
		RowsResidue: v.RowsResidue, Verified: v.Status == request.Done && v.RowsResidue == 0 && n.Unverified == "",
		Message: or(p.Message, v.Message), Notes: n.Notes, Attempts: p.Attempt,
	}
	switch {
	case n.Instructs():
		c.Message = or(c.Message, "not instructed yet")
		if c.Status == request.Instructed {
			c.Message += "; instructed, not verified"
		}
	case n.Follows != "":
		c.follow(n, v)
	case !n.Erases() && n.Blocked == "":
		c.Status, c.Message = request.Skipped, NothingErased
	case v.RowsResidue > 0:
		c.Status = request.Residual
	}
	for _, o := range outcomes {
		if o.Address == n.Address {
			c.Fields = append(c.Fields, FieldReport{Field: o.Field, Status: o.Status, Rows: o.Rows, Reason: o.Reason})
		}
	}
	for _, k := range n.Kept {
		c.Fields = append(c.Fields, FieldReport{Field: k.Field, Status: "kept", Rows: read, Reason: k.Reason, Ground: k.Ground})
	}
	for _, f := range n.Refused {
		c.Fields = append(c.Fields, FieldReport{Field: f.Field, Status: "refused", Rows: read, Reason: f.Reason})
	}
	slices.SortFunc(c.Fields, func(a, b FieldReport) int {
		return cmp.Or(cmp.Compare(a.Field, b.Field), cmp.Compare(a.Status, b.Status), cmp.Compare(a.Reason, b.Reason))
	})
	return c
}

// follow says what became of rows that were to go with others.
func (c *CollectionReport) follow(n *graph.Node, v request.Progress) {
	c.Status = or(v.Status, request.Pending)
	if v.Status != request.Done {
		return
	}
	if c.RowsMasked = max(0, c.RowsRead-v.RowsResidue); c.RowsMasked > 0 {
		c.Fields = append(c.Fields, FieldReport{Status: "deleted", Rows: c.RowsMasked, Reason: "gone with " + n.Follows})
	}
	if v.RowsResidue > 0 {
		c.Status = request.Residual
	}
}
