package policy_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"volenti.dev/volenti/config/source"
	"volenti.dev/volenti/datamap/taxonomy"
	"volenti.dev/volenti/datamap/value"
	"volenti.dev/volenti/request/masking"
	"volenti.dev/volenti/request/policy"
)

func read(t testing.TB, text string) (policy.Policy, []string) {
	t.Helper()
	var r source.Report
	var p policy.Policy
	for _, n := range source.Parse("f.yml", []byte(text), &r) {
		ok := false
		if p, ok = policy.Decode(n, &r, taxonomy.Standard()); ok != (r.Errors() == 0) {
			t.Errorf("ok is %v with %d errors", ok, r.Errors())
		}
	}
	var problems []string
	for _, p := range r.Problems() {
		problems = append(problems, p.String())
	}
	return p, problems
}

func TestAPolicyIsRead(t *testing.T) { // D4
	got, problems := read(t, `
key: default
name: What everybody gets
rules:
- {key: out, name: Access, action: access, targets: [user, system.operations], storage: local}
- key: gone
  action: erasure
  targets: [user.name, user.contact]
  masking: {strategy: string_rewrite, configuration: {rewrite_value: gone}}
  keep:
  - {category: user.contact.address, reason: Invoices, ground: "§ 147 AO", until: "2031-12-31"}
  - {address: "shop:invoices.billing.city", reason: Invoices, ground: "§ 147 AO"}
- {key: told, action: consent}
`)
	if problems != nil {
		t.Fatal(problems)
	}
	want := policy.Policy{Key: "default", Name: "What everybody gets", Rules: []policy.Rule{
		{Key: "out", Name: "Access", Action: policy.Access, Targets: []taxonomy.Category{"user", "system.operations"}, Storage: "local"},
		{
			Key: "gone", Action: policy.Erasure, Targets: []taxonomy.Category{"user.name", "user.contact"},
			Masking: &masking.Spec{Strategy: "string_rewrite", Configuration: map[string]any{"rewrite_value": "gone"}},
			Keep: []policy.Keep{
				{Category: "user.contact.address", Reason: "Invoices", Ground: "§ 147 AO", Until: "2031-12-31"},
				{Address: "shop:invoices.billing.city", Reason: "Invoices", Ground: "§ 147 AO"},
			},
		},
		{Key: "told", Action: policy.Consent},
	}}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreTypes(source.Position{})); diff != "" {
		t.Error(diff)
	}
}

func rules(rules ...string) string { return "key: p\nrules:\n- " + strings.Join(rules, "\n- ") }

func erase(key, targets, more string) string {
	return fmt.Sprintf("{key: %s, action: erasure, targets: [%s], masking: {strategy: null_rewrite}%s}", key, targets, more)
}

func TestPoliciesThatCannotBeMeantAreReported(t *testing.T) { // D4, D5
	tests := map[string]string{
		rules(erase("a", "user.name, user", "")):                                          `f.yml:3: error: the policy p masks both user.name and user, and one contains the other: which mask a field gets would depend on chance`,
		rules(erase("a", "user.name.first", ""), erase("b", "user", "")):                  `f.yml:4: error: the policy p masks both user.name.first and user`,
		rules(erase("a", "user.name", ""), erase("b", "user.name", "")):                   `f.yml:4: error: the policy p masks user.name twice, in the rules a and b (keep it in one rule)`,
		rules("{key: a, action: consent}", "{key: b, action: consent}"):                   `f.yml:4: error: a policy has at most one consent rule, and a is one already (put them into policies of their own)`,
		rules("{key: a, action: erasure, targets: [user]}"):                               `f.yml:3: error: the rule a does not say how to mask (add masking: {strategy: null_rewrite})`,
		rules("{key: a, action: erasure, targets: [user], masking: {strategy: rewrite}}"): `f.yml:3: error: there is no masking strategy "rewrite"`,
		rules("{key: a, action: access, targets: [user], masking: {strategy: delete}}"):   `f.yml:3: error: a rule for access has no masking (remove it, or write it in a rule for erasure)`,
		rules("{key: a, action: access, targets: [user], keep: []}"):                      `f.yml:3: error: a rule for access has no keep (remove it, or write it in a rule for erasure)`,
		rules(erase("a", "user", ", storage: x")):                                         `f.yml:3: error: a rule for erasure has no storage (remove it, or write it in a rule for access)`,
		rules("{key: a, action: access}"):                                                 `f.yml:3: error: the rule a has no targets (add targets: [user])`,
		rules("{key: a, action: access, targets: []}"):                                    `f.yml:3: error: the rule a has no targets (add targets: [user])`,
		rules("{key: a, action: access, targets: [user.nam]}"):                            `f.yml:3: error: unknown data category "user.nam" (did you mean user.name?)`,
		rules("{key: a, action: acess, targets: [user]}"):                                 `f.yml:3: error: unknown action "acess" (did you mean access?)`,
		rules("{key: a, targets: [user]}"):                                                `f.yml:3: error: action is missing (add action: ...)`,
		rules("{key: a b, action: consent}"):                                              `f.yml:3: error: "a b" cannot be the key of a rule (use letters, digits and _ . -)`,
		rules("{key: prototype, action: consent}"):                                        `f.yml:3: error: prototype is not allowed as a key (use another name)`,
		rules("{key: a, action: consent}", "{key: a, action: access, targets: [user]}"):   `f.yml:4: error: the rule a is already given at f.yml:3 (rename or remove one of them)`,
		rules("{key: a, action: consent, tagrets: [user]}"):                               `f.yml:3: error: unknown key "tagrets" (did you mean targets?)`,
		"key: p\nrules: []": `f.yml:2: error: a policy without rules does nothing (add a rule)`,
		"key: p":            `f.yml:1: error: rules is missing (add rules: ...)`,
		"[]":                `f.yml:1: error: a policy must be a mapping, found a list`,
		rules(erase("a", "user", ", keep: [{reason: r, ground: g}]")):                                                    `f.yml:3: error: an entry of keep names either a category or an address (write category: ... or address: dataset:collection.field)`,
		rules(erase("a", "user", ", keep: [{category: user.name, address: 'a:b', reason: r, ground: g}]")):               `f.yml:3: error: an entry of keep names either a category or an address`,
		rules(erase("a", "user", ", keep: [{category: user.name, ground: g}]")):                                          `f.yml:3: error: reason is missing (add reason: ...)`,
		rules(erase("a", "user", ", keep: [{category: user.name, reason: r}]")):                                          `f.yml:3: error: ground is missing (add ground: ...)`,
		rules(erase("a", "user", ", keep: [{category: user.nmae, reason: r, ground: g}]")):                               `f.yml:3: error: unknown data category "user.nmae" (did you mean user.name?)`,
		rules(erase("a", "user", ", keep: [{address: shop.orders, reason: r, ground: g}]")):                              `f.yml:3: error: "shop.orders" is no address (write dataset:collection or dataset:collection.field)`,
		rules(erase("a", "user", ", keep: [{category: user.name, reason: r, ground: g, until: 2031-02-30}]")):            `f.yml:3: error: "2031-02-30" is no date (write the last day that it is kept, as 2031-12-31)`,
		rules(erase("a", "user", ", keep: [{category: user.name, reason: r, ground: g, untill: '2031-02-01'}]")):         `f.yml:3: error: unknown key "untill" (did you mean until?)`,
		"key: p\nrules: [{key: a, action: erasure, targets: [user], masking: {strategy: hash, configuration: [SHA]}}]\n": `f.yml:2: error: configuration must be a mapping, found a list`,
	}
	for text, want := range tests {
		_, problems := read(t, text)
		if len(problems) != 1 || !strings.HasPrefix(problems[0], want) {
			t.Errorf("%s\n got %q\nwant %q", text, problems, want)
		}
	}
}

func TestKeptIsWhatIsNamedUntilItsDay(t *testing.T) { // D4
	rule := policy.Rule{Keep: []policy.Keep{
		{Address: "shop:invoices", Reason: "whole"},
		{Address: "shop:orders.billing", Reason: "part"},
		{Category: "user.payment", Reason: "category", Until: "2031-12-31"},
		{Category: "user.payment.card", Reason: "later", Until: "2032-12-31"},
	}}
	for _, test := range []struct {
		address, path, category string
		today                   value.Date
		want                    string
	}{
		{"shop:invoices", "city", "", "2026-01-01", "whole"},
		{"shop:invoices_old", "city", "", "2026-01-01", ""},
		{"shop:orders", "billing", "", "2026-01-01", "part"},
		{"shop:orders", "billing.city", "", "2026-01-01", "part"},
		{"shop:orders", "billing_city", "", "2026-01-01", ""},
		{"shop:orders", "note", "", "2026-01-01", ""},
		{"other:orders", "billing", "", "2026-01-01", ""},
		{"a:b", "c", "user.payment", "2031-12-31", "category"},
		{"a:b", "c", "user.payment", "2032-01-01", ""},
		{"a:b", "c", "user.payment.card", "2031-12-31", "category"},
		{"a:b", "c", "user.payment.card", "2032-01-01", "later"},
		{"a:b", "c", "user.payments", "2026-01-01", ""},
		{"a:b", "c", "user", "2026-01-01", ""},
	} {
		got := ""
		if k := policy.Kept(rule, test.address, test.path, []taxonomy.Category{"system", taxonomy.Category(test.category)}, test.today); k != nil {
			got = k.Reason
		}
		if got != test.want {
			t.Errorf("%+v: kept by %q", test, got)
		}
	}
}

func TestRulesMatchByWholeSegments(t *testing.T) { // D3, D4
	rule := policy.Rule{Targets: []taxonomy.Category{"user.name", "system"}}
	for category, want := range map[taxonomy.Category]bool{"user.name.first": true, "user.name_foo": false, "system.operations": true, "user": false} {
		if got := rule.Matches([]taxonomy.Category{"user.contact", category}); got != want {
			t.Errorf("%s: %v", category, got)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(rules(erase("a", "user", ", keep: [{category: user.name, reason: r, ground: g}]")))
	f.Add(rules("{key: a, action: consent}", "{key: b, action: access, targets: [user], storage: x}"))
	f.Add(form("{public: true, approval: automatic, window: 3, fields: [{key: a, label: {en: A}, type: choice, choices: [x, {key: y, label: Y}]}]}"))
	f.Fuzz(func(t *testing.T, text string) { read(t, text) })
}
