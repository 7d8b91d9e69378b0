package connectortest

import (
	"testing"

	"volenti.dev/volenti/connector"
)

// testSampleRows: a sample is whole rows as a read gives them, and never more than
// were asked for.
func testSampleRows(t *testing.T, h Harness) {
	b := open(t, h, append(people(30), "CREATE TABLE empty (id integer PRIMARY KEY)")...)
	rows, err := b.Sample(t.Context(), b.table(t, "person"), 7)
	if err != nil || len(rows) != 7 {
		t.Fatalf("%d rows, %v; want 7", len(rows), err)
	}
	for _, r := range rows {
		if _, isKey := r["id"].(int64); !isKey || r["email"] == nil || len(r) != 6 {
			t.Fatalf("a sampled row has %d fields and a key of type %T, want a whole row", len(r), r["id"])
		}
	}
	if rows, err := b.Sample(t.Context(), b.table(t, "person"), 1000); err != nil || len(rows) != 30 {
		t.Errorf("%d rows, %v; want all 30", len(rows), err)
	}
	if rows, err := b.Sample(t.Context(), b.table(t, "empty"), 5); err != nil || len(rows) != 0 {
		t.Errorf("%d rows, %v; want none of an empty table", len(rows), err)
	}
	gone := *b.table(t, "person")
	gone.Name.Table = "gone"
	if _, err := b.Sample(t.Context(), &gone, 5); connector.KindOf(err) != connector.Drift {
		t.Errorf("a table that is not there: %v, want an error of kind %s", err, connector.Drift)
	}
}
