package server

import (
	"context"
	"slices"
	"strings"

	"volenti.dev/volenti/api"
	"volenti.dev/volenti/audit"
	"volenti.dev/volenti/auth"
	"volenti.dev/volenti/config"
	"volenti.dev/volenti/message"
	"volenti.dev/volenti/request"
)

// Deny implements api.Desk.
func (d *frontDesk) Deny(ctx context.Context, caller auth.Caller, id string, why api.Denial) error {
	requests := d.house.Store.Requests()
	r, err := requests.Get(ctx, caller.Tenant, id)
	if err != nil {
		return err
	}
	if _, err := r.Status.Next(request.Deny); err != nil {
		return err
	}
	details, words := map[string]any{"by": caller.By()}, why.Reason
	if why.Template != "" {
		details["template"] = why.Template
		if words, err = d.wordsOf(ctx, r, why.Template); err != nil {
			return err
		}
	} else {
		details["reason"] = why.Reason
	}
	told, err := d.handing.letter(ctx, r, message.Denial, message.Values{"reason": words})
	if err != nil {
		return err
	}
	details["told"] = len(told.Letters) > 0
	turn := request.Turn{Event: request.Deny, Message: words, Letters: told.Letters, Passes: told.Passes}
	return requests.Decide(ctx, caller.Tenant, id, turn, audit.Entry{Act: "request.deny", Object: "request/" + id, Details: details})
}

// wordsOf gives the words of a template in the language of the person.
func (d *frontDesk) wordsOf(ctx context.Context, r request.Request, key string) (string, error) {
	e, release, err := d.latest.Use(ctx, r.Tenant)
	if err != nil {
		return "", err
	}
	defer release()
	var keys []string
	for _, t := range e.config.Denials {
		if t.Key == key {
			return t.For(r.Language), nil
		}
		keys = append(keys, t.Key)
	}
	return "", request.Unknown("template", "there is no such denial", keys)
}

// Denials implements api.Desk.
func (d *frontDesk) Denials(ctx context.Context, tenant string) ([]api.DenialTemplate, error) {
	e, release, err := d.latest.Use(ctx, tenant)
	if err != nil {
		return nil, err
	}
	defer release()
	var all []api.DenialTemplate
	for _, t := range slices.SortedFunc(slices.Values(e.config.Denials), func(a, b config.Denial) int { return strings.Compare(a.Key, b.Key) }) {
		all = append(all, api.DenialTemplate{Key: t.Key, Title: t.Title, Reason: t.Reason})
	}
	return all, nil
}
