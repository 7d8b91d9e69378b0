package server

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"volenti.dev/volenti/connector"
	"volenti.dev/volenti/internal/store"
	"volenti.dev/volenti/request/graph"
	"volenti.dev/volenti/subject"
)

// remembering opens the world with stored catalogues.
func (w *world) remembering(refresh bool) *desk {
	w.t.Helper()
	d := w.open()
	d.Systems.Remember(d.House.Store.Catalogues(), "tester", refresh)
	return d
}

// down configures the connection so that nobody answers there.
func (w *world) down() {
	w.url = map[string]string{"sqlite": "sqlite:/nowhere/at/all.db", "postgres": "postgres://127.0.0.1:1/nobody", "mysql": "mysql://nobody@127.0.0.1:1/nobody"}[w.target]
	w.configure(shopDataset, shopPolicies)
}

func TestADatabaseThatIsDownDoesNotHinderPlanning(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, w *world) {
		who := person(t, subject.Email, "anna@example.com")
		d := w.open()
		live, err := d.plan("erasure", who)
		if err != nil {
			t.Fatal(err)
		}
		d.close()
		d = w.remembering(false)
		first, err := d.plan("erasure", who)
		if err != nil {
			t.Fatal(err)
		}
		d.close()

		w.down()
		d = w.open()
		if _, err := d.plan("erasure", who); connector.KindOf(err) != connector.Unreachable {
			t.Fatalf("without a stored catalogue: %v", err)
		}
		d.close()
		d = w.remembering(false)
		stored, err := d.plan("erasure", who)
		if err != nil {
			t.Fatalf("with a stored catalogue: %v", err) // X17
		}
		for _, p := range []*graph.Plan{first, stored} {
			if diff := cmp.Diff(live, p); diff != "" {
				t.Errorf("the plan from the stored catalogue is another (-live +stored):\n%s", diff) // X19
			}
		}
		if err := d.Systems.Stale(t.Context(), stored); err != nil {
			t.Errorf("a database that is down is not one that has changed: %v", err)
		}
		if _, err := d.Systems.Refresh(t.Context(), "db"); connector.KindOf(err) != connector.Unreachable {
			t.Errorf("refresh of a database that is down: %v", err)
		}
		if _, err := d.plan("erasure", who); err != nil {
			t.Errorf("a refresh that failed took the stored catalogue away: %v", err)
		}
	})
}

func TestADatabaseThatChangedIsReadAgainBeforeAnythingIsDone(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, w *world) {
		who := person(t, subject.Email, "anna@example.com")
		d := w.remembering(false)
		if _, err := d.plan("erasure", who); err != nil {
			t.Fatal(err)
		}
		before := w.table("SELECT * FROM customer ORDER BY id")
		w.exec("ALTER TABLE customer ADD COLUMN mobile VARCHAR(24);\n")

		plan, err := d.plan("erasure", who)
		if err != nil {
			t.Fatal(err)
		}
		err = d.Systems.Stale(t.Context(), plan)
		if connector.KindOf(err) != connector.Drift || !strings.Contains(err.Error(), "--refresh") {
			t.Errorf("the catalogue is out of date: %v", err) // X17
		}
		id := d.submit("erasure", "anna@example.com")
		if _, err := d.Run(t.Context(), id); connector.KindOf(err) != connector.Drift {
			t.Errorf("a request under a plan that is out of date: %v", err) // X17
		}
		for i, row := range w.table("SELECT id, email, name, phone, vip FROM customer ORDER BY id") {
			w.equal("row", row, before[i])
		}

		r, err := d.Systems.Refresh(t.Context(), "db")
		if err != nil || r.Version != 2 || len(r.Changes) != 1 || !strings.HasSuffix(r.Changes[0], "column mobile is new") {
			t.Errorf("refreshed: %+v, %v", r, err)
		}
		if plan, err = d.plan("erasure", who); err != nil {
			t.Fatal(err)
		}
		if err := d.Systems.Stale(t.Context(), plan); err != nil {
			t.Errorf("after the refresh: %v", err)
		}
		if again, err := d.Systems.Refresh(t.Context(), "db"); err != nil || again.Version != 2 || len(again.Changes) > 0 {
			t.Errorf("refreshed again: %+v, %v", again, err)
		}
		if report := d.run("erasure", "ben@example.com"); !report.Status.Terminal() {
			t.Errorf("the request ends as %s", report.Status)
		}
	})
}

func TestATableThatIsGoneFromTheStoredCatalogueSaysToRefresh(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "sqlite", "sqlite")
	w.exec("DROP TABLE note;\n")
	who := person(t, subject.Email, "anna@example.com")
	d := w.remembering(false)
	_, err := d.plan("erasure", who)
	var missing *graph.Error
	if !errors.As(err, &missing) || !missing.Drift || !strings.Contains(err.Error(), "--refresh") {
		t.Fatalf("a described table is in no catalogue: %v", err)
	}
	w.exec("CREATE TABLE note (id VARCHAR(20) PRIMARY KEY, order_no INTEGER, body TEXT);\n")
	d.close()
	d = w.remembering(true)
	if _, err := d.plan("erasure", who); err != nil {
		t.Errorf("with a refresh: %v", err)
	}
	kept, err := d.House.Store.Catalogues().Latest(t.Context(), store.DefaultTenant, "db")
	if err != nil || kept == nil || kept.Version != 2 {
		t.Errorf("stored: %+v, %v", kept, err)
	}
}
