package builtin_test

import (
	"fmt"
	"strings"
	"testing"

	"volenti.dev/volenti/config"
	"volenti.dev/volenti/config/source"
	"volenti.dev/volenti/connector"
	"volenti.dev/volenti/connector/builtin"
	"volenti.dev/volenti/datamap/catalogue"
	"volenti.dev/volenti/request/fulfill"
	"volenti.dev/volenti/request/graph"
	"volenti.dev/volenti/subject"
)

const standard = `
policy:
- {key: access, rules: [{key: all, action: access, targets: [user]}]}
- {key: erasure, rules: [{key: all, action: erasure, targets: [user], masking: {strategy: null_rewrite}}]}
connection:
`

// connected writes a configuration with one connection, which has a value for each
// secret.
func connected(kind string, spec connector.Spec) string {
	text := standard + fmt.Sprintf("- {key: vendor, type: %s, access: write, secrets: {", kind)
	for _, s := range spec.Secrets {
		value := "x"
		if s.Check != nil && s.Check(value) != nil {
			value = strings.TrimSuffix(s.Help[strings.LastIndexAny(s.Help, "( ")+1:], ")") // the last of those that the help names
			value = strings.ReplaceAll(value, "*", "a")
		}
		text += fmt.Sprintf("%s: %q, ", s.Name, value)
	}
	return text + "}}\n"
}

func TestEveryDescriptionThatComesAlongMakesPlans(t *testing.T) { // H19, X4
	registry := builtin.Registry()
	for kind, spec := range registry {
		if spec.Endpoints == nil {
			continue
		}
		t.Run(kind, func(t *testing.T) {
			c, found := config.Read([]source.File{{Name: "a.yml", Data: []byte(connected(kind, spec))}}, config.Options{Registry: registry})
			found = append(found, config.Check(c)...)
			for _, p := range found {
				if p.Severity == source.Error {
					t.Errorf("%s", p)
				}
			}
			secrets := map[string]string{}
			for name, secret := range c.Connections[0].Secrets {
				secrets[name] = secret.Reveal()
			}
			open, err := spec.New(connector.Settings{Key: "vendor", Secrets: secrets})
			if err != nil {
				t.Fatal(err)
			}
			live, err := open.(connector.Describer).Describe(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for _, policy := range c.Policies {
				in := graph.Input{
					Datasets: c.Datasets.All(), Policy: policy, Identities: []subject.Type{subject.Email, subject.ExternalID}, Today: "2026-11-26",
					Connections: []graph.Connection{{Key: "vendor", Write: true, Datasets: c.Connections[0].Datasets, Catalogue: &live}},
					Queries: func(n *graph.Node, table *catalogue.Table) ([]string, error) {
						return fulfill.Queries(open.(connector.Reader), n, table)
					},
				}
				plan, err := graph.Build(in)
				if err != nil {
					t.Fatal(err)
				}
				does := false
				for _, n := range plan.Nodes {
					does = does || n.Erases() || len(n.Returned) > 0 && policy.Key == "access"
					if len(n.Queries) == 0 || len(n.Inputs) == 0 {
						t.Errorf("%s: %s is found by %v, with the calls %q", policy.Key, n.Address, n.Inputs, n.Queries)
					}
					for field := range n.FieldsMasked {
						if strings.HasPrefix(field, connector.InputsColumn) {
							t.Errorf("%s masks %s, by which rows are found", n.Address, field)
						}
					}
				}
				if !does {
					t.Errorf("the plan for %s does nothing", policy.Key)
				}
				for _, s := range plan.Skipped {
					t.Errorf("%s leaves out %s: %s", policy.Key, s.Address, s.Reason)
				}
			}
		})
	}
}
