package api

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"volenti.dev/volenti/audit"
	"volenti.dev/volenti/auth"
	"volenti.dev/volenti/connector"
	"volenti.dev/volenti/consent"
	"volenti.dev/volenti/consent/propagate"
)

// Deliveries are what became of choices at connections.
type Deliveries interface {
	// List gives deliveries, the newest change first. A change is never cut in two:
	// there may be some more than the limit.
	List(ctx context.Context, tenant string, f propagate.Filter) ([]propagate.Delivery, error)
	// Change gives what became of a record everywhere, or propagate.ErrNotFound.
	Change(ctx context.Context, tenant, record string) (propagate.View, error)
	// Attempts gives a delivery and its attempts, or propagate.ErrNotFound.
	Attempts(ctx context.Context, tenant, record, connection string) (propagate.Delivery, []propagate.Attempt, error)
	// Lanes gives how the connections stand that take choices, by key.
	Lanes(ctx context.Context, tenant string) ([]propagate.LaneState, error)
	// Since gives from which sequence on each connection is sent changes, by key.
	Since(ctx context.Context, tenant string) (map[string]int64, error)
	// Tables gives how far permission tables are, also of connections that are gone.
	Tables(ctx context.Context, tenant string) ([]propagate.Kept, error)
	// Takers gives the connections that there are, whether or not they take choices.
	Takers(ctx context.Context, tenant string) ([]propagate.Taker, error)
	// Retry makes deliveries at a connection pending again. Those that allow none are
	// passed over; left counts those whose reason stands, by the reason.
	Retry(ctx context.Context, tenant, by, connection string, all []propagate.Delivery) (retried int, left map[propagate.Reason]int, err error)
	// Import takes over status maps of another platform, each whole or not at all.
	// wrong says what is the matter with one, by its place in all.
	Import(ctx context.Context, tenant, by string, all []propagate.LegacyMap) (imported int, wrong map[int]string, err error)
}

// ChoiceDelivery is what became of a choice at a connection.
type ChoiceDelivery struct {
	Record     string            `json:"record" format:"uuid" doc:"Of the choice"`
	Sequence   int64             `json:"sequence" doc:"Of the record in the ledger"`
	Subject    consent.SubjectID `json:"subject" format:"uuid"`
	Purpose    string            `json:"purpose"`
	Choice     string            `json:"choice" enum:"granted,refused,withdrawn,expired"`
	Recorded   time.Time         `json:"recorded_at"`
	Connection string            `json:"connection" doc:"Its key"`
	System     string            `json:"system,omitempty" doc:"Key of the system that the connection belonged to then"`
	Status     propagate.Status  `json:"status" enum:"pending,sending,complete,partial,error,skipped,superseded"`
	Reason     propagate.Reason  `json:"reason,omitempty"`
	Why        string            `json:"why" doc:"The reason, or the status, as a sentence"`
	Mend       string            `json:"mend,omitempty" doc:"What can be done about it"`
	Attempts   int               `json:"attempts" doc:"How many were begun"`
	Due        *time.Time        `json:"due,omitempty" doc:"When it is tried next, where it waits"`
	Updated    time.Time         `json:"updated_at" doc:"Since when the status stands"`
	Sent       []propagate.Sent  `json:"sent,omitempty" doc:"Which identities the last attempt sent"`
	Calls      []connector.Call  `json:"calls,omitempty" doc:"Which calls the last attempt made, or should have"`
}

func shownChoiceDelivery(d propagate.Delivery) ChoiceDelivery {
	out := ChoiceDelivery{
		Record: d.Record, Sequence: d.Sequence, Subject: d.Subject, Purpose: d.Purpose, Choice: string(d.Choice), Recorded: d.At.UTC(),
		Connection: d.Connection, System: d.System, Status: d.Status, Reason: d.Reason, Attempts: d.Attempt, Updated: d.Updated.UTC(), Sent: d.Sent, Calls: d.Calls,
	}
	out.Why, out.Mend = d.Why()
	if d.Status == propagate.Pending && !d.Due.IsZero() {
		due := d.Due.UTC()
		out.Due = &due
	}
	return out
}

func shownChoiceDeliveries(all []propagate.Delivery) []ChoiceDelivery {
	shown := []ChoiceDelivery{}
	for _, d := range all {
		shown = append(shown, shownChoiceDelivery(d))
	}
	return shown
}

// ChoiceAttempt is one try to deliver a choice.
type ChoiceAttempt struct {
	propagate.Attempt
	Why    string `json:"why,omitempty" doc:"The reason as a sentence"`
	Millis int64  `json:"took_ms,omitempty" doc:"Absent while it is not over"`
}

func shownAttempts(all []propagate.Attempt) []ChoiceAttempt {
	shown := []ChoiceAttempt{}
	for _, attempt := range all {
		attempt.At = attempt.At.UTC()
		shown = append(shown, ChoiceAttempt{attempt, attempt.Reason.Sentence(), max(attempt.Took.Milliseconds(), 0)})
	}
	return shown
}

type choiceDeliveriesInput struct {
	Connection string   `query:"connection" maxLength:"256" doc:"Only at this connection"`
	System     string   `query:"system" maxLength:"256" doc:"Only at connections that belonged to this system then"`
	Purpose    string   `query:"purpose" maxLength:"64"`
	Subject    string   `query:"subject" format:"uuid" doc:"Only about this subject"`
	Statuses   []string `query:"status" maxItems:"7" doc:"Only in these statuses, separated by commas"`
	Before     int64    `query:"before" minimum:"0" doc:"The next of the page before"`
	Limit      int      `query:"limit" minimum:"1" maximum:"500" default:"50" doc:"How many at once. A page ends with a whole change, and is longer for that where it must"`
}

type choiceDeliveriesOutput struct {
	Body ChoiceDeliveryPage
}

// ChoiceDeliveryPage is a page of deliveries, the newest changes first.
type ChoiceDeliveryPage struct {
	Items []ChoiceDelivery `json:"items" nullable:"false"`
	Next  int64            `json:"next,omitempty" doc:"Hand it over as before, for the next page; absent on the last"`
}

func listChoiceDeliveries(a *API, ctx context.Context, caller auth.Caller, in *choiceDeliveriesInput) (*choiceDeliveriesOutput, error) {
	statuses, err := parseStatuses("query.status", in.Statuses)
	if err != nil {
		return nil, err
	}
	found, next, err := a.deliveryPage(ctx, caller.Tenant, propagate.Filter{
		Connection: in.Connection, System: in.System, Purpose: in.Purpose, Subject: in.Subject, Statuses: statuses, Before: in.Before, Limit: in.Limit,
	})
	if err != nil {
		return nil, err
	}
	return &choiceDeliveriesOutput{ChoiceDeliveryPage{shownChoiceDeliveries(found), next}}, nil
}

// deliveryPage reads a page, and gives the place that the next one begins behind; 0
// when it is the last.
func (a *API) deliveryPage(ctx context.Context, tenant string, f propagate.Filter) (page []propagate.Delivery, next int64, err error) {
	limit := f.Limit
	f.Limit++
	page, err = a.config.Deliveries.List(ctx, tenant, f)
	if err != nil || len(page) <= limit {
		return page, 0, err
	}
	last := page[limit].Sequence
	if cut := slices.IndexFunc(page, func(d propagate.Delivery) bool { return d.Sequence == last }); cut > 0 {
		page = page[:cut]
	}
	return page, page[len(page)-1].Sequence, nil
}

func parseStatuses(where string, names []string) (all []propagate.Status, err error) {
	for _, name := range names {
		s, err := propagate.ParseStatus(name)
		if err != nil {
			return nil, invalid(where, err.Error())
		}
		all = append(all, s)
	}
	return all, nil
}

type changeInput struct {
	Record string `path:"record" format:"uuid" doc:"Of the choice"`
}

type changeOutput struct {
	Body ChangeView
}

// ChangeView is what became of a choice everywhere.
type ChangeView struct {
	Record     string                      `json:"record" format:"uuid"`
	Sequence   int64                       `json:"sequence"`
	Subject    consent.SubjectID           `json:"subject" format:"uuid"`
	Purpose    string                      `json:"purpose"`
	Choice     string                      `json:"choice" enum:"granted,refused,withdrawn,expired"`
	Recorded   time.Time                   `json:"recorded_at"`
	Statuses   map[string]propagate.Status `json:"statuses" nullable:"false" doc:"By the key of the connection; and, of changes that were taken over from another platform, by its keys while they are live"`
	Systems    map[string]propagate.Status `json:"systems" nullable:"false" doc:"By the key of the system: the worst of error, pending, partial, complete, skipped. For readers who know systems only"`
	Legacy     map[string]propagate.Status `json:"legacy,omitempty" doc:"Those of statuses that are under keys of another platform"`
	Deliveries []ChoiceDelivery            `json:"deliveries" nullable:"false" doc:"By connection"`
}

func showChange(a *API, ctx context.Context, caller auth.Caller, in *changeInput) (*changeOutput, error) {
	v, err := a.config.Deliveries.Change(ctx, caller.Tenant, in.Record)
	if err != nil {
		return nil, err
	}
	out := ChangeView{
		Record: v.Record, Sequence: v.Sequence, Subject: v.Subject, Purpose: v.Purpose, Choice: string(v.Choice), Recorded: v.At.UTC(),
		Statuses: v.Statuses, Systems: v.Systems, Legacy: v.Legacy, Deliveries: shownChoiceDeliveries(v.Rows),
	}
	return &changeOutput{out}, nil
}

type choiceDeliveryInput struct {
	Record     string `path:"record" format:"uuid" doc:"Of the choice"`
	Connection string `path:"connection" maxLength:"256" doc:"Key of the connection"`
}

type choiceDeliveryOutput struct {
	Body ChoiceDeliveryWithAttempts
}

// ChoiceDeliveryWithAttempts is a delivery and its log.
type ChoiceDeliveryWithAttempts struct {
	ChoiceDelivery
	Log []ChoiceAttempt `json:"log" nullable:"false" doc:"The attempts, in their order"`
}

func showChoiceDelivery(a *API, ctx context.Context, caller auth.Caller, in *choiceDeliveryInput) (*choiceDeliveryOutput, error) {
	d, attempts, err := a.config.Deliveries.Attempts(ctx, caller.Tenant, in.Record, in.Connection)
	if err != nil {
		return nil, err
	}
	return &choiceDeliveryOutput{ChoiceDeliveryWithAttempts{shownChoiceDelivery(d), shownAttempts(attempts)}}, nil
}

type lanesOutput struct {
	Body ConnectionStates
}

// ConnectionStates is how the connections stand that take choices.
type ConnectionStates struct {
	Items   []ConnectionState `json:"items" nullable:"false" doc:"By key"`
	Systems []SystemState     `json:"systems" nullable:"false" doc:"By key"`
}

// ConnectionState is how a connection stands.
type ConnectionState struct {
	propagate.LaneState
	Why   string      `json:"why,omitempty" doc:"The reason that keeps every choice from it, as a sentence"`
	Mend  string      `json:"mend,omitempty" doc:"What can be done about that"`
	Table *TableState `json:"table,omitempty" doc:"Of a connection that keeps a permission table"`
}

// TableState is how fresh a permission table is.
type TableState struct {
	AsOf    *time.Time `json:"as_of,omitempty" doc:"As of when it is right; absent until it was filled"`
	Checked *time.Time `json:"checked_at,omitempty" doc:"When it was last worked on"`
	Filling bool       `json:"filling,omitempty" doc:"It is filled, or compared with all that stands"`
	Mended  int64      `json:"mended,omitempty" doc:"For how many people rows were put right that somebody else had changed"`
	Trouble string     `json:"trouble,omitempty" doc:"Why it could not be kept last time"`
}

func shownTable(k propagate.Kept) *TableState {
	t := &TableState{Filling: k.Walking, Mended: k.Mended, Trouble: k.Trouble}
	for _, one := range []struct {
		at time.Time
		to **time.Time
	}{{k.AsOf, &t.AsOf}, {k.Checked, &t.Checked}} {
		if !one.at.IsZero() {
			at := one.at.UTC()
			*one.to = &at
		}
	}
	return t
}

// SystemState is how the connections of a system stand together.
type SystemState struct {
	System string                     `json:"system"`
	Status propagate.Status           `json:"status,omitempty" doc:"The worst of what there is: error, pending, partial, complete, skipped; absent while there is nothing"`
	Counts map[propagate.Status]int64 `json:"counts"`
}

type lanesInput struct {
	Failing bool `query:"failing" doc:"Only connections that fail: nothing can be sent to them, though they are not switched off, or the last call failed; and their systems"`
}

func listLanes(a *API, ctx context.Context, caller auth.Caller, in *lanesInput) (*lanesOutput, error) {
	lanes, err := a.config.Deliveries.Lanes(ctx, caller.Tenant)
	if err != nil {
		return nil, err
	}
	if in.Failing {
		lanes = slices.DeleteFunc(slices.Clone(lanes), func(l propagate.LaneState) bool { return !propagate.Fails(l.Failing, l.Barred) })
	}
	kept, err := a.config.Deliveries.Tables(ctx, caller.Tenant)
	if err != nil {
		return nil, err
	}
	out := ConnectionStates{Items: []ConnectionState{}, Systems: systemsOf(lanes)}
	for _, l := range lanes {
		state := ConnectionState{LaneState: l, Why: l.Barred.Sentence(), Mend: l.Barred.Mend()}
		if i := slices.IndexFunc(kept, func(k propagate.Kept) bool { return k.Connection == l.Connection }); i >= 0 {
			state.Table = shownTable(kept[i])
		}
		out.Items = append(out.Items, state)
	}
	return &lanesOutput{out}, nil
}

// systemsOf adds up what there is at the connections of each system.
func systemsOf(lanes []propagate.LaneState) []SystemState {
	counts := map[string]map[propagate.Status]int64{}
	for _, l := range lanes {
		if l.System == "" {
			continue
		}
		if counts[l.System] == nil {
			counts[l.System] = map[propagate.Status]int64{}
		}
		for s, n := range l.Counts {
			counts[l.System][s] += n
		}
	}
	all := []SystemState{}
	for _, system := range slices.Sorted(maps.Keys(counts)) {
		var there []propagate.Status
		for s, n := range counts[system] {
			if n > 0 {
				there = append(there, s)
			}
		}
		state := SystemState{System: system, Counts: counts[system]}
		if len(there) > 0 {
			state.Status = propagate.RollUp(there...)
		}
		all = append(all, state)
	}
	return all
}

type retryDeliveriesInput struct {
	Body struct {
		Connection string   `json:"connection" maxLength:"256" pattern:"^[A-Za-z0-9][A-Za-z0-9_.-]*$" doc:"Its key"`
		Record     string   `json:"record,omitempty" format:"uuid" doc:"Only the delivery of this choice"`
		Statuses   []string `json:"statuses,omitempty" maxItems:"3" doc:"Or all in these statuses: error, partial, skipped"`
		Before     int64    `json:"before,omitempty" minimum:"0" doc:"The next of the answer before"`
	}
}

type retryDeliveriesOutput struct {
	Body Retried
}

// Retried is how many deliveries wait to be sent again.
type Retried struct {
	Retried int                      `json:"retried" doc:"How many are due now"`
	Left    map[propagate.Reason]int `json:"left,omitempty" doc:"How many were left as they are, because this reason stands"`
	Next    int64                    `json:"next,omitempty" doc:"There may be more: hand it over as before, and ask again"`
}

const exampleRetry = `{"connection":"newsletter","record":"0198c0de-0000-7000-8000-000000000001"}`

// One request is about retryPages of retryPage deliveries.
const (
	retryPages = 10
	retryPage  = 500
)

func retryDeliveries(a *API, ctx context.Context, caller auth.Caller, in *retryDeliveriesInput) (*retryDeliveriesOutput, error) {
	statuses, err := parseStatuses("body.statuses", in.Body.Statuses)
	switch {
	case err != nil:
		return nil, err
	case (in.Body.Record == "") == (len(statuses) == 0):
		return nil, invalid("body", "say which: one by record, or all by statuses")
	case slices.ContainsFunc(statuses, func(s propagate.Status) bool { return !slices.Contains(retryable, s) }):
		return nil, invalid("body.statuses", fmt.Sprintf("only what is %s, %s or %s can be tried again", propagate.Failed, propagate.Partial, propagate.Skipped))
	case in.Body.Record != "":
		return a.retryOne(ctx, caller, in.Body.Record, in.Body.Connection)
	}
	takers, err := a.config.Deliveries.Takers(ctx, caller.Tenant)
	if err != nil {
		return nil, err
	}
	if !slices.ContainsFunc(takers, func(t propagate.Taker) bool { return t.Key == in.Body.Connection }) {
		return nil, &Problem{Status: http.StatusNotFound, Detail: noConnection}
	}
	entry := audit.Entry{Act: "deliveries.retry", Object: "connection/" + in.Body.Connection, Details: map[string]any{"by": caller.By(), "statuses": statuses}}
	if err := a.config.Audit.Append(ctx, caller.Tenant, entry); err != nil {
		return nil, err
	}
	out := Retried{}
	f := propagate.Filter{Connection: in.Body.Connection, Statuses: statuses, Before: in.Body.Before, Limit: retryPage}
	for range retryPages {
		var page []propagate.Delivery
		if page, out.Next, err = a.deliveryPage(ctx, caller.Tenant, f); err != nil {
			return nil, err
		}
		retried, left, err := a.config.Deliveries.Retry(ctx, caller.Tenant, caller.By(), in.Body.Connection, page)
		if err != nil {
			return nil, err
		}
		out.add(retried, left)
		if f.Before = out.Next; out.Next == 0 {
			break
		}
	}
	return &retryDeliveriesOutput{out}, nil
}

// retryable are the statuses that a retry leads back from.
var retryable = []propagate.Status{propagate.Failed, propagate.Partial, propagate.Skipped}

func (r *Retried) add(retried int, left map[propagate.Reason]int) {
	r.Retried += retried
	for reason, n := range left {
		if r.Left == nil {
			r.Left = map[propagate.Reason]int{}
		}
		r.Left[reason] += n
	}
}

func (a *API) retryOne(ctx context.Context, caller auth.Caller, record, connection string) (*retryDeliveriesOutput, error) {
	d, _, err := a.config.Deliveries.Attempts(ctx, caller.Tenant, record, connection)
	if err != nil {
		return nil, err
	}
	retried, left, err := a.config.Deliveries.Retry(ctx, caller.Tenant, caller.By(), connection, []propagate.Delivery{d})
	switch {
	case err != nil:
		return nil, err
	case retried == 0 && len(left) == 0:
		return nil, propagate.ErrStale
	}
	for reason := range left {
		return nil, &Problem{Status: http.StatusConflict, Detail: strings.TrimSpace(reason.Sentence() + " " + reason.Mend())}
	}
	return &retryDeliveriesOutput{Retried{Retried: retried}}, nil
}

const noConnection = "There is no connection with this key."

// ofDelivery maps what deliveries refuse; nil for other errors.
func ofDelivery(err error) *Problem {
	switch {
	case errors.Is(err, propagate.ErrNotFound):
		return &Problem{Title: http.StatusText(http.StatusNotFound), Status: http.StatusNotFound, Detail: "There is no delivery like this: no choice has this record, or the connection did not take choices yet when it was made."}
	case errors.Is(err, propagate.ErrStale):
		return &Problem{
			Title: http.StatusText(http.StatusConflict), Status: http.StatusConflict,
			Detail: fmt.Sprintf("This delivery cannot be tried again as it stands: only one that is %s, %s or %s can, and only while no newer choice stands. Read it again.", propagate.Failed, propagate.Partial, propagate.Skipped),
		}
	}
	return nil
}
