package server

import (
	"archive/zip"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"volenti.dev/volenti/audit"
	"volenti.dev/volenti/datamap/value"
	"volenti.dev/volenti/request"
	"volenti.dev/volenti/request/fulfill"
	"volenti.dev/volenti/subject"
)

// orders gives Anna and others further orders.
func (w *world) orders(annas, others int) {
	w.exec(fmt.Sprintf("INSERT INTO orders WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < %d) SELECT n + 1000, CASE WHEN n <= %d THEN 0 ELSE 1 END, 'Weg', 1 FROM s;\n", annas+others, annas))
}

func TestCapsHoldAtTheirBoundaries(t *testing.T) { // X27
	t.Parallel()
	const annas = 2 // orders that the shop has of Anna, of 4
	for name, c := range map[string]struct {
		annas, others int
		taken         int64 // of the hour, by others
		pausedBy      string
	}{
		"1,000 rows":                  {annas: 1000 - annas},
		"1,001 rows":                  {annas: 1001 - annas, pausedBy: "a request may write 1000 per collection"},
		"101 of 10,000":               {annas: 101 - annas, others: 10_000 - 101 - 2},
		"100 of 10,001":               {annas: 100 - annas, others: 10_001 - 100 - 2},
		"101 of 10,001":               {annas: 101 - annas, others: 10_001 - 101 - 2, pausedBy: "more than 1 % of the table"},
		"the last of 100,000 an hour": {taken: 99_995},
		"one more than an hour has":   {taken: 99_996, pausedBy: "of the 100000 that all requests together may write in an hour"},
	} {
		t.Run(name, func(t *testing.T) {
			bothStores(t, func(t *testing.T, store string) {
				w := newWorld(t, store, "sqlite")
				if c.annas > 0 {
					w.orders(c.annas, c.others)
				}
				d := w.open()
				if c.taken > 0 {
					d.takeOfTheHour(c.taken)
				}
				id := d.submit("erasure", "anna@example.com")
				report, err := d.Run(t.Context(), id)
				if c.pausedBy == "" {
					w.equal("status", []any{report.Status, err}, []any{request.Complete, error(nil)})
					return
				}
				if !errors.Is(err, fulfill.ErrPaused) || report.Status != request.Paused || !strings.Contains(report.Message, c.pausedBy) {
					t.Errorf("%s, %v", report.Status, err)
				}
				w.equal("nothing is written", w.table("SELECT (SELECT count(*) FROM orders WHERE street IS NULL), (SELECT count(*) FROM customer WHERE name IS NULL)"), []string{"1|0"})
				r, err := d.House.Store.Requests().Get(t.Context(), "default", id)
				if err != nil {
					t.Fatal(err)
				}
				if err := d.Raise(t.Context(), &r, 2000); err != nil {
					t.Fatal(err)
				}
				report, err = d.Run(t.Context(), id)
				w.equal("raised, for this request", []any{report.Status, err, d.acts("request.raise")}, []any{request.Complete, error(nil), 1})
			})
		})
	}
}

// takeOfTheHour lets another request take rows of the hour.
func (d *desk) takeOfTheHour(rows int64) {
	d.t.Helper()
	id := d.submit("erasure", "cleo@example.com")
	lease, _, err := d.House.Store.Requests().Claim(d.t.Context(), "default", id, "other", time.Minute, false, audit.Entry{Act: "request.start", Object: "request/" + id})
	if err != nil {
		d.t.Fatal(err)
	}
	if ok, err := d.House.Store.Work().Reserve(d.t.Context(), lease, map[string]int64{"shop:orders": rows}, 100_000); err != nil || !ok {
		d.t.Fatal(ok, err)
	}
}

// A cap is for the request: rows of later rounds are no others.
func TestCapsCountTheRowsOfAllRounds(t *testing.T) { // X27, X17
	t.Parallel()
	everywhere(t, func(t *testing.T, w *world) {
		w.limits.RowsPerCollection = 3 // Anna has 2 orders and 2 notes
		no := 100
		w.tell = func(e fulfill.Event) {
			if e.Step == "verification" {
				no++
				w.exec(fmt.Sprintf("INSERT INTO orders VALUES (%d, 0, 'Spätweg 3', 1);\n", no))
			}
		}
		d := w.open()
		report, err := d.Run(t.Context(), d.submit("erasure", "anna@example.com"))
		if !errors.Is(err, fulfill.ErrPaused) || !strings.Contains(report.Message, "shop:orders: 4 rows") || report.Rounds != 3 {
			t.Errorf("round %d: %s, %v", report.Rounds, report.Message, err)
		}
		w.equal("left", w.table("SELECT no FROM orders WHERE street = 'Spätweg 3'"), []string{"102"})
	})
}

// What appears between access and erasure counts before anything is written.
func TestCapsCountRowsThatAppearedSinceAccess(t *testing.T) { // X27, X17
	t.Parallel()
	everywhere(t, func(t *testing.T, w *world) {
		w.limits.RowsPerCollection = 2
		w.at(begins("erasure"), "INSERT INTO orders VALUES (99, 0, 'Spätweg 3', 1);\n")
		d := w.open()
		report, err := d.Run(t.Context(), d.submit("erasure", "anna@example.com"))
		if !errors.Is(err, fulfill.ErrPaused) || !strings.Contains(report.Message, "shop:orders: 3 rows") {
			t.Errorf("%s, %v", report.Message, err)
		}
		w.equal("nothing is written", len(w.table("SELECT 1 FROM customer WHERE name IS NULL")), 0)
	})
}

func TestKeptUntilADayIsMaskedByANewRequestOnTheNext(t *testing.T) { // X28
	t.Parallel()
	everywhere(t, func(t *testing.T, w *world) {
		w.configure(shopDataset, `
policy:
- key: erasure
  rules:
  - {key: all, action: access, targets: [user]}
  - key: rest
    action: erasure
    targets: [user.contact.address, user.financial]
    masking: {strategy: null_rewrite}
    keep:
    - {category: user.financial, reason: invoices are kept for ten years, ground: § 147 AO, until: "2034-12-31"}
`)
		d := w.open()
		who := person(t, subject.Email, "anna@example.com")
		on := func(day value.Date) fulfill.Report {
			plan, err := d.Systems.Plan(t.Context(), d.config.Policies[0], []subject.Type{subject.Email}, day)
			if err != nil {
				t.Fatal(err)
			}
			id, err := d.Submit(t.Context(), plan, who, 0)
			if err != nil {
				t.Fatal(err)
			}
			report, err := d.Run(t.Context(), id)
			w.equal("status", []any{report.Status, err}, []any{request.Complete, error(nil)})
			return report
		}
		const totals = "SELECT count(*) FROM orders WHERE total IS NULL"
		first := on("2034-12-31")
		w.equal("on its last day", w.table(totals), []string{"0"})
		kept := false
		for _, f := range line(first, "shop:orders", request.Erasure).Fields {
			kept = kept || f.Field == "total" && f.Status == "kept" && f.Reason == "invoices are kept for ten years" && f.Ground == "§ 147 AO"
		}
		if page := w.page(); !kept || !strings.Contains(page, "invoices are kept for ten years") || !strings.Contains(page, "§ 147 AO") || !strings.Contains(page, "2034") {
			t.Errorf("the person is not told what is kept, why and until when: in the report %t\n%s", kept, page)
		}
		second := on("2035-01-01")
		w.equal("on the day after", w.table(totals), []string{"2"})
		if first.Plan == second.Plan {
			t.Error("the plan has the same hash: an approval of the first would do for the second")
		}
	})
}

// page gives the page of the package that was written.
func (w *world) page() string {
	w.t.Helper()
	z, err := zip.OpenReader(filepath.Join(w.out, "package.zip"))
	if err != nil {
		w.t.Fatal(err)
	}
	defer func() { _ = z.Close() }()
	f, err := z.Open("index.html")
	if err != nil {
		w.t.Fatal(err)
	}
	text, err := io.ReadAll(f)
	if err != nil {
		w.t.Fatal(err)
	}
	return string(text)
}
