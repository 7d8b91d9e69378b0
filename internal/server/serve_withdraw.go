package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"volenti.dev/volenti/consent"
	"volenti.dev/volenti/internal/store"
	"volenti.dev/volenti/request"
	"volenti.dev/volenti/request/fulfill"
	"volenti.dev/volenti/subject"
)

// withdrawals let requests withdraw consents: neither knows of the other.
type withdrawals struct{ db *store.DB }

var _ fulfill.Consents = withdrawals{}

// What is to be withdrawn is a paper of the request, from before anything is
// withdrawn: whoever goes on after a crash does just that.
const (
	consentPapers = "consent"
	withdrawPaper = "withdraw"
)

// granted is what stands granted for one subject.
type granted struct {
	Subject  consent.SubjectID `json:"subject"`
	Purposes []string          `json:"purposes"`
}

// Withdraw implements fulfill.Consents.
func (w withdrawals) Withdraw(ctx context.Context, l request.Lease, key request.Key, identities []subject.Identity) (purposes []string, err error) {
	all, err := w.intended(ctx, l, key, identities)
	if err != nil {
		return nil, err
	}
	for _, g := range all {
		var entries []consent.Entry
		for _, p := range g.Purposes {
			entries = append(entries, consent.Entry{Subject: g.Subject, Purpose: p, Source: consent.Request})
		}
		_, err := w.db.Consents().Append(ctx, l.Tenant, "request/"+l.Request+"/"+g.Subject.String(), entries)
		if errors.Is(err, consent.ErrNotFound) {
			continue // erased meanwhile: nothing of theirs stands
		}
		if err != nil {
			return nil, err
		}
		purposes = append(purposes, g.Purposes...)
	}
	slices.Sort(purposes)
	return slices.Compact(purposes), nil
}

// intended gives what is to be withdrawn, and keeps it with the request when it
// is asked for the first time.
func (w withdrawals) intended(ctx context.Context, l request.Lease, key request.Key, identities []subject.Identity) (all []granted, err error) {
	papers, err := w.db.Work().Papers(ctx, l.Tenant, l.Request, consentPapers)
	if err != nil {
		return nil, err
	}
	if len(papers) > 0 { // there is but one
		text, err := papers[0].Unseal(key, l.Tenant, l.Request)
		if err != nil {
			return nil, err
		}
		err = json.Unmarshal(text, &all)
		return all, err
	}
	if all, err = w.standing(ctx, l.Tenant, identities); err != nil {
		return nil, err
	}
	text, err := json.Marshal(all)
	if err != nil {
		return nil, fmt.Errorf("note what is to be withdrawn: %w", err)
	}
	return all, w.db.Work().PutPaper(ctx, l, request.NewPaper(key, l.Tenant, l.Request, consentPapers, withdrawPaper, text))
}

// standing finds what stands granted for those whom the identities belong to,
// about purposes that there are.
func (w withdrawals) standing(ctx context.Context, tenant string, identities []subject.Identity) (all []granted, err error) {
	ledger := w.db.Consents()
	rules, err := ledger.Rules(ctx, tenant)
	if err != nil {
		return nil, err
	}
	for _, i := range identities {
		id, err := ledger.Find(ctx, tenant, i)
		if errors.Is(err, consent.ErrNotFound) || slices.ContainsFunc(all, func(g granted) bool { return g.Subject == id }) {
			continue
		}
		if err != nil {
			return nil, err
		}
		states, err := ledger.States(ctx, tenant, id)
		if err != nil {
			return nil, err
		}
		g := granted{Subject: id}
		for _, p := range rules.Purposes {
			if states[p.Key].Choice == consent.Granted {
				g.Purposes = append(g.Purposes, p.Key)
			}
		}
		if len(g.Purposes) > 0 {
			all = append(all, g)
		}
	}
	return all, nil
}
