package api

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"volenti.dev/volenti/request"
	"volenti.dev/volenti/request/policy"
	"volenti.dev/volenti/subject"
)

// hall is a front that keeps what it was handed.
type hall struct {
	Front
	asked []Asked
}

func (h *hall) Ask(_ context.Context, _ string, a Asked) (string, error) {
	h.asked = append(h.asked, a)
	return "0198c0de-0000-7000-8000-000000000001", nil
}

// entrance is the interface over a hall.
func entrance(h *hall) func(body string) *httptest.ResponseRecorder {
	a := New(Config{Front: h, Log: slog.New(slog.DiscardHandler), Now: time.Now, NewID: func() string { return "1" }, Unavailable: func(error) bool { return false }}, Table())
	return func(body string) *httptest.ResponseRecorder {
		h.asked = nil
		r := httptest.NewRequest(http.MethodPost, "/api/v1/public/requests", strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		a.ServeHTTP(w, r)
		return w
	}
}

// Whatever is sent, it is taken whole or refused with all that is wrong, and
// repeated nowhere.
func FuzzAsk(f *testing.F) { // SE7
	f.Add(`{"policy":"erasure","identities":[{"type":"email","value":"canary@example.org"}],"fields":{"a":"canary","b":true},"place":"DE","language":"de"}`)
	f.Add(`{"policy":"x","identities":[{"type":"email","value":"canary@"},{"type":"Canary","value":"\u0000"}],"agent":{"name":"canary","email":"canary@","authority":"x"}}`)
	f.Add(`{"policy":"x","identities":[{}],"fields":{"__proto__":{"canary":[1e999]}}}`)
	f.Add(`[[[[`)
	h := &hall{}
	ask := entrance(h)
	f.Fuzz(func(t *testing.T, body string) {
		w := ask(body)
		taken := w.Code == http.StatusAccepted
		if taken != (len(h.asked) == 1) || !taken && (w.Code < 400 || w.Code >= 500) {
			t.Fatalf("%d, and %d were taken", w.Code, len(h.asked))
		}
		if strings.Contains(w.Body.String(), "canary@") {
			t.Errorf("the answer repeats it: %s", w.Body)
		}
		if !taken {
			var p Problem
			if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil || p.Status != w.Code || p.Detail == "" {
				t.Errorf("no problem: %s", w.Body)
			}
			return
		}
		a := h.asked[0]
		for _, i := range a.Identities {
			if again, err := subject.New(i.Type, i.Value.Reveal()); err != nil || !again.Value.Equal(i.Value) {
				t.Errorf("an identity is not in its normal form: %v", err)
			}
		}
		form := policy.Intake{Fields: []policy.Field{{Key: "a", Type: policy.TextField, Max: 10}}}
		form.Check(a.Fields.Reveal()) // takes whatever there is
	})
}

func TestAllThatIsWrongIsToldAtOnce(t *testing.T) { // SE7
	h := &hall{}
	ask := entrance(h)
	w := ask(`{"policy":"x","identities":[{"type":"email","value":"canary@"},{"type":"Shoe Size","value":"44"},{"type":"email","value":"ok@example.org"}],"agent":{"name":"n","email":"canary","authority":"a"}}`)
	var p Problem
	if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil {
		t.Fatal(err)
	}
	var where []string
	for _, e := range p.Errors {
		where = append(where, e.Where)
	}
	if got := strings.Join(where, " "); w.Code != http.StatusUnprocessableEntity || got != "body.identities[0] body.identities[1] body.agent.email" || len(h.asked) > 0 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	for _, body := range []string{"", "{", "null", "[]", `"x"`, `{"policy":1}`, `{"policy":"x","identities":[],"other":1}`, strings.Repeat("[", 30_000), `{"policy":"x","identities":[{"type":"email","value":"a@example.org"}],"fields":{"a":"` + strings.Repeat("x", 70_000) + `"}}`} {
		if w := ask(body); w.Code < 400 || w.Code >= 500 || len(h.asked) > 0 {
			t.Errorf("%.40s: %d %s", body, w.Code, w.Body)
		}
	}
}

func TestPersonIsToldEveryStatusInPlainWords(t *testing.T) { // W12
	for _, s := range []request.Status{
		request.IdentityUnverified, request.AwaitingApproval, request.RequiresInput, request.Approved, request.Denied, request.InProcessing, request.Paused,
		request.AwaitingEmailSend, request.RequiresFinalization, request.Errored, request.Complete, request.CompleteWithResidue, request.Canceled, request.Duplicate,
	} {
		told := Standing{Status: ForPerson(s)}.shown("").Body
		if told.Says == "" || told.Next == "" || (told.Status == Finished || told.Status == Refused || told.Status == GivenUp || told.Status == AskedAgain) != s.Terminal() {
			t.Errorf("%s: %+v", s, told)
		}
	}
}
