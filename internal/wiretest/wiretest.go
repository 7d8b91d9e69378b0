// Package wiretest gives tests a wire to a database server that fails as
// networks do: the answer to a commit is lost, an answer breaks off in the
// middle, answers are slow, or none comes at all. It understands just enough of
// the protocols of PostgreSQL and MariaDB to know a commit when it passes.
//
//	client ──> Wire ──────────────────────────> server
//	       <── Swallow, Break, Delay, Stall <──
package wiretest

import (
	"bytes"
	"context"
	"net"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Wire listens on a loopback port and passes connections on. Its fields may
// be set at any time.
type Wire struct {
	// Swallow is how many commits from now on are passed on and carried out by
	// the server, whereupon the connection ends without an answer.
	Swallow atomic.Int64
	// Break is after how many further bytes of answers, of all connections
	// together, the one that is at it ends; 0 never.
	Break atomic.Int64
	// Delay is how long each piece of an answer takes, in nanoseconds.
	Delay atomic.Int64
	// Swallowed and Broken count what has happened.
	Swallowed, Broken atomic.Int64

	server string
	mu     sync.Mutex
	stall  chan struct{} // closed when answers pass; nil while there is no stall
}

// New gives a wire to the server at a URL, and the URL that leads through it.
func New(t testing.TB, to string) (w *Wire, through string) {
	t.Helper()
	address, err := url.Parse(to)
	if err != nil {
		t.Fatal(err)
	}
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	w = &Wire{server: address.Host}
	go w.accept(t.Context(), l)
	address.Host = l.Addr().String()
	return w, address.String()
}

// Stall holds all answers back until the result is called.
func (w *Wire) Stall() (pass func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	stall := make(chan struct{})
	w.stall = stall
	return func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.stall = nil
		close(stall)
	}
}

func (w *Wire) accept(ctx context.Context, l net.Listener) {
	for {
		client, err := l.Accept()
		if err != nil {
			return // the test has ended
		}
		server, err := (&net.Dialer{}).DialContext(ctx, "tcp", w.server)
		if err != nil { // it is being restarted: so it looks to the client, too
			_ = client.Close()
			continue
		}
		var hangUp atomic.Bool
		go w.answers(client, server, &hangUp)
		go w.asks(client, server, &hangUp)
	}
}

// commits are the messages that commit, with the lengths before them: "commit"
// as pgx sends it, and as the MySQL driver does.
var commits = [][]byte{[]byte("Q\x00\x00\x00\x0bcommit\x00"), []byte("\x07\x00\x00\x00\x03COMMIT")}

func (w *Wire) asks(client, server net.Conn, hangUp *atomic.Bool) {
	defer func() { _ = server.Close() }()
	buffer := make([]byte, 64<<10)
	for {
		n, err := client.Read(buffer)
		if err != nil {
			return
		}
		if w.Swallow.Load() > 0 && (bytes.Contains(buffer[:n], commits[0]) || bytes.Contains(buffer[:n], commits[1])) {
			w.Swallow.Add(-1)
			hangUp.Store(true)
		}
		if _, err := server.Write(buffer[:n]); err != nil {
			return
		}
	}
}

func (w *Wire) answers(client, server net.Conn, hangUp *atomic.Bool) {
	defer func() { _ = client.Close() }()
	buffer := make([]byte, 16<<10)
	for {
		n, err := server.Read(buffer)
		if err != nil {
			return
		}
		if hangUp.Load() {
			w.Swallowed.Add(1)
			return
		}
		w.wait()
		pass, breaks := w.share(int64(n))
		if _, err := client.Write(buffer[:pass]); err != nil || breaks {
			return
		}
	}
}

func (w *Wire) wait() {
	if d := w.Delay.Load(); d > 0 {
		<-time.After(time.Duration(d))
	}
	w.mu.Lock()
	stall := w.stall
	w.mu.Unlock()
	if stall != nil {
		<-stall
	}
}

// share takes n bytes of an answer from what may pass before Break.
func (w *Wire) share(n int64) (pass int64, breaks bool) {
	for {
		left := w.Break.Load()
		switch {
		case left == 0:
			return n, false
		case n < left:
			if w.Break.CompareAndSwap(left, left-n) {
				return n, false
			}
		case w.Break.CompareAndSwap(left, 0):
			w.Broken.Add(1)
			return left, true
		}
	}
}
