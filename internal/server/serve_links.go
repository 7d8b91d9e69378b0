package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"volenti.dev/volenti/api"
	"volenti.dev/volenti/audit"
	"volenti.dev/volenti/auth"
	"volenti.dev/volenti/message"
	"volenti.dev/volenti/request"
	"volenti.dev/volenti/request/fulfill"
	"volenti.dev/volenti/request/graph"
)

var (
	_ api.Packages = (*handing)(nil)
	_ api.Links    = (*handing)(nil)
)

// find gives what a link to a package leads to.
func (h *handing) find(ctx context.Context, token string) (auth.Pass, api.Handout, error) {
	p, err := h.db.Passes().Find(ctx, auth.FetchPackage, token)
	if err != nil {
		return p, api.Handout{}, err
	}
	id := strings.TrimPrefix(p.Object, request.PackageObject(""))
	handout, err := h.shelf(p.Tenant, id).handout(ctx, p.Part)
	if errors.Is(err, request.ErrNotFound) {
		err = auth.ErrRefused
	}
	return p, handout, err
}

// Look implements api.Packages.
func (h *handing) Look(ctx context.Context, token string) (api.Offer, error) {
	p, handout, err := h.find(ctx, token)
	if err != nil {
		return api.Offer{}, err
	}
	return api.Offer{Name: handout.Name, Left: p.Uses, Expires: p.Expires}, handout.File.Close()
}

// Fetch implements api.Packages.
func (h *handing) Fetch(ctx context.Context, token string) (api.Handout, error) {
	p, handout, err := h.find(ctx, token)
	if err != nil {
		return api.Handout{}, err
	}
	entry := audit.Entry{Act: "package.fetch", Object: p.Object, Details: map[string]any{"link": p.ID, "rule": p.Part}}
	if err := h.db.Passes().Use(ctx, p, entry); err != nil {
		return api.Handout{}, errors.Join(err, handout.File.Close())
	}
	return handout, nil
}

// Links implements api.Links.
func (h *handing) Links(ctx context.Context, tenant, id string) ([]api.Link, error) {
	if _, err := h.db.Keys().OpenPackage(ctx, tenant, id); err != nil {
		return nil, err
	}
	passes, err := h.db.Passes().Standing(ctx, tenant, auth.FetchPackage, request.PackageObject(id))
	var links []api.Link
	for _, p := range passes {
		links = append(links, api.Link{Rule: p.Part, Left: p.Uses, Expires: p.Expires})
	}
	return links, err
}

// Renew implements api.Links. A link does not outlive its package.
func (h *handing) Renew(ctx context.Context, caller auth.Caller, id string) ([]api.Link, error) {
	to, err := h.kept(ctx, caller.Tenant, id)
	if err != nil {
		return nil, err
	}
	r, err := h.db.Requests().Get(ctx, caller.Tenant, id)
	if err != nil {
		return nil, err
	}
	if r.Ended.IsZero() {
		return nil, fmt.Errorf("%w: its package may still change", request.ErrTransition)
	}
	plan := &graph.Plan{}
	if err := json.Unmarshal(r.Plan, plan); err != nil {
		return nil, fmt.Errorf("read the stored plan: %w", err)
	}
	writing, _, err := h.about(ctx, r)
	if err != nil {
		return nil, err
	}
	writing.Until = r.Ended.Add(h.keeps)
	told, err := writing.Completion(r, to, fulfill.Rules(plan), message.Values{"residue": r.Status == request.CompleteWithResidue})
	if err != nil {
		return nil, err
	}
	object := request.PackageObject(id)
	entry := audit.Entry{Act: "package.link", Object: object, Details: map[string]any{"by": caller.By()}}
	if err := h.db.Passes().Renew(ctx, caller.Tenant, auth.FetchPackage, object, told, entry); err != nil {
		return nil, err
	}
	return h.Links(ctx, caller.Tenant, id)
}

// kept gives the address that lies beside a package.
func (h *handing) kept(ctx context.Context, tenant, id string) (request.Address, error) {
	if _, err := h.db.Keys().OpenPackage(ctx, tenant, id); err != nil {
		return request.Address{}, err
	}
	file, err := h.shelf(tenant, id).open(ctx, fulfill.AddressName)
	if errors.Is(err, request.ErrNotFound) || err == nil && h.writing.URL == "" {
		return request.Address{}, request.ErrNoAddress
	}
	if err != nil {
		return request.Address{}, err
	}
	text, err := io.ReadAll(file)
	return request.KeptAddress(string(text)), errors.Join(err, file.Close())
}

// Revoke implements api.Links.
func (h *handing) Revoke(ctx context.Context, caller auth.Caller, id string) error {
	if _, err := h.db.Keys().OpenPackage(ctx, caller.Tenant, id); err != nil {
		return err
	}
	object := request.PackageObject(id)
	entry := audit.Entry{Act: "package.revoke", Object: object, Details: map[string]any{"by": caller.By()}}
	return h.db.Passes().Revoke(ctx, caller.Tenant, auth.FetchPackage, object, entry)
}
