package server

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/base64"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"volenti.dev/volenti/api"
	"volenti.dev/volenti/auth"
	"volenti.dev/volenti/config"
	"volenti.dev/volenti/connector/builtin"
	"volenti.dev/volenti/internal/mail"
	"volenti.dev/volenti/internal/store"
	"volenti.dev/volenti/internal/store/storetest"
	"volenti.dev/volenti/request"
	"volenti.dev/volenti/request/fulfill"
)

// servingChild makes this test binary a server; it holds "data database", the
// second "-" where there is none.
const servingChild = "SERVER_TEST_SERVING_CHILD"

var childsKey = base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{7}, 32)) // as storetest.Master

// serveInChild serves, with short leases, and says on which address.
func serveInChild() error {
	words := strings.Fields(os.Getenv(servingChild))
	house, err := Open(context.Background(), Config{Data: words[0], Database: strings.Trim(words[1], "-"), MasterKey: childsKey})
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println("http://" + listener.Addr().String())
	registry, public := builtin.Registry(), os.Getenv("VOLENTI_PUBLIC_URL")
	if _, err := os.Stat(filepath.Join(filepath.Dir(words[0]), "late")); err == nil {
		registry, public = answersLater(registry), "https://privacy.example.com"
	}
	s := &Server{
		House: house, Now: time.Now, Log: slog.New(slog.NewTextHandler(os.Stderr, nil)), limits: fulfill.Limits{Lease: 2 * time.Second},
		Configuration: config.Options{Registry: registry}, AllowPrivateWebhooks: true,
		Packages: cmp.Or(os.Getenv("VOLENTI_PACKAGES"), filepath.Join(words[0], "packages")), PublicURL: public,
	}
	if url := os.Getenv("VOLENTI_SMTP"); url != "" {
		if s.Mail, err = mail.Parse(url, "privacy@example.com"); err != nil {
			return err
		}
		s.letterLease = 2 * time.Second
	}
	return s.Serve(context.Background(), listener)
}

// child starts a server in a process of its own.
func (s *site) child(data, database string, env ...string) (url string, process *exec.Cmd) {
	s.t.Helper()
	self, err := os.Executable()
	s.must(err)
	process = exec.Command(self)
	process.Env = append(append(os.Environ(), env...), servingChild+"="+data+" "+database+"-")
	process.Stderr = s.log
	out, err := process.StdoutPipe()
	s.must(err)
	s.must(process.Start())
	s.t.Cleanup(func() { _ = process.Process.Kill(); _ = process.Wait() })
	said := bufio.NewScanner(out)
	if !said.Scan() {
		s.t.Fatalf("the server says nothing:\n%s", s.log)
	}
	return said.Text(), process
}

// crowd gives a shop on PostgreSQL with ten more customers, 100 to 109, that
// counts how often each is written.
func crowd(t *testing.T, store string) *world {
	w := newWorld(t, store, "postgres")
	w.exec(`INSERT INTO customer SELECT n, 'c' || n || '@example.com', 'Name ' || n FROM generate_series(100, 109) n;
INSERT INTO orders SELECT n * 10 + k, n, 'Weg ' || n FROM generate_series(100, 109) n, generate_series(0, 1) k;
CREATE TABLE written (id INTEGER);
CREATE FUNCTION written() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO written VALUES (NEW.id); RETURN NULL; END $$;
CREATE TRIGGER written AFTER UPDATE ON customer FOR EACH ROW EXECUTE FUNCTION written();
`)
	return w
}

// stall keeps the customers 103 to 106 from being written until release.
func (w *world) stall() (release func()) {
	w.t.Helper()
	tx, err := w.db.Begin()
	if err != nil {
		w.t.Fatal(err)
	}
	if _, err := tx.Exec("SELECT id FROM customer WHERE id BETWEEN 103 AND 106 FOR UPDATE"); err != nil {
		w.t.Fatal(err)
	}
	return func() {
		if err := tx.Rollback(); err != nil {
			w.t.Error(err)
		}
	}
}

// waitFor waits for a number in the target.
func (w *world) waitFor(query, want string) {
	w.t.Helper()
	for deadline := time.Now().Add(time.Minute); ; <-time.After(20 * time.Millisecond) {
		if got := w.table(query); slices.Equal(got, []string{want}) {
			return
		} else if time.Now().After(deadline) {
			w.t.Fatalf("%s gives %v, want %s\n%s", query, got, want, w.log)
		}
	}
}

const stalled = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"

// The server is killed while it has four of ten erasures in hand, with rows of
// theirs sent and not committed. An embedded one is started again; of two on
// one database, the other goes on when the lease has run out.
func TestKilledServersRequestsAreCarriedOutOnceInEffect(t *testing.T) { // R1, X2
	t.Parallel()
	bothStores(t, func(t *testing.T, kind string) {
		w := crowd(t, kind)
		s := &site{t: t, log: w.log, world: w}
		data := filepath.Join(w.dir, "data")
		house, err := Open(t.Context(), Config{Data: data, Database: w.house.Database, MasterKey: childsKey})
		s.must(err)
		s.db = &storetest.Database{DB: house.Store}
		w.apply(&storeOf{house.Store, store.DefaultTenant})
		s.key = s.makeKey(store.DefaultTenant, time.Time{}, auth.Scopes()...)
		s.must(house.Close())

		release := w.stall()
		url, first := s.child(data, w.house.Database)
		s.url = url
		var all []api.Request
		for n := 100; n < 110; n++ {
			all = append(all, s.submit("erasure", fmt.Sprintf("c%d@example.com", n)))
		}
		for _, r := range all {
			s.approve(r)
		}
		for _, r := range all[:3] {
			s.await(r.ID, request.Complete)
		}
		w.waitFor(stalled, "4")
		if w.house.Database != "" {
			s.url, _ = s.child(filepath.Join(w.dir, "other"), w.house.Database)
			for _, r := range all[7:] {
				s.await(r.ID, request.Complete)
			}
		}
		for _, r := range all[3:7] {
			s.await(r.ID, request.InProcessing)
		}
		s.must(first.Process.Kill())
		_ = first.Wait()
		release()
		if w.house.Database == "" {
			s.url, _ = s.child(data, "")
		}
		for _, r := range all {
			done := s.await(r.ID, request.Complete)
			for _, c := range done.Report.Collections {
				if c.Address == "shop:customer" && c.Action == "erasure" && (!c.Verified || c.RowsMasked+c.RowsAlready != 1) {
					t.Errorf("the report of %s: %+v", r.ID, c)
				}
			}
		}
		w.equal("each is written once", w.table("SELECT count(*), count(DISTINCT id), min(id), max(id) FROM written"), []string{"10|10|100|109"})
		w.equal("all is masked", w.table("SELECT count(*) FROM customer JOIN orders ON customer_id = id WHERE id >= 100 AND (name IS NOT NULL OR street IS NOT NULL)"), []string{"0"})
		w.equal("others are not", w.table("SELECT name FROM customer WHERE id < 100 ORDER BY id"), []string{"Anna", "Ben", "Cleo"})
	})
}

func TestServerThatStopsHandsItsWorkBack(t *testing.T) { // R8
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		s := newSite(t, db)
		s.world = crowd(t, "sqlite")
		s.openShop()
		release := s.world.stall()
		defer release()
		r := s.submit("erasure", "c103@example.com")
		s.approve(r)
		s.world.waitFor(stalled, "1")
		due := func() []string {
			ids, err := db.Requests().Due(t.Context(), store.DefaultTenant, "another", false, 10)
			s.must(err)
			return ids
		}
		s.world.equal("while it is carried out", len(due()), 0)
		s.stop()
		s.must(<-s.ended)
		s.world.equal("when the server has stopped", due(), []string{r.ID})
		again, err := db.Requests().Get(t.Context(), store.DefaultTenant, r.ID)
		s.must(err)
		if again.Status != request.InProcessing || again.Step != "erasure" || again.Message != "" {
			t.Errorf("it stands at %+v", again)
		}
	})
}

func TestServerLeavesTheCommandLinesRequestsAlone(t *testing.T) {
	t.Parallel()
	s := newSite(t, storetest.SQLite(t))
	s.openShop()
	theirs := s.makeRequest(store.DefaultTenant, "access", request.Approved)
	r := s.submit("access", "anna@example.com")
	s.approve(r)
	s.await(r.ID, request.Complete)
	s.await(theirs, request.Approved)
}

// At most so many requests are carried out at once, and the tenants take turns.
func TestTenantsTakeTurns(t *testing.T) { // X2
	t.Parallel()
	s := newSite(t, storetest.SQLite(t))
	s.world = crowd(t, "sqlite")
	s.openShop()
	release := s.world.stall()
	for n := 103; n <= 106; n++ {
		for range 2 {
			s.approve(s.submit("erasure", fmt.Sprintf("c%d@example.com", n)))
		}
	}
	s.world.waitFor(stalled, "4")
	s.key = s.makeKey(otherTenant, time.Time{}, auth.Scopes()...)
	theirs := s.submit("access", "anna@example.com")
	s.approve(theirs)
	var page api.RequestPage
	s.ask("GET", "/api/v1/requests?status=approved", "", http.StatusOK, &page)
	s.world.equal("it waits", len(page.Items), 1)
	w := &worker{house: &House{Store: s.db.DB}, owner: "x", log: slog.New(slog.DiscardHandler)}
	next := w.look(t.Context(), map[job]bool{})
	if len(next) != mostRequests || next[1] != (job{otherTenant, theirs.ID}) {
		t.Errorf("next are %v", next)
	}
	release()
	s.await(theirs.ID, request.Complete)
}
