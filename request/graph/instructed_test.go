package graph

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"volenti.dev/volenti/datamap/catalogue"
	"volenti.dev/volenti/datamap/dataset"
	"volenti.dev/volenti/request/policy"
)

// letterbox is the shop with a partner that is reached by letters only: it
// knows customers by their number, and its visits by the partner's own.
func letterbox(write bool, pol policy.Policy, more ...dataset.Collection) Input {
	collections := append([]dataset.Collection{
		collection("shop.customers", field("id", key), field("email", identity("email"), cat("user.contact.email"))),
		collection("partner.guests",
			field("guest_no", key), field("customer", ref("shop.customers.id", dataset.From)), field("name", cat("user.name")), field("mail", identity("email"), cat("user.contact.email"))),
		collection("partner.visits", field("visit", key), field("guest", ref("partner.guests.guest_no", dataset.From)), field("note", cat("user.contact"))),
	}, more...)
	in := input(pol, describe(collections...), "email")
	for i := range in.Connections {
		if in.Connections[i].Key == "partner_db" {
			in.Connections[i] = Connection{Key: "partner", Write: write, Datasets: []string{"partner"}, Instructed: true}
		}
	}
	return in
}

func TestCollectionsThatAreInstructedHaveInputsAndMasksAndNoQueries(t *testing.T) { // E1 E3 X13
	in := letterbox(true, eraseContact)
	asked := []string{}
	in.Queries = func(n *Node, table *catalogue.Table) ([]string, error) {
		asked = append(asked, n.Address)
		return []string{"SELECT " + table.Name.Table}, nil
	}
	plan, err := Build(in)
	if err != nil {
		t.Fatal(err)
	}
	guests := plan.Node("partner:guests")
	if guests == nil || !guests.Instructed || !guests.Instructs() || guests.Erases() {
		t.Fatalf("guests: %+v", guests)
	}
	want := map[string][]string{"customer": {"shop:customers.id"}, "mail": {"identity:email"}}
	if d := cmp.Diff(want, guests.Inputs); d != "" {
		t.Errorf("inputs: %s", d)
	}
	if d := cmp.Diff(map[string]string{"name": "null_rewrite", "mail": "null_rewrite"}, guests.FieldsMasked); d != "" {
		t.Errorf("masked: %s", d)
	}
	if len(guests.Queries)+len(guests.Columns)+len(guests.FieldsReturned) > 0 {
		t.Errorf("something is read of it: %v %v %v", guests.Queries, guests.Columns, guests.FieldsReturned)
	}
	if slices.ContainsFunc(asked, func(a string) bool { return strings.HasPrefix(a, "partner:") }) {
		t.Errorf("queries were made for %v", asked)
	}
	text, err := json.Marshal(guests)
	if err != nil || !strings.Contains(string(text), `"instructed":true`) || !strings.Contains(string(text), `"queries":[]`) {
		t.Errorf("the plan does not say so: %s", text)
	}
}

func TestAChildIsFoundByItsParentWithoutReadingIt(t *testing.T) { // E7
	in := letterbox(true, eraseContact)
	partner := slices.IndexFunc(in.Datasets, func(d dataset.Dataset) bool { return d.Key == "partner" })
	for i := range in.Datasets[partner].Collections[0].Fields {
		in.Datasets[partner].Collections[0].Fields[i].Categories = nil
	}
	plan, err := Build(in)
	if err != nil {
		t.Fatal(err)
	}
	guests, visits := plan.Node("partner:guests"), plan.Node("partner:visits")
	if guests == nil || guests.Instructs() || len(guests.FieldsMasked) > 0 {
		t.Fatalf("guests are needed to find visits, and nothing of them is erased: %+v", guests)
	}
	if visits == nil || !visits.Instructs() || !slices.Contains(visits.Upstream, "partner:guests") {
		t.Fatalf("visits: %+v", visits)
	}
	if d := cmp.Diff(map[string][]string{"guest": {"partner:guests.guest_no"}}, visits.Inputs); d != "" {
		t.Error(d)
	}
}

func TestWhatOnlyUnreadableCollectionsLeadToIsSaid(t *testing.T) { // D10 E7
	behind := func(category string) dataset.Collection {
		return collection("club.points", field("id", key), field("guest", ref("partner.guests.guest_no", dataset.Either)), field("nick", cat(category)))
	}
	t.Run("as an error where the policy needs it", func(t *testing.T) {
		_, err := Build(letterbox(true, eraseContact, behind("user.name")))
		if err == nil || !strings.Contains(err.Error(), "club:points, but only collections that cannot be read lead to it") {
			t.Error(err)
		}
	})
	t.Run("as skipped where it does not", func(t *testing.T) {
		plan, err := Build(letterbox(true, eraseContact, behind("user.device")))
		if err != nil {
			t.Fatal(err)
		}
		at := slices.IndexFunc(plan.Skipped, func(s Skipped) bool { return s.Address == "club:points" })
		if at < 0 || !strings.Contains(plan.Skipped[at].Reason, "cannot be read") {
			t.Errorf("%+v", plan.Skipped)
		}
	})
	t.Run("as skipped where another identity would reach it", func(t *testing.T) {
		points := behind("user.name")
		points.Fields = append(points.Fields, field("card", identity("card")))
		plan, err := Build(letterbox(true, eraseContact, points))
		if err != nil {
			t.Fatal(err)
		}
		at := slices.IndexFunc(plan.Skipped, func(s Skipped) bool { return s.Address == "club:points" })
		if at < 0 || !strings.Contains(plan.Skipped[at].Reason, "type card would reach it") {
			t.Errorf("%+v", plan.Skipped)
		}
	})
	t.Run("and check knows it", func(t *testing.T) {
		in := letterbox(true, eraseContact, behind("user.name"))
		found := Check(in.Datasets, []policy.Policy{eraseContact}, func(d string) bool { return d == "partner" })
		if len(found) != 1 || !strings.Contains(found[0].Message, "club:points cannot be reached") {
			t.Errorf("%v", found)
		}
		if found := Check(in.Datasets, []policy.Policy{eraseContact}, func(string) bool { return false }); len(found) > 0 {
			t.Errorf("%v", found)
		}
	})
}

func TestThereIsNoLetterWithoutWriteAccess(t *testing.T) { // E2 D26
	plan, err := Build(letterbox(false, eraseContact))
	if err != nil {
		t.Fatal(err)
	}
	for _, address := range []string{"partner:guests", "partner:visits"} {
		n := plan.Node(address)
		if n == nil || n.Instructs() || !strings.Contains(n.Blocked, "read access only") {
			t.Errorf("%s: %+v", address, n)
		}
	}
}

func TestThereIsNoLetterWhereNothingIsErased(t *testing.T) { // E2
	t.Run("since the policy only hands out", func(t *testing.T) {
		plan, err := Build(letterbox(true, accessAll))
		if err != nil {
			t.Fatal(err)
		}
		for _, address := range []string{"partner:guests", "partner:visits"} {
			at := slices.IndexFunc(plan.Skipped, func(s Skipped) bool { return s.Address == address })
			if plan.Node(address) != nil || at < 0 || !strings.Contains(plan.Skipped[at].Reason, "cannot be read") {
				t.Errorf("%s: %+v", address, plan.Skipped)
			}
		}
	})
	t.Run("since all of it is kept", func(t *testing.T) {
		keeps := policy.Policy{Key: "erasure", Rules: []policy.Rule{eraseContact.Rules[0]}}
		keeps.Rules[0].Keep = []policy.Keep{{Address: "partner:guests", Reason: "books"}, {Address: "partner:visits", Reason: "books"}}
		plan, err := Build(letterbox(true, keeps))
		if err != nil {
			t.Fatal(err)
		}
		n := plan.Node("partner:guests")
		if n == nil || n.Instructs() || !slices.ContainsFunc(n.Notes, func(s string) bool { return strings.Contains(s, "no instructions are sent") }) {
			t.Errorf("%+v", n)
		}
	})
}

func TestPlansWithInstructionsAreDeterministic(t *testing.T) { // X19
	first, err := Build(letterbox(true, eraseContact))
	if err != nil {
		t.Fatal(err)
	}
	shuffled := letterbox(true, eraseContact)
	slices.Reverse(shuffled.Datasets)
	slices.Reverse(shuffled.Connections)
	shuffled.Identities = append(shuffled.Identities, "email", "email")
	second, err := Build(shuffled)
	if err != nil || first.Hash != second.Hash {
		t.Errorf("%v, %v", first.Hash, err)
	}
	if err := first.Verify(); err != nil {
		t.Error(err)
	}
	asked := letterbox(true, eraseContact)
	asked.Connections = input(eraseContact, asked.Datasets).Connections
	for i, c := range asked.Connections {
		asked.Connections[i].Key = strings.Replace(c.Key, "partner_db", "partner", 1)
	}
	other, err := Build(asked)
	if err != nil || other.Hash == first.Hash {
		t.Errorf("the hash does not tell a letter from a statement: %v", err)
	}
	needed := Needed(letterbox(true, eraseContact))
	if slices.Contains(needed, "partner") {
		t.Errorf("a catalogue of the partner is asked for: %v", needed)
	}
}
