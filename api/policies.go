package api

import (
	"context"
	"errors"

	"volenti.dev/volenti/auth"
	"volenti.dev/volenti/datamap/taxonomy"
	"volenti.dev/volenti/request"
	"volenti.dev/volenti/request/policy"
)

// Policies are those of the configuration in use.
type Policies interface {
	// Policies fails with request.ErrNoConfiguration where none was applied.
	Policies(ctx context.Context, tenant string) ([]policy.Policy, error)
}

// Policy is what requests under it may touch.
type Policy struct {
	Key      string       `json:"key"`
	Name     string       `json:"name,omitempty"`
	Form     bool         `json:"form" doc:"People can ask under it by themselves"`
	Review   bool         `json:"review" doc:"An operator looks at what was done before the person is told"`
	FourEyes *int64       `json:"four_eyes_above_rows,omitempty" doc:"An erasure of more rows than this is approved by somebody else than who submitted it; absent where one person may do"`
	Webhooks int          `json:"webhooks" doc:"How many are called while a request is carried out"`
	Rules    []PolicyRule `json:"rules" nullable:"false"`
}

// PolicyRule applies one action to the fields whose category it targets.
type PolicyRule struct {
	Key      string              `json:"key"`
	Name     string              `json:"name,omitempty"`
	Action   policy.Action       `json:"action"`
	Targets  []taxonomy.Category `json:"targets" nullable:"false"`
	Strategy string              `json:"strategy,omitempty" doc:"How it is masked"`
	Keep     []PolicyKeep        `json:"keep" nullable:"false"`
}

// PolicyKeep is data that stays, and why.
type PolicyKeep struct {
	What   string `json:"what" doc:"A category, or the address of a collection or field"`
	Reason string `json:"reason" doc:"As the person is told"`
	Ground string `json:"ground,omitempty" doc:"The law"`
	Until  string `json:"until,omitempty" doc:"Kept through this day"`
}

type policiesOutput struct {
	Body PolicyList
}

// PolicyList is all policies, in the order of the configuration.
type PolicyList struct {
	Items []Policy `json:"items" nullable:"false"`
}

func listPolicies(a *API, ctx context.Context, caller auth.Caller, _ *struct{}) (*policiesOutput, error) {
	all, err := a.config.Policies.Policies(ctx, caller.Tenant)
	if err != nil && !errors.Is(err, request.ErrNoConfiguration) {
		return nil, err
	}
	list := PolicyList{Items: []Policy{}}
	for _, p := range all {
		list.Items = append(list.Items, shownPolicy(p))
	}
	return &policiesOutput{list}, nil
}

func shownPolicy(p policy.Policy) Policy {
	s := Policy{Key: p.Key, Name: p.Name, Form: p.Intake != nil, Review: p.Review, Webhooks: len(p.Webhooks.Pre) + len(p.Webhooks.Post), Rules: []PolicyRule{}}
	if p.FourEyes != nil {
		s.FourEyes = &p.FourEyes.AboveRows
	}
	for _, r := range p.Rules {
		shown := PolicyRule{Key: r.Key, Name: r.Name, Action: r.Action, Targets: append([]taxonomy.Category{}, r.Targets...), Keep: []PolicyKeep{}}
		if r.Masking != nil {
			shown.Strategy = r.Masking.Strategy
		}
		for _, k := range r.Keep {
			what := k.Address
			if k.Category != "" {
				what = string(k.Category)
			}
			shown.Keep = append(shown.Keep, PolicyKeep{what, k.Reason, k.Ground, string(k.Until)})
		}
		s.Rules = append(s.Rules, shown)
	}
	return s
}
