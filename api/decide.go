package api

import (
	"context"
	"net/http"
	"slices"

	"volenti.dev/volenti/auth"
)

// Denial is why a request is denied: by a template of the configuration, whose
// words the person is told in their language, or by words of its own.
type Denial struct {
	Template string `json:"template,omitempty" maxLength:"256" doc:"The key of a template; its words are told in the person's language"`
	Reason   string `json:"reason,omitempty" maxLength:"1000" doc:"Instead of a template. The person is told, and it is kept in the audit log: it must not say who that is"`
}

func (d Denial) check() error {
	if (d.Template == "") == (d.Reason == "") {
		return invalid("body.reason", "give either a template or a reason")
	}
	return nil
}

type denyInput struct {
	ID   string `path:"id" format:"uuid"`
	Body Denial
}

func denyRequest(a *API, ctx context.Context, caller auth.Caller, in *denyInput) (*requestOutput, error) {
	if err := in.Body.check(); err != nil {
		return nil, err
	}
	return a.decided(ctx, caller, in.ID, a.config.Desk.Deny(ctx, caller, in.ID, in.Body))
}

type denialsOutput struct {
	Body DenialList
}

// DenialList is the templates of denials that the configuration has.
type DenialList struct {
	Items []DenialTemplate `json:"items" nullable:"false"`
}

// DenialTemplate is a reason to deny requests.
type DenialTemplate struct {
	Key    string            `json:"key"`
	Title  string            `json:"title,omitempty" doc:"For operators"`
	Reason map[string]string `json:"reason" doc:"What the person is told, by language"`
}

func listDenials(a *API, ctx context.Context, caller auth.Caller, _ *struct{}) (*denialsOutput, error) {
	all, err := a.config.Desk.Denials(ctx, caller.Tenant)
	return &denialsOutput{DenialList{append([]DenialTemplate{}, all...)}}, err
}

type decideInput struct {
	Body struct {
		Decision string        `json:"decision" enum:"approve,deny"`
		Requests []DecisionFor `json:"requests" minItems:"1" maxItems:"200" doc:"Each is decided on by itself"`
		Denial
	}
}

// DecisionFor names a request that is decided on.
type DecisionFor struct {
	ID       string `json:"id" format:"uuid"`
	PlanHash string `json:"plan_hash,omitempty" pattern:"^[0-9a-f]{64}$" doc:"To approve: the hash of the plan that was seen"`
}

type decideOutput struct {
	Body RequestDecisions
}

// RequestDecisions tells what became of each request, in the order in which they were
// named.
type RequestDecisions struct {
	Results []RequestDecision `json:"results" nullable:"false"`
}

// RequestDecision is what became of one request.
type RequestDecision struct {
	ID      string   `json:"id" format:"uuid"`
	Done    bool     `json:"done"`
	Problem *Problem `json:"problem,omitempty" doc:"Why it was not done; nothing has changed then"`
}

// decideRequests decides on one after the other, each in a commit of its own.
// What fails does not keep the others from being decided on; where nothing
// was done at all and the store takes nothing, that is the answer.
func decideRequests(a *API, ctx context.Context, caller auth.Caller, in *decideInput) (*decideOutput, error) {
	if err := in.check(); err != nil {
		return nil, err
	}
	out, done := RequestDecisions{}, 0
	for _, r := range in.Body.Requests {
		result := RequestDecision{ID: r.ID, Done: true}
		if err := in.decide(a, ctx, caller, r); err != nil {
			result.Done, result.Problem = false, a.problem(ctx, err)
			if done == 0 && result.Problem.Status == http.StatusServiceUnavailable {
				return nil, err
			}
		} else {
			done++
		}
		out.Results = append(out.Results, result)
	}
	return &decideOutput{out}, nil
}

func (in *decideInput) decide(a *API, ctx context.Context, caller auth.Caller, r DecisionFor) error {
	if in.Body.Decision == "deny" {
		return a.config.Desk.Deny(ctx, caller, r.ID, in.Body.Denial)
	}
	return a.config.Desk.Approve(ctx, caller, r.ID, r.PlanHash, 0)
}

func (in *decideInput) check() error {
	denies := in.Body.Decision == "deny"
	if denies {
		if err := in.Body.Denial.check(); err != nil {
			return err
		}
	} else if in.Body.Denial != (Denial{}) {
		return invalid("body.reason", "an approval has none")
	}
	var wrong []Violation
	var seen []string
	for _, r := range in.Body.Requests {
		switch {
		case slices.Contains(seen, r.ID):
			wrong = append(wrong, Violation{"body.requests", "one is named twice"})
		case (r.PlanHash == "") != denies:
			wrong = append(wrong, Violation{"body.requests", "to approve, each needs the plan_hash that was seen; to deny, none"})
		}
		seen = append(seen, r.ID)
	}
	if len(wrong) > 0 {
		return &Problem{Status: http.StatusUnprocessableEntity, Detail: notValid, Errors: slices.Compact(wrong)}
	}
	return nil
}
