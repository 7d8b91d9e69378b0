package web

import (
	"bytes"
	"fmt"
	"net/http"
	"net/url"
	"slices"

	"volenti.dev/volenti/consent/site"
)

// previewView is how a visitor comes by in a preview. All of it is in the address.
type previewView struct {
	Speaks, Region, Width, Scheme string
	GPC                           bool
	Shown                         bool     // the draft can be shown
	Effects                       []effect // before the visitor has chosen
}

// effect is what may run of a category.
type effect struct {
	Key, Title string
	Runs       bool
	Services   []string
	Cookies    int // that go when it is refused
}

// Widths of the frame, in pixels; "" is as wide as there is room for.
func (previewView) Widths() []string { return []string{"320", "768", ""} }

// Frame is the address of what is in the frame.
func (p previewView) Frame() string { return "preview/frame?" + p.query().Encode() }

func (p previewView) query() url.Values {
	q := url.Values{"speaks": {p.Speaks}, "region": {p.Region}, "scheme": {p.Scheme}}
	if p.GPC {
		q.Set("gpc", "yes")
	}
	return q
}

func previewOf(q url.Values) previewView {
	p := previewView{Speaks: q.Get("speaks"), Region: q.Get("region"), Width: q.Get("width"), Scheme: q.Get("scheme"), GPC: q.Get("gpc") != ""}
	if !slices.Contains(p.Widths(), p.Width) {
		p.Width = ""
	}
	return p
}

// effects are what may run before a visitor has chosen; the script on the page says the
// same of itself.
func effects(d site.Document, gpc bool) (all []effect) {
	for _, k := range d.Categories {
		e := effect{Key: k.Key, Title: k.Title, Runs: k.Necessary || d.Mode == site.OptOut && !(gpc && k.Sale), Cookies: len(k.Cookies)}
		for _, n := range d.Vendors {
			if n.Category == k.Key {
				e.Services, e.Cookies = append(e.Services, n.Name), e.Cookies+len(n.Cookies)
			}
		}
		all = append(all, e)
	}
	return all
}

// document is what a visitor would get, were the draft published.
func (v *visit) document(s *siteView, p previewView) (d site.Document, err error) {
	err = v.get("/sites/"+s.ID+"/preview?"+url.Values{"language": {p.Speaks}, "region": {p.Region}}.Encode(), &d)
	return d, err
}

func showPreview(v *visit) error {
	s, err := v.site("preview")
	if err != nil {
		return err
	}
	p := previewOf(v.r.URL.Query())
	if p.Shown = len(s.Problems) == 0; p.Shown {
		d, err := v.document(s, p)
		if err != nil {
			return err
		}
		p.Effects = effects(d, p.GPC)
	}
	s.More = p
	v.framesOwn()
	return v.show(http.StatusOK, "admin/sites-preview", s, nil)
}

// framesOwn lets a page have a frame of this server.
func (v *visit) framesOwn() {
	v.w.Header().Set("Content-Security-Policy", securityHeaders["Content-Security-Policy"]+"; frame-src 'self'")
}

// framePolicy is that of the page in the frame. It runs the banner's own script, in a
// sandbox that makes it a stranger to us: it can neither send anything anywhere, nor
// keep anything, nor reach the page around it or the session.
const framePolicy = "default-src 'none'; script-src 'self'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'; sandbox allow-scripts"

// frameView is the page in the frame.
type frameView struct {
	Document site.Document
	Scheme   string
	Given    framed
	Language *tongue
}

// framed is what the script in the frame is given: assets/js/preview.js.
type framed struct {
	Document site.Document `json:"document"`
	GPC      bool          `json:"gpc"`
}

func showFrame(v *visit) error {
	s, err := v.site("preview")
	if err != nil {
		return err
	}
	q := v.r.URL.Query()
	p := previewOf(q)
	d, err := v.document(s, p)
	if err != nil {
		return err
	}
	if q.Has("looks") { // those of a draft that is not saved yet
		d.Look = lookOf(q).Shown()
	}
	f := frameView{d, p.Scheme, framed{d, p.GPC}, v.language}
	var page bytes.Buffer
	if err := v.language.pages["admin/sites-frame"].ExecuteTemplate(&page, "frame", f); err != nil {
		return fmt.Errorf("write the frame of a preview: %w", err)
	}
	h := v.w.Header()
	h.Set("Content-Security-Policy", framePolicy)
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Language", d.Language)
	_, _ = v.w.Write(page.Bytes())
	return nil
}
