package web

import (
	"fmt"
	"reflect"
	"testing"

	"volenti.dev/volenti/consent/site"
)

func TestPlanPutsTogetherWhatBecomesOfFields(t *testing.T) { // W3
	n := node{
		Address:      "shop:customers",
		FieldsMasked: map[string]string{"phone": "null_rewrite", "born": "null_rewrite", "email": "random_string_rewrite"},
		Kept:         []unmasked{{Field: "street", Reason: "invoices", Ground: "§ 147 AO"}, {Field: "total", Reason: "invoices", Ground: "§ 147 AO"}, {Field: "city", Reason: "invoices"}},
		Refused:      []unmasked{{Field: "id", Reason: "a key"}},
	}
	if got, want := n.Masked(), []maskedBy{{"null_rewrite", []string{"born", "phone"}}, {"random_string_rewrite", []string{"email"}}}; !reflect.DeepEqual(got, want) {
		t.Errorf("erased are %v, not %v", got, want)
	}
	var kept []string
	for _, s := range n.Stays() {
		kept = append(kept, fmt.Sprint(s.Reason, s.Ground, s.Fields))
	}
	if got, want := fmt.Sprintf("%q", kept), `["invoices§ 147 AO[street total]" "invoices[city]" "a key[id]"]`; got != want {
		t.Errorf("it is kept %s, not %s", got, want)
	}
	p := plan{Nodes: []node{n, {Address: "shop:sessions", Delete: "rows"}, {Address: "crm:people", FieldsReturned: []string{"name"}, FieldsMasked: n.FieldsMasked, Blocked: "read only"}}}
	if got, want := fmt.Sprint(p.Sum()), "{3 2 1 1 1 2}"; got != want {
		t.Errorf("the sum is %s, not %s", got, want)
	}
	if got := string(addressOf("a:b_c<")); got != "a:<wbr>b_<wbr>c&lt;" {
		t.Errorf("lines of a name end as in %s", got)
	}
}

func TestDifferencesAreToldByKindAndOnlyInLanguagesThatDiffer(t *testing.T) { // W7
	all := []site.Difference{{Kind: "vendor", Key: "a"}, {Kind: "text", Key: "title"}, {Kind: "vendor", Key: "b"}}
	if got, want := fmt.Sprint(byKind(all)), fmt.Sprint([]differences{{"vendor", []site.Difference{all[0], all[2]}}, {"text", all[1:2]}}); got != want {
		t.Errorf("they are told as %s, not %s", got, want)
	}
	fields := []site.Detail{
		{Field: "title", Before: map[string]any{"en": "Shop", "de": "Laden", "fr": "Magasin"}, After: map[string]any{"en": "Shop", "de": "Geschäft", "it": "Negozio"}},
		{Field: "days", Before: 1.0, After: 2.0},
	}
	var got []string
	for _, d := range detailsOf(fields) {
		got = append(got, fmt.Sprintln(d.Field, d.Language, d.Before, d.After, d.New()))
	}
	if got, want := fmt.Sprintf("%q", got), `["title de Laden Geschäft false\n" "title fr Magasin <nil> false\n" "title it <nil> Negozio true\n" "days  1 2 false\n"]`; got != want {
		t.Errorf("what differs is %s, not %s", got, want)
	}
	c := siteChanges{Change: site.Change{Differences: []site.Difference{{Kind: "vendor", How: "changed", Because: []site.Reason{"retention_days"}}, {Kind: "category", How: "changed", Because: []site.Reason{"days"}}, {Kind: "vendor", How: "added", Because: []site.Reason{site.IsNew}}}}}
	if got, want := fmt.Sprint(c.Tally()), "[{sites.tally.vendor.added 1} {sites.tally.vendor.changed 1} {sites.tally.category.changed 1} {sites.tally.longer 2}]"; got != want {
		t.Errorf("counted are %s, not %s", got, want)
	}
}
