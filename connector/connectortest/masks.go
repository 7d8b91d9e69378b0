package connectortest

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"volenti.dev/volenti/connector"
	"volenti.dev/volenti/datamap/catalogue"
)

// Mask is a way to mask a column. The suite is handed them, as connectors
// know nothing of strategies.
type Mask struct {
	Name string
	Fits func(t *catalogue.Table, column string) error
	// Mask may refuse a value: then there is nothing to write.
	Mask func(t *catalogue.Table, column string, v any) (any, error)
}

// leastTypes is how many types of columns must be among the samples.
const leastTypes = 30

// Masks puts every mask that fits on a column of every type: it is written
// once, a second run recognises it and writes nothing, and verification finds
// that it holds.
func Masks(t *testing.T, h Harness, masks []Mask) {
	var ddl []string
	types := map[string]bool{}
	for i, s := range h.Samples {
		types[s.Native] = true
		ddl = append(ddl, fmt.Sprintf("CREATE TABLE s%d (id integer PRIMARY KEY, v %s)", i, s.Native))
		for j := range masks {
			ddl = append(ddl, fmt.Sprintf("INSERT INTO s%d VALUES (%d, %s)", i, j, s.Literal))
		}
	}
	if len(types) < leastTypes {
		t.Errorf("there are samples of %d types, want %d", len(types), leastTypes)
	}
	b := open(t, h, ddl...)
	for i, s := range h.Samples {
		t.Run(s.Native+" "+s.Literal, func(t *testing.T) {
			name := fmt.Sprintf("s%d", i)
			batch := connector.Batch{Table: b.table(t, name), KeyColumns: []string{"id"}, Columns: []string{"v"}}
			var keys []any
			for j, m := range masks {
				if m.Fits(batch.Table, "v") != nil {
					continue
				}
				mask, err := m.Mask(batch.Table, "v", s.Want)
				if err != nil {
					continue
				}
				keys = append(keys, j)
				batch.Changes = append(batch.Changes, connector.Change{Key: connector.Tuple{j}, Before: connector.Row{"v": s.Want}, After: connector.Row{"v": mask}})
			}
			if len(keys) == 0 {
				t.Fatal("no mask fits, and null_rewrite does at least")
			}
			out, err := b.Mask(t.Context(), batch)
			if err != nil {
				t.Fatal(err)
			}
			for k, o := range out {
				if len(o.Fields) > 0 || o.Status != connector.Changed && o.Status != connector.AlreadyDone {
					t.Errorf("%s: %s %s %v", masks[keys[k].(int)].Name, o.Status, o.Reason, o.Fields)
				}
			}
			written := b.rows(t, name, "id", keys...)
			out, err = b.Mask(t.Context(), batch)
			wants(t, out, err, all(len(keys), connector.AlreadyDone)...) // D25, D28
			if diff := cmp.Diff(written, b.rows(t, name, "id", keys...)); diff != "" {
				t.Errorf("a second run wrote something:\n%s", diff)
			}
			out, err = b.Verify(t.Context(), batch)
			wants(t, out, err, all(len(keys), connector.AlreadyDone)...)
		})
	}
}
