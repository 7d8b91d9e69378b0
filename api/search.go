package api

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"volenti.dev/volenti/audit"
	"volenti.dev/volenti/auth"
	"volenti.dev/volenti/request"
	"volenti.dev/volenti/request/delivery"
	"volenti.dev/volenti/subject"
)

// Filter says which requests are looked for; what is left out leaves nothing
// out.
type Filter struct {
	Statuses    []string  `json:"statuses,omitempty" maxItems:"20" doc:"Only requests in one of these" enum:"identity_unverified,awaiting_approval,requires_input,approved,denied,in_processing,paused,awaiting_email_send,requires_finalization,error,complete,complete_with_residue,canceled,duplicate"`
	Policy      string    `json:"policy,omitempty" maxLength:"256" doc:"Only requests under the policy with this key"`
	Law         string    `json:"law,omitempty" maxLength:"100" doc:"Only requests whose time runs under the law with this key"`
	Place       string    `json:"place,omitempty" maxLength:"10" pattern:"^[A-Z]{2}(-[A-Z0-9]{1,3})?$" doc:"Only requests of people there: DE, with all that lies in it, or US-CA"`
	Origins     []string  `json:"origins,omitempty" maxItems:"4" enum:"vouched,claimed,proven,derived" doc:"Only requests with an identity that came in in one of these ways"`
	CreatedFrom time.Time `json:"created_from,omitzero" doc:"Only requests that came in then or later"`
	CreatedTo   time.Time `json:"created_to,omitzero" doc:"Only requests that came in before"`
	DueBefore   time.Time `json:"due_before,omitzero" doc:"Only those that are due before this"`
	DueWithin   int       `json:"due_within,omitempty" minimum:"1" maximum:"366" doc:"Only those that are due within so many days, or are late"`
	Overdue     bool      `json:"overdue,omitempty" doc:"Only those whose answer is late"`
	Open        bool      `json:"open,omitempty" doc:"Only those that have not ended"`
	Unanswered  bool      `json:"unanswered,omitempty" doc:"Only those about which the person has written something that waits for an answer"`
	Identity    *Identity `json:"identity,omitempty" doc:"Only requests about the person with just this identity. That it was looked for is in the audit log, by its keyed digest"`
}

type searchInput struct {
	Body struct {
		Filter
		Sort   string `json:"sort,omitempty" enum:"created,due" doc:"created, unless told: newest first; due: what is due first, first"`
		Limit  int    `json:"limit,omitempty" minimum:"1" maximum:"200" default:"50" doc:"How many at once"`
		Cursor string `json:"cursor,omitempty" maxLength:"100" doc:"The next of the page before"`
	}
}

func searchRequests(a *API, ctx context.Context, caller auth.Caller, in *searchInput) (*listOutput, error) {
	q, err := a.query(ctx, caller, in.Body.Filter)
	if err != nil {
		return nil, err
	}
	q.ByDue = in.Body.Sort == "due"
	return a.page(ctx, caller, q, in.Body.Cursor, "body.cursor", in.Body.Limit)
}

// query reads a filter. An identity that is looked for is in the audit log
// before anything is read.
func (a *API) query(ctx context.Context, caller auth.Caller, f Filter) (request.Query, error) {
	q := request.Query{Policy: f.Policy, Law: f.Law, Place: f.Place, From: f.CreatedFrom, To: f.CreatedTo, DueBefore: f.DueBefore, Overdue: f.Overdue, Open: f.Open, Unanswered: f.Unanswered}
	for _, s := range f.Statuses {
		q.Statuses = append(q.Statuses, request.Status(s))
	}
	if f.DueWithin > 0 {
		if within := a.config.Now().AddDate(0, 0, f.DueWithin); q.DueBefore.IsZero() || within.Before(q.DueBefore) {
			q.DueBefore = within
		}
	}
	for _, o := range f.Origins {
		if q.Origins = append(q.Origins, request.Origin(o)); o == "vouched" {
			q.Origins[len(q.Origins)-1] = request.Vouched
		}
	}
	if f.Identity == nil {
		return q, nil
	}
	i, err := subject.New(subject.Type(f.Identity.Type), f.Identity.Value)
	if err != nil {
		return q, invalid("body.identity", "it is none of this type")
	}
	if q.Digest, err = a.config.Requests.Digest(ctx, caller.Tenant, i); err != nil {
		return q, err
	}
	q.Type = i.Type
	entry := audit.Entry{Act: "request.search", Object: "request", Details: map[string]any{"by": caller.By(), "identity": string(i.Type) + " " + q.Digest}}
	return q, a.logged(ctx, caller, entry)
}

type exportInput struct {
	Body struct {
		Filter
		Format     string `json:"format" enum:"csv,jsonl" doc:"csv: text that a spreadsheet could take for a formula gets an apostrophe in front; jsonl is lossless"`
		Identities bool   `json:"identities,omitempty" doc:"Also whom each request is about, while it has not ended; needs the scope packages:read, and is in the audit log as an act of its own"`
	}
}

// Exported is a line of an export.
type Exported struct {
	Request
	Language   string     `json:"language,omitempty"`
	Verified   *time.Time `json:"verified,omitempty"`
	Identities []Identity `json:"identities,omitempty"`
}

// exportedAtOnce is how many requests of an export are in memory at once.
const exportedAtOnce = 100

func exportRequests(a *API, ctx context.Context, caller auth.Caller, in *exportInput) (*huma.StreamResponse, error) {
	q, err := a.query(ctx, caller, in.Body.Filter)
	if err != nil {
		return nil, err
	}
	if in.Body.Identities {
		if !caller.May(auth.ReadPackages) {
			return nil, &Problem{Status: http.StatusForbidden, Detail: forbidden(caller, auth.ReadPackages)}
		}
		entry := audit.Entry{Act: "request.reveal", Object: "request", Details: map[string]any{"by": caller.By(), "export": true}}
		if err := a.logged(ctx, caller, entry); err != nil {
			return nil, err
		}
	}
	each := func(ctx context.Context, yield func(Exported) error) error {
		return a.eachExported(ctx, caller.Tenant, q, in.Body.Identities, yield)
	}
	if in.Body.Format == "csv" {
		return a.streamed("text/csv; charset=utf-8", func(ctx context.Context, w io.Writer) error {
			return delivery.WriteCSV(w, delivery.Collection{Address: "requests", Fields: exportFields, Rows: func(yield func(map[string]any) error) error {
				return each(ctx, func(e Exported) error { return yield(rowOf(e)) })
			}})
		}), nil
	}
	return a.export(func(ctx context.Context, w io.Writer) error {
		lines := json.NewEncoder(w)
		return each(ctx, func(e Exported) error { return lines.Encode(e) })
	}), nil
}

// eachExported reads all that a query looks for, a page at a time.
func (a *API) eachExported(ctx context.Context, tenant string, q request.Query, identities bool, yield func(Exported) error) error {
	for after := (request.Mark{}); ; {
		page, err := a.config.Requests.Search(ctx, tenant, q, after, exportedAtOnce)
		if err != nil {
			return err
		}
		for _, r := range page {
			after = request.MarkOf(r)
			e := Exported{Request: a.shown(r), Language: r.Language, Verified: moment(r.Verified)}
			if err := a.exchange(ctx, tenant, &e.Request); err != nil {
				return err
			}
			if identities && r.Ended.IsZero() {
				if e.Identities, err = a.identitiesAsShown(ctx, tenant, r.ID); err != nil {
					return err
				}
			}
			if err := yield(e); err != nil {
				return err
			}
		}
		if len(page) < exportedAtOnce {
			return nil
		}
	}
}

func (a *API) identitiesAsShown(ctx context.Context, tenant, id string) (shown []Identity, err error) {
	known, err := a.config.Requests.Identities(ctx, tenant, id)
	for _, i := range known {
		shown = append(shown, Identity{Type: string(i.Type), Value: i.Value.Reveal()})
	}
	return shown, err
}

var exportFields = []string{"id", "policy", "status", "source", "place", "language", "law", "created", "received", "verified", "due", "overdue", "extended", "ended", "of", "message", "messages", "messages_of_person", "messages_unanswered", "first_message", "last_message", "identities"}

func rowOf(e Exported) map[string]any {
	row := map[string]any{
		"id": e.ID, "policy": e.Policy, "status": e.Status, "source": e.Source, "place": e.Place, "language": e.Language, "law": e.Law,
		"created": e.Created, "overdue": e.Overdue, "of": e.Of, "message": e.Message,
	}
	for name, t := range map[string]*time.Time{"received": e.Received, "verified": e.Verified, "due": e.Due, "extended": e.Extended, "ended": e.Ended} {
		if t != nil {
			row[name] = *t
		}
	}
	if x := e.Exchanged; x != nil {
		row["messages"], row["messages_of_person"], row["messages_unanswered"] = x.Messages, x.OfPerson, x.Unanswered
		row["first_message"], row["last_message"] = x.First, x.Last
	}
	var known []string
	for _, i := range e.Identities {
		known = append(known, fmt.Sprintf("%s: %s", i.Type, i.Value))
	}
	row["identities"] = strings.Join(known, "; ")
	return row
}
