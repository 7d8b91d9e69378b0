package server

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"volenti.dev/volenti/config"
	"volenti.dev/volenti/config/source"
	"volenti.dev/volenti/connector"
	"volenti.dev/volenti/connector/builtin"
	vendor "volenti.dev/volenti/connector/http"
	"volenti.dev/volenti/connector/http/vendors"
	"volenti.dev/volenti/consent"
	"volenti.dev/volenti/consent/propagate"
	"volenti.dev/volenti/datamap/catalogue"
	"volenti.dev/volenti/internal/store"
	"volenti.dev/volenti/internal/store/storetest"
	"volenti.dev/volenti/internal/vendortest"
	"volenti.dev/volenti/subject"
)

// describe reads descriptions into the kinds of connector that there are.
func describe(t testing.TB, texts ...string) connector.Registry {
	t.Helper()
	all := builtin.Registry()
	for _, text := range texts {
		report := &source.Report{}
		d := vendor.Parse("vendor.yml", []byte(text), report)
		if found := report.Problems(); len(found) > 0 {
			t.Fatal(found)
		}
		all[d.Type] = d.Spec()
	}
	return all
}

// lettersVendor is a vendor of newsletters: consent says what it can be told.
func lettersVendor(consent string) string {
	return `
saas_config:
  fides_key: letters
  name: Letters
  type: letters
  connector_params: [{name: token, sensitive: true}]
  client_config:
    protocol: https
    host: letters.example
    authentication: {strategy: bearer, configuration: {token: <token>}}
  rate_limit_config: {limits: [{rate: 1000, period: second}]}
  test_request: {method: GET, path: /ping}
  endpoints:
  - {name: people, requests: {read: {method: GET, path: /people/<email>, param_values: [{name: email, identity: email}]}}}
  consent_requests:
` + consent
}

const (
	joins  = "    opt_in: {method: PUT, path: /lists/<item>/<email>, headers: [{name: Idempotency-Key, value: <idempotency_key>}], param_values: [{name: email, identity: email}]}\n"
	leaves = "    opt_out: {method: DELETE, path: /lists/<item>/<email>, headers: [{name: Idempotency-Key, value: <idempotency_key>}], param_values: [{name: email, identity: email}]}\n"
)

// office answers calls to letters.example, without a network.
type office struct {
	answer http.HandlerFunc

	mu    sync.Mutex
	calls []*http.Request
}

// Do implements connector.Client.
func (o *office) Do(r *http.Request) (*http.Response, error) {
	o.mu.Lock()
	o.calls = append(o.calls, r)
	o.mu.Unlock()
	w := httptest.NewRecorder()
	o.answer(w, r)
	return w.Result(), nil
}

// made gives the calls so far, as method and path.
func (o *office) made() (all []string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, r := range o.calls {
		all = append(all, r.Method+" "+r.URL.Path)
	}
	return all
}

// keys are the idempotency keys of the calls so far.
func (o *office) keys() (all []string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, r := range o.calls {
		all = append(all, r.Header.Get("Idempotency-Key"))
	}
	return all
}

// tellingVendors is a process that tells connections what people choose, whose calls go to a
// client that is not of the network.
func tellingVendors(t *testing.T, db *storetest.Database, kinds connector.Registry, client connector.Client, connections string) *site {
	t.Helper()
	s := &site{t: t, db: db, log: &safeBuffer{}}
	srv := &Server{
		House: &House{Store: db.DB}, Now: time.Now, Log: slog.New(slog.NewTextHandler(s.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Configuration: config.Options{Registry: kinds}, Packages: t.TempDir(),
		deliveryPauses: []time.Duration{10 * time.Millisecond, 10 * time.Millisecond, 10 * time.Millisecond}, laneTime: 2 * time.Second,
	}
	srv.worker().latest.client = func(bool) connector.Client { return client }
	files := []source.File{{Name: "a.yml", Data: []byte("connection:\n" + connections)}}
	c, found := config.Read(files, srv.Configuration)
	for _, p := range found {
		if p.Severity == source.Error {
			t.Fatal(p)
		}
	}
	_, err := db.Configurations().Apply(t.Context(), store.DefaultTenant, files, c.Declared(), 0, act("config.apply"))
	s.must(err)
	s.must(db.Consents().Configure(t.Context(), store.DefaultTenant, []consent.Purpose{{Key: "news", Uses: []string{"marketing"}}}, nil, act("consent.configure")))
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { srv.propagate(ctx); close(ended) }()
	t.Cleanup(func() { stop(); <-ended; s.must(srv.worker().latest.Close()) })
	s.until("lanes", func() bool {
		lanes, err := db.Propagation().Lanes(t.Context(), store.DefaultTenant)
		s.must(err)
		return len(lanes) == strings.Count(connections, "- {key: ")
	})
	return s
}

// chooses records what somebody wants of newsletters, and gives what became of it.
func (s *site) chooses(id subject.Identity, granted bool) propagate.Delivery {
	s.t.Helper()
	o, err := s.db.Consents().Append(s.t.Context(), store.DefaultTenant, "", []consent.Entry{{Identities: []subject.Identity{id}, Purpose: "news", Granted: granted, Source: consent.API}})
	s.must(err)
	return s.told(o[0].Record).Rows[0]
}

// wentAs writes what became of a choice.
func wentAs(d propagate.Delivery) string {
	text := fmt.Sprintf("%s %s", d.Status, d.Reason)
	for _, c := range d.Calls {
		text += fmt.Sprintf(", %s %s %s", c.Name, c.Outcome, c.Reason)
	}
	return text
}

func toVendor(kind, secrets, more string) string {
	return fmt.Sprintf("- {key: %s, type: %[1]s, access: write, secrets: {%s}, consent: {%s}}\n", kind, secrets, more)
}

func TestChoicesReachTheVendorsThatTakeThem(t *testing.T) { // P11, H15, H19
	t.Parallel()
	const email, mapped = "anna@example.com", "identities: [email], purposes: {news: %s}"
	member := vendortest.Mailchimp()
	for _, list := range []string{"l7", "l9"} {
		member.Put("lists", vendortest.Row{"id": list})
		vendortest.PutMember(member, list, vendortest.Row{"email_address": email, "status": "subscribed"})
	}
	field := func(table, of, name string) func(*vendortest.Vendor) string {
		return func(v *vendortest.Vendor) (all string) {
			for _, r := range v.Rows(table) {
				if strings.Contains(fmt.Sprint(r[of]), "anna") {
					all += fmt.Sprint(r[name], " ")
				}
			}
			return all
		}
	}
	for name, c := range map[string]struct {
		vendor           *vendortest.Vendor
		secrets, consent string
		person           subject.Type
		holds            func(*vendortest.Vendor) string
		in, out          string
	}{
		"mailchimp": {member, "domain: us6.api.mailchimp.com, api_key: %s", fmt.Sprintf(mapped, "[l7, l9]"), subject.Email, field("members", "email_address", "status"), "subscribed subscribed ", "unsubscribed unsubscribed "},
		"hubspot":   {vendortest.HubSpot(), "access_token: %s", fmt.Sprintf(mapped, `["42"]`), subject.Email, field("statuses", "email", "status"), "SUBSCRIBED ", "UNSUBSCRIBED "},
		"braze":     {vendortest.Braze(), "domain: rest.fra-01.braze.eu, api_key: %s", fmt.Sprintf(mapped, "[g1]"), subject.Email, field("subscriptions", "email", "state"), "subscribed ", "unsubscribed "},
		"segment": {vendortest.Segment(), "public_token: %[1]s, profiles_token: %[1]s, space_id: s", "identities: [external_id], purposes: {news: [all]}", subject.ExternalID, func(v *vendortest.Vendor) string {
			v.Finish()
			return field("suppressed", "user_id", "user_id")(v)
		}, "", "anna@example.com "},
	} {
		t.Run(name, func(t *testing.T) {
			text, err := vendors.Files.ReadFile(name + ".yml")
			if err != nil {
				t.Fatal(err)
			}
			s := tellingVendors(t, storetest.SQLite(t), describe(t, string(text)), vendortest.Client(c.vendor), toVendor(name, fmt.Sprintf(c.secrets, c.vendor.Secret), c.consent))
			anna := person(t, c.person, email)[0]
			for _, granted := range []bool{true, false, true} {
				c.vendor.Busy(1) // 429
				d := s.chooses(anna, granted)
				if d.Status != propagate.Complete || d.Attempt != 2 {
					t.Errorf("granted %t: %s, attempt %d", granted, wentAs(d), d.Attempt)
				}
				want := c.out
				if granted {
					want = c.in
				}
				if got := c.holds(c.vendor); got != want {
					t.Errorf("granted %t: the vendor holds %q, want %q", granted, got, want)
				}
			}
			if strings.Contains(s.log.String(), email) || strings.Contains(s.log.String(), c.vendor.Secret) { // SE10
				t.Errorf("the log shows the person or the secret:\n%s", s.log)
			}
		})
	}
}

const toLetters = "identities: [email, external_id], purposes: {news: [l1, l2]}"

func TestAVendorIsToldWhatItHasARequestFor(t *testing.T) { // P11
	t.Parallel()
	for name, c := range map[string]struct {
		can     string
		granted bool
		want    string
		calls   int
	}{
		"a grant, both":           {joins + leaves, true, "complete , l1 arrived , l2 arrived ", 2},
		"a withdrawal, both":      {joins + leaves, false, "complete , l1 arrived , l2 arrived ", 2},
		"a grant, one side":       {leaves, true, "skipped one_sided", 0},
		"a withdrawal, one side":  {leaves, false, "complete , l1 arrived , l2 arrived ", 2},
		"a grant, the other side": {joins, true, "complete , l1 arrived , l2 arrived ", 2},
		"a refusal, the other":    {joins, false, "skipped one_sided", 0},
	} {
		t.Run(name, func(t *testing.T) {
			o := &office{answer: func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }}
			s := tellingVendors(t, storetest.SQLite(t), describe(t, lettersVendor(c.can)), o, toVendor("letters", "token: t", toLetters))
			if got := wentAs(s.chooses(person(t, subject.Email, "anna@example.com")[0], c.granted)); got != c.want || len(o.made()) != c.calls {
				t.Errorf("%s after %v", got, o.made())
			}
		})
	}
}

func TestAChoiceThatTheVendorDoesNotTakeSaysWhy(t *testing.T) { // P4, P11, H16
	t.Parallel()
	db := storetest.SQLite(t)
	answers := []int{}
	var mu sync.Mutex
	o := &office{answer: func(w http.ResponseWriter, _ *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		status := http.StatusNoContent
		if len(answers) > 0 {
			status, answers = answers[0], answers[1:]
		}
		if status == http.StatusTooManyRequests {
			w.Header().Set("Retry-After", "1")
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, "anna@example.com is not known")
	}}
	s := tellingVendors(t, db, describe(t, lettersVendor(joins+leaves)), o, toVendor("letters", "token: t", strings.Replace(toLetters, ", l2", "", 1)))
	anna, bob := person(t, subject.Email, "anna@example.com")[0], person(t, subject.ExternalID, "u7")[0]

	answers = []int{429, 429}
	if d := s.chooses(anna, true); wentAs(d) != "complete , l1 arrived " || d.Attempt != 3 {
		t.Errorf("busy twice: %s, attempt %d", wentAs(d), d.Attempt)
	}
	if keys := o.keys(); len(keys) != 3 || keys[0] == keys[1] || keys[1] == keys[2] || !strings.HasPrefix(keys[0], "vc_") {
		t.Errorf("each call after an answer has a key of its own: %v", keys)
	}
	answers = []int{404}
	if got := wentAs(s.chooses(anna, false)); got != "error vendor_refused, l1 rejected DELETE /lists/<item>/<email>: the vendor answered 404" {
		t.Errorf("whom the vendor does not know: %s", got)
	}
	before := len(o.made())
	if got := wentAs(s.chooses(bob, true)); got != "skipped missing_identity, l1 unknown_person the vendor knows people by their email, which is not known of them" || len(o.made()) != before {
		t.Errorf("whom it cannot be told of: %s", got)
	}
	answers = []int{401}
	if d := s.chooses(anna, true); d.Status != propagate.Failed || d.Reason != propagate.NotAllowed {
		t.Errorf("with a wrong secret: %s", wentAs(d))
	}
	answers = slices.Repeat([]int{503}, 4)
	if d := s.chooses(anna, false); d.Status != propagate.Failed || d.Reason != propagate.Unreachable || d.Attempt != 4 {
		t.Errorf("down for long: %s, attempt %d", wentAs(d), d.Attempt)
	}
	for _, secret := range []string{"anna@example.com", "letters.example"} {
		if strings.Contains(s.log.String(), secret) { // SE10
			t.Errorf("the log shows %q:\n%s", secret, s.log)
		}
	}
	if !strings.Contains(s.log.String(), `msg=call connection=letters doing="tell a choice" call="PUT /lists/<item>/<email>" status=429 attempt=1`) { // H16
		t.Errorf("the log has no line for a call:\n%s", s.log)
	}
}

// Two processes count the calls of all connections with the same custom key together,
// and one token is asked for by both of them.
func TestProcessesShareTheirLimitsAndTokens(t *testing.T) { // H8, H11
	t.Parallel()
	const text = `
saas_config:
  fides_key: letters
  name: Letters
  type: letters
  connector_params: [{name: id, sensitive: true}, {name: secret, sensitive: true}]
  client_config:
    protocol: https
    host: letters.example
    authentication:
      strategy: oauth2_client_credentials
      configuration: {token_request: {method: POST, path: /token, body: '{"id": "<id>", "secret": "<secret>"}'}}
  rate_limit_config: {limits: [{rate: 2, period: day, custom_key: account}]}
  test_request: {method: GET, path: /ping}
  endpoints:
  - {name: people, requests: {read: {method: GET, path: /people/<email>, param_values: [{name: email, identity: email}]}}}
`
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		o := &office{answer: func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/token" {
				_, _ = io.WriteString(w, `{"access_token": "t", "expires_in": 3600}`)
			}
		}}
		kinds := describe(t, text)
		systems := func(secret string) *Systems {
			cfg, found := config.Read([]source.File{{Name: "a.yml", Data: []byte("connection:\n- {key: one, type: letters, secrets: {id: i, secret: " + secret + "}}\n- {key: two, type: letters, secrets: {id: i, secret: s}}\n")}}, config.Options{Registry: kinds})
			if len(found) > 0 {
				t.Fatal(found)
			}
			s := NewSystems(cfg, kinds)
			t.Cleanup(func() { _ = s.Close() })
			s.Calling(func(bool) connector.Client { return o })
			s.Sharing(db.DB, store.DefaultTenant, slog.New(slog.DiscardHandler))
			return s
		}
		first := systems("s")
		if err := first.Test(t.Context(), "one"); err != nil { // a call for the token, and one more
			t.Fatal(err)
		}
		short, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		for name, s := range map[string]*Systems{"the same": first, "another": systems("s")} {
			for _, key := range []string{"one", "two"} {
				if err := s.Test(short, key); err == nil {
					t.Errorf("%s process makes a third call a day, by %s", name, key)
				}
			}
		}
		if got := o.made(); !slices.Equal(got, []string{"POST /token", "GET /ping"}) {
			t.Errorf("made %v", got)
		}
		// Without the limit: the token is there for a process that begins, and is gone
		// with the secrets that it was got with.
		kinds = describe(t, strings.Replace(text, "  rate_limit_config: {limits: [{rate: 2, period: day, custom_key: account}]}\n", "", 1))
		for _, secret := range []string{"s", "changed"} {
			if err := systems(secret).Test(t.Context(), "one"); err != nil {
				t.Fatal(err)
			}
		}
		if got := o.made()[2:]; !slices.Equal(got, []string{"GET /ping", "POST /token", "GET /ping"}) {
			t.Errorf("made %v", got)
		}
	})
}

// Hosts of a description, those of its tokens among them, and the next page and
// redirects of a vendor lead to no network that is not public.
func TestAVendorLeadsIntoNoNetworkThatIsNotPublic(t *testing.T) { // SE4, H18
	t.Parallel()
	asked := make(chan string, 1000)
	inside := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { asked <- r.URL.Path }))
	defer inside.Close()
	port := inside.URL[strings.LastIndex(inside.URL, ":"):]
	next := ""
	outside := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/moved" {
			http.Redirect(w, r, next, http.StatusFound)
			return
		}
		_, _ = fmt.Fprintf(w, `{"rows": [{"id": 1}], "next": %q}`, next)
	}))
	defer outside.Close()
	const text = `
saas_config:
  fides_key: paths
  name: Paths
  type: paths
  connector_params: [{name: host}, {name: elsewhere}]
  client_config: {protocol: %[1]s, host: <host>}
  endpoints:
  - {name: own, requests: {read: {method: GET, path: /own, param_values: &who [{name: email, identity: email}], query_params: [{name: e, value: <email>}]}}}
  - {name: other, requests: {read: {method: GET, path: /other, client_config: {protocol: %[1]s, host: <elsewhere>}, param_values: *who, query_params: [{name: e, value: <email>}]}}}
  - name: signed
    requests:
      read:
        method: GET
        path: /signed
        param_values: *who
        query_params: [{name: e, value: <email>}]
        client_config:
          protocol: %[1]s
          host: <host>
          authentication:
            strategy: oauth2_client_credentials
            configuration: {token_request: {method: POST, path: /token, client_config: {protocol: %[1]s, host: <elsewhere>}, body: '{"a": 1}'}}
  - {name: paged, requests: {read: {method: GET, path: /paged, data_path: rows, pagination: {strategy: link, configuration: {source: body, path: next}}, param_values: *who, query_params: [{name: e, value: <email>}]}}}
  - {name: moved, requests: {read: {method: GET, path: /moved, param_values: *who, query_params: [{name: e, value: <email>}]}}}
`
	read := func(scheme, endpoint, host, elsewhere string, client connector.Client) error {
		made, err := describe(t, fmt.Sprintf(text, scheme))["paths"].New(connector.Settings{Key: "k", Secrets: map[string]string{"host": host, "elsewhere": elsewhere}, Client: client})
		if err != nil {
			t.Fatal(err)
		}
		where := []connector.Match{{Columns: []string{"email"}, Tuples: []connector.Tuple{{personal}}}}
		_, err = made.(connector.Reader).Read(t.Context(), connector.Read{Table: &catalogue.Table{Name: catalogue.Name{Table: endpoint}, Open: true}, Where: where}, func(connector.Row) error { return nil })
		return err
	}
	outer := strings.TrimPrefix(outside.URL, "http://")
	for _, address := range notPublic {
		host := address + port
		for _, scheme := range []string{"https", "http"} {
			for _, endpoint := range []string{"own", "other", "signed"} {
				if err := read(scheme, endpoint, host, host, Outbound()(false)); connector.KindOf(err) != connector.Denied || strings.Contains(err.Error(), address) {
					t.Errorf("%s at %s: %v", endpoint, address, err)
				}
			}
			next = scheme + "://" + host + "/next"
			for _, endpoint := range []string{"paged", "moved"} { // also where the vendor itself may be private
				if err := read("http", endpoint, outer, outer, Outbound()(true)); err == nil || strings.Contains(err.Error(), address) {
					t.Errorf("%s to %s: %v", endpoint, next, err)
				}
			}
		}
	}
	close(asked)
	for path := range asked {
		t.Errorf("%s was reached", path)
	}
}
