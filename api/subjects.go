package api

import (
	"bufio"
	"context"
	"encoding/json"
	"io"

	"github.com/danielgtaylor/huma/v2"

	"volenti.dev/volenti/audit"
	"volenti.dev/volenti/auth"
	"volenti.dev/volenti/consent"
)

type subjectInput struct {
	ID string `path:"id" format:"uuid"`
}

type standingOutput struct {
	Body Standings
}

// Standings is what stands for a subject.
type Standings struct {
	Subject   consent.SubjectID  `json:"subject" format:"uuid"`
	Purposes  []consent.Standing `json:"purposes" nullable:"false" doc:"Every purpose, also those without a record"`
	Reconsent []consent.Renewal  `json:"reconsent" nullable:"false" doc:"What the person is to be asked again"`
}

func showConsents(a *API, ctx context.Context, caller auth.Caller, in *subjectInput) (*standingOutput, error) {
	id, rules, states, err := a.standing(ctx, caller, in.ID)
	if err != nil {
		return nil, err
	}
	now := a.config.Now()
	out := &standingOutput{Standings{Subject: id, Purposes: rules.Standings(states, now), Reconsent: rules.Due(states, now)}}
	if out.Body.Reconsent == nil {
		out.Body.Reconsent = []consent.Renewal{}
	}
	return out, nil
}

// standing reads what stands for a subject that is known.
func (a *API) standing(ctx context.Context, caller auth.Caller, text string) (id consent.SubjectID, rules *consent.Rules, states map[string]consent.State, err error) {
	if id, err = consent.ParseSubjectID(text); err != nil {
		return id, nil, nil, err
	}
	if err = a.config.Consents.Alive(ctx, caller.Tenant, id); err != nil {
		return id, nil, nil, err
	}
	if rules, err = a.config.Consents.Rules(ctx, caller.Tenant); err != nil {
		return id, nil, nil, err
	}
	states, err = a.config.Consents.States(ctx, caller.Tenant, id)
	return id, rules, states, err
}

type historyInput struct {
	ID    string `path:"id" format:"uuid"`
	Limit int    `query:"limit" doc:"How many at once" minimum:"1" maximum:"1000" default:"100"`
	After int64  `query:"after" doc:"The next of the page before" minimum:"0" default:"0"`
}

type historyOutput struct {
	Body RecordPage
}

// RecordPage is a page of records in the order of the ledger.
type RecordPage struct {
	Items []consent.Record `json:"items" nullable:"false"`
	Next  *int64           `json:"next,omitempty" doc:"Hand it over as after; absent on the last page"`
}

func showHistory(a *API, ctx context.Context, caller auth.Caller, in *historyInput) (*historyOutput, error) {
	id, err := consent.ParseSubjectID(in.ID)
	if err != nil {
		return nil, err
	}
	if err := a.config.Consents.Alive(ctx, caller.Tenant, id); err != nil {
		return nil, err
	}
	found, err := a.config.Consents.HistoryFrom(ctx, caller.Tenant, id, in.After, in.Limit+1)
	if err != nil {
		return nil, err
	}
	page := RecordPage{Items: []consent.Record{}}
	if len(found) > in.Limit {
		page.Next, found = &found[in.Limit].Sequence, found[:in.Limit]
	}
	page.Items = append(page.Items, found...)
	return &historyOutput{page}, nil
}

// exportConsents gives every record, without identities.
func exportConsents(a *API, _ context.Context, caller auth.Caller, _ *struct{}) (*huma.StreamResponse, error) {
	return a.export(func(ctx context.Context, w io.Writer) error {
		out := bufio.NewWriter(w)
		e := json.NewEncoder(out)
		e.SetEscapeHTML(false)
		for from := int64(0); ; {
			page, err := a.config.Consents.Records(ctx, caller.Tenant, from, exportPage)
			if err != nil {
				return err
			}
			for _, r := range page {
				if err := e.Encode(r); err != nil {
					return err
				}
				from = r.Sequence + 1
			}
			if len(page) < exportPage {
				return out.Flush()
			}
		}
	}), nil
}

const exportPage = 500 // records in memory at once

type receiptInput struct {
	Sequence int64 `path:"sequence" minimum:"0" doc:"Of the record"`
}

func showReceipt(a *API, ctx context.Context, caller auth.Caller, in *receiptInput) (*documentOutput, error) {
	evidence, err := a.config.Consents.Evidence(ctx, caller.Tenant, in.Sequence)
	if err != nil {
		return nil, err
	}
	text, err := evidence.Receipt()
	if err != nil {
		return nil, err
	}
	return &documentOutput{"application/ld+json", text}, nil
}

// eraseSubject gives the id of who is nobody now.
func eraseSubject(a *API, ctx context.Context, caller auth.Caller, in *subjectInput) (*findOutput, error) {
	id, err := consent.ParseSubjectID(in.ID)
	if err != nil {
		return nil, err
	}
	entry := audit.Entry{Act: "subject.erase", Object: "subject/" + id.String(), Details: map[string]any{"by": caller.By()}}
	if err := a.config.Consents.EraseSubject(ctx, caller.Tenant, id, entry); err != nil {
		return nil, err
	}
	return &findOutput{Found{id}}, nil
}
