package server

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"volenti.dev/volenti/request"
	"volenti.dev/volenti/request/fulfill"
	"volenti.dev/volenti/request/task"
)

// archived is a company whose access requests ask people.
func archived(t *testing.T, store string) *world {
	w := newWorld(t, store, "sqlite")
	w.configure(shopDataset, shopPolicies, manualConnections)
	return w
}

func TestPlanThatAsksPeopleReadsNothingWhereNobodyCanBeAsked(t *testing.T) { // X4
	t.Parallel()
	d := archived(t, "sqlite").open()
	id := d.submit("access", "anna@example.com")
	e := d.executor()
	e.Colleagues = nil
	if err := e.Run(t.Context(), "default", id, true); err == nil || !strings.Contains(err.Error(), "archive, cellar") {
		t.Errorf("it fails with %v", err)
	}
	report, err := d.Report(t.Context(), id)
	if err != nil || report.Status != request.Errored {
		t.Fatal(report.Status, err)
	}
	for _, c := range report.Collections {
		if c.Status != request.Pending || c.Attempts != 0 {
			t.Errorf("%s is %s after %d attempts", c.Address, c.Status, c.Attempts)
		}
	}
}

func TestRunWaitsForAnswersAndGoesOnWithThem(t *testing.T) { // X4, R1
	t.Parallel()
	bothStores(t, func(t *testing.T, store string) {
		w := archived(t, store)
		d := w.open()
		id := d.submit("access", "anna@example.com")
		for range 2 { // the second time it waits already
			report, err := d.Run(t.Context(), id)
			if !errors.Is(err, fulfill.ErrPaused) || report.Status != request.RequiresInput || report.Collections[0].Attempts != 0 {
				t.Fatalf("nobody answers: %s, %v", report.Status, err)
			}
		}
		d.close()
		d = w.open()
		d.Answers = func(a task.Ask) (*task.Form, error) {
			if a.Connection == "cellar" {
				return nil, errors.New("the cellar is dark")
			}
			return formFrom(part{"contract", "", "K-77"}), nil
		}
		if report, err := d.Run(t.Context(), id); err == nil || !strings.Contains(err.Error(), "dark") || report.Status != request.RequiresInput {
			t.Fatalf("one answers: %s, %v", report.Status, err)
		}
		open, err := d.Unanswered(t.Context(), id)
		if err != nil || len(open) != 1 || open[0].Connection != "cellar" {
			t.Errorf("unanswered: %+v, %v", open, err)
		}
		d.Answers = func(task.Ask) (*task.Form, error) { return formFrom(part{"boxes", "", "3"}), nil }
		if report, err := d.Run(t.Context(), id); err != nil || report.Status != request.Complete {
			t.Fatalf("all have answered: %s, %v", report.Status, err)
		}
		access, err := os.ReadFile(filepath.Join(w.out, "access.json"))
		if err != nil || !strings.Contains(string(access), "K-77") || !strings.Contains(string(access), `"boxes": "3"`) {
			t.Errorf("%s, %v", access, err)
		}
	})
}

// formFrom is a form that nothing sends.
func formFrom(parts ...part) *task.Form {
	body, kind := formOf(parts...)
	_, boundary, _ := strings.Cut(kind, "boundary=")
	return task.NewForm(strings.NewReader(string(body)), boundary)
}
