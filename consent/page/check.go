package page

import (
	"cmp"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"volenti.dev/volenti/consent/site"
)

// most bounds how much is told of one page.
const most = 100

// Check says what a page has of the banner of s, the worst first.
func Check(a Answer, s Site) []Finding {
	c := &check{content: contents(a.Body, a.At), at: a.At, site: s, told: map[string]bool{}}
	c.banner()
	c.others()
	c.policies(append(slices.Clone(a.Policies), c.content.policies...))
	if s.Shown == nil {
		c.say(Unpublished, 0, "", "")
	}
	order := []Weight{Wrong, Warning, Good}
	slices.SortStableFunc(c.findings, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(slices.Index(order, a.Weight), slices.Index(order, b.Weight)), cmp.Compare(a.Line, b.Line))
	})
	return c.findings[:min(len(c.findings), most)]
}

type check struct {
	content  content
	at       *url.URL
	site     Site
	own      *tag // the first script of the banner
	told     map[string]bool
	findings []Finding
}

func (c *check) say(kind Kind, line int, about, address string) {
	c.findings = append(c.findings, found(kind, line, about, address))
}

// ours says whether a tag loads the script of the banner: from this server, or from
// wherever else with the key of this site.
func (c *check) ours(t tag) bool {
	if t.name != "script" || t.at == nil {
		return false
	}
	file := slices.Contains([]string{"banner.js", "headless.js", "core.js"}, path.Base(t.at.Path)) && strings.Contains(t.at.Path, "/sdk/")
	return file && (t.at.Host == c.site.Server.Host || t.attributes["data-site"] != "")
}

// banner says whether the script is there, and as it should be.
func (c *check) banner() {
	before, others := 0, 0
	for _, t := range c.content.tags {
		switch {
		case c.ours(t) && c.own == nil:
			c.own, before = &t, others
		case c.ours(t):
			c.say(Twice, t.line, "", t.at.String())
		case t.name == "script" && t.at != nil && !t.waits() && !t.inert():
			others++
		}
	}
	if c.own == nil {
		c.started()
		return
	}
	t := c.own
	_, auto := t.attributes["data-auto"]
	_, async := t.attributes["async"]
	switch key := t.attributes["data-site"]; {
	case key == "":
		c.say(NoKey, t.line, "", t.at.String())
	case key != c.site.Key:
		c.say(OtherKey, t.line, key, t.at.String())
	default:
		c.say(Installed, t.line, "", t.at.String())
	}
	if before > 0 {
		c.say(Late, t.line, strconv.Itoa(before), "")
	}
	if auto && async {
		c.say(Hasty, t.line, "", "")
	}
}

// started looks for a script of the page that has the key of the site: frameworks
// and bundles put the banner in themselves.
func (c *check) started() {
	for _, t := range c.content.tags {
		if strings.Contains(t.text, c.site.Key) && !t.waits() {
			c.say(Started, t.line, "", "")
			return
		}
	}
	c.say(Missing, 0, "", "")
}

// others says which services of others do not wait, and which wait in vain.
func (c *check) others() {
	for _, t := range c.content.tags {
		switch {
		case c.ours(t):
		case t.waits():
			c.waiting(t)
		case !t.inert():
			for _, address := range t.loads() {
				if name := c.site.Asked(address); name != "" && !c.told[name] {
					c.told[name] = true
					c.say(Early, t.line, name, address)
				}
			}
		}
	}
}

// waiting says what is wrong with a tag that waits.
func (c *check) waiting(t tag) {
	category, vendor := t.attributes["data-category"], t.attributes["data-vendor"]
	for _, address := range t.loads() {
		if name := c.site.Asked(address); category == "" && vendor == "" && name != "" {
			c.say(Unnamed, t.line, name, address)
			return
		}
	}
	if c.site.Shown == nil {
		return
	}
	has := func(key string) bool {
		return slices.ContainsFunc(c.site.Shown.Categories, func(k site.Asked) bool { return k.Key == key })
	}
	for _, key := range strings.FieldsFunc(category, func(r rune) bool { return r == ',' || unicode.IsSpace(r) }) {
		if vendor == "" && !has(key) { // the vendor counts where both are named
			c.say(Unknown, t.line, key, "")
		}
	}
	if vendor != "" && !slices.ContainsFunc(c.site.Shown.Vendors, func(n site.Named) bool { return n.Key == vendor }) {
		c.say(Unknown, t.line, vendor, "")
	}
}

// policies says what the policies of the page keep the banner from.
func (c *check) policies(texts []string) {
	for _, p := range policies(texts) {
		if c.own != nil {
			if by := p.script(*c.own, c.at); by != "" {
				c.say(PolicyScript, 0, by, "")
			}
		}
		if by := p.connect(c.site.Server, c.at); by != "" {
			c.say(PolicyConnect, 0, by, "")
		}
		if p.holdsScripts() {
			c.say(PolicyTypes, 0, "", "")
		}
	}
}
