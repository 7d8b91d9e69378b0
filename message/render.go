package message

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"unicode"

	"volenti.dev/volenti/subject"
)

// Mail is a letter in words.
type Mail struct {
	Subject string // one line
	Text    string
	HTML    string // a whole page; "" where the letter has none
	Files   []File
}

// File is attached to a letter.
type File struct {
	Name string // in ASCII letters, digits, _ . and -
	Type string // of its contents: text/csv
	Data []byte
}

// Format hides the words under every verb and flag: they are personal.
func (Mail) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, subject.Redacted) }

// LogValue hides the words from slog.
func (Mail) LogValue() slog.Value { return slog.StringValue(subject.Redacted) }

// Override is a template of the company's own. It takes the place of the one
// for its kind and language as a whole: without HTML, the letter has none.
type Override struct {
	Kind     Kind
	Language string // BCP 47
	Subject  string
	Text     string
	HTML     string // what stands in the body of the page
}

// DefaultLanguage is what letters are in where nothing else is known.
const DefaultLanguage = "en"

// mostBytes is how long a part of a letter may be.
const mostBytes = 1 << 20

// Render writes a letter, in the nearest language that there is a template
// for: of its own language, then of that without its region, then of the
// default. In each, an override goes first. The values of the letter are
// handed to the template and never read as one. It fails, and names the
// value, where the template uses one that the letter does not have; no error
// holds a value.
func Render(l Letter, organisation string, overrides []Override) (Mail, error) {
	w, err := find(l.Kind, l.Language, overrides)
	if err != nil {
		return Mail{}, err
	}
	values, err := plain(l.Values)
	if err != nil {
		return Mail{}, err
	}
	values["organisation"] = organisation
	return w.fill(values)
}

// find parses the template for a kind and a language.
func find(kind Kind, language string, overrides []Override) (*words, error) {
	for _, candidate := range candidates(language) {
		for _, o := range overrides {
			if o.Kind == kind && strings.EqualFold(o.Language, candidate) {
				return o.parse()
			}
		}
		if w := ours(kind, candidate); w != nil {
			return w, nil
		}
	}
	return nil, fmt.Errorf("there is no template for letters of kind %q", kind)
}

// candidates gives a language and those that may stand in for it: de-AT, de, en.
func candidates(language string) []string {
	var all []string
	for language = strings.ReplaceAll(language, "_", "-"); language != ""; {
		all = append(all, language)
		language = language[:max(strings.LastIndexByte(language, '-'), 0)]
	}
	return append(all, DefaultLanguage)
}

// plain gives values as they are when they were stored and read again, with
// whole numbers as such.
func plain(values Values) (map[string]any, error) {
	text, err := json.Marshal(map[string]any(values))
	if err != nil {
		return nil, errors.New("the values of the letter cannot be written as JSON")
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	all := map[string]any{}
	if err := d.Decode(&all); err != nil {
		return nil, errors.New("the values of the letter cannot be read as JSON")
	}
	if all == nil {
		all = map[string]any{}
	}
	return counted(all).(map[string]any), nil
}

// counted makes numbers of what JSON has for them.
func counted(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for name, inner := range v {
			v[name] = counted(inner)
		}
	case []any:
		for i, inner := range v {
			v[i] = counted(inner)
		}
	case json.Number:
		if n, err := v.Int64(); err == nil {
			return n
		}
		f, _ := v.Float64() // it was a number a moment ago
		return f
	}
	return v
}

// header refuses what would begin another line in the head of a message.
func header(text string) (string, error) {
	text = strings.TrimSpace(text)
	if strings.ContainsFunc(text, unicode.IsControl) || strings.ContainsAny(text, "\u2028\u2029") {
		return "", errors.New("the subject has a line break or another control character in it")
	}
	if text == "" {
		return "", errors.New("the subject is empty")
	}
	return text, nil
}
