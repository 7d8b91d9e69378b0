package intake

import (
	"bufio"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"volenti.dev/volenti/consent"
	"volenti.dev/volenti/subject"
)

// entryOf reads the fields of a row. Errors name fields, not values.
func entryOf(fields map[string]string, identities []string) (e consent.Entry, err error) {
	e = consent.Entry{Source: consent.Import}
	var wrong []error
	granted, said := false, false
	for _, name := range slices.Sorted(maps.Keys(fields)) { // so that errors come in one order
		text := fields[name]
		if text = strings.TrimSpace(text); text == "" {
			continue
		}
		switch name {
		case "purpose":
			e.Purpose = text
		case "granted":
			granted, said = consent.ParseAnswer(text)
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
				wrong = append(wrong, fmt.Errorf("%s: no such column; if it holds an identity, say that it is a type of identity (--identity-column, or identity_column over HTTP)", name))
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
		return &FormError{1, "there is no header"}
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

const maxLine = 64 << 10 // bytes

// readJSONLines hands over each line that is not empty.
func readJSONLines(in *bufio.Reader, row func(line int, fields map[string]string, form error) error) error {
	scan := bufio.NewScanner(in)
	scan.Buffer(nil, maxLine)
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
		return &FormError{line + 1, fmt.Sprintf("it has more than %d bytes", maxLine)}
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
