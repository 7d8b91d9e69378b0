package subject_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"volenti.dev/volenti/subject"
)

const canary = "canary@example.org"

// holder has personal values where fmt calls no methods.
type holder struct {
	text    subject.Personal[string]
	bytes   subject.Personal[[]byte]
	record  subject.Personal[struct{ Name string }]
	list    subject.Personal[map[string]string]
	pointer *subject.Personal[string]
	inner   struct{ id subject.Identity }
}

func newHolder() holder {
	text := subject.Conceal(canary)
	h := holder{
		text:    text,
		bytes:   subject.Conceal([]byte(canary)),
		record:  subject.Conceal(struct{ Name string }{canary}),
		list:    subject.Conceal(map[string]string{"k": canary}),
		pointer: &text,
	}
	h.inner.id = subject.Identity{Type: subject.Email, Value: text, Given: []subject.Personal[string]{text}}
	return h
}

type textError struct{ p subject.Personal[string] }

func (e textError) Error() string {
	return fmt.Sprintf("no row for %v (%s)", e.p, struct{ p any }{e.p})
}

// SE10
func TestPersonalValuesShowNothingOfThemselves(t *testing.T) {
	p, h := subject.Conceal(canary), newHolder()
	shapes := map[string]any{
		"value":      p,
		"pointer":    &p,
		"bytes":      h.bytes,
		"struct":     h,
		"pointer to": &h,
		"identity":   h.inner.id,
		"slice":      []subject.Personal[string]{p},
		"map":        map[string]any{"a": p, "b": h, "c": &h},
		"array":      [1]holder{h},
		"exported":   struct{ P subject.Personal[string] }{p},
		"any":        struct{ p any }{p},
	}
	for name, shape := range shapes {
		for _, verb := range strings.Fields("%v %+v %#v %s %q %x %X %d %b %o %t %e %c %U %p %z %+s %#x %T %20.3v") {
			silent(t, name+" by "+verb, fmt.Sprintf(verb, shape))
		}
		out, err := json.Marshal(shape)
		silent(t, name+" as JSON", fmt.Sprint(string(out), err))
		out, err = xml.Marshal(shape)
		silent(t, name+" as XML", fmt.Sprint(string(out), err))
		silent(t, name+" in a panic", fmt.Sprint(recovered(shape)))

		cause := fmt.Errorf("look up %v: %w", shape, textError{p})
		silent(t, name+" in an error", errors.Join(cause, fmt.Errorf("again: %w, %+v", cause, shape)).Error())
		silent(t, name+" in an error's parts", fmt.Sprintf("%+v %#v %q", cause, cause, cause))

		for format, handler := range map[string]func(*bytes.Buffer) slog.Handler{
			"text": func(b *bytes.Buffer) slog.Handler {
				return slog.NewTextHandler(b, &slog.HandlerOptions{Level: slog.LevelDebug, AddSource: true})
			},
			"JSON": func(b *bytes.Buffer) slog.Handler {
				return slog.NewJSONHandler(b, &slog.HandlerOptions{Level: slog.LevelDebug})
			},
		} {
			var b bytes.Buffer
			log := slog.New(handler(&b)).With("with", shape).WithGroup("g")
			log.Debug("found", "shape", shape, slog.Group("in", "shape", shape), "err", cause)
			silent(t, name+" in a "+format+" log", b.String())
			if b.Len() == 0 {
				t.Errorf("the %s log is empty", format)
			}
		}
	}
	keys, err := json.Marshal(map[string]subject.Personal[string]{"k": p})
	if err != nil || string(keys) != `{"k":"[personal]"}` {
		t.Errorf("as JSON: %s, %v", keys, err)
	}
}

// silent fails when text holds the canary, plain or by its bytes.
func silent(t *testing.T, where, text string) {
	t.Helper()
	for _, form := range []string{canary, fmt.Sprintf("%x", canary), fmt.Sprintf("%X", canary), strings.Trim(fmt.Sprint([]byte(canary)), "[]"), "canary"} {
		if strings.Contains(text, form) {
			t.Errorf("%s shows the value: %s", where, text)
			return
		}
	}
}

func recovered(v any) (r any) {
	defer func() { r = recover() }()
	panic(v)
}

func TestConcealedValuesDoNotGoIntoQueries(t *testing.T) {
	if v, err := subject.Conceal(canary).Value(); v != nil || err == nil {
		t.Errorf("the driver gets %v, %v; it would match no row and nobody would notice", v, err)
	}
}

func TestPersonalValuesCompareByWhatTheyHold(t *testing.T) {
	if diff := cmp.Diff(newHolder().inner.id, newHolder().inner.id); diff != "" {
		t.Errorf("the same values differ: %s", diff)
	}
	diff := cmp.Diff(subject.Conceal(canary), subject.Conceal("other"))
	if diff == "" {
		t.Error("different values are equal")
	}
	silent(t, "a comparison", diff)
	var zero subject.Personal[string]
	if zero.Reveal() != "" || !zero.Equal(subject.Conceal("")) {
		t.Error("the zero Personal does not hold the zero value")
	}
}
