package postgres_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"volenti.dev/volenti/datamap/catalogue"
	"volenti.dev/volenti/internal/pgtest"
)

func TestDescribeNamesTriggersRulesAndViews(t *testing.T) { // D25
	url := pgtest.URL(t)
	database(t, url).Exec(t,
		"CREATE TABLE person (id integer PRIMARY KEY, name text)",
		"CREATE TABLE badge (person integer REFERENCES person (id))", // its triggers are the database's own
		"CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN new; END'",
		"CREATE TRIGGER changed AFTER UPDATE OF name OR DELETE ON person FOR EACH ROW EXECUTE FUNCTION nothing()",
		"CREATE TRIGGER added AFTER INSERT ON person FOR EACH ROW EXECUTE FUNCTION nothing()",
		"CREATE TRIGGER off AFTER UPDATE ON person FOR EACH ROW EXECUTE FUNCTION nothing()",
		"ALTER TABLE person DISABLE TRIGGER off",
		"CREATE RULE held AS ON DELETE TO person WHERE old.id = 1 DO INSTEAD NOTHING",
		"CREATE VIEW simple AS SELECT id, name FROM person",
		"CREATE VIEW summary AS SELECT name, count(*) FROM person GROUP BY name",
		"CREATE MATERIALIZED VIEW kept AS SELECT name FROM person")
	c := open(t, url, true).(connectorUnderTest)
	defer func() { _ = c.Close() }()
	live, err := c.Describe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]catalogue.Table{
		"badge":   {},
		"kept":    {View: true},
		"person":  {Triggers: []catalogue.Trigger{{Name: "changed", On: []string{"delete", "update"}}, {Name: "held", On: []string{"delete"}}}},
		"simple":  {View: true, Writable: true},
		"summary": {View: true},
	}
	got := map[string]catalogue.Table{}
	for _, table := range live.Tables {
		got[table.Name.Table] = catalogue.Table{Triggers: table.Triggers, View: table.View, Writable: table.Writable}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("catalogue (-want +got):\n%s", diff)
	}
}
