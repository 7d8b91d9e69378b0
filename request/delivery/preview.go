package delivery

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"unicode"
)

// Glimpse is a collection of a package with its first rows in disguise.
type Glimpse struct {
	Address string              `json:"address" doc:"dataset:collection"`
	Fields  []string            `json:"fields" nullable:"false"`
	Rows    []map[string]string `json:"rows" nullable:"false" doc:"The first ones. Letters are x and digits are 0; what is longer than 40 characters is cut"`
	Count   int                 `json:"count" doc:"Of all rows"`
}

// Preview reads what WriteJSON wrote, and gives each collection with up to that many
// of its first rows, in which nothing can be read but how it is written. No more than
// a row is held besides.
func Preview(r io.Reader, rows int) ([]Glimpse, error) {
	d := json.NewDecoder(r)
	d.UseNumber()
	all := []Glimpse{}
	if err := expect(d, '{'); err != nil {
		return nil, err
	}
	for d.More() {
		g, err := glimpse(d, rows)
		if err != nil {
			return nil, err
		}
		all = append(all, g)
	}
	return all, expect(d, '}')
}

func glimpse(d *json.Decoder, rows int) (Glimpse, error) {
	name, err := d.Token()
	if err != nil {
		return Glimpse{}, fmt.Errorf("read a package: %w", err)
	}
	g := Glimpse{Address: fmt.Sprint(name), Rows: []map[string]string{}}
	if err := expect(d, '['); err != nil {
		return g, err
	}
	fields := map[string]bool{}
	for d.More() {
		var row map[string]any
		if err := d.Decode(&row); err != nil {
			return g, fmt.Errorf("read a package: %w", err)
		}
		if g.Count++; g.Count > rows {
			continue
		}
		shown := map[string]string{}
		for field, value := range row {
			fields[field], shown[field] = true, disguised(value)
		}
		g.Rows = append(g.Rows, shown)
	}
	g.Fields = append([]string{}, slices.Sorted(maps.Keys(fields))...)
	return g, expect(d, ']')
}

func expect(d *json.Decoder, want json.Delim) error {
	if got, err := d.Token(); err != nil {
		return fmt.Errorf("read a package: %w", err)
	} else if got != want {
		return errors.New("read a package: it is not as it was written")
	}
	return nil
}

// disguiseLength is how many characters of a value are shown.
const disguiseLength = 40

// disguised keeps of a value how it is written: punctuation stays, and no letter or
// digit does. Whether something is true is not told, and what is left out says so.
func disguised(value any) string {
	switch v := value.(type) {
	case map[string]any:
		if _, left := v[leftOutKey]; left && len(v) == 1 {
			return "[" + leftOutKey + "]"
		}
	case nil:
		return ""
	case bool:
		return "x"
	case string:
		return masked(v)
	case json.Number:
		return masked(v.String())
	}
	text, _ := json.Marshal(value) // it was JSON
	return masked(string(text))
}

func masked(text string) string {
	var b strings.Builder
	n := 0
	for _, r := range text {
		if n++; n > disguiseLength {
			b.WriteRune('…')
			break
		}
		switch {
		case unicode.IsDigit(r):
			r = '0'
		case unicode.IsPunct(r), unicode.IsSpace(r), r == '+':
		default:
			r = 'x'
		}
		b.WriteRune(r)
	}
	return b.String()
}
