package server

import (
	"context"
	"slices"
	"strings"

	"volenti.dev/volenti/api"
	"volenti.dev/volenti/audit"
	"volenti.dev/volenti/auth"
	"volenti.dev/volenti/request"
	"volenti.dev/volenti/request/fulfill"
)

var _ api.Reviews = (*frontDesk)(nil)

// Finish implements api.Reviews.
func (d *frontDesk) Finish(ctx context.Context, caller auth.Caller, id string) error {
	entry := audit.Entry{Act: "request.finish", Object: "request/" + id, Details: map[string]any{"by": caller.By()}}
	if err := d.house.Store.Requests().GoOn(ctx, caller.Tenant, id, request.RequiresFinalization, fulfill.AfterReview, entry); err != nil {
		return err
	}
	d.wake()
	return nil
}

// Resubmit implements api.Reviews. The time of the new request runs from when
// the first one came in: the person has asked once.
func (d *frontDesk) Resubmit(ctx context.Context, caller auth.Caller, id string, s api.Submission) (request.Request, error) {
	was, err := d.house.Store.Requests().Get(ctx, caller.Tenant, id)
	if err != nil {
		return was, err
	}
	if !slices.Contains([]request.Status{request.Denied, request.Canceled, request.CompleteWithResidue}, was.Status) {
		return was, request.ErrTransition
	}
	if err := d.sameIdentities(ctx, was, s); err != nil {
		return was, err
	}
	s.Policy = was.Policy
	return d.submit(ctx, caller, s, request.Request{
		Of: was.ID, Received: was.Received, Law: was.Law, Place: was.Place, Language: was.Language, Source: was.Source,
	})
}

// sameIdentities compares what is sent with the digests of what a request had.
// What a webhook had added is left out: it adds that again.
func (d *frontDesk) sameIdentities(ctx context.Context, was request.Request, s api.Submission) error {
	had, err := d.house.Store.Requests().Identities(ctx, was.Tenant, was.ID)
	if err != nil {
		return err
	}
	keys, err := d.house.Store.Tenant(ctx, was.Tenant)
	if err != nil {
		return err
	}
	var want, got, types []string
	for _, i := range had {
		if i.Origin != request.Derived {
			want, types = append(want, string(i.Type)+" "+i.Digest), append(types, string(i.Type))
		}
	}
	for _, i := range s.Identities {
		got = append(got, string(i.Type)+" "+i.Digest(keys.RecallKey()))
	}
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(want, slices.Compact(got)) {
		return &request.Invalid{Where: "identities", What: "send those of the request that has ended, which were destroyed with it: of the types " + strings.Join(types, ", ")}
	}
	return nil
}
