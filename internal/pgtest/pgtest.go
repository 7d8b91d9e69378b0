// Package pgtest gives tests a real PostgreSQL. Each test process that asks
// for a database starts one server of its own on a free loopback port, with
// durability switched on as in production; each URL is a new empty database
// on it. The server stops when the process ends, also by kill -9.
//
//	func TestMain(m *testing.M) { os.Exit(pgtest.Run(m)) }
//
//	func TestSomething(t *testing.T) {
//		url := pgtest.URL(t)
//		...
//	}
package pgtest

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// patience is how long a statement of this package may take on a busy machine.
const patience = 2 * time.Minute

// shared is the server of this test process. It is the one variable of the
// package because TestMain and the tests have nothing else in common.
var shared struct {
	mu        sync.Mutex
	server    *server
	err       error // why it did not start; not tried again
	databases int
}

// Run runs the tests and stops the server, if one was started. It returns the
// code to exit with.
func Run(m *testing.M) int {
	code := m.Run()
	shared.mu.Lock()
	defer shared.mu.Unlock()
	if shared.server != nil {
		shared.server.Stop()
	}
	return code
}

// URL makes an empty database and returns its address. The database is
// dropped, with whatever is still connected to it, when the test ends.
func URL(t testing.TB) string {
	t.Helper()
	return copied(t, "template0")
}

// Model is what many databases of one process begin as.
type Model struct {
	// Prepare fills an empty database, once, and leaves no connection to it.
	Prepare func(url string) error

	once sync.Once
	name string
	err  error
}

// URL is as the function URL, but of a copy of what Prepare has made.
func (m *Model) URL(t testing.TB) string {
	t.Helper()
	s, n := start(t)
	m.once.Do(func() {
		m.name = fmt.Sprintf("model_%d", n)
		if m.err = s.exec("CREATE DATABASE " + m.name + " TEMPLATE template0"); m.err == nil {
			m.err = m.Prepare(s.url(m.name))
		}
	})
	if m.err != nil {
		t.Fatalf("prepare a database to copy: %v", m.err)
	}
	return copied(t, m.name)
}

// copied makes a copy of a database, for as long as the test runs.
func copied(t testing.TB, from string) string {
	t.Helper()
	s, n := start(t)
	name := fmt.Sprintf("test_%d", n)
	if err := s.exec("CREATE DATABASE " + name + " TEMPLATE " + from); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.exec("DROP DATABASE " + name + " WITH (FORCE)"); err != nil {
			t.Error(err)
		}
	})
	return s.url(name)
}

// Restart stops the server as a crash would (immediate mode: nothing is
// flushed, every connection breaks) and returns when it answers again on the
// same port. It hits all tests of the process: do not call it in parallel ones.
func Restart(t testing.TB) {
	t.Helper()
	s, _ := start(t)
	if err := s.Command("restart"); err != nil {
		t.Fatal(err)
	}
}

// start gives the server, started on first use, and the next database number.
func start(t testing.TB) (*server, int) {
	t.Helper()
	shared.mu.Lock()
	defer shared.mu.Unlock()
	if shared.server == nil && shared.err == nil {
		shared.server, shared.err = newServer()
	}
	if shared.err != nil {
		t.Fatalf("start postgresql: %v", shared.err)
	}
	shared.databases++
	return shared.server, shared.databases
}

func (s *server) url(database string) string {
	return fmt.Sprintf("postgres://postgres@127.0.0.1:%d/%s?sslmode=disable", s.Port, database)
}

func (s *server) exec(statement string) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	conn, err := pgx.Connect(ctx, s.url("postgres"))
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	defer func() { _ = conn.Close(ctx) }()
	if _, err := conn.Exec(ctx, statement); err != nil {
		return fmt.Errorf("%s: %w", statement, err)
	}
	return nil
}
