package cli

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"volenti.dev/volenti/audit"
	"volenti.dev/volenti/consent/intake"
	"volenti.dev/volenti/internal/store"
)

type consentImportCommand struct {
	atHome
	File       string   `arg:"" help:"CSV with a header, or JSON Lines (.jsonl). Columns: purpose, granted, given_at, and optionally notice, language, legal_basis, source; and the identities email, phone_number, device_id, external_id and those of --identity-column." type:"path"`
	Identities []string `name:"identity-column" help:"Another column that holds a type of identity. Rows with the same value in it are of the same person." placeholder:"TYPE" sep:"none"`
	DryRun     bool     `help:"Only tell what is wrong and how many would be read."`
	JSON       bool     `help:"Write the result as JSON."`
}

// Run takes over the rows that are right, and tells what is wrong with the
// others. A second run changes nothing.
func (c *consentImportCommand) Run(s *session) (err error) {
	f, err := os.Open(c.File)
	if errors.Is(err, os.ErrNotExist) {
		return failure{exitNotFound, err}
	}
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	house, ledger, err := c.open(s)
	if err != nil {
		return err
	}
	defer closing(house, &err)
	rules, err := ledger.Rules(s.ctx, store.DefaultTenant)
	if err != nil {
		return err
	}
	if !c.DryRun {
		entry := audit.Entry{Act: "ledger.import", Object: "ledger", Details: map[string]any{"by": s.User}}
		if err := house.Store.Audit().Append(s.ctx, store.DefaultTenant, entry); err != nil {
			return err
		}
	}
	i := &intake.Import{Ledger: ledger, Rules: rules, Tenant: store.DefaultTenant, Now: s.Now, Identities: c.Identities, DryRun: c.DryRun}
	read := i.CSV
	if strings.HasSuffix(c.File, ".jsonl") || strings.HasSuffix(c.File, ".ndjson") {
		read = i.JSONLines
	}
	report, err := read(s.ctx, f)
	var form *intake.FormError
	if errors.As(err, &form) {
		return failure{exitProblems, err}
	}
	if err != nil {
		return err
	}
	if err := c.show(s, report); err != nil {
		return err
	}
	if len(report.Errors) > 0 {
		return failure{code: exitProblems}
	}
	return nil
}

func (c *consentImportCommand) show(s *session, r intake.Report) error {
	if c.JSON {
		return writeJSON(s, r)
	}
	for _, e := range r.Errors {
		fmt.Fprintf(s.Out, "line %d: %s\n", e.Line, e.Text)
	}
	wrong := count(len(r.Errors)+r.Omitted, "error")
	if c.DryRun {
		fmt.Fprintf(s.Out, "%s read, %s; nothing was recorded.\n", count(r.Rows, "row"), wrong)
		return nil
	}
	fmt.Fprintf(s.Out, "%s: %d recorded, %d as before, %d older than what stands, %s.\n", count(r.Rows, "row"), r.Recorded, r.Unchanged, r.Older, wrong)
	return nil
}
