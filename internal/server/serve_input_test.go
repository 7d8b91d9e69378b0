package server

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"volenti.dev/volenti/api"
	"volenti.dev/volenti/auth"
	"volenti.dev/volenti/internal/store"
	"volenti.dev/volenti/internal/store/storetest"
)

const notes = "/api/v1/test/notes"

func (s *site) note(key, idempotency, body string) reply {
	s.t.Helper()
	return s.send("POST", notes, key, strings.NewReader(body), "Idempotency-Key", idempotency, "Content-Type", "application/json")
}

func TestSamePostGetsTheSameAnswerAndIsDoneOnce(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		s := newSite(t, db)
		first := s.note(s.key, "k", `{"name":"a","count":1}`)
		if first.status != http.StatusCreated {
			t.Fatalf("%d %s", first.status, first.body)
		}
		again := s.note(s.key, "k", `{"name":"a","count":1}`)
		if again.status != first.status || again.body != first.body || again.header.Get("Location") != first.header.Get("Location") ||
			again.header.Get("Content-Type") != first.header.Get("Content-Type") || again.header.Get("Idempotency-Replayed") != "true" {
			t.Errorf("again: %+v, first %+v", again, first)
		}
		s.problem("another body", s.note(s.key, "k", `{"name":"b","count":1}`), http.StatusConflict)
		s.problem("another route", s.send("POST", "/api/v1/test/slow", s.key, strings.NewReader(`{"name":"a","count":1}`), "Idempotency-Key", "k", "Content-Type", "application/json"), http.StatusConflict)
		if len(s.noted) != 1 {
			t.Errorf("done %d times", len(s.noted))
		}
		// Another caller's key of the same name is another key.
		for _, caller := range []string{s.makeKey(store.DefaultTenant, time.Time{}, auth.Scopes()...), s.makeKey(otherTenant, time.Time{}, auth.Scopes()...)} {
			if got := s.note(caller, "k", `{"name":"a","count":1}`); got.status != http.StatusCreated || got.body == first.body {
				t.Errorf("another caller: %d %s", got.status, got.body)
			}
		}
		// What was refused changed nothing: it may be mended under the same key.
		s.problem("invalid", s.note(s.key, "m", `{"name":"","count":1}`), http.StatusUnprocessableEntity)
		if got := s.note(s.key, "m", `{"name":"mended","count":1}`); got.status != http.StatusCreated {
			t.Errorf("mended: %d %s", got.status, got.body)
		}
	})
}

func TestPostsWithOneKeyAtTheSameTimeAreDoneOnce(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		s := newSite(t, db)
		slow := func() reply { return s.send("POST", "/api/v1/test/slow", s.key, nil, "Idempotency-Key", "k") }
		made := make(chan reply, 1)
		go func() { made <- slow() }()
		<-s.arrived
		var all sync.WaitGroup
		for range 16 {
			all.Go(func() {
				got := slow()
				s.problem("under way", got, http.StatusConflict)
				if got.header.Get("Retry-After") == "" {
					t.Error("it does not say when to try again")
				}
			})
		}
		all.Wait()
		close(s.proceed)
		first := <-made
		if got := slow(); first.status != http.StatusCreated || got.body != first.body || len(s.noted) != 1 {
			t.Errorf("done %d times: %+v, then %+v", len(s.noted), first, got)
		}
	})
}

func TestPostWithoutIdempotencyKeyIsRefused(t *testing.T) {
	t.Parallel()
	s := newSite(t, storetest.SQLite(t))
	body := func() io.Reader { return strings.NewReader(`{"name":"a","count":1}`) }
	for _, headers := range [][]string{
		{}, {"Idempotency-Key", ""}, {"Idempotency-Key", strings.Repeat("k", 256)}, {"Idempotency-Key", "é"},
		{"Idempotency-Key", "a", "Idempotency-Key", "b"},
	} {
		s.problem(fmt.Sprint(headers), s.send("POST", notes, s.key, body(), headers...), http.StatusBadRequest)
	}
	if len(s.noted) != 0 {
		t.Error("it was done")
	}
}

func TestMalformedInputIsRefusedAndLeavesNothing(t *testing.T) { // SE7
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		s := newSite(t, db)
		before := s.entries()
		for _, path := range []string{
			"/api/v1/requests/x", "/api/v1/requests/%00", "/api/v1/requests/%ff%fe", "/api/v1/requests/" + strings.Repeat("a", 3000),
			"/api/v1/requests/..%2f..%2fetc", "/api/v1/requests/%27%20OR%201=1--", "/api/v1/requests/", "/api/v1/requests//", "/api/../x", "/%2e%2e/healthz",
			"/api/v1/requests?limit=0", "/api/v1/requests?limit=-1", "/api/v1/requests?limit=99999999999999999999", "/api/v1/requests?limit=x",
			"/api/v1/requests?limit=1&limit=2", "/api/v1/requests?policy=%00", "/api/v1/requests?policy=%ff", "/api/v1/requests?policy=a%27", "/api/v1/requests?policy=" + strings.Repeat("a", 300),
			"/api/v1/requests?status=all", "/api/v1/requests?cursor=x", "/api/v1/requests?cursor=%00", "/api/v1/requests?cursor=eA", "/api/v1/requests?%zz", "/api/v1/requests?a;b=c",
			"/api/v1/requests?unknown=1", "/api/v1/subjects/x/consents", "/api/v1/subjects/%00/consents/analytics", "/api/v1/consents/-1/receipt", "/api/v1/consents/x/receipt", "/api/v1/audit/export?from=1", "/healthz?x=1", "/api/v1/requests?" + strings.Repeat("a=1&", 2000), "/api/v1",
		} {
			r := s.get(path)
			if r.status != http.StatusNotFound {
				s.problem(path, r, http.StatusUnprocessableEntity)
			} else {
				s.problem(path, r, http.StatusNotFound)
			}
		}
		for body, want := range map[string]int{
			``: 400, `{`: 400, `nul`: 400, `null`: 422, `[]`: 422, `"x"`: 422, `1e999`: 400, `{"name":"a","count":1}{"x":1}`: 400, "\x00": 400, "\xff\xfe{}": 400,
			`{"name":"a","count":1,"more":1}`: 422, `{"name":1,"count":"x"}`: 422, `{"name":"a"}`: 422, `{"name":"a","count":1e99}`: 422, `{"name":"a","count":1.5}`: 422,
			strings.Repeat("[", 900): 400, `{"__proto__":{},"constructor":1}`: 422,
		} {
			s.problem(fmt.Sprintf("body %.40q", body), s.note(s.key, "k", body), want)
		}
		s.problem("another form", s.send("POST", notes, s.key, strings.NewReader("name=a"), "Idempotency-Key", "k", "Content-Type", "application/x-www-form-urlencoded"), http.StatusUnsupportedMediaType)
		for _, value := range []string{"Basic x", "Bearer", "Bearer ", "bearer  " + s.key, s.key, "Bearer " + s.key + " x", "Bearer vk_'", "Bearer " + strings.Repeat("a", 5000)} {
			s.problem("Authorization "+value[:min(20, len(value))], s.send("GET", "/api/v1/requests", "", nil, "Authorization", value), http.StatusUnauthorized)
		}
		s.problem("two keys", s.send("GET", "/api/v1/requests", s.key, nil, "Authorization", "Bearer "+s.key), http.StatusUnauthorized)
		for _, method := range []string{"PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "NONSENSE", "HEAD"} {
			got := s.send(method, "/api/v1/requests", s.key, nil)
			if got.status != http.StatusMethodNotAllowed || got.header.Get("Allow") != "GET, POST" {
				t.Errorf("%s: %d %v", method, got.status, got.header)
			}
		}
		if len(s.noted) != 0 || s.entries() != before {
			t.Errorf("%d notes, %d entries", len(s.noted), s.entries()-before)
		}
	})
}

func TestAllViolationsAreToldAtOnce(t *testing.T) { // SE7
	t.Parallel()
	s := newSite(t, storetest.SQLite(t))
	for where, got := range map[string]reply{
		"query.limit query.status query.email":      s.get("/api/v1/requests?limit=0&status=x&email=a"),
		"body.name body.count body.more query.more": s.send("POST", notes+"?more=1", s.key, strings.NewReader(`{"name":"","count":10,"more":1}`), "Idempotency-Key", "k"),
	} {
		s.problem(where, got, http.StatusUnprocessableEntity)
		for _, w := range strings.Fields(where) {
			if !strings.Contains(got.body, `"where":"`+w+`"`) {
				t.Errorf("%s is not among %s", w, got.body)
			}
		}
	}
}

func TestBodiesAreLimited(t *testing.T) { // SE7
	t.Parallel()
	s := newSite(t, storetest.SQLite(t))
	body := func(size int) string {
		frame := `{"name":"a","count":1}`
		return frame + strings.Repeat(" ", size-len(frame))
	}
	if got := s.note(s.key, "a", body(1000)); got.status != http.StatusCreated {
		t.Errorf("at the limit: %d %s", got.status, got.body)
	}
	s.problem("declared", s.note(s.key, "b", body(1001)), http.StatusRequestEntityTooLarge)
	chunked := io.MultiReader(strings.NewReader(body(900)), strings.NewReader(strings.Repeat(" ", 200)))
	s.problem("chunked", s.send("POST", notes, s.key, chunked, "Idempotency-Key", "c"), http.StatusRequestEntityTooLarge)
	s.problem("where no body is wanted", s.send("GET", "/healthz", "", strings.NewReader(strings.Repeat("x", 1<<20))), http.StatusRequestEntityTooLarge)
	if len(s.noted) != 1 {
		t.Errorf("%d notes", len(s.noted))
	}
}

func TestEndlessBodyIsNotReadToItsEnd(t *testing.T) { // SE7
	t.Parallel()
	s := newSite(t, storetest.SQLite(t))
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	s.must(err)
	defer func() { _ = conn.Close() }()
	_, err = io.WriteString(conn, "POST "+notes+" HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer "+s.key+"\r\nIdempotency-Key: k\r\nTransfer-Encoding: chunked\r\n\r\n")
	s.must(err)
	const piece, most = 64 << 10, 64 << 20
	chunk, sent := fmt.Sprintf("%x\r\n%s\r\n", piece, strings.Repeat(" ", piece)), 0
	for err == nil && sent < most {
		_, err = io.WriteString(conn, chunk)
		sent += piece
	}
	if sent >= most {
		t.Errorf("the server took %d bytes", sent)
	}
}

func TestBrokenHTTPDoesNotStopTheServer(t *testing.T) {
	t.Parallel()
	s := newSite(t, storetest.SQLite(t))
	for _, raw := range []string{
		"\x00\x01\x02\r\n\r\n", "GET\r\n\r\n", "GET / HTTP/9.9\r\n\r\n", "GET * HTTP/1.1\r\nHost: x\r\n\r\n", "CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n",
		"POST " + notes + " HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n", "GET / HTTP/1.1\r\nHost: x\r\nA: " + strings.Repeat("a", 64<<10) + "\r\n\r\n",
		"POST " + notes + " HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + s.key + "\r\nIdempotency-Key: k\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
	} {
		conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
		s.must(err)
		_, _ = io.WriteString(conn, raw)
		got, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err == nil && (got.StatusCode < 400 || got.StatusCode >= 500) && got.StatusCode != http.StatusHTTPVersionNotSupported {
			t.Errorf("%.30q: %s", raw, got.Status)
		}
		if err == nil {
			_ = got.Body.Close()
		}
		_ = conn.Close()
	}
	if got := s.get("/api/v1/requests"); got.status != http.StatusOK || len(s.noted) != 0 {
		t.Errorf("afterwards: %d, %d notes", got.status, len(s.noted))
	}
}

func TestOpenAPIDocumentNamesEveryRoute(t *testing.T) {
	t.Parallel()
	s := newSite(t, storetest.SQLite(t))
	got := s.send("GET", "/api/v1/openapi.json", "", nil)
	var doc struct {
		OpenAPI string
		Info    struct{ Title, Version string }
		Paths   map[string]map[string]struct {
			OperationID string
			Summary     string
			Security    []map[string][]string
			Responses   map[string]struct{ Description string }
			Parameters  []struct{ Name, In string }
		}
		Components struct {
			Schemas         map[string]any
			SecuritySchemes map[string]any
		}
	}
	s.must(json.Unmarshal([]byte(got.body), &doc))
	if !strings.HasPrefix(doc.OpenAPI, "3.1.") || doc.Info.Title == "" || doc.Info.Version != "test" || doc.Components.SecuritySchemes["apiKey"] == nil {
		t.Errorf("%s %+v", doc.OpenAPI, doc.Info)
	}
	operations, ids := 0, map[string]bool{}
	for _, methods := range doc.Paths {
		operations += len(methods)
	}
	table := append(api.Table(), s.routes()...)
	if operations != len(table) {
		t.Errorf("%d operations for %d routes", operations, len(table))
	}
	for _, route := range table {
		op := doc.Paths[route.Path][strings.ToLower(route.Method)]
		if op.Summary != route.Does || ids[op.OperationID] || op.Responses["default"].Description == "" || len(op.Responses) < 2 {
			t.Errorf("%s %s: %+v", route.Method, route.Path, op)
		}
		ids[op.OperationID] = true
		secured := len(op.Security) == 1 && len(op.Security[0]["apiKey"]) == 1 && op.Security[0]["apiKey"][0] == string(route.Scope)
		if secured == route.Public {
			t.Errorf("%s %s: security %v", route.Method, route.Path, op.Security)
		}
		keyed := false
		for _, p := range op.Parameters {
			keyed = keyed || p.Name == "Idempotency-Key" && p.In == "header"
		}
		if keyed != (route.Method == "POST" && route.Repeats != api.Harmless && route.Repeats != api.Convergent) {
			t.Errorf("%s %s: parameters %v", route.Method, route.Path, op.Parameters)
		}
	}
	for _, ref := range regexp.MustCompile(`"\$ref":"([^"]+)"`).FindAllStringSubmatch(got.body, -1) {
		name, ok := strings.CutPrefix(ref[1], "#/components/schemas/")
		if !ok || doc.Components.Schemas[name] == nil {
			t.Errorf("%s leads nowhere", ref[1])
		}
	}
}
