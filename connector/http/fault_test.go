package http

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"volenti.dev/volenti/connector"
	"volenti.dev/volenti/internal/safehttp"
)

// answers is a transport that answers without a network, so that the time of a
// test can be made up.
type answers func(*http.Request) (*http.Response, error)

func (a answers) RoundTrip(r *http.Request) (*http.Response, error) { return a(r) }

func answered(status int, body string, header ...string) *http.Response {
	h := http.Header{}
	for i := 0; i+1 < len(header); i += 2 {
		h.Set(header[i], header[i+1])
	}
	return &http.Response{StatusCode: status, Header: h, Body: io.NopCloser(strings.NewReader(body))}
}

func over(t testing.TB, rest string, a answers, more ...func(*Options)) *Connector {
	t.Helper()
	o := Options{Client: &http.Client{Transport: a}}
	for _, change := range more {
		change(&o)
	}
	c, err := describe(t, rest).Open(connector.Settings{Key: "shop-vendor", Secrets: map[string]string{"domain": "api.example.com"}}, o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestABusyVendorIsWaitedFor(t *testing.T) { // H16 R6
	synctest.Test(t, func(t *testing.T) {
		begun, log := time.Now(), []string{}
		c := over(t, paged(""), func(*http.Request) (*http.Response, error) {
			switch since := time.Since(begun); {
			case since < time.Minute:
				return answered(429, ""), nil
			case since < 80*time.Second:
				return answered(500, ""), nil
			}
			return answered(200, `[{"id": 1}]`), nil
		}, func(o *Options) { o.Log = func(e connector.Exchange) { log = append(log, fmt.Sprint(e.Status)) } })
		same(t, "rows", read(t, c, "rows", match("who", "a")), []string{`{"id":1}`})
		if text := strings.Join(log, " "); !strings.Contains(text, "429 500 200") {
			t.Errorf("the log is %s", text)
		}
	})
}

func TestAVendorSaysWhenToComeAgain(t *testing.T) { // H16
	synctest.Test(t, func(t *testing.T) {
		var at []time.Duration
		begun := time.Now()
		c := over(t, paged(""), func(*http.Request) (*http.Response, error) {
			at = append(at, time.Since(begun))
			switch len(at) {
			case 1:
				return answered(429, "", "Retry-After", "7"), nil
			case 2:
				return answered(503, "", "Retry-After", time.Now().Add(20*time.Second).UTC().Format(http.TimeFormat)), nil
			}
			return answered(429, "", "Retry-After", "3600"), nil
		})
		_, err := tryRead(t.Context(), c, "rows", match("who", "a"))
		var failure *connector.Error
		if !errors.As(err, &failure) || failure.Kind != connector.Transient || failure.RetryAfter != time.Hour {
			t.Errorf("the error is %v", err)
		}
		if len(at) != 3 || at[1] != 7*time.Second || at[2] != 27*time.Second {
			t.Errorf("the calls were made at %v", at)
		}
	})
}

func TestWaitingEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		c := over(t, paged(""), func(*http.Request) (*http.Response, error) { return answered(503, ""), nil })
		since := time.Now()
		if _, err := tryRead(ctx, c, "rows", match("who", "a")); !connector.Retryable(err) || time.Since(since) != 5*time.Second {
			t.Errorf("after %v: %v", time.Since(since), err)
		}
	})
}

func TestRatesAreKept(t *testing.T) { // H11
	synctest.Test(t, func(t *testing.T) {
		var at []time.Duration
		begun := time.Now()
		c := over(t, `
  rate_limit_config: {limits: [{rate: 2, period: second}, {rate: 5, period: minute, custom_key: all}]}`+paged(""),
			func(*http.Request) (*http.Response, error) {
				at = append(at, time.Since(begun))
				return answered(204, ""), nil
			})
		read(t, c, "rows", match("who", "a"))
		d := c.about.Endpoint("rows")
		d.Read[0].Path = "/rows/<who>"
		read(t, c, "rows", match("who", "a", "b", "c", "d", "e"))
		want := []time.Duration{0, 0, time.Second, time.Second, 2 * time.Second, time.Minute}
		if fmt.Sprint(at) != fmt.Sprint(want) {
			t.Errorf("calls were made at %v", at)
		}
	})
}

func TestAnAnswerOfAGigabyteIsCut(t *testing.T) { // SE4
	v := newVendor(t, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `[`)
		chunk := bytes.Repeat([]byte(`{"id": 1},`), 100_000)
		for range 1000 {
			if _, err := w.Write(chunk); err != nil {
				return
			}
		}
	})
	for name, client := range map[string]*http.Client{"safe": safehttp.NewClient(safehttp.Options{AllowPrivate: true}), "any": {}} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := tryRead(t.Context(), v.open(t, describe(t, paged("")), func(o *Options) { o.Client = client }), "rows", match("who", "a"))
		runtime.ReadMemStats(&after)
		if err == nil || !strings.Contains(err.Error(), "larger than 10 MiB") || connector.Retryable(err) {
			t.Errorf("%s: %v", name, err)
		}
		if grown := after.TotalAlloc - before.TotalAlloc; grown > 100<<20 {
			t.Errorf("%s: %d MiB were taken", name, grown>>20)
		}
	}
}

func TestWhatIsNoJSONIsAnError(t *testing.T) {
	for _, body := range []string{"<html>ann@b.c</html>", `{"a": `, `{} {}`, `[1`, "\xff"} {
		v := newVendor(t, says(body))
		_, err := tryRead(t.Context(), v.open(t, describe(t, paged(""))), "rows", match("who", "ann@b.c"))
		if err == nil || err.Error() != "shop-vendor: read rows: GET /rows: the answer is no JSON: look at the host and the path, it may be a page for people" {
			t.Errorf("%q: %v", body, err)
		}
	}
}

// forbidden are addresses that no call may reach, in the forms in which they
// are written.
var forbidden = []string{
	"127.0.0.1", "127.1.2.3", "0.0.0.0", "10.0.0.1", "172.16.0.1", "192.168.1.1", "100.64.0.1", "169.254.169.254", "192.0.0.192",
	"100.100.100.200", "168.63.129.16", "224.0.0.1", "255.255.255.255", "198.18.0.1", "[::1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:169.254.169.254]",
	"[64:ff9b::7f00:1]", "[64:ff9b::a9fe:a9fe]", "[2002:7f00:1::]", "[fe80::1]", "[fc00::1]", "[fd00:ec2::254]", "[ff02::1]", "localhost",
}

func TestNoFieldLeadsToAForbiddenAddress(t *testing.T) { // H18 SE4
	strict := safehttp.NewClient(safehttp.Options{Timeout: 5 * time.Second})
	secure := strings.Replace(described(paged("        query_params: [{name: q, value: <who>}]\n")), "protocol: http", "protocol: https", 1)
	token := strings.Replace(secure, "    host: <domain>\n", `    host: api.example.com
    authentication:
      strategy: oauth2_client_credentials
      configuration:
        token_request: {method: POST, path: /token, client_config: {protocol: https, host: <domain>}}
`, 1)
	for _, address := range forbidden {
		for name, text := range map[string]string{"host": secure, "token": token} {
			d := must(t, text)
			c, err := d.Open(connector.Settings{Key: "k", Secrets: map[string]string{"domain": address}}, Options{Client: strict})
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			_, err = tryRead(ctx, c, "rows", match("who", "canary"))
			cancel()
			if err == nil || strings.Contains(err.Error(), "canary") || strings.Contains(err.Error(), address) {
				t.Errorf("the %s %s: %v", name, address, err)
			}
			if connector.KindOf(err) != connector.Denied {
				t.Errorf("the %s %s was tried: %v", name, address, err)
			}
		}
	}
}

func TestLinksStayWithTheVendor(t *testing.T) { // H18 SE4
	var link string
	v := newVendor(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Link", "<"+link+`>; rel="next"`)
		_, _ = fmt.Fprintf(w, `{"items": [{"id": 1}], "next": %s}`, appendJSON(nil, link))
	})
	links := []string{"//other.example.com/rows", "https://" + v.host() + "/rows?at=1", "http://user@" + v.host() + "/x", "http://" + v.host() + ".evil.test/", "file:///etc/passwd", "http:/\\evil.test", "javascript:1"}
	for _, address := range forbidden {
		links = append(links, "http://"+address+"/latest/meta-data", "https://"+address+"/")
	}
	for name, keys := range map[string]string{"headers": "{source: headers, rel: next}", "body": "{source: body, path: next}"} {
		d := describe(t, paged("        data_path: items\n        pagination: {strategy: link, configuration: "+keys+"}\n"))
		c := v.open(t, d)
		if name == "headers" {
			d.param("domain").Allowed = []string{"*"} // of a secret, which may be any host; a link may not
		}
		for _, link = range links {
			v.calls = nil
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			_, err := tryRead(ctx, c, "rows", match("who", "a"))
			cancel()
			if err == nil || !strings.Contains(err.Error(), "another host") && !strings.Contains(err.Error(), "itself") || len(v.made()) > 1 {
				t.Errorf("the link %s in the %s was followed: %v", link, name, err)
			}
		}
	}
}

func TestRedirectsAreNotFollowed(t *testing.T) { // SE4
	inner := newVendor(t, says(`[{"id": "secret"}]`))
	v := newVendor(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, inner.URL+"/latest", http.StatusFound)
	})
	_, err := tryRead(t.Context(), v.open(t, describe(t, paged(""))), "rows", match("who", "a"))
	if err == nil || !strings.Contains(err.Error(), "redirects are not followed") || len(inner.made()) > 0 {
		t.Errorf("%v, %v", err, inner.made())
	}
}

func TestASecretCannotNameAPath(t *testing.T) { // H18
	for _, domain := range []string{"a.test/x", "u:p@a.test", "a.test?x", "a.test#x", "a test", "a.test\\x", "a.test:99999x", "%61.test", ""} {
		d := describe(t, paged(""))
		c, err := d.Open(connector.Settings{Key: "k", Secrets: map[string]string{"domain": domain}}, Options{Client: &http.Client{Transport: answers(func(r *http.Request) (*http.Response, error) {
			t.Errorf("%q led to %s", domain, r.URL)
			return answered(200, "[]"), nil
		})}})
		if err == nil {
			_, err = tryRead(t.Context(), c, "rows", match("who", "a"))
		}
		if err == nil {
			t.Errorf("%q is taken for a host", domain)
		}
	}
}

func TestNeitherSecretsNorPeopleShow(t *testing.T) { // H16 SE10
	const person, secret = "canary-person@example.com", "canary-secret"
	var seen strings.Builder
	log := slog.New(slog.NewTextHandler(&seen, &slog.HandlerOptions{Level: slog.LevelDebug}))
	faults := []func(http.ResponseWriter, *http.Request){
		func(w http.ResponseWriter, r *http.Request) { http.Error(w, r.URL.String()+r.Header.Get("X-Key"), 400) },
		func(w http.ResponseWriter, r *http.Request) { http.Error(w, r.URL.String(), 401) },
		func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.URL.String()) },
		func(w http.ResponseWriter, r *http.Request) {
			_, _ = fmt.Fprintf(w, `[%s]`, appendJSON(nil, r.URL.String()))
		},
		func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Location", r.URL.String())
			w.WriteHeader(302)
		},
	}
	for i, fault := range faults {
		for _, auth := range []string{
			"{strategy: api_key, configuration: {headers: [{name: X-Key, value: <secret>}], query_params: [{name: key, value: <secret>}], body: '{\"key\": \"<secret>\"}'}}",
			"{strategy: basic, configuration: {username: <secret>, password: <secret>}}",
			"{strategy: oauth2_client_credentials, configuration: {token_request: {method: POST, path: /token/<secret>, body: '{\"s\": \"<secret>\"}'}}}",
		} {
			v := newVendor(t, fault)
			d := must(t, strings.Replace(described(paged("        query_params: [{name: q, value: <who>}]\n        headers: [{name: X-Who, value: <who>}]\n        body: '{\"who\": \"<who>\"}'\n")), "    host: <domain>\n", "    host: <domain>\n    authentication: "+auth+"\n", 1))
			ctx, cancel := context.WithCancel(t.Context())
			c := v.open(t, d, func(o *Options) {
				o.Log = func(e connector.Exchange) {
					if log.Debug("exchange", "is", e); e.Status == 0 {
						cancel() // it would be tried again
					}
				}
			})
			rows, err := tryRead(ctx, c, "rows", match("who", person))
			cancel()
			if err == nil {
				t.Errorf("fault %d gave %d rows", i, len(rows))
				continue
			}
			log.Debug("failed", "error", err, "connector", fmt.Sprintf("%T", c))
			if len(v.made()) == 0 {
				t.Errorf("fault %d: nothing was called: %v", i, err)
			}
		}
	}
	if text := seen.String(); strings.Contains(text, "canary") || !strings.Contains(text, "/rows") {
		t.Errorf("the log is %s", text)
	}
}
