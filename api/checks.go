package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"volenti.dev/volenti/auth"
	"volenti.dev/volenti/consent"
	"volenti.dev/volenti/subject"
)

// The most subjects and identities in one check, and the bytes of its body.
const (
	maxChecked   = 10_000
	maxCheckBody = 2 << 20
)

type checkInput struct {
	ID      string `path:"id" format:"uuid"`
	Purpose string `path:"purpose" maxLength:"64"`
}

type checkOutput struct {
	Body Decision
}

// Decision is the answer of a gate. All but granted is a no.
type Decision struct {
	Allowed bool   `json:"allowed"`
	Reason  string `json:"reason" enum:"granted,no_record,refused,withdrawn,expired,reconsent_due,unknown_purpose,unavailable"`
}

func checkConsent(a *API, ctx context.Context, caller auth.Caller, w http.ResponseWriter, r *http.Request) error {
	id, err := consent.ParseSubjectID(r.PathValue("id"))
	if err != nil {
		return invalid("path.id", "it is not the id of a subject")
	}
	d, err := a.config.Checks.Check(ctx, caller.Tenant, id, r.PathValue("purpose"), a.config.Now())
	if err != nil {
		return err // 503, or our fault: either way nobody has said yes
	}
	body, ok := decided[d]
	if !ok {
		body = decided[consent.Decision{Reason: consent.Unavailable}]
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(body)
	return nil
}

// decided are the answers that there can be.
var decided = func() map[consent.Decision][]byte {
	all := map[consent.Decision][]byte{}
	for _, reason := range consent.Reasons() {
		d := consent.Decision{Allowed: reason == consent.Given, Reason: reason}
		body, err := json.Marshal(Decision{d.Allowed, string(d.Reason)})
		if err != nil {
			panic(err) // it is a claim and a word
		}
		all[d] = body
	}
	return all
}()

type explainOutput struct {
	Body consent.Explanation
}

func explainConsent(a *API, ctx context.Context, caller auth.Caller, in *checkInput) (*explainOutput, error) {
	_, rules, states, err := a.standing(ctx, caller, in.ID)
	if err != nil {
		return nil, err
	}
	return &explainOutput{rules.Explain(in.Purpose, states, a.config.Now())}, nil
}

type batchInput struct {
	Body struct {
		Purpose    string     `json:"purpose" minLength:"1" maxLength:"64"`
		Subjects   []string   `json:"subjects,omitempty" maxItems:"10000" doc:"Ids of subjects"`
		Identities []Identity `json:"identities,omitempty" maxItems:"10000" doc:"Or what people are known by, one each. Who is not known, or by something that cannot be read, has no record"`
	}
}

type batchOutput struct {
	Body Decisions
}

// Decisions are the answers of a gate about many, in the order in which it was
// asked.
type Decisions struct {
	Purpose string            `json:"purpose"`
	Results []SubjectDecision `json:"results" nullable:"false"`
}

// SubjectDecision is the answer about one subject.
type SubjectDecision struct {
	Subject string `json:"subject,omitempty" doc:"Absent when nobody is known by the identity"`
	Decision
}

func checkBatch(a *API, ctx context.Context, caller auth.Caller, in *batchInput) (*batchOutput, error) {
	ids, err := a.asked(ctx, caller, in.Body.Subjects, in.Body.Identities)
	if err != nil {
		return nil, err
	}
	out := &batchOutput{Decisions{Purpose: in.Body.Purpose, Results: make([]SubjectDecision, 0, len(ids))}}
	now := a.config.Now()
	for _, id := range ids {
		d, err := a.config.Checks.Check(ctx, caller.Tenant, id, in.Body.Purpose, now)
		if err != nil {
			return nil, err
		}
		result := SubjectDecision{Decision: Decision{d.Allowed, string(d.Reason)}}
		if id != (consent.SubjectID{}) {
			result.Subject = id.String()
		}
		out.Body.Results = append(out.Body.Results, result)
	}
	return out, nil
}

// asked gives whom a batch is about; the zero id for who is not known.
func (a *API) asked(ctx context.Context, caller auth.Caller, subjects []string, identities []Identity) ([]consent.SubjectID, error) {
	if (len(subjects) == 0) == (len(identities) == 0) {
		return nil, invalid("body", fmt.Sprintf("give either subjects or identities, 1 to %d of them", maxChecked))
	}
	var ids []consent.SubjectID
	var wrong []Violation
	for i, text := range subjects {
		id, err := consent.ParseSubjectID(text)
		if err != nil {
			wrong = append(wrong, Violation{fmt.Sprintf("body.subjects[%d]", i), "it is not the id of a subject"})
		}
		ids = append(ids, id)
	}
	if len(wrong) > 0 {
		return nil, &Problem{Status: http.StatusUnprocessableEntity, Detail: notValid, Errors: wrong}
	}
	for _, given := range identities {
		id := consent.SubjectID{}
		identity, err := subject.New(subject.Type(given.Type), given.Value)
		if err == nil { // by what cannot be read nobody is known, and the others are asked about all the same
			id, err = a.config.Consents.Find(ctx, caller.Tenant, identity)
			if err != nil && !errors.Is(err, consent.ErrNotFound) {
				return nil, err
			}
		}
		ids = append(ids, id)
	}
	return ids, nil
}

type findInput struct {
	Body struct {
		Identities []Identity `json:"identities" minItems:"1" maxItems:"20" doc:"All of them must lead to the same subject"`
	}
}

type findOutput struct {
	Body Found
}

// Found is a subject by its id.
type Found struct {
	Subject consent.SubjectID `json:"subject" format:"uuid"`
}

func findSubject(a *API, ctx context.Context, caller auth.Caller, in *findInput) (*findOutput, error) {
	identities, wrong := identitiesOf(in.Body.Identities)
	if len(wrong) > 0 {
		return nil, &Problem{Status: http.StatusUnprocessableEntity, Detail: notValid, Errors: wrong}
	}
	var id consent.SubjectID
	for _, identity := range identities {
		found, err := a.config.Consents.Find(ctx, caller.Tenant, identity)
		if err != nil {
			return nil, err
		}
		if id != (consent.SubjectID{}) && id != found {
			return nil, invalid("body.identities", "they belong to different subjects")
		}
		id = found
	}
	return &findOutput{Found{id}}, nil
}
