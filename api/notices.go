package api

import (
	"context"
	"net/http"

	"volenti.dev/volenti/audit"
	"volenti.dev/volenti/auth"
	"volenti.dev/volenti/consent"
	"volenti.dev/volenti/consent/notice"
)

type purposesOutput struct {
	Body Purposes
}

// Purposes is what people are asked for.
type Purposes struct {
	Purposes []consent.PurposeForm `json:"purposes" nullable:"false" minItems:"1" maxItems:"500" doc:"In the order in which they are shown"`
	Sources  []string              `json:"sources,omitempty" maxItems:"500" doc:"Where choices are made, beside those that there always are"`
}

func showPurposes(a *API, ctx context.Context, caller auth.Caller, _ *struct{}) (*purposesOutput, error) {
	rules, err := a.config.Consents.Rules(ctx, caller.Tenant)
	if err != nil {
		return nil, err
	}
	return &purposesOutput{purposesOf(rules)}, nil
}

func purposesOf(rules *consent.Rules) (all Purposes) {
	for _, p := range rules.Purposes {
		all.Purposes = append(all.Purposes, p.Form())
	}
	for _, s := range rules.Sources {
		all.Sources = append(all.Sources, string(s))
	}
	return all
}

type setPurposesInput struct {
	Body Purposes
}

func setPurposes(a *API, ctx context.Context, caller auth.Caller, in *setPurposesInput) (*purposesOutput, error) {
	var purposes []consent.Purpose
	var sources []consent.Source
	for _, f := range in.Body.Purposes {
		purposes = append(purposes, f.Purpose())
	}
	for _, s := range in.Body.Sources {
		sources = append(sources, consent.Source(s))
	}
	if err := a.config.Consents.Configure(ctx, caller.Tenant, purposes, sources, act("purposes.set", "purposes", caller, nil)); err != nil {
		return nil, err
	}
	return showPurposes(a, ctx, caller, nil)
}

// act is an entry of what a key did.
func act(act, object string, caller auth.Caller, details map[string]any) audit.Entry {
	if details == nil {
		details = map[string]any{}
	}
	details["by"] = caller.By()
	return audit.Entry{Act: act, Object: object, Details: details}
}

type noticesOutput struct {
	Body Notices
}

// Notices are the published versions, oldest first.
type Notices struct {
	Items   []notice.Published `json:"items" nullable:"false"`
	Current string             `json:"current,omitempty" doc:"The version that people are shown now"`
}

func listNotices(a *API, ctx context.Context, caller auth.Caller, _ *struct{}) (*noticesOutput, error) {
	rules, err := a.config.Consents.Rules(ctx, caller.Tenant)
	if err != nil {
		return nil, err
	}
	return &noticesOutput{Notices{Items: append([]notice.Published{}, rules.Versions...), Current: rules.Current()}}, nil
}

type noticeInput struct {
	Version string `path:"version" maxLength:"64"`
}

type noticeOutput struct {
	Body Notice
}

// Notice is a published version with its texts.
type Notice struct {
	notice.Published
	Texts        []Text `json:"texts" nullable:"false"`
	ClassifiedBy string `json:"classified_by,omitempty" doc:"Who decided whether the change is material; for keys that manage consents"`
}

// Text is the full text of a version in one language.
type Text struct {
	Language string `json:"language" minLength:"2" maxLength:"35" doc:"BCP 47 tag"`
	Body     string `json:"body" minLength:"1" maxLength:"1048576"`
}

func showNotice(a *API, ctx context.Context, caller auth.Caller, in *noticeInput) (*noticeOutput, error) {
	v, err := a.config.Consents.Notice(ctx, caller.Tenant, in.Version)
	if err != nil {
		return nil, err
	}
	out := &noticeOutput{Notice{Published: v.Published}}
	if caller.May(auth.ManageConsents) { // it names an operator
		out.Body.ClassifiedBy = v.ClassifiedBy
	}
	for _, text := range v.Texts {
		out.Body.Texts = append(out.Body.Texts, Text{text.Language, text.Body})
	}
	return out, nil
}

type controllerOutput struct {
	Body consent.Controller
}

func showController(a *API, ctx context.Context, caller auth.Caller, _ *struct{}) (*controllerOutput, error) {
	rules, err := a.config.Consents.Rules(ctx, caller.Tenant)
	if err != nil {
		return nil, err
	}
	return &controllerOutput{rules.Controller}, nil
}

type setControllerInput struct {
	Body consent.Controller
}

func setController(a *API, ctx context.Context, caller auth.Caller, in *setControllerInput) (*controllerOutput, error) {
	if err := a.config.Consents.Describe(ctx, caller.Tenant, in.Body, act("controller.set", "controller", caller, nil)); err != nil {
		return nil, err
	}
	return showController(a, ctx, caller, nil)
}

type dueInput struct {
	Limit  int    `query:"limit" doc:"How many people at once" minimum:"1" maximum:"1000" default:"100"`
	Cursor string `query:"cursor" doc:"The next of the page before" maxLength:"100"`
}

type dueOutput struct {
	Body DuePage
}

// DuePage is a page of people who are to be asked again.
type DuePage struct {
	Items []consent.Due `json:"items" nullable:"false"`
	Next  string        `json:"next,omitempty" doc:"The cursor of the next page; absent on the last"`
}

func listDue(a *API, ctx context.Context, caller auth.Caller, in *dueInput) (*dueOutput, error) {
	behind, err := openCursor(in.Cursor)
	if err != nil {
		return nil, err
	}
	var after consent.SubjectID
	if behind != "" {
		if after, err = consent.ParseSubjectID(behind); err != nil {
			return nil, invalid("query.cursor", "it is not the next of a page")
		}
	}
	found, err := a.config.Consents.Due(ctx, caller.Tenant, a.config.Now(), after, in.Limit+1)
	if err != nil {
		return nil, err
	}
	page := DuePage{Items: []consent.Due{}}
	if len(found) > in.Limit {
		found = found[:in.Limit]
		page.Next = cursor(found[len(found)-1].Subject.String())
	}
	page.Items = append(page.Items, found...)
	return &dueOutput{page}, nil
}

// maxNoticeBody has room for a few of the largest texts.
const maxNoticeBody = 8 << 20

type publishInput struct {
	Body struct {
		Version  string   `json:"version" minLength:"1" maxLength:"64" doc:"Label of the version"`
		Texts    []Text   `json:"texts" minItems:"1" maxItems:"100"`
		Summary  string   `json:"summary,omitempty" maxLength:"4096" doc:"What changed, for the people who are asked again"`
		Material bool     `json:"material" doc:"Ask those again who agreed to an earlier version"`
		By       string   `json:"classified_by" minLength:"1" maxLength:"256" doc:"Who decided whether the change is material"`
		Purposes []string `json:"purposes,omitempty" maxItems:"500" doc:"That a material change affects; all unless told"`
	}
}

type publishOutput struct {
	Status int
	Body   notice.Published
}

func publishNotice(a *API, ctx context.Context, caller auth.Caller, in *publishInput) (*publishOutput, error) {
	v := notice.Version{
		Version: in.Body.Version, Summary: in.Body.Summary, Material: in.Body.Material,
		ClassifiedBy: in.Body.By, Purposes: in.Body.Purposes,
	}
	for _, t := range in.Body.Texts {
		v.Texts = append(v.Texts, notice.Text{Language: t.Language, Body: t.Body})
	}
	entry := act("notice.publish", "notice", caller, map[string]any{"version": v.Version, "material": v.Material, "classified_by": v.ClassifiedBy})
	if err := a.config.Consents.Publish(ctx, caller.Tenant, v, entry); err != nil {
		return nil, err
	}
	rules, err := a.config.Consents.Rules(ctx, caller.Tenant)
	if err != nil {
		return nil, err
	}
	return &publishOutput{http.StatusCreated, *rules.Version(v.Version)}, nil
}
