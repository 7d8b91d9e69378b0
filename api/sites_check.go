package api

import (
	"context"
	"errors"
	"net/url"
	"slices"

	"volenti.dev/volenti/auth"
	"volenti.dev/volenti/consent/page"
	"volenti.dev/volenti/consent/registry"
)

// SitePages reads pages of sites, as visitors would be given them.
type SitePages interface {
	// Read gives the page at an address. A redirect is followed where may says so.
	// Where there is no page to be had, the error is a *page.Unread.
	Read(ctx context.Context, at *url.URL, may func(*url.URL) bool) (page.Answer, error)
	// Server is where pages reach this server.
	Server() *url.URL
}

type checkSiteInput struct {
	ID   string `path:"id" format:"uuid"`
	Body struct {
		Page string `json:"page,omitempty" maxLength:"2048" doc:"Address of a page of the site, or its path at the first origin; the first page of that unless told"`
	}
}

type checkSiteOutput struct {
	Body SiteCheck
}

// SiteCheck is what a page of a site says of its banner.
type SiteCheck struct {
	Page     string         `json:"page" doc:"That was read, behind all redirects"`
	Found    bool           `json:"found" doc:"The banner of this site is in it"`
	Findings []page.Finding `json:"findings" nullable:"false" doc:"The worst first"`
}

// checkSite reads a page of the site and nothing else: not what is on another origin
// than those of the draft, or of what is published.
func checkSite(a *API, ctx context.Context, caller auth.Caller, in *checkSiteInput) (*checkSiteOutput, error) {
	s, err := a.site(ctx, caller, in.ID)
	if err != nil {
		return nil, err
	}
	origins := s.Draft.Pages()
	if len(origins) == 0 {
		return nil, invalid("body.page", "the draft of the site names no origin yet: say first where its banner is shown")
	}
	at, ok := pageOf(origins[0], in.Body.Page)
	of := func(u *url.URL) bool { return slices.Contains(origins, u.Scheme+"://"+u.Host) }
	if !ok || !of(at) {
		return nil, invalid("body.page", "it is on none of the site's origins: give a path like /about, or an address that begins with one of them")
	}
	with := page.Site{Key: s.Key, Server: a.config.SitePages.Server()}
	if with.Shown, err = a.latestVersion(ctx, caller, s); err != nil {
		return nil, err
	}
	with.Asked = func(address string) string { return registry.Asked(with.Shown, address) }
	answer, err := a.config.SitePages.Read(ctx, at, of)
	var unread *page.Unread
	switch {
	case errors.As(err, &unread):
		return &checkSiteOutput{SiteCheck{Page: at.String(), Findings: []page.Finding{unread.Finding()}}}, nil
	case err != nil:
		return nil, err
	}
	all := page.Check(answer, with)
	found := slices.ContainsFunc(all, func(f page.Finding) bool { return f.Kind == page.Installed || f.Kind == page.Started })
	return &checkSiteOutput{SiteCheck{answer.At.String(), found, all}}, nil
}

// pageOf is the address that is meant, without what only browsers read of it.
func pageOf(origin, asked string) (at *url.URL, ok bool) {
	base, err := url.Parse(origin + "/")
	if err != nil {
		return nil, false
	}
	if at, err = base.Parse(asked); err != nil {
		return nil, false
	}
	at.Fragment, at.RawFragment = "", ""
	return at, at.User == nil
}
