package web

import (
	"bytes"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"volenti.dev/volenti/consent/site"
)

// previewView is how a visitor comes by in a preview. All of it is in the address.
type previewView struct {
	Speaks, Region, Width, Scheme string
	GPC                           bool
	Look                          url.Values // custom properties, without what all have in common
	Shown                         bool       // the draft can be shown
}

// Widths of the frame, in pixels; "" is as wide as there is room for.
func (previewView) Widths() []string { return []string{"320", "768", ""} }

// Looks are the custom properties that the banner takes its looks from: see
// sdk/js/THEMING.md.
func (previewView) Looks() []string {
	return []string{"accent", "on-accent", "background", "text", "quiet", "line", "edge", "font", "size", "radius", "width", "position"}
}

// Frame is the address of what is in the frame.
func (p previewView) Frame() string { return "preview/frame?" + p.query().Encode() }

func (p previewView) query() url.Values {
	q := url.Values{"speaks": {p.Speaks}, "region": {p.Region}, "scheme": {p.Scheme}}
	if p.GPC {
		q.Set("gpc", "yes")
	}
	for name, value := range p.Look {
		q["look."+name] = value
	}
	return q
}

// Value gives a custom property that was set.
func (p previewView) Value(name string) string { return p.Look.Get(name) }

// Style is the rule for the pages of the site; "" where nothing is set.
func (p previewView) Style() string {
	var rule strings.Builder
	for _, name := range p.Looks() {
		if value := p.Look.Get(name); value != "" {
			rule.WriteString("\t--volenti-" + name + ": " + value + ";\n")
		}
	}
	if rule.Len() == 0 {
		return ""
	}
	return ":root {\n" + rule.String() + "}"
}

// maxLook bounds a custom property, in bytes.
const maxLook = 200

func previewOf(q url.Values) previewView {
	p := previewView{Speaks: q.Get("speaks"), Region: q.Get("region"), Width: q.Get("width"), Scheme: q.Get("scheme"), GPC: q.Get("gpc") != "", Look: url.Values{}}
	if !slices.Contains(p.Widths(), p.Width) {
		p.Width = ""
	}
	for _, name := range p.Looks() {
		if value := strings.TrimSpace(q.Get("look." + name)); value != "" && len(value) <= maxLook && !strings.ContainsAny(value, ";{}") {
			p.Look.Set(name, value)
		}
	}
	return p
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
	p.Shown = len(s.Problems) == 0
	s.More = p
	v.w.Header().Set("Content-Security-Policy", securityHeaders["Content-Security-Policy"]+"; frame-src 'self'")
	return v.show(http.StatusOK, "admin/sites-preview", s, nil)
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
	Document site.Document     `json:"document"`
	GPC      bool              `json:"gpc"`
	Look     map[string]string `json:"look"` // custom properties
}

func showFrame(v *visit) error {
	s, err := v.site("preview")
	if err != nil {
		return err
	}
	p := previewOf(v.r.URL.Query())
	d, err := v.document(s, p)
	if err != nil {
		return err
	}
	f := frameView{d, p.Scheme, framed{d, p.GPC, map[string]string{}}, v.language}
	for name := range p.Look {
		f.Given.Look["--volenti-"+name] = p.Look.Get(name)
	}
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
