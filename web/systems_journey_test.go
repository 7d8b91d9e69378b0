package web_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"volenti.dev/volenti/internal/chromiumtest"
	"volenti.dev/volenti/internal/mailcatch"
)

// told writes a purpose, a system and two connections that are told of choices at an
// address.
func told(t *testing.T, at string) func(config string) {
	return func(config string) {
		t.Helper()
		const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
		text := `purpose:
- {key: newsletter, data_uses: [marketing.communications.email]}
system:
- {key: marketing, name: Marketing, data_uses: [marketing]}
connection:
- {key: letters, type: webhook, system: marketing, receives: identities, private: true, secrets: {url: "` + at + `/letters", secret: ` + secret + `}, consent: {identities: [email]}}
- {key: ads, type: webhook, system: marketing, receives: identities, private: true, secrets: {url: "` + at + `/ads", secret: ` + secret + `}, consent: {identities: [email]}}
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
        authorization_request: {method: GET, path: /allow, query_params: [{name: state, value: <state>}, {name: redirect_uri, value: <redirect_uri>}]}
        token_request: {method: POST, path: /token, body: '{"client": "<client>", "code": "<code>"}'}
  test_request: {method: GET, path: /ping}
  endpoints:
  - {name: people, requests: {read: {method: GET, path: /people/<email>, param_values: [{name: email, identity: email}]}}}
`
		if err := os.WriteFile(filepath.Join(config, "marketing.yml"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// choose records a choice of somebody as an operator does over HTTP.
func (h *house) choose(operator, person string, granted bool) {
	h.t.Helper()
	send := func(path, token string, body map[string]any, out any) {
		h.t.Helper()
		text, err := json.Marshal(body)
		if err != nil {
			h.t.Fatal(err)
		}
		r, err := http.NewRequestWithContext(h.t.Context(), http.MethodPost, h.url+"/api/v1"+path, bytes.NewReader(text))
		if err != nil {
			h.t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/json")
		if token != "" {
			r.Header.Set("Authorization", "Bearer "+token)
			r.Header.Set("Idempotency-Key", person)
		}
		got, err := http.DefaultClient.Do(r)
		if err != nil {
			h.t.Fatal(err)
		}
		defer func() { _ = got.Body.Close() }()
		if got.StatusCode >= http.StatusBadRequest {
			h.t.Fatalf("%s: %d", path, got.StatusCode)
		}
		if err := json.NewDecoder(got.Body).Decode(out); err != nil {
			h.t.Fatal(err)
		}
	}
	var session struct{ Token string }
	send("/sessions", "", map[string]any{"email": operator, "password": password}, &session)
	var made any
	send("/consents", session.Token, map[string]any{
		"identities": []any{map[string]string{"type": "email", "value": person}}, "purposes": map[string]bool{"newsletter": granted}, "source": "signup_form",
	}, &made)
}

// each gives the page of the first thing that a list of the API has.
func (h *town) each(list string) []string {
	h.t.Helper()
	var all listed
	h.ask(http.MethodGet, list, nil, &all)
	if len(all.Items) == 0 {
		h.t.Fatalf("the demo has no %s", list)
	}
	return []string{"/admin" + list + "/" + all.Items[0].Key}
}

// deliveries gives the page of a choice that failed at a connection, or of that there.
func (h *town) deliveries(there bool) []string {
	h.t.Helper()
	var all struct {
		Items []struct{ Record, Connection string }
	}
	h.ask(http.MethodGet, "/deliveries?status=error", nil, &all)
	if len(all.Items) == 0 {
		h.t.Fatal("nothing has failed in the demo")
	}
	path := "/admin/propagation/" + all.Items[0].Record
	if there {
		path += "/" + all.Items[0].Connection
	}
	return []string{path}
}

func TestEngineerConnectsASystemAndSeesWhereChoicesGo(t *testing.T) { // W8, W9, W18, H8
	var mended atomic.Bool
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == "/allow": // where somebody at the vendor is asked
			back := r.URL.Query().Get("redirect_uri") + "?state=" + url.QueryEscape(r.URL.Query().Get("state"))
			_, _ = fmt.Fprintf(w, `<!doctype html><title>Vendor</title><a href="%s&amp;code=good">Allow</a> <a href="%s">Refuse</a>`, back, back)
		case r.URL.Path == "/token":
			_, _ = fmt.Fprint(w, `{"access_token": "canary-token"}`)
		case r.URL.Path == "/ping" && r.Header.Get("Authorization") != "Bearer canary-token":
			w.WriteHeader(http.StatusUnauthorized)
		case r.URL.Path == "/ads" && !mended.Load():
			w.WriteHeader(http.StatusUnprocessableEntity)
		default:
			w.WriteHeader(http.StatusNoContent)
		}
	}))
	t.Cleanup(receiver.Close)
	mail, err := mailcatch.Start(mailcatch.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := mail.Close(); err != nil {
			t.Error(err)
		}
	})
	h := startWith(t, told(t, receiver.URL), "--allow-private-webhooks", "--smtp", mail.URL(), "--mail-from", "Demo Shop <privacy@demo.example>")
	e := eye{chromiumtest.Start(t), t, chromiumtest.Axe(t)}
	e.Open(h.url + h.setUp)
	e.Fill("Your name", "Erik Engineer")
	e.Fill("E-mail address", "erik@example.org")
	e.Fill("Password", password)
	e.Fill("The same password again", password)
	e.Press("Accept and sign in")

	// A connection: made with a mistake, tried in vain, mended, linked, and removed.
	e.Open(h.url + "/admin/connections")
	e.Press("Add a connection")
	e.Fill("Find a type", "mailbox")
	e.Press("Find")
	e.Press("E-mail")
	e.Fill("Name", "Printer")
	e.Fill("Mailbox", "nobody")
	e.Press("Add it")
	e.says("It is said beside the field", "cannot be used")
	e.look("connection-refused")
	e.Fill("Mailbox", "privacy@printer.example")
	e.Press("Try it out first")
	e.says("It does not work.", "has no test_email")
	e.Press("Add it")
	e.says("Printer", "sealed, and shown to nobody")
	e.Press("Try it out")
	e.says("It does not work.", "has no test_email")
	e.look("connection-failed")
	e.Fill("Mailbox for trials", "erik@example.org")
	e.Press("Save")
	e.Press("Try it out")
	e.says("It works.")
	if strings.Contains(e.Text(), "privacy@printer.example") {
		t.Error("the page shows a secret")
	}
	e.Choose("It belongs to", "Marketing")
	e.look("connection")
	e.Fill("Confirm", "something else")
	e.Press("Remove the connection")
	e.says("Nothing was removed")
	e.Fill("Confirm", "printer")
	e.Press("Remove the connection")
	if at := e.Path(); at != "/admin/connections" || strings.Contains(e.Text(), "Printer") {
		t.Errorf("after removing it: %s\n%s", at, e.Text())
	}

	// A vendor at which a person lets the connection be used, and once does not.
	e.Open(h.url + "/admin/new/connection?q=mailer")
	e.Press("Mailer")
	e.says("What it reaches", "people", "what you enter as host")
	e.Fill("Name", "Mailer")
	e.Fill("host", strings.TrimPrefix(receiver.URL, "http://"))
	e.Fill("client", "canary-client")
	e.Touch("It may be in a private network, and without TLS.")
	e.Press("Add it")
	e.says("What to do next", "Have it authorised.", "not authorised")
	e.look("connection-not-authorised")
	e.Press("Try it out")
	e.says("The system does not let us in.", "nobody has authorised this connection yet")
	e.Press("Authorise")
	e.look("authorise")
	e.Press("Go to the vendor")
	e.Press("Allow")
	e.says("The connection mailer can be used now.")
	e.Press("For our team: to the connection")
	e.says("authorised", "Since")
	e.Press("Try it out")
	e.says("It works.")
	e.look("connection-authorised")
	e.Press("Authorise again")
	e.Press("Go to the vendor")
	e.Press("Refuse")
	e.says("Access was not allowed at the vendor.")
	e.Open(h.url + "/admin/connections/mailer?language=de")
	e.says("Der Zugang wurde beim Anbieter nicht erlaubt.", "freigegeben")
	e.look("connection-refused-at-vendor")
	if text := e.Text(); strings.Contains(text, "canary") {
		t.Errorf("the page shows a secret:\n%s", text)
	}
	e.Open(h.url + "/admin/connections?language=en")

	// A choice: the matrix shows what became of it, and what failed is sent again.
	e.Open(h.url + "/admin/propagation")
	e.look("propagation-none")
	h.choose("erik@example.org", "eva@example.org", true)
	e.await(h.url+"/admin/propagation?status=error", "newsletter, agreed")
	e.look("propagation")
	e.Press("✕")
	e.says("The system answered no")
	e.look("delivery")
	mended.Store(true)
	failed := h.url + e.Path()
	e.Press("Send it again")
	e.await(failed, "The system has taken all of it.")
	e.Open(h.url + "/admin/systems")
	e.says("Marketing", "arrived")
	e.Press("Marketing")
	e.Open(h.url + "/admin/propagation/connections")

	e.Open(h.url + "/admin/datasets")
	e.says("Problems of the configuration")
	e.Open(h.url + "/admin/datasets/shop?language=de")
	e.says("Wie er geschrieben ist", "fides_key: shop")
}
