package api

import (
	"context"
	"time"

	"volenti.dev/volenti/auth"
	"volenti.dev/volenti/consent"
)

// Records reads the ledger, whoever its records are about.
type Records interface {
	// Search gives records that a query looks for.
	Search(ctx context.Context, tenant string, q consent.Query) (consent.Page, error)
	// Count counts records that were made in a time, and stops at most.
	Count(ctx context.Context, tenant string, from, to time.Time, most int) (int64, error)
	// Trace opens from where a choice came, as far as it is kept.
	Trace(ctx context.Context, tenant string, r consent.Record) (consent.Trace, error)
	// Asked counts the people whom a version found due, and those who have not
	// answered it yet.
	Asked(ctx context.Context, tenant, version string) (people, open int64, err error)
}

type recordsInput struct {
	Subject string    `query:"subject" format:"uuid" doc:"Only about this subject"`
	Purpose string    `query:"purpose" maxLength:"64"`
	Choice  string    `query:"choice" enum:"granted,refused,withdrawn,expired"`
	Source  string    `query:"source" maxLength:"64" doc:"Only choices that were made there"`
	Site    string    `query:"site" maxLength:"64" doc:"Only what the banner of the site with this key was answered"`
	From    time.Time `query:"from" doc:"Only records that were made then or later"`
	To      time.Time `query:"to" doc:"Only records that were made before"`
	Before  int64     `query:"before" minimum:"0" doc:"The next of the page before"`
	Limit   int       `query:"limit" minimum:"1" maximum:"200" default:"50" doc:"How many at once"`
}

type recordsOutput struct {
	Body FoundRecords
}

// FoundRecords is a page of records, the newest first.
type FoundRecords struct {
	Items []consent.Record `json:"items" nullable:"false"`
	Next  int64            `json:"next,omitempty" doc:"Hand it over as before, for the next page; absent on the last. A page looks at 10,000 records at most: it may be short, or empty, and have a next"`
}

func listRecords(a *API, ctx context.Context, caller auth.Caller, in *recordsInput) (*recordsOutput, error) {
	q := consent.Query{
		Purpose: in.Purpose, Choice: consent.Choice(in.Choice), Source: consent.Source(in.Source), Site: in.Site,
		From: in.From, To: in.To, Before: in.Before, Limit: in.Limit,
	}
	if in.Subject != "" {
		var err error
		if q.Subject, err = consent.ParseSubjectID(in.Subject); err != nil {
			return nil, err
		}
	}
	page, err := a.config.Records.Search(ctx, caller.Tenant, q)
	if err != nil {
		return nil, err
	}
	return &recordsOutput{FoundRecords{append([]consent.Record{}, page.Records...), page.Next}}, nil
}

type recordOfInput struct {
	Sequence int64 `path:"sequence" minimum:"0"`
}

type recordOfOutput struct {
	Body RecordShown
}

// RecordShown is a record with what is kept of the device that it came from.
type RecordShown struct {
	consent.Record
	Device string `json:"device,omitempty" enum:"desktop,mobile,program,robot" doc:"Class of the device; absent when it is not known, or the subject was erased"`
	By     string `json:"by,omitempty" doc:"The operator who recorded it for the person; absent for others, or when the subject was erased"`
	Noted  bool   `json:"noted,omitempty" doc:"There is a note of how the person said so"`
}

func showRecord(a *API, ctx context.Context, caller auth.Caller, in *recordOfInput) (*recordOfOutput, error) {
	r, trace, err := a.recordOf(ctx, caller, in)
	if err != nil {
		return nil, err
	}
	return &recordOfOutput{RecordShown{r, trace.Agent, trace.By, trace.Note != ""}}, nil
}

// recordOf gives a record with from where the choice came.
func (a *API) recordOf(ctx context.Context, caller auth.Caller, in *recordOfInput) (r consent.Record, trace consent.Trace, err error) {
	page, err := a.config.Records.Search(ctx, caller.Tenant, consent.Query{Before: in.Sequence + 1, Limit: 1})
	if err != nil {
		return r, trace, err
	}
	if len(page.Records) == 0 || page.Records[0].Sequence != in.Sequence {
		return r, trace, notFound()
	}
	trace, err = a.config.Records.Trace(ctx, caller.Tenant, page.Records[0])
	return page.Records[0], trace, err
}

type noteOutput struct {
	Body RecordNote
}

// RecordNote is what whoever recorded a choice wrote about it.
type RecordNote struct {
	Note string `json:"note" doc:"How the person said so"`
}

// showNote is apart from the record, since a note may say anything of a person.
func showNote(a *API, ctx context.Context, caller auth.Caller, in *recordOfInput) (*noteOutput, error) {
	_, trace, err := a.recordOf(ctx, caller, in)
	if err == nil && trace.Note == "" {
		err = notFound()
	}
	if err != nil {
		return nil, err
	}
	return &noteOutput{RecordNote{trace.Note}}, nil
}

type campaignOutput struct {
	Body Campaign
}

// Campaign is how far asking people again about a version is.
type Campaign struct {
	Version string `json:"version"`
	People  int64  `json:"people" doc:"Whom the version found due"`
	Open    int64  `json:"open" doc:"Of those, who has not answered yet"`
}

func showAsked(a *API, ctx context.Context, caller auth.Caller, in *noticeInput) (*campaignOutput, error) {
	rules, err := a.config.Consents.Rules(ctx, caller.Tenant)
	if err != nil {
		return nil, err
	}
	if rules.Version(in.Version) == nil {
		return nil, notFound()
	}
	people, open, err := a.config.Records.Asked(ctx, caller.Tenant, in.Version)
	return &campaignOutput{Campaign{in.Version, people, open}}, err
}
