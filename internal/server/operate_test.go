package server

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"volenti.dev/volenti/request"
	"volenti.dev/volenti/request/fulfill"
)

// broken gives a world with two views that fail, and a page behind one of them.
func broken(t *testing.T, store string) (w *world, mend func(view string)) {
	w = newWorld(t, store, "postgres")
	view := func(name, body string) {
		w.exec("CREATE OR REPLACE VIEW " + name + " AS SELECT no AS id, customer_id, " + body + "::text AS body FROM orders;\n")
	}
	view("letter", "(1 / (no - no))")
	view("parcel", "(1 / (no - no))")
	w.exec("CREATE TABLE page (id INTEGER PRIMARY KEY, letter_id INTEGER, text TEXT);\nINSERT INTO page VALUES (1, 10, 'first page');\n")
	of := func(name string) string {
		return "  - name: " + name + `
    fields:
    - {name: id, fides_meta: {primary_key: true}}
    - {name: customer_id, fides_meta: {references: [{dataset: shop, field: customer.id, direction: from}]}}
    - {name: body, data_categories: [user.content]}
`
	}
	w.configure(shopDataset+of("letter")+of("parcel")+`
  - name: page
    fields:
    - {name: id, fides_meta: {primary_key: true}}
    - {name: letter_id, fides_meta: {references: [{dataset: shop, field: letter.id, direction: from}]}}
    - {name: text, data_categories: [user.content]}
`, shopPolicies)
	return w, func(name string) { view(name, "'dear Anna'") }
}

// states gives what each collection of a report has come to.
func states(r fulfill.Report) map[string]string {
	s := map[string]string{}
	for _, c := range r.Collections {
		if c.Action == request.Access {
			s[strings.TrimPrefix(c.Address, "shop:")] = fmt.Sprint(c.Status, " ", c.Attempts)
		}
	}
	return s
}

func bothStores(t *testing.T, test func(t *testing.T, store string)) {
	for _, store := range []string{"sqlite", "postgres"} {
		t.Run(store, func(t *testing.T) { t.Parallel(); test(t, store) })
	}
}

func TestOneCollectionIsRetriedAloneAndWhatIsDoneIsNotVisitedAgain(t *testing.T) { // X23, X11
	t.Parallel()
	bothStores(t, func(t *testing.T, store string) {
		w, mend := broken(t, store)
		d := w.open()
		id := d.submit("access", "anna@example.com")
		if report, err := d.Run(t.Context(), id); err == nil || report.Status != request.Errored {
			t.Fatalf("views that fail: %s, %v", report.Status, err)
		}
		mend("letter")
		report, err := d.Retry(t.Context(), id, "shop:letter")
		if err == nil || report.Status != request.Errored || !strings.Contains(err.Error(), "shop:parcel: not tried, since only shop:letter was to be") {
			t.Errorf("one of two was mended and retried: %s, %v", report.Status, err)
		}
		w.equal("after the retry of one", states(report), map[string]string{
			"customer": "complete 1", "orders": "complete 1", "note": "complete 1", "letter": "complete 2", "parcel": "error 1", "page": "pending 0"})
		mend("parcel")
		report, err = d.Retry(t.Context(), id, "shop:parcel")
		if err == nil {
			t.Error("what was left out is taken for done")
		}
		report, err = d.Retry(t.Context(), id, "")
		w.equal("after the last", []any{report.Status, err}, []any{request.Complete, error(nil)})
		w.equal("each once, and the failed ones twice", states(report), map[string]string{
			"customer": "complete 1", "orders": "complete 1", "note": "complete 1", "letter": "complete 2", "parcel": "complete 2", "page": "complete 1"})
		w.equal("audited", d.acts("request.retry"), 3)
		if _, err := d.Retry(t.Context(), id, ""); !errors.Is(err, request.ErrTransition) {
			t.Errorf("retried when it had ended: %v", err)
		}
		if _, err := d.Retry(t.Context(), id, "shop:nothing"); !errors.Is(err, ErrNotInPlan) {
			t.Errorf("retried a collection that is none: %v", err)
		}
	})
}

func TestSkippedCollectionIsToldWithItsReasonAndNeverPlainComplete(t *testing.T) { // X23
	t.Parallel()
	bothStores(t, func(t *testing.T, store string) {
		w, mend := broken(t, store)
		mend("parcel")
		d := w.open()
		id := d.submit("access", "anna@example.com")
		if _, err := d.Run(t.Context(), id); err == nil {
			t.Fatal("a view that fails went well")
		}
		if err := d.Skip(t.Context(), id, "shop:nothing", "no need"); !errors.Is(err, ErrNotInPlan) {
			t.Errorf("skipped a collection that is none: %v", err)
		}
		if err := d.Skip(t.Context(), id, "shop:letter", "letters are in the archive"); err != nil {
			t.Fatal(err)
		}
		report, err := d.Run(t.Context(), id)
		w.equal("status", []any{report.Status, err}, []any{request.CompleteWithResidue, error(nil)})
		letter := line(report, "shop:letter", request.Access)
		w.equal("letter", []any{letter.Status, letter.Message}, []any{request.Skipped, "skipped by an operator: letters are in the archive"})
		w.equal("others", []any{line(report, "shop:parcel", request.Access).RowsRead, line(report, "shop:page", request.Access).Status}, []any{int64(2), request.Done})
		w.equal("audited", d.acts("request.skip"), 1)
		if !strings.Contains(report.Message, "skipped: 1") {
			t.Errorf("the report says %q", report.Message)
		}
	})
}

func TestCollectionSkippedBeforeItsErasureStaysAsItIs(t *testing.T) { // X23, X27
	t.Parallel()
	everywhere(t, func(t *testing.T, w *world) {
		w.limits.RowsPerCollection = 1 // orders and notes have 2
		d := w.open()
		id := d.submit("erasure", "anna@example.com")
		for _, address := range []string{"shop:orders", "shop:note"} {
			if _, err := d.Run(t.Context(), id); !errors.Is(err, fulfill.ErrPaused) {
				t.Fatalf("beyond a cap: %v", err)
			}
			if err := d.Skip(t.Context(), id, address, "too many"); err != nil {
				t.Fatal(err)
			}
		}
		report, err := d.Run(t.Context(), id)
		w.equal("status", []any{report.Status, err}, []any{request.CompleteWithResidue, error(nil)})
		w.equal("masked", w.table(masked), []string{"1|1|0"}) // the street of order 11 was null before
		orders := line(report, "shop:orders", request.Erasure)
		w.equal("orders", []any{orders.Status, orders.Message, orders.Verified}, []any{request.Skipped, "skipped by an operator: too many", false})
	})
}

func TestFinalisedRequestIsNotGoneOnWith(t *testing.T) { // X23
	t.Parallel()
	bothStores(t, func(t *testing.T, store string) {
		w, mend := broken(t, store)
		d := w.open()
		id := d.submit("access", "anna@example.com")
		if _, err := d.Run(t.Context(), id); err == nil {
			t.Fatal("a view that fails went well")
		}
		if err := d.Finalise(t.Context(), id, "the view is gone for good"); err != nil {
			t.Fatal(err)
		}
		mend("letter")
		report, err := d.Run(t.Context(), id)
		w.equal("status", []any{report.Status, report.Message, err}, []any{request.CompleteWithResidue, "finalised by an operator: the view is gone for good", error(nil)})
		w.equal("letters", line(report, "shop:letter", request.Access).Status, request.Failed)
		for what, act := range map[string]func() error{
			"retry":    func() error { _, err := d.Retry(t.Context(), id, ""); return err },
			"skip":     func() error { return d.Skip(t.Context(), id, "shop:letter", "x") },
			"finalise": func() error { return d.Finalise(t.Context(), id, "x") },
			"cancel":   func() error { return d.Cancel(t.Context(), id) },
		} {
			if err := act(); !errors.Is(err, request.ErrTransition) {
				t.Errorf("%s of a request that has ended: %v", what, err)
			}
		}
	})
}

func TestExecutionLogHasAttemptsFieldsRowsAndTimes(t *testing.T) { // X24
	t.Parallel()
	w, mend := broken(t, "sqlite")
	mend("parcel")
	d := w.open()
	id := d.submit("access", "anna@example.com")
	if _, err := d.Run(t.Context(), id); err == nil {
		t.Fatal("a view that fails went well")
	}
	mend("letter")
	if _, err := d.Retry(t.Context(), id, ""); err != nil {
		t.Fatal(err)
	}
	erasure := d.submit("erasure", "ben@example.com")
	if _, err := d.Run(t.Context(), erasure); err == nil {
		t.Error("a view was masked")
	}
	var letters, streets []string
	read := func(id string, each func(request.LogLine)) {
		if err := d.Lines(t.Context(), id, func(l request.LogLine) error { each(l); return nil }); err != nil {
			t.Fatal(err)
		}
	}
	read(id, func(l request.LogLine) {
		if l.Started.IsZero() || l.At.Before(l.Started) {
			t.Errorf("%s began at %v and was logged at %v", l.Address, l.Started, l.At)
		}
		if l.Address == "shop:letter" {
			letters = append(letters, fmt.Sprintf("%d %s %d %v %t", l.Attempt, l.Status, l.RowsRead, l.Fields, l.Message != ""))
		}
	})
	w.equal("letters", letters, []string{"1 error 0 [] true", "2 complete 2 [body id] false"})
	read(erasure, func(l request.LogLine) {
		if l.Address == "shop:orders" && l.Action == request.Erasure && len(l.Fields) > 0 {
			streets = append(streets, fmt.Sprintf("%v %d", l.Fields, l.RowsMasked))
		}
	})
	w.equal("orders", streets, []string{"[street] 1"})
	if err := d.Lines(t.Context(), "0198c0de-0000-7000-8000-000000000000", nil); !errors.Is(err, request.ErrNotFound) {
		t.Errorf("the log of a request that is none: %v", err)
	}
}

// forgetful is a store that does not renew leases, as seen by a process that
// was paused for longer than its lease.
type forgetful struct{ fulfill.Requests }

func (forgetful) Renew(context.Context, request.Lease, time.Duration) error { return nil }

// TestWorkersWithLeasesShorterThanTheirPauses lets 16 workers take one request
// from each other while its batches take longer than a lease lasts: every row
// is masked and counted once, and the request ends once.
func TestWorkersWithLeasesShorterThanTheirPauses(t *testing.T) { // R4
	t.Parallel()
	for _, target := range []string{"sqlite", "postgres"} {
		t.Run(target, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, "postgres", target)
			w.exec(annasOrders)
			d := w.open()
			id := d.submit("erasure", "anna@example.com")
			var fenced, n atomic.Int64
			var all sync.WaitGroup
			for i := range 16 {
				e := d.slowly(func() {
					if n.Add(1)%5 == 0 {
						<-time.After(60 * time.Millisecond)
					}
				})
				e.Requests, e.Owner, e.Limits.Lease = forgetful{e.Requests}, fmt.Sprint("node ", i), 30*time.Millisecond
				all.Go(func() {
					for {
						err := e.Run(context.WithoutCancel(t.Context()), "default", id, false)
						switch {
						case err == nil, errors.Is(err, request.ErrTransition):
							return
						case errors.Is(err, request.ErrFenced):
							fenced.Add(1)
							e.Limits.Lease += 20 * time.Millisecond // a slow machine gets anywhere, too
						case !errors.Is(err, request.ErrLeased):
							t.Error(err)
							return
						}
						<-time.After(10 * time.Millisecond)
					}
				})
			}
			all.Wait()
			if fenced.Load() == 0 {
				t.Error("nobody lost the request: the test shows nothing")
			}
			report, err := d.Report(t.Context(), id)
			w.equal("status", []any{report.Status, err}, []any{request.Complete, error(nil)})
			w.equal("masked", w.table(masked), []string{"42|1|2"})
			orders := line(report, "shop:orders", request.Erasure)
			w.equal("counted once", []int64{orders.RowsRead, orders.RowsMasked, orders.RowsAlready, orders.RowsFailed, orders.RowsResidue}, []int64{42, 41, 1, 0, 0})
			w.equal("ended once", d.acts("request.complete"), 1)
		})
	}
}
