package api

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"volenti.dev/volenti/auth"
	"volenti.dev/volenti/connector"
	"volenti.dev/volenti/request"
	"volenti.dev/volenti/request/graph"
	"volenti.dev/volenti/subject"
)

// Desk takes privacy requests in and decides on them. Every change commits
// together with its audit entry, which names the caller. Where the request is
// not in a state for it, nothing changes and the error is
// request.ErrTransition; request.ErrNotFound where there is none.
type Desk interface {
	// Submit plans a request and stores it to be approved; the caller vouches
	// for the identities. It gives the same request for the same idempotency.
	Submit(ctx context.Context, caller auth.Caller, s Submission) (request.Request, error)
	// Plan gives the plan as JSON.
	Plan(ctx context.Context, tenant, id string) ([]byte, error)
	// Log gives up to limit lines behind the one with number after.
	Log(ctx context.Context, tenant, id string, after int64, limit int) ([]request.LogLine, error)
	// Approve fails with request.ErrOtherPlan when hash is not that of the plan,
	// or of a plan that is made now.
	Approve(ctx context.Context, caller auth.Caller, id, hash string, maxRows int64) error
	// Deny tells the person why, where an address is known.
	Deny(ctx context.Context, caller auth.Caller, id string, why Denial) error
	// Denials gives the templates that the configuration has.
	Denials(ctx context.Context, tenant string) ([]DenialTemplate, error)
	Cancel(ctx context.Context, caller auth.Caller, id string) error
	Retry(ctx context.Context, caller auth.Caller, id, only string) error
	Skip(ctx context.Context, caller auth.Caller, id, address, reason string) error
	Finalise(ctx context.Context, caller auth.Caller, id, reason string) error
	// OpenPackage gives the package of an access rule; "" where there is one.
	OpenPackage(ctx context.Context, tenant, id, rule string) (Handout, error)
	DestroyPackage(ctx context.Context, caller auth.Caller, id string) error
}

// Submission is a request as it comes in.
type Submission struct {
	Idempotency string // digest of the key that it is sent under
	Policy      string
	Identities  []subject.Identity
	Note        string
	Circumstances
	Handover request.Handover
}

type submitInput struct {
	Body struct {
		Circumstances
		Policy     string     `json:"policy" minLength:"1" maxLength:"256" doc:"The key of the policy"`
		Identities []Identity `json:"identities" minItems:"1" maxItems:"20" doc:"What the person is known by. Whoever sends it vouches for it"`
		Deliver    bool       `json:"deliver,omitempty" doc:"Send the person letters, and links to the package, to the email address among the identities: whoever sends this vouches that it is theirs"`
		Recipient  string     `json:"recipient,omitempty" maxLength:"4096" doc:"An age recipient (age1...) that the package is encrypted to as well: then only who has its identity can read it"`
		Note       string     `json:"note,omitempty" maxLength:"2000" doc:"How it is known that the person asks. It is kept in the audit log for good: it must not say who that is"`
	}
}

type madeOutput struct {
	Status   int
	Location string `header:"Location"`
	Body     Request
}

func submitRequest(a *API, ctx context.Context, caller auth.Caller, in *submitInput) (*madeOutput, error) {
	identities, wrong := identitiesOf(in.Body.Identities)
	if len(wrong) > 0 {
		return nil, &Problem{Status: http.StatusUnprocessableEntity, Detail: notValid, Errors: wrong}
	}
	r, err := a.config.Desk.Submit(ctx, caller, Submission{
		idempotency(ctx), in.Body.Policy, subject.Together(identities), in.Body.Note, in.Body.Circumstances, request.Handover{Deliver: in.Body.Deliver, Recipient: in.Body.Recipient},
	})
	if err != nil {
		return nil, err
	}
	return &madeOutput{http.StatusCreated, "/api/v1/requests/" + r.ID, a.shown(r)}, nil
}

func showPlan(a *API, ctx context.Context, caller auth.Caller, in *showInput) (*documentOutput, error) {
	text, err := a.config.Desk.Plan(ctx, caller.Tenant, in.ID)
	if err != nil {
		return nil, err
	}
	return &documentOutput{"application/json", text}, nil
}

type logInput struct {
	ID    string `path:"id" format:"uuid"`
	Limit int    `query:"limit" doc:"How many at once" minimum:"1" maximum:"1000" default:"100"`
	After int64  `query:"after" doc:"The next of the page before" minimum:"0" default:"0"`
}

type logOutput struct {
	Body LogPage
}

// LogPage is a page of an execution log.
type LogPage struct {
	Items []LogLine `json:"items" nullable:"false"`
	Next  *int64    `json:"next,omitempty" doc:"Hand it over as after; absent on the last page"`
}

// LogLine is one event of one collection in one attempt.
type LogLine struct {
	Sequence   int64      `json:"sequence"`
	At         time.Time  `json:"at"`
	Started    *time.Time `json:"started,omitempty" doc:"When the attempt began"`
	Round      int        `json:"round"`
	Address    string     `json:"address" doc:"dataset:collection"`
	Action     string     `json:"action"`
	Status     string     `json:"status"`
	Attempt    int        `json:"attempt"`
	Message    string     `json:"message,omitempty"`
	Fields     []string   `json:"fields" nullable:"false" doc:"That were read, or masked"`
	RowsRead   int64      `json:"rows_read"`
	RowsMasked int64      `json:"rows_masked"`
	Calls      []Called   `json:"calls,omitempty" doc:"Over HTTP, since the line before about the collection; those that went alike are counted"`
}

// Called is a kind of call to a vendor.
type Called struct {
	Call     string  `json:"call" doc:"Method, and the path as the description has it"`
	Status   int     `json:"status" doc:"0: there was no answer"`
	Times    int     `json:"times"`
	Attempts int     `json:"attempts" doc:"The most that one of them took"`
	Seconds  float64 `json:"seconds" doc:"All of them together"`
	Note     string  `json:"note,omitempty" doc:"Why there was no answer, or what the description wants shown of it"`
}

func showLog(a *API, ctx context.Context, caller auth.Caller, in *logInput) (*logOutput, error) {
	lines, err := a.config.Desk.Log(ctx, caller.Tenant, in.ID, in.After, in.Limit+1)
	if err != nil {
		return nil, err
	}
	page := LogPage{Items: []LogLine{}}
	if len(lines) > in.Limit {
		lines = lines[:in.Limit]
		page.Next = &lines[len(lines)-1].Sequence
	}
	for i := range lines {
		l := &lines[i]
		line := LogLine{
			Sequence: l.Sequence, At: l.At, Round: l.Round, Address: l.Address, Action: string(l.Action), Status: l.Status, Attempt: l.Attempt,
			Message: l.Message, Fields: append([]string{}, l.Fields...), RowsRead: l.RowsRead, RowsMasked: l.RowsMasked,
		}
		if !l.Started.IsZero() {
			line.Started = &l.Started
		}
		for _, c := range l.Calls {
			line.Calls = append(line.Calls, Called{c.Call, c.Status, c.Times, c.Attempts, c.Took.Seconds(), c.Note})
		}
		page.Items = append(page.Items, line)
	}
	return &logOutput{page}, nil
}

type requestOutput struct {
	Body Request
}

// decided answers with the request as it is after a decision.
func (a *API) decided(ctx context.Context, caller auth.Caller, id string, err error) (*requestOutput, error) {
	if err != nil {
		return nil, err
	}
	r, _, err := a.config.Requests.Report(ctx, caller.Tenant, id)
	if err != nil {
		return nil, err
	}
	return &requestOutput{a.shown(r)}, nil
}

type approveInput struct {
	ID   string `path:"id" format:"uuid"`
	Body struct {
		PlanHash string `json:"plan_hash" pattern:"^[0-9a-f]{64}$" doc:"The hash of the plan that was seen"`
		MaxRows  int64  `json:"max_rows,omitempty" minimum:"1" doc:"Let it write up to so many rows of a collection, instead of what the policy's page says"`
	}
}

func approveRequest(a *API, ctx context.Context, caller auth.Caller, in *approveInput) (*requestOutput, error) {
	err := a.config.Desk.Approve(ctx, caller, in.ID, in.Body.PlanHash, in.Body.MaxRows)
	return a.decided(ctx, caller, in.ID, err)
}

type reasonInput struct {
	ID   string `path:"id" format:"uuid"`
	Body struct {
		Reason string `json:"reason" minLength:"1" maxLength:"1000" doc:"It is shown with the request and kept in the audit log: it must not say who the person is"`
	}
}

func finaliseRequest(a *API, ctx context.Context, caller auth.Caller, in *reasonInput) (*requestOutput, error) {
	return a.decided(ctx, caller, in.ID, a.config.Desk.Finalise(ctx, caller, in.ID, in.Body.Reason))
}

func cancelRequest(a *API, ctx context.Context, caller auth.Caller, in *showInput) (*requestOutput, error) {
	return a.decided(ctx, caller, in.ID, a.config.Desk.Cancel(ctx, caller, in.ID))
}

type retryInput struct {
	ID   string `path:"id" format:"uuid"`
	Body struct {
		Collection string `json:"collection,omitempty" maxLength:"512" doc:"dataset:collection, to try only that; else all that is not done"`
	}
}

func retryRequest(a *API, ctx context.Context, caller auth.Caller, in *retryInput) (*requestOutput, error) {
	return a.decided(ctx, caller, in.ID, a.config.Desk.Retry(ctx, caller, in.ID, in.Body.Collection))
}

type skipInput struct {
	ID   string `path:"id" format:"uuid"`
	Body struct {
		Collection string `json:"collection" minLength:"1" maxLength:"512" doc:"dataset:collection"`
		Reason     string `json:"reason" minLength:"1" maxLength:"1000" doc:"It is shown in the report and kept in the audit log: it must not say who the person is"`
	}
}

func skipCollection(a *API, ctx context.Context, caller auth.Caller, in *skipInput) (*requestOutput, error) {
	return a.decided(ctx, caller, in.ID, a.config.Desk.Skip(ctx, caller, in.ID, in.Body.Collection, in.Body.Reason))
}

type packageInput struct {
	ID   string `path:"id" format:"uuid"`
	Rule string `query:"rule" doc:"The access rule, where the policy has several" maxLength:"256" pattern:"^[A-Za-z0-9][A-Za-z0-9_.-]*$"`
}

func readPackage(a *API, ctx context.Context, caller auth.Caller, in *packageInput) (*huma.StreamResponse, error) {
	handout, err := a.config.Desk.OpenPackage(ctx, caller.Tenant, in.ID, in.Rule)
	if err != nil {
		return nil, err
	}
	return a.streamed(handout.Type, handout.Give), nil
}

func destroyPackage(a *API, ctx context.Context, caller auth.Caller, in *showInput) (*requestOutput, error) {
	return a.decided(ctx, caller, in.ID, a.config.Desk.DestroyPackage(ctx, caller, in.ID))
}

// ofDesk tells what stands in the way of a request.
func ofDesk(err error) *Problem {
	var invalid *request.Invalid
	var held *request.HeldError
	var unplanned *graph.Error
	var system *connector.Error
	told := func(status int, detail string, errs ...Violation) *Problem {
		return &Problem{Title: http.StatusText(status), Status: status, Detail: detail, Errors: errs}
	}
	switch {
	case errors.Is(err, request.ErrNoConfiguration):
		return told(http.StatusConflict, "Nothing says yet what the company holds. Apply a configuration directory with volenti apply.")
	case errors.Is(err, request.ErrConfiguration):
		return told(http.StatusConflict, "The configuration cannot be used here: mend it, or the environment of the server, and apply it again.", Violation{"configuration", err.Error()})
	case errors.Is(err, request.ErrOtherPlan):
		return told(http.StatusConflict, "This is not the plan of the request any more: the configuration or a database has changed. Read the plan again.")
	case errors.Is(err, request.ErrFourEyes):
		return told(http.StatusForbidden, "This erasure must be approved by an operator who did not submit it.")
	case errors.Is(err, request.ErrNotInPlan):
		return told(http.StatusUnprocessableEntity, notValid, Violation{"body.collection", "the plan of the request has no such collection"})
	case errors.As(err, &invalid):
		return told(http.StatusUnprocessableEntity, notValid, Violation{"body." + invalid.Where, invalid.What})
	case errors.As(err, &held):
		return told(http.StatusConflict, "It is under legal hold and may not be erased now.", Violation{"", held.Error()})
	case errors.As(err, &unplanned):
		p := told(http.StatusUnprocessableEntity, "This request cannot be planned. Mend the configuration and apply it again.")
		for _, problem := range unplanned.Problems {
			p.Errors = append(p.Errors, Violation{"configuration", problem.String()})
		}
		p.Errors = slices.Compact(p.Errors)
		return p
	case errors.As(err, &system) && connector.Retryable(err):
		p := unavailable("A database that the request needs does not answer now. Try again.")
		p.Title, p.Errors = http.StatusText(p.Status), []Violation{{"connection", system.Error()}}
		return p
	case errors.As(err, &system):
		return told(http.StatusConflict, "A database that the request needs cannot be used. Mend the connection.", Violation{"connection", system.Error()})
	}
	return nil
}
