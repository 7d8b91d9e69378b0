package http

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strings"

	"volenti.dev/volenti/connector"
	"volenti.dev/volenti/datamap/catalogue"
)

// What the rest of the house must know of a description to make plans.

// digest is the SHA-256, in hex, of what the description says, wherever it says
// it.
func (d *Description) digest() string {
	text, err := json.Marshal(d)
	if err != nil {
		panic(err) // it holds texts, numbers and lists of them
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

// endpoints gives what a connection with these secrets is asked for, and by what.
func (d *Description) endpoints(secrets map[string]string) []connector.Endpoint {
	all := make([]connector.Endpoint, len(d.Endpoints))
	for i := range d.Endpoints {
		e := &d.Endpoints[i]
		all[i] = connector.Endpoint{Name: e.Name, Ways: e.ways(), After: e.After, EraseAfter: e.EraseAfter, Skip: e.Skip, Masks: e.masked()}
		for _, in := range e.Inputs() {
			out := connector.Input{Name: in.Name, Identity: in.Identity, Grouped: in.Group}
			for _, ref := range in.References {
				if ref.External != "" {
					ref.Dataset, ref.Field, _ = strings.Cut(secrets[ref.External], ".")
				}
				if collection, field, whole := strings.Cut(ref.Field, "."); whole {
					out.References = append(out.References, connector.Reference{Dataset: ref.Dataset, Collection: collection, Field: field})
				}
			}
			all[i].Inputs = append(all[i].Inputs, out)
		}
	}
	return all
}

// ways gives the inputs of each read request. One that is asked for everybody, and
// filters what it gets, is asked by what it filters by.
func (e *Endpoint) ways() (ways [][]string) {
	for i := range e.Read {
		var asked, filtered []string
		for _, in := range e.named(i) {
			if in.Filter {
				filtered = append(filtered, in.Name)
			} else {
				asked = append(asked, in.Name)
			}
		}
		if len(asked) == 0 {
			asked = filtered
		}
		ways = append(ways, asked)
	}
	return ways
}

// asked says how the rows of an endpoint are asked for and written.
func (c *Connector) asked(e *Endpoint) *catalogue.Asked {
	a := &catalogue.Asked{Column: InputsColumn, Beside: e.beside(), Deletes: c.deleting(e) != nil, Unverified: e.unasked()}
	for i := range e.Read {
		a.Together = a.Together || e.together(i)
	}
	a.Masks = e.masked()
	a.Whole = a.Masks == catalogue.MasksFields && e.Update.uses("all_object_fields")
	return a
}

// masked says what masking a row comes to.
func (e *Endpoint) masked() catalogue.Masks {
	switch e.masking() {
	case nil:
		return catalogue.MasksNothing
	case e.Update:
		return catalogue.MasksFields
	}
	return catalogue.MasksRow
}

// together says whether a read request takes values of several inputs at once,
// where a group counts as one.
func (e *Endpoint) together(i int) bool {
	single, grouped := 0, 0
	for _, in := range e.named(i) {
		if in.Group {
			grouped = 1
		} else {
			single++
		}
	}
	return single+grouped > 1
}

// beside gives the fields of a row that the requests refer to which write it.
func (e *Endpoint) beside() []string {
	var fields []string
	for _, r := range e.masks {
		for _, v := range r.Values {
			for _, ref := range v.References {
				if e.own([]Reference{ref}) {
					_, path, _ := strings.Cut(ref.Field, ".")
					field, _, _ := strings.Cut(path, ".")
					fields = append(fields, field)
				}
			}
		}
	}
	slices.Sort(fields)
	return slices.Compact(fields)
}
