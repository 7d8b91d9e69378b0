package policy_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"volenti.dev/volenti/config/source"
	"volenti.dev/volenti/request/policy"
)

func form(intake string) string {
	return "key: p\nintake: " + intake + "\nrules: [{key: a, action: consent}]"
}

func TestAFormIsRead(t *testing.T) { // W12
	got, problems := read(t, form(`
  public: true
  approval: automatic
  window: 14
  law: gdpr
  fields:
  - {key: customer_number, label: {en: Customer number, de: Kundennummer}, type: text, required: true, max: 12}
  - {key: since, label: Customer since, type: date}
  - {key: channel, label: Where, type: choice, choices: [shop, {key: web, label: {de: Im Netz}}]}
  - {key: sure, label: Are you sure?, type: boolean}`))
	if problems != nil {
		t.Fatal(problems)
	}
	want := &policy.Intake{Public: true, Approval: policy.Automatic, Window: 14, Law: "gdpr", Fields: []policy.Field{
		{Key: "customer_number", Label: policy.Label{"en": "Customer number", "de": "Kundennummer"}, Type: policy.TextField, Required: true, Max: 12},
		{Key: "since", Label: policy.Label{"": "Customer since"}, Type: policy.DateField},
		{Key: "channel", Label: policy.Label{"": "Where"}, Type: policy.ChoiceField, Choices: []policy.Choice{{"shop", policy.Label{"": "shop"}}, {"web", policy.Label{"de": "Im Netz"}}}},
		{Key: "sure", Label: policy.Label{"": "Are you sure?"}, Type: policy.BooleanField},
	}}
	if diff := cmp.Diff(want, got.Intake, cmpopts.IgnoreTypes(source.Position{})); diff != "" {
		t.Error(diff)
	}
	plain, _ := read(t, form("{public: true, fields: [{key: a, label: A, type: text}]}"))
	if in := plain.Intake; in.Approval != policy.ByOperator || in.Window != 30 || in.Fields[0].Max != 1000 {
		t.Errorf("where nothing is said: %+v", in)
	}
	if none, _ := read(t, rules("{key: a, action: consent}")); none.Intake != nil {
		t.Error("a policy without intake has one")
	}
}

func TestFormsThatCannotBeMeantAreReported(t *testing.T) { // SE8
	field := func(f string) string { return form("{public: true, fields: [" + f + "]}") }
	for text, want := range map[string]string{
		form("[]"):                                                              `f.yml:2: error: intake must be a mapping, found a list`,
		form("{publik: true}"):                                                  `f.yml:2: error: unknown key "publik" (did you mean public?)`,
		form("{public: yes}"):                                                   `f.yml:2: error: public must be true or false, found text`,
		form("{approval: nobody}"):                                              `f.yml:2: error: unknown approval "nobody" (use operator or automatic)`,
		form("{window: -1}"):                                                    `f.yml:2: error: window is between 0 and 3650`,
		form("{window: 1.5}"):                                                   `f.yml:2: error: window must be a whole number`,
		form("{law: gpdr}"):                                                     `f.yml:2: error: there is no law "gpdr" (did you mean gdpr?)`,
		field("{key: a, type: text}"):                                           `f.yml:2: error: label is missing`,
		field("{key: a, label: '  ', type: text}"):                              `f.yml:2: error: the label says nothing`,
		field("{key: a, label: {}, type: text}"):                                `f.yml:2: error: the label says nothing`,
		field("{key: a, label: {klingon: x, en: y}, type: text}"):               `f.yml:2: error: "klingon" is no language`,
		field("{key: a, label: A, type: number}"):                               `f.yml:2: error: unknown type "number"`,
		field("{key: constructor, label: A, type: text}"):                       `f.yml:2: error: constructor is not allowed as a key`,
		field("{key: __proto__, label: A, type: text}"):                         `f.yml:2: error: __proto__ is not allowed as a key`,
		field("{key: a b, label: A, type: text}"):                               `f.yml:2: error: "a b" cannot be the key of a field`,
		field("{key: a, label: A, type: choice}"):                               `f.yml:2: error: the field a has choices, or lacks them`,
		field("{key: a, label: A, type: choice, choices: []}"):                  `f.yml:2: error: the field a has nothing to choose from`,
		field("{key: a, label: A, type: text, choices: [x]}"):                   `f.yml:2: error: the field a has choices, or lacks them`,
		field("{key: a, label: A, type: date, max: 3}"):                         `f.yml:2: error: a field of type date has no max`,
		field("{key: a, label: A, type: text, max: 0}"):                         `f.yml:2: error: max is between 1 and 10000`,
		field("{key: a, label: A, type: choice, choices: [x, x]}"):              `f.yml:2: error: the choice x is given twice`,
		field("{key: a, label: A, type: choice, choices: [prototype]}"):         `f.yml:2: error: prototype is not allowed as a key`,
		field("{key: a, label: A, type: text}, {key: a, label: B, type: date}"): `f.yml:2: error: the field a is already given at f.yml:2`,
		field(strings.Repeat("{key: a, label: A, type: text}, ", 51)):           `f.yml:2: error: a form has at most 50 fields`,
	} {
		_, problems := read(t, text)
		if len(problems) != 1 || !strings.HasPrefix(problems[0], want) {
			t.Errorf("%s\n got %q\nwant %q", text, problems, want)
		}
	}
}

func TestAnswersAreCheckedAllAtOnce(t *testing.T) { // SE7
	p, problems := read(t, form(`{public: true, fields: [
  {key: number, label: N, type: text, required: true, max: 3}, {key: since, label: S, type: date},
  {key: channel, label: C, type: choice, choices: [shop, web]}, {key: sure, label: S, type: boolean, required: true}]}`))
	if problems != nil {
		t.Fatal(problems)
	}
	kept, wrong := p.Intake.Check(map[string]any{"number": "äöü", "since": "2024-02-29", "channel": "", "sure": "true"})
	if diff := cmp.Diff(map[string]any{"number": "äöü", "since": "2024-02-29", "sure": true}, kept); diff != "" || wrong != nil {
		t.Errorf("%s %v", diff, wrong)
	}
	for what, c := range map[string]struct {
		answers map[string]any
		want    []policy.Wrong
	}{
		"nothing":     {nil, []policy.Wrong{{"number", "it is required"}, {"sure", "it is required"}}},
		"everything":  {map[string]any{"number": "abcd", "since": "2023-02-29", "channel": "fax", "sure": "yes", "x": "y"}, []policy.Wrong{{"number", "it is too long"}, {"since", "it is no date, like 1980-12-31"}, {"channel", "it is not one of the choices"}, {"sure", "it is true or false"}, {"", "there is an answer that the form does not ask for"}}},
		"other kinds": {map[string]any{"number": 1.0, "since": []any{}, "channel": map[string]any{"a": 1}, "sure": false, "__proto__": nil}, []policy.Wrong{{"number", "it is text"}, {"since", "it is text"}, {"channel", "it is text"}, {"sure", "it is required"}, {"", "there is an answer that the form does not ask for"}}},
		"not UTF-8":   {map[string]any{"number": "\xff", "sure": true}, []policy.Wrong{{"number", "it is text"}}},
	} {
		if _, wrong := p.Intake.Check(c.answers); !cmp.Equal(c.want, wrong) {
			t.Errorf("%s: %s", what, cmp.Diff(c.want, wrong))
		}
	}
}

func TestLabelsAreInTheNextBestLanguage(t *testing.T) {
	l := policy.Label{"de": "Nummer", "en": "Number", "fr": "Nombre"}
	for tag, want := range map[string]string{"de-AT": "Nummer", "fr": "Nombre", "ja": "Number", "": "Number", "nonsense\x00": "Number"} {
		if got := l.In(tag); got != want {
			t.Errorf("%q: %s, want %s", tag, got, want)
		}
	}
	if got := (policy.Label{"": "N"}).In("de"); got != "N" {
		t.Errorf("for any language: %q", got)
	}
}
