package graph

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"volenti.dev/volenti/request/policy"
	"volenti.dev/volenti/subject"
)

// hooked gives a policy two webhooks that may add identities, and one after all.
func hooked(p policy.Policy) policy.Policy {
	p.Webhooks = policy.Hooks{
		Pre: []policy.Hook{
			{Key: "crm", Connection: "c", Direction: policy.TwoWay, Derives: []subject.Type{"phone_number", "badge"}},
			{Key: "erp", Connection: "e", Direction: policy.TwoWay, Derives: []subject.Type{"badge"}},
		},
		Post: []policy.Hook{{Key: "tell", Connection: "c", Direction: policy.OneWay}},
	}
	return p
}

// A type that a webhook may add leads to data, and the plan tells it from what
// the person is known by.
func TestDerivedIdentitiesLeadOnAndAreMarked(t *testing.T) { // X17, SE1
	d := append(shop(), describe(collection("door.badge", field("id", key), field("no", identity("badge")), field("holder", cat("user.name"))))...)
	bare := build(t, input(accessAll, d, "email"))
	equal(t, "without webhooks", slices.Contains(addresses(bare), "door:badge"), false)
	p := build(t, input(hooked(accessAll), d, "email"))
	equal(t, "with them", slices.Contains(addresses(p), "door:badge"), true)
	equal(t, "inputs", p.Node("door:badge").Inputs, map[string][]string{"no": {"identity:badge"}})
	equal(t, "given", p.Identities, []subject.Type{"email"})
	equal(t, "derived", p.Derived, []subject.Type{"badge", "phone_number"})
	equal(t, "called", p.Webhooks, &Webhooks{
		Pre: []Webhook{
			{Key: "crm", Connection: "c", Direction: policy.TwoWay, Derives: []subject.Type{"badge", "phone_number"}},
			{Key: "erp", Connection: "e", Direction: policy.TwoWay, Derives: []subject.Type{"badge"}},
		},
		Post: []Webhook{{Key: "tell", Connection: "c", Direction: policy.OneWay}},
	})
}

func TestHashCoversWebhooksAndWhatTheyMayDerive(t *testing.T) { // X17, X19
	in := func(change func(*policy.Policy)) Input {
		p := hooked(accessAll)
		change(&p)
		return input(p, shop(), "email")
	}
	same := build(t, in(func(*policy.Policy) {})).Hash
	if build(t, in(func(p *policy.Policy) { slices.Reverse(p.Webhooks.Pre[0].Derives) })).Hash != same {
		t.Error("another order of the types is another plan")
	}
	for what, change := range map[string]func(*policy.Policy){
		"order":      func(p *policy.Policy) { slices.Reverse(p.Webhooks.Pre) },
		"connection": func(p *policy.Policy) { p.Webhooks.Post[0].Connection = "x" },
		"direction":  func(p *policy.Policy) { p.Webhooks.Post[0].Direction = policy.TwoWay },
		"derives":    func(p *policy.Policy) { p.Webhooks.Pre[0].Derives = p.Webhooks.Pre[0].Derives[:1] },
		"key":        func(p *policy.Policy) { p.Webhooks.Pre[0].Key = "x" },
		"none after": func(p *policy.Policy) { p.Webhooks.Post = nil },
		"none":       func(p *policy.Policy) { p.Webhooks = policy.Hooks{} },
	} {
		if build(t, in(change)).Hash == same {
			t.Errorf("another %s is the same plan", what)
		}
	}
	text, err := json.Marshal(build(t, input(accessAll, shop(), "email")))
	if err != nil || strings.Contains(string(text), "webhooks") || strings.Contains(string(text), "derived") || strings.Contains(string(text), "consent") {
		t.Errorf("a plan without webhooks is not what it was: %s", text)
	}
}

func TestPolicyThatOnlyWithdrawsNeedsNoCollection(t *testing.T) { // X12
	p := build(t, input(policy.Policy{Key: "objection", Rules: []policy.Rule{{Key: "out", Action: policy.Consent}}}, shop(), "email"))
	equal(t, "nodes", len(p.Nodes), 0)
	equal(t, "rule", p.Consent, "out")
}
