package server

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"volenti.dev/volenti/api"
	"volenti.dev/volenti/audit"
	"volenti.dev/volenti/auth"
	"volenti.dev/volenti/internal/store"
	"volenti.dev/volenti/internal/store/storetest"
	"volenti.dev/volenti/webhook"
)

const stream = "/api/v1/events/stream"

// choose records a choice about analytics and gives its sequence.
func (s *site) choose(tenant, email string, granted bool) int64 {
	s.t.Helper()
	return s.makeConsent(tenant, email, "analytics", granted).Sequence
}

// tap is an open event stream.
type tap struct {
	s     *site
	body  io.ReadCloser
	lines *bufio.Scanner
}

func (s *site) tap(path, key string, headers ...string) *tap {
	s.t.Helper()
	status, header, body := s.open(path, key, headers...)
	if status != http.StatusOK || header.Get("Content-Type") != "text/event-stream" {
		s.t.Fatalf("%s: %d %s", path, status, header.Get("Content-Type"))
	}
	return &tap{s, body, bufio.NewScanner(body)}
}

// begin gives the beginning of an answer that may not end.
func (s *site) begin(path, key string) reply {
	s.t.Helper()
	status, header, body := s.open(path, key)
	defer func() { _ = body.Close() }()
	if status == http.StatusOK {
		return reply{status, header, ""}
	}
	text, err := io.ReadAll(body)
	s.must(err)
	return reply{status, header, string(text)}
}

func (s *site) open(path, key string, headers ...string) (status int, header http.Header, body io.ReadCloser) {
	s.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	s.t.Cleanup(cancel)
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url+path, nil)
	s.must(err)
	if key != "" {
		r.Header.Set("Authorization", "Bearer "+key)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	got, err := http.DefaultTransport.RoundTrip(r)
	s.must(err)
	s.t.Cleanup(func() { _ = got.Body.Close() })
	return got.StatusCode, got.Header, got.Body
}

// next gives the next event; false at the end of the stream.
func (p *tap) next() (webhook.Event, bool) {
	p.s.t.Helper()
	var e webhook.Event
	var id, kind string
	for p.lines.Scan() {
		name, value, _ := strings.Cut(p.lines.Text(), ": ")
		switch name {
		case "id":
			id = value
		case "event":
			kind = value
		case "data":
			p.s.must(json.Unmarshal([]byte(value), &e))
		}
		if p.lines.Text() == "" && e.ID != "" {
			if id != fmt.Sprint(e.Sequence) || kind != string(e.Type) {
				p.s.t.Errorf("event %+v is framed as %s %s", e, id, kind)
			}
			return e, true
		}
	}
	return e, false
}

func (p *tap) wants(sequences ...int64) {
	p.s.t.Helper()
	for _, want := range sequences {
		if e, ok := p.next(); !ok || e.Sequence != want {
			p.s.t.Fatalf("event %+v %v, want sequence %d: %v", e, ok, want, p.lines.Err())
		}
	}
}

func TestStreamTellsWhatIsRecordedAndGoesOnWhereItWasCut(t *testing.T) { // A9, A11
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		s := newSite(t, db)
		one := s.choose(store.DefaultTenant, personal, true)
		first := s.tap(stream, s.key)
		first.wants(one)
		s.choose(otherTenant, personal, true) // SE14: does not show up below
		two := s.choose(store.DefaultTenant, personal, false)
		first.wants(two)
		s.must(first.body.Close())
		three := s.choose(store.DefaultTenant, personal, true)

		s.tap(stream+fmt.Sprintf("?after=%d", one), s.key).wants(two, three)
		s.tap(stream+"?after=1", s.key, "Last-Event-ID", fmt.Sprint(two)).wants(three)
		s.tap(stream+"?types=consent.withdrawn,consent.refused", s.key).wants(two)
		if theirs, ok := s.tap(stream, s.makeKey(otherTenant, time.Time{}, auth.ReadEvents)).next(); !ok || theirs.Sequence == one {
			t.Errorf("the other tenant sees %+v", theirs)
		}
		s.stop()
		s.must(<-s.ended)
		if strings.Contains(s.log.String(), "canary") { // promise 8
			t.Error(s.log.String())
		}
	})
}

func TestPagesOfEventsGoOnWhereTheLastOneEnded(t *testing.T) {
	t.Parallel()
	s := newSite(t, storetest.SQLite(t))
	var want, got []int64
	for i := range 9 {
		sequence := s.choose(store.DefaultTenant, fmt.Sprintf("%d@example.com", i/2), i%2 == 0)
		if i%2 == 1 {
			want = append(want, sequence)
		}
	}
	next, last := int64(0), int64(-1)
	for more := true; more; {
		answer := s.get(fmt.Sprintf("/api/v1/events?types=consent.withdrawn&limit=2&after=%d", next))
		var page api.EventPage
		s.must(json.Unmarshal([]byte(answer.body), &page))
		for _, e := range page.Items {
			got = append(got, e.Sequence)
		}
		if more = page.More; page.Next <= last && more {
			t.Fatalf("it does not go on: %s", answer.body)
		}
		next, last = page.Next, next
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	for _, query := range []string{"?after=-1", "?after=x", "?types=consent.nonsense", "?limit=0", "?limit=501", "?afterwards=1"} {
		s.problem(query, s.get("/api/v1/events"+query), http.StatusUnprocessableEntity)
	}
	for _, id := range []string{"x", "-1", "99999999999999999999", "9999999999999999999"} {
		s.problem("Last-Event-ID "+id, s.send("GET", stream, s.key, nil, "Last-Event-ID", id), http.StatusUnprocessableEntity)
	}
}

func TestStreamEndsWithItsKeyAndSendsNothingMore(t *testing.T) { // SE12
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		s := newSite(t, db)
		token := s.makeKey(store.DefaultTenant, time.Time{}, auth.ReadEvents)
		open := s.tap(stream, token)
		open.wants(s.choose(store.DefaultTenant, "a@example.com", true))
		id, _ := auth.IDOf(token)
		s.must(db.APIKeys().Revoke(t.Context(), store.DefaultTenant, id, audit.Entry{Act: "apikey.revoke", Object: "apikey/" + id}))
		s.choose(store.DefaultTenant, "a@example.com", false)
		if e, ok := open.next(); ok || open.lines.Err() != nil {
			t.Errorf("after its key was revoked: %+v, %v", e, open.lines.Err())
		}
	})
}

func TestStreamsEndInOrderWithTheServer(t *testing.T) { // R8
	t.Parallel()
	s := newSite(t, storetest.SQLite(t))
	open := s.tap(stream, s.key)
	open.wants(s.choose(store.DefaultTenant, "a@example.com", true))
	began := time.Now()
	s.stop()
	if e, ok := open.next(); ok || open.lines.Err() != nil {
		t.Errorf("at the end: %+v, %v", e, open.lines.Err())
	}
	s.must(<-s.ended)
	if took := time.Since(began); took >= graceTime {
		t.Errorf("the end took %v: an open stream held it up", took)
	}
}

func TestTenantHasSoManyStreamsAndNoMore(t *testing.T) { // SE7
	t.Parallel()
	s := newSite(t, storetest.SQLite(t))
	const most = 64
	var last *tap
	for range most {
		last = s.tap(stream, s.key)
	}
	full := s.begin(stream, s.key)
	s.problem("one too many", full, http.StatusTooManyRequests)
	if full.header.Get("Retry-After") == "" {
		t.Error("it does not say when to try again")
	}
	s.tap(stream, s.makeKey(otherTenant, time.Time{}, auth.ReadEvents)) // others have their own
	s.must(last.body.Close())
	for s.begin(stream, s.key).status == http.StatusTooManyRequests { // until the server sees that one has left
	}
}

// Two processes share PostgreSQL: what one writes, who follows the other gets.
func TestStreamTellsWhatAnotherNodeRecorded(t *testing.T) { // A11
	t.Parallel()
	s := newSite(t, storetest.Postgres(t))
	other, err := store.Open(t.Context(), s.db.Config)
	s.must(err)
	defer func() { s.must(other.Close()) }()
	open := s.tap(stream, s.key)
	s.db = &storetest.Database{DB: other, Config: s.db.Config}
	for i := range 3 {
		open.wants(s.choose(store.DefaultTenant, "a@example.com", i%2 == 0))
	}
}
