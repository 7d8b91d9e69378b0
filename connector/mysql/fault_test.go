package mysql_test

import (
	"context"
	"database/sql"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"volenti.dev/volenti/connector"
	"volenti.dev/volenti/connector/mysql"
	"volenti.dev/volenti/internal/mariadbtest"
)

// people is a shop with n rows in table t.
func people(t *testing.T, n int) *shop {
	t.Helper()
	return tables(t, "CREATE TABLE t (id integer PRIMARY KEY, name text)",
		fmt.Sprintf("INSERT INTO t SELECT seq, repeat('x', 1000) FROM seq_1_to_%d", n))
}

// masking is a batch over the first n rows of people.
func (s *shop) masking(n int) connector.Batch {
	b := s.batch("t", []string{"id"}, []string{"name"})
	for i := 1; i <= n; i++ {
		b.Changes = append(b.Changes, connector.Change{Key: connector.Tuple{i}, Before: connector.Row{"name": strings.Repeat("x", 1000)}, After: connector.Row{"name": fmt.Sprint("M", i)}})
	}
	return b
}

// through opens the shop with other secrets.
func (s *shop) through(address string) full {
	s.t.Helper()
	c := open(s.t, address, false).(full)
	s.t.Cleanup(func() { _ = c.Close() })
	return c
}

func transient(t *testing.T, err error, code string) {
	t.Helper()
	if connector.KindOf(err) != connector.Transient || !strings.Contains(err.Error(), code) {
		t.Errorf("%v, want a transient error that says %s", err, code)
	}
}

func TestServerThatDiesInMidReadIsARetryableError(t *testing.T) { // R6
	s := people(t, 20000)
	var ids []any
	for i := range 20000 {
		ids = append(ids, i+1)
	}
	read := connector.Read{Table: s.table("t"), Columns: []string{"name"}, Where: []connector.Match{match("id", ids...)}}
	n := 0
	_, err := s.Read(t.Context(), read, func(connector.Row) error {
		if n++; n == 1 {
			mariadbtest.Restart(t)
		}
		return nil
	})
	if err == nil || !connector.Retryable(err) {
		t.Fatalf("after %d rows: %v", n, err)
	}
	if got, err := s.Read(t.Context(), read, func(connector.Row) error { return nil }); err != nil || got.Rows != 20000 {
		t.Errorf("read again: %d rows, %v", got.Rows, err)
	}
}

func TestServerThatDiesBeforeTheCommitWritesNothing(t *testing.T) { // R6
	s := people(t, 2)
	batch := s.masking(2)
	batch.Guard = func(context.Context) error { mariadbtest.Restart(t); return nil }
	if _, err := s.Mask(t.Context(), batch); err == nil || !connector.Retryable(err) {
		t.Fatalf("%v, want a retryable error", err)
	}
	batch.Guard = nil
	out, err := s.Mask(t.Context(), batch)
	s.wants(out, err, connector.Changed, connector.Changed)
}

// proxy passes connections on to the server until it reads cut from the
// client; what the server answers to that is waited for and never handed on.
func proxy(t *testing.T, to, cut string) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var open sync.WaitGroup
	t.Cleanup(func() { _ = l.Close(); open.Wait() })
	open.Go(func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			server, err := net.Dial("tcp", to)
			if err != nil {
				t.Error(err)
				return
			}
			var last sync.Mutex // held while an answer must not be handed on
			open.Go(func() {
				defer func() { _ = client.Close(); _ = server.Close() }()
				b := make([]byte, 1<<16)
				for {
					n, err := client.Read(b)
					if err != nil {
						return
					}
					if strings.Contains(string(b[:n]), cut) {
						last.Lock()
					}
					if _, err := server.Write(b[:n]); err != nil {
						return
					}
				}
			})
			open.Go(func() {
				defer func() { _ = client.Close(); _ = server.Close() }()
				b := make([]byte, 1<<16)
				for {
					n, err := server.Read(b)
					if err != nil || !last.TryLock() {
						return
					}
					_, err = client.Write(b[:n])
					last.Unlock()
					if err != nil {
						return
					}
				}
			})
		}
	})
	return l.Addr().String()
}

func TestConnectionThatIsCutAfterTheCommitWasSentIsTriedAgain(t *testing.T) { // R6
	s := people(t, 600)
	u, err := url.Parse(s.url)
	if err != nil {
		t.Fatal(err)
	}
	u.RawQuery = "ssl-mode=DISABLED" // or the proxy would not see what it is to cut
	straight := u.Host
	u.Host = proxy(t, straight, "\x03COMMIT")
	cut := s.through(u.String())
	_, err = cut.Mask(t.Context(), s.masking(600))
	transient(t, err, "connection was lost")
	out, err := s.Mask(t.Context(), s.masking(600))
	s.wants(out, err, slices.Repeat([]connector.Status{connector.AlreadyDone}, 600)...)

	u.Host = proxy(t, straight, "UPDATE `t` AS")
	s.exec("UPDATE t SET name = repeat('x', 1000)")
	_, err = s.through(u.String()).Mask(t.Context(), s.masking(600))
	transient(t, err, "connection was lost")
	out, err = s.Mask(t.Context(), s.masking(600))
	s.wants(out, err, slices.Repeat([]connector.Status{connector.Changed}, 600)...)
}

// hold begins a transaction that holds a row.
func (s *shop) hold(id int) *sql.Tx {
	s.t.Helper()
	tx, err := mariadbtest.Open(s.t, s.url).BeginTx(s.t.Context(), nil)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = tx.Rollback() })
	if _, err := tx.Exec("UPDATE t SET name = concat(name, 'y') WHERE id = ?", id); err != nil {
		s.t.Fatal(err)
	}
	return tx
}

func TestTimeLimitsAreTransient(t *testing.T) { // R6
	s := people(t, 1)
	s.hold(1)
	for limits, code := range map[string]string{
		"lock_wait_timeout=1":                        "1205",
		"lock_wait_timeout=100&max_statement_time=1": "1969",
	} {
		_, err := s.through(s.url+"?"+limits).Mask(t.Context(), s.masking(1))
		transient(t, err, code)
	}
}

func TestDeadlockIsTransient(t *testing.T) { // R6
	s := people(t, 2)
	holder := s.hold(2)
	failed := make(chan error, 1)
	go func() {
		_, err := s.Mask(t.Context(), s.masking(2))
		failed <- err
	}()
	watch := mariadbtest.Open(t, s.url)
	for waiting := 0; waiting == 0 && len(failed) == 0; {
		if err := watch.QueryRow("SELECT count(*) FROM information_schema.INNODB_TRX WHERE trx_state = 'LOCK WAIT'").Scan(&waiting); err != nil {
			t.Fatal(err)
		}
		<-time.After(200 * time.Millisecond) // the table is a copy, made anew when nobody has read it for 100 ms
	}
	if _, err := holder.Exec("UPDATE t SET name = 'x' WHERE id = 1"); err != nil {
		t.Fatal(err)
	}
	transient(t, <-failed, "1213 ER_LOCK_DEADLOCK")
}

func TestSessionThatIsEndedOnTheServerIsTransient(t *testing.T) { // R6
	s := people(t, 1)
	raw := mariadbtest.Open(t, s.url)
	raw.SetMaxOpenConns(1)
	batch := s.masking(1)
	batch.Guard = func(context.Context) error {
		var kills string
		query := "SELECT group_concat(concat('KILL ', ID) SEPARATOR ';') FROM information_schema.PROCESSLIST WHERE DB = DATABASE() AND ID <> CONNECTION_ID()"
		if err := raw.QueryRow(query).Scan(&kills); err != nil {
			return err
		}
		_, err := raw.Exec(kills)
		return err
	}
	_, err := s.Mask(t.Context(), batch)
	transient(t, err, "")
	s.equal("the row", s.column("t", "id", match("name", strings.Repeat("x", 1000))), []string{"1"})
}

func TestReadOnlySessionRefusesWritesItself(t *testing.T) { // D26
	s := tables(t, "CREATE TABLE t (id integer)",
		"CREATE FUNCTION grow() RETURNS integer MODIFIES SQL DATA BEGIN INSERT INTO t VALUES (1); RETURN 1; END",
		"CREATE VIEW sly AS SELECT grow() AS id")
	for _, readOnly := range []bool{true, false} { // reads are read-only transactions anyway
		c := open(t, s.url, readOnly).(full)
		_, err := c.Read(t.Context(), connector.Read{Table: s.table("sly"), Columns: []string{"id"}, Where: []connector.Match{match("id", 1)}}, nil)
		if connector.KindOf(err) != connector.Denied || !strings.Contains(err.Error(), "1792") {
			t.Errorf("read only %v: %v", readOnly, err)
		}
		if _, err := c.Size(t.Context(), s.table("sly").Name); readOnly && connector.KindOf(err) != connector.Denied {
			t.Errorf("the session may write: %v", err)
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestWhoCannotConnectIsToldWhyWithoutTheSecret(t *testing.T) { // D26
	s := people(t, 1)
	database := s.url[strings.LastIndex(s.url, "/")+1:]
	clerk := "clerk_" + database
	s.exec("CREATE USER "+clerk+" IDENTIFIED BY 'hunter2:/?#'", "GRANT SELECT ON t TO "+clerk)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := listener.Addr().String()
	_ = listener.Close()
	as := func(user, password string) string {
		return strings.Replace(s.url, "root@", url.UserPassword(user, password).String()+"@", 1)
	}
	for address, want := range map[string]connector.Kind{
		"mysql://clerk:hunter2@" + nobody + "/x":                          connector.Unreachable,
		"mysql://clerk:hunter2@no-such-host.invalid/x":                    connector.Unreachable,
		as("nobody", "hunter2"):                                           connector.Denied,
		as(clerk, "hunter2"):                                              connector.Denied,
		strings.Replace(as(clerk, "hunter2:/?#"), database, "hunter2", 1): connector.Denied, // a database is not shown to those who may not see it
		strings.Replace(s.url, database, "hunter2", 1):                    connector.Permanent,
		s.url + "?ssl-mode=VERIFY_IDENTITY":                               connector.Permanent,
		as(clerk, "hunter2:/?#"):                                          "",
	} {
		c := s.through(address)
		err := c.Test(t.Context())
		if want == "" {
			got, describeErr := c.Describe(t.Context())
			if err != nil || describeErr != nil {
				t.Fatal(err, describeErr)
			}
			s.equal("what a reader is told", got, s.schema)
			want = connector.Denied // may read, may not write
			_, err = c.Mask(t.Context(), s.masking(1))
		}
		if connector.KindOf(err) != want || err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

func TestWhatAURLMustNotSayIsNamedWithoutTheSecret(t *testing.T) {
	for address, want := range map[string]string{
		"":                                                 "must be mysql://",
		"postgres://u:hunter2@h/d":                         "must be mysql://",
		"mysql://u:hunter2@%zz/d":                          "must be mysql://",
		"mysql://u:hunter2@h":                              "must be mysql://",
		"mysql://u:hunter2@h/":                             "must be mysql://",
		"mysql://u:hunter2@h/d/e":                          "must be mysql://",
		"mysql://u:hunter2@/d":                             "must be mysql://",
		"mysql://u:hunter2@h/d?tls=hunter2":                `"tls", which is not known: use lock_wait_timeout, `,
		"mysql://u:hunter2@h/d?ssl-mode=hunter2":           "ssl-mode",
		"mysql://u:hunter2@h/d?ssl-ca=/hunter2":            "ssl-ca",
		"mysql://u:hunter2@h/d?ssl-key=/hunter2":           "ssl-cert and ssl-key",
		"mysql://u:hunter2@h/d?max_statement_time=hunter2": "max_statement_time that is no number of seconds",
		"mysql://u:hunter2@h/d?lock_wait_timeout=0":        "lock_wait_timeout that is no number of seconds",
	} {
		_, err := mysql.Open(connector.Settings{Key: "shop", Secrets: map[string]string{"url": address}})
		if err == nil || strings.Contains(err.Error(), "hunter2") || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", address, err, want)
		}
	}
}

func TestTLSIsUsedAndCheckedAsTheURLSays(t *testing.T) {
	s := tables(t, "CREATE SQL SECURITY INVOKER VIEW tls AS SELECT 1 AS id, VARIABLE_VALUE AS cipher FROM information_schema.SESSION_STATUS WHERE VARIABLE_NAME = 'SSL_CIPHER'")
	ca := mariadbtest.Authority(t)
	elsewhere := strings.Replace(s.url, "127.0.0.1", "localhost", 1) // another name of the same server
	for address, want := range map[string]string{
		s.url:                         "encrypted",
		s.url + "?ssl-mode=PREFERRED": "encrypted",
		s.url + "?ssl-mode=required":  "encrypted",
		s.url + "?ssl-mode=DISABLED":  "plain",
		s.url + "?ssl-mode=VERIFY_IDENTITY&ssl-ca=" + ca:     "encrypted",
		s.url + "?ssl-mode=VERIFY_CA&ssl-ca=" + ca:           "encrypted",
		elsewhere + "?ssl-mode=VERIFY_CA&ssl-ca=" + ca:       "encrypted",
		elsewhere + "?ssl-mode=VERIFY_IDENTITY&ssl-ca=" + ca: "certificate",
		s.url + "?ssl-mode=VERIFY_IDENTITY":                  "certificate",
		s.url + "?ssl-mode=VERIFY_CA":                        "certificate",
	} {
		got := ""
		read := connector.Read{Table: s.table("tls"), Columns: []string{"cipher"}, Where: []connector.Match{match("id", 1)}}
		_, err := s.through(address).Read(t.Context(), read, func(r connector.Row) error {
			got = map[bool]string{true: "plain", false: "encrypted"}[r["cipher"] == ""]
			return nil
		})
		if err != nil {
			got = err.Error()
		}
		if !strings.Contains(got, want) || err != nil && connector.KindOf(err) != connector.Permanent {
			t.Errorf("%s: %s (%v), want %s", strings.TrimPrefix(address, s.url), got, connector.KindOf(err), want)
		}
	}
}

// Without an index the server looks at every row; it must hold only those that
// were found, or the shop would stand still meanwhile.
func TestRowsOfOthersAreNotHeld(t *testing.T) { // D23
	s := tables(t, "CREATE TABLE t (id integer PRIMARY KEY, name varchar(20))", "INSERT INTO t VALUES (1, 'anna'), (2, 'ben')")
	other := mariadbtest.Open(t, s.url)
	batch := s.batch("t", []string{"name"}, []string{"name"}, connector.Change{Key: connector.Tuple{"anna"}, Before: connector.Row{"name": "anna"}, After: connector.Row{"name": "M"}})
	batch.Guard = func(ctx context.Context) error {
		_, err := other.ExecContext(ctx, "SET STATEMENT innodb_lock_wait_timeout = 1 FOR UPDATE t SET name = 'carl' WHERE id = 2")
		return err
	}
	out, err := s.Mask(t.Context(), batch)
	s.wants(out, err, connector.Changed)
}
