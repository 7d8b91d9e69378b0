package api

import (
	"context"
	"errors"
	"net/http"
	"time"

	"volenti.dev/volenti/auth"
	"volenti.dev/volenti/request"
	"volenti.dev/volenti/request/policy"
	"volenti.dev/volenti/subject"
)

// Front is where people ask for themselves, and follow what becomes of it.
// What it answers, and how long that takes, does not depend on whether the
// company knows somebody.
type Front interface {
	// Forms lists what people can ask for: request.ErrNotFound where there is no
	// such tenant, request.ErrClosed where nothing can be asked, as in Ask.
	Forms(ctx context.Context, tenant string) ([]Form, error)
	// Ask stores a request that is worth nothing until it is proven, and sends a
	// code to the address that was claimed. *request.Refused tells all that is
	// wrong.
	Ask(ctx context.Context, tenant string, asked Asked) (reference string, err error)
	// SendCode sends another code, where there is something to prove. It does
	// not tell.
	SendCode(ctx context.Context, tenant, reference string, party request.Party) error
	// Prove judges a code: request.ErrRefused whatever is wrong. The token lets
	// the person follow the request that stands: an earlier one, where they had
	// asked for the same before. An agent gets none.
	Prove(ctx context.Context, tenant, reference string, party request.Party, code string) (s Standing, token string, err error)
	// Follow tells who shows such a token how far the request is;
	// auth.ErrRefused when it is none.
	Follow(ctx context.Context, token string) (Standing, error)
	// Withdraw gives the request up: request.ErrTransition when something of it
	// was erased, or it has ended.
	Withdraw(ctx context.Context, token string) (Standing, error)
}

// Form is what people can ask for.
type Form struct {
	Policy     string
	Name       string
	Actions    []policy.Action
	Identities []string // types that are known; an address of e-mail must be given
	Fields     []policy.Field
}

// Asked is a request as a person sends it.
type Asked struct {
	Policy     string
	Identities []subject.Identity // just one of type email
	Fields     subject.Personal[map[string]any]
	Place      string // ISO 3166
	Language   string // BCP 47
	Site       string // id of the site whose page led here; "" for none
	Agent      *AuthorisedAgent
}

// AuthorisedAgent is who asks for somebody else.
type AuthorisedAgent struct {
	Name      subject.Personal[string]
	Email     subject.Identity
	Authority subject.Personal[string] // what it rests on, in their words
}

// Standing is how far a request is, as the person is told.
type Standing struct {
	Reference string // the id of the request
	Policy    string // its name, else its key
	Status    PersonStatus
	Reason    string // of a denial
	Received  time.Time
	Verified  time.Time
	Due       time.Time
	Extended  time.Time
	Ended     time.Time
	// Withdraw: it may still be given up.
	Withdraw bool
	Outcome  PersonOutcome
}

// PersonOutcome is what became of the person's data, once that is done.
type PersonOutcome struct {
	Erased []ErasedKind `json:"erased,omitempty" doc:"What was erased, by kind of data"`
	Kept   []KeptKind   `json:"kept,omitempty" doc:"What stays, and why"`
}

// ErasedKind counts the entries of one kind of data that were erased.
type ErasedKind struct {
	What    string `json:"what"`
	Entries int64  `json:"entries"`
}

// KeptKind is data that stays for one reason.
type KeptKind struct {
	What   string `json:"what"`
	Reason string `json:"reason"`
	Ground string `json:"ground" doc:"The law"`
	Until  string `json:"until,omitempty" doc:"The last day"`
}

// PersonStatus is a status without what only concerns those who carry it out.
type PersonStatus string

// What a person is told.
const (
	ToBeProven PersonStatus = "to_be_proven"
	ToBeRead   PersonStatus = "to_be_read"
	UnderWay   PersonStatus = "under_way"
	Finished   PersonStatus = "finished"
	Refused    PersonStatus = "refused"
	GivenUp    PersonStatus = "given_up"
	AskedAgain PersonStatus = "asked_again" // another request about the same stands
)

// ForPerson gives what a person is told of a status.
func ForPerson(s request.Status) PersonStatus {
	switch s {
	case request.IdentityUnverified:
		return ToBeProven
	case request.AwaitingApproval:
		return ToBeRead
	case request.Complete, request.CompleteWithResidue:
		return Finished
	case request.Denied:
		return Refused
	case request.Canceled:
		return GivenUp
	case request.Duplicate:
		return AskedAgain
	}
	return UnderWay
}

type formsInput struct {
	Tenant   string `query:"tenant" default:"default" maxLength:"100"`
	Site     string `query:"site" maxLength:"64" doc:"Key of the site whose page leads here; its tenant counts"`
	Language string `query:"language" maxLength:"35" doc:"BCP 47 tag of the language of labels"`
}

type formsOutput struct {
	Body FormList
}

// FormList is what people can ask for.
type FormList struct {
	Items []PublicForm `json:"items" nullable:"false"`
}

// PublicForm is what people can ask for, and what they are asked.
type PublicForm struct {
	Policy     string          `json:"policy"`
	Name       string          `json:"name,omitempty"`
	Actions    []policy.Action `json:"actions" nullable:"false"`
	Identities []string        `json:"identities" nullable:"false" doc:"Types that are known. An address of e-mail must be given: the code is sent there"`
	Fields     []PublicField   `json:"fields" nullable:"false"`
}

// PublicField is a question of a form.
type PublicField struct {
	Key      string         `json:"key"`
	Label    string         `json:"label"`
	Type     string         `json:"type" enum:"text,choice,date,boolean"`
	Required bool           `json:"required"`
	Choices  []PublicChoice `json:"choices,omitempty"`
	Max      int            `json:"max,omitempty" doc:"Of a text: characters"`
}

// PublicChoice is one of the answers to choose from.
type PublicChoice struct {
	Key   string `json:"key"`
	Label string `json:"label"`
}

func listForms(a *API, ctx context.Context, _ auth.Caller, in *formsInput) (*formsOutput, error) {
	tenant, _, err := a.fromSite(ctx, in.Tenant, in.Site)
	if err != nil {
		return nil, err
	}
	forms, err := a.config.Front.Forms(ctx, tenant)
	if err != nil {
		return nil, err
	}
	list := FormList{Items: []PublicForm{}}
	for _, f := range forms {
		shown := PublicForm{Policy: f.Policy, Name: f.Name, Actions: append([]policy.Action{}, f.Actions...), Identities: append([]string{}, f.Identities...), Fields: []PublicField{}}
		for _, q := range f.Fields {
			field := PublicField{Key: q.Key, Label: q.Label.In(in.Language), Type: string(q.Type), Required: q.Required, Max: q.Max}
			for _, c := range q.Choices {
				field.Choices = append(field.Choices, PublicChoice{c.Key, c.Label.In(in.Language)})
			}
			shown.Fields = append(shown.Fields, field)
		}
		list.Items = append(list.Items, shown)
	}
	return &formsOutput{list}, nil
}

type askInput struct {
	Body struct {
		Tenant     string         `json:"tenant,omitempty" default:"default" maxLength:"100"`
		Site       string         `json:"site,omitempty" maxLength:"64" doc:"Key of the site whose page leads here; its tenant counts"`
		Policy     string         `json:"policy" minLength:"1" maxLength:"256" doc:"What is asked for"`
		Identities []Identity     `json:"identities" minItems:"1" maxItems:"20" doc:"What the person is known by, an address of e-mail among them"`
		Fields     map[string]any `json:"fields,omitempty" maxProperties:"50" doc:"Answers to the questions of the form"`
		Place      string         `json:"place,omitempty" maxLength:"6" doc:"Where the person is: ISO 3166, DE or US-CA"`
		Language   string         `json:"language,omitempty" maxLength:"35" doc:"BCP 47 tag of the language to answer in"`
		Agent      *AskingAgent   `json:"agent,omitempty" doc:"Who asks, where that is not the person"`
	}
}

// AskingAgent is who asks for somebody else.
type AskingAgent struct {
	Name      string `json:"name" minLength:"1" maxLength:"200"`
	Email     string `json:"email" minLength:"1" maxLength:"320"`
	Authority string `json:"authority" minLength:"1" maxLength:"2000" doc:"What their authority rests on"`
}

type askOutput struct {
	Status int
	Body   AskedFor
}

// AskedFor is the answer to whoever asks, whoever they are.
type AskedFor struct {
	Reference string `json:"reference" format:"uuid"`
	Next      string `json:"next"`
}

const codeSent = "If the address is right, a code of 8 digits is on its way to it. It is good for ten minutes, and no more than five an hour are sent to one address."

func askFor(a *API, ctx context.Context, _ auth.Caller, in *askInput) (*askOutput, error) {
	asked := Asked{Policy: in.Body.Policy, Fields: subject.Conceal(in.Body.Fields), Place: in.Body.Place, Language: in.Body.Language}
	identities, wrong := identitiesOf(in.Body.Identities)
	asked.Identities = subject.Together(identities)
	if from := in.Body.Agent; from != nil {
		email, err := subject.New(subject.Email, from.Email)
		if err != nil {
			wrong = append(wrong, Violation{"body.agent.email", "it is not an address of e-mail"})
		}
		asked.Agent = &AuthorisedAgent{Name: subject.Conceal(from.Name), Email: email, Authority: subject.Conceal(from.Authority)}
	}
	if len(wrong) > 0 {
		return nil, &Problem{Status: http.StatusUnprocessableEntity, Detail: notValid, Errors: wrong}
	}
	tenant, from, err := a.fromSite(ctx, in.Body.Tenant, in.Body.Site)
	if err != nil {
		return nil, err
	}
	asked.Site = from
	reference, err := a.config.Front.Ask(ctx, tenant, asked)
	if err != nil {
		return nil, err
	}
	return &askOutput{http.StatusAccepted, AskedFor{reference, codeSent}}, nil
}

type codeInput struct {
	Body struct {
		Tenant    string `json:"tenant,omitempty" default:"default" maxLength:"100"`
		Site      string `json:"site,omitempty" maxLength:"64" doc:"Key of the site whose page leads here; its tenant counts"`
		Reference string `json:"reference" format:"uuid" maxLength:"36"`
		Party     string `json:"party,omitempty" default:"person" enum:"person,agent" doc:"Whose address it is"`
	}
}

func sendCode(a *API, ctx context.Context, _ auth.Caller, in *codeInput) (*askOutput, error) {
	tenant, _, err := a.fromSite(ctx, in.Body.Tenant, in.Body.Site)
	if err != nil {
		return nil, err
	}
	if err := a.config.Front.SendCode(ctx, tenant, in.Body.Reference, request.Party(in.Body.Party)); err != nil {
		return nil, err
	}
	return &askOutput{http.StatusAccepted, AskedFor{in.Body.Reference, codeSent}}, nil
}

type proveInput struct {
	Body struct {
		Tenant    string `json:"tenant,omitempty" default:"default" maxLength:"100"`
		Site      string `json:"site,omitempty" maxLength:"64" doc:"Key of the site whose page leads here; its tenant counts"`
		Reference string `json:"reference" format:"uuid" maxLength:"36"`
		Party     string `json:"party,omitempty" default:"person" enum:"person,agent" doc:"Whose address the code was sent to"`
		Code      string `json:"code" minLength:"8" maxLength:"8" pattern:"^[0-9]{8}$"`
	}
}

type standingOutputOfPerson struct {
	Body RequestOfPerson
}

// RequestOfPerson is how far a request is, as the person is told.
type RequestOfPerson struct {
	Reference string       `json:"reference" format:"uuid"`
	Policy    string       `json:"policy"`
	Status    PersonStatus `json:"status" enum:"to_be_proven,to_be_read,under_way,finished,refused,given_up,asked_again"`
	Says      string       `json:"says" doc:"The status in plain words"`
	Next      string       `json:"next" doc:"What happens next"`
	Reason    string       `json:"reason,omitempty" doc:"Why it was refused"`
	Received  time.Time    `json:"received"`
	Verified  *time.Time   `json:"verified,omitempty"`
	Due       *time.Time   `json:"due,omitempty" doc:"When the last day for an answer ends"`
	Extended  *time.Time   `json:"extended,omitempty" doc:"When the answer was put off"`
	Ended     *time.Time   `json:"ended,omitempty"`
	Withdraw  bool         `json:"may_be_withdrawn"`
	Token     string       `json:"token,omitempty" doc:"Shows later how far it is. It is shown only now, and in the letter"`
	PersonOutcome
}

// words are what a person reads of a status, and what happens next.
var words = map[PersonStatus][2]string{
	ToBeProven: {"We do not know yet whether it is you who asks.", "Enter the code that was sent to the address that was given."},
	ToBeRead:   {"Your request has arrived.", "Somebody reads it and decides on it."},
	UnderWay:   {"Your request is being carried out.", "You get a letter when it is done."},
	Finished:   {"Your request is done.", "The letter that was sent to you says what was found and done."},
	Refused:    {"Your request was refused.", "If you do not agree, answer to us, or turn to the supervisory authority."},
	GivenUp:    {"Your request was given up.", "Nothing more happens. You can ask again."},
	AskedAgain: {"You had asked for the same before.", "The earlier request goes on."},
}

func (s Standing) shown(token string) *standingOutputOfPerson {
	return &standingOutputOfPerson{RequestOfPerson{
		Reference: s.Reference, Policy: s.Policy, Status: s.Status, Says: words[s.Status][0], Next: words[s.Status][1], Reason: s.Reason,
		Received: s.Received, Verified: moment(s.Verified), Due: moment(s.Due), Extended: moment(s.Extended), Ended: moment(s.Ended),
		Withdraw: s.Withdraw, Token: token, PersonOutcome: s.Outcome,
	}}
}

func proveRequest(a *API, ctx context.Context, _ auth.Caller, in *proveInput) (*standingOutputOfPerson, error) {
	tenant, _, err := a.fromSite(ctx, in.Body.Tenant, in.Body.Site)
	if err != nil {
		return nil, err
	}
	s, token, err := a.config.Front.Prove(ctx, tenant, in.Body.Reference, request.Party(in.Body.Party), in.Body.Code)
	if err != nil {
		return nil, err
	}
	return s.shown(token), nil
}

func followRequest(a *API, ctx context.Context, _ auth.Caller, in *tokenInput) (*standingOutputOfPerson, error) {
	s, err := a.config.Front.Follow(ctx, in.Body.Token)
	return s.shown(""), ofLink(err)
}

func withdrawRequest(a *API, ctx context.Context, _ auth.Caller, in *tokenInput) (*standingOutputOfPerson, error) {
	s, err := a.config.Front.Withdraw(ctx, in.Body.Token)
	return s.shown(""), ofLink(err)
}

// ofFront tells what stands in the way of who asks for themselves.
func ofFront(err error) *Problem {
	var refused *request.Refused
	switch {
	case errors.Is(err, request.ErrClosed):
		p := unavailable("No requests are taken here now. Try again later.")
		p.Title = http.StatusText(p.Status)
		return p
	case errors.Is(err, request.ErrRefused):
		return &Problem{Title: http.StatusText(http.StatusForbidden), Status: http.StatusForbidden, Detail: "The code is not right, or is no longer good: it was used, has expired, or was tried too often. Ask for another one."}
	case errors.As(err, &refused):
		p := &Problem{Title: http.StatusText(http.StatusUnprocessableEntity), Status: http.StatusUnprocessableEntity, Detail: notValid}
		for _, i := range refused.All {
			p.Errors = append(p.Errors, Violation{"body." + i.Where, i.What})
		}
		return p
	}
	return nil
}
