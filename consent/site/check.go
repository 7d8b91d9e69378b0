package site

import (
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/language"

	"volenti.dev/volenti/consent"
	"volenti.dev/volenti/consent/signal"
)

// The largest draft.
const (
	MaxDraft      = 512 << 10 // bytes as JSON
	MaxText       = 4 << 10   // bytes of one text
	MaxCategories = 50
	MaxVendors    = 500
	MaxRegions    = 20
	MaxLanguages  = 60

	maxOrigins = 100
	maxName    = 200 // bytes of a name of a vendor, a provider, a cookie, a script
	maxURL     = 2048
	maxList    = 300 // entries of a list that has no limit of its own
)

// Problems tells all that keeps d from being published, in the order of its
// fields. ledger are the purposes that the consent ledger has; nil where that
// is not known, and then they are not looked at.
func (d Draft) Problems(ledger map[string]bool) []Problem {
	c := check{draft: d, ledger: ledger, active: map[string]bool{}}
	if tooLarge(d) {
		c.add("", "the draft is larger than %d KiB as JSON", MaxDraft>>10)
		return c.problems
	}
	c.origins()
	c.languages()
	c.texts()
	c.links()
	c.categories()
	c.vendors()
	c.regions()
	c.look()
	return c.problems
}

func tooLarge(d Draft) bool {
	b, err := json.Marshal(d)
	return err != nil || len(b) > MaxDraft
}

type check struct {
	problems
	draft  Draft
	ledger map[string]bool
	active map[string]bool // categories
}

func (c *check) origins() {
	if len(c.draft.Origins) == 0 {
		c.add("origins", "name one at least, like https://shop.example: choices from elsewhere are refused")
	}
	c.few("origins", len(c.draft.Origins), maxOrigins)
	c.once("origins", c.draft.Origins)
	for i, o := range c.draft.Origins {
		if wrong := wrongOrigin(o); wrong != "" {
			c.add(at("origins", i), "%s", wrong)
		}
	}
}

// Pages are the origins that choices may come from: those of the draft that are
// in order.
func (d Draft) Pages() []string {
	return slices.DeleteFunc(slices.Clone(d.Origins), func(o string) bool { return wrongOrigin(o) != "" })
}

// wrongOrigin says what is wrong with an origin. It must be as browsers spell
// it, since the two are compared as text (RFC 6454, section 6.2).
func wrongOrigin(o string) string {
	u, err := url.Parse(o)
	switch {
	case len(o) > maxURL || err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http":
		return "it must be like https://shop.example or https://shop.example:8443"
	case strings.Contains(o, "*"):
		return "a wildcard would let pages speak for the site that nobody has named: name each origin"
	case o != u.Scheme+"://"+u.Host:
		return "an origin has no path, user or query, and no slash at its end"
	case u.Scheme == "http" && !loopback(u.Hostname()):
		return "http is for loopback only, like http://localhost:3000: others could change what visitors are shown"
	case !hostname(u.Hostname()) && !address(u.Hostname()):
		return "write the host in lower case, and international names in their ASCII form (xn--...)"
	case u.Port() == "" && strings.HasSuffix(u.Host, ":") || u.Scheme == "https" && u.Port() == "443" || u.Scheme == "http" && u.Port() == "80":
		return "leave the usual port out, as browsers do"
	}
	return ""
}

func loopback(host string) bool {
	a, err := netip.ParseAddr(host)
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || err == nil && a.IsLoopback()
}

func address(host string) bool {
	a, err := netip.ParseAddr(host)
	return err == nil && a.String() == host && a.Zone() == ""
}

var label = regexp.MustCompile(`^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?$`)

// hostname says whether s is a name of DNS in lower case.
func hostname(s string) bool {
	if len(s) > 253 || net.ParseIP(s) != nil {
		return false
	}
	for part := range strings.SplitSeq(s, ".") {
		if !label.MatchString(part) {
			return false
		}
	}
	return true
}

func (c *check) languages() {
	if len(c.draft.Languages) == 0 {
		c.add("languages", "name one at least: the first is for everybody whose language the site does not speak")
	}
	c.few("languages", len(c.draft.Languages), MaxLanguages)
	c.once("languages", c.draft.Languages)
	for i, l := range c.draft.Languages {
		tag, err := language.Parse(l)
		if err != nil || tag.String() != l || len(l) > 35 || tag == language.Und {
			c.add(at("languages", i), "it is not a BCP 47 tag in its usual spelling, like en or de-AT")
			continue
		}
		if missing := c.missing(l); len(missing) > 0 {
			c.add(in("texts", l), "this language has no built-in texts: write all of them; there is no %s", strings.Join(missing, ", "))
		}
	}
}

// missing are the texts that a language has neither built in nor of its own.
func (c *check) missing(l string) (keys []string) {
	texts := c.draft.textsIn(l)
	for _, key := range slices.Sorted(maps.Keys(builtin["en"])) {
		if !ofCategory(key) && texts[key] == "" {
			keys = append(keys, key)
		}
	}
	return keys
}

func (c *check) texts() {
	for _, l := range slices.Sorted(maps.Keys(c.draft.Texts)) {
		field := in("texts", l)
		c.spoken(field, l)
		for _, key := range slices.Sorted(maps.Keys(c.draft.Texts[l])) {
			if _, known := builtin["en"][key]; !known {
				c.add(in(field, key), "the banner has no such text")
			}
			c.text(in(field, key), c.draft.Texts[l][key])
		}
	}
}

// LinkKinds are the kinds of links that a banner has.
func LinkKinds() []string { return slices.Clone(linkKinds) }

var linkKinds = []string{"privacy", "imprint", "terms"}

func (c *check) links() {
	for _, kind := range slices.Sorted(maps.Keys(c.draft.Links)) {
		field := in("links", kind)
		if !slices.Contains(linkKinds, kind) {
			c.add(field, "links are of the kinds %s", strings.Join(linkKinds, ", "))
		}
		for _, l := range slices.Sorted(maps.Keys(c.draft.Links[kind])) {
			if l != "" {
				c.spoken(in(field, l), l)
			}
			c.url(in(field, l), c.draft.Links[kind][l])
		}
	}
}

func (c *check) categories() {
	all := c.draft.Categories
	c.few("categories", len(all), MaxCategories)
	seen, google, necessary := map[string]bool{}, map[string]bool{}, false
	for i, k := range all {
		field := at("categories", i)
		c.key(field+".key", k.Key, seen)
		c.titles(field, k)
		c.ledgered(field, k)
		c.days(field+".retention_days", k.RetentionDays)
		c.google(field+".google", k, google)
		c.cookies(field+".cookies", k.Cookies)
		if k.Necessary && k.Sale {
			c.add(field+".sale", "visitors can refuse a sale, and cannot refuse what is necessary")
		}
		if !k.Inactive {
			c.active[k.Key] = true
			necessary = necessary || k.Necessary
		}
	}
	if !necessary {
		c.add("categories", "one at least must be necessary and active: it is what the site needs to work")
	}
}

func (c *check) titles(field string, k Category) {
	for name, texts := range map[string]map[string]string{".title": k.Title, ".description": k.Description} {
		for _, l := range slices.Sorted(maps.Keys(texts)) {
			c.spoken(in(field+name, l), l)
			c.text(in(field+name, l), texts[l])
		}
	}
	described := len(k.Description) > 0
	for _, l := range c.draft.Languages {
		title, description := c.draft.words(k, l)
		if title == "" && !k.Inactive {
			c.add(field+".title", "there is none in %q, and none is built in", clip(l))
		}
		if description == "" && described && !k.Inactive {
			c.add(field+".description", "there is one in other languages and none in %q", clip(l))
		}
	}
}

func (c *check) ledgered(field string, k Category) {
	c.few(field+".purposes", len(k.Purposes), MaxCategories)
	c.once(field+".purposes", k.Purposes)
	if k.Necessary && len(k.Purposes) > 0 {
		c.add(field+".purposes", "nobody is asked for what is necessary, so that it is no consent to a purpose")
	}
	for i, p := range k.Purposes {
		switch {
		case !consent.ValidKey(p):
			c.add(at(field+".purposes", i), "it is not a key of a purpose")
		case c.ledger != nil && !c.ledger[p]:
			c.add(at(field+".purposes", i), "the consent ledger has no such purpose")
		}
	}
}

func (c *check) google(field string, k Category, ruled map[string]bool) {
	for i, kind := range k.Google {
		switch {
		case !slices.Contains(signal.GoogleTypes(), kind):
			c.add(at(field, i), "it is none of %s", strings.Join(signal.GoogleTypes(), ", "))
		case ruled[kind] && !k.Inactive:
			c.add(at(field, i), "another category rules it already")
		case !k.Inactive:
			ruled[kind] = true
		}
	}
}

func (c *check) vendors() {
	c.few("vendors", len(c.draft.Vendors), MaxVendors)
	seen := map[string]bool{}
	for i, v := range c.draft.Vendors {
		field := at("vendors", i)
		c.key(field+".key", v.Key, seen)
		c.short(field+".name", v.Name)
		if v.Name == "" {
			c.add(field+".name", "it has none")
		}
		c.short(field+".provider", v.Provider)
		if v.Country != "" && !country(v.Country) {
			c.add(field+".country", "it is not a country of ISO 3166-1, like DE")
		}
		if !v.Inactive && !c.active[v.Category] {
			c.add(field+".category", "the site has no such active category")
		}
		c.few(field+".purposes", len(v.Purposes), maxList)
		for j, p := range v.Purposes {
			c.text(at(field+".purposes", j), p)
		}
		if v.Privacy != "" {
			c.url(field+".privacy", v.Privacy)
		}
		c.days(field+".retention_days", v.RetentionDays)
		c.cookies(field+".cookies", v.Cookies)
		c.hosts(field+".hosts", v.Hosts)
		c.scripts(field+".scripts", v.Scripts)
		c.short(field+".service", v.Service)
		c.few(field+".kept", len(v.Kept), maxList)
	}
}

func (c *check) hosts(field string, hosts []string) {
	c.few(field, len(hosts), maxList)
	for i, h := range hosts {
		if name := strings.TrimPrefix(h, "*."); !hostname(name) || !strings.Contains(name, ".") && name != "localhost" {
			c.add(at(field, i), "it is not a host in lower case, like cdn.example or *.cdn.example")
		}
	}
}

// minScript keeps a pattern from being part of every address.
const minScript = 4

func (c *check) scripts(field string, scripts []string) {
	c.few(field, len(scripts), maxList)
	for i, s := range scripts {
		c.short(at(field, i), s)
		if len(s) < minScript {
			c.add(at(field, i), "it has fewer than %d characters, and would stop scripts of others", minScript)
		}
	}
}

// cookieName is a token of RFC 6265 or a key of local storage: printable ASCII
// without what ends a name in a header, and at most one star, at its end.
var cookieName = regexp.MustCompile(`^[!#-)+\--:<>-\[\]-~]+\*?$`)

func (c *check) cookies(field string, cookies []Cookie) {
	c.few(field, len(cookies), maxList)
	for i, k := range cookies {
		if len(k.Name) > maxName || !cookieName.MatchString(k.Name) {
			c.add(at(field, i)+".name", "it is no name of a cookie, of %d characters at most; a star may stand at its end, behind something", maxName)
		}
		c.days(at(field, i)+".days", k.Days)
		if k.Purpose != "" {
			c.text(at(field, i)+".purpose", k.Purpose)
		}
	}
}

func (c *check) regions() {
	all := c.draft.Regions
	c.few("regions", len(all), MaxRegions)
	seen, named := map[string]bool{}, map[string]bool{}
	for i, r := range all {
		field := at("regions", i)
		c.key(field+".key", r.Key, seen)
		if r.Mode != OptIn && r.Mode != OptOut {
			c.add(field+".mode", "it is %s or %s", OptIn, OptOut)
		}
		switch last := i == len(all)-1; {
		case last && len(r.Countries) > 0:
			c.add(field+".countries", "the last region is for all others, and names none")
		case !last && len(r.Countries) == 0:
			c.add(field+".countries", "only the last region is for all others: name its countries")
		}
		c.few(field+".countries", len(r.Countries), maxList)
		for j, place := range r.Countries {
			switch {
			case !country(place) && !subdivision(place):
				c.add(at(field+".countries", j), "it is neither a country of ISO 3166-1, like DE, nor a part of one, like US-CA")
			case named[place]:
				c.add(at(field+".countries", j), "it is named before, and the first region counts")
			}
			named[place] = true
		}
	}
}

// country says whether s is a code of ISO 3166-1.
func country(s string) bool {
	r, err := language.ParseRegion(s)
	return err == nil && len(s) == 2 && r.String() == s && r.Canonicalize() == r && r.IsCountry()
}

var partOfCountry = regexp.MustCompile(`^[A-Z]{2}-[A-Z0-9]{1,3}$`)

// subdivision says whether s has the form of ISO 3166-2, in a country that there is.
func subdivision(s string) bool { return partOfCountry.MatchString(s) && country(s[:2]) }

// key checks a key, and that it is the first of its name.
func (c *check) key(field, key string, seen map[string]bool) {
	switch {
	case !consent.ValidKey(key):
		c.add(field, "it must be lower-case letters, digits and underscores, a letter first")
	case seen[key]:
		c.add(field, "another one has this key")
	}
	seen[key] = true
}

func (c *check) few(field string, n, most int) {
	if n > most {
		c.add(field, "there are more than %d", most)
	}
}

func (c *check) once(field string, all []string) {
	seen := map[string]bool{}
	for i, s := range all {
		if seen[s] {
			c.add(at(field, i), "it is there twice")
		}
		seen[s] = true
	}
}

func (c *check) spoken(field, l string) {
	if !slices.Contains(c.draft.Languages, l) {
		c.add(field, "the site does not speak this language: add it to languages")
	}
}

func (c *check) days(field string, days int) {
	if days < 0 || days > consent.MaxDays {
		c.add(field, "it must be from 0 to %d days", consent.MaxDays)
	}
}

func (c *check) url(field, s string) {
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil || len(s) > maxURL {
		c.add(field, "it must be an address like https://example.com/privacy")
	}
}

// text checks what people read. It is text and never HTML, so that nothing in
// it has to be refused but what cannot be shown.
func (c *check) text(field, s string) {
	switch {
	case strings.TrimSpace(s) == "":
		c.add(field, "it is empty")
	case len(s) > MaxText:
		c.add(field, "it has more than %d bytes", MaxText)
	case !utf8.ValidString(s) || strings.ContainsFunc(s, func(r rune) bool { return unicode.IsControl(r) && r != '\n' && r != '\t' }):
		c.add(field, "it is not UTF-8, or has control characters")
	}
}

func (c *check) short(field, s string) {
	if len(s) > maxName {
		c.add(field, "it has more than %d bytes", maxName)
	} else if s != "" {
		c.text(field, s)
	}
}

func at(field string, i int) string { return fmt.Sprintf("%s[%d]", field, i) }

// in names a field by a key of the draft, which is cut: it may be hostile.
func in(field, key string) string { return field + "." + clip(key) }

func clip(s string) string {
	if len(s) > 64 {
		s = s[:64]
	}
	return strings.ToValidUTF8(s, "?")
}
