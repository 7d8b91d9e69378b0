package postgres_test

import (
	"database/sql"
	"fmt"
	"testing"
	"time"

	"volenti.dev/volenti/connector"
	"volenti.dev/volenti/datamap/catalogue"
	"volenti.dev/volenti/internal/pgtest"
)

// Without statistics PostgreSQL holds a large table for a small one, and would
// read all of it for each batch.
func TestMasksOfALargeTableAreLookedUpByTheirKeys(t *testing.T) { // F10
	const all, batch, batches = 20_000, 500, 3
	url := pgtest.URL(t)
	database(t, url).Exec(t, "CREATE TABLE large (id integer PRIMARY KEY, name text)", fmt.Sprintf("INSERT INTO large SELECT i, 'x' FROM generate_series(1, %d) AS i", all))
	c := open(t, url, false).(connectorUnderTest)
	schema, err := c.Describe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	table := schema.Table(catalogue.Name{Schema: "public", Table: "large"})
	scanned := func() (bySequence, byIndex int64) {
		db, err := sql.Open("pgx", url) // a session of its own: statistics of one are seen by the next
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = db.Close() }()
		if err := db.QueryRowContext(t.Context(), "SELECT seq_tup_read, idx_tup_fetch FROM pg_stat_user_tables WHERE relname = 'large'").Scan(&bySequence, &byIndex); err != nil {
			t.Fatal(err)
		}
		return bySequence, byIndex
	}
	before, _ := scanned()
	for n := range batches {
		b := connector.Batch{Table: table, KeyColumns: []string{"id"}, Columns: []string{"name"}}
		for i := range batch {
			b.Changes = append(b.Changes, connector.Change{Key: connector.Tuple{n*batch + i + 1},
				Before: connector.Row{"name": "x"}, After: connector.Row{"name": fmt.Sprint("masked ", i)}})
		}
		out, err := c.Mask(t.Context(), b)
		if err != nil || len(out) != batch || out[0].Status != connector.Changed {
			t.Fatal(out, err)
		}
	}
	_ = c.Close() // its sessions tell at their end what they have read
	patience := time.After(time.Minute)
	for {
		sequence, index := scanned()
		if index >= 2*batch*batches { // found, and written
			if read := sequence - before + index; read > 4*batch*batches {
				t.Errorf("%d rows were read to mask %d", read, batch*batches)
			}
			return
		}
		select {
		case <-patience:
			t.Fatalf("only %d rows were looked up by their keys", index)
		case <-time.After(50 * time.Millisecond):
		}
	}
}
