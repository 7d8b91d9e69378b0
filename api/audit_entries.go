package api

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"time"

	"volenti.dev/volenti/audit"
	"volenti.dev/volenti/auth"
)

type listEntriesInput struct {
	Before int64  `query:"before" minimum:"0" doc:"Only entries with a lower number; the newest where absent"`
	Limit  int    `query:"limit" minimum:"1" maximum:"500" default:"100"`
	Act    string `query:"act" maxLength:"100" doc:"An act, or the beginning of one up to its dot: request"`
	Object string `query:"object" maxLength:"300" doc:"What it was done to: request/ID"`
}

type listEntriesOutput struct {
	Body AuditEntries
}

// AuditEntries are entries of the log, newest first.
type AuditEntries struct {
	Items []AuditEntry `json:"items" nullable:"false"`
	Next  *int64       `json:"next,omitempty" doc:"The before of the next page; absent at the beginning of the log. A page may be short, or empty, and still have one"`
}

// AuditEntry is an act as logged.
type AuditEntry struct {
	Sequence int64     `json:"sequence"`
	At       time.Time `json:"at"`
	Act      string    `json:"act"`
	Object   string    `json:"object"`
	Details  any       `json:"details,omitempty" doc:"Absent where there were none, or once they were erased"`
}

// Entries are looked through in pages, and no more of them for one answer than
// this, whatever is looked for.
const (
	entriesAtOnce = 500
	mostLooked    = 10_000
)

func listEntries(a *API, ctx context.Context, caller auth.Caller, in *listEntriesInput) (*listEntriesOutput, error) {
	before := in.Before
	if before == 0 {
		size, err := a.config.Audit.Size(ctx, caller.Tenant)
		if err != nil {
			return nil, err
		}
		before = size
	}
	out := AuditEntries{Items: []AuditEntry{}}
	for looked := 0; before > 0 && looked < mostLooked; looked += entriesAtOnce {
		from := max(0, before-entriesAtOnce)
		page, err := a.config.Audit.Records(ctx, caller.Tenant, from, int(before-from))
		if err != nil {
			return nil, err
		}
		for i := len(page) - 1; i >= 0; i-- {
			if before = page[i].Sequence; in.wants(page[i]) {
				out.Items = append(out.Items, shownEntry(page[i]))
			}
			if len(out.Items) == in.Limit {
				return &listEntriesOutput{out.behind(before)}, nil
			}
		}
		before = from
	}
	return &listEntriesOutput{out.behind(before)}, nil
}

func (out AuditEntries) behind(before int64) AuditEntries {
	if before > 0 {
		out.Next = &before
	}
	return out
}

func (in *listEntriesInput) wants(r audit.Record) bool {
	return (in.Act == "" || r.Act == in.Act || strings.HasPrefix(r.Act, in.Act+".")) && (in.Object == "" || r.Object == in.Object)
}

func shownEntry(r audit.Record) AuditEntry {
	e := AuditEntry{Sequence: r.Sequence, At: r.At, Act: r.Act, Object: r.Object}
	if r.Details != nil {
		e.Details = json.RawMessage(r.Details)
	}
	return e
}

type verifyLogInput struct {
	Body struct {
		Remembered string `json:"remembered,omitempty" maxLength:"10000" doc:"An earlier checkpoint, which the log must continue"`
	}
}

type verifyLogOutput struct {
	Body LogVerified
}

// LogVerified is what the log was found to be.
type LogVerified struct {
	Good       bool   `json:"good" doc:"All records are those that were signed, without a gap"`
	Finding    string `json:"finding,omitempty" doc:"What is wrong"`
	Size       int64  `json:"size" doc:"Records"`
	Root       string `json:"root,omitempty"`
	Erased     int64  `json:"erased" doc:"Records whose details were erased"`
	Checkpoint string `json:"checkpoint,omitempty" doc:"Signed; to be remembered elsewhere for the next time"`
}

// verifyLog reads the whole log as an export is verified. Nobody sees details.
func verifyLog(a *API, ctx context.Context, caller auth.Caller, in *verifyLogInput) (*verifyLogOutput, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	r, w := io.Pipe()
	go func() { _ = w.CloseWithError(a.config.Audit.Export(ctx, caller.Tenant, w)) }() // the reader gets the error
	defer func() { _ = r.Close() }()
	var o audit.Options
	if in.Body.Remembered != "" {
		o.Remembered = []byte(in.Body.Remembered)
	}
	report, err := audit.Verify(r, o)
	if finding := (*audit.Finding)(nil); errors.As(err, &finding) {
		return &verifyLogOutput{LogVerified{Finding: finding.Error()}}, nil
	}
	if err != nil {
		return nil, err
	}
	return &verifyLogOutput{LogVerified{Good: true, Size: report.Size, Root: report.Root.String(), Erased: report.Erased, Checkpoint: report.Checkpoint}}, nil
}
