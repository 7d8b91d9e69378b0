package server

import (
	"encoding/json"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"volenti.dev/volenti/api"
	"volenti.dev/volenti/audit"
	"volenti.dev/volenti/auth"
	"volenti.dev/volenti/internal/store"
	"volenti.dev/volenti/internal/store/storetest"
	"volenti.dev/volenti/request"
)

func TestEveryRouteAsksForItsScope(t *testing.T) { // SE13
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		s := newSite(t, db)
		close(s.proceed)
		hour := time.Hour
		keys := map[string]string{
			"none": "", "nonsense": "vk_nonsense", "all": s.key,
			"expired": s.makeKey(store.DefaultTenant, time.Now().Add(-hour), auth.Scopes()...),
			"unknown": strings.Replace(s.key, "vk_", "vk_a", 1)[:len(s.key)],
			"altered": altered(s.key),
			"revoked": s.makeKey(store.DefaultTenant, time.Time{}, auth.Scopes()...),
		}
		revoked, _ := auth.IDOf(keys["revoked"])
		s.must(db.APIKeys().Revoke(t.Context(), store.DefaultTenant, revoked, audit.Entry{Act: "apikey.revoke", Object: "apikey/" + revoked}))
		may := map[string][]auth.Scope{"all": auth.Scopes()}
		for _, scope := range auth.Scopes() {
			name := string(scope)
			keys[name], may[name] = s.makeKey(store.DefaultTenant, time.Time{}, scope), []auth.Scope{scope}
		}
		for _, role := range auth.Roles() {
			name := string(role)
			keys[name], may[name] = s.session(s.makeOperator(store.DefaultTenant, role)), role.Scopes()
		}
		few := map[string]bool{"none": true, "altered": true, "all": true, "viewer": true}
		for _, route := range append(api.Table(), s.routes()...) {
			for name, key := range keys {
				if !few[name] && (route.Public || !db.Embedded()) {
					continue // the same table decides
				}
				got := s.call(route, s.path(route, store.DefaultTenant), key)
				want := 0
				switch {
				case route.Public || slices.Contains(may[name], route.Scope):
				case may[name] != nil:
					want = http.StatusForbidden
				default:
					want = http.StatusUnauthorized
				}
				what := route.Method + " " + route.Path + " with " + name
				switch {
				case want != 0:
					s.problem(what, got, want)
				case got.status >= 300 && !strings.Contains(route.Path, "/test/"), got.status == http.StatusForbidden, got.status == http.StatusUnauthorized:
					t.Errorf("%s: %d %s", what, got.status, got.body)
				}
				if (got.status == http.StatusUnauthorized) != (got.header.Get("WWW-Authenticate") != "") {
					t.Errorf("%s: WWW-Authenticate %q", what, got.header.Get("WWW-Authenticate"))
				}
			}
		}
	})
}

func TestOtherTenantsObjectsAreAsIfTheyDidNotExist(t *testing.T) { // SE14
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		s := newSite(t, db)
		theirKey := s.makeKey(otherTenant, time.Time{}, auth.Scopes()...)
		asked := 0
		for _, route := range api.Table() {
			if !strings.Contains(route.Path, "{") {
				if got := s.call(route, s.path(route, otherTenant), s.key); strings.Contains(got.body, otherTenant) {
					t.Errorf("%s tells of the other tenant: %s", route.Path, got.body)
				}
				continue
			}
			if strings.HasPrefix(route.Path, "/api/v1/public/sites/") || strings.HasPrefix(route.Path, api.CallbackPath) {
				continue // the key of a site is public, and a token secret: each names one, of whomever
			}
			asked++
			theirs, never := s.path(route, otherTenant), s.path(route, "")
			foreign, missing := s.call(route, theirs, s.key), s.call(route, never, s.key)
			for _, r := range []reply{foreign, missing} {
				r.header.Del("X-Request-Id")
				r.header.Del("Date")
			}
			if foreign.status != http.StatusOK || !strings.Contains(foreign.body, `"allowed":false,"reason":"no_record"`) { // a check says no of anybody
				s.problem(route.Path, foreign, http.StatusNotFound)
			}
			if d := cmp.Diff(missing, foreign, cmp.AllowUnexported(reply{})); d != "" {
				t.Errorf("%s tells what exists: %s", route.Path, d)
			}
			if got := s.call(route, theirs, theirKey); got.status >= 300 || strings.Contains(got.body, `"allowed":false`) {
				t.Fatalf("%s: its owner gets %d %s", route.Path, got.status, got.body)
			}
		}
		if asked == 0 {
			t.Error("no route was asked")
		}
	})
}

func TestNothingIsRevealedWithoutItsAuditEntry(t *testing.T) { // SE16
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		s := newSite(t, db)
		raw := db.Raw(t)
		spoil, mend := `CREATE TRIGGER spoilt BEFORE INSERT ON audit_hashes BEGIN SELECT RAISE(ABORT, 'spoilt'); END`, `DROP TRIGGER spoilt`
		if !db.Embedded() {
			spoil = `CREATE FUNCTION spoilt() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'spoilt'; END $$;
				CREATE TRIGGER spoilt BEFORE INSERT ON audit_hashes FOR EACH ROW EXECUTE FUNCTION spoilt()`
			mend = `DROP TRIGGER spoilt ON audit_hashes`
		}
		exec := func(statement string) {
			t.Helper()
			_, err := raw.ExecContext(t.Context(), statement)
			s.must(err)
		}
		officer := s.makeOperator(store.DefaultTenant, auth.PrivacyOfficer)
		s.openShop()
		s.ready = map[string]string{}
		for _, route := range api.Table() {
			if route.Scope == auth.OwnSession {
				s.ready[route.Does] = route.Example
			}
			if route.Proof != "" {
				s.ready[route.Does] = s.provenBody(route)
			}
			if strings.HasSuffix(route.Path, "/decide") {
				s.ready[route.Does] = strings.Replace(route.Example, someID, s.makeRequestFor(route, store.DefaultTenant), 1)
			}
		}
		paths := map[string]string{} // to what there is, as it can be changed
		for _, route := range api.Table() {
			of := store.DefaultTenant
			if strings.Contains(route.Path, "/sites/{site}/") || strings.HasSuffix(route.Path, "/unlink") {
				of = "" // what a visitor chooses is a record of the log itself, and no device is linked here
			}
			paths[route.Method+route.Path] = s.path(route, of)
			if strings.HasPrefix(route.Path, "/api/v1/datasets") && route.Example != "" {
				s.ready[route.Does] = s.aboutDataset(paths[route.Method+route.Path], route.Example)
			}
		}
		exec(spoil)
		before, revealing, kept := s.entries(), 0, s.kept()
		for _, route := range api.Table() {
			got := s.call(route, paths[route.Method+route.Path], s.key)
			if route.Scope == auth.OwnSession {
				got = s.call(route, route.Path, s.session(officer))
			}
			nothing := got.status == http.StatusNotFound && (strings.Contains(route.Path, "/sites/{site}/") || strings.HasSuffix(route.Path, "/unlink"))
			// This server sends no mail, and nobody has written a message.
			nothing = nothing || got.status == http.StatusOK && (strings.HasSuffix(route.Path, "/passwords/mail") || strings.HasSuffix(route.Path, "/messages/read"))
			if route.Method != http.MethodGet && route.Repeats != api.Harmless && !nothing {
				s.problem(route.Path, got, http.StatusServiceUnavailable)
				continue
			}
			if route.Reveals == "" {
				if got.status >= 500 {
					t.Errorf("%s is down: %d %s", route.Path, got.status, got.body)
				}
				continue
			}
			revealing++
			s.problem(route.Path, got, http.StatusServiceUnavailable)
			if got.header.Get("Retry-After") == "" || strings.Contains(got.body, "leaf") {
				t.Errorf("%s: %v %s", route.Path, got.header, got.body)
			}
		}
		for table, rows := range s.kept() {
			if !slices.Equal(rows, kept[table]) {
				t.Errorf("%s is changed all the same", table)
			}
		}
		if revealing == 0 || s.entries() != before {
			t.Errorf("%d routes reveal something, %d entries", revealing, s.entries()-before)
		}
		exec(mend)
		got := s.get("/api/v1/audit/export")
		report, err := audit.Verify(strings.NewReader(got.body), audit.Options{})
		if err != nil || got.status != http.StatusOK || report.Size != int64(before+1) {
			t.Errorf("export: %d, %d records, want %d: %v", got.status, report.Size, before+1, err)
		}
		if last := strings.Split(strings.TrimSpace(got.body), "\n"); !strings.Contains(last[len(last)-1], `"audit.export"`) {
			t.Error("the export does not hold its own entry")
		}
		if got := s.get("/api/v1/audit/checkpoint"); got.status != http.StatusOK || !strings.Contains(got.body, "test.example/default") {
			t.Errorf("checkpoint: %s", got.body)
		}
	})
}

func TestPagesGiveEveryRequestOnce(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		s := newSite(t, db)
		var all []string
		for i := range 7 {
			s.makeRequest(otherTenant, "a", request.Approved)
			all = append([]string{s.makeRequest(store.DefaultTenant, []string{"a", "b"}[i%2], []request.Status{request.Approved, request.Paused}[i/4])}, all...)
		}
		read := func(query string) (ids []string) {
			t.Helper()
			for next := ""; ; {
				got := s.get("/api/v1/requests?" + query + "&cursor=" + next)
				var page api.RequestPage
				s.must(json.Unmarshal([]byte(got.body), &page))
				for _, item := range page.Items {
					ids = append(ids, item.ID)
				}
				if next = page.Next; next == "" || got.status != http.StatusOK {
					return ids
				}
			}
		}
		for query, want := range map[string][]string{
			"limit=2": all, "limit=7": all, "limit=200": all, "limit=1&status=paused": all[:3],
			"limit=1&policy=b": {all[1], all[3], all[5]}, "limit=2&policy=a&status=paused": {all[0], all[2]}, "limit=5&policy=none": nil,
		} {
			if d := cmp.Diff(want, read(query)); d != "" {
				t.Errorf("%s: %s", query, d)
			}
		}
	})
}

func TestReportOfARunIsShown(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "sqlite", "sqlite")
	d := w.open()
	report := d.run("erasure", "anna@example.com")
	s := newSite(t, &storetest.Database{DB: d.House.Store})
	got := s.get("/api/v1/requests/" + report.Request)
	var shown api.RequestWithReport
	s.must(json.Unmarshal([]byte(got.body), &shown))
	if got.status != http.StatusOK || shown.Status != string(report.Status) || shown.PlanHash != report.Plan || len(shown.Report.Collections) != len(report.Collections) {
		t.Fatalf("%d %s", got.status, got.body)
	}
	for i, c := range report.Collections {
		if g := shown.Report.Collections[i]; g.Address != c.Address || g.RowsMasked != c.RowsMasked || g.Verified != c.Verified || len(g.Fields) != len(c.Fields) {
			t.Errorf("%+v, want %+v", g, c)
		}
	}
	if strings.Contains(got.body, "anna") {
		t.Error("the report names the person")
	}
}

func TestStopFinishesWhatIsUnderWay(t *testing.T) { // R8
	t.Parallel()
	s := newSite(t, storetest.SQLite(t))
	answers := make(chan reply, 1)
	go func() {
		answers <- s.send("POST", "/api/v1/test/slow", s.key, nil, "Idempotency-Key", "k")
	}()
	<-s.arrived
	s.stop()
	for { // until the listener is closed
		conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
		if err != nil {
			break
		}
		_ = conn.Close()
	}
	select {
	case err := <-s.ended:
		t.Fatalf("it ended before the request: %v", err)
	default:
	}
	close(s.proceed)
	if got := <-answers; got.status != http.StatusCreated {
		t.Errorf("%d %s", got.status, got.body)
	}
	s.must(<-s.ended)
}

func TestAccessLogTellsWhatWasDoneAndNothingPersonal(t *testing.T) { // promise 8
	t.Parallel()
	s := newSite(t, storetest.SQLite(t))
	s.problem("panic", s.get("/api/v1/test/panic"), http.StatusInternalServerError)
	s.problem("conflict", s.get("/api/v1/test/refuse"), http.StatusConflict)
	s.get("/api/v1/requests?status=" + personal + "&email=" + personal)
	s.get("/api/v1/requests/" + personal)
	s.get("/" + personal)
	s.send(strings.ToUpper(strings.NewReplacer("@", "", ".", "").Replace(personal)), "/healthz", "", nil)
	s.send("POST", "/api/v1/test/notes", s.key, strings.NewReader(`{"name":"`+personal+`","count":77}`), "Idempotency-Key", personal, "User-Agent", personal, "X-Request-Id", personal)
	s.send("POST", "/api/v1/test/notes", s.key, strings.NewReader(personal), "Idempotency-Key", personal)
	s.stop()
	s.must(<-s.ended)
	log := s.log.String()
	if strings.Contains(strings.ToLower(log), "canary") || strings.Contains(log, s.key) {
		t.Error(log)
	}
	for _, want := range []string{"route=/api/v1/requests/{id}", "status=422", "kind=string", "serve_site_test.go", "tenant=default"} {
		if !strings.Contains(log, want) {
			t.Errorf("the log lacks %s:\n%s", want, log)
		}
	}
}

func TestAnswersRepeatNoValueAndNoDetailOfAMistake(t *testing.T) {
	t.Parallel()
	s := newSite(t, storetest.SQLite(t))
	got := s.send("POST", "/api/v1/test/notes", s.key, strings.NewReader(`{"name":"`+strings.Repeat(personal, 3)+`","count":77}`), "Idempotency-Key", "k")
	s.problem("too long", got, http.StatusUnprocessableEntity)
	mistake := s.get("/api/v1/test/panic")
	for _, body := range []string{got.body, mistake.body} {
		if strings.Contains(body, "canary") || strings.Contains(body, "77") || strings.Contains(body, "goroutine") {
			t.Error(body)
		}
	}
	for name, want := range map[string]string{"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store", "Referrer-Policy": "no-referrer"} {
		if got.header.Get(name) != want || mistake.header.Get(name) != want {
			t.Errorf("%s: %q, %q", name, got.header.Get(name), mistake.header.Get(name))
		}
	}
	if got.header.Get("X-Request-Id") == mistake.header.Get("X-Request-Id") {
		t.Error("two requests have one id")
	}
}

func TestStoreThatIsClosedIsNotReady(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		s := newSite(t, db)
		if got := s.send("GET", "/readyz", "", nil); got.status != http.StatusOK {
			t.Errorf("ready: %d %s", got.status, got.body)
		}
		s.must(db.Close())
		s.problem("readyz", s.send("GET", "/readyz", "", nil), http.StatusServiceUnavailable)
		if got := s.send("GET", "/healthz", "", nil); got.status != http.StatusOK {
			t.Errorf("health: %d %s", got.status, got.body)
		}
	})
}

// kept gives what is in every table, but those of what the log does not have:
// codes and passwords that were tried, what is counted behind the log, and the
// sessions that a test begins.
func (s *site) kept() map[string][]string {
	s.t.Helper()
	all := map[string][]string{}
	for _, table := range s.db.Tables(s.t) {
		if !slices.Contains([]string{"code_limits", "request_codes", "sessions", "sign_in_tries", "site_counted", "site_counts", "site_standing"}, table) {
			all[table] = s.db.Rows(s.t, table)
		}
	}
	return all
}

// altered is a key with another end.
func altered(key string) string {
	if end := key[len(key)-2:]; end == "AA" {
		return key[:len(key)-2] + "BB"
	}
	return key[:len(key)-2] + "AA"
}
