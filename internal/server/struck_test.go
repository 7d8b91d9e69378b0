package server

import (
	"bufio"
	"database/sql"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"volenti.dev/volenti/api"
	"volenti.dev/volenti/auth"
	"volenti.dev/volenti/internal/store"
	"volenti.dev/volenti/internal/store/storetest"
	"volenti.dev/volenti/request"
)

// struck is a site on which the program serves, killed at a crash point.
type struck struct {
	*site
	binary string
	data   string
	at     atomic.Value // the server's address as it is now
}

// newStruck applies what a world is configured as. The store is open from here only while
// prepare runs.
func newStruck(t *testing.T, w *world, prepare func(*site)) *struck {
	binary, err := crashing()
	if err != nil {
		t.Fatal(err)
	}
	p := &struck{site: &site{t: t, log: w.log, world: w}, binary: binary, data: filepath.Join(w.dir, "data")}
	closed := p.openStore()
	w.apply(&storeOf{p.db.DB, store.DefaultTenant})
	p.key = p.makeKey(store.DefaultTenant, time.Time{}, auth.Scopes()...)
	prepare(p.site)
	closed()
	return p
}

// openStore opens the store from here, where no server may have it open.
func (p *struck) openStore() (closed func()) {
	p.t.Helper()
	house, err := Open(p.t.Context(), Config{Data: p.data, Database: p.world.house.Database, MasterKey: childsKey})
	p.must(err)
	p.db = &storetest.Database{DB: house.Store}
	return func() { p.must(house.Close()) }
}

// serve starts the server, which is killed at a crash point; "" for none.
func (p *struck) serve(crash string) *exec.Cmd {
	p.t.Helper()
	process := exec.Command(p.binary, "serve", "--data", p.data, "--listen", "127.0.0.1:0", "--allow-private-webhooks")
	process.Env = append(os.Environ(), "VOLENTI_CRASH="+crash, "VOLENTI_MASTER_KEY="+childsKey, "VOLENTI_DATABASE="+p.world.house.Database)
	process.Stderr = p.log
	out, err := process.StdoutPipe()
	p.must(err)
	p.must(process.Start())
	p.t.Cleanup(func() { _ = process.Process.Kill(); _ = process.Wait() })
	said := bufio.NewScanner(out)
	if !said.Scan() {
		p.t.Fatalf("the server says nothing:\n%s", p.log)
	}
	p.url = strings.TrimPrefix(said.Text(), "Volenti answers on ")
	p.at.Store(p.url)
	return process
}

// killedAt carries a request out, on a server that is killed once and started again, or
// never.
func (p *struck) killedAt(crash, policy string, end request.Status) (api.RequestWithReport, *exec.Cmd) {
	p.t.Helper()
	server := p.serve(crash)
	r := p.submit(policy, "anna@example.com")
	if crash == "" {
		p.approve(r)
		return p.await(r.ID, end), server
	}
	p.sendAndDie("/api/v1/requests/"+r.ID+"/approve", `{"plan_hash":"`+r.PlanHash+`"}`, "application/json")
	var ended *exec.ExitError
	if err := server.Wait(); !errors.As(err, &ended) || ended.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
		p.t.Fatalf("it was to be killed at %s, and ended with %v\n%s", crash, err, p.log)
	}
	p.world.leasesEnd()
	server = p.serve("")
	return p.await(r.ID, end), server
}

// leasesEnd lets the leases of a dead server run out at once. Where the store is one
// file, the next server does not wait for them.
func (w *world) leasesEnd() {
	w.t.Helper()
	if w.house.Database == "" {
		return
	}
	db, err := sql.Open("pgx", w.house.Database)
	if err == nil {
		_, err = db.ExecContext(w.t.Context(), `UPDATE requests SET lease_until = 0`)
		err = errors.Join(err, db.Close())
	}
	if err != nil {
		w.t.Fatal(err)
	}
}
