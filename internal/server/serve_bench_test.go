package server

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"

	"volenti.dev/volenti/api"
	"volenti.dev/volenti/audit"
	"volenti.dev/volenti/auth"
	"volenti.dev/volenti/consent"
	"volenti.dev/volenti/internal/store"
	"volenti.dev/volenti/internal/store/storetest"
	"volenti.dev/volenti/subject"
)

// The benchmarks over HTTP ask from the same process, over connections of
// their own with as little work as can be, so that the two sides share the
// processors. What they print per operation is wall time; cpu-µs/op is the
// processor time of both sides together, of this process only.

// load asks n times over so many connections.
func load(b *testing.B, address string, connections int, request func(n int64, into *bytes.Buffer)) {
	b.Helper()
	var next, refused atomic.Int64
	var all sync.WaitGroup
	clients := make([]net.Conn, connections)
	for i := range clients {
		var err error
		if clients[i], err = net.Dial("tcp", address); err != nil {
			b.Fatal(err)
		}
	}
	before := cpu()
	b.ResetTimer()
	for _, c := range clients {
		all.Go(func() {
			defer func() { _ = c.Close() }()
			var out bytes.Buffer
			in := bufio.NewReader(c)
			for {
				n := next.Add(1)
				if n > int64(b.N) {
					return
				}
				out.Reset()
				request(n, &out)
				if _, err := c.Write(out.Bytes()); err != nil {
					refused.Add(1)
					return
				}
				if status, err := readReply(in); err != nil || status >= 300 {
					refused.Add(1)
				}
			}
		})
	}
	all.Wait()
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "ops/s")
	b.ReportMetric(float64((cpu()-before).Microseconds())/float64(b.N), "cpu-µs/op")
	if refused.Load() > 0 {
		b.Fatalf("%d of %d were refused", refused.Load(), b.N)
	}
}

// readReply reads one answer that says its length, and gives its status.
func readReply(in *bufio.Reader) (status int, err error) {
	length := 0
	for line := 0; ; line++ {
		text, err := in.ReadSlice('\n')
		if err != nil {
			return 0, err
		}
		switch {
		case line == 0:
			status, _ = strconv.Atoi(string(text[9:12]))
		case len(text) <= 2:
			_, err = in.Discard(length)
			return status, err
		case len(text) > 16 && bytes.EqualFold(text[:15], []byte("Content-Length:")):
			length, _ = strconv.Atoi(string(bytes.TrimSpace(text[15:])))
		}
	}
}

func cpu() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// place is a server that a benchmark asks.
type place struct {
	address string
	token   string
	db      *store.DB
}

// serve starts a server; alone makes each choice wait for the one before.
func serve(b *testing.B, db *store.DB, alone bool) place {
	b.Helper()
	key, token, err := auth.New(store.DefaultTenant, "bench", auth.Scopes(), time.Time{}, rand.Reader)
	if err == nil {
		err = db.APIKeys().Create(b.Context(), key, audit.Entry{Act: "apikey.create", Object: "apikey/" + key.ID})
	}
	if err != nil {
		b.Fatal(err)
	}
	s := &Server{House: &House{Store: db}, Now: time.Now, Log: slog.New(slog.NewJSONHandler(io.Discard, nil)), Version: "bench"}
	if alone {
		s.Consents = &oneByOne{Consents: db.Consents()}
	}
	s.Routes = append(api.Table(), api.Route{
		Method: http.MethodPost, Path: "/api/v1/nothing", Scope: auth.WriteConsents, Repeats: api.Harmless, Quiet: true, Does: "Nothing",
		Act: api.Plain[struct{}, struct{}](func(_ *api.API, _ context.Context, _ auth.Caller, w http.ResponseWriter, r *http.Request) error {
			_, _ = io.Copy(io.Discard, r.Body)
			w.WriteHeader(http.StatusNoContent)
			return nil
		}),
	})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(ctx, listener) }()
	b.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			b.Error(err)
		}
	})
	return place{listener.Addr().String(), token, db}
}

// oneByOne records choices as one would who knows of no groups: a transaction
// for each.
type oneByOne struct {
	*store.Consents
	one sync.Mutex
}

func (o *oneByOne) Append(ctx context.Context, tenant, key string, entries []consent.Entry) ([]consent.Outcome, error) {
	o.one.Lock()
	defer o.one.Unlock()
	return o.Consents.Append(ctx, tenant, key, entries)
}

// empty is a server that does nothing, with the settings of ours.
func empty(b *testing.B) string {
	b.Helper()
	makeRoom()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	server := &http.Server{ReadHeaderTimeout: headerTime, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.WriteHeader(http.StatusNoContent)
	})}
	go func() { _ = server.Serve(listener) }()
	b.Cleanup(func() { _ = server.Close() })
	return listener.Addr().String()
}

// choice is a POST of one choice: of somebody new, then of the same again.
func (p place) choice(n int64, into *bytes.Buffer) { p.post("/api/v1/consents", n, into) }

func (p place) post(path string, n int64, into *bytes.Buffer) {
	body := fmt.Sprintf(`{"identities":[{"type":"email","value":"p%d@example.com"}],"purposes":{"analytics":%t},"source":"api","reaffirm":true,"ip_address":"203.0.113.%d","user_agent":"Mozilla/5.0"}`, n/2, n%2 == 0, n%250)
	fmt.Fprintf(into, "POST %s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nIdempotency-Key: %d-%d\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", path, p.token, n, time.Now().UnixNano(), len(body), body)
}

// slow delays each commit: the first random bytes that are asked for after a
// commit come late, while the transaction is open.
type slow struct {
	by      time.Duration
	commits func() int64
	mu      sync.Mutex
	last    int64
}

func (s *slow) Read(p []byte) (int, error) {
	if s.commits != nil {
		s.mu.Lock()
		if now := s.commits(); now != s.last {
			s.last = now
			<-time.After(s.by)
		}
		s.mu.Unlock()
	}
	return rand.Read(p)
}

// scale is a share of the sizes that the requirements name, in percent.
func scale(size int) int {
	percent, err := strconv.ParseFloat(os.Getenv("SCALE"), 64)
	if err != nil || percent <= 0 {
		percent = 1
	}
	return max(1, int(float64(size)*percent/100))
}

// BenchmarkConsentOverHTTP measures durable choices over HTTP, half of them of
// new subjects, sealed, with record, state and leaf in one commit: in groups,
// one by one, and beside handlers that do nothing: a bare one, and a route of
// this server, which looks at the key and takes limits along. F1 F2
func BenchmarkConsentOverHTTP(b *testing.B) {
	const connections = 256
	b.Run("empty", func(b *testing.B) {
		address := empty(b)
		load(b, address, connections, place{token: "vk_x"}.choice)
	})
	b.Run("route", func(b *testing.B) {
		p := serve(b, storetest.SQLite(b).DB, false)
		load(b, p.address, connections, func(n int64, into *bytes.Buffer) { p.post("/api/v1/nothing", n, into) })
	})
	open := map[string]func(testing.TB) *storetest.Database{"sqlite": storetest.SQLite, "postgres": storetest.Postgres}
	for _, name := range []string{"sqlite", "postgres"} {
		for _, way := range []string{"grouped", "alone"} {
			b.Run(name+"/"+way, func(b *testing.B) {
				p := serve(b, open[name](b).DB, way == "alone")
				commits := p.db.Commits()
				load(b, p.address, connections, p.choice)
				b.ReportMetric(float64(b.N)/float64(max(1, p.db.Commits()-commits)), "choices/commit")
			})
		}
	}
	for _, way := range []string{"grouped", "alone"} {
		b.Run("sqlite+2ms/"+way, func(b *testing.B) {
			late := &slow{by: 2 * time.Millisecond}
			db, err := store.Open(b.Context(), store.Config{URL: "sqlite:" + b.TempDir() + "/volenti.db", Master: storetest.Master(), Rand: late})
			if err != nil {
				b.Fatal(err)
			}
			b.Cleanup(func() { _ = db.Close() })
			late.commits = db.Commits
			p := serve(b, db, way == "alone")
			load(b, p.address, connections, p.choice)
		})
	}
}

// BenchmarkConsentAtManyConnections measures how the rate holds from 64 to
// 1,024 connections. F3
func BenchmarkConsentAtManyConnections(b *testing.B) {
	for _, connections := range []int{64, 256, 1024} {
		b.Run(strconv.Itoa(connections), func(b *testing.B) {
			p := serve(b, storetest.SQLite(b).DB, false)
			load(b, p.address, connections, p.choice)
		})
	}
}

// BenchmarkCheckOverHTTP measures checks over HTTP about any of many subjects,
// beside a GET that does nothing. F4
func BenchmarkCheckOverHTTP(b *testing.B) {
	const connections = 64
	b.Run("empty", func(b *testing.B) {
		address := empty(b)
		load(b, address, connections, func(_ int64, into *bytes.Buffer) {
			fmt.Fprintf(into, "GET /api/v1/subjects/%s/consents/analytics HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer vk_x\r\n\r\n", uuid.Nil)
		})
	})
	for name, open := range map[string]func(testing.TB) *storetest.Database{"sqlite": storetest.SQLite, "postgres": storetest.Postgres} {
		b.Run(name, func(b *testing.B) {
			db := open(b).DB
			p := serve(b, db, false)
			people := scale(1_000_000)
			ids := make([]consent.SubjectID, 0, people)
			for len(ids) < people {
				var entries []consent.Entry
				for range min(500, people-len(ids)) {
					id, err := subject.New(subject.Email, fmt.Sprintf("p%d@example.com", len(ids)+len(entries)))
					if err != nil {
						b.Fatal(err)
					}
					entries = append(entries, consent.Entry{Identities: []subject.Identity{id}, Purpose: "analytics", Granted: true, Source: consent.API})
				}
				outcomes, err := db.Consents().Append(b.Context(), store.DefaultTenant, "", entries)
				if err != nil {
					b.Fatal(err)
				}
				for _, o := range outcomes {
					ids = append(ids, o.Subject)
				}
			}
			load(b, p.address, connections, func(n int64, into *bytes.Buffer) {
				fmt.Fprintf(into, "GET /api/v1/subjects/%s/consents/analytics HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n\r\n", ids[int(n*2654435761)%len(ids)], p.token)
			})
		})
	}
}

var _ api.Consents = (*oneByOne)(nil)
