package webhook

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// The vector of the standard's own libraries.
func TestSignatureIsThatOfTheStandard(t *testing.T) {
	s, err := ParseSecret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	if err != nil {
		t.Fatal(err)
	}
	got := sign([]Secret{s}, "msg_p5jXN8AQM9LWM0D4loKWxJek", time.Unix(1614265330, 0), []byte(`{"test": 2432232314}`))
	if want := "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestSecretIsReadBackAndShowsNowhere(t *testing.T) { // SE10
	s, err := NewSecret(constant(7))
	if err != nil {
		t.Fatal(err)
	}
	again, err := ParseSecret(s.Reveal())
	if err != nil || again.Reveal() != s.Reveal() || !strings.HasPrefix(s.Reveal(), "whsec_") {
		t.Errorf("%v", err)
	}
	asJSON, err := json.Marshal(map[string]any{"s": s, "p": &s})
	if err != nil {
		t.Fatal(err)
	}
	e := Endpoint{Secrets: []Secret{s}}
	for _, text := range []string{string(asJSON), fmt.Sprintf("%v %+v %#v %s %q %x", s, s, s, s, s, s), fmt.Sprintf("%v %+v %#v", e, e, e)} {
		if strings.Contains(text, strings.TrimPrefix(s.Reveal(), "whsec_")) || strings.Contains(text, "7, 7") || strings.Contains(text, "0707") {
			t.Error(text)
		}
	}
	for _, wrong := range []string{"", "whsec_", "whsec_AAAA", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_!", "whsec_" + strings.Repeat("AAAA", 30)} {
		if _, err := ParseSecret(wrong); err == nil || strings.Contains(err.Error(), "AAAA") {
			t.Errorf("%q: %v", wrong, err)
		}
	}
}

// sent is a delivery as its receiver sees it.
type sent struct {
	Secret  string            `json:"secret"`
	Headers map[string]string `json:"headers"`
	Body    string            `json:"body"`
}

// post sends an event to a real server and gives what arrived there.
func post(t *testing.T, to Endpoint, e Event) sent {
	t.Helper()
	got := sent{Headers: map[string]string{}}
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		got.Body = string(body)
		for name := range r.Header {
			got.Headers[strings.ToLower(name)] = r.Header.Get(name)
		}
	}))
	defer server.Close()
	to.URL = server.URL
	p := Poster{Public: server.Client(), NotAllowed: func(error) bool { return false }, Now: time.Now}
	if a, err := p.Post(t.Context(), to, e); err != nil || a.Outcome != Delivered {
		t.Fatalf("%+v %v", a, err)
	}
	return got
}

func secret(t *testing.T, b byte, expires time.Time) Secret {
	t.Helper()
	s, err := NewSecret(constant(b))
	if err != nil {
		t.Fatal(err)
	}
	s.Expires = expires
	return s
}

// What we sign, the library that receivers use takes; and nothing else.
func TestReceiversLibraryTakesOurSignatures(t *testing.T) {
	e := Event{ID: "0199c0de-0000-7000-8000-000000000001", Type: ConsentWithdrawn, Sequence: 42, Timestamp: time.Now().UTC(), Data: Data{Subject: "s", Purpose: "ünïcode", Record: "r"}}
	fresh, old, over := secret(t, 1, time.Time{}), secret(t, 2, time.Now().Add(time.Hour)), secret(t, 3, time.Now().Add(-time.Second))
	with := func(s sent, by Secret, change func(*sent)) sent {
		s.Secret = by.Reveal()
		headers := map[string]string{}
		for name, value := range s.Headers {
			headers[name] = value
		}
		s.Headers = headers
		if change != nil {
			change(&s)
		}
		return s
	}
	plain := post(t, Endpoint{Secrets: []Secret{fresh}}, e)
	cloud := post(t, Endpoint{Secrets: []Secret{fresh}, Cloud: true}, e)
	turning := post(t, Endpoint{Secrets: []Secret{fresh, old, over}}, e)
	if n := len(strings.Fields(turning.Headers["webhook-signature"])); n != 2 {
		t.Errorf("%d signatures while the secret is exchanged", n)
	}
	cases := []struct {
		sent sent
		good bool
	}{
		{with(plain, fresh, nil), true}, {with(cloud, fresh, nil), true},
		{with(turning, fresh, nil), true}, {with(turning, old, nil), true}, {with(turning, over, nil), false},
		{with(plain, old, nil), false},
		{with(plain, fresh, func(s *sent) { s.Body = strings.Replace(s.Body, "withdrawn", "granted", 1) }), false},
		{with(plain, fresh, func(s *sent) { s.Headers["webhook-id"] += "0" }), false},
		{with(plain, fresh, func(s *sent) { s.Headers["webhook-timestamp"] = fmt.Sprint(time.Now().Unix() - 1) }), false},
	}
	var all []sent
	var want []bool
	for _, c := range cases {
		all, want = append(all, c.sent), append(want, c.good)
	}
	if d := cmp.Diff(want, verify(t, all)); d != "" {
		t.Error(d)
	}
}

// verify asks the npm package standardwebhooks.
func verify(t *testing.T, all []sent) (verdicts []bool) {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"package.json", "package-lock.json", "verify.js"} {
		text, err := os.ReadFile(filepath.Join("testdata", "node", name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	run := func(input []byte, name string, args ...string) []byte {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
		defer cancel()
		cmd := exec.CommandContext(ctx, name, args...)
		var said bytes.Buffer
		cmd.Dir, cmd.Stdin, cmd.Stderr = dir, bytes.NewReader(input), &said
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%s: %v\n%s%s", name, err, out, said.Bytes())
		}
		return out
	}
	run(nil, "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")
	input, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(run(input, "node", "verify.js"), &verdicts); err != nil {
		t.Fatal(err)
	}
	return verdicts
}

func TestBodyIsThinAndOfTheKindThatWasAskedFor(t *testing.T) {
	at := time.Date(2026, 11, 26, 10, 0, 0, 0, time.UTC)
	e := Event{ID: "0199c0de-0000-7000-8000-000000000001", Type: ConsentGranted, Sequence: 42, Timestamp: at, Data: Data{Subject: "0199c0de-0000-7000-8000-000000000002", Purpose: "analytics", Record: "0199c0de-0000-7000-8000-000000000001"}}
	data := `{"subject":"0199c0de-0000-7000-8000-000000000002","purpose":"analytics","record":"0199c0de-0000-7000-8000-000000000001"}`
	for cloud, want := range map[bool]sent{
		false: {
			Headers: map[string]string{"content-type": "application/json"},
			Body:    `{"id":"0199c0de-0000-7000-8000-000000000001","type":"consent.granted","sequence":42,"timestamp":"2026-11-26T10:00:00Z","data":` + data + `}`,
		},
		true: {
			Headers: map[string]string{"content-type": "application/cloudevents+json; charset=utf-8"},
			Body: `{"specversion":"1.0","id":"0199c0de-0000-7000-8000-000000000001","source":"/tenants/default","type":"dev.volenti.consent.granted.v1","subject":"0199c0de-0000-7000-8000-000000000002",` +
				`"time":"2026-11-26T10:00:00Z","datacontenttype":"application/json","sequence":"00000000000000000042","data":` + data + `}`,
		},
	} {
		got := post(t, Endpoint{Tenant: "default", Cloud: cloud, Secrets: []Secret{secret(t, 1, time.Time{})}}, e)
		if d := cmp.Diff(want.Body, got.Body); d != "" || got.Headers["content-type"] != want.Headers["content-type"] {
			t.Errorf("%s %s", got.Headers["content-type"], d)
		}
	}
}
