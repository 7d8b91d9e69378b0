package web

import (
	"cmp"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"volenti.dev/volenti/webhook"
)

type hook struct {
	ID           string         `json:"id"`
	URL          string         `json:"url"`
	Description  string         `json:"description"`
	Types        []webhook.Type `json:"types"`
	CloudEvents  bool           `json:"cloudevents"`
	AllowPrivate bool           `json:"allow_private"`
	Enabled      bool           `json:"enabled"`
	Reason       string         `json:"reason"`
	Cursor       int64          `json:"cursor"`
	Waiting      int64          `json:"waiting"`
	Succeeded    *time.Time     `json:"succeeded"`
	Created      time.Time      `json:"created"`
}

type hookAttempt struct {
	At       time.Time    `json:"at"`
	Type     webhook.Type `json:"type"`
	Sequence int64        `json:"sequence"`
	Try      int64        `json:"try"`
	Status   int          `json:"status"`
	Outcome  string       `json:"outcome"`
	Millis   int64        `json:"took_ms"`
	Next     *time.Time   `json:"next"`
}

type hooksView struct {
	Items []hook
	All   []webhook.Type
}

// Has says whether the form has an event chosen.
func (hooksView) Has(f *form, t webhook.Type) bool { return hookView{}.Has(f, t) }

func listWebhooks(v *visit) error { return v.hooks(http.StatusOK, nil) }

func (v *visit) hooks(status int, f *form) error {
	view := hooksView{All: webhook.Types()}
	if err := v.get("/webhooks", &view); err != nil {
		return err
	}
	return v.show(status, "admin/webhooks", view, f)
}

func createWebhook(v *visit) error {
	var made struct {
		ID     string
		Secret string
	}
	err := v.post("/webhooks", v.hookSettings(), &made)
	if err != nil {
		return v.mend(err, v.hooks)
	}
	return v.hook(http.StatusCreated, made.ID, hookView{Secret: made.Secret}, nil)
}

// hookSettings reads what a form says of a webhook.
func (v *visit) hookSettings() map[string]any {
	return map[string]any{
		"url": v.value("url"), "description": v.value("description"), "types": append([]string{}, v.r.PostForm["types"]...),
		"cloudevents": v.value("cloudevents") != "", "allow_private": v.value("allow_private") != "",
	}
}

func editWebhook(v *visit) error {
	body := v.hookSettings()
	if pending := v.value("pending"); pending != "" {
		body["pending"] = pending
	}
	err := v.ask(http.MethodPut, "/webhooks/"+url.PathEscape(v.r.PathValue("id")), body, nil)
	return v.hookChanged(err, hookView{Saved: err == nil})
}

type hookView struct {
	hook
	All      []webhook.Type
	Saved    bool
	Attempts []hookAttempt
	Pages    pages
	Tested   *hookAttempt
	Secret   string // shown once
	Until    *time.Time
}

// Has says whether the form has an event chosen.
func (h hookView) Has(f *form, t webhook.Type) bool {
	return slices.Contains(f.entered["types"], string(t))
}

// form gives what the form of a webhook begins with.
func (h hook) form() url.Values {
	begin := url.Values{"url": {h.URL}, "description": {h.Description}}
	for _, t := range h.Types {
		begin.Add("types", string(t))
	}
	for name, is := range map[string]bool{"cloudevents": h.CloudEvents, "allow_private": h.AllowPrivate} {
		if is {
			begin.Set(name, "yes")
		}
	}
	return begin
}

func showWebhook(v *visit) error {
	return v.hook(http.StatusOK, v.r.PathValue("id"), hookView{}, nil)
}

func (v *visit) hook(status int, id string, view hookView, f *form) error {
	at := "/webhooks/" + url.PathEscape(id)
	if err := v.get(at, &view.hook); err != nil {
		return err
	}
	var page struct {
		Items []hookAttempt
		Next  int64
	}
	before := v.r.URL.Query().Get("before")
	if err := v.get(at+"/deliveries?limit=50&before="+url.QueryEscape(cmp.Or(before, "0")), &page); err != nil {
		return err
	}
	view.Attempts, v.here = page.Items, "/admin/webhooks/"+id
	if before != "" {
		view.Pages.First = v.here
	}
	if page.Next > 0 {
		view.Pages.Next = v.here + "?before=" + strconv.FormatInt(page.Next, 10)
	}
	view.All = webhook.Types()
	if f == nil {
		f = blank(nil)
	}
	if f.sent.Has("url") {
		f.has("pending") // also where nothing of it was chosen
	} else { // it was another form
		for name, values := range view.hook.form() {
			f.entered[name] = values
		}
	}
	return v.show(status, "admin/webhook", view, f)
}

// hookChanged shows a webhook that something was done with, or why not.
func (v *visit) hookChanged(err error, view hookView) error {
	id := v.r.PathValue("id")
	if err != nil {
		return v.mend(err, func(status int, f *form) error { return v.hook(status, id, hookView{}, f) })
	}
	return v.hook(http.StatusOK, id, view, nil)
}

func changeWebhook(does string) Act {
	return func(v *visit) error {
		at, view := "/webhooks/"+url.PathEscape(v.r.PathValue("id"))+"/"+does, hookView{}
		if does == "test" {
			view.Tested = &hookAttempt{}
			return v.hookChanged(v.post(at, nil, view.Tested), view)
		}
		return v.hookChanged(v.post(at, nil, nil), view)
	}
}

func replayWebhook(v *visit) error {
	from, err := strconv.ParseInt(v.value("from"), 10, 64)
	if err != nil {
		return v.hook(http.StatusUnprocessableEntity, v.r.PathValue("id"), hookView{}, v.lacking("from", "webhooks.from.wrong"))
	}
	return v.hookChanged(v.post("/webhooks/"+url.PathEscape(v.r.PathValue("id"))+"/replay", map[string]int64{"from": from}, nil), hookView{})
}

func rotateWebhook(v *visit) error {
	var made struct {
		Secret string
		Until  *time.Time `json:"earlier_until"`
	}
	err := v.post("/webhooks/"+url.PathEscape(v.r.PathValue("id"))+"/rotate", nil, &made)
	return v.hookChanged(err, hookView{Secret: made.Secret, Until: made.Until})
}
