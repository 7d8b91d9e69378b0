package graph

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"volenti.dev/volenti/datamap/taxonomy"
	"volenti.dev/volenti/request/masking"
	"volenti.dev/volenti/request/policy"
	"volenti.dev/volenti/request/task"
)

func question(key, category string, erasure bool) task.Question {
	return task.Question{Key: key, Categories: []taxonomy.Category{taxonomy.Category(category)}, Erasure: erasure}
}

func TestPeopleAreAskedWhatThePolicyIsAbout(t *testing.T) { // X4, X17
	archive := task.Ask{Connection: "archive", DueDays: 5, Questions: []task.Question{
		question("name", "user.name", false), question("mail", "user.contact.email", false), question("rack", "system", false),
		question("shred", "user.contact", true), question("burn", "user.content", true),
	}}
	rule := func(key string, action policy.Action, target string) policy.Rule {
		return policy.Rule{Key: key, Action: action, Targets: []taxonomy.Category{taxonomy.Category(target)}, Masking: &masking.Spec{Strategy: masking.NullRewrite}}
	}
	both := policy.Policy{Key: "both", Rules: []policy.Rule{
		rule("all", policy.Access, "user"), rule("contact", policy.Access, "user.contact"), rule("erase", policy.Erasure, "user.contact"),
	}}
	in := input(both, describe(collection("d.c", field("id", key), field("mail", identity("email"), cat("user.contact.email")))), "email")
	before := build(t, in).Hash
	in.Connections = append(in.Connections, Connection{Key: "archive", Ask: archive})
	plan := build(t, in)
	if len(plan.Asks) != 1 || plan.Hash == before || plan.Verify() != nil {
		t.Fatalf("asked: %+v", plan.Asks)
	}
	var keys []string
	for _, q := range plan.Asks[0].Questions {
		keys = append(keys, q.Key)
	}
	if d := cmp.Diff([]string{"name", "mail", "shred"}, keys); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff(map[string][]string{"all": {"name", "mail"}, "contact": {"mail"}}, plan.Asks[0].Returned); d != "" {
		t.Error(d)
	}
	// What is asked is part of what is approved.
	was := plan.Hash
	in.Connections[len(in.Connections)-1].Ask.Questions[0].Label = task.Label{"": "another"}
	if build(t, in).Hash == was {
		t.Error("another question has the same hash")
	}
	in.Policy = policy.Policy{Key: "none", Rules: []policy.Rule{rule("r", policy.Access, "user.financial")}}
	if asks := build(t, in).Asks; len(asks) != 0 {
		t.Errorf("a policy that is about nothing of it asks %+v", asks)
	}
}

func TestHashesOfPlansThatAskNobodyStayTheSame(t *testing.T) {
	in := input(accessAll, describe(collection("d.c", field("id", key), field("mail", identity("email"), cat("user.contact.email")))), "email")
	plan := build(t, in)
	text, err := json.Marshal(plan)
	if err != nil || strings.Contains(string(text), "asks") {
		t.Error("a plan speaks of asking where nobody is asked: those that were stored before would have another hash")
	}
}
