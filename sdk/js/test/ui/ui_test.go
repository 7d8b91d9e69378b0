// Package ui_test looks at the face of the banner in a real Chromium, on a page
// of its own with a Controller that is made up.
package ui_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/evanw/esbuild/pkg/api"

	"volenti.dev/volenti/consent/site"
	"volenti.dev/volenti/internal/chromiumtest"
)

// serve gives the address of the page. Its policy allows nothing but what has
// its nonce, and no text that becomes script.
func serve(t *testing.T) string {
	t.Helper()
	built := api.Build(api.BuildOptions{EntryPoints: []string{"page.ts"}, Bundle: true, Format: api.FormatIIFE, Target: api.ES2019})
	for _, problem := range built.Errors {
		t.Fatal(problem.Text)
	}
	html, err := os.ReadFile("page.html")
	if err != nil {
		t.Fatal(err)
	}
	texts := map[string]map[string]string{}
	for _, language := range site.BuiltinLanguages() {
		texts[language] = site.Builtin(language)
	}
	said, err := json.Marshal(texts)
	if err != nil {
		t.Fatal(err)
	}
	give := func(kind string, body []byte) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Security-Policy", "default-src 'none'; script-src 'nonce-n'; style-src 'nonce-n'; img-src data:; frame-src 'self'; require-trusted-types-for 'script'; trusted-types 'none'")
			w.Header().Set("Content-Type", kind)
			_, _ = w.Write(body)
		}
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", give("text/html; charset=utf-8", html))
	mux.HandleFunc("GET /texts.js", give("text/javascript", append([]byte("window.texts = "), said...)))
	mux.HandleFunc("GET /page.js", give("text/javascript", built.OutputFiles[0].Contents))
	mux.HandleFunc("GET /zoomed", give("text/html; charset=utf-8", []byte(`<!doctype html><iframe title="" width="320" height="256" src="/?language=de&phase=changed"></iframe>`)))
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s.URL + "/"
}

// face is somebody who looks at the page.
type face struct {
	*chromiumtest.Browser
	t  *testing.T
	at string
}

// visit opens the page as what follows the ? says.
func (f face) visit(query string) {
	f.t.Helper()
	f.Open(f.at + "?" + query)
	f.Await("window.unmount")
}

// asked gives what was asked of the Controller so far.
func (f face) asked() string {
	f.t.Helper()
	return strings.Join(chromiumtest.Evaluate[[]string](f.Browser, "fake.asked"), "\n")
}

func (f face) check(what, expression string) {
	f.t.Helper()
	if !chromiumtest.Evaluate[bool](f.Browser, "!!("+expression+")") {
		f.t.Errorf("it does not hold that %s", what)
	}
}

func (f face) wantAsked(want ...string) {
	f.t.Helper()
	if got := f.asked(); got != strings.Join(want, "\n") {
		f.t.Errorf("asked:\n%s\nwant:\n%s", got, strings.Join(want, "\n"))
	}
}

func (f face) wantFocus(role, name string) {
	f.t.Helper()
	if at := f.Focus(); at.Role != role || at.Name != name {
		f.t.Errorf("the focus is on %s, not on %s %q", at, role, name)
	}
}

func TestTheFaceOfTheBanner(t *testing.T) {
	at := serve(t)
	browser := chromiumtest.StartScripted(t)
	for _, tt := range []struct {
		sentence string
		holds    func(f face)
	}{
		{"the first layer offers three answers that are alike", alike},                         // W14
		{"the first layer holds nobody up", unheld},                                            // W14
		{"Esc closes the first layer without an answer", escape},                               // W14
		{"the keyboard alone makes a choice", keyboard},                                        // W14, W18
		{"the focus stays in the settings, and comes back from them", focus},                   // W18
		{"the settings say what is there to know", facts},                                      // W14
		{"a service is switched alone", service},                                               // W14
		{"services come a few at a time", pieces},                                              // F12
		{"consent is withdrawn where it was given, and the visitor is asked", withdrawal},      // W14
		{"a visitor is told why they are asked again", again},                                  // W14
		{"the browser's signal is a message that a visitor closes for good", signal},           // W14
		{"a link of the page opens the settings in the place of the button", link},             // W14
		{"in the place of a blocked frame is a way to allow its vendor", placeholder},          // W14
		{"messages are told, also to those who do not see them", messages},                     // W18
		{"nothing on the page moves", still},                                                   // F12
		{"a strict policy refuses nothing", strict},                                            // W16
		{"the page's rules do not reach in; its theme does, before the published look", theme}, // W16
		{"all can be reached when it is zoomed to 400 %", zoomed},                              // W18
		{"all languages fit on a small screen", languages},                                     // W18
		{"it is not printed, and does without colours", media},                                 // W18
		{"what is taken away leaves nothing", gone},                                            // W16
	} {
		t.Run(tt.sentence, func(t *testing.T) { tt.holds(face{browser.Visitor(t), t, at}) })
	}
}

func alike(f face) {
	f.visit("")
	var names []string
	for _, thing := range f.Tree() {
		if slices.Contains([]string{"Accept all", "Refuse all", "Choose"}, thing.Name) && thing.Role == "button" {
			names = append(names, thing.Name)
		}
	}
	if want := []string{"Accept all", "Refuse all", "Choose"}; !slices.Equal(names, want) {
		f.t.Errorf("the answers are %q, want %q", names, want)
	}
	for _, width := range []int64{1280, 320} {
		f.Screen(width, "light")
		looks := chromiumtest.Evaluate[[]string](f.Browser, `[...front.querySelectorAll(".acts button")].map(b => {
			const {width, height} = b.getBoundingClientRect(), s = getComputedStyle(b);
			return [width, height, s.color, s.backgroundColor, s.borderColor, s.fontSize, s.fontWeight, s.padding].join(" ")})`)
		if looks[0] != looks[1] || looks[1] != looks[2] {
			f.t.Errorf("at %d pixels the answers look like\n%s", width, strings.Join(looks, "\n"))
		}
	}
	f.Use("button", "Refuse all")
	f.wantAsked("refuseAll")
}

func unheld(f face) {
	f.visit("")
	if tree := f.Tree(); tree[1].Role != "complementary" || tree[1].Name != "Your privacy settings" {
		f.t.Errorf("what is read first is %s", tree[1])
	}
	f.check("the focus stays where it is", `document.activeElement == document.body`)
	f.Use("link", "How they are made")
	f.check("the page can be used", `location.hash == "#more"`)
	f.wantAsked()
	f.Use("button", "Close without consent")
	f.wantAsked("close")
}

func escape(f face) {
	f.visit("")
	f.Key(chromiumtest.Escape)
	f.wantAsked("close")
	f.AwaitGone("complementary", "Your privacy settings")
	f.AwaitThing("button", "Privacy settings")
	f.Key(chromiumtest.Escape)
	f.wantAsked("close")
	f.Use("button", "Privacy settings")
	f.AwaitThing("dialog", "Your privacy settings")
	f.Key(chromiumtest.Escape)
	f.AwaitGone("dialog", "Your privacy settings")
	f.wantAsked("close", `open "settings"`, "close")
}

func keyboard(f face) {
	f.visit("")
	f.Key(chromiumtest.Tab)
	f.wantFocus("button", "Close without consent")
	f.TabTo("button", "Choose", 6)
	f.Key(chromiumtest.Enter)
	f.AwaitThing("dialog", "Your privacy settings")
	f.TabTo("switch", "Statistics", 6)
	if at := f.Focus(); at.State != "false" || at.Description != "How the site is used, so that it can be made better." {
		f.t.Errorf("the switch is %q and says %q", at.State, at.Description)
	}
	f.Key(chromiumtest.Space)
	if at := f.Focus(); at.State != "true" {
		f.t.Errorf("after it was used the switch is %q", at.State)
	}
	f.TabTo("button", "Save choice", 12)
	f.Key(chromiumtest.Enter)
	f.AwaitGone("dialog", "Your privacy settings")
	f.wantAsked(`open "settings"`, `choose {"necessary":true,"functional":false,"statistics":true,"marketing":false} {}`)
	f.Key(chromiumtest.Tab)
	f.wantFocus("link", "How they are made") // the first of the page
}

func focus(f face) {
	f.visit("")
	f.Use("button", "Choose")
	f.AwaitThing("dialog", "Your privacy settings")
	for range 25 { // more than there is in it
		f.Key(chromiumtest.Tab)
		f.check("the focus is in the settings, or with the browser",
			`!document.activeElement || document.activeElement == document.body || document.activeElement == rear.host`)
	}
	f.Key(chromiumtest.Escape)
	f.AwaitGone("dialog", "Your privacy settings")
	f.wantFocus("button", "Choose")
	f.wantAsked(`open "settings"`, `open "ask"`)

	f.visit("phase=settled")
	f.Use("button", "Privacy settings")
	f.AwaitThing("dialog", "Your privacy settings")
	f.Key(chromiumtest.Escape)
	f.AwaitGone("dialog", "Your privacy settings")
	f.wantFocus("button", "Privacy settings")
	f.wantAsked(`open "settings"`, `close`)
	f.Use("button", "Privacy settings")
	f.Use("button", "Back")
	f.AwaitGone("dialog", "Your privacy settings")
	f.wantFocus("button", "Privacy settings")
}

func facts(f face) {
	f.visit("phase=settled")
	f.Use("button", "Privacy settings")
	if f.Sees("switch", "Necessary") {
		f.t.Error("what is necessary can be switched off")
	}
	for name, state := range map[string]string{"Functional": "false", "Statistics": "true", "Marketing": "false"} {
		if got := f.AwaitThing("switch", name).State; got != state {
			f.t.Errorf("%s is %s", name, got)
		}
	}
	f.check("a list is made when it is wanted", `!rear.textContent.includes("Tally")`)
	f.check("services unfold", `rear.querySelectorAll("details")[1].open = true`)
	f.Use("DisclosureTriangle", "Tally")
	f.Await(`rear.textContent.includes("Tally Insights GmbH")`)
	said := chromiumtest.Evaluate[string](f.Browser, `rear.querySelector("dialog").textContent`)
	for _, want := range []string{
		"Always on", "basket", "Remembers what is in the basket", "Tally Insights GmbH", "Germany",
		"Counting visits, Finding pages that are slow", "_tally", "Days: 365 · Tells visitors apart",
		"Until you close the browser", "Number of your choice", "019ac1f0-7a44-7c1e-9f6e-2f1b7f3a9d10",
	} {
		if !strings.Contains(said, want) {
			f.t.Errorf("nobody says %q", want)
		}
	}
	f.check("the link leads to the provider", `rear.querySelector(".facts a").href == "https://tally.example/privacy"`)
}

func service(f face) {
	f.visit("phase=settled")
	f.Use("button", "Privacy settings")
	f.check("services unfold", `rear.querySelectorAll("details")[1].open = true`)
	f.Use("switch", "Tally")
	f.Use("switch", "Marketing")
	f.check("services unfold", `rear.querySelectorAll("section details")[rear.querySelectorAll("section details").length - 1].open = true`)
	if got := f.AwaitThing("switch", "AdLoop").State; got != "true" {
		f.t.Errorf("the vendor of a category that is switched on is %s", got)
	}
	f.Use("switch", "Marketing")
	if got := f.AwaitThing("switch", "AdLoop").State; got != "false" {
		f.t.Errorf("the vendor of a category that is switched off is %s", got)
	}
	f.Use("button", "Save choice")
	f.wantAsked(`open "settings"`, `choose {"necessary":true,"functional":false,"statistics":true,"marketing":false} {"tally":false}`)
}

func pieces(f face) {
	f.visit("phase=settled&vendors=500")
	var counts []int
	longest := f.LongestTask(func() {
		counts = chromiumtest.Evaluate[[]int](f.Browser, `new Promise(seen => {
			fake.open();
			const all = [...rear.querySelectorAll("details")].pop(), counts = [];
			let before = 0;
			new MutationObserver(() => {
				const now = all.querySelectorAll("li").length;
				counts.push(now - before);
				if ((before = now) == 501) requestAnimationFrame(() => setTimeout(() => seen(counts)));
			}).observe(all, {childList: true, subtree: true});
			all.open = true})`)
	})
	if most := slices.Max(counts); most > 20 {
		f.t.Errorf("%d are made in one go", most)
	}
	if longest > 50*time.Millisecond {
		f.t.Errorf("a task takes %v", longest)
	}
	f.t.Logf("the longest task takes %v", longest)
}

func withdrawal(f face) {
	f.visit("phase=settled")
	f.Use("button", "Privacy settings")
	f.Use("button", "Withdraw consent")
	f.AwaitThing("complementary", "Your privacy settings")
	f.wantAsked(`open "settings"`, "withdraw")
	f.wantFocus("button", "Accept all")
	if !strings.Contains(f.Read(), "Your choice is saved.") {
		f.t.Error("nobody says that it is done")
	}
	if f.Sees("button", "Privacy settings") {
		f.t.Error("the way back is there beside what it leads to")
	}
}

func again(f face) {
	f.visit("phase=changed")
	if said := f.Read(); !strings.Contains(said, "Since your last choice this has changed:\nWe now count visits with Tally.\nTally\n") {
		f.t.Errorf("after a change is said\n%s", said)
	}
	f.visit("phase=expired")
	if said := f.Read(); !strings.Contains(said, "Your last choice is some time ago. Please choose again.") {
		f.t.Errorf("after the time is over is said\n%s", said)
	}
}

func signal(f face) {
	f.visit("phase=signal")
	const message = "Your browser asks us not to sell or share your data. We do as it says."
	if !strings.Contains(f.Read(), message) || f.Sees("complementary", "Your privacy settings") {
		f.t.Errorf("under a signal is said\n%s", f.Read())
	}
	f.Use("button", "Close without consent")
	f.visit("phase=signal")
	if strings.Contains(f.Read(), message) {
		f.t.Error("the message comes again")
	}
	f.Use("button", "Privacy settings")
	if !strings.Contains(f.Read(), message) {
		f.t.Error("the settings do not tell of the signal")
	}
}

func link(f face) {
	f.visit("phase=settled&link")
	if f.Sees("button", "Privacy settings") {
		f.t.Error("the button is there, too")
	}
	f.Use("link", "Cookies")
	f.AwaitThing("dialog", "Your privacy settings")
	f.Key(chromiumtest.Escape)
	f.AwaitGone("dialog", "Your privacy settings")
	f.wantFocus("link", "Cookies")
	f.check("the link does not lead away", `location.hash == ""`)
}

func placeholder(f face) {
	f.visit("phase=settled")
	const late = `{const f = document.querySelector("iframe").cloneNode(); f.dataset.vendor = "adloop"; f.title = "Late"; document.querySelector("main").append(f); true}`
	chromiumtest.Evaluate[bool](f.Browser, late)
	f.AwaitThing("group", "This content comes from AdLoop.")
	f.AwaitThing("group", "This content comes from Tubular Video.")
	f.check("frames are not seen", `[...document.querySelectorAll("iframe")].every(f => !f.offsetWidth)`)
	f.TabTo("button", "Show content and allow Tubular Video", 6)
	f.Key(chromiumtest.Enter)
	f.AwaitGone("group", "This content comes from Tubular Video.")
	f.wantAsked(`allowVendor "tubular"`)
	f.check("the frame is seen, and has the focus", `document.querySelector("iframe").offsetWidth && document.activeElement.title == "Video"`)
	f.AwaitThing("group", "This content comes from AdLoop.")
	chromiumtest.Evaluate[bool](f.Browser, `{const f = document.querySelector("iframe").cloneNode(); f.removeAttribute("style"); delete f.dataset.vendor; f.dataset.category = "statistics marketing"; document.querySelector("main").append(f); true}`)
	f.AwaitThing("group", "This content comes from tubular.example.") // a vendor that nobody has named
	f.Use("button", "Choose")
	f.Use("button", "Accept all")
	f.check("all is shown", `!document.querySelector("volenti-blocked")`)
	f.check("what is refused again is hidden again", `fake.refuseAll() || document.querySelectorAll("volenti-blocked").length == 3`)
}

func messages(f face) {
	f.visit("")
	f.check("what will speak is there before it does", `rear.querySelector("[role=status]").textContent == ""`)
	f.Use("button", "Accept all")
	said := func(want string) {
		f.t.Helper()
		if got := chromiumtest.Evaluate[string](f.Browser, `rear.querySelector("[role=status]").textContent`); got != want {
			f.t.Errorf("it says %q, not %q", got, want)
		}
	}
	said("")
	f.check("the server answers", `fake.emit("recorded", {source: "banner"}) || true`)
	said("Your choice is saved.")
	f.Network(false)
	f.Await("!navigator.onLine")
	f.check("a choice is made", `fake.refuseAll() || true`)
	said("You are offline. Your choice holds, and is sent later.")
	f.Network(true)
	f.visit("")
	f.Use("button", "Show content and allow Tubular Video")
	f.check("the visitor is asked still", `fake.set({phase: "ask"}, "ask") || fake.emit("recorded", {source: "preferences"}) || true`)
	said("Your choice is saved.")
	f.check("the message is not below the first layer",
		`(r => document.elementFromPoint(r.left + 5, r.top + 5) == rear.host)(rear.querySelector("[role=status]").getBoundingClientRect())`)
	f.visit("phase=signal")
	f.check("the server answers", `fake.emit("recorded", {source: "gpc"}) || true`)
	said("")
}

func still(f face) {
	f.WatchShifts()
	for _, width := range []int64{1280, 320} {
		f.Screen(width, "light")
		f.visit("phase=changed&language=de")
		where := `JSON.stringify([...document.querySelectorAll("main, h1, h2")].map(e => e.getBoundingClientRect().top))`
		before := chromiumtest.Evaluate[string](f.Browser, where)
		f.Use("button", "Alle annehmen")
		f.AwaitThing("button", "Datenschutz-Einstellungen")
		f.check("it is taken away", `unmount() || true`)
		if after := chromiumtest.Evaluate[string](f.Browser, where); after != before {
			f.t.Errorf("with it the page is at %s, without it at %s", before, after)
		}
		for _, shift := range f.Shifts() {
			f.t.Errorf("the layout shifts: %s", shift)
		}
	}
}

func strict(f face) {
	f.visit("phase=changed")
	f.Use("button", "Choose")
	f.check("all unfolds", `rear.querySelectorAll("details").forEach(d => d.open = true) || true`)
	f.Use("button", "Save choice")
	f.AwaitThing("button", "Privacy settings")
	f.check("nothing was refused", `refused.length == 0`)
	f.check("nothing has a style of its own", `!front.querySelector("[style]") && !rear.querySelector("[style]")`)
	if complaints := f.Complaints(); len(complaints) > 0 {
		f.t.Errorf("the console says %q", complaints)
	}
}

func theme(f face) {
	f.visit("")
	style := func(of string) string {
		return chromiumtest.Evaluate[string](f.Browser, `{const s = getComputedStyle(front.querySelector("`+of+`"));
			[s.color, s.backgroundColor, s.borderStyle, s.textTransform, s.wordSpacing, s.textAlign].join("; ")}`)
	}
	if got, want := style(".acts button"), "rgb(255, 255, 255); rgb(28, 33, 39); solid; none; 0px; center"; got != want {
		f.t.Errorf("a button is %s, want %s", got, want)
	}
	f.visit("look=" + url.QueryEscape(`{"accent":"#0b4f9e","dark-accent":"#8fc1ff","background":"#fafafa","radius":"0px","position":"auto 1em 1em auto"}`))
	for scheme, want := range map[string]string{"light": "rgb(250, 250, 250); rgb(11, 79, 158); solid; none; 0px; center", "dark": "rgb(250, 250, 250); rgb(143, 193, 255); solid; none; 0px; center"} {
		f.Screen(1280, scheme)
		if got := style(".acts button"); got != want {
			f.t.Errorf("as it was published, in %s colours, a button is %s, want %s", scheme, got, want)
		}
	}
	for _, width := range []int64{1280, 320} {
		f.Screen(width, "light")
		f.check(fmt.Sprintf("it has square corners and its place at %d pixels", width), `(s => [s.borderRadius, s.right, s.bottom].join(" ") == "0px 16px 16px")(getComputedStyle(front.querySelector(".ask")))`)
	}
	f.Screen(1280, "light")
	f.check("the page has a theme", `["background: #fffbe6", "text: #332b00", "accent: #7a4b00", "on-accent: #ffffe0"].forEach(p => {
		const [name, value] = p.split(": "); document.documentElement.style.setProperty("--volenti-" + name, value)}) || true`)
	if got, want := style(".acts button"), "rgb(255, 255, 224); rgb(122, 75, 0); solid; none; 0px; center"; got != want {
		f.t.Errorf("with a theme a button is %s, want %s", got, want)
	}
	if got, want := style(".card"), "rgb(51, 43, 0); rgb(255, 251, 230); solid; none; 0px; start"; got != want {
		f.t.Errorf("with a theme the first layer is %s, want %s", got, want)
	}
}

func zoomed(f face) {
	f.Open(f.at + "zoomed")
	f.Await(`document.querySelector("iframe").contentWindow.unmount`)
	reach := func(what, in string) {
		f.t.Helper()
		lost := chromiumtest.Evaluate[[]string](f.Browser, `{
			const {front, rear, innerWidth, innerHeight} = document.querySelector("iframe").contentWindow;
			[...`+in+`.querySelectorAll("button, input, summary, a")].filter(e => {
				e.scrollIntoView({block: "nearest"});
				const r = e.getBoundingClientRect();
				return r.left < 0 || r.top < -1 || r.right > innerWidth || r.bottom > innerHeight + 1 ||
					!e.contains(e.getRootNode().elementFromPoint(r.left + r.width / 2, r.top + r.height / 2));
			}).map(e => e.textContent || e.getAttribute("aria-label") || e.role)}`)
		if len(lost) > 0 {
			f.t.Errorf("in %s one cannot reach %q", what, lost)
		}
	}
	reach("the first layer", "front")
	chromiumtest.Evaluate[bool](f.Browser, `document.querySelector("iframe").contentWindow.fake.open() || true`)
	reach("the settings", `rear.querySelector("dialog")`)
	f.check("there is more to see than a slit", `document.querySelector("iframe").contentWindow.rear.querySelector(".body").clientHeight > 200`)
}

func languages(f face) {
	f.Screen(320, "light")
	f.visit("")
	wide := chromiumtest.Evaluate[[]string](f.Browser, `Object.keys(texts).flatMap(language => {
		const wide = root => [...root.querySelectorAll("*")].filter(e => {
			const {left, right} = e.getBoundingClientRect();
			return left < 0 || right > innerWidth || !e.matches(".head") && e.clientWidth && e.scrollWidth > e.clientWidth;
		}).map(e => [language, e.localName, e.textContent].join(" "));
		show("phase=changed&language=" + language);
		const asked = wide(front);
		show("phase=settled&language=" + language);
		fake.open();
		return asked.concat(wide(rear), wide(document.querySelector("volenti-blocked").shadowRoot));
	})`)
	for _, what := range wide {
		f.t.Errorf("too wide: %s", what)
	}
}

func media(f face) {
	f.visit("phase=settled")
	f.check("the settings are open", `fake.open() || true`)
	f.Media("print")
	f.check("it is not printed", `[front, rear, document.querySelector("volenti-blocked").shadowRoot].every(s => getComputedStyle(s.host).display == "none")`)
	f.Media("", "forced-colors", "active")
	looks := chromiumtest.Evaluate[[]string](f.Browser, `["Functional", "Statistics"].map(name => {
		const e = [...rear.querySelectorAll("[role=switch]")].find(e => e.labels[0].textContent == name);
		return [getComputedStyle(e).backgroundColor, getComputedStyle(e, "::before").backgroundColor]}).flat()`)
	if off, on := looks[:2], looks[2:]; off[0] == on[0] || off[0] == off[1] || on[0] == on[1] {
		f.t.Errorf("a switch that is off is %q, one that is on %q", off, on)
	}
}

func gone(f face) {
	f.visit("")
	f.check("it is taken away", `unmount() || true`)
	f.check("there is nothing of it", `!document.querySelector("volenti-banner, volenti-blocked") && document.querySelector("iframe").offsetWidth > 0`)
	f.Key(chromiumtest.Escape)
	f.Use("link", "Cookies")
	f.wantAsked()
}

// TestAxeFindsNothing looks at all that the banner shows, in light and dark,
// wide and narrow, from left to right and from right to left.
func TestAxeFindsNothing(t *testing.T) { // W18
	at := serve(t)
	axe := chromiumtest.Axe(t)
	f := face{chromiumtest.StartScripted(t), t, at}
	type screen struct {
		width         int64
		scheme, query string
	}
	screens := []screen{{1280, "light", ""}, {320, "dark", "&rtl"}}
	if os.Getenv("SOAK") != "" {
		screens = append(screens, screen{1280, "dark", "&language=de"}, screen{320, "light", "&language=de"})
	}
	unfold := `{const all = () => [...rear.querySelectorAll("details:not([open])")];
		new Promise(done => { const more = () => { const closed = all(); closed.forEach(d => d.open = true); closed.length ? setTimeout(more, 50) : done(true) }; fake.open(); more() })}`
	for name, does := range map[string]struct{ query, then string }{
		"ask":      {"", "true"},
		"changed":  {"phase=changed", "true"},
		"settings": {"phase=settled", "fake.open() || true"},
		"services": {"phase=settled", unfold},
		"settled":  {"phase=settled", `fake.emit("recorded", {source: "banner"}) || true`},
		"signal":   {"phase=signal", "true"},
	} {
		for _, screen := range screens {
			f.Screen(screen.width, screen.scheme)
			f.visit(does.query + screen.query)
			chromiumtest.Evaluate[bool](f.Browser, does.then)
			look := fmt.Sprintf("%s-%d-%s%s", name, screen.width, screen.scheme, strings.ReplaceAll(screen.query, "&", "-"))
			f.Picture(look)
			if wider := f.Overflow(); wider > 0 {
				t.Errorf("%s: the page is %d pixels wider than the window", look, wider)
			}
			for _, finding := range f.Findings(axe, chromiumtest.Rules()...) {
				t.Errorf("%s: %s", look, finding)
			}
		}
	}
}
