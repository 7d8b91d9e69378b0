package page

import (
	"fmt"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"

	"volenti.dev/volenti/consent/registry"
	"volenti.dev/volenti/consent/site"
)

const own = `<script src="https://consent.example/sdk/banner.js" data-site="abc123" async></script>`

// told writes what is found in a page, each as KIND or KIND ABOUT.
func told(t *testing.T, body string, policies ...string) string {
	t.Helper()
	var all []string
	for _, f := range Check(Answer{at(t, "https://shop.example/start"), policies, []byte(body)}, shop(t)) {
		if f.Text == "" || strings.Contains(f.Text, "{1}") {
			t.Errorf("%s says %q", f.Kind, f.Text)
		}
		all = append(all, strings.TrimSpace(fmt.Sprintf("%s %s", f.Kind, f.About)))
	}
	return strings.Join(all, ", ")
}

func at(t *testing.T, s string) *url.URL {
	t.Helper()
	u, err := url.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// shop is a site that asks for statistics, and calls its own payment necessary.
func shop(t *testing.T) Site {
	t.Helper()
	d := site.Start()
	d.Origins, d.Languages = []string{"https://shop.example"}, []string{"en"}
	d.Vendors = []site.Vendor{
		{Key: "counter", Name: "Our counter", Category: "statistics", Hosts: []string{"*.counter.example"}},
		{Key: "pay", Name: "Pay", Category: "necessary", Hosts: []string{"js.hotjar.example", "static.hotjar.com"}},
	}
	v, err := site.Publish(d, nil, site.Publication{Site: "1"})
	if err != nil {
		t.Fatal(err)
	}
	return Site{Key: "abc123", Server: at(t, "https://consent.example"), Shown: &v, Asked: func(address string) string { return registry.Asked(&v, address) }}
}

func TestPageSaysWhetherTheBannerIsInIt(t *testing.T) { // W7
	for body, want := range map[string]string{
		"<head>" + own: "installed",
		`<script src="//consent.example/sdk/0123456789abcdef/headless.js" data-site=abc123></script>`: "installed",
		`<script src="https://cdn.example/sdk/banner.js" data-site="abc123"></script>`:                "installed", // through a proxy
		`<base href="https://consent.example/x/"><script src="../sdk/core.js" data-site="abc123">`:    "installed",
		"":                                 "missing",
		"<p>&lt;script&gt;" + "</p>":       "missing",
		"<!-- " + own + " -->":             "missing",
		"<template>" + own + "</template>": "missing",
		"<textarea>" + own + "</textarea>": "missing",
		`<script src="https://consent.example/sdk/banner.js"></script>`:                   "no_key",
		`<script src="https://consent.example/sdk/banner.js" data-site="other"></script>`: "other_key other",
		own + own: "twice, installed",
		`<script src="/a.js"></script><script>1</script><script src="/b.js" defer></script>` + own:                                              "late 2, installed",
		`<script type="text/plain" data-category="statistics" src="/a.js"></script><script type="application/ld+json" src="/b"></script>` + own: "installed",
		strings.Replace(own, "async", "async data-auto", 1):                                                                                     "hasty, installed",
		`<script>self.__next_s.push(["https://consent.example/sdk/banner.js",{"data-site":"abc123"}])</script>`:                                 "started",
	} {
		if got := told(t, body); got != want {
			t.Errorf("%s\n  says %q, not %q", body, got, want)
		}
	}
}

func TestPageSaysWhatRunsBeforeAnybodyHasAgreed(t *testing.T) { // W7
	const ga = "https://www.googletagmanager.com/gtag/js?id=G-1"
	for body, want := range map[string]string{
		`<script src="` + ga + `" async></script>`:                                                       "early Google Analytics, installed",
		`<script type="module" src="` + ga + `"></script>`:                                               "early Google Analytics, installed",
		`<script type="text/plain" data-category="statistics" src="` + ga + `"></script>`:                "installed",
		`<script type="text/plain" src="` + ga + `"></script>`:                                           "unnamed Google Analytics, installed",
		`<script type="text/plain" data-category="statistics nothing" src="` + ga + `"></script>`:        "unknown nothing, installed",
		`<script type="text/plain" data-vendor="nobody" data-category="x" src="` + ga + `"></script>`:    "unknown nobody, installed",
		`<script type="text/plain" data-vendor="counter" src="https://a.counter.example/c.js"></script>`: "installed",
		`<script src="https://a.counter.example/c.js"></script>`:                                         "early Our counter, installed",
		`<script src="https://static.hotjar.com/c/hotjar-1.js"></script>`:                                "installed", // this site calls it necessary
		`<script src="https://js.stripe.com/v3/"></script>`:                                              "installed", // the registry does
		`<script src="/own.js"></script><img src="/own.png"><script src=""></script>`:                    "installed",
		`<iframe src="https://www.youtube.com/embed/1"></iframe>`:                                        "early YouTube, installed",
		`<iframe data-vendor="counter" data-src="https://a.counter.example/"></iframe>`:                  "installed",
		`<script>(function(w){w.src='https:\/\/a.counter.example\/t.js'})(window)</script>`:              "early Our counter, installed",
		`<noscript><img src="https://a.counter.example/p.gif"></noscript>`:                               "early Our counter, installed",
		`<script src="https://a.counter.example/1"></script><img src="https://b.counter.example/2">`:     "early Our counter, installed", // once
	} {
		if got := told(t, own+body); got != want {
			t.Errorf("%s\n  says %q, not %q", body, got, want)
		}
	}
}

func TestPageSaysWhatItsPolicyKeepsTheBannerFrom(t *testing.T) { // W7
	const nonced = `<script nonce="r4" src="https://consent.example/sdk/banner.js" data-site="abc123"></script>`
	for _, c := range []struct{ body, policy, want string }{
		{own, "", "installed"},
		{own, "frame-ancestors 'none'", "installed"},
		{own, "default-src 'self' https://consent.example", "installed"},
		{own, "default-src 'self'; script-src consent.example; connect-src https://*.example", "installed"},
		{own, "default-src https:", "installed"},
		{own, "script-src http://consent.example:*/sdk/; connect-src *", "installed"},
		{own, "script-src 'self'", "policy_script script-src, installed"},
		{own, "script-src https://consent.example/other/; script-src *", "policy_script script-src, installed"},
		{own, "script-src https://consent.example:8443", "policy_script script-src, installed"},
		{own, "script-src 'none'; script-src-elem https://consent.example", "installed"},
		{own, "script-src 'strict-dynamic' https: 'nonce-r4'", "policy_script script-src, installed"},
		{nonced, "script-src 'strict-dynamic' 'nonce-r4'", "installed"},
		{nonced, "script-src 'nonce-r5'", "policy_script script-src, installed"},
		{own, "connect-src 'self'", "policy_connect connect-src, installed"},
		{own, "default-src 'none'", "policy_script default-src, policy_connect default-src, installed"},
		{own, "script-src *, script-src 'none'", "policy_script script-src, installed"},
		{own, "require-trusted-types-for 'script'; trusted-types other", "policy_types, installed"},
		{own, "require-trusted-types-for 'script'; trusted-types other volenti", "installed"},
		{`<meta http-equiv="content-security-policy" content="connect-src 'none'">` + own, "", "policy_connect connect-src, installed"},
	} {
		if got := told(t, c.body, c.policy); got != c.want {
			t.Errorf("%s under %q\n  says %q, not %q", c.body, c.policy, got, c.want)
		}
	}
}

func TestFindingNamesItsLine(t *testing.T) { // W7
	body := "<!doctype html>\n<script>\n1\n</script>\n\n<script\n src='https://a.counter.example/c.js'></script>" + own
	for _, f := range Check(Answer{at(t, "https://shop.example/"), nil, []byte(body)}, shop(t)) {
		if want := map[Kind]int{Early: 6, Late: 7, Installed: 7}[f.Kind]; f.Line != want {
			t.Errorf("%s is on line %d, not %d", f.Kind, f.Line, want)
		}
	}
}

func TestUnpublishedSiteHasNothingToShow(t *testing.T) {
	s := shop(t)
	s.Shown = nil
	got := Check(Answer{at(t, "https://shop.example/"), nil, []byte(own + `<script type="text/plain" data-category="any"></script>`)}, s)
	if len(got) != 2 || got[0].Kind != Unpublished || got[1].Kind != Installed {
		t.Errorf("it says %v", got)
	}
}

func TestEveryKindOfFindingHasAWeightAndIsDescribed(t *testing.T) {
	kind, _ := reflect.TypeFor[Finding]().FieldByName("Kind")
	tag := strings.Split(kind.Tag.Get("enum"), ",")
	if len(tag) != len(sentences) {
		t.Errorf("%d kinds are described, and %d have sentences", len(tag), len(sentences))
	}
	for _, kind := range Kinds() {
		if sentences[kind].weight == "" || !slices.Contains(tag, string(kind)) {
			t.Errorf("%s has no weight, or is not in the description", kind)
		}
	}
}

// Whatever a server sends, it is read to its end, and what is told of it is short.
func FuzzCheck(f *testing.F) {
	f.Add(own, "default-src 'self'")
	f.Add("<base href='::'><script src='//[::1'><template><iframe src=data:,x>", "script-src https://[::1]:*")
	f.Fuzz(func(t *testing.T, body, policy string) {
		all := Check(Answer{at(t, "https://shop.example/"), []string{policy}, []byte(body)}, shop(t))
		if len(all) == 0 || len(all) > most {
			t.Errorf("%d findings", len(all))
		}
		for _, f := range all {
			if len(f.About) > maxAddress || len(f.Address) > maxAddress {
				t.Errorf("%s is told at length", f.Kind)
			}
		}
	})
}
