package examples_test

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	_ "modernc.org/sqlite" // the driver

	"volenti.dev/volenti/config"
	"volenti.dev/volenti/connector/builtin"
	"volenti.dev/volenti/datamap/dataset"
	"volenti.dev/volenti/demo/shop"
	"volenti.dev/volenti/examples"
	"volenti.dev/volenti/internal/mariadbtest"
	"volenti.dev/volenti/internal/pgtest"
	"volenti.dev/volenti/internal/server"
	"volenti.dev/volenti/request/graph"
	"volenti.dev/volenti/subject"
)

func TestMain(m *testing.M) {
	code := pgtest.Run(m)
	mariadbtest.Stop()
	os.Exit(code)
}

func TestExamplesHaveNoProblems(t *testing.T) {
	for _, dir := range []string{"demo-shop", "chinook/postgres", "chinook/sqlite", "chinook/mysql"} {
		t.Run(dir, func(t *testing.T) {
			for _, p := range config.Check(load(t, dir, "sqlite:unused")) {
				t.Error(p)
			}
		})
	}
}

func TestDemoShopIsBuiltIn(t *testing.T) {
	dir := t.TempDir()
	if err := os.CopyFS(dir, examples.DemoShop()); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(load(t, "demo-shop", ".").Digest, load(t, dir, ".").Digest); diff != "" {
		t.Errorf("digest of the directory and of what is built in (-directory +built in):\n%s", diff)
	}
}

// plans lists what a plan does, an address a line.
type plans struct {
	Returned, Masked, Deleted, Kept, Refused, Skipped []string
}

func TestPlansOfTheDemoShopErasePeopleAndKeepTheBooks(t *testing.T) {
	dir := t.TempDir()
	if err := shop.Write(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
	c := load(t, "demo-shop", dir)
	access := outline(plan(t, c, "access", subject.Email))
	want := plans{
		Returned: []string{
			"helpdesk:calllogs", "helpdesk:ticketmessages", "helpdesk:tickets", "shop:addresses", "shop:customers", "shop:invoices",
			"shop:newslettersubscriptions", "shop:orderitems", "shop:orders", "shop:payments", "shop:reviews", "shop:sessions",
		},
		Skipped: []string{"helpdesk:agents", "shop:products"},
	}
	if diff := cmp.Diff(want, access); diff != "" {
		t.Errorf("access (-want +got):\n%s", diff)
	}
	erasure := outline(plan(t, c, "erasure", subject.Email))
	want = plans{
		Masked:  []string{"helpdesk:calllogs", "helpdesk:ticketmessages", "helpdesk:tickets", "shop:addresses", "shop:customers", "shop:orders", "shop:reviews"},
		Deleted: []string{"shop:newslettersubscriptions", "shop:sessions"},
		Kept:    []string{"shop:invoices", "shop:orderitems", "shop:orders", "shop:payments"},
		Skipped: []string{"helpdesk:agents", "shop:products"},
	}
	if diff := cmp.Diff(want, erasure); diff != "" {
		t.Errorf("erasure (-want +got):\n%s", diff)
	}
}

func TestChinookDescriptionsSayTheSame(t *testing.T) {
	for _, other := range []string{"chinook/postgres", "chinook/mysql"} {
		if diff := cmp.Diff(described(t, other), described(t, "chinook/sqlite")); diff != "" {
			t.Errorf("what the descriptions say (-%s +sqlite):\n%s", other, diff)
		}
	}
}

func TestChinookPlansReachNoEmployeeFromACustomer(t *testing.T) {
	scripts := filepath.Join("..", "..", "shared", "data", "chinook")
	if _, err := os.Stat(scripts); err != nil {
		t.Log("skipped: the sample database does not lie beside the project")
		return
	}
	for dir, url := range map[string]string{
		"chinook/postgres": chinookPostgres(t, filepath.Join(scripts, "Chinook_PostgreSql.sql")),
		"chinook/mysql":    chinookMySQL(t, filepath.Join(scripts, "Chinook_MySql.sql")),
		"chinook/sqlite":   chinookSQLite(t, filepath.Join(scripts, "Chinook_Sqlite.sql")),
	} {
		t.Run(dir, func(t *testing.T) {
			c := load(t, dir, url)
			customer := outline(plan(t, c, "erasure", subject.Email))
			want := plans{
				Masked:  []string{"chinook:customer"},
				Kept:    []string{"chinook:invoice", "chinook:invoiceline"},
				Skipped: []string{"chinook:album", "chinook:artist", "chinook:employee", "chinook:genre", "chinook:mediatype", "chinook:playlist", "chinook:playlisttrack", "chinook:track"},
			}
			if diff := cmp.Diff(want, customer); diff != "" {
				t.Errorf("erasure of a customer (-want +got):\n%s", diff)
			}
			employee := outline(plan(t, c, "access", "employee_email"))
			if diff := cmp.Diff([]string{"chinook:employee"}, employee.Returned); diff != "" {
				t.Errorf("access of an employee (-want +got):\n%s", diff)
			}
		})
	}
}

// load reads a directory whose connections find their database by the value.
func load(t *testing.T, dir, value string) *config.Config {
	t.Helper()
	c, problems, err := config.Load(dir, config.Options{
		Registry: builtin.Registry(),
		Env:      func(string) (string, bool) { return value, true },
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Error(p)
	}
	return c
}

func plan(t *testing.T, c *config.Config, policyKey string, identity subject.Type) *graph.Plan {
	t.Helper()
	systems := server.NewSystems(c, builtin.Registry())
	t.Cleanup(func() { _ = systems.Close() })
	for _, p := range c.Policies {
		if p.Key == policyKey {
			made, err := systems.Plan(t.Context(), p, []subject.Type{identity}, "2026-11-21")
			if err != nil {
				t.Fatal(err)
			}
			return made
		}
	}
	t.Fatalf("there is no policy %s", policyKey)
	return nil
}

// outline tells a plan by addresses, spelled as both databases would.
func outline(p *graph.Plan) (o plans) {
	add := func(to *[]string, has bool, address string) {
		if has {
			*to = append(*to, flat(address))
		}
	}
	for _, n := range p.Nodes {
		add(&o.Returned, len(n.FieldsReturned) > 0, n.Address)
		add(&o.Masked, len(n.Masks) > 0, n.Address)
		add(&o.Deleted, n.Delete != "", n.Address)
		add(&o.Kept, n.Kept != nil, n.Address)
		add(&o.Refused, n.Refused != nil || n.Blocked != "", n.Address)
	}
	for _, s := range p.Skipped {
		add(&o.Skipped, true, s.Address)
	}
	for _, list := range []*[]string{&o.Returned, &o.Masked, &o.Deleted, &o.Kept, &o.Refused, &o.Skipped} {
		slices.Sort(*list)
	}
	return o
}

// flat spells invoice_line and InvoiceLine alike.
func flat(name string) string { return strings.ToLower(strings.ReplaceAll(name, "_", "")) }

// described writes down what a directory says of each field, in order.
func described(t *testing.T, dir string) (lines []string) {
	t.Helper()
	for _, d := range load(t, dir, "sqlite:unused").Datasets.All() {
		for _, c := range d.Collections {
			lines = append(lines, flat(fmt.Sprint(c.Address, c.Categories, c.Skip, c.Masking)))
			c.Walk(func(f *dataset.Field) {
				line := fmt.Sprint(c.Address, f.Path, f.Categories, f.PrimaryKey, f.Identity != "", f.Type, f.Length, f.ReadOnly, f.Masking)
				for _, r := range f.References {
					line += fmt.Sprint(r.Target, r.Field, r.Direction)
				}
				lines = append(lines, flat(line))
			})
		}
	}
	return lines
}

func chinookSQLite(t *testing.T, script string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "chinook.db")
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	if _, err := db.ExecContext(t.Context(), tables(t, script)); err != nil {
		t.Fatal(err)
	}
	return "sqlite:" + path
}

func chinookPostgres(t *testing.T, script string) string {
	t.Helper()
	url := pgtest.URL(t)
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.Background()) }()
	_, ddl, _ := strings.Cut(tables(t, script), `\c chinook;`)
	if _, err := conn.Exec(t.Context(), ddl); err != nil {
		t.Fatal(err)
	}
	return url
}

func chinookMySQL(t *testing.T, script string) string {
	t.Helper()
	url := mariadbtest.URL(t)
	_, ddl, _ := strings.Cut(tables(t, script), "USE `Chinook`;")
	if _, err := mariadbtest.Open(t, url).ExecContext(t.Context(), ddl); err != nil {
		t.Fatal(err)
	}
	return url
}

// tables gives a script without its rows: plans need none.
func tables(t *testing.T, script string) string {
	t.Helper()
	text, err := os.ReadFile(script)
	if err != nil {
		t.Fatal(err)
	}
	ddl, _, _ := strings.Cut(string(text), "INSERT INTO")
	return ddl
}
