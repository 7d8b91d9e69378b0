package webhook

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"volenti.dev/volenti/subject"
)

func TestAnswerOfAPolicyWebhookIsReadOrRefusedWhole(t *testing.T) { // X5
	for text, want := range map[string]PolicyAnswer{
		"":                                       {},
		" \n":                                    {},
		`{}`:                                     {},
		`{"halt": false}`:                        {},
		`{"halt": true, "derived_identity": {}}`: {Derived: IdentityMap{}, Halt: true},
		`{"derived_identity": null}`:             {Derived: IdentityMap{}},
		`{"derived_identity": {"external_id": "13", "email": ["a@b.org", "c@d.org"]}}`: {Derived: IdentityMap{"external_id": {"13"}, "email": {"a@b.org", "c@d.org"}}},
	} {
		got, err := parsePolicyAnswer([]byte(text))
		if d := cmp.Diff(want, got); d != "" || err != nil {
			t.Errorf("%q: %v %s", text, err, d)
		}
	}
	const canary = "canary@example.com"
	for _, text := range []string{
		`null x`, `[]`, `"` + canary + `"`, `{"halt": 1}`, `{"halt": true} {}`, `{"halt": true`, `{"derived_identity": ["` + canary + `"]}`, `{"derived": {}}`,
		`{"derived_identity": {"email": null}}`, `{"derived_identity": {"email": {"` + canary + `": 1}}}`, `{"derived_identity": {"email": ["` + canary + `", 1]}}`,
	} {
		got, err := parsePolicyAnswer([]byte(text))
		var wrong *CallError
		if !errors.As(err, &wrong) || wrong.Transient || strings.Contains(err.Error(), canary) || got.Halt || got.Derived != nil {
			t.Errorf("%s: %+v, %v", text, got, err)
		}
	}
}

func TestIdentitiesOfAWebhookAreBroughtIntoTheirNormalForm(t *testing.T) { // X5
	m := IdentityMap{"phone_number": {"+49 30 123456", "+4930123456"}, "email": {" Anna@Example.org"}}
	got, err := m.Identities()
	if err != nil || len(got) != 2 || got[0].Value.Reveal() != "anna@example.org" || got[1].Value.Reveal() != "+4930123456" || len(got[1].Given) != 2 {
		t.Errorf("%d identities, %v", len(got), err)
	}
	text, err := json.Marshal(NewIdentityMap(append(got, subject.Identity{Type: "email", Value: subject.Conceal("b@example.org")})))
	if want := `{"email":["anna@example.org","b@example.org"],"phone_number":"+4930123456"}`; string(text) != want || err != nil {
		t.Errorf("%s, %v", text, err)
	}
	for _, wrong := range []IdentityMap{{"Email": {"a@b.org"}}, {"email": {"canary"}}, {"email": {""}}, {"external_id": {"canary\x00"}}, {"external_id": {strings.Repeat("canary", 1000)}}} {
		if _, err := wrong.Identities(); err == nil || strings.Contains(err.Error(), "canary") {
			t.Errorf("%v", err)
		}
	}
}

func FuzzPolicyAnswer(f *testing.F) {
	f.Add(`{"derived_identity": {"external_id": "13", "email": ["a@b.org"]}, "halt": true}`)
	f.Fuzz(func(t *testing.T, text string) {
		a, err := parsePolicyAnswer([]byte(text))
		if err != nil {
			return
		}
		wire, err := json.Marshal(a.Derived)
		if err != nil {
			t.Fatal(err)
		}
		var again IdentityMap
		if err := json.Unmarshal(wire, &again); err != nil {
			t.Errorf("%s is not read back: %v", wire, err)
		}
		_, _ = a.Derived.Identities()
	})
}
