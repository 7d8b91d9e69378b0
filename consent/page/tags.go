package page

import (
	"bytes"
	"net/url"
	"regexp"
	"strings"

	"golang.org/x/net/html"
)

// tag is an element of a page that loads or runs something.
type tag struct {
	name       string // script, iframe or img
	line       int
	attributes map[string]string
	at         *url.URL // what it loads; nil for nothing, or what cannot be read
	text       string   // of a script
}

// waits says whether it is written so that it runs only when the banner lets it.
func (t tag) waits() bool {
	if t.name == "script" {
		return strings.EqualFold(strings.TrimSpace(t.attributes["type"]), "text/plain")
	}
	return t.attributes["data-src"] != "" && t.at == nil
}

// inert says whether it is a script that no browser runs as one: data, or a template.
func (t tag) inert() bool {
	kind := strings.ToLower(strings.TrimSpace(t.attributes["type"]))
	return t.name == "script" && kind != "" && kind != "module" && !strings.HasSuffix(kind, "javascript") && !strings.HasSuffix(kind, "ecmascript")
}

// loads are the addresses that it loads: its own, or those that its text has.
func (t tag) loads() (all []string) {
	if t.at != nil {
		return []string{t.at.String()}
	}
	return inside.FindAllString(strings.ReplaceAll(t.text, `\/`, "/"), mostInside)
}

// inside finds addresses in the text of a script.
var inside = regexp.MustCompile(`(?i)(?:https?:)?//[a-z0-9](?:[a-z0-9.-]*\.)[a-z]{2,}(?:/[^\s'"<>\\)]*)?`)

// mostInside bounds how many addresses of one script are looked at.
const mostInside = 200

// content is what a page has in it.
type content struct {
	tags     []tag
	policies []string // of its meta elements
}

// contents reads a page. What browsers would take for nothing, it passes over: there
// is no page that it fails with.
func contents(body []byte, at *url.URL) (c content) {
	z := html.NewTokenizer(bytes.NewReader(body))
	base, line, templates := at, 1, 0
	for kind := z.Next(); kind != html.ErrorToken; kind = z.Next() {
		here, token := line, html.Token{}
		line += bytes.Count(z.Raw(), []byte("\n"))
		if kind != html.TextToken && kind != html.CommentToken {
			token = z.Token()
		}
		opens := kind == html.StartTagToken || kind == html.SelfClosingTagToken
		switch {
		case token.Data == "template" && opens:
			templates++
		case token.Data == "template":
			templates = max(0, templates-1)
		case !opens || templates > 0:
		case token.Data == "noscript":
			z.NextIsNotRawText() // browsers without scripts load what is in it
		case token.Data == "base":
			if href, err := at.Parse(attributes(token)["href"]); err == nil && base == at {
				base = href
			}
		case token.Data == "meta":
			if a := attributes(token); strings.EqualFold(a["http-equiv"], "Content-Security-Policy") {
				c.policies = append(c.policies, a["content"])
			}
		case token.Data == "script", token.Data == "iframe", token.Data == "img":
			t := tag{name: token.Data, line: here, attributes: attributes(token)}
			t.at = address(base, t.attributes["src"])
			if t.name == "script" && kind == html.StartTagToken && z.Next() == html.TextToken {
				t.text = string(z.Text())
				line += bytes.Count(z.Raw(), []byte("\n"))
			}
			c.tags = append(c.tags, t)
		}
	}
	return c
}

// attributes are those of an element; the first of a name counts.
func attributes(t html.Token) map[string]string {
	all := map[string]string{}
	for _, a := range t.Attr {
		if _, twice := all[a.Key]; !twice {
			all[a.Key] = a.Val
		}
	}
	return all
}

// address gives what is loaded over HTTP.
func address(base *url.URL, src string) *url.URL {
	if src = strings.TrimSpace(src); src == "" {
		return nil
	}
	u, err := base.Parse(src)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" {
		return nil
	}
	return u
}
