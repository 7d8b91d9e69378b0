package api

import (
	"context"
	"net/http"
	"time"

	"volenti.dev/volenti/auth"
	"volenti.dev/volenti/consent"
	"volenti.dev/volenti/subject"
)

// Preferences lets people see and change what they chose, by a link: one that was
// mailed to an address of theirs, or one that an application gives to whom it knows.
type Preferences interface {
	// Mail sends a link to an address, where it is one of somebody who has chosen
	// something. It does not tell. request.ErrNotFound where there is no such tenant.
	Mail(ctx context.Context, tenant string, to subject.Identity, language string) error
	// Link makes one without a letter, with an entry by who asks for it.
	Link(ctx context.Context, tenant string, id consent.SubjectID, lasts time.Duration, by string) (url, token string, expires time.Time, err error)
	// Open gives whose link it is that a token belongs to; auth.ErrRefused when it is
	// none, or over.
	Open(ctx context.Context, token string) (tenant string, id consent.SubjectID, expires time.Time, err error)
}

type mailPreferencesInput struct {
	Body struct {
		Tenant   string `json:"tenant,omitempty" default:"default" maxLength:"100"`
		Email    string `json:"email" minLength:"1" maxLength:"320"`
		Language string `json:"language,omitempty" maxLength:"35" doc:"BCP 47 tag of the language to write in"`
	}
}

type mailPreferencesOutput struct {
	Status int
	Body   struct {
		Next string `json:"next"`
	}
}

const preferencesSent = "If choices of somebody with this address are kept here, a link is on its way to it. It is good for an hour."

func mailPreferences(a *API, ctx context.Context, _ auth.Caller, in *mailPreferencesInput) (*mailPreferencesOutput, error) {
	to, err := emailOf(in.Body.Email)
	if err != nil {
		return nil, err
	}
	if err := a.config.Preferences.Mail(ctx, in.Body.Tenant, to, in.Body.Language); err != nil {
		return nil, err
	}
	out := &mailPreferencesOutput{Status: http.StatusAccepted}
	out.Body.Next = preferencesSent
	return out, nil
}

type linkPreferencesInput struct {
	ID   string `path:"id" format:"uuid"`
	Body struct {
		Minutes int `json:"minutes,omitempty" minimum:"1" maximum:"1440" default:"15" doc:"How long it is good for"`
	}
}

type linkPreferencesOutput struct {
	Status int
	Body   PreferencesLink
}

// PreferencesLink lets who has it see and change what one person chose.
type PreferencesLink struct {
	URL     string    `json:"url" doc:"Lead the person there; give it to nobody else"`
	Token   string    `json:"token" doc:"For the routes below /api/v1/public/preferences. It is shown only now"`
	Expires time.Time `json:"expires"`
}

func linkPreferences(a *API, ctx context.Context, caller auth.Caller, in *linkPreferencesInput) (*linkPreferencesOutput, error) {
	id, err := consent.ParseSubjectID(in.ID)
	if err != nil {
		return nil, err
	}
	if err := a.config.Consents.Alive(ctx, caller.Tenant, id); err != nil {
		return nil, err
	}
	lasts := time.Duration(max(in.Body.Minutes, 1)) * time.Minute
	url, token, expires, err := a.config.Preferences.Link(ctx, caller.Tenant, id, lasts, caller.By())
	if err != nil {
		return nil, err
	}
	return &linkPreferencesOutput{http.StatusCreated, PreferencesLink{url, token, expires}}, nil
}

// PreferencesOfPerson is what stands for a person, and all that they ever chose.
type PreferencesOfPerson struct {
	Purposes []consent.Standing `json:"purposes" nullable:"false"`
	Records  []RecordOfPerson   `json:"records" nullable:"false" doc:"The newest first, 100 at most"`
	Expires  time.Time          `json:"expires" doc:"When the link is over"`
}

// RecordOfPerson is one choice, as the person is shown it.
type RecordOfPerson struct {
	Sequence int64          `json:"sequence" doc:"A receipt is given for it"`
	Purpose  string         `json:"purpose"`
	Choice   consent.Choice `json:"choice"`
	At       time.Time      `json:"at"`
	Source   consent.Source `json:"source"`
	Notice   string         `json:"notice,omitempty" doc:"The version of what was shown"`
}

// mostOwnRecords is how many choices a person is shown.
const mostOwnRecords = 100

type preferencesOutput struct {
	Body PreferencesOfPerson
}

func showPreferences(a *API, ctx context.Context, _ auth.Caller, in *tokenInput) (*preferencesOutput, error) {
	tenant, id, expires, err := a.config.Preferences.Open(ctx, in.Body.Token)
	if err != nil {
		return nil, ofLink(err)
	}
	return a.preferences(ctx, tenant, id, expires)
}

func (a *API) preferences(ctx context.Context, tenant string, id consent.SubjectID, expires time.Time) (*preferencesOutput, error) {
	rules, err := a.config.Consents.Rules(ctx, tenant)
	if err != nil {
		return nil, err
	}
	states, err := a.config.Consents.States(ctx, tenant, id)
	if err != nil {
		return nil, err
	}
	var history []consent.Record
	for from, more := int64(0), true; more; {
		page, err := a.config.Consents.HistoryFrom(ctx, tenant, id, from, exportPage)
		if err != nil {
			return nil, err
		}
		if more = len(page) == exportPage; more {
			from = page[len(page)-1].Sequence + 1
		}
		history = append(history, page...)
	}
	out := &preferencesOutput{PreferencesOfPerson{Purposes: rules.Standings(states, a.config.Now()), Records: []RecordOfPerson{}, Expires: expires}}
	for i := len(history) - 1; i >= 0 && len(out.Body.Records) < mostOwnRecords; i-- {
		r := history[i]
		out.Body.Records = append(out.Body.Records, RecordOfPerson{r.Sequence, r.Purpose, r.Choice, r.At, r.Source, r.Notice})
	}
	return out, nil
}

type choosePreferencesInput struct {
	Body struct {
		Token    string          `json:"token" minLength:"1" maxLength:"100"`
		Purposes map[string]bool `json:"purposes" minProperties:"1" maxProperties:"1000" doc:"true agrees"`
		Language string          `json:"language,omitempty" maxLength:"35" doc:"In which they were asked"`
	}
}

// choosePreferences records what is new. What stands already makes no record.
func choosePreferences(a *API, ctx context.Context, _ auth.Caller, in *choosePreferencesInput) (*preferencesOutput, error) {
	tenant, id, expires, err := a.config.Preferences.Open(ctx, in.Body.Token)
	if err != nil {
		return nil, ofLink(err)
	}
	chosen := Choices{Purposes: in.Body.Purposes, Language: in.Body.Language}
	if _, err := a.record(ctx, auth.Caller{Tenant: tenant}, "", id, nil, chosen, consent.PreferenceCenter); err != nil {
		return nil, err
	}
	return a.preferences(ctx, tenant, id, expires)
}

type ownReceiptInput struct {
	Body struct {
		Token    string `json:"token" minLength:"1" maxLength:"100"`
		Sequence int64  `json:"sequence" minimum:"0" doc:"Of a record"`
	}
}

// ownReceipt gives the receipt of a record, where it is one of the person.
func ownReceipt(a *API, ctx context.Context, _ auth.Caller, in *ownReceiptInput) (*documentOutput, error) {
	tenant, id, _, err := a.config.Preferences.Open(ctx, in.Body.Token)
	if err != nil {
		return nil, ofLink(err)
	}
	own, err := a.config.Consents.HistoryFrom(ctx, tenant, id, in.Body.Sequence, 1)
	if err != nil {
		return nil, err
	}
	if len(own) == 0 || own[0].Sequence != in.Body.Sequence {
		return nil, notFound()
	}
	return showReceipt(a, ctx, auth.Caller{Tenant: tenant}, &receiptInput{in.Body.Sequence})
}
