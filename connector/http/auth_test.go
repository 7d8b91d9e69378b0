package http

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"volenti.dev/volenti/connector"
)

// authenticated describes an endpoint and how its calls are authenticated.
func authenticated(t testing.TB, auth string) *Description {
	return must(t, strings.Replace(described(paged("        query_params: [{name: q, value: <who>}]\n")), "    host: <domain>\n", "    host: <domain>\n    authentication:\n"+auth, 1))
}

func TestCallsSayWhoTheyComeFrom(t *testing.T) { // H8
	for strategy, c := range map[string]struct {
		configuration string
		shows         func(r *http.Request, body string) string
		want          string
	}{
		APIKey: {"{headers: [{name: X-Key, value: 'k <secret>'}], query_params: [{name: key, value: <secret>}], body: '{\"key\": \"<secret>\"}'}",
			func(r *http.Request, body string) string {
				return r.Header.Get("X-Key") + " " + r.URL.RawQuery + " " + body
			},
			`k canary-secret q=a&key=canary-secret {"key":"canary-secret"}`},
		Basic: {"{username: user, password: <secret>}", func(r *http.Request, _ string) string {
			user, password, _ := r.BasicAuth()
			return user + " " + password
		}, "user canary-secret"},
		Bearer:     {"{token: <secret>}", func(r *http.Request, _ string) string { return r.Header.Get("Authorization") }, "Bearer canary-secret"},
		QueryParam: {"{name: key, value: <secret>}", func(r *http.Request, _ string) string { return r.URL.RawQuery }, "q=a&key=canary-secret"},
	} {
		v := newVendor(t, func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			if got := c.shows(r, string(body)); got != c.want {
				t.Errorf("%s: the call shows %s", strategy, got)
			}
			_, _ = io.WriteString(w, `[{"id": 1}]`)
		})
		d := authenticated(t, "      strategy: "+strategy+"\n      configuration: "+c.configuration+"\n")
		same(t, strategy, read(t, v.open(t, d), "rows", match("who", "a")), []string{`{"id":1}`})
	}
}

const clientCredentials = `      strategy: oauth2_client_credentials
      configuration:
        expires_in: 3600
        token_request:
          method: POST
          path: /token
          headers: [{name: Content-Type, value: application/x-www-form-urlencoded}]
          body: '{"grant_type": "client_credentials", "client_secret": "<secret>"}'
`

func TestATokenThatExpiresIsRenewedOnceForAll(t *testing.T) { // H8
	var mu sync.Mutex
	tokens, good := 0, ""
	v := newVendor(t, func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		if r.URL.Path == "/token" {
			if r.FormValue("client_secret") != "canary-secret" || r.Header.Get("Authorization") != "" {
				t.Errorf("the token was asked for with %v", r.Form)
			}
			tokens++
			good = fmt.Sprintf("token-%d", tokens)
			_, _ = fmt.Fprintf(w, `{"access_token": "%s"}`, good)
			return
		}
		if r.Header.Get("Authorization") != "Bearer "+good {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		if !r.URL.Query().Has("page") {
			good = "none any more" // in the middle of the pages
			w.Header().Set("Link", `<?page=2>; rel=next`)
		}
		_, _ = fmt.Fprintf(w, `[{"id": "%s"}]`, r.URL.RawQuery)
	})
	d := authenticated(t, clientCredentials)
	d.Endpoints[0].Read[0].Pagination = &Pagination{Strategy: "link", Source: "headers", Rel: "next"}
	c := v.open(t, d)
	same(t, "rows", read(t, c, "rows", match("who", "a")), []string{`{"id":"q=a"}`, `{"id":"page=2"}`})
	if tokens != 2 {
		t.Fatalf("%d tokens were asked for", tokens)
	}

	// Many workers whose token is refused all at once.
	mu.Lock()
	good = "none any more"
	mu.Unlock()
	d.Endpoints[0].Read[0].Pagination = nil
	d.Endpoints[0].Read[0].Query = append(d.Endpoints[0].Read[0].Query, Pair{"page", "1"})
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			if _, err := tryRead(t.Context(), c, "rows", match("who", "b")); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if tokens != 3 {
		t.Errorf("%d tokens were asked for", tokens)
	}
}

func TestATokenIsRenewedBeforeItExpires(t *testing.T) { // H8
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		d := authenticated(t, clientCredentials)
		c, err := d.Open(connector.Settings{Key: "k", Secrets: map[string]string{"domain": "api.example.com"}}, Options{Client: &http.Client{Transport: answers(func(r *http.Request) (*http.Response, error) {
			if r.URL.Path == "/token" {
				asked++
				return answered(200, `{"access_token": "t", "expires_in": 600}`), nil
			}
			return answered(204, ""), nil
		})}})
		if err != nil {
			t.Fatal(err)
		}
		for _, pause := range []time.Duration{0, 5 * time.Minute, 3 * time.Minute, 61 * time.Second, time.Second} {
			<-time.After(pause)
			read(t, c, "rows", match("who", "a"))
		}
		if asked != 2 {
			t.Errorf("%d tokens were asked for in nine minutes of ten", asked)
		}
	})
}

func TestAWrongSecretIsSaidSo(t *testing.T) {
	for status, says := range map[int]string{400: "the vendor answered 400: look at the connection's secrets", 401: "look at the connection's secrets"} {
		v := newVendor(t, func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, `{"error": "invalid_client canary-secret"}`, status)
		})
		_, err := tryRead(t.Context(), v.open(t, authenticated(t, clientCredentials)), "rows", match("who", "a"))
		if connector.KindOf(err) != connector.Denied || !strings.Contains(err.Error(), says) || strings.Contains(err.Error(), "canary") || len(v.made()) != 1 {
			t.Errorf("%d: %v after %v", status, err, v.made())
		}
	}
}

// keeper keeps one token.
type keeper struct {
	mu   sync.Mutex
	kept connector.Token
}

func (k *keeper) Renew(ctx context.Context, _ string, renew func(context.Context, connector.Token) (connector.Token, error)) (connector.Token, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	got, err := renew(ctx, k.kept)
	if err == nil {
		k.kept = got
	}
	return got, err
}

func TestAPersonAuthorisesAConnection(t *testing.T) { // H8
	// The verifier and its challenge of RFC 7636, appendix B.
	const verifier, challenge = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
	refreshed := 0
	v := newVendor(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/token":
			switch {
			case r.FormValue("code") == "the code" && r.FormValue("redirect_uri") == "https://here/back" && r.FormValue("code_verifier") == verifier:
				_, _ = io.WriteString(w, `{"access_token": "first", "refresh_token": "r1", "expires_in": "30"}`)
			case r.FormValue("refresh_token") == "r1" && refreshed == 0:
				refreshed++
				_, _ = io.WriteString(w, `{"access_token": "second", "refresh_token": "r2", "expires_in": 3600}`)
			default:
				t.Errorf("a token was asked for with %v", r.Form)
				w.WriteHeader(400)
			}
		default:
			if r.Header.Get("Authorization") != "Bearer second" { // the first is about to expire
				t.Errorf("called with %s", r.Header.Get("Authorization"))
			}
			_, _ = io.WriteString(w, `[{"id": 1}]`)
		}
	})
	form := "headers: [{name: Content-Type, value: application/x-www-form-urlencoded}]"
	d := authenticated(t, `      strategy: oauth2_authorization_code
      configuration:
        authorization_request: {method: GET, path: /auth, query_params: [{name: state, value: <state>}, {name: redirect_uri, value: <redirect_uri>}, {name: code_challenge, value: <code_challenge>}]}
        token_request: {method: POST, path: /token, `+form+`, body: '{"code": "<code>", "redirect_uri": "<redirect_uri>", "code_verifier": "<code_verifier>"}'}
        refresh_request: {method: POST, path: /token, `+form+`, body: '{"refresh_token": "<refresh_token>"}'}
`)
	k := &keeper{}
	withKeeper := func(o *Options) { o.Tokens = k }
	c := v.open(t, d, withKeeper)
	if _, err := tryRead(t.Context(), c, "rows", match("who", "a")); connector.KindOf(err) != connector.Denied || !strings.Contains(err.Error(), "authorise") {
		t.Errorf("before anybody agreed: %v", err)
	}
	if u, err := c.AuthorizationURL("s&t", "https://here/back", verifier); err != nil || u != v.URL+"/auth?state=s%26t&redirect_uri="+url.QueryEscape("https://here/back")+"&code_challenge="+challenge {
		t.Errorf("the address is %s, %v", u, err)
	}
	if err := c.Authorize(t.Context(), "the code", "https://here/back", verifier); err != nil {
		t.Fatal(err)
	}
	for _, again := range []*Connector{c, v.open(t, d, withKeeper)} { // and after a restart
		same(t, "rows", read(t, again, "rows", match("who", "a")), []string{`{"id":1}`})
	}
	if k.kept.Refresh != "r2" || refreshed != 1 {
		t.Errorf("kept %q after %d renewals", k.kept.Refresh, refreshed)
	}
	if text := fmt.Sprintf("%v %+v %#v %s", k.kept, k.kept, k.kept, k.kept); strings.Contains(text, "second") {
		t.Errorf("a token shows itself: %s", text)
	}
}

func TestAServiceAccountSignsForItself(t *testing.T) { // H8
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	var address string
	v := newVendor(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/token" {
			if r.Header.Get("Authorization") != "Bearer google" {
				t.Errorf("called with %s", r.Header.Get("Authorization"))
			}
			_, _ = io.WriteString(w, `[{"id": 1}]`)
			return
		}
		parts := strings.Split(r.FormValue("assertion"), ".")
		signature, _ := base64.RawURLEncoding.DecodeString(parts[2])
		sum := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
		if err := rsa.VerifyPKCS1v15(&key.PublicKey, crypto.SHA256, sum[:], signature); err != nil {
			t.Errorf("the signature: %v", err)
		}
		var claims struct {
			Iss, Scope, Aud string
			Iat, Exp        int64
		}
		text, _ := base64.RawURLEncoding.DecodeString(parts[1])
		if err := json.Unmarshal(text, &claims); err != nil || claims.Iss != "robot@example.com" || claims.Aud != address || claims.Scope != "scope-a scope-b" || claims.Exp-claims.Iat != 3600 {
			t.Errorf("the claims are %+v", claims)
		}
		_, _ = io.WriteString(w, `{"access_token": "google", "expires_in": 3599}`)
	})
	address = v.URL + "/token"
	file := string(appendJSON(nil, map[string]any{
		"client_email": "robot@example.com", "private_key_id": "1", "token_uri": address,
		"private_key": string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})),
	}))
	d := authenticated(t, "      strategy: google_cloud_service_account\n      configuration: {keyfile_creds: <secret>, scopes: [scope-a, scope-b]}\n")
	open := func(secret string, hosts ...string) *Connector {
		c, err := d.Open(connector.Settings{Key: "k", Secrets: map[string]string{"domain": v.host(), "secret": secret}}, Options{Client: v.Client(), TokenHosts: hosts})
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	same(t, "rows", read(t, open(file, v.host()), "rows", match("who", "a")), []string{`{"id":1}`})
	for name, c := range map[string]*Connector{
		"a token_uri elsewhere": open(file), "no JSON": open("-----BEGIN"), "no key": open(`{"client_email": "a", "private_key": "b"}`),
	} {
		if _, err := tryRead(t.Context(), c, "rows", match("who", "a")); connector.KindOf(err) != connector.Denied || !strings.Contains(err.Error(), "key file") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
