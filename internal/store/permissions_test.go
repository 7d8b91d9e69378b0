package store_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"volenti.dev/volenti/connector"
	"volenti.dev/volenti/connector/mysql"
	"volenti.dev/volenti/connector/postgres"
	"volenti.dev/volenti/connector/sqlite"
	"volenti.dev/volenti/consent"
	"volenti.dev/volenti/consent/propagate"
	"volenti.dev/volenti/datamap/catalogue"
	"volenti.dev/volenti/internal/mariadbtest"
	"volenti.dev/volenti/internal/pgtest"
	"volenti.dev/volenti/internal/store"
	"volenti.dev/volenti/internal/store/storetest"
	"volenti.dev/volenti/subject"
)

// warehouse is a database of the company with a permission table that is kept.
type warehouse struct {
	t       testing.TB
	db      *storetest.Database
	url     string // of the database of the company
	raw     *sql.DB
	to      connector.Permitter
	tables  *propagate.Tables
	target  propagate.Target
	name    catalogue.Name
	settled int64 // through which sequence deliveries are
}

func newWarehouse(t testing.TB, db *storetest.Database, kind string) *warehouse {
	t.Helper()
	w := &warehouse{t: t, db: db, name: permissionTable, target: warehouseTarget(), settled: -1, tables: follower(db.DB)}
	w.tables.Settle = func(ctx context.Context, tenant string, t propagate.Target, through int64) error {
		w.settled = max(w.settled, through)
		return db.Propagation().SettleTable(ctx, tenant, t, through)
	}
	var err error
	switch kind {
	case "sqlite":
		path := filepath.Join(t.TempDir(), "warehouse.db")
		w.url = "sqlite:" + path
		w.raw, err = sql.Open("sqlite", "file:"+path+"?_pragma=busy_timeout(5000)&_pragma=journal_mode(wal)")
		must(t, err)
		_, err = w.raw.Exec("CREATE TABLE customers (id text)")
	case "postgres":
		w.url = pgtest.URL(t)
		w.raw, err = sql.Open("pgx", w.url)
	default:
		w.url = mariadbtest.URL(t)
		w.raw = mariadbtest.Open(t, w.url)
	}
	must(t, err)
	t.Cleanup(func() { _ = w.raw.Close() })
	c, err := openPermitter(w.url)
	must(t, err)
	t.Cleanup(func() { _ = c.(connector.Connector).Close() })
	w.to = c
	return w
}

var permissionTable = catalogue.Name{Table: "consent_permissions"}

func warehouseTarget() propagate.Target {
	return propagate.Target{
		Key: "warehouse", Write: true, Table: true, Identities: []subject.Type{subject.ExternalID},
		Items: naming("analytics", "marketing_email", "research", "support"),
	}
}

// follower looks at a table whenever it is asked to, a few people at once.
func follower(db *store.DB) *propagate.Tables {
	return &propagate.Tables{Store: db.Permissions(), Settle: db.Propagation().SettleTable, Owner: "one", Look: -1, Page: 2, Stretch: 3}
}

func openPermitter(url string) (connector.Permitter, error) {
	spec := map[string]connector.Spec{"sqlite": sqlite.Spec(), "postgres": postgres.Spec(), "mysql": mysql.Spec()}[url[:strings.Index(url, ":")]]
	c, err := spec.New(connector.Settings{Key: "warehouse", Secrets: map[string]string{"url": url}})
	if err != nil {
		return nil, err
	}
	return c.(connector.Permitter), nil
}

// naming gives purposes that a connection names.
func naming(purposes ...string) map[string][]string {
	all := map[string][]string{}
	for _, p := range purposes {
		all[p] = []string{p}
	}
	return all
}

// eachWarehouse runs f on both stores and the three databases.
func eachWarehouse(t *testing.T, f func(t *testing.T, w *warehouse)) {
	for _, kind := range []string{"sqlite", "postgres", "mariadb"} {
		t.Run("into "+kind, func(t *testing.T) {
			db := storetest.SQLite
			if kind == "postgres" {
				db = storetest.Postgres
			}
			f(t, newWarehouse(t, db(t), kind))
		})
	}
}

func (w *warehouse) through(to connector.Permitter) error {
	return w.tables.Follow(ctx, tenant, w.target, w.name, handing(to))
}

func handing(to connector.Permitter) func() (connector.Permitter, func(), error) {
	return func() (connector.Permitter, func(), error) { return to, func() {}, nil }
}

func (w *warehouse) follow() {
	w.t.Helper()
	must(w.t, w.through(w.to))
	if k := w.kept(); k.Trouble != "" {
		w.t.Fatal(k.Trouble)
	}
}

func (w *warehouse) kept() propagate.Kept {
	w.t.Helper()
	k, err := w.db.Permissions().Table(ctx, tenant, "warehouse")
	must(w.t, err)
	return k
}

func (w *warehouse) rows() map[string]bool {
	w.t.Helper()
	all, err := w.to.Permissions(ctx, connector.PermissionTable{Name: w.name}, "", "", 0)
	must(w.t, err)
	rows := map[string]bool{}
	for _, r := range all {
		rows[r.Identity.Value.Reveal()+" "+r.Purpose] = r.Allowed
	}
	return rows
}

// freshness gives what the table says of itself.
func (w *warehouse) freshness() (sequence sql.NullInt64, fresh bool) {
	w.t.Helper()
	must(w.t, w.raw.QueryRow(`SELECT sequence, as_of IS NOT NULL FROM consent_permissions_freshness`).Scan(&sequence, &fresh))
	return sequence, fresh
}

func (w *warehouse) exec(text string) {
	w.t.Helper()
	_, err := w.raw.Exec(text)
	must(w.t, err)
}

// customer is known by external ids, each after its word, and says something.
func customer(purpose string, granted bool, ids ...string) consent.Entry {
	e := consent.Entry{Purpose: purpose, Granted: granted, Source: consent.SettingsPage}
	for _, id := range ids {
		kind := subject.ExternalID
		if strings.Contains(id, "@") {
			kind = subject.Email
		}
		e.Identities = append(e.Identities, subject.Identity{Type: kind, Value: subject.Conceal(id)})
	}
	return e
}

// agrees checks that the table has just what the gate says of everybody. It gives
// how many rows there are.
func (w *warehouse) agrees() int {
	w.t.Helper()
	checks, err := w.db.Consents().Checks(ctx, tenant)
	must(w.t, err)
	gate := consent.Gate{Tenant: tenant, States: checks, Now: time.Now}
	ids, err := w.db.Permissions().PeopleBehind(ctx, tenant, "", 1_000_000)
	must(w.t, err)
	people, err := w.db.Permissions().People(ctx, tenant, ids, w.target.Identities)
	must(w.t, err)
	rules, err := w.db.Consents().Rules(ctx, tenant)
	must(w.t, err)
	want := map[string]bool{}
	for _, p := range people {
		for _, i := range p.Identities {
			for _, purpose := range rules.Purposes {
				if _, said := p.States[purpose.Key]; said && w.target.Items[purpose.Key] != nil {
					want[i.Value.Reveal()+" "+purpose.Key] = gate.Allowed(ctx, p.Subject, purpose.Key).Allowed
				}
			}
		}
	}
	if diff := cmp.Diff(want, w.rows()); diff != "" {
		w.t.Errorf("the table is not what the gate says (-gate +table):\n%s", diff)
	}
	return len(want)
}

func TestThePermissionTableSaysWhatTheGateSays(t *testing.T) { // C7, Promise 4
	t.Parallel()
	eachWarehouse(t, func(t *testing.T, w *warehouse) {
		n, published := 0, 0
		rapid.Check(t, func(r *rapid.T) {
			if n++; n > 25 && !w.db.Embedded() {
				return // the rest is on the embedded one
			}
			h := &history{r, w, n, &published}
			for range rapid.IntRange(1, 10).Draw(r, "acts") {
				h.act()
				if rapid.IntRange(0, 2).Draw(r, "follows") == 0 {
					must(t, w.through(dying{w.to, rapid.IntRange(0, 6).Draw(r, "dies at"), rapid.Bool().Draw(r, "has it"), new(int)}))
					must(t, w.db.Statement(ctx, `UPDATE permission_tables SET quiet = 0`))
				}
			}
			_, err := w.db.Consents().Sweep(ctx, tenant, 1000)
			must(t, err)
			w.follow()
			w.agrees()
			if size := w.size(); w.settled != size-1 {
				r.Errorf("deliveries are settled through %d of %d", w.settled, size)
			}
			if sequence, fresh := w.freshness(); sequence.Int64 != w.size() || !fresh {
				r.Errorf("fresh as of %v %v", sequence, fresh)
			}
		})
		if w.agrees() == 0 {
			t.Error("there are no rows")
		}
	})
}

func (w *warehouse) size() int64 {
	h, err := w.db.Permissions().Horizon(ctx, tenant)
	must(w.t, err)
	return h.Size
}

// history is whatever may happen to some people.
type history struct {
	*rapid.T
	*warehouse
	n         int
	published *int
}

func (h *history) act() {
	name := fmt.Sprintf("%d-%d", h.n, rapid.IntRange(0, 2).Draw(h.T, "who"))
	ids := [][]string{{"a" + name}, {"a" + name, "b" + name}, {"c" + name + "@example.com"}, {"a" + name, "c" + name + "@example.com"}}
	purpose := rapid.SampledFrom([]string{"analytics", "marketing_email", "research"}).Draw(h.T, "purpose")
	day := 24 * time.Hour
	switch what := rapid.SampledFrom([]string{"choose", "choose", "choose", "import", "publish", "configure", "erase", "pass", "target"}).Draw(h.T, "what"); what {
	case "choose", "import":
		e := customer(purpose, rapid.Bool().Draw(h.T, "granted"), rapid.SampledFrom(ids).Draw(h.T, "ids")...)
		if what == "import" {
			e.Given = time.Now().Add(-time.Duration(rapid.IntRange(1, 100).Draw(h.T, "days")) * day)
		}
		_, err := h.db.Consents().Append(ctx, tenant, "", []consent.Entry{e})
		if !errors.As(err, new(*consent.Invalid)) { // the identities belong to two people
			must(h.t, err)
		}
	case "publish":
		if *h.published++; *h.published < consent.MaxEras {
			must(h.t, h.db.Consents().Publish(ctx, tenant, version(fmt.Sprint(*h.published), true), entry("notice.publish")))
		}
	case "configure":
		purposes := []consent.Purpose{{Key: "analytics", Block: rapid.Bool().Draw(h.T, "blocks")}, {Key: "research", Patience: 1}}
		if rapid.Bool().Draw(h.T, "expires") {
			purposes[1].Expires = 50 * day
		}
		if rapid.Bool().Draw(h.T, "all") {
			purposes = append(purposes, consent.Purpose{Key: "marketing_email"})
		}
		must(h.t, h.db.Consents().Configure(ctx, tenant, purposes, nil, entry("purposes.set")))
	case "erase":
		for _, id := range ids[0] {
			if found, err := h.db.Consents().Find(ctx, tenant, subject.Identity{Type: subject.ExternalID, Value: subject.Conceal(id)}); err == nil {
				must(h.t, h.db.Consents().EraseSubject(ctx, tenant, found, entry("subject.erase")))
			}
		}
	case "pass":
		_, err := h.db.Consents().Sweep(ctx, tenant, 1000)
		must(h.t, err)
	case "target":
		h.target.Items = naming("analytics", "research")
		if rapid.Bool().Draw(h.T, "all") {
			h.target.Items = naming("analytics", "marketing_email", "research")
		}
		h.target.Identities = []subject.Type{subject.ExternalID}
		if rapid.Bool().Draw(h.T, "mails") {
			h.target.Identities = append(h.target.Identities, subject.Email)
		}
	}
}

// dying is a database that goes away at some call, before or after it was carried
// out.
type dying struct {
	connector.Permitter
	at    int
	has   bool // it was
	calls *int
}

var errDied = &connector.Error{Kind: connector.Unreachable, Connection: "warehouse", Doing: "write", Reason: "it went away"}

func (d dying) Permit(ctx context.Context, t connector.PermissionTable, subjects []string, rows []connector.Permission) error {
	*d.calls++
	dies := *d.calls > d.at
	if dies && !d.has {
		return errDied
	}
	err := d.Permitter.Permit(ctx, t, subjects, rows)
	if err == nil && dies {
		err = errDied
	}
	return err
}

func TestSomebodyIsInTheTableByEachOfTheirIdentities(t *testing.T) { // C7
	t.Parallel()
	eachWarehouse(t, func(t *testing.T, w *warehouse) {
		give(t, w.db, customer("analytics", true, "c-1", "c-1-old"), customer("research", false, "c-1"), customer("analytics", true, "nobody@example.com"))
		w.follow()
		want := map[string]bool{"c-1 analytics": true, "c-1-old analytics": true, "c-1 research": false, "c-1-old research": false}
		if diff := cmp.Diff(want, w.rows()); diff != "" {
			t.Errorf("rows (-want +got):\n%s", diff)
		}
		give(t, w.db, customer("analytics", false, "c-1"))
		w.follow()
		want["c-1 analytics"], want["c-1-old analytics"] = false, false
		if diff := cmp.Diff(want, w.rows()); diff != "" {
			t.Errorf("after a withdrawal (-want +got):\n%s", diff)
		}
		if w.settled != w.size()-1 {
			t.Errorf("deliveries are settled through %d", w.settled)
		}
	})
}

func TestTheDeliveriesOfATableAreOverWhenItHasThem(t *testing.T) { // C7, P4
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		w := newWarehouse(t, db, "sqlite")
		planAll(t, db, w.target)
		all := give(t, db, customer("analytics", true, "c-1"), customer("analytics", true, "c-2@example.com"), customer("analytics", true, "c-3"), customer("third_party_sharing", true, "c-1"))
		must(t, db.Consents().EraseSubject(ctx, tenant, all[2].Subject, entry("subject.erase")))
		w.follow()
		planAll(t, db, w.target) // after the table has them
		status := func(record string) propagate.Delivery {
			view, err := db.Propagation().Change(ctx, tenant, record)
			must(t, err)
			return view.Rows[0]
		}
		if d := status(all[0].Record); d.Status != propagate.Pending {
			t.Errorf("before it was settled %+v", d)
		}
		must(t, w.through(away{w.to}))
		if d := status(all[0].Record); d.Status != propagate.Pending {
			t.Errorf("while the database is away %+v", d)
		}
		must(t, db.Statement(ctx, `UPDATE permission_tables SET quiet = 0`))
		w.tables.Look = 0
		w.follow()
		want := []propagate.Reason{propagate.NoReason, propagate.MissingIdentity, propagate.Erased, propagate.UseMismatch}
		for i, o := range all {
			if d := status(o.Record); d.Reason != want[i] || (d.Status == propagate.Complete) != (want[i] == propagate.NoReason) {
				t.Errorf("%d: %s, %q", i, d.Status, d.Reason)
			}
		}
		size := w.size()
		w.follow()
		if grew := w.size() - size; grew != 0 {
			t.Errorf("%d acts come by themselves", grew)
		}
	})
}

func TestErasedPeopleLeaveNoRow(t *testing.T) { // P10
	t.Parallel()
	eachWarehouse(t, func(t *testing.T, w *warehouse) {
		person := give(t, w.db, customer("analytics", true, "c-1"))[0].Subject
		give(t, w.db, customer("analytics", true, "c-2"))
		w.follow()
		must(t, w.db.Consents().EraseSubject(ctx, tenant, person, entry("subject.erase")))
		w.follow()
		if got := w.rows(); len(got) != 1 || !got["c-2 analytics"] {
			t.Errorf("rows %v", got)
		}
		give(t, w.db, customer("analytics", false, "c-1")) // somebody new has the number
		w.follow()
		if got := w.rows(); len(got) != 2 || got["c-1 analytics"] {
			t.Errorf("rows %v", got)
		}
	})
}

// What changes without a record: a version that blocks at once, and the end of a
// patience.
func TestRulesThatEndGrantsReachTheTable(t *testing.T) { // E9
	t.Parallel()
	eachWarehouse(t, func(t *testing.T, w *warehouse) {
		patience := 300 * time.Millisecond
		must(t, w.db.Consents().Configure(ctx, tenant, []consent.Purpose{{Key: "analytics", Block: true}, {Key: "research", Patience: patience}, {Key: "support"}}, nil, entry("purposes.set")))
		for _, purpose := range []string{"analytics", "research", "support"} {
			give(t, w.db, customer(purpose, true, "c-1"))
		}
		w.follow()
		must(t, w.db.Consents().Publish(ctx, tenant, version("1", true), entry("notice.publish")))
		w.follow()
		if got := w.rows(); got["c-1 analytics"] || !got["c-1 support"] {
			t.Errorf("after the version %v", got)
		}
		<-time.After(patience)
		w.follow()
		if diff := cmp.Diff(map[string]bool{"c-1 analytics": false, "c-1 research": false, "c-1 support": true}, w.rows()); diff != "" {
			t.Errorf("after the patience (-want +got):\n%s", diff)
		}
		must(t, w.db.Consents().Configure(ctx, tenant, []consent.Purpose{{Key: "analytics"}, {Key: "support", Expires: time.Microsecond}}, nil, entry("purposes.set")))
		w.follow()
		if diff := cmp.Diff(map[string]bool{"c-1 analytics": false, "c-1 support": false}, w.rows()); diff != "" {
			t.Errorf("after other purposes (-want +got):\n%s", diff)
		}
		give(t, w.db, customer("analytics", true, "c-2"))
		w.follow()
		must(t, w.db.Consents().Configure(ctx, tenant, []consent.Purpose{{Key: "analytics", Expires: time.Microsecond}, {Key: "support", Expires: time.Microsecond}}, nil, entry("purposes.set")))
		w.follow()
		if w.rows()["c-2 analytics"] {
			t.Error("a grant that has expired by another rule is still allowed")
		}
	})
}

func TestATableThatWasDroppedOrEmptiedIsFilledAgain(t *testing.T) {
	t.Parallel()
	eachWarehouse(t, func(t *testing.T, w *warehouse) {
		for i := range 7 {
			give(t, w.db, customer("analytics", i%2 == 0, fmt.Sprint("c-", i)))
		}
		w.follow()
		for _, text := range []string{"DROP TABLE consent_permissions", "DELETE FROM consent_permissions", "ALTER TABLE consent_permissions DROP COLUMN allowed", "DROP TABLE consent_permissions_freshness; DROP TABLE consent_permissions"} {
			w.exec(text)
			w.follow()
			if n := w.agrees(); n != 7 {
				t.Errorf("%s: %d rows", text, n)
			}
		}
		if k := w.kept(); k.Mended != 0 || k.Stale || k.Walking {
			t.Errorf("kept %+v", k)
		}
	})
}

func TestRowsThatSomebodyHasChangedAreMendedAndCounted(t *testing.T) {
	t.Parallel()
	eachWarehouse(t, func(t *testing.T, w *warehouse) {
		for i := range 9 {
			give(t, w.db, customer("analytics", false, fmt.Sprint("c-", i)))
		}
		w.follow()
		w.exec("UPDATE consent_permissions SET allowed = (1 = 1) WHERE identity IN ('c-3', 'c-4')")
		w.exec("DELETE FROM consent_permissions WHERE identity = 'c-8'")
		w.exec("INSERT INTO consent_permissions (identity_type, identity, purpose, subject, allowed) VALUES ('external_id', 'stranger', 'analytics', '~~', (1 = 1)), ('external_id', 'nobody', 'analytics', '', (1 = 1))")
		give(t, w.db, customer("research", true, "c-1")) // and nobody has changed this one
		w.follow()
		if k := w.kept(); k.Mended != 0 {
			t.Errorf("%d were mended before the hour", k.Mended)
		}
		must(t, w.db.Statement(ctx, `UPDATE permission_tables SET walked = walked - 3600000000`))
		w.follow()
		w.agrees()
		if k := w.kept(); k.Mended != 5 {
			t.Errorf("%d people were mended", k.Mended)
		}
		w.follow()
		if k := w.kept(); k.Mended != 5 {
			t.Errorf("%d people were mended the second time", k.Mended)
		}
	})
}

// interrupted is a store in which somebody chooses just before a page is read.
type interrupted struct {
	*store.Permissions
	choose func()
}

func (i interrupted) PeopleBehind(ctx context.Context, tenant, after string, limit int) ([]consent.SubjectID, error) {
	i.choose()
	return i.Permissions.PeopleBehind(ctx, tenant, after, limit)
}

func TestWhoChoosesWhileRowsAreComparedHasChangedNothingByHand(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		w := newWarehouse(t, db, "sqlite")
		give(t, db, customer("analytics", false, "c-1"), customer("analytics", false, "c-2"))
		w.follow()
		must(t, db.Statement(ctx, `UPDATE permission_tables SET walked = walked - 3600000000`))
		asked := 0
		w.tables.Store = interrupted{db.Permissions(), func() {
			if asked++; asked == 1 {
				give(t, db, customer("analytics", true, "c-1"))
			}
		}}
		w.follow()
		w.agrees()
		if k := w.kept(); k.Mended != 0 || asked == 0 {
			t.Errorf("%d were mended", k.Mended)
		}
	})
}

func TestADatabaseThatIsAwayIsTriedAgainLater(t *testing.T) { // P6
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		w := newWarehouse(t, db, "sqlite")
		give(t, w.db, customer("analytics", true, "c-1"))
		w.follow()
		before := w.settled
		give(t, w.db, customer("analytics", false, "c-1"))
		for tries := 1; tries <= 3; tries++ {
			must(t, w.through(away{w.to}))
			k := w.kept()
			if k.Failing != tries || !k.Quiet.After(time.Now().Add(time.Duration(tries-1)*time.Second/2)) || k.Trouble != errDied.Error() || w.settled != before {
				t.Errorf("after %d tries %+v, settled through %d", tries, k, w.settled)
			}
			must(t, w.through(panicking{})) // it is quiet
			must(t, w.db.Statement(ctx, `UPDATE permission_tables SET quiet = 0`))
		}
		w.follow()
		w.agrees()
		if k := w.kept(); k.Failing != 0 || w.settled != w.size()-1 {
			t.Errorf("afterwards %+v, settled through %d", k, w.settled)
		}
	})
}

// away is a database that nobody reaches.
type away struct{ connector.Permitter }

func (away) Take(context.Context, connector.PermissionTable) (bool, error) { return false, errDied }

// panicking is one that must not be asked.
type panicking struct{ connector.Permitter }

func TestTwoFollowersKeepOneTable(t *testing.T) { // R3
	t.Parallel()
	eachWarehouse(t, func(t *testing.T, w *warehouse) {
		give(t, w.db, customer("analytics", true, "c-1"), customer("research", true, "c-2"))
		person := give(t, w.db, customer("analytics", true, "c-3"))[0].Subject
		w.follow()
		// One has read what stands and is about to write it; meanwhile its lease runs
		// out, the person is erased, and the other follows.
		give(t, w.db, customer("analytics", false, "c-3"), customer("analytics", true, "c-3"))
		slow := pausing{w.to, func() {
			must(t, w.db.Consents().EraseSubject(ctx, tenant, person, entry("subject.erase")))
			must(t, w.db.Statement(ctx, `UPDATE permission_tables SET lease_owner = 'gone', lease_until = 1`))
			other := *w
			tables := *w.tables
			tables.Owner = "two"
			other.tables = &tables
			other.follow()
		}}
		must(t, w.through(slow))
		if got := w.rows(); len(got) != 2 {
			t.Errorf("rows %v: the slow one has brought an erased person back", got)
		}
		w.follow()
		w.agrees()
	})
}

// pausing does something before the first write.
type pausing struct {
	connector.Permitter
	first func()
}

func (p pausing) Permit(ctx context.Context, t connector.PermissionTable, subjects []string, rows []connector.Permission) error {
	p.first()
	return p.Permitter.Permit(ctx, t, subjects, rows)
}

func TestATableIsFilledAgainWhenItIsAskedFor(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		w := newWarehouse(t, db, "sqlite")
		give(t, w.db, customer("analytics", false, "c-1"))
		if err := db.Permissions().Fill(ctx, tenant, "warehouse", entry("permission_table.fill")); !errors.Is(err, propagate.ErrNotFound) {
			t.Errorf("a table that is not known: %v", err)
		}
		w.follow()
		w.exec("UPDATE consent_permissions SET allowed = 1")
		must(t, db.Permissions().Fill(ctx, tenant, "warehouse", entry("permission_table.fill")))
		w.follow()
		w.agrees()
		all, err := db.Permissions().Tables(ctx, tenant)
		must(t, err)
		if len(all) != 1 || all[0].Connection != "warehouse" || all[0].Mended != 1 || all[0].Cursor != w.size() || all[0].AsOf.IsZero() {
			t.Errorf("tables %+v", all)
		}
	})
}

// An example of what is asked of the table: who is not in it allows nothing.
func TestAJoinFindsThoseWhoAllowAndNobodyElse(t *testing.T) {
	t.Parallel()
	eachWarehouse(t, func(t *testing.T, w *warehouse) {
		give(t, w.db, customer("analytics", true, "yes"), customer("analytics", false, "no"), customer("research", true, "other"))
		w.follow()
		w.exec("DROP TABLE IF EXISTS customers")
		w.exec("CREATE TABLE customers (external_id varchar(100))")
		w.exec("INSERT INTO customers VALUES ('yes'), ('YES'), ('yes '), ('no'), ('other'), ('unknown'), (NULL)")
		rows, err := w.raw.Query(`SELECT c.external_id FROM customers c
			JOIN consent_permissions p ON p.identity_type = 'external_id' AND p.identity = c.external_id AND p.purpose = 'analytics' AND p.allowed`)
		must(t, err)
		defer rows.Close()
		var all []string
		for rows.Next() {
			var id string
			must(t, rows.Scan(&id))
			all = append(all, id)
		}
		must(t, rows.Err())
		if !slices.Equal(all, []string{"yes"}) {
			t.Errorf("the join finds %q", all)
		}
	})
}
