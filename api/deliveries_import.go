package api

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"mime"
	"net/http"
	"slices"
	"unicode/utf8"

	"github.com/google/uuid"

	"volenti.dev/volenti/audit"
	"volenti.dev/volenti/auth"
	"volenti.dev/volenti/consent/propagate"
	"volenti.dev/volenti/subject"
)

// Limits of an import of status maps.
const (
	maxLegacy    = 32 << 20 // bytes
	legacyPage   = 5000     // maps in one commit
	legacyErrors = 1000     // that are told
	maxStatuses  = 1000     // in one map
)

type importLegacyInput struct {
	RawBody []byte `contentType:"application/json"`
}

type importLegacyOutput struct {
	Body LegacyImported
}

// LegacyImported is what became of status maps. What is wrong with one keeps no
// other from being taken over.
type LegacyImported struct {
	Maps     int         `json:"maps" doc:"How many there were"`
	Imported int         `json:"imported" doc:"How many were taken over, each whole"`
	Errors   []LineError `json:"errors" nullable:"false" doc:"What is wrong, by line; 1,000 at most"`
	Omitted  int         `json:"errors_omitted,omitempty" doc:"How many more there are"`
}

// LineError is what is wrong with a line.
type LineError struct {
	Line int    `json:"line" doc:"1 for the first of the body"`
	Text string `json:"text"`
}

const exampleLegacy = `[{"record":"0198c0de-0000-7000-8000-000000000001","statuses":{"crm":"complete"}}]`

// legacyForm is a status map as it is handed over.
type legacyForm struct {
	Record   string            `json:"record"`
	Identity *Identity         `json:"identity"`
	Purpose  string            `json:"purpose"`
	Statuses map[string]string `json:"statuses"`
}

// read says what is wrong with it, without its values.
func (f legacyForm) read() (m propagate.LegacyMap, err error) {
	m = propagate.LegacyMap{Record: f.Record, Purpose: f.Purpose, Statuses: f.Statuses}
	switch {
	case len(f.Statuses) == 0:
		return m, errors.New("it has no statuses")
	case len(f.Statuses) > maxStatuses:
		return m, fmt.Errorf("it has more than %d statuses", maxStatuses)
	case (f.Record == "") == (f.Identity == nil):
		return m, errors.New("say of which choice it is: by record, or by identity and purpose")
	case f.Record != "" && f.Purpose != "":
		return m, errors.New("purpose is for a map that is found by identity: the record has its own")
	case f.Record != "":
		if id, err := uuid.Parse(f.Record); err != nil || id.String() != f.Record {
			return m, errors.New("record is not the id of one")
		}
		return m, nil
	case f.Purpose == "":
		return m, errors.New("it has no purpose")
	}
	id, err := subject.New(subject.Type(f.Identity.Type), f.Identity.Value)
	m.Identity = &id
	return m, err
}

// numbered is a status map and the line that it begins on.
type numbered struct {
	line int
	text []byte
}

// importLegacy reads JSON Lines, or one JSON list. Nothing is read of a list that
// is not JSON to its end.
func importLegacy(a *API, ctx context.Context, caller auth.Caller, w http.ResponseWriter, r *http.Request) error {
	var split func([]byte) ([]numbered, error)
	switch kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); kind {
	case "application/json":
		split = inList
	case "application/jsonl", "application/x-ndjson":
		split = inLines
	default:
		return &Problem{Status: http.StatusUnsupportedMediaType, Detail: "Send the maps as application/jsonl, one a line, or as application/json, in a list."}
	}
	if err := patiently(w); err != nil {
		return err
	}
	body, err := io.ReadAll(r.Body)
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return tooLarge()
	case err != nil:
		return &Problem{Status: http.StatusBadRequest, Detail: "The body did not arrive whole, or not in time."}
	}
	all, err := split(body)
	if err != nil {
		return err
	}
	entry := audit.Entry{Act: "deliveries.import", Object: "deliveries", Details: map[string]any{"by": caller.By()}}
	if err := a.config.Audit.Append(ctx, caller.Tenant, entry); err != nil {
		return err
	}
	done := &LegacyImported{Maps: len(all), Errors: []LineError{}}
	for page := range slices.Chunk(all, legacyPage) {
		if err := a.importPage(ctx, caller, page, done); err != nil {
			return err
		}
	}
	slices.SortStableFunc(done.Errors, func(a, b LineError) int { return a.Line - b.Line })
	return answerJSON(w, http.StatusOK, done)
}

// importPage takes over those of a page that are in order.
func (a *API) importPage(ctx context.Context, caller auth.Caller, page []numbered, done *LegacyImported) error {
	var lines []int
	var read []propagate.LegacyMap
	for _, n := range page {
		var form legacyForm
		err := strictJSON(n.text, &form)
		var m propagate.LegacyMap
		if err == nil {
			m, err = form.read()
		}
		if err != nil {
			done.wrong(n.line, err.Error())
			continue
		}
		lines, read = append(lines, n.line), append(read, m)
	}
	if len(read) == 0 {
		return nil
	}
	imported, wrong, err := a.config.Deliveries.Import(ctx, caller.Tenant, caller.By(), read)
	if err != nil {
		return err
	}
	done.Imported += imported
	for _, i := range slices.Sorted(maps.Keys(wrong)) {
		done.wrong(lines[i], wrong[i])
	}
	return nil
}

func (d *LegacyImported) wrong(line int, text string) {
	if len(d.Errors) == legacyErrors {
		d.Omitted++
		return
	}
	d.Errors = append(d.Errors, LineError{line, text})
}

// strictJSON reads one value that holds nothing unknown. What it says of another
// repeats none of it.
func strictJSON(text []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	err := d.Decode(into)
	var kind *json.UnmarshalTypeError
	switch {
	case errors.As(err, &kind):
		return fmt.Errorf("%s must be of another kind than %s", cmp.Or(kind.Field, "it"), kind.Value)
	case err != nil:
		return errors.New("it is not JSON with record or identity and purpose, and statuses, and nothing else")
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) || !utf8.Valid(text) {
		return errors.New("there is more than one value in it, or it is not UTF-8")
	}
	return nil
}

// inLines splits JSON Lines. Lines that are empty are none.
func inLines(body []byte) (all []numbered, _ error) {
	for i, line := range bytes.Split(body, []byte("\n")) {
		if line = bytes.TrimSpace(line); len(line) > 0 {
			all = append(all, numbered{i + 1, line})
		}
	}
	return all, nil
}

// inList splits a JSON list.
func inList(body []byte) (all []numbered, _ error) {
	d := json.NewDecoder(bytes.NewReader(body))
	line, counted := 1, 0
	at := func(offset int64) int {
		line += bytes.Count(body[counted:offset], []byte("\n"))
		counted = int(offset)
		return line
	}
	wrong := func(err error) error {
		offset := d.InputOffset()
		if s := (*json.SyntaxError)(nil); errors.As(err, &s) {
			offset = max(offset, min(s.Offset, int64(len(body))))
		}
		return invalid(fmt.Sprintf("body.line[%d]", at(offset)), "it is not a JSON list; nothing was taken over")
	}
	if open, err := d.Token(); err != nil || open != json.Delim('[') {
		return nil, wrong(err)
	}
	for d.More() {
		var text json.RawMessage
		if err := d.Decode(&text); err != nil {
			return nil, wrong(err)
		}
		all = append(all, numbered{at(d.InputOffset() - int64(len(text))), text})
	}
	if _, err := d.Token(); err != nil {
		return nil, wrong(err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, wrong(err)
	}
	return all, nil
}
