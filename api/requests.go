package api

import (
	"context"
	"encoding/base64"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"volenti.dev/volenti/auth"
	"volenti.dev/volenti/request"
)

// Request is a privacy request, without anything personal.
type Request struct {
	ID       string     `json:"id" format:"uuid"`
	Policy   string     `json:"policy"`
	Status   string     `json:"status"`
	PlanHash string     `json:"plan_hash"`
	Message  string     `json:"message,omitempty" doc:"Why it is in this status"`
	Source   string     `json:"source,omitempty" doc:"How it came in"`
	Place    string     `json:"place,omitempty" doc:"Where the person is: DE, or US-CA"`
	Law      string     `json:"law,omitempty" doc:"Key of the law that its time runs under"`
	Received *time.Time `json:"received,omitempty" doc:"From when its time runs"`
	Due      *time.Time `json:"due,omitempty" doc:"When the last day for the answer ends; absent while its clock stands still"`
	Extended *time.Time `json:"extended,omitempty" doc:"When the answer was put off"`
	Overdue  bool       `json:"overdue" doc:"The answer is late"`
	Of       string     `json:"of,omitempty" doc:"The request that it is a duplicate of, or that it was submitted again for"`
	Step     string     `json:"step,omitempty" doc:"The step that it stands at"`
	Parked   *Parked    `json:"parked,omitempty" doc:"Where it has stopped"`
	Created  time.Time  `json:"created"`
	Ended    *time.Time `json:"ended,omitempty"`
	// Exchanged is absent where nothing was written.
	Exchanged *Exchanged `json:"exchanged,omitempty" doc:"What the person and the company have written to each other; in lists, searches, exports and when it is shown"`
}

// Parked is the point at which a request has stopped.
type Parked struct {
	Step       string   `json:"step"`
	Collection string   `json:"collection,omitempty" doc:"dataset:collection, where it was one"`
	Needed     []string `json:"action_needed" nullable:"false" doc:"What has to happen before it goes on, in this order"`
}

// Report says what became of a request, collection by collection.
type Report struct {
	Collections []Collection `json:"collections" nullable:"false"`
	Skipped     []Skipped    `json:"skipped" nullable:"false" doc:"What the plan cannot reach"`
	Webhooks    []Webhooked  `json:"webhooks" nullable:"false" doc:"What became of the webhooks of its policy"`
	Consent     string       `json:"consent,omitempty" doc:"What was withdrawn of the consents of the person"`
	LeftOut     []Omitted    `json:"left_out" nullable:"false" doc:"What an operator has left out of the package"`
}

// Omitted counts what is left out of a package, of one field and for one reason.
type Omitted struct {
	Address string `json:"address" doc:"dataset:collection"`
	Field   string `json:"field" doc:"Empty for the rows as a whole"`
	Values  int    `json:"values" doc:"In as many rows; 0 where it is all of them"`
	All     bool   `json:"all" doc:"In all rows"`
	Reason  string `json:"reason"`
}

// Webhooked is what became of one webhook of the policy.
type Webhooked struct {
	Webhook    string   `json:"webhook"`
	Connection string   `json:"connection"`
	Status     string   `json:"status" doc:"called, answered, halted, error or given_up; empty while it was not called"`
	Calls      int      `json:"calls" doc:"More than 1 where an answer did not come, or was lost: all under one webhook-id"`
	Message    string   `json:"message,omitempty"`
	Derived    []string `json:"derived" nullable:"false" doc:"Types of the identities that it added"`
}

// Collection is one collection in one action.
type Collection struct {
	Address     string  `json:"address" doc:"dataset:collection"`
	Action      string  `json:"action"`
	Status      string  `json:"status"`
	RowsRead    int64   `json:"rows_read"`
	RowsMasked  int64   `json:"rows_masked"`
	RowsAlready int64   `json:"rows_already_masked"`
	RowsFailed  int64   `json:"rows_failed"`
	RowsResidue int64   `json:"rows_residue"`
	Verified    bool    `json:"verified" doc:"The database was asked again, and every row is as it must be"`
	Message     string  `json:"message"`
	Attempts    int     `json:"attempts"`
	Waits       *Wait   `json:"waits,omitempty" doc:"What it waits for"`
	Fields      []Field `json:"fields" nullable:"false"`
}

// Wait is a system that answers later.
type Wait struct {
	Connection string     `json:"connection"`
	Since      *time.Time `json:"since,omitempty" doc:"When it was asked"`
	Until      time.Time  `json:"until" doc:"When it is given up, and the request stops"`
	Next       *time.Time `json:"next_asked,omitempty" doc:"When it is asked how far it is; absent where it posts its answer"`
}

// Field is what became of one field.
type Field struct {
	Field  string `json:"field" doc:"Empty for the row as a whole"`
	Status string `json:"status"`
	Rows   int64  `json:"rows"`
	Reason string `json:"reason,omitempty"`
	Ground string `json:"ground,omitempty" doc:"The law that asks for it to be kept"`
}

// Skipped is a collection outside the plan.
type Skipped struct {
	Address string `json:"address"`
	Reason  string `json:"reason"`
}

type listInput struct {
	Status    string    `query:"status" doc:"Only requests in this status" enum:"identity_unverified,awaiting_approval,requires_input,approved,denied,in_processing,paused,awaiting_email_send,requires_finalization,error,complete,complete_with_residue,canceled,duplicate"`
	Policy    string    `query:"policy" doc:"Only requests under the policy with this key" maxLength:"256" pattern:"^[A-Za-z0-9][A-Za-z0-9_.-]*$"`
	Overdue   bool      `query:"overdue" doc:"Only those whose answer is late"`
	Open      bool      `query:"open" doc:"Only those that have not ended"`
	DueBefore time.Time `query:"due_before" doc:"Only those that are due before this"`
	Sort      string    `query:"sort" doc:"created: newest first; due: what is due first, first" enum:"created,due" default:"created"`
	Limit     int       `query:"limit" doc:"How many at once" minimum:"1" maximum:"200" default:"50"`
	Cursor    string    `query:"cursor" doc:"The next of the page before" maxLength:"100"`
}

type listOutput struct {
	Body RequestPage
}

// RequestPage is a page of requests.
type RequestPage struct {
	Items []Request `json:"items" nullable:"false"`
	Next  string    `json:"next,omitempty" doc:"The cursor of the next page; absent on the last"`
}

func listRequests(a *API, ctx context.Context, caller auth.Caller, in *listInput) (*listOutput, error) {
	q := request.Query{Policy: in.Policy, Overdue: in.Overdue, Open: in.Open, DueBefore: in.DueBefore, ByDue: in.Sort == "due"}
	if in.Status != "" {
		q.Statuses = []request.Status{request.Status(in.Status)}
	}
	return a.page(ctx, caller, q, in.Cursor, "query.cursor", in.Limit)
}

// page gives a page of what a query looks for.
func (a *API) page(ctx context.Context, caller auth.Caller, q request.Query, cursor, where string, limit int) (*listOutput, error) {
	after, err := openMark(cursor, where, q.ByDue)
	if err != nil {
		return nil, err
	}
	found, err := a.config.Requests.Search(ctx, caller.Tenant, q, after, limit+1)
	if err != nil {
		return nil, err
	}
	page := RequestPage{Items: []Request{}}
	if len(found) > limit {
		found = found[:limit]
		page.Next = markText(request.MarkOf(found[limit-1]), q.ByDue)
	}
	shown := make([]*Request, len(found))
	page.Items = append(page.Items, make([]Request, len(found))...)
	for i, r := range found {
		page.Items[i] = a.shown(r)
		shown[i] = &page.Items[i]
	}
	return &listOutput{page}, a.exchange(ctx, caller.Tenant, shown...)
}

// markText writes where a page goes on, in one of the two orders.
func markText(m request.Mark, byDue bool) string {
	if !byDue {
		return cursor(m.ID)
	}
	return strconv.FormatInt(m.Due.UnixMicro(), 36) + "." + cursor(m.ID)
}

func openMark(text, where string, byDue bool) (m request.Mark, err error) {
	due, id, ordered := strings.Cut(text, ".")
	if !ordered {
		due, id = "0", text
	}
	us, err := strconv.ParseInt(due, 36, 64)
	if err == nil {
		m.ID, err = openCursor(id)
	}
	if err != nil || ordered != byDue && text != "" {
		return m, invalid(where, "it is not the next of a page in this order")
	}
	m.Due = time.UnixMicro(us).UTC()
	return m, nil
}

type showInput struct {
	ID string `path:"id" format:"uuid"`
}

type showOutput struct {
	Body RequestWithReport
}

// RequestWithReport is a request and what became of it.
type RequestWithReport struct {
	Request
	Report Report `json:"report"`
}

func showRequest(a *API, ctx context.Context, caller auth.Caller, in *showInput) (*showOutput, error) {
	r, report, err := a.config.Requests.Report(ctx, caller.Tenant, in.ID)
	if err != nil {
		return nil, err
	}
	out := &showOutput{RequestWithReport{a.shown(r), report}}
	return out, a.exchange(ctx, caller.Tenant, &out.Body.Request)
}

// shown is a request as it stands now.
func (a *API) shown(r request.Request) Request {
	s := shown(r)
	s.Overdue = r.Overdue(a.config.Now())
	return s
}

func shown(r request.Request) Request {
	s := Request{
		ID: r.ID, Policy: r.Policy, Status: string(r.Status), PlanHash: r.PlanHash, Message: r.Message, Step: r.Step, Source: r.Source, Place: r.Place, Law: r.Law, Of: r.Of, Created: r.Created,
		Received: moment(r.Received), Due: moment(r.Due), Extended: moment(r.Extended), Ended: moment(r.Ended),
	}
	if r.Parked.Collection != "" || len(r.Parked.Needed) > 0 {
		s.Parked = &Parked{Step: r.Step, Collection: r.Parked.Collection, Needed: append([]string{}, r.Parked.Needed...)}
	}
	return s
}

// moment leaves a time out that has not come.
func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// cursor hides that a page goes on behind an id, so that it may change.
func cursor(id string) string { return base64.RawURLEncoding.EncodeToString([]byte(id)) }

func openCursor(text string) (id string, err error) {
	if text == "" {
		return "", nil
	}
	b, err := base64.RawURLEncoding.DecodeString(text)
	if err == nil {
		_, err = uuid.Parse(string(b))
	}
	if err != nil {
		return "", invalid("query.cursor", "it is not the next of a page")
	}
	return string(b), nil
}
