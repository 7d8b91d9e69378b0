package server

import (
	"errors"
	"strings"
	"testing"

	"volenti.dev/volenti/request"
	"volenti.dev/volenti/request/fulfill"
)

const clubDataset = `
dataset:
- fides_key: shop
  collections:
  - name: member
    fields:
    - {name: id, fides_meta: {primary_key: true}}
    - {name: mail, data_categories: [user.contact], fides_meta: {identity: email}}
  - name: visit
    fields:
    - {name: id, fides_meta: {primary_key: true}}
    - {name: mail, data_categories: [user.contact], fides_meta: {identity: email}}
`

// club makes members and their visits; the last visit of a member is nulled
// before either is deleted.
func club(t *testing.T, target, onDelete string) *world {
	w := newWorld(t, "sqlite", target)
	w.exec(`CREATE TABLE member (id INTEGER PRIMARY KEY, mail VARCHAR(40), last INTEGER);
CREATE TABLE visit (id INTEGER PRIMARY KEY, mail VARCHAR(40), member INTEGER NOT NULL REFERENCES member (id) ` + onDelete + `);
INSERT INTO member VALUES (1, 'anna@example.com', NULL), (2, 'ben@example.com', NULL);
INSERT INTO visit VALUES (10, 'anna@example.com', 1), (11, 'anna@example.com', 1), (20, 'ben@example.com', 2);
UPDATE member SET last = id * 10;
`)
	w.configure(clubDataset, puzzlePolicy)
	return w
}

var clubRows = []string{"1|anna@example.com|10", "2|ben@example.com|20", "10|anna@example.com|1", "11|anna@example.com|1", "20|ben@example.com|2"}

func (w *world) club() []string {
	return append(w.table("SELECT * FROM member ORDER BY id"), w.table("SELECT * FROM visit ORDER BY id")...)
}

func TestSkippedCollectionIsNotDeletedAlong(t *testing.T) { // X23, D12
	t.Parallel()
	for _, target := range []string{"sqlite", "postgres"} {
		t.Run(target, func(t *testing.T) {
			t.Parallel()
			w := club(t, target, "ON DELETE CASCADE")
			w.limits.RowsPerCollection = 1 // there are two visits
			d := w.open()
			id := d.submit("erasure", "anna@example.com")
			if _, err := d.Run(t.Context(), id); !errors.Is(err, fulfill.ErrPaused) {
				t.Fatalf("beyond a cap: %v", err)
			}
			if err := d.Skip(t.Context(), id, "shop:visit", "too many"); err != nil {
				t.Fatal(err)
			}
			_, err := d.Run(t.Context(), id)
			if err == nil || !strings.Contains(err.Error(), "2 rows of shop:visit") {
				t.Errorf("a cascade into what was skipped: %v", err)
			}
			w.equal("rows", w.club(), clubRows)
		})
	}
}

func TestCircleIsNotNulledWhereOneOfItIsSkipped(t *testing.T) { // X23, D12
	t.Parallel()
	for _, target := range []string{"sqlite", "postgres"} {
		t.Run(target, func(t *testing.T) {
			t.Parallel()
			w := club(t, target, "")
			key := "ALTER TABLE member ADD FOREIGN KEY (last) REFERENCES visit (id);\n"
			if target == "sqlite" { // which cannot add one
				key = `CREATE TABLE other (id INTEGER PRIMARY KEY, mail VARCHAR(40), last INTEGER REFERENCES visit (id));
INSERT INTO other SELECT * FROM member;
DROP TABLE member;
ALTER TABLE other RENAME TO member;
`
			}
			// Visits cannot be deleted, because photos would be.
			w.exec(key + "CREATE TABLE photo (visit INTEGER REFERENCES visit (id) ON DELETE CASCADE);\n")
			d := w.open()
			id := d.submit("erasure", "anna@example.com")
			report, err := d.Run(t.Context(), id)
			if err == nil || !strings.Contains(err.Error(), "photo") {
				t.Errorf("it ended as %s: %v", report.Status, err)
			}
			w.equal("rows of a circle that is blocked", w.club(), clubRows)
			if err := d.Skip(t.Context(), id, "shop:visit", "photos stay"); err != nil {
				t.Fatal(err)
			}
			report, err = d.Run(t.Context(), id)
			w.equal("status", []any{report.Status, err}, []any{request.CompleteWithResidue, error(nil)})
			w.equal("members that are held", line(report, "shop:member", request.Erasure).RowsFailed, int64(1))
			w.equal("rows of a circle that was skipped", w.club(), clubRows)
		})
	}
}
