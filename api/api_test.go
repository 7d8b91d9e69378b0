package api

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"volenti.dev/volenti/auth"
	"volenti.dev/volenti/consent"
	"volenti.dev/volenti/request"
)

func TestRouteWithoutAScopeIsNotBuilt(t *testing.T) { // SE13
	act := Handle(health)
	for why, table := range map[string][]Route{
		"neither a scope nor public": {{Method: "GET", Path: "/x", Does: "x", Act: act}},
		"both":                       {{Method: "GET", Path: "/x", Does: "x", Act: act, Public: true, Scope: auth.ReadAudit}},
		"a scope that there is not":  {{Method: "GET", Path: "/x", Does: "x", Act: act, Scope: "x:y"}},
		"no act":                     {{Method: "GET", Path: "/x", Does: "x", Public: true}},
		"no sentence":                {{Method: "GET", Path: "/x", Act: act, Public: true}},
		"reveals in public":          {{Method: "GET", Path: "/x", Does: "x", Act: act, Public: true, Reveals: "x.y"}},
		"changes in public":          {{Method: "POST", Path: "/x", Does: "x", Act: act, Public: true}},
		"a method without keys":      {{Method: "PATCH", Path: "/x", Does: "x", Act: act, Scope: auth.ReadAudit}},
		"a GET that is repeated":     {{Method: "GET", Path: "/x", Does: "x", Act: act, Scope: auth.ReadAudit, Repeats: Harmless}},
		"a GET with a body":          {{Method: "GET", Path: "/x", Does: "x", Act: act, Scope: auth.ReadAudit, Example: "{}"}},
		"twice":                      {{Method: "GET", Path: "/x", Does: "x", Act: act, Public: true}, {Method: "GET", Path: "/x", Does: "x", Act: act, Public: true}},
		"not by Handle":              {{Method: "GET", Path: "/x", Does: "x", Act: func(*API, Route, huma.Operation) {}, Public: true}},
	} {
		t.Run(why, func(t *testing.T) {
			defer func() {
				if text, ok := recover().(string); !ok || !strings.Contains(text, "/x") && !strings.Contains(text, "x:y") {
					t.Errorf("it was built, or does not say which: %q", text)
				}
			}()
			New(Config{}, table)
		})
	}
}

func TestActsEndBeforeTheirClaim(t *testing.T) {
	if handlerTime > time.Minute {
		t.Error("an act may outlast the claim on its idempotency key, which is two minutes")
	}
}

func TestKindsOfTheDomainHaveTheirStatus(t *testing.T) {
	full := errors.New("disk full")
	a := &API{config: Config{Log: slog.New(slog.DiscardHandler), Unavailable: func(err error) bool { return errors.Is(err, full) }}}
	for err, want := range map[error]int{
		request.ErrNotFound: 404, consent.ErrNotFound: 404, consent.ErrConflict: 409, consent.ErrPublished: 409, error(&consent.Invalid{}): 422,
		request.ErrTransition: 409, request.ErrLeased: 409, request.ErrFenced: 409,
		full: 503, context.DeadlineExceeded: 503, context.Canceled: 503, errors.New("x"): 500, invalid("query.x", "y"): 422,
	} {
		p := a.problem(t.Context(), wrapped{err})
		if p.Status != want || p.Title != http.StatusText(want) || (p.GetHeaders().Get("Retry-After") != "") != (want == 503) {
			t.Errorf("%v: %+v", err, p)
		}
		if strings.Contains(p.Detail, err.Error()) && want >= 500 {
			t.Errorf("%v: tells the chain: %s", err, p.Detail)
		}
	}
}

type wrapped struct{ error }

func (w wrapped) Unwrap() error { return w.error }
func (w wrapped) Error() string { return "step: " + w.error.Error() }

// FuzzQuery: whatever stands behind the question mark, every part of it is
// known, told, or too much.
func FuzzQuery(f *testing.F) {
	for _, seed := range []string{"", "a=1", "a=1&a=2", "b", "%zz", "a;b", "a=%00", strings.Repeat("a", maxQuery+1)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, query string) {
		found := strangers(query, map[string]bool{"a": true})
		if len(found) == 0 && query != "" && !strings.Contains(query, "a") && strings.Trim(query, "&") != "" && !strings.Contains(query, "%61") {
			t.Errorf("%q was let through", query)
		}
		if _, err := json.Marshal(found); err != nil {
			t.Error(err)
		}
	})
}

func FuzzCursor(f *testing.F) {
	for _, seed := range []string{"", "x", "eA", cursor("0198c0de-0000-7000-8000-000000000000"), cursor(strings.Repeat("a", 36))} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		id, err := openCursor(text)
		if err == nil && text != "" && id == "" {
			t.Errorf("%q opened as %q", text, id)
		}
		if strings.ContainsAny(id, "\x00'") {
			t.Errorf("%q went through", id)
		}
	})
}
