package docs_test

import (
	"strings"
	"testing"

	"volenti.dev/volenti/connector"
	"volenti.dev/volenti/connector/mysql"
	"volenti.dev/volenti/datamap/catalogue"
	"volenti.dev/volenti/internal/mariadbtest"
)

// The rights that the page grants on MariaDB let rows be masked and deleted,
// and nothing else.
func TestRightsOfThePageForMariaDBAreEnough(t *testing.T) { // D26
	url := mariadbtest.URL(t)
	db := mariadbtest.Open(t, url)
	name := url[strings.LastIndex(url, "/")+1:]
	grants, _ := blocks(t, "requests.md", "mysql")
	if _, err := db.Exec("CREATE TABLE customers (id integer PRIMARY KEY, email varchar(50), name varchar(50), preferences json, total decimal(10,2));" +
		"CREATE TABLE subscriptions (id integer PRIMARY KEY, email varchar(50));" +
		"CREATE TRIGGER seen BEFORE UPDATE ON customers FOR EACH ROW SET NEW.total = OLD.total;" +
		"INSERT INTO customers VALUES (1, 'anna@example.org', 'Anna', '{}', 5), (2, 'ben@example.org', 'Ben', '{}', 7);" +
		"INSERT INTO subscriptions VALUES (1, 'anna@example.org');" + strings.ReplaceAll(strings.Join(grants, ""), "shop.", name+".")); err != nil {
		t.Fatal(err)
	}
	c, err := mysql.Open(connector.Settings{Key: "shop", Secrets: map[string]string{"url": strings.Replace(url, "root@", "volenti:from%20your%20secret%20store@", 1)}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	live, err := c.Describe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	customers := live.Table(catalogue.Name{Table: "customers"})
	if len(customers.Triggers) != 1 {
		t.Errorf("triggers %v, want the one there is", customers.Triggers)
	}
	batch := connector.Batch{Table: customers, KeyColumns: []string{"id"}, Columns: []string{"email", "name"}, Changes: []connector.Change{
		{Key: connector.Tuple{1}, Before: connector.Row{"email": "anna@example.org", "name": "Anna"}, After: connector.Row{"email": "a", "name": "x"}},
		{Key: connector.Tuple{2}, Before: connector.Row{"email": "ben@example.org", "name": "Ben"}, After: connector.Row{"email": "b", "name": "x"}}}}
	masked, err := c.Mask(t.Context(), batch)
	if err != nil || masked[0].Status != connector.Changed || masked[1].Status != connector.Changed {
		t.Errorf("mask: %+v, %v", masked, err)
	}
	deleted, err := c.Delete(t.Context(), connector.Batch{Table: live.Table(catalogue.Name{Table: "subscriptions"}), KeyColumns: []string{"id"},
		Changes: []connector.Change{{Key: connector.Tuple{1}}}})
	if err != nil || deleted[0].Status != connector.Changed {
		t.Errorf("delete: %+v, %v", deleted, err)
	}
	batch.Columns = []string{"total"}
	batch.Changes = []connector.Change{{Key: connector.Tuple{1}, Before: connector.Row{"total": 5}, After: connector.Row{"total": 0}}}
	if _, err := c.Mask(t.Context(), batch); connector.KindOf(err) != connector.Denied {
		t.Errorf("a column that was not granted: %v", err)
	}
}
