package cli

import (
	"bufio"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"volenti.dev/volenti/audit"
	"volenti.dev/volenti/consent"
	"volenti.dev/volenti/internal/store"
	"volenti.dev/volenti/subject"
)

type consentImportCommand struct {
	atHome
	File       string   `arg:"" help:"CSV with a header, or JSON Lines (.jsonl). Columns: purpose, granted, given_at, and optionally notice, language, legal_basis, source; and the identities email, phone_number, device_id, external_id and those of --identity-column." type:"path"`
	Identities []string `name:"identity-column" help:"Another column that holds a type of identity. Rows with the same value in it are of the same person." placeholder:"TYPE" sep:"none"`
	DryRun     bool     `help:"Only tell what is wrong and how many would be read."`
	JSON       bool     `help:"Write the result as JSON."`
}

// importSlice is how many rows share a commit; choices of others go between.
const importSlice = 200

// importReport is what became of the rows.
type importReport struct {
	Rows      int        `json:"rows"`
	Recorded  int        `json:"recorded"`
	Unchanged int        `json:"unchanged"` // the same choice stands already
	Older     int        `json:"older"`     // a later choice stands
	Errors    []rowError `json:"errors"`
}

// rowError tells what is wrong with a row, and quotes nothing of it.
type rowError struct {
	Line int    `json:"line"`
	Text string `json:"text"`
}

type row struct {
	line  int
	entry consent.Entry
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
	i := &importing{s: s, ledger: ledger, dry: c.DryRun, identities: append([]string{string(subject.Email), string(subject.Phone), string(subject.DeviceID), string(subject.ExternalID)}, c.Identities...), report: importReport{Errors: []rowError{}}}
	if i.rules, err = ledger.Rules(s.ctx, store.DefaultTenant); err != nil {
		return err
	}
	if !c.DryRun {
		entry := audit.Entry{Act: "ledger.import", Object: "ledger", Details: map[string]any{"by": s.User}}
		if err := house.Store.Audit().Append(s.ctx, store.DefaultTenant, entry); err != nil {
			return err
		}
	}
	read := readCSV
	if strings.HasSuffix(c.File, ".jsonl") || strings.HasSuffix(c.File, ".ndjson") {
		read = readJSONLines
	}
	if err := errors.Join(read(bufio.NewReader(f), i.row), i.flush()); err != nil {
		return err
	}
	if err := i.show(c.JSON); err != nil {
		return err
	}
	if len(i.report.Errors) > 0 {
		return failure{code: exitProblems}
	}
	return nil
}

type importing struct {
	s      *session
	ledger *store.Consents
	rules  *consent.Rules
	dry    bool
	// identities are the columns that may lead to a person. A column that was
	// taken for one by mistake would make one person of many.
	identities []string
	rows       []row
	report     importReport
}

// row takes the fields of a row, or what is wrong with its form.
func (i *importing) row(line int, fields map[string]string, form error) error {
	i.report.Rows++
	if form != nil {
		i.wrong(line, form.Error())
		return nil
	}
	e, err := entryOf(fields, i.identities)
	if err == nil {
		err = i.rules.Check("", []consent.Entry{e}, i.s.Now())
	}
	if err != nil {
		i.refused(line, err)
		return nil
	}
	i.rows = append(i.rows, row{line, e})
	if len(i.rows) < importSlice {
		return nil
	}
	return i.flush()
}

// flush records a slice: together, or one by one when one of them is refused.
func (i *importing) flush() error {
	rows := i.rows
	i.rows = nil
	if i.dry || len(rows) == 0 {
		return nil
	}
	entries := make([]consent.Entry, len(rows))
	for k, r := range rows {
		entries[k] = r.entry
	}
	outcomes, err := i.ledger.Append(i.s.ctx, store.DefaultTenant, "", entries)
	if err == nil {
		i.count(outcomes)
		return nil
	}
	var invalid *consent.Invalid
	if !errors.As(err, &invalid) {
		return fmt.Errorf("the import stopped and can be run again: %w", err)
	}
	for _, r := range rows {
		outcomes, err := i.ledger.Append(i.s.ctx, store.DefaultTenant, "", []consent.Entry{r.entry})
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

func (i *importing) count(outcomes []consent.Outcome) {
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

func (i *importing) refused(line int, err error) {
	var invalid *consent.Invalid
	if !errors.As(err, &invalid) {
		i.wrong(line, err.Error())
		return
	}
	for _, v := range invalid.Violations {
		i.wrong(line, v.Field+": "+v.Text)
	}
}

func (i *importing) wrong(line int, text string) {
	i.report.Errors = append(i.report.Errors, rowError{line, text})
}

func (i *importing) show(asJSON bool) error {
	if asJSON {
		return writeJSON(i.s, i.report)
	}
	for _, e := range i.report.Errors {
		fmt.Fprintf(i.s.Out, "line %d: %s\n", e.Line, e.Text)
	}
	if i.dry {
		fmt.Fprintf(i.s.Out, "%s read, %s; nothing was recorded.\n", count(i.report.Rows, "row"), count(len(i.report.Errors), "error"))
		return nil
	}
	fmt.Fprintf(i.s.Out, "%s: %d recorded, %d as before, %d older than what stands, %s.\n", count(i.report.Rows, "row"),
		i.report.Recorded, i.report.Unchanged, i.report.Older, count(len(i.report.Errors), "error"))
	return nil
}

// entryOf reads the fields of a row. Errors name fields, not values.
func entryOf(fields map[string]string, identities []string) (e consent.Entry, err error) {
	e = consent.Entry{Source: consent.Import}
	var wrong []error
	granted, said := false, false
	for name, text := range fields {
		if text = strings.TrimSpace(text); text == "" {
			continue
		}
		switch name {
		case "purpose":
			e.Purpose = text
		case "granted":
			granted, said = yesOrNo(text)
		case "given_at":
			if e.Given, err = readTime(text); err != nil {
				wrong = append(wrong, err)
			}
		case "notice":
			e.Notice = text
		case "language":
			e.Language = text
		case "legal_basis":
			e.LegalBasis = text
		case "source":
			e.Source = consent.Source(text)
		default:
			if !slices.Contains(identities, name) {
				if _, err := subject.ParseType(name); err != nil {
					name = "a column" // what is no name could be anything
				}
				wrong = append(wrong, fmt.Errorf("%s: no such column; if it holds an identity, name it by --identity-column", name))
				continue
			}
			id, err := subject.New(subject.Type(name), text)
			if err != nil {
				wrong = append(wrong, err)
			}
			e.Identities = append(e.Identities, id)
		}
	}
	if !said {
		wrong = append(wrong, errors.New("granted: it is not yes or no"))
	}
	if fields["given_at"] == "" {
		wrong = append(wrong, errors.New("given_at: it is missing; an import says when the choice was made"))
	}
	e.Granted = granted
	return e, errors.Join(wrong...)
}

func readTime(text string) (time.Time, error) {
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if t, err := time.Parse(layout, text); err == nil {
			return t, nil
		}
	}
	return time.Time{}, errors.New("given_at: it is not a time like 2026-11-21T12:30:00Z, nor a date like 2026-11-21")
}

// readCSV hands over each row below the header.
func readCSV(in *bufio.Reader, row func(line int, fields map[string]string, form error) error) error {
	if mark, err := in.Peek(3); err == nil && string(mark) == "\xef\xbb\xbf" {
		_, _ = in.Discard(3)
	}
	r := csv.NewReader(in)
	header, err := r.Read()
	if err != nil {
		return failure{exitProblems, errors.New("line 1: there is no header")}
	}
	for {
		cells, err := r.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		var parse *csv.ParseError
		if errors.As(err, &parse) {
			if err := row(parse.StartLine, nil, parse.Err); err != nil {
				return err
			}
			continue
		}
		if err != nil {
			return err
		}
		line, _ := r.FieldPos(0)
		fields := map[string]string{}
		for i, name := range header {
			fields[strings.TrimSpace(name)] = cells[i]
		}
		if err := row(line, fields, nil); err != nil {
			return err
		}
	}
}

const maxImportLine = 64 << 10 // bytes

// readJSONLines hands over each line that is not empty.
func readJSONLines(in *bufio.Reader, row func(line int, fields map[string]string, form error) error) error {
	scan := bufio.NewScanner(in)
	scan.Buffer(nil, maxImportLine)
	line := 0
	for scan.Scan() {
		line++
		if strings.TrimSpace(scan.Text()) == "" {
			continue
		}
		fields, err := flat(scan.Bytes())
		if err := row(line, fields, err); err != nil {
			return err
		}
	}
	if errors.Is(scan.Err(), bufio.ErrTooLong) {
		return failure{exitProblems, fmt.Errorf("line %d has more than %d bytes", line+1, maxImportLine)}
	}
	return scan.Err()
}

func flat(text []byte) (map[string]string, error) {
	var values map[string]any
	if json.Unmarshal(text, &values) != nil {
		return nil, errors.New("it is not a JSON object")
	}
	fields := map[string]string{}
	for name, v := range values {
		switch v := v.(type) {
		case string:
			fields[name] = v
		case bool:
			fields[name] = strconv.FormatBool(v)
		case nil:
		default:
			return nil, errors.New("a value is neither a text nor true or false")
		}
	}
	return fields, nil
}
