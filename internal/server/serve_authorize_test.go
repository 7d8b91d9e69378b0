package server

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"volenti.dev/volenti/api"
	"volenti.dev/volenti/auth"
	"volenti.dev/volenti/config"
	"volenti.dev/volenti/connector"
	"volenti.dev/volenti/datamap/inventory"
	"volenti.dev/volenti/internal/store"
	"volenti.dev/volenti/internal/store/storetest"
)

// mailer is a vendor at which a person authorises connections.
const mailer = `
saas_config:
  fides_key: mailer
  name: Mailer
  type: mailer
  connector_params: [{name: host}, {name: client, sensitive: true}]
  client_config:
    protocol: http
    host: <host>
    authentication:
      strategy: oauth2_authorization_code
      configuration:
        authorization_request: {method: GET, path: /allow, query_params: [{name: client, value: <client>}, {name: state, value: <state>}, {name: redirect_uri, value: <redirect_uri>}, {name: code_challenge, value: <code_challenge>}]}
        token_request: {method: POST, path: /token, body: '{"client": "<client>", "code": "<code>", "redirect_uri": "<redirect_uri>", "code_verifier": "<code_verifier>"}'}
        refresh_request: {method: POST, path: /token, body: '{"client": "<client>", "refresh_token": "<refresh_token>"}'}
  test_request: {method: GET, path: /ping}
  endpoints:
  - {name: people, requests: {read: {method: GET, path: /people/<email>, param_values: [{name: email, identity: email}]}}}
`

// kinds are those that come along, and mailer.
func kinds(t testing.TB) connector.Registry { return describe(t, mailer) }

// makeMailer makes a connection that a person authorises, at nobody.
func (s *site) makeMailer(tenant string) string {
	s.t.Helper()
	return s.makeMailerAt(tenant, "127.0.0.1:1")
}

func (s *site) makeMailerAt(tenant, host string) string {
	s.t.Helper()
	key := "m" + uuid.NewString()
	seen, err := s.db.Connections().Seen(s.t.Context(), tenant)
	s.must(err)
	made, err := config.MadeOf(key, map[string]any{"type": "mailer", "access": "write", "secrets": map[string]any{"host": host, "client": "canary-client"}})
	s.must(err)
	s.must(s.db.Connections().Create(s.t.Context(), tenant, inventory.Connection{Key: key, Type: "mailer"}, made.Text, seen, act("connection.create")))
	return key
}

// stateOf gives a state with which somebody comes back from a vendor.
func (s *site) stateOf(tenant string) string {
	s.t.Helper()
	latest := NewLatest(s.db.DB, config.Options{Registry: kinds(s.t)})
	defer func() { s.must(latest.Close()) }()
	address, _, err := authorizations{s.db.DB, latest, "https://privacy.example.com", time.Now}.Begin(s.t.Context(), auth.Console(tenant, "test"), s.makeMailer(tenant))
	s.must(err)
	return query(s.t, address).Get("state")
}

func query(t testing.TB, address string) url.Values {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	return u.Query()
}

// consentScreen is the vendor, on loopback.
type consentScreen struct {
	*httptest.Server
	mu    sync.Mutex
	asked []map[string]string // for tokens
	by    []string            // who has called otherwise
}

func newConsentScreen(t *testing.T) *consentScreen {
	m := &consentScreen{}
	m.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		m.mu.Lock()
		defer m.mu.Unlock()
		if r.URL.Path != "/token" {
			m.by = append(m.by, r.Header.Get("Authorization"))
			return
		}
		var asked map[string]string
		if err := json.NewDecoder(r.Body).Decode(&asked); err != nil {
			t.Error(err)
		}
		m.asked = append(m.asked, asked)
		if asked["code"] != "canary-code" {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		_, _ = io.WriteString(w, `{"access_token": "canary-access", "refresh_token": "canary-refresh", "expires_in": 3600}`)
	}))
	t.Cleanup(m.Close)
	return m
}

func TestAPersonLetsAConnectionBeUsed(t *testing.T) { // H8
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		s, vendor := newSiteWith(t, db, func(srv *Server) {
			latest := srv.worker().latest
			latest.client = func(bool) connector.Client { return http.DefaultClient }
		}), newConsentScreen(t)
		key := s.makeMailerAt(store.DefaultTenant, strings.TrimPrefix(vendor.URL, "http://"))
		begin := func(who string) url.Values {
			t.Helper()
			got := s.send("POST", "/api/v1/connections/"+key+"/authorize", who, nil, "Idempotency-Key", uuid.NewString())
			var at api.Authorization
			if err := json.Unmarshal([]byte(got.body), &at); err != nil || got.status != http.StatusOK {
				t.Fatalf("%d %s", got.status, got.body)
			}
			if left := time.Until(at.Until); left > 15*time.Minute || left < 10*time.Minute || !strings.HasPrefix(at.URL, vendor.URL+"/allow?") {
				t.Errorf("%+v", at)
			}
			return query(t, at.URL)
		}
		back := func(state, code string) reply {
			t.Helper()
			return s.send("POST", "/api/v1/public/connections/authorized", "", strings.NewReader(fmt.Sprintf(`{"state":%q,"code":%q}`, state, code)), "Content-Type", "application/json")
		}
		test := func(want string) {
			t.Helper()
			got := s.send("POST", "/api/v1/connections/"+key+"/test", s.key, nil, "Idempotency-Key", uuid.NewString())
			if !strings.Contains(got.body, want) {
				t.Errorf("the test gives %s, want %s", got.body, want)
			}
		}

		standing := func(what string, stands, since bool, reason string) {
			t.Helper()
			got := s.send("GET", "/api/v1/connections/"+key, s.key, nil)
			var c api.Connection
			s.must(json.Unmarshal([]byte(got.body), &c))
			a := c.Standing.Authorization
			if a == nil || a.Stands != stands || (a.Since != nil) != since || a.Until != nil || !strings.Contains(a.Reason, reason) || (reason == "") != (a.At == nil) {
				t.Errorf("%s: %s", what, got.body)
			}
			if strings.Contains(got.body, "canary") {
				t.Errorf("%s: a secret is shown: %s", what, got.body)
			}
		}
		standing("before", false, false, "")
		test("nobody has authorised this connection yet")
		operator := s.makeOperator(store.DefaultTenant, auth.Engineer)
		sent := begin(s.session(operator))
		if sent.Get("redirect_uri") != "https://privacy.example.com/connections/authorized" || sent.Get("client") != "canary-client" || len(sent.Get("code_challenge")) != 43 {
			t.Errorf("sent with %v", sent)
		}
		page := s.send("GET", "/connections/authorized?state="+sent.Get("state")+"&code=canary-code", "", nil)
		if page.status != http.StatusOK || !strings.Contains(page.body, "The connection "+key+" can be used now") {
			t.Errorf("%d %s", page.status, page.body)
		}
		standing("once it is allowed", true, true, "")
		asked := vendor.asked[0]
		if len(vendor.asked) != 1 || asked["redirect_uri"] != sent.Get("redirect_uri") || len(asked["code_verifier"]) != 43 || asked["client"] != "canary-client" {
			t.Errorf("asked for a token with %v", vendor.asked)
		}
		test(`"succeeded":true`)
		if got := vendor.by[len(vendor.by)-1]; got != "Bearer canary-access" {
			t.Errorf("called by %q", got)
		}
		s.problem("a second time", back(sent.Get("state"), "canary-code"), http.StatusForbidden)
		s.problem("a made-up one", back("vo_nothing", "canary-code"), http.StatusForbidden)
		if page := s.send("GET", "/connections/authorized?state="+sent.Get("state")+"&code=canary-code", "", nil); page.status != http.StatusForbidden || !strings.Contains(page.body, "This address allows nothing") {
			t.Errorf("%d %s", page.status, page.body)
		}

		// What the vendor or the person does not allow is said, and changes nothing.
		for state, want := range map[[2]string]string{
			{begin(s.key).Get("state"), ""}:      "it was not allowed at the vendor",
			{begin(s.key).Get("state"), "other"}: "the vendor answered 400",
		} {
			if got := back(state[0], state[1]); got.status != http.StatusOK || !strings.Contains(got.body, `"succeeded":false`) || !strings.Contains(got.body, want) {
				t.Errorf("%d %s, want %s", got.status, got.body, want)
			}
		}
		test(`"succeeded":true`)
		_ = back(begin(s.key).Get("state"), "")
		standing("once somebody has not allowed it again", true, false, "it was not allowed at the vendor")

		// Who may not any more has begun nothing.
		late := begin(s.session(operator))
		s.must(db.Operators().Disable(t.Context(), auth.Console(store.DefaultTenant, "test"), operator.ID, act("operator.disable")))
		s.problem("of who is kept out", back(late.Get("state"), "canary-code"), http.StatusForbidden)

		log, acts := s.log.String(), s.actsOf("connection/"+key)
		for _, secret := range []string{"canary-code", "canary-access", "canary-client", "canary-refresh", sent.Get("state")} { // SE10
			if strings.Contains(log, secret) || strings.Contains(acts, secret) {
				t.Errorf("%s is in a log", secret)
			}
		}
		for _, want := range []string{`connection.authorize {"by":"operator/` + operator.ID + `"}`, `connection.authorized {"allowed":true,"by":"operator/` + operator.ID + `"}`, `"allowed":false`} {
			if !strings.Contains(acts, want) {
				t.Errorf("the audit log lacks %s:\n%s", want, acts)
			}
		}
	})
}

// actsOf writes what the audit log has about an object.
func (s *site) actsOf(object string) string {
	s.t.Helper()
	records, err := s.db.Audit().Records(s.t.Context(), store.DefaultTenant, 0, 100_000)
	s.must(err)
	var all strings.Builder
	for _, r := range records {
		if r.Object == object {
			fmt.Fprintf(&all, "%s %s\n", r.Act, r.Details)
		}
	}
	return all.String()
}

func TestNobodyIsSentWhereNothingIsToBeAllowed(t *testing.T) { // H8
	t.Parallel()
	s := newSite(t, storetest.SQLite(t))
	latest := NewLatest(s.db.DB, config.Options{Registry: kinds(t)})
	defer func() { s.must(latest.Close()) }()
	key, webhook := s.makeMailer(store.DefaultTenant), s.makeInventoryOf(store.DefaultTenant)
	for name, c := range map[string]struct{ public, key, want string }{
		"no address of this server": {"", key, "--public-url"},
		"a webhook":                 {"https://privacy.example.com", webhook, "not authorised by a person"},
	} {
		_, _, err := authorizations{s.db.DB, latest, c.public, time.Now}.Begin(t.Context(), auth.Console(store.DefaultTenant, "test"), c.key)
		if wrong := (*inventory.Invalid)(nil); !errors.As(err, &wrong) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, _, err := authorizations{s.db.DB, latest, "https://privacy.example.com", time.Now}.Begin(t.Context(), auth.Console(store.DefaultTenant, "test"), "none")
	if !errors.Is(err, inventory.ErrNoConnection) {
		t.Errorf("a connection that there is not: %v", err)
	}
	late := authorizations{s.db.DB, latest, "https://privacy.example.com", func() time.Time { return time.Now().Add(-time.Hour) }}
	address, _, err := late.Begin(t.Context(), auth.Console(store.DefaultTenant, "test"), key)
	s.must(err)
	if _, _, err := late.Take(t.Context(), query(t, address).Get("state"), "c"); !errors.Is(err, auth.ErrRefused) {
		t.Errorf("after its time: %v", err)
	}
}

// makeInventoryOf makes a webhook.
func (s *site) makeInventoryOf(tenant string) string {
	s.t.Helper()
	key, _ := s.makeInventory(api.Route{}, tenant)
	return key
}
