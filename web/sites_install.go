package web

import (
	"crypto/sha512"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	js "volenti.dev/volenti/sdk/js"
)

// installView is what goes into the pages of a site, and what was found in one.
type installView struct {
	Check *siteCheck // nil until a page was read
}

// siteCheck is what a page says of the banner, as the API tells.
type siteCheck struct {
	Page     string    `json:"page"`
	Found    bool      `json:"found"`
	Findings []finding `json:"findings"`
}

type finding struct {
	Kind    string `json:"kind"`
	Weight  string `json:"weight"`
	Line    int    `json:"line"`
	About   string `json:"about"`
	Address string `json:"address"`
}

// Status is the kind of status that a weight is shown as.
func (f finding) Status() string {
	return map[string]string{"good": "done", "warning": "wait", "wrong": "stop"}[f.Weight]
}

// Wrong says whether something is wrong.
func (c siteCheck) Wrong() bool { return len(c.Findings) > 0 && c.Findings[0].Weight == "wrong" }

func showInstall(v *visit) error {
	s, err := v.site("install")
	if err != nil {
		return err
	}
	s.More = installView{}
	return v.show(http.StatusOK, "admin/sites-install", s, nil)
}

// checkPage has a page of the site read, and shows what was found.
func checkPage(v *visit) error {
	s, err := v.site("install")
	if err != nil {
		return err
	}
	s.Form = blank(url.Values{"page": {v.value("page")}})
	var checked siteCheck
	if err := v.post("/sites/"+s.ID+"/check", map[string]string{"page": v.value("page")}, &checked); err != nil {
		f, status, err := v.mistaken(err, nil)
		if err != nil {
			return err
		}
		s.Form, s.More = f, installView{}
		return v.show(status, "admin/sites-install", s, f)
	}
	s.More = installView{&checked}
	return v.show(http.StatusOK, "admin/sites-install", s, nil)
}

// snippet is a text to be copied, for one kind of site.
type snippet struct {
	Key  string // of its words
	Text string
}

// Origin is where visitors reach this server.
func (s *siteView) Origin() string { return strings.TrimSuffix(s.Server, "/") }

// Snippet goes into every page of the site.
func (s *siteView) Snippet() string {
	return fmt.Sprintf("<script src=%q data-site=%q async></script>", s.Origin()+"/sdk/banner.js", s.Key)
}

// Snippets are the same for those who do not write HTML; docs/banner.md tells of each.
func (s *siteView) Snippets() []snippet {
	at := s.Origin() + "/sdk/banner.js"
	return []snippet{
		{"react", fmt.Sprintf("<head>\n  <script src=%q data-site=%q async />\n</head>", at, s.Key)},
		{"wordpress", fmt.Sprintf("add_action( 'wp_head', function () {\n\techo '<script src=%q data-site=%q async></script>';\n}, 1 );", at, s.Key)},
		{"manager", fmt.Sprintf("<script>\n(function () {\n  var s = document.createElement('script');\n  s.src = '%s';\n  s.setAttribute('data-site', '%s');\n  document.head.appendChild(s);\n})();\n</script>", at, s.Key)},
		{"pinned", fmt.Sprintf("<script src=%q integrity=%q crossorigin=\"anonymous\" data-site=%q async></script>", s.Origin()+"/sdk/"+banner.hash+"/banner.js", banner.integrity, s.Key)},
	}
}

// Policy is what a Content-Security-Policy of the site must have.
func (s *siteView) Policy() string {
	return fmt.Sprintf("script-src %s;\nconnect-src %[1]s;", s.Origin())
}

// Nonced is the snippet under a policy with nonces.
func (s *siteView) Nonced() string {
	return strings.Replace(s.Snippet(), "<script ", `<script nonce="…" `, 1)
}

// Waiting is how a script and a frame are written that wait for consent.
func (*siteView) Waiting() string {
	return "<script type=\"text/plain\" data-category=\"statistics\" src=\"…\"></script>\n<iframe data-vendor=\"youtube\" data-src=\"…\"></iframe>"
}

// WayBack opens the settings again.
func (*siteView) WayBack() string { return "<a href=\"#\" data-volenti-open>…</a>" }

// banner is the built script, as pages that trust one version only name it: its hash in
// the address, and its digest as Subresource Integrity has it.
var banner = func() (b struct{ hash, integrity string }) {
	content, err := js.Dist.ReadFile("dist/banner.js")
	if err != nil {
		panic("web: " + err.Error())
	}
	sum := sha512.Sum384(content)
	b.hash, b.integrity = js.Hash(content), "sha384-"+base64.StdEncoding.EncodeToString(sum[:])
	return b
}()
