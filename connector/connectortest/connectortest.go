// Package connectortest is the suite that every connector to a relational
// database passes: what it finds, reads, masks, deletes and verifies, what it
// refuses, and what its errors keep to themselves.
package connectortest

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"volenti.dev/volenti/connector"
	"volenti.dev/volenti/datamap/catalogue"
)

// Harness makes databases for the suite.
type Harness struct {
	// New makes an empty database that is gone when the test ends.
	New func(t testing.TB) Database
	// Quote is the test's own quoting of names.
	Quote func(name string) string
	// NameLimit is how many bytes a name may have; 0 for no limit.
	NameLimit int
	// Unnameable says that the system itself refuses a name; nil where it
	// takes all that are not empty.
	Unnameable func(name string) bool
	// Text is the type of text without a limit, Bool of a truth value.
	Text, Bool string
	// Generated declares a column from its type and expression.
	Generated string // "AS (%s) STORED", for example
	// Samples are values of every type that the system has.
	Samples []Sample
}

// Database is an empty database.
type Database struct {
	// Exec runs statements past the connector.
	Exec func(t testing.TB, statements ...string)
	// Open opens a connector on it.
	Open func(t testing.TB, readOnly bool) connector.Connector
	// Schema is where tables without a schema are made.
	Schema string
}

// Sample is a value as the system writes it and as a connector gives it.
type Sample struct {
	Native  string // the column's type
	Literal string // SQL
	Want    any
	// NoMatch: rows are not found by this value.
	NoMatch bool
	// NoWrite: the value that is read cannot be written back.
	NoWrite bool
}

// full is a connector with every capability.
type full interface {
	connector.Connector
	connector.Tester
	connector.Describer
	connector.Sampler
	connector.Reader
	connector.Masker
	connector.Deleter
	connector.Verifier
}

// Run runs the suite.
func Run(t *testing.T, h Harness) {
	for _, c := range []struct {
		name string
		test func(*testing.T, Harness)
	}{
		{"Describe", testDescribe},
		{"EveryTypeSurvives", testTypes},
		{"Sample", testSampleRows},
		{"Read", testRead},
		{"ReadContract", testReadContract},
		{"HostileNames", testHostileNames},
		{"HostileValues", testHostileValues},
		{"Mask", testMask},
		{"SharedKeys", testSharedKeys},
		{"Refusals", testRefusals},
		{"Checks", testChecks},
		{"Guard", testGuard},
		{"ReadOnly", testReadOnly},
		{"Delete", testDelete},
		{"Verify", testVerify},
		{"Concurrent", testConcurrent},
		{"Cancelled", testCancelled},
		{"ErrorsKeepQuiet", testErrorsKeepQuiet},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(t, h) })
	}
}

// bench is a database under test.
type bench struct {
	full
	Database
	schema catalogue.Catalogue
}

// open makes a database with these tables and opens it.
func open(t testing.TB, h Harness, statements ...string) *bench {
	t.Helper()
	d := h.New(t)
	d.Exec(t, statements...)
	b := &bench{Database: d, full: connect(t, d, false)}
	b.describe(t)
	return b
}

func connect(t testing.TB, d Database, readOnly bool) full {
	t.Helper()
	c, ok := d.Open(t, readOnly).(full)
	if !ok {
		t.Fatal("the connector lacks a capability")
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func (b *bench) describe(t testing.TB) {
	t.Helper()
	var err error
	if b.schema, err = b.Describe(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func (b *bench) table(t testing.TB, name string) *catalogue.Table {
	t.Helper()
	table := b.schema.Table(catalogue.Name{Schema: b.Schema, Table: name})
	if table == nil {
		t.Fatalf("no table %q in the catalogue", name)
	}
	return table
}

// rows reads columns of the rows where column holds one of values, by key.
func (b *bench) rows(t testing.TB, table, key string, values ...any) map[string]map[string]any {
	t.Helper()
	r := connector.Read{Table: b.table(t, table), Where: []connector.Match{match(key, values...)}}
	for _, c := range r.Table.Columns {
		r.Columns = append(r.Columns, c.Name)
	}
	out := map[string]map[string]any{}
	_, err := b.Read(t.Context(), r, func(row connector.Row) error {
		out[fmt.Sprint(row[key])] = row
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func match(column string, values ...any) connector.Match {
	m := connector.Match{Columns: []string{column}}
	for _, v := range values {
		m.Tuples = append(m.Tuples, connector.Tuple{v})
	}
	return m
}

// wants fails unless a batch comes out with these statuses.
func wants(t testing.TB, got []connector.Outcome, err error, want ...connector.Status) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	statuses := make([]connector.Status, len(got))
	for i, o := range got {
		statuses[i] = o.Status
	}
	if diff := cmp.Diff(want, statuses); diff != "" {
		t.Fatalf("outcomes (-want +got):\n%s%+v", diff, got)
	}
}

// kind fails unless err is of a kind.
func kind(t testing.TB, err error, want connector.Kind) {
	t.Helper()
	if err == nil || connector.KindOf(err) != want {
		t.Errorf("error of kind %s (%v), want %s", connector.KindOf(err), err, want)
	}
}
