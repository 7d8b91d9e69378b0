package api

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"volenti.dev/volenti/consent"
	"volenti.dev/volenti/request"
)

// Problem is an error as it is answered (RFC 9457). It repeats no value that
// was sent, and names no id: what belongs to others and what does not exist
// give the same bytes.
type Problem struct {
	Title  string      `json:"title" doc:"What the status means"`
	Status int         `json:"status" doc:"The HTTP status"`
	Detail string      `json:"detail,omitempty" doc:"What is wrong, and the mend"`
	Errors []Violation `json:"errors,omitempty" doc:"Everything that is wrong with the input"`

	retry time.Duration
}

// Violation is one thing that is wrong with the input.
type Violation struct {
	Where string `json:"where,omitempty" doc:"Like query.limit or body.items[3].key; body.text:12:5 with line and column"`
	What  string `json:"what" doc:"What is wrong there"`
}

var (
	_           huma.StatusError       = (*Problem)(nil)
	_           huma.HeadersError      = (*Problem)(nil)
	_           huma.ContentTypeFilter = (*Problem)(nil)
	problemType                        = reflect.TypeFor[Problem]()
)

const notValid = "The request is not valid."

const problemJSON = "application/problem+json"

// Error gives the detail.
func (p *Problem) Error() string { return p.Detail }

// GetStatus gives the HTTP status.
func (p *Problem) GetStatus() int { return p.Status }

// ContentType is what the problem is sent as.
func (p *Problem) ContentType(string) string { return problemJSON }

// GetHeaders says when to try again, where that helps.
func (p *Problem) GetHeaders() http.Header {
	h := http.Header{}
	if p.retry > 0 {
		h.Set("Retry-After", strconv.Itoa(int(p.retry.Seconds())))
	}
	return h
}

// problem maps the kinds of the domain to HTTP, once and for all.
func (a *API) problem(ctx context.Context, err error) *Problem {
	if p := ofWebhook(err); p != nil {
		return p
	}
	if p := ofOperator(err); p != nil {
		return p
	}
	if p := ofFront(err); p != nil {
		return p
	}
	if p := ofDesk(err); p != nil {
		return p
	}
	if p := ofDeadline(err); p != nil {
		return p
	}
	if p := ofTask(err); p != nil {
		return p
	}
	if p := ofMessages(err); p != nil {
		return p
	}
	if p := ofSite(err); p != nil {
		return p
	}
	if p := ofInventory(err); p != nil {
		return p
	}
	if p := ofDataset(err); p != nil {
		return p
	}
	if p := ofDevice(err); p != nil {
		return p
	}
	if p := ofVisit(err); p != nil {
		return p
	}
	if p := ofDelivery(err); p != nil {
		return p
	}
	var p *Problem
	var wrong *consent.Invalid
	switch {
	case errors.As(err, &p):
		p.Title = http.StatusText(p.Status)
		return p
	case errors.Is(err, request.ErrNotFound), errors.Is(err, consent.ErrNotFound):
		return notFound()
	case errors.As(err, &wrong):
		return ofInvalid(wrong)
	case errors.Is(err, consent.ErrConflict):
		return &Problem{Title: http.StatusText(http.StatusConflict), Status: http.StatusConflict, Detail: usedBefore}
	case errors.Is(err, consent.ErrManaged):
		return &Problem{Title: http.StatusText(http.StatusConflict), Status: http.StatusConflict, Detail: "The purposes are kept in a configuration directory. Change them there and apply it."}
	case errors.Is(err, consent.ErrPublished):
		return &Problem{Title: http.StatusText(http.StatusConflict), Status: http.StatusConflict, Detail: "This version is published already, with another content, and cannot be changed. Publish another one."}
	case errors.Is(err, request.ErrTransition), errors.Is(err, request.ErrLeased), errors.Is(err, request.ErrFenced):
		return &Problem{Title: http.StatusText(http.StatusConflict), Status: http.StatusConflict, Detail: "This is not possible in the state that it is in. Read it again."}
	case a.config.Unavailable(err), errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		a.config.Log.WarnContext(ctx, "not available", "error", err)
		return unavailable("The store does not answer now. Try again.")
	}
	a.config.Log.ErrorContext(ctx, "a request failed", "error", err)
	return internal()
}

const usedBefore = "This Idempotency-Key was used for another request. Take a new one."

// ofInvalid tells everything that the ledger found wrong. What is wrong with
// each of the entries that one body makes is told once.
func ofInvalid(wrong *consent.Invalid) *Problem {
	p := &Problem{Title: http.StatusText(http.StatusUnprocessableEntity), Status: http.StatusUnprocessableEntity, Detail: notValid}
	for _, v := range wrong.Violations {
		field := v.Field
		if field == "purpose" { // of one choice: the body has many
			field = "purposes"
		}
		told := Violation{"body." + field, v.Text}
		if !slices.Contains(p.Errors, told) {
			p.Errors = append(p.Errors, told)
		}
	}
	return p
}

func notFound() *Problem {
	return &Problem{Title: http.StatusText(http.StatusNotFound), Status: http.StatusNotFound, Detail: "There is nothing here."}
}

func internal() *Problem {
	return &Problem{Title: http.StatusText(http.StatusInternalServerError), Status: http.StatusInternalServerError, Detail: "Something is wrong on our side; the log has it under the X-Request-Id of this answer."}
}

func unavailable(detail string) *Problem {
	return &Problem{Title: http.StatusText(http.StatusServiceUnavailable), Status: http.StatusServiceUnavailable, Detail: detail, retry: 5 * time.Second}
}

// invalid is a problem with one parameter or field.
func invalid(where, what string) *Problem {
	return &Problem{Status: http.StatusUnprocessableEntity, Detail: notValid, Errors: []Violation{{where, what}}}
}

// write answers with a problem.
func write(w http.ResponseWriter, p *Problem) {
	p.Title = http.StatusText(p.Status)
	body, err := json.Marshal(p)
	if err != nil {
		panic(err) // it has strings and a number only
	}
	for name, values := range p.GetHeaders() {
		w.Header()[name] = values
	}
	w.Header().Set("Content-Type", problemJSON)
	w.WriteHeader(p.Status)
	_, _ = w.Write(append(body, '\n'))
}

// ourProblem replaces huma's error, which repeats the values that were sent.
func ourProblem(h huma.Context, _ string, v any) (any, error) {
	theirs, ok := v.(*huma.ErrorModel)
	if !ok {
		return v, nil
	}
	p := &Problem{Title: http.StatusText(theirs.Status), Status: theirs.Status, Detail: theirs.Detail}
	if p.Status >= http.StatusInternalServerError {
		return internal(), nil
	}
	for _, e := range theirs.Errors {
		p.Errors = append(p.Errors, Violation{e.Location, e.Message})
	}
	if p.Status == http.StatusUnprocessableEntity {
		p.Detail, p.Errors = notValid, append(p.Errors, strangeIn(h.Context())...)
	}
	return p, nil
}
