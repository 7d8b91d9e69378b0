package api

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"volenti.dev/volenti/audit"
	"volenti.dev/volenti/auth"
	"volenti.dev/volenti/consent/site"
)

// Sites keeps the sites. What the tenant does not have is site.ErrNotFound;
// changes commit together with their audit entry.
type Sites interface {
	List(ctx context.Context, tenant string) ([]site.Summary, error)
	Create(ctx context.Context, caller auth.Caller, name string, d site.Draft) (id string, err error)
	Get(ctx context.Context, tenant, id string) (site.Summary, site.Draft, error)
	// Edit and Publish take the revision that was seen, or give
	// site.ErrRevision. What is wrong with a draft is a *site.Invalid.
	Edit(ctx context.Context, tenant, id string, revision int64, name string, d site.Draft, entry audit.Entry) error
	Publish(ctx context.Context, tenant, id string, revision int64, p site.Publication, by string, entry audit.Entry) (v site.Published, made bool, err error)
	Versions(ctx context.Context, tenant, id string) ([]site.Edition, error)
	Version(ctx context.Context, tenant, id string, n int) (site.Published, error)
	// What visitors read, who know the key of a site and no tenant.
	Place(ctx context.Context, key string) (site.Place, error)
	Shown(ctx context.Context, tenant, id string, n int) (*site.Published, error)
	Document(ctx context.Context, tenant, id string, n int, language, region string) (site.Rendered, error)
}

// maxSiteBody has room for the largest draft, however it is spaced.
const maxSiteBody = 1 << 20

type sitesOutput struct {
	Body SiteList
}

// SiteList is all sites of a tenant.
type SiteList struct {
	Items []site.Summary `json:"items" nullable:"false"`
}

func listSites(a *API, ctx context.Context, caller auth.Caller, _ *struct{}) (*sitesOutput, error) {
	all, err := a.config.Sites.List(ctx, caller.Tenant)
	if err != nil {
		return nil, err
	}
	return &sitesOutput{SiteList{append([]site.Summary{}, all...)}}, nil
}

type siteInput struct {
	ID string `path:"id" format:"uuid"`
}

type siteOutput struct {
	Body Site
}

// Site is a site with its draft.
type Site struct {
	site.Summary
	Draft    site.Draft     `json:"draft"`
	Problems []site.Problem `json:"problems" nullable:"false" doc:"What keeps the draft from being published"`
}

func showSite(a *API, ctx context.Context, caller auth.Caller, in *siteInput) (*siteOutput, error) {
	shown, err := a.site(ctx, caller, in.ID)
	return &siteOutput{shown}, err
}

func (a *API) site(ctx context.Context, caller auth.Caller, id string) (s Site, err error) {
	if s.Summary, s.Draft, err = a.config.Sites.Get(ctx, caller.Tenant, id); err != nil {
		return s, err
	}
	rules, err := a.config.Consents.Rules(ctx, caller.Tenant)
	if err != nil {
		return s, err
	}
	ledger := map[string]bool{}
	for _, p := range rules.Purposes {
		ledger[p.Key] = true
	}
	s.Problems = append([]site.Problem{}, s.Draft.Problems(ledger)...)
	return s, nil
}

type createSiteInput struct {
	Body struct {
		Name  string      `json:"name" minLength:"1" maxLength:"200" doc:"What operators call it"`
		Draft *site.Draft `json:"draft,omitempty" doc:"To begin with; the usual categories unless told"`
	}
}

type createSiteOutput struct {
	Status   int
	Location string `header:"Location"`
	Body     Site
}

func createSite(a *API, ctx context.Context, caller auth.Caller, in *createSiteInput) (*createSiteOutput, error) {
	d := site.Start()
	if in.Body.Draft != nil {
		d = *in.Body.Draft
	}
	id, err := a.config.Sites.Create(ctx, caller, in.Body.Name, d)
	if err != nil {
		return nil, err
	}
	made, err := a.site(ctx, caller, id)
	return &createSiteOutput{Status: http.StatusCreated, Location: "/api/v1/sites/" + id, Body: made}, err
}

type editSiteInput struct {
	ID   string `path:"id" format:"uuid"`
	Body struct {
		Revision int64      `json:"revision" minimum:"1" doc:"Of the draft that was read"`
		Name     string     `json:"name" minLength:"1" maxLength:"200"`
		Draft    site.Draft `json:"draft"`
	}
}

const exampleDraft = `{"revision":1,"name":"Shop","draft":{"origins":["https://shop.example"],"languages":["en","de"],"categories":[{"key":"necessary","necessary":true},{"key":"statistics","google":["analytics_storage"]}]}}`

func editSite(a *API, ctx context.Context, caller auth.Caller, in *editSiteInput) (*siteOutput, error) {
	entry := act("site.edit", "site/"+in.ID, caller, nil)
	if err := a.config.Sites.Edit(ctx, caller.Tenant, in.ID, in.Body.Revision, in.Body.Name, in.Body.Draft, entry); err != nil {
		return nil, err
	}
	return showSite(a, ctx, caller, &siteInput{in.ID})
}

type siteChangesOutput struct {
	Body SiteChanges
}

// SiteChanges is what publishing a draft would change.
type SiteChanges struct {
	Revision int64 `json:"revision" doc:"Of the draft"`
	Version  int   `json:"version" doc:"That it is compared with; 0 where nothing is published"`
	site.Change
	Problems []site.Problem `json:"problems" nullable:"false" doc:"What keeps the draft from being published"`
}

func showSiteChanges(a *API, ctx context.Context, caller auth.Caller, in *siteInput) (*siteChangesOutput, error) {
	s, err := a.site(ctx, caller, in.ID)
	if err != nil {
		return nil, err
	}
	before, err := a.latestVersion(ctx, caller, s)
	if err != nil {
		return nil, err
	}
	return &siteChangesOutput{SiteChanges{s.Revision, s.Version, s.Draft.Change(before), s.Problems}}, nil
}

type publishSiteInput struct {
	ID   string `path:"id" format:"uuid"`
	Body struct {
		Revision int64             `json:"revision" minimum:"1" doc:"Of the draft that was seen"`
		Material bool              `json:"material" doc:"Ask all visitors again"`
		Summary  map[string]string `json:"summary,omitempty" doc:"By language: what has changed, for visitors who are asked again"`
		By       string            `json:"classified_by" minLength:"1" maxLength:"256" doc:"Who decided whether the change is material"`
	}
}

const examplePublication = `{"revision":1,"material":true,"summary":{"en":"We count visits now."},"classified_by":"Olga Officer"}`

type publishSiteOutput struct {
	Status int
	Body   SiteVersion
}

func publishSite(a *API, ctx context.Context, caller auth.Caller, in *publishSiteInput) (*publishSiteOutput, error) {
	entry := act("site.publish", "site/"+in.ID, caller, nil)
	p := site.Publication{Material: in.Body.Material, Summary: in.Body.Summary}
	v, made, err := a.config.Sites.Publish(ctx, caller.Tenant, in.ID, in.Body.Revision, p, in.Body.By, entry)
	if err != nil {
		return nil, err
	}
	out := &publishSiteOutput{http.StatusOK, shownVersion(v, caller)}
	if made {
		out.Status = http.StatusCreated
	}
	return out, nil
}

// SiteVersion is a version with all that visitors were shown.
type SiteVersion struct {
	site.Published
	PublishedAt  time.Time `json:"published_at"`
	ClassifiedBy string    `json:"classified_by,omitempty" doc:"Who decided whether it is material; for keys that manage consents"`
}

func shownVersion(v site.Published, caller auth.Caller) SiteVersion {
	shown := SiteVersion{Published: v, PublishedAt: v.Version.Published}
	if caller.May(auth.ManageConsents) { // it names an operator
		shown.ClassifiedBy = v.ClassifiedBy
	}
	return shown
}

type siteVersionsOutput struct {
	Body SiteVersions
}

// SiteVersions is all that was published of a site, newest first.
type SiteVersions struct {
	Items []site.Edition `json:"items" nullable:"false"`
}

func listSiteVersions(a *API, ctx context.Context, caller auth.Caller, in *siteInput) (*siteVersionsOutput, error) {
	if _, _, err := a.config.Sites.Get(ctx, caller.Tenant, in.ID); err != nil {
		return nil, err
	}
	all, err := a.config.Sites.Versions(ctx, caller.Tenant, in.ID)
	return &siteVersionsOutput{SiteVersions{append([]site.Edition{}, all...)}}, err
}

// latestVersion is what visitors see of a site; nil where nothing is published.
func (a *API) latestVersion(ctx context.Context, caller auth.Caller, s Site) (*site.Version, error) {
	if s.Version == 0 {
		return nil, nil
	}
	shown, err := a.config.Sites.Shown(ctx, caller.Tenant, s.ID, s.Version)
	if err != nil {
		return nil, err
	}
	return &shown.Version, nil
}

type siteVersionInput struct {
	ID      string `path:"id" format:"uuid"`
	Version int    `path:"version" minimum:"1" maximum:"2147483647"`
}

type siteVersionOutput struct {
	Body SiteVersion
}

func showSiteVersion(a *API, ctx context.Context, caller auth.Caller, in *siteVersionInput) (*siteVersionOutput, error) {
	v, err := a.config.Sites.Version(ctx, caller.Tenant, in.ID, in.Version)
	return &siteVersionOutput{shownVersion(v, caller)}, err
}

type previewSiteInput struct {
	ID       string `path:"id" format:"uuid"`
	Language string `query:"language" maxLength:"35" doc:"BCP 47 tag; the site's first unless told"`
	Region   string `query:"region" maxLength:"64" doc:"Key of a region; the last unless told"`
}

type previewSiteOutput struct {
	Body site.Document
}

func previewSite(a *API, ctx context.Context, caller auth.Caller, in *previewSiteInput) (*previewSiteOutput, error) {
	s, err := a.site(ctx, caller, in.ID)
	if err != nil {
		return nil, err
	}
	if len(s.Problems) > 0 {
		return nil, &site.Invalid{Problems: s.Problems}
	}
	before, err := a.latestVersion(ctx, caller, s)
	if err != nil {
		return nil, err
	}
	return &previewSiteOutput{s.Draft.Preview(before, in.ID, a.config.Now()).Document(s.Key, in.Language, in.Region)}, nil
}

// ofSite tells what is wrong with a change of a site.
func ofSite(err error) *Problem {
	var wrong *site.Invalid
	switch {
	case errors.Is(err, site.ErrNotFound):
		return notFound()
	case errors.Is(err, site.ErrRevision):
		return &Problem{Title: http.StatusText(http.StatusConflict), Status: http.StatusConflict, Detail: "The draft was changed or published since you read it. Read it again and make your change there."}
	case errors.As(err, &wrong):
		p := &Problem{Title: http.StatusText(http.StatusUnprocessableEntity), Status: http.StatusUnprocessableEntity, Detail: notValid}
		for _, w := range wrong.Problems {
			p.Errors = append(p.Errors, Violation{placeOf(w.Field), w.Text})
		}
		return p
	}
	return nil
}

// placeOf says whether a field is of the body or of the draft that is kept.
func placeOf(field string) string {
	first, _, _ := strings.Cut(field, ".")
	switch first {
	case "name", "draft", "material", "summary":
		return "body." + field
	}
	return "draft." + field
}
