package server

import (
	"bytes"
	"context"
	"html"
	"io"
	"log/slog"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"volenti.dev/volenti/api"
	"volenti.dev/volenti/auth"
	"volenti.dev/volenti/config"
	"volenti.dev/volenti/connector/builtin"
	"volenti.dev/volenti/consent/notice"
	"volenti.dev/volenti/internal/store"
	"volenti.dev/volenti/internal/store/storetest"
	"volenti.dev/volenti/request"
	"volenti.dev/volenti/web"
)

// browser keeps cookies as a browser does, and sends forms as it sends them.
type browser struct {
	s       *site
	cookies map[string]string
	headers map[string]string // of every request
}

func newPagesSite(t *testing.T, db *storetest.Database) *site {
	t.Helper()
	return newSiteWith(t, db, func(s *Server) { s.PublicURL = "http://127.0.0.1" })
}

func (s *site) browser() *browser {
	return &browser{s, map[string]string{}, map[string]string{"Sec-Fetch-Site": "same-origin", "Accept-Language": "en"}}
}

// as gives a browser in which an operator is signed in.
func (s *site) as(o auth.Operator) *browser {
	b := s.browser()
	b.cookies["volenti"] = s.session(o)
	return b
}

func (b *browser) do(method, path string, form url.Values) reply {
	b.s.t.Helper()
	if form == nil {
		return b.sent(method, path, nil, "")
	}
	return b.sent(method, path, strings.NewReader(form.Encode()), "application/x-www-form-urlencoded")
}

func (b *browser) sent(method, path string, body io.Reader, kind string) reply {
	b.s.t.Helper()
	r, err := http.NewRequestWithContext(context.Background(), method, b.s.url+path, body)
	b.s.must(err)
	for name, value := range b.headers {
		r.Header.Set(name, value)
	}
	if kind != "" {
		r.Header.Set("Content-Type", kind)
	}
	for name, value := range b.cookies {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	got, err := http.DefaultTransport.RoundTrip(r)
	b.s.must(err)
	text, err := io.ReadAll(got.Body)
	b.s.must(err)
	b.s.must(got.Body.Close())
	for _, c := range got.Cookies() {
		if b.cookies[c.Name] = c.Value; c.MaxAge < 0 {
			delete(b.cookies, c.Name)
		}
	}
	return reply{got.StatusCode, got.Header, string(text)}
}

func (b *browser) get(path string) reply { b.s.t.Helper(); return b.do("GET", path, nil) }

var hidden = regexp.MustCompile(`<input type="hidden" name="(_token|_once|plan_hash|next)" value="([^"]*)">`)

// fill gives a form of a page, with what is hidden in it.
func (b *browser) fill(page reply, entered ...string) url.Values {
	form := url.Values{}
	for _, m := range hidden.FindAllStringSubmatch(page.body, -1) {
		form.Set(m[1], m[2])
	}
	for i := 0; i < len(entered); i += 2 {
		form.Set(entered[i], entered[i+1])
	}
	return form
}

// send fills in a form of the page at from, and sends it to another.
func (b *browser) send(from, to string, entered ...string) reply {
	b.s.t.Helper()
	return b.do("POST", to, b.fill(b.get(from), entered...))
}

// pagePath gives the path of a page about something of a tenant, in a state in
// which the page is possible; about nothing when the tenant is "".
func (s *site) pagePath(page web.Page, tenant string) string {
	s.t.Helper()
	id, sequence, key, record, connection := uuid.Must(uuid.NewV7()).String(), "99999", "none", uuid.NewString(), "archive"
	switch {
	case tenant != "" && strings.HasPrefix(page.Path, "/admin/people/"):
		id = s.makeConsent(tenant, uuid.NewString()+"@example.com", "analytics", true).Subject.String()
	case tenant != "" && strings.Contains(page.Path, "{version}"):
		s.must(s.db.Consents().Publish(s.t.Context(), tenant, notice.Version{
			Version: "shown", Material: true, Summary: "A partner.", Texts: []notice.Text{{Language: "en", Body: "A text."}}, ClassifiedBy: "test",
		}, act("notice.publish")))
	case tenant != "" && strings.HasPrefix(page.Path, "/admin/consent/records/"):
		sequence = strconv.FormatInt(s.makeConsent(tenant, uuid.NewString()+"@example.com", "analytics", true).Sequence, 10)
	case tenant != "" && strings.Contains(page.Path, "{record}"):
		record, connection = s.makeUnsent(tenant), "letters"
	case tenant != "" && strings.Contains(page.Path, "/datasets/{key}/"):
		key = s.makeDataset(tenant)
	case tenant != "" && strings.HasSuffix(page.Path, "/connections/{key}/describe"):
		key = s.connectionOf(tenant)
	case tenant != "" && strings.Contains(page.Path, "/datasets/"):
		key = s.datasetOf(tenant)
	case tenant != "" && strings.HasSuffix(page.Path, "/connections/{key}/authorize"):
		key = s.makeMailer(tenant)
	case tenant != "" && (strings.Contains(page.Path, "/systems/{key}") || strings.Contains(page.Path, "/connections/{key}")):
		key, _ = s.makeInventory(api.Route{Path: page.Path}, tenant)
	case tenant != "" && strings.Contains(page.Path, "/tasks/{connection}"):
		id = s.makeTask(tenant)
	case tenant != "" && strings.HasPrefix(page.Path, "/admin/webhooks/{id}"):
		id = s.objectOf("/api/v1/webhooks/{id}", tenant)
	case tenant != "" && strings.HasPrefix(page.Path, "/admin/operators/invitations/{id}"):
		id = s.objectOf("/api/v1/invitations/{id}", tenant)
	case tenant != "" && strings.HasPrefix(page.Path, "/admin/operators/{id}"):
		id = s.objectOf("/api/v1/operators/{id}", tenant)
	case tenant != "" && strings.HasPrefix(page.Path, "/admin/keys/{id}"):
		id = s.objectOf("/api/v1/apikeys/{id}", tenant)
	case tenant != "" && strings.HasPrefix(page.Path, "/admin/sites/"):
		id = s.makeSiteAt(tenant, "http://127.0.0.1:1", false).ID // where nobody answers
	case tenant != "" && strings.Contains(page.Path, "{id}"):
		id = s.makeRequestFor(api.Route{Path: strings.TrimPrefix(page.Path, "/admin")}, tenant)
	}
	return strings.NewReplacer("{id}", id, "{sequence}", sequence, "{version}", "shown", "{key}", key, "{record}", record, "{type}", "webhook", "{connection}", connection, "{at}", "new", "{invitation}", "vi_none", "{link}", "vn_none", "{$}", "").Replace(page.Path)
}

// objectOf gives the id of something that a route of the interface is about.
func (s *site) objectOf(route, tenant string) string {
	s.t.Helper()
	at := s.path(api.Route{Path: route}, tenant)
	return at[strings.LastIndex(at, "/")+1:]
}

// formFor fills in what a page of an operator takes.
func (s *site) formFor(b *browser, page web.Page) url.Values {
	s.t.Helper()
	s.openShop()
	if page.Path == "/admin/requests/weigh" || page.Path == "/admin/requests/decide" {
		id := s.makeRequestFor(api.Route{Path: "/requests/{id}/deny"}, store.DefaultTenant)
		return b.fill(b.get("/admin/password"), "decision", "deny", "reason", "it is not clear who asks", "request", id, "_once", uuid.NewString())
	}
	if strings.Contains(page.Path, "/dataset") || strings.HasSuffix(page.Path, "/describe") {
		return b.fill(b.get("/admin/password"), "connection", "warehouse", "text", "dataset: []", "do", "check", "_once", uuid.NewString())
	}
	if strings.Contains(page.Path, "/values") {
		return b.fill(b.get("/admin/password"), "address", "shop:customer", "cell", " email", "back", " email", "reason", "of_others", "_once", uuid.NewString())
	}
	return b.fill(b.get("/admin/password"), "plan_hash", s.plan.Hash, "confirm", "erase", "reason", "it is in the archive", "collection", "shop:customer", "note", "called back", "ground", "identity",
		"purpose", "analytics", "choice", "no", "type", "email", "identity", uuid.NewString()+"@example.org",
		"value", "paula@example.org", "view", uuid.NewString(), "revision", "1", "name", "Shop", "key", "shop_"+uuid.NewString()[:8], "rank", "1", "classified_by", "Olga", "addresses", "player.vimeo.com",
		"policy", "erasure", "text", "Which account is it?", "email", uuid.NewString()+"@example.org",
		"role", "viewer", "scopes", "requests:read", "days", "3", "url", "https://hooks.example.org/"+uuid.NewString(), "pending", "skip", "from", "0", "to", "officer@example.org",
		"key", "k"+uuid.NewString(), "plain.url", "https://x.example", "secret.secret", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
		"old_password", password, "new_password", password+" again", "password_again", password+" again", "_once", uuid.NewString())
}

func (s *site) visit(b *browser, page web.Page, path string) reply {
	s.t.Helper()
	if page.Method == http.MethodGet {
		return b.get(path)
	}
	return s.visitWith(b, page, path, s.formFor(b, page))
}

// visitWith sends a page a form.
func (s *site) visitWith(b *browser, page web.Page, path string, form url.Values) reply {
	s.t.Helper()
	if key, removes := strings.CutSuffix(path, "/remove"); removes {
		form.Set("confirm", key[strings.LastIndex(key, "/")+1:])
	}
	if page.Uploads {
		return b.upload(path+"?_token="+form.Get("_token"), map[string]string{"nothing": "true"})
	}
	return b.do("POST", path, form)
}

// upload sends a form that may have files.
func (b *browser) upload(path string, parts map[string]string) reply {
	b.s.t.Helper()
	var body bytes.Buffer
	w := multipart.NewWriter(&body)
	for name, content := range parts {
		b.s.must(w.WriteField(name, content))
	}
	b.s.must(w.Close())
	return b.sent("POST", path, &body, w.FormDataContentType())
}

func TestEveryPageIsForTheRolesThatItsScopeHas(t *testing.T) { // SE13
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		s := newPagesSite(t, db)
		for _, page := range web.Table() {
			if page.Public {
				continue
			}
			at := page.Method + " " + page.Path
			nobody := s.browser()
			if got := nobody.do(page.Method, s.pagePath(page, store.DefaultTenant), map[string]url.Values{"POST": {}}[page.Method]); got.status != http.StatusSeeOther || !strings.HasPrefix(got.header.Get("Location"), "/sign-in") {
				t.Errorf("%s shows nobody %d %s", at, got.status, got.body)
			}
			for _, role := range auth.Roles() {
				b := s.as(s.makeOperator(store.DefaultTenant, role))
				got := s.visit(b, page, s.pagePath(page, store.DefaultTenant))
				switch may := slices.Contains(role.Scopes(), page.Scope); {
				case may && (got.status >= 400 || strings.HasPrefix(got.header.Get("Location"), "/sign-in") && page.Path != "/sign-out"):
					t.Errorf("%s refuses %s: %d %s", at, role, got.status, got.body)
				case !may && (got.status != http.StatusForbidden || !strings.Contains(got.body, "This is not for your role")):
					t.Errorf("%s is open to %s: %d %s", at, role, got.status, got.body)
				}
			}
		}
	})
}

func TestPagesOfOtherTenantsAreAsIfTheyDidNotExist(t *testing.T) { // SE14
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		s := newPagesSite(t, db)
		b, theirs := s.as(s.makeOperator(store.DefaultTenant, auth.Owner)), s.as(s.makeOperator(otherTenant, auth.Owner))
		asked := 0
		for _, page := range web.Table() {
			if !strings.Contains(page.Path, "{id}") {
				continue
			}
			asked++
			at := page.Method + " " + page.Path
			path := s.pagePath(page, otherTenant)
			foreign, missing, nonsense := s.visit(b, page, path), s.visit(b, page, s.pagePath(page, "")), s.visit(b, page, strings.ReplaceAll(page.Path, "{id}", "x"))
			for _, r := range []reply{foreign, missing, nonsense} {
				r.header.Del("Date")
			}
			if foreign.status != http.StatusNotFound {
				t.Errorf("%s: %d %s", at, foreign.status, foreign.body)
			}
			for _, other := range []reply{foreign, nonsense} {
				if d := cmp.Diff(missing, other, cmp.AllowUnexported(reply{})); d != "" {
					t.Errorf("%s tells what exists: %s", at, d)
				}
			}
			if got := s.visit(theirs, page, path); got.status >= 400 {
				t.Errorf("%s: its owner gets %d %s", at, got.status, got.body)
			}
		}
		if asked == 0 {
			t.Error("no page was asked")
		}
		if got := b.get("/admin/requests"); strings.Contains(got.body, "/admin/requests/0") {
			t.Errorf("the list tells of another tenant: %s", got.body)
		}
	})
}

func TestFormsOfOthersChangeNothing(t *testing.T) { // SE15
	t.Parallel()
	s := newPagesSite(t, storetest.SQLite(t))
	o := s.makeOperator(store.DefaultTenant, auth.Owner)
	acts := func() (n int) { // of the operator: choices are carried on meanwhile
		all, err := s.db.Audit().Records(t.Context(), store.DefaultTenant, 0, 10000)
		s.must(err)
		for _, r := range all {
			if strings.Contains(string(r.Details), o.ID) {
				n++
			}
		}
		return n
	}
	for what, change := range map[string]func(*browser, url.Values){
		"no token":                  func(_ *browser, f url.Values) { f.Del("_token") },
		"another token":             func(_ *browser, f url.Values) { f.Set("_token", strings.Repeat("A", 43)) },
		"another session's token":   func(_ *browser, f url.Values) { f.Set("_token", s.formFor(s.as(o), web.Page{}).Get("_token")) },
		"another site":              func(b *browser, _ url.Values) { b.headers["Sec-Fetch-Site"] = "cross-site" },
		"a neighbour on the domain": func(b *browser, _ url.Values) { b.headers["Sec-Fetch-Site"] = "same-site" },
		"another origin": func(b *browser, _ url.Values) {
			delete(b.headers, "Sec-Fetch-Site")
			b.headers["Origin"] = "https://evil.example"
		},
	} {
		for _, page := range web.Table() {
			if page.Method != http.MethodPost || page.Public {
				continue
			}
			b, path := s.as(o), s.pagePath(page, store.DefaultTenant)
			form := s.formFor(b, page)
			before := acts()
			change(b, form)
			if got := b.do("POST", path, form); got.status != http.StatusForbidden || acts() != before {
				t.Errorf("%s with %s: %d %s", page.Path, what, got.status, got.body)
			}
		}
		for _, page := range web.Table() { // those that anybody may send
			if page.Method != http.MethodPost || !page.Public {
				continue
			}
			b := s.browser()
			form := b.fill(b.get("/sign-in"), "email", o.Email.Value.Reveal(), "password", password)
			if change(b, form); what == "another session's token" {
				delete(b.cookies, "volenti-form")
			}
			if got := b.do("POST", s.pagePath(page, ""), form); got.status != http.StatusForbidden || b.cookies["volenti"] != "" {
				t.Errorf("%s with %s: %d %s", page.Path, what, got.status, got.body)
			}
		}
	}
	// From where browsers tell nothing, the token is enough.
	b := s.as(o)
	delete(b.headers, "Sec-Fetch-Site")
	b.headers["Origin"] = "null"
	if got := b.do("POST", "/sign-out", s.formFor(b, web.Page{})); got.status != http.StatusSeeOther {
		t.Errorf("a browser that tells nothing: %d %s", got.status, got.body)
	}
}

func TestCookiesAreForThisHostAndTLSOnly(t *testing.T) { // SE15
	t.Parallel()
	db := storetest.SQLite(t)
	plain, secure := "volenti-form=x; Path=/; HttpOnly; SameSite=Lax", "__Host-volenti-form=x; Path=/; HttpOnly; Secure; SameSite=Lax"
	for public, want := range map[string]string{
		"http://127.0.0.1:8080": plain, "http://localhost:8080": plain, "http://[::1]:8080": plain,
		"https://privacy.example.org": secure, "https://localhost": secure, "http://privacy.example.org": secure, "http://127.0.0.1.example.org": secure, "": secure,
	} {
		server := &Server{House: &House{Store: db.DB}, Now: time.Now, Log: slog.New(slog.DiscardHandler), PublicURL: public, Configuration: config.Options{Registry: builtin.Registry()}}
		w := httptest.NewRecorder()
		server.Handler(nil).ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), "GET", "/sign-in", nil))
		got := regexp.MustCompile(`=[A-Za-z0-9_-]{43};`).ReplaceAllString(w.Header().Get("Set-Cookie"), "=x;")
		if got != want {
			t.Errorf("at %q: %s", public, got)
		}
	}
}

func TestPagesLetNothingBeLoadedNorFramedNorKept(t *testing.T) { // SE15
	t.Parallel()
	s := newPagesSite(t, storetest.SQLite(t))
	b := s.as(s.makeOperator(store.DefaultTenant, auth.Owner))
	for _, path := range []string{"/", "/sign-in", "/set-up/vi_x", "/admin/requests", "/admin/requests/new", "/nothing", "/admin/requests/" + uuid.NewString(), "/a/../b"} {
		got := b.get(path)
		for name, want := range map[string]string{
			"Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
			"Referrer-Policy":         "no-referrer", "X-Content-Type-Options": "nosniff", "Cache-Control": "no-store",
			"Content-Type": "text/html; charset=utf-8", "Content-Language": "en",
		} {
			if got.header.Get(name) != want {
				t.Errorf("%s: %s is %q", path, name, got.header.Get(name))
			}
		}
		for _, inline := range []string{"<script>", "<style", " style=", " onclick=", "javascript:"} {
			if strings.Contains(got.body, inline) {
				t.Errorf("%s has %s", path, inline)
			}
		}
	}
}

func TestSetUpLinkMakesAnOperatorOnce(t *testing.T) { // SE12
	t.Parallel()
	s := newPagesSite(t, storetest.SQLite(t))
	link := "/set-up/" + s.invitation(store.DefaultTenant, auth.Owner)
	b := s.browser()
	b.get(link)
	b.get(link) // looking at it does not use it up
	entered := []string{"name", "Olga", "email", "olga@example.org", "password", "too short", "password_again", "too short"}
	if got := b.send(link, link, entered...); got.status != http.StatusUnprocessableEntity || !strings.Contains(got.body, "use 12 at least") ||
		!strings.Contains(got.body, `value="olga@example.org"`) || strings.Contains(got.body, "too short") {
		t.Errorf("a short password: %d %s", got.status, got.body)
	}
	entered[5], entered[7] = password, password+"r"
	if got := b.send(link, link, entered...); got.status != http.StatusUnprocessableEntity || !strings.Contains(got.body, "It is not the same password.") {
		t.Errorf("two passwords: %d %s", got.status, got.body)
	}
	entered[7] = password
	if got := b.send(link, link, entered...); got.status != http.StatusSeeOther || got.header.Get("Location") != "/admin" {
		t.Fatalf("accepted: %d %s", got.status, got.body)
	}
	if got := b.get("/admin/requests"); got.status != http.StatusOK || !strings.Contains(got.body, "Olga") {
		t.Errorf("signed in: %d %s", got.status, got.body)
	}
	other := s.browser()
	entered[3] = "other@example.org"
	if got := other.send(link, link, entered...); got.status != http.StatusForbidden || !strings.Contains(got.body, "The invitation is not valid") {
		t.Errorf("again: %d %s", got.status, got.body)
	}
	if got := s.browser(); got.send("/sign-in", "/sign-in", "email", "olga@example.org", "password", "not the password").status != http.StatusForbidden || got.cookies["volenti"] != "" {
		t.Error("a wrong password lets in")
	}
	for next, want := range map[string]string{
		"": "/admin", "/admin/password": "/admin/password", "//evil.example": "/admin", "https://evil.example": "/admin", "/admin/../..//evil.example": "/admin",
	} {
		if got := s.browser().send("/sign-in?next="+url.QueryEscape(next), "/sign-in", "email", "olga@example.org", "password", password); got.status != http.StatusSeeOther || got.header.Get("Location") != want {
			t.Errorf("next %q: %d, to %q", next, got.status, got.header.Get("Location"))
		}
	}
	token := b.cookies["volenti"]
	if got := b.send("/admin/requests", "/sign-out"); got.status != http.StatusSeeOther || b.cookies["volenti"] != "" {
		t.Errorf("signed out: %d", got.status)
	}
	b.cookies["volenti"] = token
	if got := b.get("/admin/requests"); got.status != http.StatusSeeOther {
		t.Errorf("a session that was ended is good: %d", got.status)
	}
}

func TestOfficerSubmitsApprovesAndDownloads(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		s := newPagesSite(t, db)
		s.openShop()
		b := s.as(s.makeOperator(store.DefaultTenant, auth.PrivacyOfficer))
		if got := b.send("/admin/requests/new", "/admin/requests/new", "policy", "nonsense", "email", "anna@"); got.status != http.StatusUnprocessableEntity ||
			!strings.Contains(got.body, `id="new-email-wrong"`) || !strings.Contains(got.body, `value="anna@"`) {
			t.Errorf("%d %s", got.status, got.body)
		}
		form := b.fill(b.get("/admin/requests/new"), "policy", "erasure", "email", "anna@example.org")
		made, again := b.do("POST", "/admin/requests/new", form), b.do("POST", "/admin/requests/new", form)
		at := made.header.Get("Location")
		if made.status != http.StatusSeeOther || again.header.Get("Location") != at {
			t.Fatalf("%d %s, the second time %q", made.status, made.body, again.header.Get("Location"))
		}
		page := b.get(at)
		for _, want := range []string{"waits for approval", s.plan.Hash, "shop:customer", "Type erase to confirm"} {
			if !strings.Contains(page.body, want) {
				t.Errorf("the page does not say %q: %s", want, page.body)
			}
		}
		if got := b.do("POST", at+"/approve", b.fill(page)); got.status != http.StatusUnprocessableEntity || !strings.Contains(got.body, `id="approve-confirm-wrong"`) {
			t.Errorf("without the word: %d %s", got.status, got.body)
		}
		if got := b.do("POST", at+"/approve", b.fill(page, "plan_hash", strings.Repeat("0", 64), "confirm", "erase")); got.status != http.StatusConflict || !strings.Contains(got.body, "This is not the plan of the request any more") {
			t.Errorf("another plan: %d %s", got.status, got.body)
		}
		if got := b.do("POST", at+"/approve", b.fill(b.get(at), "confirm", "Erase")); got.status != http.StatusSeeOther {
			t.Fatalf("approved: %d %s", got.status, got.body)
		}
		id := strings.TrimPrefix(at, "/admin/requests/")
		s.await(id, request.Complete)
		if got := b.get(at); !strings.Contains(got.body, ">complete<") || !strings.Contains(got.body, "What was done") {
			t.Errorf("%s", got.body)
		}
		if got := b.get("/admin/requests?status=complete"); !strings.Contains(got.body, id) {
			t.Errorf("the list: %s", got.body)
		}
		if got := b.get("/admin/requests?status=denied"); strings.Contains(got.body, id) {
			t.Errorf("the list of those denied: %s", got.body)
		}

		id = s.makeRequestFor(api.Route{Path: "/requests/{id}/package"}, store.DefaultTenant)
		got := b.send(at, "/admin/requests/"+id+"/package")
		if got.status != http.StatusOK || got.body != "the package" || got.header.Get("Content-Disposition") != "attachment; filename=package-"+id+".zip" || got.header.Get("Cache-Control") != "no-store" {
			t.Errorf("%d %v %s", got.status, got.header, got.body)
		}
		if acts := s.actsOn("package/" + id); !slices.Contains(acts, "package.read") {
			t.Errorf("the log has %v", acts)
		}
	})
}

func TestPagesSayWhatIsWrongInPlainWords(t *testing.T) { // SE7
	t.Parallel()
	s := newPagesSite(t, storetest.SQLite(t))
	b := s.as(s.makeOperator(store.DefaultTenant, auth.Owner))
	for path, want := range map[string]int{"/nothing": 404, "/admin/requests/x": 404, "/admin/requests/%00": 404, "/sign-out": 405, "/admin//requests": 404, "/set-up/": 404} {
		if got := b.get(path); got.status != want || !strings.Contains(got.body, "<h1>") {
			t.Errorf("%s: %d %s", path, got.status, got.body)
		}
	}
	if got := b.get("/admin/requests?status=nonsense&policy=%27&cursor=x"); got.status != http.StatusOK || !strings.Contains(got.body, "No request is like that") {
		t.Errorf("a filter that is none: %d %s", got.status, got.body)
	}
	if got := b.do("POST", "/admin/requests/new", url.Values{"note": {strings.Repeat("x", 70_000)}}); got.status != http.StatusRequestEntityTooLarge {
		t.Errorf("a large body: %d", got.status)
	}
	b.headers["Accept-Language"] = "fr, de-AT;q=0.8"
	if got := b.get("/nothing"); got.header.Get("Content-Language") != "de" || !strings.Contains(got.body, `<html lang="de" dir="ltr">`) {
		t.Errorf("in German: %s", got.body)
	}
	if got := b.get("/admin/requests?status=error&language=en"); got.status != http.StatusSeeOther || got.header.Get("Location") != "/admin/requests?status=error" {
		t.Errorf("to English: %d %s", got.status, got.header.Get("Location"))
	}
	if got := b.get("/nothing"); got.header.Get("Content-Language") != "en" {
		t.Errorf("the language that was chosen is forgotten: %s", got.body)
	}
}

func TestPagesSayWhenNothingCanBeStored(t *testing.T) { // SE16, R5
	t.Parallel()
	db := storetest.SQLite(t)
	s := newPagesSite(t, db)
	b := s.as(s.makeOperator(store.DefaultTenant, auth.Owner))
	id := s.makeRequestFor(api.Route{Path: "/requests/{id}/deny"}, store.DefaultTenant)
	at := "/admin/requests/" + id
	form := b.fill(b.get(at), "reason", "it is not clear who asks")
	reads := []string{ // what is asked for by a form, and is nothing privileged; in the draft there is nothing to bring up to date
		"/admin/requests/weigh", "/admin/people", "/admin/consent/records/{sequence}/receipt",
		"/admin/sites/{id}/services/recognise", "/admin/sites/{id}/services/sync", "/admin/sites/{id}/install",
	}
	type sent struct {
		page web.Page
		path string
		form url.Values
	}
	var all []sent
	for _, page := range web.Table() {
		if page.Method == http.MethodPost && !page.Public && !slices.Contains(reads, page.Path) {
			one := sent{page, s.pagePath(page, store.DefaultTenant), s.formFor(b, page)}
			if one.form.Get("do") == "check" { // a dataset, which is to be saved
				key := strings.TrimSuffix(strings.TrimPrefix(one.path, "/admin/datasets/"), "/edit")
				if key == one.path {
					key = "another"
				}
				one.form.Set("do", "save")
				one.form.Set("text", "dataset: [{fides_key: "+key+", name: Changed, collections: []}]\n")
			}
			all = append(all, one)
		}
	}
	exec := func(statement string) {
		t.Helper()
		_, err := db.Raw(t).ExecContext(t.Context(), statement)
		s.must(err)
	}
	exec(`CREATE TRIGGER spoilt BEFORE INSERT ON audit_hashes BEGIN SELECT RAISE(ABORT, 'spoilt'); END`)
	kept := s.kept()
	for _, one := range all {
		got := s.visitWith(b, one.page, one.path, one.form)
		if got.status != http.StatusServiceUnavailable || !strings.Contains(got.body, "<h1>Not now</h1>") || got.header.Get("Retry-After") == "" {
			t.Errorf("%s: %d %s", one.page.Path, got.status, got.body)
		}
	}
	for table, rows := range s.kept() {
		if !slices.Equal(rows, kept[table]) {
			t.Errorf("%s is changed all the same", table)
		}
	}
	if got := b.get(at); got.status != http.StatusOK || !strings.Contains(got.body, "waits for approval") {
		t.Errorf("reading: %d %s", got.status, got.body)
	}
	exec(`DROP TRIGGER spoilt`)
	if got := b.do("POST", at+"/deny", form); got.status != http.StatusSeeOther {
		t.Errorf("once it can be stored: %d %s", got.status, got.body)
	}
}

func TestListShowsWhatWasNotProvenOnlyWhenAskedTo(t *testing.T) { // W2
	t.Parallel()
	s := newPagesSite(t, storetest.SQLite(t))
	b := s.as(s.makeOperator(store.DefaultTenant, auth.Viewer))
	claimed, proven := s.makeRequest(store.DefaultTenant, "access", request.IdentityUnverified), s.makeRequest(store.DefaultTenant, "access", request.AwaitingApproval)
	if got := b.get("/admin/requests"); strings.Contains(got.body, claimed) || !strings.Contains(got.body, proven) || !strings.Contains(got.body, "not known who asks") {
		t.Errorf("%s", got.body)
	}
	if got := b.get("/admin/requests?status=identity_unverified"); !strings.Contains(got.body, claimed) || strings.Contains(got.body, proven) {
		t.Errorf("%s", got.body)
	}
}

func TestPagesOfTheListLeadThroughAllOfIt(t *testing.T) { // W2
	t.Parallel()
	s := newPagesSite(t, storetest.SQLite(t))
	b := s.as(s.makeOperator(store.DefaultTenant, auth.Viewer))
	all := map[string]bool{}
	for range 120 {
		all[s.makeRequest(store.DefaultTenant, "access", request.AwaitingApproval)] = true
	}
	next, pages := "/admin/requests?policy=access", 0
	for ; next != ""; pages++ {
		page := b.get(next)
		for id := range all {
			if strings.Contains(page.body, "/admin/requests/"+id) {
				delete(all, id)
			}
		}
		next = ""
		if m := regexp.MustCompile(`rel="next" href="([^"]+)"`).FindStringSubmatch(page.body); m != nil {
			next = html.UnescapeString(m[1])
		}
	}
	if len(all) != 0 || pages != 3 {
		t.Errorf("%d pages leave %d out", pages, len(all))
	}
}
