package shop_test

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	_ "modernc.org/sqlite" // the driver

	"volenti.dev/volenti/demo/shop"
)

// company is a directory with the databases that the tests only read.
var company string

func TestMain(m *testing.M) {
	var err error
	if company, err = os.MkdirTemp("", "shop-test-"); err != nil {
		panic(err)
	}
	if err := shop.Write(context.Background(), company); err != nil {
		panic(err)
	}
	code := m.Run()
	_ = os.RemoveAll(company)
	os.Exit(code)
}

func TestSameSeedGivesTheSameRows(t *testing.T) {
	t.Parallel()
	again := t.TempDir()
	if err := shop.Write(t.Context(), again); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{shop.Shop, shop.Helpdesk} {
		if digest(t, filepath.Join(company, name)) != digest(t, filepath.Join(again, name)) {
			t.Errorf("%s differs between two runs", name)
		}
	}
}

func TestDatabasesAreAsLargeAsACompanys(t *testing.T) {
	t.Parallel()
	least := map[string]map[string]int{
		shop.Shop: {
			"customers": 5000, "addresses": 5000, "orders": 20000, "order_items": 40000, "invoices": 20000, "payments": 20000,
			"newsletter_subscriptions": 3000, "reviews": 4000, "sessions": 8000, "products": 30,
		},
		shop.Helpdesk: {"agents": 5, "tickets": 3000, "ticket_messages": 6000, "call_logs": 900},
	}
	for file, tables := range least {
		db := open(t, file)
		for table, least := range tables {
			if got := count(t, db, "SELECT count(*) FROM "+table); got < least {
				t.Errorf("%s has %d rows, want at least %d", table, got, least)
			}
		}
		for _, problem := range list(t, db, "SELECT integrity_check FROM pragma_integrity_check") {
			if problem != "ok" {
				t.Errorf("%s: %s", file, problem)
			}
		}
		if broken := count(t, db, "SELECT count(*) FROM pragma_foreign_key_check"); broken > 0 {
			t.Errorf("%s: %d rows point nowhere", file, broken)
		}
	}
}

func TestAnnaHasHerStory(t *testing.T) {
	t.Parallel()
	db := open(t, shop.Shop)
	got := map[string]int{
		"customer":   count(t, db, "SELECT count(*) FROM customers WHERE id = ? AND email = ?", shop.AnnaID, shop.AnnaEmail),
		"addresses":  count(t, db, "SELECT count(*) FROM addresses WHERE customer_id = ?", shop.AnnaID),
		"orders":     count(t, db, "SELECT count(*) FROM orders WHERE customer_id = ?", shop.AnnaID),
		"invoices":   count(t, db, "SELECT count(*) FROM invoices JOIN orders ON orders.number = order_number WHERE customer_id = ?", shop.AnnaID),
		"payments":   count(t, db, "SELECT count(*) FROM payments JOIN orders ON orders.number = order_number WHERE customer_id = ?", shop.AnnaID),
		"newsletter": count(t, db, "SELECT count(*) FROM newsletter_subscriptions WHERE email = ?", shop.AnnaEmail),
		"reviews":    count(t, db, "SELECT count(*) FROM reviews WHERE customer_id = ?", shop.AnnaID),
		"sessions":   count(t, db, "SELECT count(*) FROM sessions WHERE customer_id = ?", shop.AnnaID),
	}
	db = open(t, shop.Helpdesk)
	got["tickets of the customer"] = count(t, db, "SELECT count(*) FROM tickets WHERE customer_id = ?", shop.AnnaID)
	got["tickets under the other spelling"] = count(t, db, "SELECT count(*) FROM tickets WHERE requester_email = ? AND customer_id IS NULL", shop.AnnaSpelled)
	got["calls"] = count(t, db, "SELECT count(*) FROM call_logs WHERE customer_id = ?", shop.AnnaID)
	want := map[string]int{
		"customer": 1, "addresses": 2, "orders": 6, "invoices": 6, "payments": 6, "newsletter": 1, "reviews": 2, "sessions": 3,
		"tickets of the customer": 1, "tickets under the other spelling": 1, "calls": 1,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("rows of Anna (-want +got):\n%s", diff)
	}
}

func TestNothingLeadsToSomebodyReal(t *testing.T) {
	t.Parallel()
	db := open(t, shop.Shop)
	for _, email := range list(t, db, "SELECT email FROM customers UNION SELECT email FROM newsletter_subscriptions") {
		if _, domain, _ := strings.Cut(email, "@"); domain != "example.com" && domain != "example.net" && domain != "example.org" {
			t.Errorf("%s lies in a domain that may be somebody's", email)
		}
	}
	if n := count(t, db, "SELECT count(*) FROM payments WHERE iban IS NOT NULL AND substr(iban, 3, 2) <> '00'"); n > 0 {
		t.Errorf("%d account numbers may exist", n)
	}
}

func TestWriteDoesNotReplaceADatabase(t *testing.T) {
	t.Parallel()
	before := digest(t, filepath.Join(company, shop.Shop))
	if err := shop.Write(t.Context(), company); err == nil || !strings.Contains(err.Error(), "is there already") {
		t.Errorf("a second Write into the same directory gave: %v", err)
	}
	if digest(t, filepath.Join(company, shop.Shop)) != before {
		t.Error("the database was changed")
	}
}

func open(t *testing.T, name string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(company, name))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func count(t *testing.T, db *sql.DB, query string, args ...any) (n int) {
	t.Helper()
	if err := db.QueryRowContext(t.Context(), query, args...).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func list(t *testing.T, db *sql.DB, query string) (values []string) {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), query)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var v string
		if err := rows.Scan(&v); err != nil {
			t.Fatal(err)
		}
		values = append(values, v)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return values
}

func digest(t *testing.T, file string) [32]byte {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return sha256.Sum256(data)
}
