package sqlite_test

import (
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"volenti.dev/volenti/connector"
	"volenti.dev/volenti/datamap/catalogue"
)

func TestDescribeNamesTriggersAndViews(t *testing.T) { // D25
	path := filepath.Join(t.TempDir(), "shop.db")
	database(t, path).Exec(t,
		"CREATE TABLE person (id INTEGER PRIMARY KEY, name TEXT)",
		"CREATE TABLE log (name TEXT)",
		"CREATE VIEW names AS SELECT name FROM person",
		`CREATE TRIGGER "update" AFTER DELETE ON Person BEGIN INSERT INTO log VALUES (old.name); END`,
		"CREATE TRIGGER IF NOT EXISTS renamed BEFORE /* DELETE */ UPDATE OF name ON person WHEN new.name <> 'insert' BEGIN DELETE FROM log; END",
		"CREATE TRIGGER added INSERT ON person BEGIN UPDATE log SET name = ''; END",
		"CREATE TRIGGER through INSTEAD OF UPDATE ON names BEGIN UPDATE person SET name = new.name; END")
	got := schema(t, opened(t, path))
	person, names := got.Table(catalogue.Name{Table: "person"}), got.Table(catalogue.Name{Table: "names"})
	want := []catalogue.Trigger{{Name: "renamed", On: []string{"update"}}, {Name: "update", On: []string{"delete"}}}
	if diff := cmp.Diff(want, person.Triggers); diff != "" {
		t.Errorf("triggers of person (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]catalogue.Trigger{{Name: "through", On: []string{"update"}}}, names.Triggers); diff != "" {
		t.Errorf("triggers of the view (-want +got):\n%s", diff)
	}
	if person.View || !names.View || names.Writable {
		t.Errorf("person is a view: %v, names is one: %v, that can be written: %v", person.View, names.View, names.Writable)
	}
}

// SQLite does not say which row is at fault when a key is looked at only at
// the end of the transaction.
func TestKeyThatWaitsForTheCommitStopsItsOwnRowOnly(t *testing.T) { // D24
	path := filepath.Join(t.TempDir(), "shop.db")
	d := database(t, path)
	d.Exec(t,
		"CREATE TABLE person (id INTEGER PRIMARY KEY, boss INTEGER REFERENCES person (id) DEFERRABLE INITIALLY DEFERRED)",
		"CREATE TABLE badge (person INTEGER REFERENCES person (id) DEFERRABLE INITIALLY DEFERRED)",
		"INSERT INTO person VALUES (1, NULL), (2, 1), (3, 2), (4, NULL), (5, 4)",
		"INSERT INTO badge VALUES (4)")
	c := opened(t, path)
	live := schema(t, c)
	batch := connector.Batch{Table: live.Table(catalogue.Name{Table: "person"}), KeyColumns: []string{"id"}}
	for id := int64(1); id <= 6; id++ {
		batch.Changes = append(batch.Changes, connector.Change{Key: connector.Tuple{id}})
	}
	out, err := c.Delete(t.Context(), batch)
	if err != nil {
		t.Fatal(err)
	}
	var statuses []connector.Status
	for _, o := range out {
		statuses = append(statuses, o.Status)
	}
	want := []connector.Status{connector.Changed, connector.Changed, connector.Changed, connector.Failed, connector.Changed, connector.AlreadyDone}
	if diff := cmp.Diff(want, statuses); diff != "" || out[3].Reason == "" {
		t.Errorf("deletes (-want +got):\n%s\nreason: %q", diff, out[3].Reason)
	}

	masks := connector.Batch{Table: live.Table(catalogue.Name{Table: "badge"}), KeyColumns: []string{"person"}, Columns: []string{"person"}, Changes: []connector.Change{
		{Key: connector.Tuple{int64(4)}, Before: connector.Row{"person": int64(4)}, After: connector.Row{"person": int64(77)}}}}
	d.Exec(t, "INSERT INTO person VALUES (8, NULL)", "INSERT INTO badge VALUES (8)")
	masks.Changes = append(masks.Changes, connector.Change{Key: connector.Tuple{int64(8)}, Before: connector.Row{"person": int64(8)}, After: connector.Row{"person": int64(4)}})
	out, err = c.Mask(t.Context(), masks)
	if err != nil || out[0].Status != connector.Failed || out[1].Status != connector.Changed {
		t.Errorf("masks: %+v, %v", out, err)
	}
}
