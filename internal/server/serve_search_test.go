package server

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"volenti.dev/volenti/api"
	"volenti.dev/volenti/auth"
	"volenti.dev/volenti/internal/store"
	"volenti.dev/volenti/internal/store/storetest"
	"volenti.dev/volenti/request"
	"volenti.dev/volenti/subject"
)

// postAs sends a body as JSON under a key of its own.
func (s *site) postAs(key, path, body string) reply {
	s.t.Helper()
	return s.send("POST", path, key, strings.NewReader(body), "Idempotency-Key", uuid.NewString(), "Content-Type", "application/json")
}

func TestRequestsAreLookedForByIdentityAndThatIsLogged(t *testing.T) { // X25, SE14, SE16
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		s := newSite(t, db)
		s.openDesk(shopPolicies, calendar)
		anna := s.submit("access", "anna@example.com")
		s.submit("access", "ben@example.com")
		find := func(key, body string) (ids []string) {
			t.Helper()
			got := s.postAs(key, "/api/v1/requests/search", body)
			var page api.RequestPage
			if got.status != http.StatusOK || strings.Contains(got.body, "example.com") {
				t.Fatalf("%s: %d %s", body, got.status, got.body)
			}
			s.must(json.Unmarshal([]byte(got.body), &page))
			for _, r := range page.Items {
				ids = append(ids, r.ID)
			}
			return ids
		}
		who := `{"identity":{"type":"email","value":" ANNA@example.com"}}`
		before := s.entries()
		s.world.equal("about Anna", find(s.key, who), []string{anna.ID})
		if s.entries() != before+1 {
			t.Errorf("%d entries", s.entries()-before)
		}
		all, err := db.Audit().Records(t.Context(), store.DefaultTenant, int64(before), 1)
		s.must(err)
		keys, err := db.Tenant(t.Context(), store.DefaultTenant)
		s.must(err)
		digest := person(t, subject.Email, "anna@example.com")[0].Digest(keys.RecallKey())
		if all[0].Act != "request.search" || !strings.Contains(string(all[0].Details), digest) || strings.Contains(string(all[0].Details), "anna") {
			t.Errorf("the log says %s %s", all[0].Act, all[0].Details)
		}
		theirs := s.makeKey(otherTenant, time.Time{}, auth.Scopes()...)
		if got := find(theirs, who); len(got) != 0 {
			t.Errorf("another tenant finds %v", got)
		}
		s.world.equal("all", len(find(s.key, `{}`)), 2)
		s.problem("no address", s.postAs(s.key, "/api/v1/requests/search", `{"identity":{"type":"email","value":"nobody"}}`), http.StatusUnprocessableEntity)
		s.problem("a cursor of another order", s.postAs(s.key, "/api/v1/requests/search", `{"sort":"due","cursor":"`+"MDE5OGMwZGUtMDAwMC03MDAwLTgwMDAtMDAwMDAwMDAwMDAx"+`"}`), http.StatusUnprocessableEntity)
	})
}

func TestInboxIsSortedByWhatIsDueFirst(t *testing.T) { // X21, W2
	t.Parallel()
	s := newSite(t, storetest.SQLite(t))
	s.openDesk(shopPolicies, calendar)
	first, second := s.submit("access", "anna@example.com"), s.submit("access", "ben@example.com")
	_, err := s.db.Raw(t).Exec(`UPDATE requests SET due = 1000000 WHERE id = $1`, second.ID)
	s.must(err)
	var page api.RequestPage
	s.ask("GET", "/api/v1/requests?sort=due&limit=1&open=true", "", http.StatusOK, &page)
	if len(page.Items) != 1 || page.Items[0].ID != second.ID || !page.Items[0].Overdue || page.Next == "" {
		t.Fatalf("the first page: %+v", page)
	}
	next := page.Next
	page = api.RequestPage{}
	s.ask("GET", "/api/v1/requests?sort=due&limit=1&open=true&cursor="+next, "", http.StatusOK, &page)
	if len(page.Items) != 1 || page.Items[0].ID != first.ID || page.Next != "" {
		t.Errorf("the second page: %+v", page)
	}
	page = api.RequestPage{}
	s.ask("GET", "/api/v1/requests?overdue=true&due_before="+time.Now().UTC().Format("2006-01-02T15:04:05Z"), "", http.StatusOK, &page)
	if len(page.Items) != 1 || page.Items[0].ID != second.ID {
		t.Errorf("overdue: %+v", page)
	}
	s.problem("a cursor of another order", s.get("/api/v1/requests?cursor="+next), http.StatusUnprocessableEntity)
}

func TestAnExportIsWholeHarmlessAndSaysWhoIsInItOnlyWhenAsked(t *testing.T) { // X25, SE6, SE16
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		s := newSite(t, db)
		s.openDesk(shopPolicies, calendar)
		r := s.submit("access", "anna@example.com")
		ended := s.submit("access", "ben@example.com")
		if got := s.act(ended.ID, "deny", `{"reason":"=cmd|' /C calc'!A0"}`); got.status != http.StatusOK {
			t.Fatal(got.body)
		}
		export := func(key, body string) reply { return s.postAs(key, "/api/v1/requests/export", body) }
		before := s.entries()
		got := export(s.key, `{"format":"csv"}`)
		if got.status != http.StatusOK || !strings.HasPrefix(got.header.Get("Content-Type"), "text/csv") || strings.Contains(got.body, "@example") {
			t.Fatalf("%d %v %s", got.status, got.header, got.body)
		}
		rows, err := csv.NewReader(strings.NewReader(got.body)).ReadAll()
		s.must(err)
		if len(rows) != 3 || rows[1][0] != ended.ID || rows[2][0] != r.ID || rows[1][15] != "'=cmd|' /C calc'!A0" || rows[2][10] != r.Due.Format("2006-01-02T15:04:05Z") {
			t.Errorf("rows: %q", rows)
		}
		lines := export(s.key, `{"format":"jsonl","open":true}`)
		var line api.Exported
		s.must(json.Unmarshal([]byte(lines.body), &line))
		if line.ID != r.ID || len(line.Identities) != 0 || lines.header.Get("Content-Type") != "application/jsonl" {
			t.Errorf("lines: %s", lines.body)
		}
		named := export(s.key, `{"format":"csv","identities":true}`)
		if strings.Count(named.body, "email: anna@example.com") != 1 || strings.Contains(named.body, "ben@") {
			t.Errorf("with identities: %s", named.body)
		}
		acts := func() (acts []string) {
			all, err := db.Audit().Records(t.Context(), store.DefaultTenant, int64(before), 100)
			s.must(err)
			for _, r := range all {
				acts = append(acts, r.Act)
			}
			return acts
		}
		s.world.equal("acts", acts(), []string{"request.export", "request.export", "request.export", "request.reveal"})
		reader := s.makeKey(store.DefaultTenant, time.Time{}, auth.ReadRequests)
		before = s.entries()
		s.problem("without the scope", export(reader, `{"format":"csv","identities":true}`), http.StatusForbidden)
		if got := export(reader, `{"format":"csv"}`); got.status != http.StatusOK {
			t.Errorf("the scope to read is not enough: %d %s", got.status, got.body)
		}
		s.problem("another format", export(s.key, `{"format":"xls"}`), http.StatusUnprocessableEntity)
	})
}

// exported is how many requests an export has in tests: more than a page; with
// SOAK=1, many.
func exported() int {
	if os.Getenv("SOAK") != "" {
		return 10_000
	}
	return 700
}

// An export holds one page in memory, however many there are and however slow
// its reader is. The test runs alone: others would be counted along.
func TestAnExportOfManyIsStreamed(t *testing.T) { // X25
	s := newSite(t, storetest.SQLite(t))
	n := exported()
	for i := range n {
		r := request.Request{
			ID: uuid.Must(uuid.NewV7()).String(), Tenant: store.DefaultTenant, Policy: "p", Status: request.AwaitingApproval,
			Plan: []byte(`{}`), Message: fmt.Sprintf("%d %s", i, strings.Repeat("m", 40_000)), // a hundred are 4 MB
		}
		s.must(s.db.Requests().Create(t.Context(), r, nil, act("request.vouch")))
	}
	before := heap()
	out, err := http.NewRequestWithContext(t.Context(), "POST", s.url+"/api/v1/requests/export", strings.NewReader(`{"format":"jsonl"}`))
	s.must(err)
	out.Header.Set("Authorization", "Bearer "+s.key)
	out.Header.Set("Content-Type", "application/json")
	got, err := http.DefaultTransport.RoundTrip(out)
	s.must(err)
	defer func() { s.must(got.Body.Close()) }()
	lines, seen := json.NewDecoder(got.Body), map[string]bool{}
	for range n {
		var e api.Exported
		s.must(lines.Decode(&e))
		seen[e.ID] = true
		if len(seen)%(n/3) == 0 {
			if now := heap(); now > before+12<<20 {
				t.Errorf("the heap has grown by %d MiB", (now-before)>>20)
			}
		}
	}
	if lines.More() || len(seen) != n {
		t.Errorf("%d requests, want %d", len(seen), n)
	}
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
