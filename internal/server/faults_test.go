package server

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"volenti.dev/volenti/audit"
	"volenti.dev/volenti/internal/wiretest"
	"volenti.dev/volenti/request"
	"volenti.dev/volenti/request/fulfill"
)

// How much post Anna has: several batches of each.
const (
	letters  = 1000
	slips    = 300
	outlines = 7 // different bodies of letters
)

const postDataset = `
dataset:
- fides_key: shop
  collections:
  - name: customer
    fields:
    - {name: id, fides_meta: {primary_key: true}}
    - {name: email, fides_meta: {identity: email}}
    - {name: name, data_categories: [user.name]}
  - name: letter
    fields:
    - {name: id, fides_meta: {primary_key: true}}
    - {name: customer_id, fides_meta: {references: [{dataset: shop, field: customer.id, direction: from}]}}
    - {name: body, data_categories: [user.content]}
  - name: slip
    fides_meta: {masking_strategy_override: {strategy: delete}}
    fields:
    - {name: id, fides_meta: {primary_key: true}}
    - {name: customer_id, fides_meta: {references: [{dataset: shop, field: customer.id, direction: from}]}}
    - {name: word, data_categories: [user.content]}
`

const postPolicy = `
policy:
- key: erasure
  rules:
  - {key: all, action: access, targets: [user]}
  - {key: name, action: erasure, targets: [user.name], masking: {strategy: null_rewrite}}
  - {key: content, action: erasure, targets: [user.content], masking: {strategy: hash, configuration: {algorithm: SHA-256}}}
`

// newPost gives a company in which it shows when a row was masked twice: many
// letters say the same, so that their masks are the same, too.
func newPost(t *testing.T, store, target string) *world {
	w := newWorld(t, store, target)
	var rows []string
	for i := range letters {
		rows = append(rows, fmt.Sprintf("(%d, %d, 'outline %d', 0)", i+1, 0, i%outlines), fmt.Sprintf("(%d, %d, 'outline %d', 0)", i+10_001, 1, i%outlines))
	}
	w.exec("CREATE TABLE letter (id INTEGER PRIMARY KEY, customer_id INTEGER, body VARCHAR(80), stamp INTEGER);\n" +
		"INSERT INTO letter VALUES " + strings.Join(rows, ", ") + ";\n" +
		"CREATE TABLE slip (id INTEGER PRIMARY KEY, customer_id INTEGER, word VARCHAR(80));\n")
	rows = nil
	for i := range slips {
		rows = append(rows, fmt.Sprintf("(%d, %d, 'word')", i+1, 0), fmt.Sprintf("(%d, %d, 'word')", i+10_001, 1))
	}
	w.exec("INSERT INTO slip VALUES " + strings.Join(rows, ", ") + ";\n")
	w.limits.Batch, w.limits.RowsPerCollection = 100, 10_000
	w.configure(postDataset, postPolicy)
	return w
}

// exactly checks that Anna's post was erased once, and nobody else's.
func (d *desk) exactly(report fulfill.Report) {
	d.t.Helper()
	d.equal("status", report.Status, request.Complete)
	d.equal("letters: masked, different, as they were; slips; others' letters and slips", d.table(`SELECT
		(SELECT count(*) FROM letter WHERE customer_id = 0 AND length(body) = 64),
		(SELECT count(DISTINCT body) FROM letter WHERE customer_id = 0),
		(SELECT count(*) FROM letter WHERE customer_id = 0 AND body LIKE 'outline%'),
		(SELECT count(*) FROM slip WHERE customer_id = 0),
		(SELECT count(*) FROM letter WHERE customer_id = 1 AND body LIKE 'outline%'),
		(SELECT count(*) FROM slip WHERE customer_id = 1)`), []string{fmt.Sprintf("%d|%d|0|0|%d|%d", letters, outlines, letters, slips)})
	for address, want := range map[string]struct {
		rows  int64
		field string
	}{"shop:letter": {letters, "body masked"}, "shop:slip": {slips, " deleted"}} {
		l := line(report, address, request.Erasure)
		d.equal(address+": read, masked, already, failed, residue", []int64{l.RowsRead, l.RowsMasked, l.RowsAlready, l.RowsFailed, l.RowsResidue}, []int64{want.rows, want.rows, 0, 0, 0})
		var fields []string
		for _, f := range l.Fields {
			fields = append(fields, fmt.Sprint(f.Field, " ", f.Status, " ", f.Rows))
		}
		d.equal(address+": fields", fields, []string{fmt.Sprint(want.field, " ", want.rows)})
	}
	d.equal("rows in the package", []int{len(d.access()["shop:letter"]), len(d.access()["shop:slip"])}, []int{letters, slips})
	d.verified()
}

// verified checks the audit log.
func (d *desk) verified() {
	d.t.Helper()
	keys, err := d.House.Store.Tenant(d.t.Context(), "default")
	if err != nil {
		d.t.Fatal(err)
	}
	var export bytes.Buffer
	if err := d.House.Store.Audit().Export(d.t.Context(), "default", &export); err != nil {
		d.t.Fatal(err)
	}
	if _, err := audit.Verify(&export, audit.Options{Verifier: keys.Verifier()}); err != nil {
		d.t.Errorf("the audit log: %v", err)
	}
}

// recorded gives what the audit log and the execution log say of a request, as
// far as it is the same in each run.
func (d *desk) recorded(id string) []string {
	d.t.Helper()
	var all []string
	records, err := d.House.Store.Audit().Records(d.t.Context(), "default", 0, 100_000)
	if err != nil {
		d.t.Fatal(err)
	}
	for _, r := range records {
		if r.Object == "request/"+id && r.Act != "request.package" && r.Act != "request.null" { // these may be said again
			all = append(all, r.Act)
		}
	}
	log, err := d.House.Store.Work().Log(d.t.Context(), "default", id, 0, 100_000)
	if err != nil {
		d.t.Fatal(err)
	}
	for _, l := range log {
		all = append(all, fmt.Sprint(l.Round, " ", l.Address, " ", l.Action, " ", l.Status, " ", l.Attempt, " ", l.RowsRead, " ", l.RowsMasked, " ", l.Message))
	}
	slices.Sort(all)
	return all
}

// TestCommitWhoseAnswerIsLostCountsOnce loses the answer to a commit after
// each piece of progress: on the way to the database that is erased from, or on
// the way to the store.
func TestCommitWhoseAnswerIsLostCountsOnce(t *testing.T) { // R3, R1
	t.Parallel()
	for _, link := range []struct{ store, target, cut string }{
		{"sqlite", "postgres", "target"}, {"sqlite", "mysql", "target"}, {"postgres", "sqlite", "store"}, {"postgres", "mysql", "store"},
	} {
		t.Run(fmt.Sprintf("store %s, target %s: to the %s", link.store, link.target, link.cut), func(t *testing.T) {
			undisturbed := newPost(t, link.store, link.target).open()
			want := undisturbed.run("erasure", "anna@example.com")
			undisturbed.exactly(want)

			w := newPost(t, link.store, link.target)
			if link.target == "mysql" {
				w.with("ssl-mode=DISABLED") // a commit must be told from other statements
			}
			through := &w.url
			if link.cut == "store" {
				through = &w.house.Database
			}
			var wire *wiretest.Wire
			wire, *through = wiretest.New(t, *through)
			w.configure(postDataset, postPolicy)
			w.limits.Attempts = 20 // the progress of one collection costs another one its answers
			var events atomic.Int64
			w.tell = func(fulfill.Event) { events.Add(1); wire.Swallow.Store(1) }
			d := w.open()
			report := d.run("erasure", "anna@example.com")
			wire.Swallow.Store(0)
			d.exactly(report)
			d.equal("what is recorded", d.recorded(report.Request), undisturbed.recorded(want.Request))
			if n := wire.Swallowed.Load(); n < 10 {
				t.Errorf("%d answers were lost, with %d pieces of progress", n, events.Load())
			}
		})
	}
}
