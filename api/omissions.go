package api

import (
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"slices"
	"strconv"

	"volenti.dev/volenti/audit"
	"volenti.dev/volenti/auth"
	"volenti.dev/volenti/request"
	"volenti.dev/volenti/request/delivery"
)

// Omissions leaves values out of packages, while the request waits for a last look: else
// the error is request.ErrTransition. request.ErrNotFound where there is no package, and
// request.ErrRecipientOnly where it is closed for its recipient.
type Omissions interface {
	// Rows gives up to limit rows of a collection, "" for the first, in the package of
	// an access rule, "" for the only one, without as many before them.
	Rows(ctx context.Context, tenant, id, rule, address string, without, limit int) (delivery.Page, error)
	Omitted(ctx context.Context, tenant, id string) ([]request.Omission, error)
	// Omit leaves values of one collection out, as one package shows them, or fails
	// with request.ErrNoSuchValue or request.ErrTooMuch. It commits together with
	// the entry, as Readmit does.
	Omit(ctx context.Context, tenant, id string, all []request.Omission, entry audit.Entry) error
	// Readmit puts back what was left out; what was not stays.
	Readmit(ctx context.Context, tenant, id string, all []request.Omission, entry audit.Entry) error
}

// Omission is what is left out of a package.
type Omission struct {
	Rule    string `json:"rule,omitempty" doc:"The access rule in whose package it was seen, where the policy has several"`
	Address string `json:"address" doc:"dataset:collection"`
	Cell
	Reason string `json:"reason"`
}

// Cell is a value of a collection, or what is wider than one.
type Cell struct {
	Row   string `json:"row,omitempty" pattern:"^([0-9a-f]{32})?$" doc:"The id of a row; absent for all"`
	Field string `json:"field,omitempty" maxLength:"256" doc:"Absent for all of the row"`
}

// Cells are values of one collection.
type Cells struct {
	Rule    string `json:"rule,omitempty" maxLength:"256" doc:"The access rule in whose package they were seen, where the policy has several"`
	Address string `json:"address" minLength:"3" maxLength:"512" doc:"dataset:collection"`
	Cells   []Cell `json:"cells" minItems:"1" maxItems:"500"`
}

func (c Cells) omissions(reason string) (all []request.Omission) {
	for _, one := range c.Cells {
		all = append(all, request.Omission{Rule: c.Rule, Address: c.Address, Row: one.Row, Field: one.Field, Reason: request.OmissionReason(reason)})
	}
	return all
}

// entry is that of a change of what is left out.
func (c Cells) entry(act string, caller auth.Caller, id string) audit.Entry {
	var fields []string
	for _, one := range c.Cells {
		fields = append(fields, one.Field)
	}
	slices.Sort(fields)
	details := map[string]any{"by": caller.By(), "collection": c.Address, "fields": slices.Compact(fields), "values": len(c.Cells)}
	return audit.Entry{Act: act, Object: request.PackageObject(id), Details: details}
}

type packageRowsInput struct {
	ID      string `path:"id" format:"uuid"`
	Rule    string `query:"rule" doc:"The access rule, where the policy has several" maxLength:"256" pattern:"^[A-Za-z0-9][A-Za-z0-9_.-]*$"`
	Address string `query:"address" maxLength:"512" doc:"dataset:collection; absent for the first"`
	Limit   int    `query:"limit" doc:"How many at once" minimum:"1" maximum:"100" default:"50"`
	Cursor  string `query:"cursor" doc:"The next of the page before" maxLength:"100"`
}

type packageRowsOutput struct {
	Body PackageRows
}

// PackageRows is a page of rows of a package.
type PackageRows struct {
	delivery.Page
	Next string `json:"next,omitempty" doc:"The cursor of the next page; absent on the last"`
}

func packageRows(a *API, ctx context.Context, caller auth.Caller, in *packageRowsInput) (*packageRowsOutput, error) {
	without := 0
	if in.Cursor != "" {
		text, err := base64.RawURLEncoding.DecodeString(in.Cursor)
		if err == nil {
			without, err = strconv.Atoi(string(text))
		}
		if err != nil || without < 0 {
			return nil, invalid("query.cursor", "it is not the next of a page")
		}
	}
	found, err := a.config.Omissions.Rows(ctx, caller.Tenant, in.ID, in.Rule, in.Address, without, in.Limit)
	if err != nil {
		return nil, ofOmission(err)
	}
	page := PackageRows{Page: found}
	if found.More {
		page.Next = base64.RawURLEncoding.EncodeToString([]byte(strconv.Itoa(without + len(found.Rows))))
	}
	return &packageRowsOutput{page}, nil
}

type omissionsOutput struct {
	Body OmissionList
}

// OmissionList is all that is left out of the packages of a request.
type OmissionList struct {
	Items []Omission `json:"items" nullable:"false"`
}

func listOmissions(a *API, ctx context.Context, caller auth.Caller, in *showInput) (*omissionsOutput, error) {
	all, err := a.config.Omissions.Omitted(ctx, caller.Tenant, in.ID)
	if err != nil {
		return nil, err
	}
	list := OmissionList{Items: []Omission{}}
	for _, o := range all {
		list.Items = append(list.Items, Omission{o.Rule, o.Address, Cell{o.Row, o.Field}, string(o.Reason)})
	}
	return &omissionsOutput{list}, nil
}

type leaveOutInput struct {
	ID   string `path:"id" format:"uuid"`
	Body struct {
		Cells
		Reason string `json:"reason" enum:"of_others,secret,privileged,unsafe" doc:"The person is told: it is about others; it is a secret of trade, or somebody's work; it is part of a dispute; it would be dangerous in the wrong hands"`
	}
}

func leaveOut(a *API, ctx context.Context, caller auth.Caller, in *leaveOutInput) (*struct{}, error) {
	entry := in.Body.entry("package.omit", caller, in.ID)
	entry.Details["reason"] = in.Body.Reason
	return nil, ofOmission(a.config.Omissions.Omit(ctx, caller.Tenant, in.ID, in.Body.omissions(in.Body.Reason), entry))
}

type putBackInput struct {
	ID   string `path:"id" format:"uuid"`
	Body Cells
}

func putBack(a *API, ctx context.Context, caller auth.Caller, in *putBackInput) (*struct{}, error) {
	entry := in.Body.entry("package.readmit", caller, in.ID)
	return nil, ofOmission(a.config.Omissions.Readmit(ctx, caller.Tenant, in.ID, in.Body.omissions(""), entry))
}

// ofOmission tells what stands in the way of leaving something out.
func ofOmission(err error) error {
	switch {
	case errors.Is(err, request.ErrRecipientOnly):
		return &Problem{Status: http.StatusConflict, Detail: closedForRecipient}
	case errors.Is(err, request.ErrTransition), errors.Is(err, request.ErrDestroyed):
		return &Problem{Status: http.StatusConflict, Detail: "Values can be left out while the request waits for a last look, which its policy asks for with review. It does not wait for that now."}
	case errors.Is(err, request.ErrTooMuch):
		return &Problem{Status: http.StatusConflict, Detail: "There is too much that is left out value by value. Leave a field out in all rows."}
	case errors.Is(err, request.ErrNoSuchValue):
		return invalid("body", "the package has no such row or field")
	}
	return err
}
