package server

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	_ "github.com/jackc/pgx/v5/stdlib"

	"volenti.dev/volenti/config"
	"volenti.dev/volenti/config/source"
	"volenti.dev/volenti/connector"
	"volenti.dev/volenti/connector/builtin"
	"volenti.dev/volenti/internal/mariadbtest"
	"volenti.dev/volenti/internal/pgtest"
	"volenti.dev/volenti/internal/store/storetest"
	"volenti.dev/volenti/request"
	"volenti.dev/volenti/request/fulfill"
	"volenti.dev/volenti/request/graph"
	"volenti.dev/volenti/subject"
)

func TestMain(m *testing.M) {
	if os.Getenv(heldChild) != "" {
		if err := eraseInChild(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	if os.Getenv(pausedChild) != "" {
		pauseInChild()
		os.Exit(0)
	}
	if os.Getenv(servingChild) != "" {
		if err := serveInChild(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	// Tests run beside each other, and so none has an environment of its own.
	if err := errors.Join(os.Setenv("AWS_ACCESS_KEY_ID", "key"), os.Setenv("AWS_SECRET_ACCESS_KEY", "secret")); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := pgtest.Run(m)
	mariadbtest.Stop()
	_ = os.RemoveAll(crashingDir)
	os.Exit(code)
}

// everywhere runs a test on both stores, each with the kinds of target; what a
// third kind is for does not hang on the store.
func everywhere(t *testing.T, test func(t *testing.T, w *world)) {
	for store, targets := range map[string][]string{"sqlite": {"sqlite", "postgres", "mysql"}, "postgres": {"sqlite", "postgres"}} {
		for _, target := range targets {
			t.Run("store "+store+", target "+target, func(t *testing.T) {
				t.Parallel()
				test(t, newWorld(t, store, target))
			})
		}
	}
}

// world is a company with one database, and an installation of Volenti.
type world struct {
	t      testing.TB
	dir    string
	target string // "sqlite", "postgres" or "mysql"
	url    string // of the target
	db     *sql.DB
	house  Config
	log    *safeBuffer
	limits fulfill.Limits
	out    string
	env    map[string]string // for secrets
	tell   func(fulfill.Event)
}

type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *safeBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *safeBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

func newWorld(t testing.TB, store, target string) *world {
	w := &world{t: t, dir: t.TempDir(), target: target, log: &safeBuffer{}, limits: fulfill.Limits{Backoff: 20 * time.Millisecond}}
	w.house = Config{Data: filepath.Join(w.dir, "state")}
	w.out = filepath.Join(w.dir, "out")
	err := errors.Join(os.Mkdir(w.house.Data, 0o700), os.WriteFile(filepath.Join(w.house.Data, "master.key"), []byte(childsKey), 0o600))
	if err != nil {
		t.Fatal(err)
	}
	if store == "postgres" {
		w.house.Database = storetest.URL(t)
	} else {
		storetest.WriteFile(t, filepath.Join(w.house.Data, "volenti.db"))
	}
	switch target {
	case "postgres":
		w.url = pgtest.URL(t)
		w.db, err = sql.Open("pgx", w.url+"&default_query_exec_mode=simple_protocol")
	case "mysql":
		w.url = mariadbtest.URL(t)
		w.db = mariadbtest.Open(t, w.url)
	default:
		path := filepath.Join(w.dir, "target.db")
		w.url = "sqlite:" + path
		w.db, err = sql.Open("sqlite", path+"?_pragma=busy_timeout(5000)")
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.db.Close() })
	w.exec(shopTables)
	w.configure(shopDataset, shopPolicies)
	return w
}

const shopTables = `
CREATE TABLE customer (id INTEGER PRIMARY KEY, email VARCHAR(60) NOT NULL, name VARCHAR(40), phone VARCHAR(24), vip INTEGER);
CREATE TABLE orders (no INTEGER PRIMARY KEY, customer_id INTEGER REFERENCES customer (id), street VARCHAR(40), total NUMERIC(10,2));
CREATE TABLE note (id VARCHAR(20) PRIMARY KEY, order_no INTEGER, body TEXT);
INSERT INTO customer VALUES (0, 'anna@example.com', 'Anna', '+4930123', 1), (1, 'ben@example.com', 'Ben', NULL, 0), (2, 'cleo@example.com', 'Cleo', '', NULL);
INSERT INTO orders VALUES (10, 0, 'Hauptweg 1', 12.50), (11, 0, NULL, 3), (12, 1, 'Nebenweg 2', 7.25), (13, NULL, 'Niemandsweg', 1);
INSERT INTO note VALUES ('', 10, 'call Anna'), ('n2', 11, ''), ('n3', 12, 'call Ben'), ('n4', NULL, 'orphan');
`

const shopDataset = `
dataset:
- fides_key: shop
  collections:
  - name: customer
    fields:
    - {name: id, fides_meta: {primary_key: true, data_type: integer}}
    - {name: email, data_categories: [user.contact.email], fides_meta: {identity: email, data_type: string}}
    - {name: name, data_categories: [user.name]}
    - {name: phone, data_categories: [user.contact.phone_number]}
    - {name: vip}
  - name: orders
    fields:
    - {name: no, fides_meta: {primary_key: true}}
    - {name: customer_id, fides_meta: {references: [{dataset: shop, field: customer.id, direction: from}]}}
    - {name: street, data_categories: [user.contact.address.street]}
    - {name: total, data_categories: [user.financial]}
  - name: note
    fields:
    - {name: id, fides_meta: {primary_key: true}}
    - {name: order_no, fides_meta: {references: [{dataset: shop, field: orders.no, direction: from}]}}
    - {name: body, data_categories: [user.content]}
`

const shopPolicies = `
policy:
- key: access
  intake: {public: true}
  rules:
  - {key: all, action: access, targets: [user]}
- key: erasure
  intake: {public: true}
  rules:
  - {key: all, action: access, targets: [user]}
  - {key: email, action: erasure, targets: [user.contact.email], masking: {strategy: hash, configuration: {algorithm: SHA-256}}}
  - key: rest
    action: erasure
    targets: [user.name, user.contact.phone_number, user.contact.address, user.content, user.financial]
    masking: {strategy: null_rewrite}
    keep:
    - {category: user.financial, reason: invoices are kept for ten years, ground: § 147 AO}
`

// configure writes the configuration directory: the given files, and the
// connection to the target.
func (w *world) configure(files ...string) {
	w.t.Helper()
	files = append(files, fmt.Sprintf("connection:\n- {key: db, type: %s, access: write, datasets: [shop], secrets: {url: %q}}\n", w.target, w.url))
	w.write(files...)
}

func (w *world) write(files ...string) {
	w.t.Helper()
	dir := filepath.Join(w.dir, "config")
	if err := os.RemoveAll(dir); err != nil {
		w.t.Fatal(err)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		w.t.Fatal(err)
	}
	for i, f := range files {
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%d.yml", i)), []byte(f), 0o600); err != nil {
			w.t.Fatal(err)
		}
	}
}

func (w *world) exec(script string) {
	w.t.Helper()
	for _, statement := range strings.Split(script, ";\n") {
		if strings.TrimSpace(statement) == "" {
			continue
		}
		if _, err := w.db.Exec(statement); err != nil {
			w.t.Fatalf("%s: %v", statement, err)
		}
	}
}

// table gives the rows of a query, values as text, NULL as <null>.
func (w *world) table(query string) []string {
	w.t.Helper()
	rows, err := w.db.Query(query)
	if err != nil {
		w.t.Fatal(err)
	}
	defer rows.Close()
	columns, _ := rows.Columns()
	var all []string
	for rows.Next() {
		cells := make([]sql.NullString, len(columns))
		into := make([]any, len(columns))
		for i := range cells {
			into[i] = &cells[i]
		}
		if err := rows.Scan(into...); err != nil {
			w.t.Fatal(err)
		}
		words := make([]string, len(cells))
		for i, c := range cells {
			words[i] = c.String
			if !c.Valid {
				words[i] = "<null>"
			}
		}
		all = append(all, strings.Join(words, "|"))
	}
	if err := rows.Err(); err != nil {
		w.t.Fatal(err)
	}
	return all
}

// desk is what a test works with for one start of the program.
type desk struct {
	*world
	*Local
	config *config.Config
}

func (w *world) open() *desk {
	w.t.Helper()
	cfg, found, err := config.Load(filepath.Join(w.dir, "config"), config.Options{Registry: builtin.Registry(), Describe: builtin.Describe, Env: func(name string) (string, bool) { v, ok := w.env[name]; return v, ok }})
	if err != nil {
		w.t.Fatal(err)
	}
	for _, p := range found {
		if p.Severity == source.Error {
			w.t.Fatal(p)
		}
	}
	house, err := Open(w.t.Context(), w.house)
	if err != nil {
		w.t.Fatal(err)
	}
	systems := NewSystems(cfg, builtin.Registry())
	systems.Calling(Outbound())
	d := &desk{world: w, config: cfg, Local: &Local{
		House: house, Systems: systems, Out: w.out, By: "tester", Limits: w.limits, Now: time.Now,
		Log: slog.New(slog.NewTextHandler(w.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Tell: func(e fulfill.Event) {
			if w.tell != nil {
				w.tell(e)
			}
		},
	}}
	w.t.Cleanup(d.close)
	return d
}

func (d *desk) close() {
	_ = d.Systems.Close()
	_ = d.House.Close()
}

func person(t testing.TB, kind subject.Type, raw string) []subject.Identity {
	t.Helper()
	id, err := subject.New(kind, raw)
	if err != nil {
		t.Fatal(err)
	}
	return []subject.Identity{id}
}

func (d *desk) plan(policyKey string, identities []subject.Identity) (*graph.Plan, error) {
	var types []subject.Type
	for _, i := range identities {
		types = append(types, i.Type)
	}
	for _, p := range d.config.Policies {
		if p.Key == policyKey {
			return d.Systems.Plan(d.t.Context(), p, types, "2026-11-21")
		}
	}
	return nil, errors.New("no such policy")
}

// submit plans and stores a request.
func (d *desk) submit(policyKey, email string) string {
	d.t.Helper()
	who := person(d.t, subject.Email, email)
	plan, err := d.plan(policyKey, who)
	if err != nil {
		d.t.Fatal(err)
	}
	id, err := d.Submit(d.t.Context(), plan, who, 0)
	if err != nil {
		d.t.Fatal(err)
	}
	if err := d.Prepare(d.t.Context(), id, plan); err != nil {
		d.t.Fatal(err)
	}
	return id
}

// run carries a request out that must end well.
func (d *desk) run(policyKey, email string) fulfill.Report {
	d.t.Helper()
	report, err := d.Run(d.t.Context(), d.submit(policyKey, email))
	if err != nil {
		d.t.Fatalf("%v\n%s", err, d.log)
	}
	return report
}

func (w *world) access() map[string][]map[string]any {
	w.t.Helper()
	b, err := os.ReadFile(filepath.Join(w.out, "access.json"))
	if err != nil {
		w.t.Fatal(err)
	}
	var all map[string][]map[string]any
	if err := json.Unmarshal(b, &all); err != nil {
		w.t.Fatal(err)
	}
	return all
}

func (w *world) equal(what string, got, want any) {
	w.t.Helper()
	if d := cmp.Diff(want, got); d != "" {
		w.t.Errorf("%s (-want +got):\n%s", what, d)
	}
}

func line(r fulfill.Report, address string, action request.Action) fulfill.CollectionReport {
	for _, c := range r.Collections {
		if c.Address == address && c.Action == action {
			return c
		}
	}
	return fulfill.CollectionReport{}
}

func TestAccessFindsThePersonsRowsAndNobodyElses(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, w *world) {
		report := w.open().run("access", " ANNA@example.com ")
		w.equal("status", report.Status, request.Complete)
		// X6, X8, D14: the key 0 joins; D20: null and "" are kept, rows with
		// nothing left are not; D29: decimals are text.
		w.equal("what Anna gets", w.access(), map[string][]map[string]any{
			"shop:customer": {{"email": "anna@example.com", "name": "Anna", "phone": "+4930123"}},
			"shop:orders":   {{"street": "Hauptweg 1", "total": "12.50"}, {"street": nil, "total": "3.00"}},
			"shop:note":     {{"body": "call Anna"}, {"body": ""}},
		})
		w.equal("rows read", line(report, "shop:orders", request.Access).RowsRead, int64(2))
	})
}

func TestErasureMasksKeepsAndVerifies(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, w *world) {
		d := w.open()
		report := d.run("erasure", "anna@example.com")
		w.equal("status", report.Status, request.Complete)
		customers := w.table("SELECT * FROM customer ORDER BY id")
		if len(customers) != 3 || !strings.HasPrefix(customers[0], "0|") || !strings.HasSuffix(customers[0], "|<null>|<null>|1") || len(strings.Split(customers[0], "|")[1]) != 60 {
			t.Errorf("Anna after erasure: %q", customers[0]) // a hash of 64, cut to the 60 of the column (D28)
		}
		w.equal("others", customers[1:], []string{"1|ben@example.com|Ben|<null>|0", "2|cleo@example.com|Cleo||<null>"})
		w.equal("orders", w.table("SELECT no, customer_id, street FROM orders ORDER BY no"), []string{"10|0|<null>", "11|0|<null>", "12|1|Nebenweg 2", "13|<null>|Niemandsweg"})
		w.equal("totals are kept", w.table("SELECT count(*) FROM orders WHERE total IS NULL"), []string{"0"})
		w.equal("notes", w.table("SELECT id, body FROM note ORDER BY id"), []string{"|<null>", "n2|<null>", "n3|call Ben", "n4|orphan"})

		orders := line(report, "shop:orders", request.Erasure)
		if !orders.Verified || orders.RowsMasked != 1 || orders.RowsAlready != 1 { // D23: exact counts
			t.Errorf("orders: %+v", orders)
		}
		kept := false
		for _, f := range orders.Fields {
			kept = kept || f.Field == "total" && f.Status == "kept" && f.Ground == "§ 147 AO"
		}
		if !kept {
			t.Errorf("what is kept is not told with its ground: %+v", orders.Fields) // D4
		}

		again := d.run("erasure", "anna@example.com")
		w.equal("a second run finds nothing", line(again, "shop:customer", request.Access).RowsRead, int64(0))
		w.equal("and is complete", again.Status, request.Complete)
	})
}

func TestEndedRequestsKeepNoPersonalData(t *testing.T) { // X16
	t.Parallel()
	w := newWorld(t, "sqlite", "sqlite")
	d := w.open()
	report := d.run("erasure", "anna@example.com")
	if _, err := d.House.Store.Keys().RequestKey(t.Context(), "default", report.Request); !errors.Is(err, request.ErrDestroyed) {
		t.Errorf("the key of an ended request gives %v", err)
	}
	n := 0
	_ = d.House.Store.Work().Chunks(t.Context(), "default", report.Request, "shop:customer", 1, func(int, []byte) error { n++; return nil })
	w.equal("chunks left", n, 0)
}

func TestIdentityThatMatchesNothingIsComplete(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, w *world) {
		report := w.open().run("erasure", "nobody@example.com")
		w.equal("status", report.Status, request.Complete)
		w.equal("package", w.access(), map[string][]map[string]any{})
		w.equal("every collection is reported", len(report.Collections), 6)
		w.equal("untouched", len(w.table("SELECT 1 FROM customer WHERE name IS NULL")), 0)
	})
}

func TestDriftStopsTheRequestBeforeAnythingIsWritten(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]string{
		"a table that vanished":    "DROP TABLE note;\n",
		"a column of another type": "DROP TABLE note;\nCREATE TABLE note (id VARCHAR(20) PRIMARY KEY, order_no VARCHAR(9), body TEXT);\n",
		"a column that is new":     "ALTER TABLE customer ADD COLUMN nickname VARCHAR(9);\n",
	} {
		t.Run(name, func(t *testing.T) {
			everywhere(t, func(t *testing.T, w *world) {
				w.tell = func(e fulfill.Event) {
					if e.Step == "erasure" {
						w.exec(change)
					}
				}
				d := w.open()
				_, err := d.Run(t.Context(), d.submit("erasure", "anna@example.com"))
				w.equal("kind", connector.KindOf(err), connector.Drift) // X17
				w.equal("nothing is masked", len(w.table("SELECT 1 FROM customer WHERE name IS NULL")), 0)

				w.tell = nil
				w.exec("UPDATE customer SET name = name;\n")
				id := d.submitFails("erasure", "ben@example.com", change)
				if id != "" {
					_, err = d.Run(t.Context(), id)
					w.equal("a fresh plan is carried out", err, nil)
				}
			})
		})
	}
}

// submitFails submits a request whose plan fails when the description no
// longer fits the database.
func (d *desk) submitFails(policyKey, email, change string) string {
	d.t.Helper()
	who := person(d.t, subject.Email, email)
	plan, err := d.plan(policyKey, who)
	if change == "DROP TABLE note;\n" {
		var ge *graph.Error
		if !errors.As(err, &ge) || !ge.Drift {
			d.t.Errorf("a plan without the table: %v", err)
		}
		return ""
	}
	if err != nil {
		d.t.Fatal(err)
	}
	id, err := d.Submit(d.t.Context(), plan, who, 0)
	if err != nil {
		d.t.Fatal(err)
	}
	return id
}

func TestReadOnlyConnectionEndsInErrorAndTheRestProceeds(t *testing.T) { // D26
	t.Parallel()
	everywhere(t, func(t *testing.T, w *world) {
		archive := newWorld(t, "sqlite", "sqlite")
		w.write(shopDataset, shopPolicies,
			strings.NewReplacer("fides_key: shop", "fides_key: archive", "dataset: shop", "dataset: archive").Replace(shopDataset),
			fmt.Sprintf("connection:\n- {key: db, type: %s, access: write, datasets: [shop], secrets: {url: %q}}\n- {key: old, type: sqlite, access: read, datasets: [archive], secrets: {url: %q}}\n", w.target, w.url, archive.url))
		d := w.open()
		report, err := d.Run(t.Context(), d.submit("erasure", "anna@example.com"))
		w.equal("kind", connector.KindOf(err), connector.Denied)
		w.equal("status", report.Status, request.Errored)
		w.equal("the archive says why", line(report, "archive:customer", request.Erasure).Status, request.Failed)
		w.equal("the rest is masked", line(report, "shop:customer", request.Erasure).RowsMasked, int64(1))
		w.equal("the archive is untouched", len(archive.table("SELECT 1 FROM customer WHERE name IS NULL")), 0)
	})
}

func TestDatabaseThatRefusesWritesIsReported(t *testing.T) { // D26
	t.Parallel()
	w := newWorld(t, "sqlite", "sqlite")
	w.exec("CREATE TRIGGER no_change BEFORE UPDATE ON orders BEGIN SELECT RAISE(ABORT, 'anna@example.com'); END;\n")
	d := w.open()
	report, err := d.Run(t.Context(), d.submit("erasure", "anna@example.com"))
	w.equal("status", report.Status, request.CompleteWithResidue)
	w.equal("counts", []int64{line(report, "shop:orders", request.Erasure).RowsFailed, line(report, "shop:orders", request.Erasure).RowsResidue}, []int64{1, 1})
	if strings.Contains(fmt.Sprint(err, report), "anna@") {
		t.Errorf("the database's message is passed on: %v", err)
	}
}

func TestDatabaseThatDiesInTheMiddleIsAskedAgain(t *testing.T) { // R6
	w := newWorld(t, "sqlite", "postgres")
	w.limits.Attempts = 20
	var once sync.Once
	w.tell = func(e fulfill.Event) {
		if e.Address == "shop:customer" && e.Action == request.Erasure {
			once.Do(func() { pgtest.Restart(t) })
		}
	}
	w.equal("status", w.open().run("erasure", "anna@example.com").Status, request.Complete)
}

func TestCapsPauseBeforeAnythingIsWritten(t *testing.T) { // X27
	t.Parallel()
	everywhere(t, func(t *testing.T, w *world) {
		w.limits.RowsPerCollection = 1
		d := w.open()
		id := d.submit("erasure", "anna@example.com")
		report, err := d.Run(t.Context(), id)
		if !errors.Is(err, fulfill.ErrPaused) || report.Status != request.Paused {
			t.Fatalf("beyond the cap: %s, %v", report.Status, err)
		}
		w.equal("nothing is written", len(w.table("SELECT 1 FROM customer WHERE name IS NULL")), 0)
		r, err := d.House.Store.Requests().Get(t.Context(), "default", id)
		if err != nil {
			t.Fatal(err)
		}
		if err := d.Raise(t.Context(), &r, 5); err != nil {
			t.Fatal(err)
		}
		report, err = d.Run(t.Context(), id)
		w.equal("raised for this request", []any{report.Status, err}, []any{request.Complete, error(nil)})
	})
}

func TestHourlyAllowanceIsSharedByAllRequests(t *testing.T) { // X27
	t.Parallel()
	everywhere(t, func(t *testing.T, w *world) {
		w.limits.RowsPerHour = 6 // Anna takes 5
		d := w.open()
		d.run("erasure", "anna@example.com")
		id := d.submit("erasure", "ben@example.com")
		report, err := d.Run(t.Context(), id)
		if !errors.Is(err, fulfill.ErrPaused) || report.Status != request.Paused {
			t.Errorf("beyond the allowance: %s, %v", report.Status, err)
		}
		w.equal("Ben is untouched", w.table("SELECT name FROM customer WHERE id = 1"), []string{"Ben"})

		r, err := d.House.Store.Requests().Get(t.Context(), "default", id)
		if err != nil {
			t.Fatal(err)
		}
		if err := d.Raise(t.Context(), &r, 10); err != nil {
			t.Fatal(err)
		}
		report, err = d.Run(t.Context(), id)
		w.equal("reviewed and raised", []any{report.Status, err}, []any{request.Complete, error(nil)})
	})
}

func TestShareOfALargeTableIsCapped(t *testing.T) { // X27
	t.Parallel()
	everywhere(t, func(t *testing.T, w *world) {
		w.limits.RowsPerCollection = 100_000
		series := "WITH RECURSIVE s(n) AS (SELECT 100 UNION ALL SELECT n + 1 FROM s WHERE n < 10500) "
		w.exec("INSERT INTO orders " + series + "SELECT n, CASE WHEN n < 400 THEN 0 ELSE 1 END, 'x', 1 FROM s;\n")
		if w.target == "postgres" {
			w.exec("ANALYZE orders;\n")
		}
		d := w.open()
		report, err := d.Run(t.Context(), d.submit("erasure", "anna@example.com"))
		if !errors.Is(err, fulfill.ErrPaused) || !strings.Contains(report.Message, "of the table") {
			t.Errorf("302 of 10,405 rows: %s, %v", report.Message, err)
		}
	})
}

func TestManyRowsAreStreamedInBatchesWithExactCounts(t *testing.T) { // D23
	t.Parallel()
	everywhere(t, func(t *testing.T, w *world) {
		series := "WITH RECURSIVE s(n) AS (SELECT 100 UNION ALL SELECT n + 1 FROM s WHERE n < 5099) "
		w.exec("INSERT INTO orders " + series + "SELECT n, 0, CASE WHEN n % 2 = 0 THEN 'x' END, 1 FROM s;\n")
		w.limits.RowsPerCollection, w.limits.ShareOfTable = 10_000, 1
		report := w.open().run("erasure", "anna@example.com")
		orders := line(report, "shop:orders", request.Erasure)
		w.equal("counts", []int64{orders.RowsRead, orders.RowsMasked, orders.RowsAlready, orders.RowsFailed}, []int64{5002, 2501, 2501, 0})
		w.equal("status", report.Status, request.Complete)
	})
}

func TestCyclesRunToAFixpoint(t *testing.T) { // D9
	t.Parallel()
	everywhere(t, func(t *testing.T, w *world) {
		w.exec(`CREATE TABLE staff (id INTEGER PRIMARY KEY, mail VARCHAR(60), boss INTEGER, name VARCHAR(20));
INSERT INTO staff VALUES (0, 'top@example.com', NULL, 'Top'), (1, 'mid@example.com', 0, 'Mid'), (2, 'low@example.com', 1, 'Low'), (3, 'x@example.com', 0, 'Other');
`)
		w.configure(`
dataset:
- fides_key: shop
  collections:
  - name: staff
    fields:
    - {name: id, fides_meta: {primary_key: true}}
    - {name: mail, data_categories: [user.contact.email], fides_meta: {identity: email}}
    - {name: boss, fides_meta: {references: [{dataset: shop, field: staff.id, direction: to}]}}
    - {name: name, data_categories: [user.name]}
`, shopPolicies)
		w.open().run("access", "low@example.com")
		var names []any
		for _, row := range w.access()["shop:staff"] {
			names = append(names, row["name"])
		}
		w.equal("up to the top, and no further", names, []any{"Low", "Mid", "Top"})
	})
}

func TestNothingPersonalInLogsErrorsOrReports(t *testing.T) { // SE10
	t.Parallel()
	everywhere(t, func(t *testing.T, w *world) {
		const canary = "kanari"
		w.exec("INSERT INTO customer VALUES (7, 'kanari@example.com', 'kanari-name', 'kanari-fon', 1);\nINSERT INTO orders VALUES (70, 7, 'kanari-weg', 1);\n")
		w.tell = func(e fulfill.Event) {
			if e.Step == "erasure" {
				w.exec("UPDATE orders SET street = 'kanari-neu' WHERE no = 70;\n")
			}
			if strings.Contains(fmt.Sprintf("%+v", e), canary) {
				t.Errorf("progress shows a value: %+v", e)
			}
		}
		d := w.open()
		id := d.submit("erasure", canary+"@example.com")
		_, err := d.Run(t.Context(), id)
		report, _ := os.ReadFile(filepath.Join(w.out, "report.json"))
		var export bytes.Buffer
		if err := d.House.Store.Audit().Export(t.Context(), "default", &export); err != nil {
			t.Fatal(err)
		}
		for what, text := range map[string]string{"log": w.log.String(), "error": fmt.Sprint(err), "report": string(report), "audit log": export.String()} {
			if strings.Contains(text, canary) {
				t.Errorf("the %s shows a value:\n%s", what, text)
			}
		}
		d.close()
		for _, file := range []string{"volenti.db", "volenti.db-wal"} { // SE11
			if b, err := os.ReadFile(filepath.Join(w.house.Data, file)); err == nil && bytes.Contains(b, []byte(canary)) {
				t.Errorf("%s holds a value in the clear", file)
			}
		}
	})
}

func TestRequestIsCarriedOutByOneHolderAtATime(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "postgres", "sqlite")
	d := w.open()
	id := d.submit("erasure", "anna@example.com")
	var wg sync.WaitGroup
	results := make([]error, 8)
	for i := range results {
		node, house := *d.Local, *d.House
		house.Owner = fmt.Sprint("node ", i)
		node.House = &house
		wg.Go(func() { _, results[i] = node.Run(context.WithoutCancel(t.Context()), id) })
	}
	wg.Wait()
	done := 0
	for _, err := range results {
		switch {
		case err == nil:
			done++
		case !errors.Is(err, request.ErrLeased) && !errors.Is(err, request.ErrTransition):
			t.Errorf("a second holder gets %v", err)
		}
	}
	if done == 0 {
		t.Error("nobody carried it out")
	}
	w.equal("masked once", w.table("SELECT count(*) FROM customer WHERE name IS NULL"), []string{"1"})
}

// TestPermanentFailureStopsItsDependentsOnly: independent collections go on,
// the request ends in error, and a retry continues where it failed without
// visiting what is finished (X7, X11, X24).
func TestPermanentFailureStopsItsDependentsOnly(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "sqlite", "postgres")
	letter := func(body string) string {
		return "CREATE OR REPLACE VIEW letter AS SELECT no AS id, customer_id, " + body + "::text AS body FROM orders;\n"
	}
	w.exec(letter("(1 / (no - no))") + "CREATE TABLE page (id INTEGER PRIMARY KEY, letter_id INTEGER, text TEXT);\nINSERT INTO page VALUES (1, 10, 'first page');\n")
	w.configure(shopDataset+`
  - name: letter
    fields:
    - {name: id, fides_meta: {primary_key: true}}
    - {name: customer_id, fides_meta: {references: [{dataset: shop, field: customer.id, direction: from}]}}
    - {name: body, data_categories: [user.content]}
  - name: page
    fields:
    - {name: id, fides_meta: {primary_key: true}}
    - {name: letter_id, fides_meta: {references: [{dataset: shop, field: letter.id, direction: from}]}}
    - {name: text, data_categories: [user.content]}
`, shopPolicies)
	d := w.open()
	id := d.submit("access", "anna@example.com")
	report, err := d.Run(t.Context(), id)
	if err == nil || report.Status != request.Errored {
		t.Fatalf("a view that fails: %s, %v", report.Status, err)
	}
	states := func(r fulfill.Report) (s []string) {
		for _, c := range r.Collections {
			s = append(s, fmt.Sprintf("%s %s %d", c.Address, c.Status, c.Attempts))
		}
		return s
	}
	w.equal("after the failure", states(report), []string{
		"shop:customer complete 1", "shop:letter error 1", "shop:orders complete 1", "shop:note complete 1", "shop:page pending 0",
	})
	if _, err := os.Stat(filepath.Join(w.out, "access.json")); err == nil {
		t.Error("half of the data was handed out")
	}

	w.exec(letter("'dear Anna'"))
	report, err = d.Run(t.Context(), id)
	w.equal("error", err, nil)
	w.equal("after the retry", states(report), []string{
		"shop:customer complete 1", "shop:letter complete 2", "shop:orders complete 1", "shop:note complete 1", "shop:page complete 1",
	})
	log, err := d.House.Store.Work().Log(t.Context(), "default", id, 0, 100)
	if err != nil {
		t.Fatal(err)
	}
	var letters []string
	for _, l := range log {
		if l.Address == "shop:letter" {
			letters = append(letters, fmt.Sprintf("%s %d %d", l.Status, l.Attempt, l.RowsRead))
		}
	}
	w.equal("the execution log", letters, []string{"error 1 0", "complete 2 2"})
}

func TestTargetedFieldThatCannotBeMaskedIsNamedAndNeverComplete(t *testing.T) { // D24, D25
	t.Parallel()
	everywhere(t, func(t *testing.T, w *world) {
		// email is NOT NULL, so null_rewrite is refused beforehand.
		w.configure(shopDataset, strings.Replace(shopPolicies, "{strategy: hash, configuration: {algorithm: SHA-256}}", "{strategy: null_rewrite}", 1))
		d := w.open()
		plan, err := d.plan("erasure", person(t, subject.Email, "anna@example.com"))
		if err != nil {
			t.Fatal(err)
		}
		if refused := plan.Node("shop:customer").Refused; len(refused) != 1 || refused[0].Field != "email" {
			t.Errorf("the plan does not say what it cannot mask: %+v", refused)
		}
		report := d.run("erasure", "anna@example.com")
		w.equal("status", report.Status, request.CompleteWithResidue)
		customer := line(report, "shop:customer", request.Erasure)
		named := false
		for _, f := range customer.Fields {
			named = named || f.Field == "email" && f.Status == "refused" && f.Reason != ""
		}
		if !named {
			t.Errorf("the report does not name the field: %+v", customer.Fields)
		}
		w.equal("the rest is masked", w.table("SELECT email, name FROM customer WHERE id = 0"), []string{"anna@example.com|<null>"})
		w.equal("where there are no rows, nothing is left", d.run("erasure", "nobody@example.com").Status, request.Complete)
	})
}

func TestRowsWithoutAKeyAreAddressedByWhatTheyAreFoundBy(t *testing.T) { // D22
	t.Parallel()
	everywhere(t, func(t *testing.T, w *world) {
		w.exec("CREATE TABLE mail (address VARCHAR(60), body TEXT);\nINSERT INTO mail VALUES ('anna@example.com', 'one'), ('anna@example.com', 'one'), ('anna@example.com', 'two'), ('ben@example.com', 'one');\n")
		w.configure(`
dataset:
- fides_key: shop
  collections:
  - name: mail
    fields:
    - {name: address, data_categories: [user.contact.email], fides_meta: {identity: email, read_only: true}}
    - {name: body, data_categories: [user.content]}
`, shopPolicies)
		d := w.open()
		report := d.run("erasure", "anna@example.com")
		// Without a key, rows are addressed by all that they are found by.
		w.equal("masked", w.table("SELECT address, body FROM mail ORDER BY address"), []string{"anna@example.com|<null>", "anna@example.com|<null>", "anna@example.com|<null>", "ben@example.com|one"})
		w.equal("rows", line(report, "shop:mail", request.Erasure).RowsMasked, int64(3))
	})
}

const mailDataset = `
dataset:
- fides_key: shop
  collections:
  - name: mail
    fides_meta: {masking_strategy_override: {strategy: delete}}
    fields:
    - {name: kind, fides_meta: {primary_key: true}}
    - {name: sender, data_categories: [user.contact.email], fides_meta: {identity: email}}
    - {name: receiver, data_categories: [user.contact.email], fides_meta: {identity: email}}
`

func TestDeclaredKeyThatIsNotUniqueTouchesNobodyElse(t *testing.T) { // D22, D23
	t.Parallel()
	everywhere(t, func(t *testing.T, w *world) {
		w.exec("CREATE TABLE mail (kind VARCHAR(9), sender VARCHAR(60), receiver VARCHAR(60));\nINSERT INTO mail VALUES ('note', 'anna@example.com', NULL), ('note', 'ben@example.com', NULL), ('note', NULL, NULL), ('memo', 'ben@example.com', 'anna@example.com'), ('memo', 'anna@example.com', 'ben@example.com'), ('memo', 'anna@example.com', 'ben@example.com');\n")
		w.configure(mailDataset, shopPolicies)
		report := w.open().run("erasure", "anna@example.com")
		w.equal("nobody else's rows are gone", w.table("SELECT kind, sender, receiver FROM mail ORDER BY kind, sender"), map[string][]string{
			"sqlite":   {"note|<null>|<null>", "note|ben@example.com|<null>"},
			"mysql":    {"note|<null>|<null>", "note|ben@example.com|<null>"},
			"postgres": {"note|ben@example.com|<null>", "note|<null>|<null>"},
		}[w.target])
		mail := line(report, "shop:mail", request.Erasure)
		w.equal("rows", []int64{mail.RowsRead, mail.RowsMasked, mail.RowsResidue}, []int64{4, 4, 0})
	})
}

func TestTableWithoutAKeyGivesAllItsRows(t *testing.T) { // X6, D16
	t.Parallel()
	everywhere(t, func(t *testing.T, w *world) {
		w.exec("CREATE TABLE mail (kind VARCHAR(9), sender VARCHAR(60), receiver VARCHAR(60));\nINSERT INTO mail VALUES ('a', 'anna@example.com', 'anna@example.com'), ('b', 'anna@example.com', 'anna@example.com'), ('c', 'anna@example.com', 'x'), ('c', 'anna@example.com', 'x'), ('d', 'x', 'x');\n")
		w.configure(strings.Replace(mailDataset, ", fides_meta: {primary_key: true}", ", data_categories: [user.content]", 1), shopPolicies)
		w.open().run("access", "anna@example.com")
		w.equal("rows", len(w.access()["shop:mail"]), 4)
	})
}
