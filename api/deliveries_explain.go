package api

import (
	"context"
	"errors"
	"fmt"
	"time"

	"volenti.dev/volenti/auth"
	"volenti.dev/volenti/consent"
	"volenti.dev/volenti/consent/propagate"
)

type explainDeliveryInput struct {
	Body struct {
		Subject    string     `json:"subject,omitempty" format:"uuid" doc:"Id of the subject"`
		Identities []Identity `json:"identities,omitempty" maxItems:"20" doc:"Or what the person is known by"`
		Purpose    string     `json:"purpose" minLength:"1" maxLength:"64"`
		Connection string     `json:"connection,omitempty" maxLength:"256" doc:"Only this connection"`
	}
}

type explainDeliveryOutput struct {
	Body WhyReceived
}

// WhyReceived is why connections did, or did not, receive what a person chose.
type WhyReceived struct {
	Purpose string             `json:"purpose"`
	Person  string             `json:"person" enum:"known,unknown,erased"`
	Subject *consent.SubjectID `json:"subject,omitempty" format:"uuid"`
	Why     string             `json:"why" doc:"What stands about the purpose, as a sentence"`
	Choice  *StandingChoice    `json:"choice,omitempty" doc:"Absent where there is none"`
	// Connections are all that there are, or the one that is asked about.
	Connections []WhyConnection `json:"connections" nullable:"false" doc:"By key: all that there are, also those that take no choices, or the one that is asked about"`
}

// StandingChoice is the newest choice of a person about a purpose.
type StandingChoice struct {
	Record   string    `json:"record" format:"uuid"`
	Sequence int64     `json:"sequence"`
	Choice   string    `json:"choice" enum:"granted,refused,withdrawn,expired"`
	Given    time.Time `json:"given_at"`
}

// WhyConnection is why one did, or did not.
type WhyConnection struct {
	Connection string            `json:"connection" doc:"Its key"`
	Name       string            `json:"name,omitempty"`
	System     string            `json:"system,omitempty" doc:"Key of the system that it belongs to"`
	Case       propagate.Case    `json:"case" enum:"delivery,takes_no_choices,added_later,not_planned,no_such_connection"`
	Why        string            `json:"why" doc:"As a sentence"`
	Mend       string            `json:"mend,omitempty" doc:"What can be done about it"`
	Delivery   *ChoiceDelivery   `json:"delivery,omitempty" doc:"Of the newest choice"`
	Log        []ChoiceAttempt   `json:"log,omitempty" doc:"Its attempts, in their order"`
	Earlier    []EarlierDelivery `json:"earlier,omitempty" doc:"Of choices before, the newest first"`
}

// EarlierDelivery is what became of an earlier choice.
type EarlierDelivery struct {
	Record     string           `json:"record" format:"uuid"`
	Sequence   int64            `json:"sequence"`
	Choice     string           `json:"choice" enum:"granted,refused,withdrawn,expired"`
	Status     propagate.Status `json:"status" enum:"pending,sending,complete,partial,error,skipped,superseded"`
	Reason     propagate.Reason `json:"reason,omitempty"`
	Superseded string           `json:"superseded_by,omitempty" format:"uuid" doc:"The record that took its place"`
}

const exampleExplain = `{"identities":[{"type":"email","value":"anna@example.org"}],"purpose":"marketing_email"}`

// explained bounds how many deliveries of a person and purpose are looked at.
const explained = 500

// What is said of a person, and of their choice.
const (
	whyUnknown   = "Nobody is known by this, or the person was erased: there is nothing that could have been sent."
	whyErased    = "The person was erased. Nothing is sent about them any more."
	whyNoChoice  = "The person has never chosen about this purpose: there was nothing to send."
	whyNoPurpose = "There is no such purpose, and the person has never chosen about it: there was nothing to send."
)

// explainDelivery tells what is the case also of who is not known: that is an answer.
func explainDelivery(a *API, ctx context.Context, caller auth.Caller, in *explainDeliveryInput) (*explainDeliveryOutput, error) {
	out := &explainDeliveryOutput{WhyReceived{Purpose: in.Body.Purpose, Person: "known", Connections: []WhyConnection{}}}
	id, err := a.whose(ctx, caller, in.Body.Subject, in.Body.Identities)
	switch {
	case errors.Is(err, consent.ErrErased):
		out.Body.Person, out.Body.Why = "erased", whyErased
	case errors.Is(err, consent.ErrNotFound):
		out.Body.Person, out.Body.Why = "unknown", whyUnknown
		return out, nil
	case err != nil:
		return nil, err
	}
	out.Body.Subject = &id
	q := propagate.Question{Newest: -1, Connection: in.Body.Connection}
	if q.Deliveries, err = a.config.Deliveries.List(ctx, caller.Tenant, propagate.Filter{Subject: id.String(), Purpose: in.Body.Purpose, Limit: explained}); err != nil {
		return nil, err
	}
	if out.Body.Person == "known" {
		if err := a.choice(ctx, caller, id, &out.Body); err != nil {
			return nil, err
		}
	}
	switch {
	case out.Body.Choice != nil:
		q.Newest = out.Body.Choice.Sequence
	case len(q.Deliveries) == 0:
		return out, nil
	default: // of who was erased, what was delivered is known, and not what stood
		q.Newest = q.Deliveries[0].Sequence
	}
	return out, a.explain(ctx, caller, q, &out.Body)
}

// whose finds the person; with consent.ErrErased the id is theirs.
func (a *API) whose(ctx context.Context, caller auth.Caller, subject string, given []Identity) (id consent.SubjectID, err error) {
	if (subject == "") == (len(given) == 0) {
		return id, invalid("body", "say who: give subject or identities")
	}
	if subject != "" {
		if id, err = consent.ParseSubjectID(subject); err != nil {
			return id, err
		}
		return id, a.config.Consents.Alive(ctx, caller.Tenant, id)
	}
	var by findInput
	by.Body.Identities = given
	found, err := findSubject(a, ctx, caller, &by)
	if err != nil {
		return id, err
	}
	return found.Body.Subject, nil
}

// choice says what stands about the purpose.
func (a *API) choice(ctx context.Context, caller auth.Caller, id consent.SubjectID, out *WhyReceived) error {
	states, err := a.config.Consents.States(ctx, caller.Tenant, id)
	if err != nil {
		return err
	}
	if s, ok := states[out.Purpose]; ok {
		out.Choice = &StandingChoice{Record: s.Record, Sequence: s.Sequence, Choice: string(s.Choice), Given: s.Given.UTC()}
		out.Why = fmt.Sprintf("The newest choice is %s, record %d.", s.Choice, s.Sequence)
		return nil
	}
	rules, err := a.config.Consents.Rules(ctx, caller.Tenant)
	if err != nil {
		return err
	}
	out.Why = whyNoChoice
	if rules.Purpose(out.Purpose) == nil {
		out.Why = whyNoPurpose
	}
	return nil
}

// explain answers for each connection.
func (a *API) explain(ctx context.Context, caller auth.Caller, q propagate.Question, out *WhyReceived) (err error) {
	if q.Takers, err = a.config.Deliveries.Takers(ctx, caller.Tenant); err != nil {
		return err
	}
	if q.Since, err = a.config.Deliveries.Since(ctx, caller.Tenant); err != nil {
		return err
	}
	for _, answer := range q.Answers() {
		why := WhyConnection{Connection: answer.Key, Name: answer.Name, System: answer.System, Case: answer.Case, Earlier: earlier(answer)}
		why.Why, why.Mend = answer.Why()
		if answer.Case == propagate.Carried {
			d, attempts, err := a.config.Deliveries.Attempts(ctx, caller.Tenant, answer.Delivery.Record, answer.Key)
			if err != nil {
				return err
			}
			shown := shownChoiceDelivery(d)
			why.Delivery, why.Log, why.System = &shown, shownAttempts(attempts), d.System
		}
		out.Connections = append(out.Connections, why)
	}
	return nil
}

// earlier shows what came before, with what took the place of what was not sent.
func earlier(a propagate.Answer) (all []EarlierDelivery) {
	newer := a.Delivery.Record
	for _, d := range a.Earlier {
		e := EarlierDelivery{Record: d.Record, Sequence: d.Sequence, Choice: string(d.Choice), Status: d.Status, Reason: d.Reason}
		if d.Status == propagate.Superseded {
			e.Superseded = newer
		}
		newer, all = d.Record, append(all, e)
	}
	return all
}
