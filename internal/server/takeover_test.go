package server

import (
	"bufio"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"volenti.dev/volenti/audit"
	"volenti.dev/volenti/config"
	"volenti.dev/volenti/connector/builtin"
	"volenti.dev/volenti/request"
	"volenti.dev/volenti/request/fulfill"
)

// pausedChild makes this test binary a process that carries a request out and
// stops itself with SIGSTOP where it is told to.
const pausedChild = "SERVER_TEST_PAUSED_CHILD"

// shortLease is for requests that another process takes over.
const shortLease = time.Second

// pauseInChild carries the request out that pausedChild names: "data database
// config id point out". It says how it ended.
func pauseInChild() {
	words := strings.Fields(os.Getenv(pausedChild))
	ctx := context.Background()
	house, err := Open(ctx, Config{Data: words[0], Database: words[1]})
	if err != nil {
		fmt.Println(err)
		return
	}
	cfg, _, err := config.Load(words[2], config.Options{Registry: builtin.Registry(), Env: os.LookupEnv})
	if err != nil {
		fmt.Println(err)
		return
	}
	l := &Local{House: house, Systems: NewSystems(cfg, builtin.Registry()), Log: slog.New(slog.DiscardHandler), Now: time.Now, Out: words[5]}
	l.Limits = fulfill.Limits{Batch: 100, RowsPerCollection: 10_000, Lease: shortLease, Backoff: 20 * time.Millisecond}
	e := l.executor()
	p := &pauser{at: words[4], requests: e.Requests, Work: e.Work, Holds: e.Holds}
	e.Requests, e.Work, e.Holds = pausingRequests{e.Requests, p}, p, p
	if err = e.Run(ctx, "default", words[3], false); errors.Is(err, request.ErrFenced) {
		err = errors.New("fenced")
	}
	fmt.Println("ended:", err)
}

// pauser stops this process once, before or after a call to the store.
type pauser struct {
	at       string
	once     sync.Once
	requests fulfill.Requests
	fulfill.Work
	fulfill.Holds
}

func (p *pauser) pause(point string) {
	if p.at == point {
		p.once.Do(func() {
			woken := make(chan os.Signal, 1)
			signal.Notify(woken, syscall.SIGCONT)
			fmt.Println("paused")
			_ = syscall.Kill(os.Getpid(), syscall.SIGSTOP)
			<-woken // the signal may stop this thread a moment later
		})
	}
}

func (p *pauser) Intend(ctx context.Context, l request.Lease, pr request.Progress, entry audit.Entry) error {
	p.pause("intent")
	err := p.Work.Intend(ctx, l, pr, entry)
	p.pause("batch")
	return err
}

func (p *pauser) Enter(ctx context.Context, l request.Lease, address string) (func(), error) {
	release, err := p.Holds.Enter(ctx, l, address)
	p.pause("commit")
	return release, err
}

func (p *pauser) Save(ctx context.Context, l request.Lease, pr request.Progress, outcomes []request.FieldOutcome, line request.LogLine, rest ...request.Chunk) error {
	switch {
	case len(rest) > 0:
		p.pause("chunk")
	case pr.Action == request.Erasure:
		p.pause("save")
	}
	return p.Work.Save(ctx, l, pr, outcomes, line, rest...)
}

type pausingRequests struct {
	fulfill.Requests
	p *pauser
}

func (r pausingRequests) Move(ctx context.Context, l request.Lease, turn request.Turn, entry audit.Entry) error {
	r.p.pause("end")
	return r.Requests.Move(ctx, l, turn, entry)
}

// TestProcessThatWasPausedWritesNothingInTheStoreAfterItWakes stops a process
// for longer than its lease; this one takes the request over and ends it.
func TestProcessThatWasPausedWritesNothingInTheStoreAfterItWakes(t *testing.T) { // R4, R1
	t.Parallel()
	for _, point := range []string{"chunk", "intent", "batch", "commit", "save", "end"} {
		t.Run(point, func(t *testing.T) {
			t.Parallel()
			c := startPaused(t, point)
			report := c.takeOver()
			before := c.store()
			if err := c.Process.Signal(syscall.SIGCONT); err != nil {
				t.Fatal(err)
			}
			if !c.said.Scan() || c.said.Text() != "ended: fenced" {
				t.Errorf("the paused process says %q", c.said.Text())
			}
			c.equal("the store after it woke", c.store(), before)
			c.exactly(report)
		})
	}
}

// TestProcessThatWasKilledIsTakenOver is the same with kill -9.
func TestProcessThatWasKilledIsTakenOver(t *testing.T) { // R1
	t.Parallel()
	for _, point := range []string{"chunk", "intent", "batch", "commit", "save", "end"} {
		t.Run(point, func(t *testing.T) {
			t.Parallel()
			c := startPaused(t, point)
			if err := c.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			c.exactly(c.takeOver())
		})
	}
}

// paused is another process that has stopped, and this one, with a request.
type paused struct {
	*desk
	*exec.Cmd
	said *bufio.Scanner
	id   string
	raw  *sql.DB // our store, past it
}

func startPaused(t *testing.T, point string) paused {
	w := newPost(t, "postgres", "postgres")
	const limit = "&idle_in_transaction_session_timeout=2000" // of a process that does not answer, in the middle of a commit
	w.house.Database += limit
	w.with(limit[1:])
	w.limits.Lease, w.limits.Attempts = shortLease, 20
	d := w.open()
	id := d.submit("erasure", "anna@example.com")
	data := filepath.Join(w.dir, "other")
	key, err := os.ReadFile(filepath.Join(w.house.Data, "master.key"))
	if err = errors.Join(err, os.Mkdir(data, 0o700), os.WriteFile(filepath.Join(data, "master.key"), key, 0o600)); err != nil {
		t.Fatal(err)
	}
	c := exec.Command(os.Args[0])
	c.Env = append(os.Environ(), pausedChild+"="+strings.Join([]string{data, w.house.Database, filepath.Join(w.dir, "config"), id, point, w.out}, " "))
	c.Stderr = os.Stderr
	out, err := c.StdoutPipe()
	if err == nil {
		err = c.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Process.Kill(); _ = c.Wait() })
	said := bufio.NewScanner(out)
	if !said.Scan() || said.Text() != "paused" {
		t.Fatalf("the other process says %q", said.Text())
	}
	raw, err := sql.Open("pgx", w.house.Database)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = raw.Close() })
	return paused{d, c, said, id, raw}
}

// takeOver carries the request on as soon as the lease has run out.
func (p paused) takeOver() fulfill.Report {
	p.t.Helper()
	for {
		report, err := p.Local.Run(p.t.Context(), p.id)
		switch {
		case err == nil:
			return report
		case !errors.Is(err, request.ErrLeased):
			p.t.Fatalf("%v\n%s", err, p.log)
		}
		<-time.After(50 * time.Millisecond)
	}
}

// store gives a digest of each table.
func (p paused) store() map[string]string {
	p.t.Helper()
	rows, err := p.raw.Query("SELECT table_name FROM information_schema.tables WHERE table_schema = 'public' AND table_type = 'BASE TABLE'")
	if err != nil {
		p.t.Fatal(err)
	}
	defer rows.Close()
	tables := map[string]string{}
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			p.t.Fatal(err)
		}
		tables[name] = ""
	}
	if err := rows.Err(); err != nil {
		p.t.Fatal(err)
	}
	for name := range tables {
		var digest string
		if err := p.raw.QueryRow(`SELECT count(*) || ' ' || COALESCE(md5(string_agg(t::text, ',' ORDER BY t::text)), '') FROM ` + name + ` t`).Scan(&digest); err != nil {
			p.t.Fatal(err)
		}
		tables[name] = digest
	}
	return tables
}
