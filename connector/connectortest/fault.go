package connectortest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sync/errgroup"

	"volenti.dev/volenti/connector"
)

func testReadOnly(t *testing.T, h Harness) {
	b := open(t, h, people(3)...)
	b.full = connect(t, b.Database, true)
	if err := b.Test(t.Context()); err != nil {
		t.Error(err)
	}
	_, err := b.Mask(t.Context(), b.rename(t, 3, constant("M")))
	kind(t, err, connector.Denied) // D26
	_, err = b.Delete(t.Context(), b.rename(t, 3, constant("M")))
	kind(t, err, connector.Denied)
	if got := b.rows(t, "person", "id", 1); got["1"]["name"] != "Name 1" {
		t.Errorf("%v", got)
	}
}

func testDelete(t *testing.T, h Harness) {
	b := open(t, h, append(people(600), "UPDATE person SET boss = id - 1 WHERE id IN (3, 4, 5)",
		"CREATE TABLE pet (id integer PRIMARY KEY, owner integer REFERENCES person (id))", "INSERT INTO pet VALUES (1, 6)")...)
	remove := func(ids ...int) connector.Batch {
		batch := connector.Batch{Table: b.table(t, "person"), KeyColumns: []string{"id"}}
		for _, id := range ids {
			batch.Changes = append(batch.Changes, connector.Change{Key: connector.Tuple{id}})
		}
		return batch
	}
	many := remove()
	for i := 100; i <= 600; i++ {
		many.Changes = append(many.Changes, connector.Change{Key: connector.Tuple{i}, Before: connector.Row{"email": fmt.Sprintf("p%d@example.org", i)}})
	}
	many.Changes[0].Before["email"] = "another"
	want := all(501, connector.Changed)
	want[0] = connector.Conflict
	out, err := b.Delete(t.Context(), many)
	wants(t, out, err, want...)
	out, err = b.Delete(t.Context(), remove(1, 2, 3, 4, 5, 6, 9999))
	wants(t, out, err, connector.Changed, connector.Changed, connector.Changed, connector.Changed, connector.Changed, connector.Failed, connector.AlreadyDone)
	if out[5].Reason == "" {
		t.Error("no reason for the row that a pet holds")
	}
	out, err = b.Verify(t.Context(), remove(1, 6))
	wants(t, out, err, connector.AlreadyDone, connector.Conflict)
	out, err = b.Delete(t.Context(), remove(1, 7))
	wants(t, out, err, connector.AlreadyDone, connector.Changed)
	if n, err := b.Size(t.Context(), b.table(t, "person").Name); err != nil || n != 600-500-6 {
		t.Errorf("%d rows are left, %v", n, err)
	}
}

func testVerify(t *testing.T, h Harness) {
	b := open(t, h, people(4)...)
	batch := b.rename(t, 5, constant("M"))
	out, err := b.Verify(t.Context(), batch)
	wants(t, out, err, connector.Conflict, connector.Conflict, connector.Conflict, connector.Conflict, connector.Missing)
	if len(out[0].Fields) != 2 {
		t.Errorf("fields %v, want name and note", out[0].Fields)
	}
	_, err = b.Mask(t.Context(), batch)
	if err != nil {
		t.Fatal(err)
	}
	b.Exec(t, "UPDATE person SET note = 'new' WHERE id = 2")
	out, err = b.Verify(t.Context(), batch)
	wants(t, out, err, connector.AlreadyDone, connector.Conflict, connector.AlreadyDone, connector.AlreadyDone, connector.Missing)
	if len(out[1].Fields) != 1 || out[1].Fields["note"] == "" {
		t.Errorf("fields %v, want note", out[1].Fields)
	}
}

// testConcurrent has two batches over the same rows in opposite order: rows
// are locked in the order of their keys, so that one waits for the other.
func testConcurrent(t *testing.T, h Harness) {
	const n = 2000
	b := open(t, h, people(n)...)
	forward := b.rename(t, n, func(i int) any { return fmt.Sprintf("m%d", i) })
	backward := forward
	backward.Changes = slices.Clone(forward.Changes)
	slices.Reverse(backward.Changes)
	var group errgroup.Group
	for i := range 12 {
		group.Go(func() error {
			batch := forward
			if i%2 == 1 {
				batch = backward
			}
			_, err := b.Mask(t.Context(), batch)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		t.Error(err)
	}
	out, err := b.Verify(t.Context(), forward)
	wants(t, out, err, all(n, connector.AlreadyDone)...)
}

func testCancelled(t *testing.T, h Harness) {
	b := open(t, h, people(50)...)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	read := connector.Read{Table: b.table(t, "person"), Columns: []string{"id"}, Where: []connector.Match{match("id", 1, 2, 3)}}
	ignore := func(connector.Row) error { return nil }
	_, err := b.Read(ctx, read, ignore)
	_, masked := b.Mask(ctx, b.rename(t, 50, constant("M")))
	_, described := b.Describe(ctx)
	for _, err := range []error{err, masked, described} {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%v, want a cancelled context", err)
		}
	}
	guarded, cancel := context.WithCancel(t.Context())
	batch := b.rename(t, 50, constant("M"))
	batch.Guard = func(context.Context) error { cancel(); return nil }
	if _, err := b.Mask(guarded, batch); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled before the commit: %v", err)
	}
	if got := b.rows(t, "person", "id", 1); got["1"]["name"] != "Name 1" {
		t.Error("a cancelled batch was committed")
	}
	stop := errors.New("enough")
	if _, err := b.Read(t.Context(), read, func(connector.Row) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("%v, want the caller's own error", err)
	}
}

// canary is part of every value of this test.
const canary = "kanarienvogel"

func testErrorsKeepQuiet(t *testing.T, h Harness) {
	b := open(t, h, people(0)[0], "INSERT INTO person (id, email, name, note) VALUES (1, '"+canary+"1', '"+canary+"', '"+canary+"'), (2, '"+canary+"2', '"+canary+"', '"+canary+"')")
	p := b.table(t, "person")
	broken := *p
	broken.Name.Table = "nowhere"
	var said []string
	keep := func(out []connector.Outcome, err error) {
		said = append(said, fmt.Sprintf("%+v %v", out, err))
	}
	before := connector.Row{"email": canary + "1", "name": canary, "age": nil, "note": canary, "boss": nil}
	for _, after := range []connector.Row{
		{"email": canary + "2"}, {"name": nil}, {"age": -1}, {"age": canary}, {"boss": 99}, {"name": strings.Repeat(canary, 30)}, {"note": canary + "\x00"},
	} {
		change := connector.Change{Key: connector.Tuple{1}, Before: before, After: after}
		batch := connector.Batch{Table: p, KeyColumns: []string{"id"}, Columns: []string{"email", "name", "age", "note", "boss"}, Changes: []connector.Change{change}}
		keep(b.Mask(t.Context(), batch))
		keep(b.Verify(t.Context(), batch))
		batch.Table = &broken
		keep(b.Mask(t.Context(), batch))
		batch.Table, batch.KeyColumns = p, []string{"email"}
		batch.Changes[0].Key = connector.Tuple{canary}
		keep(b.Mask(t.Context(), batch))
		keep(b.Delete(t.Context(), batch))
	}
	for _, m := range []connector.Match{match("id", canary), match("email", canary), match("gone", canary)} {
		_, err := b.Read(t.Context(), connector.Read{Table: &broken, Columns: []string{"id"}, Where: []connector.Match{m},
			Partition: []connector.Condition{{Column: "age", Operator: "=", Constant: canary}}}, nil)
		said = append(said, fmt.Sprint(err))
		_, err = b.Read(t.Context(), connector.Read{Table: &broken, Columns: []string{"id"}, Where: []connector.Match{m}}, nil)
		said = append(said, fmt.Sprint(err))
	}
	for _, s := range said {
		if strings.Contains(s, canary) {
			t.Errorf("an error quotes data: %s", s)
		}
	}
}
