package webhook_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"volenti.dev/volenti/connector"
	"volenti.dev/volenti/connector/webhook"
	"volenti.dev/volenti/internal/safehttp"
	"volenti.dev/volenti/subject"
)

const key = "0123456789abcdef0123456789abcdef"

var secret = "whsec_" + base64.StdEncoding.EncodeToString([]byte(key))

// tell tells an address what Anna wants.
func tell(t *testing.T, address, secret string) (connector.Call, error) {
	t.Helper()
	made, err := webhook.Spec().New(connector.Settings{
		Key: "crm", Secrets: map[string]string{"url": address, "secret": secret}, Client: safehttp.NewClient(safehttp.Options{AllowPrivate: true, Timeout: time.Second}),
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = made.Close() }()
	anna, err := subject.New(subject.Email, "anna@example.com")
	if err != nil {
		t.Fatal(err)
	}
	number, err := subject.New(subject.ExternalID, "42")
	if err != nil {
		t.Fatal(err)
	}
	other, err := subject.New(subject.ExternalID, "43")
	if err != nil {
		t.Fatal(err)
	}
	calls, err := made.(connector.Preferrer).Prefer(t.Context(), []connector.Preference{{
		Key: "vc_1", Subject: "0199c0de-0000-7000-8000-000000000002", Identities: []subject.Identity{number, other, anna},
		Purpose: "marketing_email", Items: []string{"list_42", "list_43"}, Granted: true, Since: time.Date(2026, 11, 26, 10, 0, 0, 0, time.UTC),
	}})
	if err != nil {
		return connector.Call{}, err
	}
	if len(calls) != 1 || len(calls[0]) != 1 {
		t.Fatalf("%v", calls)
	}
	return calls[0][0], nil
}

func TestPreferenceIsToldSignedAndUnderItsKey(t *testing.T) { // P2
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		mac := hmac.New(sha256.New, []byte(key))
		_, _ = fmt.Fprintf(mac, "%s.%s.%s", r.Header.Get("Webhook-Id"), r.Header.Get("Webhook-Timestamp"), text)
		if want := "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil)); r.Header.Get("Webhook-Signature") != want || r.Header.Get("Webhook-Id") != "vc_1" {
			t.Errorf("%v", r.Header)
		}
		var got map[string]any
		if err := json.Unmarshal(text, &got); err != nil {
			t.Error(err)
		}
		if _, err := time.Parse(time.RFC3339, got["timestamp"].(string)); err != nil {
			t.Error(err)
		}
		delete(got, "timestamp")
		want := map[string]any{"type": "preference.changed", "data": map[string]any{
			"subject": "0199c0de-0000-7000-8000-000000000002", "identities": map[string]any{"email": []any{"anna@example.com"}, "external_id": []any{"42", "43"}},
			"purpose": "marketing_email", "items": []any{"list_42", "list_43"}, "granted": true, "since": "2026-11-26T10:00:00Z",
		}}
		if d := cmp.Diff(want, got); d != "" {
			t.Error(d)
		}
		w.WriteHeader(http.StatusAccepted)
	}))
	defer server.Close()
	if call, err := tell(t, server.URL, secret); err != nil || call.Outcome != connector.Arrived {
		t.Errorf("%+v %v", call, err)
	}
}

func TestAnswersAndWhatTheyMean(t *testing.T) { // P6, R6
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		var status int
		_, _ = fmt.Sscanf(r.URL.Path, "/%d", &status)
		switch status {
		case 0:
			panic(http.ErrAbortHandler)
		case 1:
			<-r.Context().Done()
			return
		case 302:
			w.Header().Set("Location", "/200")
		case 429:
			w.Header().Set("Retry-After", "7")
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, strings.Repeat("anna@example.com ", 10_000))
	}))
	server.Config.ErrorLog = nil
	defer server.Close()
	gone := httptest.NewServer(nil)
	gone.Close()
	type outcome struct {
		connector.CallOutcome
		after time.Duration
		kind  connector.Kind
	}
	for address, want := range map[string]outcome{
		server.URL + "/200": {connector.Arrived, 0, ""},
		server.URL + "/204": {connector.Arrived, 0, ""},
		server.URL + "/302": {connector.Rejected, 0, ""}, // it is not followed
		server.URL + "/400": {connector.Rejected, 0, ""},
		server.URL + "/410": {connector.Rejected, 0, ""},
		server.URL + "/401": {"", 0, connector.Denied},
		server.URL + "/403": {"", 0, connector.Denied},
		server.URL + "/408": {connector.Busy, 0, ""},
		server.URL + "/429": {connector.Busy, 7 * time.Second, ""},
		server.URL + "/500": {connector.Busy, 0, ""},
		server.URL + "/503": {connector.Busy, 0, ""},
		server.URL + "/0":   {connector.Lost, 0, ""},
		server.URL + "/1":   {connector.Lost, 0, ""},
		gone.URL:            {connector.NotMade, 0, ""},
		"http://[::1":       {"", 0, connector.Denied},
	} {
		call, err := tell(t, address, secret)
		got := outcome{call.Outcome, call.RetryAfter, ""}
		if err != nil {
			got.kind = connector.KindOf(err)
		}
		if got != want {
			t.Errorf("%s: %+v %v, want %+v", address, got, err, want)
		}
		if text := fmt.Sprintf("%+v %v", call, err); strings.Contains(text, "anna") || strings.Contains(text, "127.0.0.1") {
			t.Errorf("it tells too much: %s", text) // SE10
		}
	}
	if _, err := tell(t, server.URL+"/200", "nonsense"); connector.KindOf(err) != connector.Denied || strings.Contains(err.Error(), "nonsense") {
		t.Errorf("a secret that is none: %v", err)
	}
}
