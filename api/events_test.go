package api

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"volenti.dev/volenti/auth"
	"volenti.dev/volenti/webhook"
)

// oneKey is the only key there is.
type oneKey struct{ auth.Key }

func (k oneKey) Find(context.Context, string) ([]auth.Key, error) { return []auth.Key{k.Key}, nil }

// quiet has one event and then no more.
type quiet struct{}

func (quiet) After(_ context.Context, _ string, after int64, _ int) ([]webhook.Event, error) {
	if after >= 7 {
		return nil, nil
	}
	return []webhook.Event{{ID: "e", Type: webhook.ConsentGranted, Sequence: 7}}, nil
}

func (quiet) Changed(string) <-chan struct{} { return nil }

// pipes is a listener whose connections have no buffer and no real clock.
type pipes chan net.Conn

func (p pipes) Accept() (net.Conn, error) {
	c, ok := <-p
	if !ok {
		return nil, net.ErrClosed
	}
	return c, nil
}
func (p pipes) Close() error   { return nil }
func (p pipes) Addr() net.Addr { return &net.TCPAddr{} }

// ask opens a stream and gives the client's end.
func (p pipes) ask(t *testing.T, token, query string) net.Conn {
	t.Helper()
	client, server := net.Pipe()
	p <- server
	if _, err := io.WriteString(client, "GET /api/v1/events/stream"+query+" HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer "+token+"\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	return client
}

// A stream outlives the limits of short answers as long as it is read, and is
// cut when it is not.
func TestStreamLastsForThoseWhoReadIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		key, token, err := auth.New("default", "", []auth.Scope{auth.ReadEvents}, time.Time{}, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		a := New(Config{
			Keys: oneKey{key}, Events: quiet{}, Log: slog.New(slog.DiscardHandler),
			Now: time.Now, NewID: func() string { return "id" }, Unavailable: func(error) bool { return false },
		}, Table())
		server := &http.Server{Handler: a, ReadTimeout: 30 * time.Second, WriteTimeout: time.Minute}
		listener := make(pipes)
		served := make(chan error)
		go func() { served <- server.Serve(listener) }()
		began := time.Now()

		reader := listener.ask(t, token, "")
		reading := make(chan string, 1000)
		go func() {
			defer close(reading)
			for lines := bufio.NewScanner(reader); lines.Scan(); {
				reading <- lines.Text()
			}
		}()
		idle := listener.ask(t, token, "?after=7")
		gone := make(chan time.Duration)
		go func() {
			<-time.After(stallTime + time.Second)
			_, err := io.ReadAll(idle)
			if err != nil {
				t.Error(err)
			}
			gone <- time.Since(began)
		}()
		if took := <-gone; took != stallTime+time.Second {
			t.Errorf("who does not read was cut after %v", took)
		}
		for time.Since(began) < 5*time.Minute {
			if line, ok := <-reading; !ok {
				t.Fatal("a stream that is read was cut")
			} else if id, found := strings.CutPrefix(line, "id: "); found && id != "7" {
				t.Errorf("the place to resume from is %s", id)
			}
		}
		_ = reader.Close()
		for range reading {
		}
		synctest.Wait()
		if n := a.streams.count["default"]; n != 0 {
			t.Errorf("%d streams count as open", n)
		}
		close(listener)
		if err := <-served; !errors.Is(err, net.ErrClosed) {
			t.Error(err)
		}
		_ = server.Close()
	})
}
