package delivery

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"maps"

	"volenti.dev/volenti/datamap/value"
)

// LeftOut stands in a row for a value that the person does not get: the reason, a
// request.OmissionReason. In JSON it is {"left_out": REASON}.
type LeftOut string

// leftOutKey is the only member of what stands in JSON for a value that is left out.
const leftOutKey = "left_out"

// MarshalJSON implements json.Marshaler.
func (l LeftOut) MarshalJSON() ([]byte, error) {
	return json.Marshal(map[string]string{leftOutKey: string(l)})
}

// Without gives a row in which a field is left out, "" for each of them. The row itself
// stays as it is; a field that it has not is not added.
func Without(row map[string]any, field string, reason LeftOut) map[string]any {
	less := maps.Clone(row)
	for name := range less {
		if field == "" || field == name {
			less[name] = reason
		}
	}
	return less
}

// Omitted tells the person what was left out, and why.
type Omitted struct {
	What   string
	Reason LeftOut
	Values int // how many; 0 for all of them
}

// RowID gives what a row of a package is addressed by: a digest under a secret, which is
// the same for rows that hold the same. It tells nothing of the row.
func RowID(secret []byte, address string, row map[string]any) (string, error) {
	text, err := value.AppendJSON(nil, row, "")
	if err != nil {
		return "", fmt.Errorf("address a row of %s: %w", address, err)
	}
	return rowID(secret, address, text)
}

func rowID(secret []byte, address string, text []byte) (string, error) {
	var short bytes.Buffer
	if err := json.Compact(&short, text); err != nil {
		return "", fmt.Errorf("address a row of %s: %w", address, err)
	}
	mac := hmac.New(sha256.New, secret)
	fmt.Fprintf(mac, "%d:%s", len(address), address)
	mac.Write(short.Bytes())
	return hex.EncodeToString(mac.Sum(nil)[:16]), nil
}

// Row is a row of a package with its values, to be looked at.
type Row struct {
	ID     string            `json:"id" doc:"By which something is left out of it"`
	Values map[string]string `json:"values" doc:"By field. What is longer than 1,000 characters is cut"`
}

// shownLength is how many characters of a value are shown.
const shownLength = 1000

// Page is a part of a collection of a package, and what else is in the package.
type Page struct {
	Address     string    `json:"address" doc:"dataset:collection; empty where the package is"`
	Rows        []Row     `json:"rows" nullable:"false"`
	More        bool      `json:"-"` // rows follow
	Collections []Counted `json:"collections" nullable:"false" doc:"All that the package has, in its order"`
}

// Counted is a collection and how many rows it has.
type Counted struct {
	Address string `json:"address" doc:"dataset:collection"`
	Rows    int    `json:"rows"`
}

// Rows reads what WriteJSON wrote and gives up to limit rows of a collection, "" for
// the first one, without as many before them. The ids are those of RowID. No more than
// that and a row is held.
func Rows(r io.Reader, secret []byte, address string, without, limit int) (Page, error) {
	p := Page{Address: address, Rows: []Row{}, Collections: []Counted{}}
	err := eachRow(r, func(of string, text json.RawMessage) error {
		last := len(p.Collections) - 1
		if last < 0 || p.Collections[last].Address != of {
			p.Collections, last = append(p.Collections, Counted{Address: of}), last+1
		}
		n := p.Collections[last].Rows
		p.Collections[last].Rows++
		if p.Address == "" {
			p.Address = of
		}
		if of != p.Address || n < without {
			return nil
		}
		if n >= without+limit {
			p.More = true
			return nil
		}
		row, err := shownRow(secret, of, text)
		p.Rows = append(p.Rows, row)
		return err
	})
	return p, err
}

// Cell is a value of a collection, or what is wider than one.
type Cell struct {
	Row   string // the id of a row; "" for any
	Field string // "" for any
}

// Holds says whether a collection has all of these.
func Holds(r io.Reader, secret []byte, address string, all []Cell) (bool, error) {
	missing := map[Cell]bool{}
	for _, c := range all {
		missing[c] = true
	}
	err := eachRow(r, func(of string, text json.RawMessage) error {
		if of != address || len(missing) == 0 {
			return nil
		}
		id, err := rowID(secret, address, text)
		if err != nil {
			return err
		}
		var row map[string]json.RawMessage
		if err := json.Unmarshal(text, &row); err != nil {
			return fmt.Errorf("read a package: %w", err)
		}
		for _, of := range []string{"", id} {
			delete(missing, Cell{of, ""})
			for field := range row {
				delete(missing, Cell{of, field})
			}
		}
		return nil
	})
	return len(missing) == 0, err
}

func shownRow(secret []byte, address string, text json.RawMessage) (Row, error) {
	id, err := rowID(secret, address, text)
	if err != nil {
		return Row{}, err
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var values map[string]any
	if err := d.Decode(&values); err != nil {
		return Row{}, fmt.Errorf("read a package: %w", err)
	}
	row := Row{id, map[string]string{}}
	for field, v := range values {
		runes := []rune(value.Text(v))
		if len(runes) > shownLength {
			runes = append(runes[:shownLength], '…')
		}
		row.Values[field] = string(runes)
	}
	return row, nil
}

// eachRow reads a package, and gives its rows as they were written, each with its
// collection.
func eachRow(r io.Reader, each func(address string, row json.RawMessage) error) error {
	d := json.NewDecoder(r)
	if err := expect(d, '{'); err != nil {
		return err
	}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return fmt.Errorf("read a package: %w", err)
		}
		if err := expect(d, '['); err != nil {
			return err
		}
		for d.More() {
			var row json.RawMessage
			if err := d.Decode(&row); err != nil {
				return fmt.Errorf("read a package: %w", err)
			}
			if err := each(fmt.Sprint(name), row); err != nil {
				return err
			}
		}
		if err := expect(d, ']'); err != nil {
			return err
		}
	}
	return expect(d, '}')
}
