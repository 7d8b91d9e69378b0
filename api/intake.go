package api

import (
	"context"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"os"
	"time"

	"volenti.dev/volenti/audit"
	"volenti.dev/volenti/auth"
	"volenti.dev/volenti/consent/intake"
)

// An import may be large, and take its time to arrive.
const (
	maxImport  = 256 << 20 // bytes
	importTime = 15 * time.Minute
)

type importInput struct {
	DryRun     bool   `query:"dry_run" doc:"Only tell what is wrong"`
	Identities string `query:"identity_column" doc:"A further column that holds a type of identity" maxLength:"64"`
	RawBody    []byte `contentType:"text/csv"`
}

type importOutput struct {
	Body Imported
}

// Imported is what became of the rows.
type Imported intake.Report

// importConsents reads text/csv, or JSON Lines as application/jsonl, as they
// arrive. What was taken over before a failure stays; the same may be sent
// again.
func importConsents(a *API, ctx context.Context, caller auth.Caller, w http.ResponseWriter, r *http.Request) error {
	query := r.URL.Query()
	dry := query.Get("dry_run")
	if dry != "" && dry != "true" && dry != "false" {
		return invalid("query.dry_run", "it is true or false")
	}
	rules, err := a.config.Consents.Rules(ctx, caller.Tenant)
	if err != nil {
		return err
	}
	i := &intake.Import{Ledger: a.config.Consents, Rules: rules, Tenant: caller.Tenant, Now: a.config.Now, DryRun: dry == "true"}
	if column := query.Get("identity_column"); column != "" {
		i.Identities = []string{column}
	}
	read := i.CSV
	switch kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); kind {
	case "text/csv":
	case "application/jsonl", "application/x-ndjson":
		read = i.JSONLines
	default:
		return &Problem{Status: http.StatusUnsupportedMediaType, Detail: "Send the rows as text/csv with a header, or as application/jsonl."}
	}
	if !i.DryRun {
		entry := audit.Entry{Act: "ledger.import", Object: "ledger", Details: map[string]any{"by": caller.By()}}
		if err := a.config.Audit.Append(ctx, caller.Tenant, entry); err != nil {
			return err
		}
	}
	if err := patiently(w); err != nil {
		return err
	}
	report, err := read(ctx, r.Body)
	var form *intake.FormError
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &form):
		return invalid(fmt.Sprintf("body.line[%d]", form.Line), form.Text)
	case errors.As(err, &large):
		return tooLarge()
	case errors.Is(err, os.ErrDeadlineExceeded):
		return &Problem{Status: http.StatusRequestTimeout, Detail: "The body did not arrive in time."}
	case err != nil:
		return err
	}
	return answerJSON(w, http.StatusOK, report)
}

// patiently gives the body and the answer of an import their time.
func patiently(w http.ResponseWriter) error {
	connection := http.NewResponseController(w)
	until := time.Now().Add(importTime)
	err := errors.Join(connection.SetReadDeadline(until), connection.SetWriteDeadline(until))
	if errors.Is(err, http.ErrNotSupported) {
		return nil
	}
	return err
}
