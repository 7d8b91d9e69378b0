package server

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"

	"volenti.dev/volenti/api"
	"volenti.dev/volenti/config"
	"volenti.dev/volenti/internal/store"
	"volenti.dev/volenti/request"
	"volenti.dev/volenti/request/policy"
	"volenti.dev/volenti/subject"
)

// examined is what was asked, once nothing is wrong with it.
type examined struct {
	policy          policy.Policy
	email           subject.Identity
	place, language string
	answers         map[string]any
	agent           *api.AuthorisedAgent
}

// examine tells all that is wrong with what was asked, in a *request.Refused.
func examine(c *config.Config, asked api.Asked) (a examined, err error) {
	var wrong []*request.Invalid
	add := func(where, what string) { wrong = append(wrong, &request.Invalid{Where: where, What: what}) }
	open := slices.DeleteFunc(slices.Clone(c.Policies), func(p policy.Policy) bool { return p.Intake == nil || !p.Intake.Public })
	a.agent = asked.Agent
	if at := slices.IndexFunc(open, func(p policy.Policy) bool { return p.Key == asked.Policy }); at >= 0 {
		a.policy = open[at]
		var answers []policy.Wrong
		a.answers, answers = a.policy.Intake.Check(asked.Fields.Reveal())
		for _, w := range answers {
			add(strings.TrimSuffix("fields."+w.Field, "."), w.What)
		}
	} else {
		var keys []string
		for _, p := range open {
			keys = append(keys, p.Key)
		}
		wrong = append(wrong, request.Unknown("policy", "people cannot ask for that", keys))
	}
	emails := 0
	known := c.Datasets.IdentityTypes()
	for _, i := range asked.Identities {
		if i.Type == subject.Email {
			a.email = i
			emails++
		} else if !slices.Contains(known, string(i.Type)) {
			wrong = append(wrong, request.Unknown("identities", "nothing is found by an identity of such a type", known))
		}
	}
	if emails != 1 {
		add("identities", "give one address of e-mail: the code is sent there, and a telephone cannot be reached yet")
	}
	if a.place, err = request.ParsePlace(asked.Place); err != nil {
		add("place", err.Error())
	}
	if a.language, err = request.ParseLanguage(asked.Language); err != nil {
		add("language", err.Error())
	}
	if a.agent != nil && emails > 0 && a.agent.Email.Value.Equal(a.email.Value) {
		add("agent.email", "it is the address of the person: give the agent's own")
	}
	if len(wrong) > 0 {
		return a, &request.Refused{All: wrong}
	}
	return a, nil
}

// papers are what is kept beside the identities.
func (a examined) papers() (papers []store.Paper, err error) {
	add := func(kind string, v any) {
		text, failed := json.Marshal(v)
		papers, err = append(papers, store.Paper{Kind: kind, Name: formName, Plain: subject.Conceal(text)}), errors.Join(err, failed)
	}
	if len(a.answers) > 0 {
		add(request.AnswersPaper, a.answers)
	}
	if a.agent != nil {
		add(agentPaper, agentOnPaper{a.agent.Name.Reveal(), a.agent.Email.Value.Reveal(), a.agent.Authority.Reveal()})
	}
	return papers, err
}

type agentOnPaper struct {
	Name      string `json:"name"`
	Email     string `json:"email"`
	Authority string `json:"authority"`
}
