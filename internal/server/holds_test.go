package server

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"volenti.dev/volenti/config"
	"volenti.dev/volenti/connector"
	"volenti.dev/volenti/connector/builtin"
	"volenti.dev/volenti/datamap/catalogue"
	"volenti.dev/volenti/request"
	"volenti.dev/volenti/request/fulfill"
	"volenti.dev/volenti/subject"
)

// lingering is a system that takes its time between the guard of a batch and
// its commit.
type lingering struct {
	connector.Connector
	guarded func()
}

func (l lingering) Describe(ctx context.Context) (c catalogue.Catalogue, err error) {
	return l.Connector.(connector.Describer).Describe(ctx)
}

func (l lingering) Queries(r connector.Read) ([]string, error) {
	return l.Connector.(connector.Reader).Queries(r)
}

func (l lingering) Read(ctx context.Context, r connector.Read, each func(connector.Row) error) (connector.ReadResult, error) {
	return l.Connector.(connector.Reader).Read(ctx, r, each)
}

func (l lingering) Count(ctx context.Context, r connector.Read) (int64, error) {
	return l.Connector.(connector.Reader).Count(ctx, r)
}

func (l lingering) Size(ctx context.Context, t catalogue.Name) (int64, error) {
	return l.Connector.(connector.Reader).Size(ctx, t)
}

func (l lingering) Verify(ctx context.Context, b connector.Batch) ([]connector.Outcome, error) {
	return l.Connector.(connector.Verifier).Verify(ctx, b)
}

func (l lingering) Mask(ctx context.Context, b connector.Batch) ([]connector.Outcome, error) {
	return l.Connector.(connector.Masker).Mask(ctx, l.slow(b))
}

func (l lingering) Delete(ctx context.Context, b connector.Batch) ([]connector.Outcome, error) {
	return l.Connector.(connector.Deleter).Delete(ctx, l.slow(b))
}

func (l lingering) slow(b connector.Batch) connector.Batch {
	guard := b.Guard
	b.Guard = func(ctx context.Context) error {
		err := guard(ctx)
		l.guarded()
		return err
	}
	return b
}

// slowly gives an executor whose batches are of one row and linger before
// their commit.
func (l *Local) slowly(guarded func()) *fulfill.Executor {
	e := l.executor()
	e.Limits.Batch = 1
	e.Connect = func(key string) (connector.Connector, error) {
		c, err := l.Systems.Connect(key)
		return lingering{c, guarded}, err
	}
	return e
}

const annasOrders = "INSERT INTO orders WITH RECURSIVE s(n) AS (SELECT 100 UNION ALL SELECT n + 1 FROM s WHERE n < 139) SELECT n, 0, 'Weg', 1 FROM s;\n"

const masked = "SELECT (SELECT count(*) FROM orders WHERE street IS NULL), (SELECT count(*) FROM customer WHERE name IS NULL), (SELECT count(*) FROM note WHERE body IS NULL)"

// TestNoRowIsWrittenOnceAHoldIsPlaced places a hold in the middle of an
// erasure, again and again: what the databases hold when Place returns, they
// hold when the request has stopped.
func TestNoRowIsWrittenOnceAHoldIsPlaced(t *testing.T) { // X28
	t.Parallel()
	everywhere(t, func(t *testing.T, w *world) {
		w.exec(strings.Replace(annasOrders, "139", "539", 1)) // more than are written while nine holds are placed, slowly
		d := w.open()
		id := d.submit("erasure", "anna@example.com")
		holdings := []Holding{{Identities: person(t, subject.Email, "anna@example.com")}, {Addresses: []string{"shop"}}, {Addresses: []string{"shop:customer", "shop:orders", "shop:note"}}}
		for i := range 9 {
			holding := holdings[i%3]
			holding.Ground = "a dispute"
			var passed atomic.Int64
			reached := make(chan struct{})
			stopped := make(chan error, 1)
			go func() {
				e := d.slowly(func() {
					if passed.Add(1) == int64(3+i%3) {
						close(reached)
					}
					<-time.After(time.Millisecond)
				})
				stopped <- e.Run(context.WithoutCancel(t.Context()), "default", id, true)
			}()
			select {
			case <-reached:
			case err := <-stopped:
				t.Fatalf("it ended before a hold was placed: %v", err)
			}
			holds, err := d.Place(t.Context(), holding)
			if err != nil {
				t.Fatal(err)
			}
			at := w.table(masked)
			if err := <-stopped; !errors.Is(err, fulfill.ErrPaused) || !strings.Contains(err.Error(), "a dispute") {
				t.Fatalf("it stopped with %v", err)
			}
			w.equal("rows masked after the hold was placed", w.table(masked), at)
			r, err := d.House.Store.Requests().Get(t.Context(), "default", id)
			if err != nil || r.Status != request.Paused || !strings.Contains(r.Message, "a dispute") {
				t.Fatalf("%s, %q, %v", r.Status, r.Message, err)
			}
			intents := d.acts("request.mask")
			if _, err := d.Run(t.Context(), id); !errors.Is(err, fulfill.ErrPaused) {
				t.Fatalf("run under a hold: %v", err)
			}
			w.equal("rows masked by a run under a hold, or meant to be", []any{w.table(masked), d.acts("request.mask")}, []any{at, intents})
			for _, h := range holds {
				if err := d.Lift(t.Context(), h.ID); err != nil {
					t.Fatal(err)
				}
			}
		}
		report, err := d.Run(t.Context(), id)
		w.equal("after all were lifted", []any{report.Status, err}, []any{request.Complete, error(nil)})
		w.equal("all masked", w.table(masked), []string{"442|1|2"})
		w.equal("counted once", line(report, "shop:orders", request.Erasure).RowsMasked, int64(441))
		w.equal("audited", []int{d.acts("hold.place"), d.acts("hold.lift")}, []int{15, 15})
	})
}

// Before rows of a circle are deleted, columns of them are nulled.
func TestNothingIsNulledOnceAHoldIsPlaced(t *testing.T) { // X28, D12
	t.Parallel()
	bothStores(t, func(t *testing.T, store string) {
		w := newThreads(t, store, "").world
		w.limits.RowsPerCollection = 10_000
		d := w.open()
		id := d.submit("erasure", "anna@example.com")
		for i := range 4 { // twice while columns are nulled, and twice before the first is
			var passed atomic.Int64
			reached, stopped := make(chan struct{}), make(chan error, 1)
			go func() {
				e := d.slowly(func() {
					if passed.Add(1) == int64(1+2*(i%2)) {
						close(reached)
						<-time.After(50 * time.Millisecond) // Place has to wait for it
					}
				})
				stopped <- e.Run(context.WithoutCancel(t.Context()), "default", id, true)
			}()
			select {
			case <-reached:
			case err := <-stopped:
				t.Fatalf("it ended before a hold was placed: %v", err)
			}
			holds, err := d.Place(t.Context(), Holding{Addresses: []string{"shop"}, Ground: "a dispute"})
			if err != nil {
				t.Fatal(err)
			}
			const rows = "SELECT (SELECT count(first) FROM thread), (SELECT count(answers) FROM post), (SELECT count(*) FROM post)"
			at := w.table(rows)
			if err := <-stopped; !errors.Is(err, fulfill.ErrPaused) {
				t.Fatalf("it stopped with %v", err)
			}
			w.equal("nulled or deleted after the hold was placed", w.table(rows), at)
			report, err := d.Report(t.Context(), id)
			w.equal("posts", []any{line(report, "shop:post", request.Erasure).Status, err}, []any{request.Pending, error(nil)})
			if err := d.Lift(t.Context(), holds[0].ID); err != nil {
				t.Fatal(err)
			}
		}
		report, err := d.Run(t.Context(), id)
		w.equal("after all were lifted", []any{report.Status, err}, []any{request.Complete, error(nil)})
	})
}

func TestErasureOfWhatIsHeldIsRefusedAndAccessIsNot(t *testing.T) { // X28
	t.Parallel()
	everywhere(t, func(t *testing.T, w *world) {
		d := w.open()
		for what, holding := range map[string]Holding{
			"the person": {Identities: person(t, subject.Email, "ANNA@example.com")},
			"collection": {Addresses: []string{"shop:note"}},
		} {
			holding.Ground = "HGB 257"
			holds, err := d.Place(t.Context(), holding)
			if err != nil {
				t.Fatal(err)
			}
			who := append(person(t, subject.Email, "anna@example.com"), person(t, subject.Phone, "+4930123456")...) // one of several
			plan, err := d.plan("erasure", who)
			if err != nil {
				t.Fatal(err)
			}
			var held *request.HeldError
			if _, err := d.Submit(t.Context(), plan, who, 0); !errors.As(err, &held) || !strings.Contains(err.Error(), "HGB 257") || strings.Contains(err.Error(), "anna") {
				t.Errorf("%s: submitted with %v", what, err)
			}
			w.equal("access under a hold", d.run("access", "anna@example.com").Status, request.Complete)
			if err := d.Lift(t.Context(), holds[0].ID); err != nil {
				t.Fatal(err)
			}
		}
		w.equal("after they were lifted", d.run("erasure", "anna@example.com").Status, request.Complete)
	})
}

// heldChild makes this test binary a process that erases Anna, slowly, when
// its input ends, and says on its output when a batch is about to commit.
const heldChild = "SERVER_TEST_HELD_CHILD"

// eraseInChild carries the request out that heldChild names: "data database config id".
func eraseInChild() error {
	words := strings.Fields(os.Getenv(heldChild))
	ctx := context.Background()
	house, err := Open(ctx, Config{Data: words[0], Database: words[1]})
	if err != nil {
		return err
	}
	cfg, _, err := config.Load(words[2], config.Options{Registry: builtin.Registry(), Env: os.LookupEnv})
	if err != nil {
		return err
	}
	var once sync.Once
	l := &Local{House: house, Systems: NewSystems(cfg, builtin.Registry()), Log: slog.New(slog.DiscardHandler), Now: time.Now, Out: filepath.Join(words[0], "out")}
	e := l.slowly(func() {
		once.Do(func() { fmt.Println("guarded") })
		<-time.After(50 * time.Millisecond)
	})
	fmt.Println("ready")
	_, _ = io.Copy(io.Discard, os.Stdin) // until all are
	err = e.Run(ctx, "default", words[3], false)
	if errors.Is(err, fulfill.ErrPaused) {
		fmt.Println("paused")
		err = nil
	}
	return errors.Join(err, house.Close())
}

// TestHoldStopsOtherProcesses erases two people in processes of their own,
// and places a hold in this one.
func TestHoldStopsOtherProcesses(t *testing.T) { // X28
	t.Parallel()
	for _, target := range []string{"sqlite", "postgres"} {
		t.Run(target, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, "postgres", target)
			w.exec(annasOrders + "INSERT INTO orders WITH RECURSIVE s(n) AS (SELECT 200 UNION ALL SELECT n + 1 FROM s WHERE n < 239) SELECT n, 1, 'Weg', 1 FROM s;\n")
			d := w.open()
			var outputs []*bufio.Scanner
			var inputs []io.Closer
			var children []*exec.Cmd
			for i, email := range []string{"anna@example.com", "ben@example.com"} {
				data := filepath.Join(w.dir, fmt.Sprint("node", i))
				key, err := os.ReadFile(filepath.Join(w.house.Data, "master.key"))
				if err != nil {
					t.Fatal(err)
				}
				if err := errors.Join(os.Mkdir(data, 0o700), os.WriteFile(filepath.Join(data, "master.key"), key, 0o600)); err != nil {
					t.Fatal(err)
				}
				c := exec.Command(os.Args[0])
				c.Env = append(os.Environ(), heldChild+"="+strings.Join([]string{data, w.house.Database, filepath.Join(w.dir, "config"), d.submit("erasure", email)}, " "))
				c.Stderr = os.Stderr
				out, err := c.StdoutPipe()
				if err != nil {
					t.Fatal(err)
				}
				in, err := c.StdinPipe()
				if err != nil {
					t.Fatal(err)
				}
				if err := c.Start(); err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { _ = c.Process.Kill(); _ = c.Wait() })
				outputs, inputs, children = append(outputs, bufio.NewScanner(out)), append(inputs, in), append(children, c)
			}
			all := func(word string) {
				for _, out := range outputs {
					if !out.Scan() || out.Text() != word {
						t.Fatalf("a process said %q, not %q", out.Text(), word)
					}
				}
			}
			all("ready")
			for _, in := range inputs { // they begin together
				if err := in.Close(); err != nil {
					t.Fatal(err)
				}
			}
			all("guarded")
			if _, err := d.Place(t.Context(), Holding{Addresses: []string{"shop"}, Ground: "a dispute"}); err != nil {
				t.Fatal(err)
			}
			at := w.table(masked)
			for i, out := range outputs {
				if !out.Scan() || out.Text() != "paused" {
					t.Errorf("a process ended with %q", out.Text())
				}
				if err := children[i].Wait(); err != nil {
					t.Error(err)
				}
			}
			w.equal("rows masked after the hold was placed", w.table(masked), at)
		})
	}
}
