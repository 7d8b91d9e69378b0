package server

import (
	"database/sql"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"volenti.dev/volenti/connector"
	"volenti.dev/volenti/internal/wiretest"
	"volenti.dev/volenti/request"
	"volenti.dev/volenti/request/fulfill"
)

// servers are the kinds of target that several sessions write to at once.
func servers(t *testing.T, test func(t *testing.T, w *world)) {
	for _, target := range []string{"postgres", "mysql"} {
		t.Run(target, func(t *testing.T) { test(t, newPost(t, "sqlite", target)) })
	}
}

// with adds parameters to the target's URL.
func (w *world) with(parameters string) {
	divider := "?"
	if strings.Contains(w.url, "?") {
		divider = "&"
	}
	w.url += divider + parameters
	w.configure(postDataset, postPolicy)
}

// until waits until the log says something.
func (w *world) until(said string) {
	for !strings.Contains(w.log.String(), said) {
		<-time.After(5 * time.Millisecond)
	}
}

// hold begins another writer's transaction.
func (w *world) hold(statements ...string) *sql.Tx {
	tx, err := w.db.BeginTx(w.t.Context(), nil)
	if err != nil {
		w.t.Error(err)
		return nil
	}
	for _, s := range statements {
		if _, err := tx.Exec(s); err != nil {
			w.t.Error(err)
		}
	}
	return tx
}

// blocked waits until somebody waits for a lock.
func (w *world) blocked() {
	question := "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
	if w.target == "mysql" {
		question = "SELECT count(*) FROM information_schema.INNODB_TRX WHERE trx_state = 'LOCK WAIT'"
	}
	for {
		var n int
		if err := w.db.QueryRow(question).Scan(&n); err != nil || n > 0 {
			return
		}
		<-time.After(150 * time.Millisecond) // InnoDB shows the same again to who asks again within 100 ms
	}
}

// TestDeadlockIsTriedAgainAndCountsOnce has another writer hold a row in the
// middle of a batch, and then reach for one that the batch has locked before.
func TestDeadlockIsTriedAgainAndCountsOnce(t *testing.T) { // R6
	t.Parallel()
	servers(t, func(t *testing.T, w *world) {
		code, heavy := "40P01", "SET LOCAL deadlock_timeout = '60s'" // that the other's comes first
		if w.target == "postgres" {
			w.with("deadlock_timeout=1500&lock_timeout=20000")
		} else {
			code, heavy = "1213", "UPDATE letter SET stamp = 1 WHERE id > 10000" // who has written less gives way
		}
		done := make(chan error, 1)
		w.tell = func(e fulfill.Event) {
			if e.Step != "erasure" {
				return
			}
			tx := w.hold(heavy, "UPDATE letter SET stamp = 1 WHERE id = 150")
			go func() {
				w.blocked()
				_, err := tx.Exec("UPDATE letter SET stamp = 1 WHERE id = 101")
				if err == nil {
					err = tx.Commit()
				}
				done <- err
			}()
		}
		d := w.open()
		report := d.run("erasure", "anna@example.com")
		if err := <-done; err != nil {
			t.Errorf("the other writer: %v", err)
		}
		d.exactly(report)
		if !strings.Contains(w.log.String(), code) {
			t.Error("there was no deadlock")
		}
	})
}

func TestLockThatIsHeldTooLongIsTriedAgain(t *testing.T) { // R6
	t.Parallel()
	for name, c := range map[string]struct{ target, limits, code string }{
		"postgres, lock":      {"postgres", "lock_timeout=100", "55P03"},
		"postgres, statement": {"postgres", "lock_timeout=0&statement_timeout=300", "57014"},
		"mariadb, lock":       {"mysql", "lock_wait_timeout=1", "1205"},
		"mariadb, statement":  {"mysql", "lock_wait_timeout=50&max_statement_time=1", "1969"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newPost(t, "sqlite", c.target)
			w.with(c.limits)
			w.limits.Attempts = 20
			done := make(chan error, 1)
			w.tell = func(e fulfill.Event) {
				if e.Step == "erasure" {
					tx := w.hold("UPDATE letter SET stamp = 1 WHERE id = 150")
					go func() { w.until(c.code); done <- tx.Commit() }()
				}
			}
			d := w.open()
			d.exactly(d.run("erasure", "anna@example.com"))
			if err := <-done; err != nil {
				t.Error(err)
			}
		})
	}
}

// TestAnswerThatBreaksOffIsReadAnew ends the connection in the middle of the
// letters, twice.
func TestAnswerThatBreaksOffIsReadAnew(t *testing.T) { // R6
	t.Parallel()
	servers(t, func(t *testing.T, w *world) {
		var wire *wiretest.Wire
		wire, w.url = wiretest.New(t, w.url)
		w.configure(postDataset, postPolicy)
		breaks := 2
		w.tell = func(e fulfill.Event) {
			finds := e.Address == "shop:customer" && e.Action == request.Access && e.Status == request.Done
			fails := e.Action == request.Access && e.Status == request.Failed
			if (finds || fails) && breaks > 0 {
				breaks--
				wire.Break.Store(12_000)
			}
		}
		d := w.open()
		report := d.run("erasure", "anna@example.com")
		d.exactly(report)
		d.equal("answers that broke off", wire.Broken.Load(), int64(2))
		attempts := line(report, "shop:letter", request.Access).Attempts + line(report, "shop:slip", request.Access).Attempts
		d.equal("attempts at letters and slips", attempts, 4)
	})
}

// TestTargetThatAnswersSlowlyIsWaitedFor delays every answer, and holds all
// back for longer than the lease once.
func TestTargetThatAnswersSlowlyIsWaitedFor(t *testing.T) { // R6
	t.Parallel()
	servers(t, func(t *testing.T, w *world) {
		var wire *wiretest.Wire
		wire, w.url = wiretest.New(t, w.url)
		w.configure(postDataset, postPolicy)
		w.limits.Lease = 300 * time.Millisecond
		w.tell = func(e fulfill.Event) {
			if e.Step == "access" {
				wire.Delay.Store(int64(3 * time.Millisecond))
			}
			if e.Step == "erasure" {
				pass := wire.Stall()
				time.AfterFunc(3*w.limits.Lease, pass)
			}
		}
		d := w.open()
		report := d.run("erasure", "anna@example.com")
		wire.Delay.Store(0)
		d.exactly(report)
		if strings.Contains(w.log.String(), "will try again") {
			t.Error("it was not waited for")
		}
	})
}

// TestPermanentFailureStopsAtOnceAndCompletesWhenItIsMended hinders a request
// in ways that no waiting mends: it says why, after one try, what does not
// depend on it goes on, and the same request completes later.
func TestPermanentFailureStopsAtOnceAndCompletesWhenItIsMended(t *testing.T) { // R6, X11
	t.Parallel()
	for name, c := range map[string]struct {
		hinder, mend map[string]string // by target
		before       bool              // the start, or else in the middle of the letters
		kind         connector.Kind
	}{
		"wrong password": {
			hinder: map[string]string{"postgres": "ALTER ROLE {clerk} NOLOGIN", "mysql": "ALTER USER {clerk} IDENTIFIED BY 'other'"},
			mend:   map[string]string{"postgres": "ALTER ROLE {clerk} LOGIN", "mysql": "ALTER USER {clerk} IDENTIFIED BY 'secret'"},
			before: true, kind: connector.Denied,
		},
		"table gone": {
			hinder: map[string]string{"postgres": "ALTER TABLE letter RENAME TO away", "mysql": "ALTER TABLE letter RENAME TO away"},
			mend:   map[string]string{"postgres": "ALTER TABLE away RENAME TO letter", "mysql": "ALTER TABLE away RENAME TO letter"},
			kind:   connector.Drift,
		},
		"permission revoked": {
			hinder: map[string]string{"postgres": "REVOKE UPDATE ON letter FROM {clerk}", "mysql": "REVOKE UPDATE ON letter FROM {clerk}"},
			mend:   map[string]string{"postgres": "GRANT UPDATE ON letter TO {clerk}", "mysql": "GRANT UPDATE ON letter TO {clerk}"},
			kind:   connector.Denied,
		},
	} {
		t.Run(name, func(t *testing.T) {
			servers(t, func(t *testing.T, w *world) {
				clerk := w.clerk()
				run := func(script map[string]string) { w.exec(strings.ReplaceAll(script[w.target], "{clerk}", clerk) + ";\n") }
				w.at(func(e fulfill.Event) bool {
					return !c.before && e.Address == "shop:letter" && e.Action == request.Erasure && e.Status == request.Running
				}, strings.ReplaceAll(c.hinder[w.target], "{clerk}", clerk)+";\n")
				d := w.open()
				id := d.submit("erasure", "anna@example.com")
				if c.before {
					d.close()
					run(c.hinder)
					d = w.open()
				}
				report, err := d.Run(t.Context(), id)
				d.equal("kind and status", []any{connector.KindOf(err), report.Status}, []any{c.kind, request.Errored})
				if !c.before {
					letter, slip := line(report, "shop:letter", request.Erasure), line(report, "shop:slip", request.Erasure)
					d.equal("letters", []any{letter.Status, letter.RowsMasked, letter.Attempts}, []any{request.Failed, int64(100), 1})
					d.equal("slips", []any{slip.Status, slip.RowsMasked}, []any{request.Done, int64(slips)})
				}
				if report.Message == "" || strings.Contains(w.log.String(), "will try again") {
					t.Errorf("%q; or it was tried again", report.Message)
				}
				run(c.mend)
				report, err = d.Run(t.Context(), id)
				if err != nil {
					t.Fatal(err)
				}
				d.exactly(report)
			})
		})
	}
}

// clerk gives the target's URL a user who may do just what a request needs.
func (w *world) clerk() (name string) {
	w.t.Helper()
	u, err := url.Parse(w.url)
	if err != nil {
		w.t.Fatal(err)
	}
	role := "clerk_" + strings.TrimPrefix(u.Path, "/")
	u.User = url.UserPassword(role, "secret")
	if w.target == "mysql" {
		name = role + "@'127.0.0.1'"
		w.exec("CREATE USER " + name + " IDENTIFIED BY 'secret';\n")
		w.t.Cleanup(func() { w.exec("DROP USER " + name + ";\n") })
	} else {
		name = role
		w.exec("CREATE ROLE " + name + " LOGIN PASSWORD 'secret';\n")
		w.t.Cleanup(func() { w.exec("DROP OWNED BY " + name + ";\nDROP ROLE " + name + ";\n") })
	}
	for _, table := range []string{"customer", "letter", "slip"} {
		w.exec(fmt.Sprintf("GRANT SELECT, UPDATE, DELETE ON %s TO %s;\n", table, name))
	}
	w.url = u.String()
	w.configure(postDataset, postPolicy)
	return name
}
