package web

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// filled is a visit of who sends a form.
func filled(t *testing.T, fields url.Values) *visit {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", nil)
	r.PostForm = fields
	return &visit{r: r, language: loadTongues(loadAssets()).match("en")}
}

var anyType = connectorType{Type: "any", Secrets: []connectorNeed{{Name: "url", Required: true}, {Name: "secret"}}, Prefers: 2, Permits: true}

// A form that is saved as it was shown changes nothing, whatever the connection says.
func TestFormOfAConnectionSaysWhatTheConnectionSays(t *testing.T) { // W8
	for what, settings := range map[string]map[string]any{
		"nothing": {},
		"data":    {"access": "write", "datasets": []any{"shop", "desk"}, "disabled": true},
		"choices": {"data_uses": []any{"marketing"}, "receives": "identities", "private": true, "consent": map[string]any{
			"identities": []any{"email", "external_id"}, "purposes": map[string]any{"news": []any{"list_42", "list 43"}, "ads": []any{"a"}},
			"schedule": "daily 06:00", "concurrency": 3, "table": "permissions", "off": true,
		}},
		"questions": {"questions": []any{map[string]any{"key": "q", "label": map[string]any{"en": "What: is it?", "de": "Was?"}, "required": true}}, "days": 3},
	} {
		v := filled(t, connection{Name: "A name", Settings: settings}.entered())
		says, f := v.connectionSays(anyType, []string{"url"})
		if f != nil {
			t.Errorf("%s: %v", what, f.Wrong)
			continue
		}
		want := maps.Clone(settings)
		want["type"], want["name"] = "any", "A name"
		listed := cmp.FilterValues(func(a, b any) bool { _, one := a.([]string); _, two := b.([]string); return one != two }, cmp.Transformer("list", func(of any) []any {
			var all []any
			if texts, ok := of.([]string); ok {
				for _, text := range texts {
					all = append(all, text)
				}
				return all
			}
			all, _ = of.([]any)
			return all
		}))
		number := cmp.FilterValues(func(a, b any) bool { _, one := a.(int64); _, two := b.(int64); return one != two }, cmp.Transformer("number", func(of any) int64 {
			switch of := of.(type) {
			case int:
				return int64(of)
			case int64:
				return of
			}
			return -1
		}))
		if d := cmp.Diff(want, says, listed, number, cmpopts.EquateEmpty()); d != "" {
			t.Errorf("%s: %s", what, d)
		}
	}
}

func TestWhatTheFormOfAConnectionCannotSayIsSaidBesideItsField(t *testing.T) { // W8
	v := filled(t, url.Values{"takes": {"true"}, "concurrency": {"many"}, "purposes": {"news list_42\nads: a"}, "more": {"a: b\na: c"}, "secret.secret": {"canary"}})
	says, f := v.connectionSays(anyType, nil)
	if says != nil || f == nil {
		t.Fatal("it is said")
	}
	for _, field := range []string{"secret.url", "concurrency", "purposes", "more"} {
		if len(f.Of(field)) != 1 {
			t.Errorf("beside %s: %q", field, f.Of(field))
		}
	}
	if f.Value("secret.secret") != "" || f.Value("purposes") == "" {
		t.Errorf("shown again: %v", f.entered)
	}
	long := strings.Repeat("[", 200) + strings.Repeat("]", 200)
	if _, f := filled(t, url.Values{"more": {"a: " + long}, "secret.url": {"u"}}).connectionSays(anyType, nil); f == nil {
		t.Error("YAML that is too deep is taken")
	}
}

func TestPlacesOfProblemsAreFieldsOfTheForm(t *testing.T) { // W8
	wants := map[string]string{
		"secrets.url": "secret.url", "consent.identities[1]": "identities", "consent.purposes.news[0]": "purposes", "consent": "identities",
		"datasets[0]": "datasets", "access": "access", "questions[0].label": "more", "secrets": "", "type": "",
	}
	p := &problem{Status: http.StatusUnprocessableEntity}
	for at := range wants {
		p.Errors = append(p.Errors, violation{Where: "body." + at})
	}
	got := placesOf(p)
	for at, want := range wants {
		if got[at] != want {
			t.Errorf("%s is %q, not %q", at, got[at], want)
		}
	}
	if len(placesOf(&problem{Errors: []violation{{Where: "body"}}})) != 0 {
		t.Error("the whole body is a field")
	}
}
