package api

import (
	"context"
	"errors"

	"volenti.dev/volenti/auth"
	"volenti.dev/volenti/consent/registry"
	"volenti.dev/volenti/consent/site"
)

type servicesInput struct {
	Q      string `query:"q" maxLength:"200" doc:"Words that are all in the key, name, provider, category or hosts"`
	Limit  int    `query:"limit" doc:"How many services at once" minimum:"1" maximum:"1000" default:"100"`
	Cursor string `query:"cursor" maxLength:"64" doc:"The next of the page before"`
}

type servicesOutput struct {
	Body ServicePage
}

// ServicePage is a page of services, by key.
type ServicePage struct {
	Items []registry.Service `json:"items" nullable:"false"`
	Next  string             `json:"next,omitempty" doc:"The cursor of the next page; absent on the last"`
}

func listServices(_ *API, _ context.Context, _ auth.Caller, in *servicesInput) (*servicesOutput, error) {
	page := ServicePage{Items: []registry.Service{}}
	for _, s := range registry.Search(in.Q) {
		switch {
		case s.Key <= in.Cursor: // the key of the last of the page before
		case len(page.Items) == in.Limit:
			page.Next = page.Items[in.Limit-1].Key
			return &servicesOutput{page}, nil
		default:
			page.Items = append(page.Items, s)
		}
	}
	return &servicesOutput{page}, nil
}

type recogniseInput struct {
	Body struct {
		Addresses []string `json:"addresses" minItems:"1" maxItems:"1000" doc:"Hosts, or addresses of scripts and frames, as a page loads them"`
	}
}

const exampleAddresses = `{"addresses":["https://www.googletagmanager.com/gtag/js?id=G-1","player.vimeo.com"]}`

func recogniseServices(_ *API, _ context.Context, _ auth.Caller, in *recogniseInput) (*servicesOutput, error) {
	page := ServicePage{Items: []registry.Service{}}
	for _, key := range registry.Recognise(in.Body.Addresses) {
		s, _ := registry.Find(key)
		page.Items = append(page.Items, s)
	}
	return &servicesOutput{page}, nil
}

type syncSiteInput struct {
	ID   string `path:"id" format:"uuid"`
	Body struct {
		Revision   int64             `json:"revision" minimum:"1" doc:"Of the draft that was read"`
		Services   []string          `json:"services,omitempty" maxItems:"500" doc:"Keys of services that the site uses, beside those that its draft has"`
		Categories map[string]string `json:"categories,omitempty" maxProperties:"4" doc:"By necessary, functional, statistics and marketing: the site's category that it is, where that has another key"`
	}
}

const exampleSync = `{"revision":1,"services":["matomo","vimeo"],"categories":{"statistics":"statistics"}}`

type syncSiteOutput struct {
	Body SiteSync
}

// SiteSync is what became of a draft.
type SiteSync struct {
	Revision int64 `json:"revision" doc:"Of the draft now"`
	registry.Report
	Problems []site.Problem `json:"problems" nullable:"false" doc:"What keeps the draft from being published"`
}

// syncSite changes the draft only where there is something to change.
func syncSite(a *API, ctx context.Context, caller auth.Caller, in *syncSiteInput) (*syncSiteOutput, error) {
	was, draft, err := a.config.Sites.Get(ctx, caller.Tenant, in.ID)
	if err != nil {
		return nil, err
	}
	if was.Revision != in.Body.Revision {
		return nil, site.ErrRevision
	}
	o := registry.Options{Use: in.Body.Services, Categories: map[registry.Category]string{}}
	for from, to := range in.Body.Categories {
		o.Categories[registry.Category(from)] = to
	}
	synced, report, err := registry.Sync(draft, registry.All(), o)
	if wrong := (*registry.Invalid)(nil); errors.As(err, &wrong) {
		return nil, invalid("body."+wrong.Field, wrong.Text)
	}
	if report.Changes() {
		entry := act("site.sync", "site/"+in.ID, caller, map[string]any{
			"added": len(report.Added), "changed": len(report.Changed), "removed": len(report.Removed),
		})
		if err := a.config.Sites.Edit(ctx, caller.Tenant, in.ID, was.Revision, was.Name, synced, entry); err != nil {
			return nil, err
		}
	}
	now, err := a.site(ctx, caller, in.ID)
	return &syncSiteOutput{SiteSync{now.Revision, report, now.Problems}}, err
}
