package web_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"

	"volenti.dev/volenti/internal/chromiumtest"
)

var snippet = regexp.MustCompile(`<script src="[^"]+" data-site="[a-z0-9]+" async></script>`)

func TestOfficerMakesASiteSeesItsBannerAndAsksAgainInABrowser(t *testing.T) { // W7, W18
	h := start(t, "--allow-private-webhooks")
	b := chromiumtest.StartScripted(t)
	b.Scripts(false) // what is edited needs none
	e := eye{b, t, chromiumtest.Axe(t)}
	e.Open(h.url + h.setUp)
	for label, text := range map[string]string{"Your name": "Olga Officer", "E-mail address": "olga@example.org", "Password": password, "The same password again": password} {
		e.Fill(label, text)
	}
	e.Press("Accept and sign in")
	e.Open(h.url + "/admin/sites")
	e.says("A site is a place with a banner")
	e.look("sites-none")
	e.Fill("Name", "Shop")
	e.Press("Make the site")
	e.says("not published", "Name one at least, like https://shop.example")
	at, line := h.url+e.Path(), snippet.FindString(e.Text())
	var managed atomic.Value // what a tag manager would put in
	shop := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		head := line
		if r.URL.Path == "/managed" {
			head, _ = managed.Load().(string)
		}
		_, _ = fmt.Fprintf(w, `<!doctype html><html lang="en"><title>Shop</title>%s<body><p>Welcome</p></body></html>`, head)
	}))
	t.Cleanup(shop.Close)

	e.Fill("Origins", "http://shop.example/")
	e.Fill("Languages", "en\nde")
	e.Press("Save the draft")
	e.says("An origin has no path, user or query, and no slash at its end")
	e.look("sites-wrong")
	e.Fill("Origins", shop.URL)
	e.Press("Save the draft")
	if strings.Contains(e.Text(), "Before it can be published") {
		t.Errorf("the draft has a problem left: %s", e.Text())
	}
	e.Press("Texts")
	e.Fill("Your privacy settings", "We ask first")
	e.Press("Save the draft")
	e.Press("Services")
	e.Fill("Words", "matomo")
	e.Press("Find")
	e.Press("Take")
	e.says("Taken into the draft")

	e.Press("Regions")
	chromiumtest.Evaluate[bool](b, `Object.entries({"key.0": "us", "countries.0": "US", "mode.0": "opt_out", "key.1": "rest"}).every(([name, value]) => document.getElementsByName(name)[0].value = value)`)
	e.Press("Save the draft")

	e.Press("Look")
	e.Fill("Buttons", "#777777")
	e.Press("Show it, without saving")
	e.says("4.47", "Too hard to see: 2.")
	e.Press("Look")
	e.says("Everything can be told from what it is on.") // nothing was saved
	e.Fill("Buttons", "#777777")
	e.Press("Save the draft")
	e.says("Too little contrast in light colours: on-accent on accent has 4.47, and needs 4.5")
	e.look("sites-look-wrong")
	e.Fill("Buttons", "")
	e.Fill("Corners", "0px")
	e.Press("Save the draft")

	// The preview is the banner, and says nothing to anybody. The page around it tells
	// what may run, and follows without being loaded anew.
	b.Scripts(true)
	e.Press("Look")
	e.Fill("Buttons", "#777777")
	e.Await(`document.querySelector("#contrasts").textContent.includes("4.47")`)
	e.Press("Preview")
	e.look("sites-preview")
	runs := func(category string, so bool) {
		t.Helper()
		e.Await(fmt.Sprintf(`document.querySelector("[data-category=%s] .status").textContent == %q`, category, map[bool]string{true: "may run", false: "held back"}[so]))
	}
	chromiumtest.Evaluate[bool](b, `Boolean(document.querySelector("iframe").dataset.same = "yes")`)
	e.Choose("Language", "de")
	e.Await(`location.search.includes("speaks=de")`)
	runs("statistics", false)
	e.Choose("Region", "us") // who is there is not asked before
	runs("statistics", true)
	runs("marketing", true)
	e.Touch("The browser sends Global Privacy Control")
	runs("marketing", false)
	runs("statistics", true)
	e.Choose("Width", "telephone, 320")
	e.Await(`document.querySelector("iframe").clientWidth == 320`)
	e.is("the page was not loaded anew", `document.querySelector("iframe").dataset.same == "yes" && location.search.includes("gpc=yes")`)
	e.Open(at + "/preview/frame?speaks=en")
	e.AwaitThing("button", "Accept all")
	if !strings.Contains(e.Read(), "We ask first") {
		t.Errorf("the preview does not show the text: %s", e.Read())
	}
	before := len(e.Requests())
	chromiumtest.Evaluate[bool](b, `addEventListener("message", ({data}) => { window.heard = data.categories }) || true`)
	e.Use("button", "Accept all")
	e.Await(`window.heard?.statistics`)
	e.AwaitThing("button", "Privacy settings")
	for _, to := range e.Requests()[before:] {
		t.Errorf("the preview asks for %s", to)
	}
	if origin := chromiumtest.Evaluate[string](b, "self.origin"); origin != "null" {
		t.Errorf("the preview is of the origin %s, and can reach what it keeps", origin)
	}

	e.Open(at + "/publish")
	e.says("Nothing is published yet")
	e.look("sites-publish-first")
	e.Press("Publish version 1")
	visitor := b.Visitor(t)
	visitor.Open(shop.URL)
	visitor.AwaitThing("button", "Accept all")
	if !strings.Contains(visitor.Read(), "We ask first") {
		t.Errorf("the banner does not show the text: %s", visitor.Read())
	}
	if got := chromiumtest.Evaluate[string](visitor, `getComputedStyle(document.querySelector("volenti-banner").shadowRoot.querySelector(".ask")).borderRadius`); got != "0px" {
		t.Errorf("the corners of the banner are %s", got)
	}
	visitor.Use("button", "Accept all")
	visitor.AwaitThing("button", "Privacy settings")

	// It is in the pages, and what a tag manager is given works.
	e.Before(`navigator.clipboard.writeText = async text => { window.copied = text }`)
	e.Open(at + "/install")
	e.look("sites-install")
	chromiumtest.Evaluate[bool](b, `document.querySelector("[data-copy] button").click(); true`)
	e.Await(fmt.Sprintf(`window.copied == %q`, line))
	managed.Store(chromiumtest.Evaluate[string](b, `[...document.querySelectorAll("pre")].find((text) => text.textContent.includes("createElement")).textContent`))
	e.Press("Read the page")
	e.says("in order", "The script of the banner is in the page, with the key of this site.")
	e.Fill("Page", "/managed")
	e.Press("Read the page")
	e.says("A script of the page starts the banner of this site.")
	e.look("sites-checked")
	other := b.Visitor(t)
	other.Open(shop.URL + "/managed")
	other.AwaitThing("button", "Accept all")

	// What asks for more asks again, and says so before.
	e.Open(at + "/categories")
	e.Press("Statistics")
	e.Touch("Analytics analytics")
	e.Press("Save the draft")
	e.Press("Publish")
	e.says("Everybody. What they agreed to does not cover this version.", "It is for more purposes.")
	e.look("sites-publish")
	e.Fill("In en", "We count visits to make the shop better.")
	e.Press("Publish version 2")
	e.says("From version 1 to version 2", "The category Statistics is changed.")
	visitor.Fresh(shop.URL) // caches may keep what a banner shows for a minute
	visitor.AwaitThing("button", "Accept all")
	if !strings.Contains(visitor.Read(), "We count visits to make the shop better.") {
		t.Errorf("the banner does not say what has changed: %s", visitor.Read())
	}
	visitor.Use("button", "Accept all")
	visitor.AwaitThing("button", "Privacy settings")

	// What is only said otherwise asks nobody.
	e.Open(at + "/texts")
	e.Fill("Your privacy settings", "We still ask first")
	e.Press("Save the draft")
	e.Press("Publish")
	e.says("Nobody must be.")
	e.Press("Publish version 3")
	e.says("From version 2 to version 3")
	visitor.Fresh(shop.URL)
	visitor.AwaitThing("button", "Privacy settings")
	if strings.Contains(visitor.Read(), "Accept all") {
		t.Errorf("the banner asks again: %s", visitor.Read())
	}
	visitor.Use("button", "Privacy settings")
	visitor.AwaitThing("heading", "We still ask first")
}
