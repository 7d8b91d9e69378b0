// Package intake takes over choices that were made elsewhere: rows of CSV or
// JSON Lines become entries of the ledger, with the time at which they say that
// the choice was made.
//
//	row -> fields -> entry -> checked -> appended, a slice in one commit
//
// What is wrong with a row is told by its line and quotes nothing of it; the
// other rows are taken over. An import that stops may be run again: what was
// taken over already is not taken over twice, and never displaces a choice that
// was made later.
package intake

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"volenti.dev/volenti/consent"
	"volenti.dev/volenti/subject"
)

// Import takes over rows.
type Import struct {
	Ledger consent.Ledger
	Rules  *consent.Rules
	Tenant string
	Now    func() time.Time
	// Identities are further columns that may lead to a person. One that was
	// taken for an identity by mistake would make one person of many.
	Identities []string
	DryRun     bool // only tell what is wrong

	rows   []row
	report Report
}

// Report is what became of the rows.
type Report struct {
	Rows      int        `json:"rows"`
	Recorded  int        `json:"recorded"`
	Unchanged int        `json:"unchanged"` // the same choice stands already
	Older     int        `json:"older"`     // a later choice stands
	Errors    []RowError `json:"errors" nullable:"false"`
	Omitted   int        `json:"errors_omitted,omitempty"` // beyond MaxErrors
}

// MaxErrors is how many errors a report lists.
const MaxErrors = 10_000

// RowError tells what is wrong with a row, and quotes nothing of it.
type RowError struct {
	Line int    `json:"line"`
	Text string `json:"text"`
}

// FormError is something wrong with the file, from which on nothing was read.
type FormError struct {
	Line int
	Text string
}

func (e *FormError) Error() string { return fmt.Sprintf("line %d: %s", e.Line, e.Text) }

// slice is how many rows share a commit; choices of others go between.
const slice = 200

type row struct {
	line  int
	entry consent.Entry
}

// CSV takes over the rows below a header.
func (i *Import) CSV(ctx context.Context, in io.Reader) (Report, error) {
	return i.all(ctx, in, readCSV)
}

// JSONLines takes over objects, one a line.
func (i *Import) JSONLines(ctx context.Context, in io.Reader) (Report, error) {
	return i.all(ctx, in, readJSONLines)
}

type reader func(in *bufio.Reader, row func(line int, fields map[string]string, form error) error) error

func (i *Import) all(ctx context.Context, in io.Reader, read reader) (Report, error) {
	i.report = Report{Errors: []RowError{}}
	for _, t := range []subject.Type{subject.Email, subject.Phone, subject.DeviceID, subject.ExternalID} {
		i.Identities = append(i.Identities, string(t))
	}
	err := read(bufio.NewReader(in), func(line int, fields map[string]string, form error) error {
		return i.row(ctx, line, fields, form)
	})
	return i.report, errors.Join(err, i.flush(ctx))
}

// row takes the fields of a row, or what is wrong with its form.
func (i *Import) row(ctx context.Context, line int, fields map[string]string, form error) error {
	i.report.Rows++
	if form != nil {
		i.wrong(line, form.Error())
		return nil
	}
	e, err := entryOf(fields, i.Identities)
	if err == nil {
		err = i.Rules.Check("", []consent.Entry{e}, i.Now())
	}
	if err != nil {
		i.refused(line, err)
		return nil
	}
	i.rows = append(i.rows, row{line, e})
	if len(i.rows) < slice {
		return nil
	}
	return i.flush(ctx)
}

// flush records a slice: together, or one by one when one of them is refused.
func (i *Import) flush(ctx context.Context) error {
	rows := i.rows
	i.rows = nil
	if i.DryRun || len(rows) == 0 {
		return nil
	}
	entries := make([]consent.Entry, len(rows))
	for k, r := range rows {
		entries[k] = r.entry
	}
	outcomes, err := i.Ledger.Append(ctx, i.Tenant, "", entries)
	if err == nil {
		i.count(outcomes)
		return nil
	}
	var invalid *consent.Invalid
	if !errors.As(err, &invalid) {
		return fmt.Errorf("the import stopped and can be run again: %w", err)
	}
	for _, r := range rows {
		outcomes, err := i.Ledger.Append(ctx, i.Tenant, "", []consent.Entry{r.entry})
		switch {
		case err == nil:
			i.count(outcomes)
		case errors.As(err, &invalid):
			i.refused(r.line, err)
		default:
			return fmt.Errorf("the import stopped and can be run again: %w", err)
		}
	}
	return nil
}

func (i *Import) count(outcomes []consent.Outcome) {
	for _, o := range outcomes {
		switch {
		case o.Unchanged:
			i.report.Unchanged++
		case o.Older:
			i.report.Older++
		default:
			i.report.Recorded++
		}
	}
}

func (i *Import) refused(line int, err error) {
	var invalid *consent.Invalid
	if !errors.As(err, &invalid) {
		i.wrong(line, err.Error())
		return
	}
	for _, v := range invalid.Violations {
		i.wrong(line, v.Field+": "+v.Text)
	}
}

func (i *Import) wrong(line int, text string) {
	if len(i.report.Errors) == MaxErrors {
		i.report.Omitted++
		return
	}
	i.report.Errors = append(i.report.Errors, RowError{line, text})
}
