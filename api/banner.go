package api

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"volenti.dev/volenti/auth"
	"volenti.dev/volenti/consent/site"
)

// Banners keeps what visitors of sites choose. A visitor is known by the random
// id of their device, which nobody else knows; operators name a consent by the
// id in its records. What is not there is site.ErrNotFound.
type Banners interface {
	// Choose records a submission about a site; the same once more changes
	// nothing and gives what stands now. What is wrong with it is a
	// *consent.Invalid; site.ErrConflict when its id was used for another content.
	Choose(ctx context.Context, at site.Place, s site.Submission) (site.Standing, error)
	// Current gives what stands; what has expired or was withdrawn does not.
	Current(ctx context.Context, tenant, siteID, device string) (site.Standing, error)
	Withdraw(ctx context.Context, tenant, siteID, device, submission string) error
	// Kept gives all that is kept of a device, the newest record first.
	Kept(ctx context.Context, tenant, siteID, device string) (site.Standing, []site.Entry, error)
	// Receipt proves the latest record of a device.
	Receipt(ctx context.Context, tenant, siteID, device string) (site.Receipt, error)

	Consent(ctx context.Context, tenant, siteID, id string) (site.Standing, error)
	Trail(ctx context.Context, tenant, siteID, id string) ([]site.Entry, error)
	WithdrawConsent(ctx context.Context, tenant, siteID, id, by string) error
}

// Bodies of the routes, for the document and for tests.
const (
	exampleSubmission = `{"device":"q3Zt8m0bT1yVx5wKc7Rj2A","submission":"0198c0de-0000-4000-8000-000000000001","version":1,"digest":"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08","language":"en","region":"all","categories":{"statistics":false},"source":"banner"}`
	exampleWithdrawal = `{"device":"q3Zt8m0bT1yVx5wKc7Rj2A","submission":"0198c0de-0000-4000-8000-000000000002"}`
)

type submissionInput struct {
	Site string `path:"site" maxLength:"64" doc:"Key of the site"`
	Body VisitorsChoice
}

// VisitorsChoice is what a visitor chose, as the page sends it.
type VisitorsChoice struct {
	Device        string          `json:"device" minLength:"22" maxLength:"64" pattern:"^[A-Za-z0-9_-]*$" doc:"Random id that the page keeps"`
	Submission    string          `json:"submission" format:"uuid" doc:"Sent again with the same content, nothing happens twice"`
	Version       int             `json:"version" minimum:"0" maximum:"2147483647" doc:"That was shown; 0 while the site has published nothing"`
	Digest        string          `json:"digest" maxLength:"64" nullable:"true" doc:"Of that version; empty or null while the site has published nothing"`
	Language      string          `json:"language" maxLength:"35"`
	Region        string          `json:"region" maxLength:"64"`
	Categories    map[string]bool `json:"categories" maxProperties:"100" doc:"What is not there is refused"`
	Vendors       map[string]bool `json:"vendors,omitempty" maxProperties:"1000" doc:"Those that differ from their category"`
	Source        string          `json:"source" enum:"banner,preferences,gpc,script" doc:"What made the choice"`
	ConsentString string          `json:"consent_string,omitempty" maxLength:"4096" doc:"Kept beside the choice"`
}

type visitorOutput struct {
	Status int
	Body   VisitorsConsent
}

// VisitorsConsent is what stands for a visitor.
type VisitorsConsent struct {
	HasConsent bool           `json:"has_consent"`
	Consent    *site.Standing `json:"consent" doc:"null where nothing stands"`
}

func standing(s site.Standing, now time.Time) VisitorsConsent {
	if !s.Stands(now) {
		return VisitorsConsent{}
	}
	return VisitorsConsent{true, &s}
}

// recordChoiceQuickly is recordChoice for a body that is in order beyond doubt.
func recordChoiceQuickly(a *API, ctx context.Context, caller auth.Caller, w http.ResponseWriter, r *http.Request) error {
	in := &submissionInput{}
	if err := readQuickly(r, in.Body.read); err != nil {
		return err
	}
	out, err := recordChoice(a, ctx, caller, in)
	if err != nil {
		return err
	}
	return answerJSON(w, out.Status, out.Body)
}

// read reads a body, and says whether it holds nothing that the document does
// not allow. It is stricter than the document.
func (c *VisitorsChoice) read(body []byte) (sound bool) {
	if !strictly(body, c) {
		return false
	}
	for _, field := range []string{"submission", "version", "digest", "language", "region", "categories", "source"} {
		if !bytes.Contains(body, []byte(`"`+field+`"`)) {
			return false
		}
	}
	_, err := uuid.Parse(c.Submission)
	return err == nil && len(c.Submission) == 36 && site.ValidDevice(c.Device) && c.Version >= 0 && c.Version <= 1<<31-1 && len(c.Digest) <= 64 &&
		len(c.Language) <= 35 && len(c.Region) <= 64 && len(c.Categories) <= 100 && len(c.Vendors) <= 1000 && len(c.ConsentString) <= site.MaxConsentString &&
		slices.Contains([]site.Source{site.Banner, site.Preferences, site.GPC, site.Script}, site.Source(c.Source))
}

func recordChoice(a *API, ctx context.Context, _ auth.Caller, in *submissionInput) (*visitorOutput, error) {
	v := visitOf(ctx)
	if err := a.patient(v, in.Body.Device); err != nil {
		return nil, err
	}
	s, err := a.config.Banners.Choose(ctx, v.Place, site.Submission{
		Device: in.Body.Device, ID: strings.ToLower(in.Body.Submission), Version: in.Body.Version, Digest: in.Body.Digest,
		Language: in.Body.Language, Region: in.Body.Region, Categories: in.Body.Categories, Vendors: in.Body.Vendors,
		Source: site.Source(in.Body.Source), ConsentString: in.Body.ConsentString,
		Signal: v.signal, Address: v.address, Agent: v.agent, Country: v.country,
	})
	if err != nil {
		return nil, err
	}
	return &visitorOutput{http.StatusCreated, standing(s, a.config.Now())}, nil
}

type deviceInput struct {
	Site string `path:"site" maxLength:"64" doc:"Key of the site"`
	Body DeviceID
}

func currentChoice(a *API, ctx context.Context, _ auth.Caller, in *deviceInput) (*visitorOutput, error) {
	v := visitOf(ctx)
	s, err := a.config.Banners.Current(ctx, v.Tenant, v.ID, in.Body.Device)
	if err != nil && !errors.Is(err, site.ErrNotFound) {
		return nil, err
	}
	return &visitorOutput{http.StatusOK, standing(s, a.config.Now())}, nil
}

type withdrawalInput struct {
	Site string `path:"site" maxLength:"64" doc:"Key of the site"`
	Body struct {
		DeviceID
		Submission string `json:"submission" format:"uuid" doc:"Sent again, nothing happens twice"`
	}
}

type withdrawalOutput struct {
	Body VisitorsWithdrawal
}

// VisitorsWithdrawal says that a consent was withdrawn.
type VisitorsWithdrawal struct {
	Success bool   `json:"success"`
	Message string `json:"message"`
}

var withdrawn = &withdrawalOutput{VisitorsWithdrawal{true, "Consent withdrawn"}}

func withdrawChoice(a *API, ctx context.Context, _ auth.Caller, in *withdrawalInput) (*withdrawalOutput, error) {
	v := visitOf(ctx)
	if err := a.patient(v, in.Body.Device); err != nil {
		return nil, err
	}
	if err := a.config.Banners.Withdraw(ctx, v.Tenant, v.ID, in.Body.Device, strings.ToLower(in.Body.Submission)); err != nil {
		return nil, noConsent(err)
	}
	return withdrawn, nil
}

// noConsent says what is not found.
func noConsent(err error) error {
	if errors.Is(err, site.ErrNotFound) {
		return &Problem{Status: http.StatusNotFound, Detail: "No consent stands for this device."}
	}
	return err
}

type keptOutput struct {
	Body VisitorsRecords
}

// VisitorsRecords is all that is kept of a visitor.
type VisitorsRecords struct {
	Consents []site.Standing `json:"consents" nullable:"false" doc:"What was chosen last, whether or not it stands"`
	Trail    []site.Entry    `json:"trail" nullable:"false" doc:"Every record, the newest first"`
}

func exportChoices(a *API, ctx context.Context, _ auth.Caller, in *deviceInput) (*keptOutput, error) {
	v := visitOf(ctx)
	s, trail, err := a.config.Banners.Kept(ctx, v.Tenant, v.ID, in.Body.Device)
	if errors.Is(err, site.ErrNotFound) {
		return &keptOutput{VisitorsRecords{[]site.Standing{}, []site.Entry{}}}, nil
	}
	return &keptOutput{VisitorsRecords{[]site.Standing{s}, trail}}, err
}

func receiptOfChoice(a *API, ctx context.Context, _ auth.Caller, in *deviceInput) (*documentOutput, error) {
	v := visitOf(ctx)
	r, err := a.config.Banners.Receipt(ctx, v.Tenant, v.ID, in.Body.Device)
	if err != nil {
		return nil, noConsent(err)
	}
	text, err := r.Text()
	return &documentOutput{"application/json", text}, err
}

type siteConsentInput struct {
	ID      string `path:"id" format:"uuid" doc:"Of the site"`
	Consent string `path:"consent" format:"uuid" doc:"Id of the consent"`
}

type siteConsentOutput struct {
	Body SiteConsent
}

// SiteConsent is what is known under the id of a consent. Which device it is
// about is not in it.
type SiteConsent struct {
	VisitorsConsent
	Trail []site.Entry `json:"trail" nullable:"false" doc:"Every record, the newest first; they outlast the consent"`
}

func showSiteConsent(a *API, ctx context.Context, caller auth.Caller, in *siteConsentInput) (*siteConsentOutput, error) {
	trail, err := a.config.Banners.Trail(ctx, caller.Tenant, in.ID, in.Consent)
	if err != nil {
		return nil, err
	}
	s, err := a.config.Banners.Consent(ctx, caller.Tenant, in.ID, in.Consent)
	if err != nil && !errors.Is(err, site.ErrNotFound) {
		return nil, err
	}
	return &siteConsentOutput{SiteConsent{standing(s, a.config.Now()), trail}}, nil
}

func withdrawSiteConsent(a *API, ctx context.Context, caller auth.Caller, in *siteConsentInput) (*withdrawalOutput, error) {
	if err := a.config.Banners.WithdrawConsent(ctx, caller.Tenant, in.ID, in.Consent, caller.By()); err != nil {
		return nil, err
	}
	return withdrawn, nil
}
