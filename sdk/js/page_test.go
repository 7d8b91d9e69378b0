package js_test

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"volenti.dev/volenti/internal/chromiumtest"
	js "volenti.dev/volenti/sdk/js"
)

// house is a server that speaks as ours does, and the pages of a shop that has
// its script. It keeps what stands for devices, and can be told to fail.
type house struct {
	t    *testing.T
	shop string // the address of its pages
	port string

	mu       sync.Mutex
	page     string // what is in the head of the pages, after the script
	policy   string // Content-Security-Policy
	document map[string]any
	status   int // of answers to what is chosen; 0 for what is right
	sent     []sending
	stands   map[string]map[string]any // by device
	loaded   []string                  // what vendors were asked for
}

// sending is what the page has posted.
type sending struct {
	to   string
	body map[string]any
}

func newHouse(t *testing.T) *house {
	h := &house{t: t, stands: map[string]map[string]any{}, document: document()}
	server := httptest.NewUnstartedServer(h)
	server.Start()
	t.Cleanup(server.Close)
	_, port, err := net.SplitHostPort(server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	h.port, h.shop = port, "http://shop.localhost:"+port
	return h
}

func document() map[string]any {
	category := func(key string, rest map[string]any) map[string]any {
		c := map[string]any{"key": key, "title": key, "description": "", "since": 1, "days": 365}
		for k, v := range rest {
			c[k] = v
		}
		return c
	}
	return map[string]any{
		"site": "shop", "version": 1, "digest": strings.Repeat("a", 64), "language": "en", "languages": []string{"en"}, "direction": "ltr",
		"region": "all", "mode": "opt_in", "material": 1, "texts": map[string]string{}, "links": map[string]string{}, "url": "",
		"categories": []any{
			category("necessary", map[string]any{"necessary": true}),
			category("statistics", map[string]any{"google": []string{"analytics_storage"}, "cookies": []any{map[string]any{"name": "st_*", "days": 1}}}),
			category("marketing", map[string]any{"sale": true, "google": []string{"ad_storage"}}),
		},
		"vendors": []any{
			map[string]any{"key": "counter", "name": "Counter", "category": "statistics", "since": 1, "cookies": []any{map[string]any{"name": "shared", "days": 1}}},
			map[string]any{"key": "adverts", "name": "Adverts", "category": "marketing", "since": 1, "hosts": []string{"*.adverts.localhost"}, "cookies": []any{
				map[string]any{"name": "shared", "days": 1}, map[string]any{"name": "ad", "days": 1}}},
		},
	}
}

func (h *house) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h.mu.Lock()
	defer h.mu.Unlock()
	host, _, _ := strings.Cut(r.Host, ":")
	name, isScript := strings.CutPrefix(r.URL.Path, "/sdk/")
	_, to, isChoice := strings.Cut(r.URL.Path, "/consents")
	switch {
	case isScript:
		w.Header().Set("Content-Type", "text/javascript")
		text, err := js.Dist.ReadFile("dist/" + name)
		if err != nil {
			h.t.Error(err)
		}
		_, _ = w.Write(text)
	case r.Method == http.MethodOptions:
		w.Header().Set("Access-Control-Allow-Origin", "*")
		w.Header().Set("Access-Control-Allow-Headers", "Content-Type")
	case strings.HasSuffix(r.URL.Path, "/configuration"):
		h.answer(w, 200, h.document)
	case isChoice:
		h.choice(w, r, to)
	case strings.HasPrefix(r.URL.Path, "/vendor/"):
		h.loaded = append(h.loaded, r.URL.Path[len("/vendor/"):])
		w.Header().Set("Content-Type", "text/javascript")
		fmt.Fprintf(w, "(window.ran = window.ran || []).push(%q)", r.URL.Path[len("/vendor/"):])
	case strings.HasSuffix(host, "shop.localhost"):
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		if h.policy != "" {
			w.Header().Set("Content-Security-Policy", h.policy)
		}
		fmt.Fprint(w, strings.ReplaceAll(h.page, "SERVER", "http://consent.localhost:"+h.port))
	default:
		http.NotFound(w, r)
	}
}

func (h *house) answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Access-Control-Allow-Origin", "*")
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	if err := json.NewEncoder(w).Encode(body); err != nil {
		h.t.Error(err)
	}
}

// choice records what is chosen, once for each submission.
func (h *house) choice(w http.ResponseWriter, r *http.Request, to string) {
	var body map[string]any
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		h.t.Error(err)
	}
	if to != "/current" {
		h.sent = append(h.sent, sending{to, body})
	}
	device, _ := body["device"].(string)
	switch {
	case h.status != 0:
		h.answer(w, h.status, map[string]any{"status": h.status})
	case to == "/current":
		h.answer(w, 200, map[string]any{"has_consent": h.stands[device] != nil, "consent": h.stands[device]})
	case to == "/withdraw":
		delete(h.stands, device)
		h.answer(w, 200, map[string]any{"success": true, "message": "Consent withdrawn"})
	default:
		now := time.Now().UTC()
		ends := now.AddDate(0, 3, 0)
		answers := func(all any) map[string]any {
			given := map[string]any{}
			chosen, _ := all.(map[string]any)
			for key, yes := range chosen {
				given[key] = map[string]any{"granted": yes, "version": body["version"], "expires_at": ends}
			}
			return given
		}
		h.stands[device] = map[string]any{
			"id": "consent-" + device[:4], "sequence": len(h.sent), "version": body["version"], "digest": body["digest"], "categories": answers(body["categories"]),
			"vendors": answers(body["vendors"]), "source": body["source"], "recorded_at": now, "updated_at": now, "expires_at": ends, "linked": false,
		}
		h.answer(w, 201, map[string]any{"has_consent": true, "consent": h.stands[device]})
	}
}

// change changes what the house does.
func (h *house) change(how func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	how()
}

func (h *house) posted() []sending {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.sent)
}

// snippet is the script as a page has it.
const snippet = `<script src="SERVER/sdk/core.js" data-site="shop"></script>`

// visit opens a page for a new visitor, and waits until it knows the site.
func (h *house) visit(browser *chromiumtest.Browser, t *testing.T, page string, before ...string) *chromiumtest.Browser {
	t.Helper()
	h.change(func() { h.page = page })
	b := browser.Visitor(t)
	for _, script := range before {
		b.Before(script)
	}
	b.Open(h.shop)
	b.Await(`window.volenti && volenti.document`)
	return b
}

func TestScriptOnAPage(t *testing.T) {
	browser := chromiumtest.StartScripted(t)
	for name, story := range map[string]func(*testing.T, *house, *chromiumtest.Browser){
		"held back scripts run in their order, under a strict policy": heldScripts,
		"what other code inserts waits where a page asks for it":      inserted,
		"frames and images wait, and frames end again":                heldFrames,
		"what is refused is cleared away":                             cleared,
		"a choice that a server cannot take is sent until it is":      resent,
		"a version that the server does not know is asked again":      refusedVersion,
		"a refusal that finds no room is not outlived by a yes":       fullStorage,
		"damaged storage is as none":                                  damaged,
		"another host of the site knows the choice":                   otherHost,
		"a signal is recorded once, and can be overridden":            signalled,
		"a withdrawal holds, and is recorded once":                    withdrawn,
		"answers that are none harm no page":                          garbage,
		"the page's own elements are a face":                          ownFace,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			story(t, newHouse(t), browser)
		})
	}
}

func is[T comparable](t *testing.T, b *chromiumtest.Browser, expression string, want T) {
	t.Helper()
	if got := chromiumtest.Evaluate[T](b, expression); got != want {
		t.Errorf("%s is %v, want %v", expression, got, want)
	}
}

const ran = `(window.ran || []).join(" ")`

func heldScripts(t *testing.T, h *house, browser *chromiumtest.Browser) { // W15, W16
	h.policy = "default-src 'none'; script-src 'nonce-abc'; connect-src http://consent.localhost:" + h.port +
		"; require-trusted-types-for 'script'; trusted-types volenti"
	b := h.visit(browser, t, strings.Replace(snippet, "<script", `<script nonce="abc"`, 1)+`
		<script type="text/plain" data-category="statistics" src="/vendor/first" nonce="abc"></script>
		<script type="text/plain" data-category="statistics" nonce="abc">(window.ran = window.ran || []).push("inline")</script>
		<script type="text/plain" data-category="statistics" data-type="module" nonce="abc">window.module = import.meta.url.length > 0</script>
		<script type="text/plain" data-vendor="counter" src="/vendor/second"></script>
		<script type="text/plain" data-category="marketing" src="/vendor/advert"></script>
		<script type="text/plain" data-category="statistics marketing" src="/vendor/both"></script>
		<script type="text/plain" data-vendor="nobody" src="/vendor/nobody"></script>
		<script type="text/plain" data-category="constructor" src="/vendor/constructor"></script>
		<script type="text/plain" data-category="necessary" src="/vendor/needed"></script>`)
	b.Await(ran + ` == "needed"`)
	is(t, b, `volenti.state.phase + volenti.layer`, "askask")
	chromiumtest.Evaluate[any](b, `volenti.choose({statistics: true})`)
	b.Await(ran + ` == "needed first inline second" && window.module`)
	chromiumtest.Evaluate[any](b, `{ const late = document.createElement("script");
		late.type = "text/plain"; late.dataset.category = "statistics"; late.dataset.src = "/vendor/late"; document.body.append(late) }`)
	b.Await(ran + ` == "needed first inline second late"`)
	h.mu.Lock()
	defer h.mu.Unlock()
	if slices.Sort(h.loaded); strings.Join(h.loaded, " ") != "first late needed second" {
		t.Errorf("loaded were %v", h.loaded)
	}
	if complaints := b.Complaints(); len(complaints) > 0 {
		t.Errorf("the console says %q", complaints)
	}
}

func heldFrames(t *testing.T, h *house, browser *chromiumtest.Browser) { // W15
	b := h.visit(browser, t, snippet+`<iframe data-vendor="counter" data-src="/vendor/frame"></iframe><img data-category="statistics" data-src="/vendor/image">
		<iframe data-category="marketing" data-src="/vendor/advert"></iframe>`)
	is(t, b, `[...document.querySelectorAll("iframe, img")].map(e => e.getAttribute("src")).join()`, ",,")
	chromiumtest.Evaluate[any](b, `volenti.allowVendor("counter")`)
	is(t, b, `[...document.querySelectorAll("iframe, img")].map(e => e.getAttribute("src")).join()`, "/vendor/frame,,")
	is(t, b, `volenti.state.phase`, "ask") // one vendor is no answer to everything
	chromiumtest.Evaluate[any](b, `volenti.acceptAll()`)
	b.Await(`document.querySelector("img").getAttribute("src") == "/vendor/image"`)
	is(t, b, `volenti.stale`, false)
	chromiumtest.Evaluate[any](b, `volenti.refuseAll()`)
	is(t, b, `[...document.querySelectorAll("iframe")].map(e => e.getAttribute("src")).join()`, "about:blank,about:blank")
	is(t, b, `volenti.stale`, true)
}

func inserted(t *testing.T, h *house, browser *chromiumtest.Browser) { // W15
	const add = `{ const add = (kind, path, how) => { const e = document.createElement(kind); if (kind == "script") e.onload = () => (window.loaded = window.loaded || []).push(path);
		const url = "http://x.adverts.localhost:" + location.port + path; how ? e.setAttribute("SRC", url) : e.src = url; document.head.append(e) }; `
	page := strings.Replace(snippet, "<script", "<script data-auto", 1)
	b := h.visit(browser, t, page+`<script>`+add+`add("script", "/vendor/early") }</script>
		<script>{ const e = document.createElement("script"); e.src = "http://cdn.localhost:" + location.port + "/vendor/free"; document.head.append(e) }</script>`)
	b.Await(ran + ` == "free"`)
	chromiumtest.Evaluate[any](b, add+`add("script", "/vendor/one"); add("script", "/vendor/two", true); add("iframe", "/vendor/frame") }`)
	chromiumtest.Evaluate[any](b, `{ const e = document.createElement("script"); e.src = "http://cdn.localhost:" + location.port + "/vendor/other"; document.head.append(e) }`)
	b.Await(ran + ` == "free other"`)
	chromiumtest.Evaluate[any](b, `volenti.choose({statistics: true})`)
	b.Await(`!volenti.state.queued`)
	h.mu.Lock()
	before := strings.Join(h.loaded, " ")
	h.mu.Unlock()
	if before != "free other" {
		t.Errorf("before it was allowed there were %s", before)
	}
	chromiumtest.Evaluate[any](b, `volenti.acceptAll()`)
	b.Await(`(window.loaded || []).sort().join() == "/vendor/early,/vendor/one,/vendor/two"`)
	b.Until("the frame is loaded", func() bool {
		h.mu.Lock()
		defer h.mu.Unlock()
		return slices.Contains(h.loaded, "frame")
	})
}

func cleared(t *testing.T, h *house, browser *chromiumtest.Browser) { // W15
	b := h.visit(browser, t, snippet)
	const traces = `[...document.cookie.split("; ").map(c => c.split("=")[0]), ...Object.keys(localStorage)].filter(k => !k.startsWith("volenti")).sort().join()`
	const set = `for (const name of ["st_1", "st_2", "shared", "ad", "own"]) document.cookie = name + "=1; Path=/; Max-Age=900";
		document.cookie = "st_3=1; Max-Age=900; Domain=shop.localhost"; localStorage.setItem("st_key", "1"); localStorage.setItem("basket", "1");`
	chromiumtest.Evaluate[any](b, `volenti.acceptAll();`+set)
	is(t, b, traces, "ad,basket,own,shared,st_1,st_2,st_3,st_key")
	chromiumtest.Evaluate[any](b, `volenti.choose({statistics: true})`)
	is(t, b, traces, "basket,own,shared,st_1,st_2,st_3,st_key") // one that is allowed has it too
	chromiumtest.Evaluate[any](b, `volenti.refuseAll()`)
	is(t, b, traces, "basket,own")
}

func resent(t *testing.T, h *house, browser *chromiumtest.Browser) { // W17
	b := h.visit(browser, t, snippet)
	h.change(func() { h.status = 503 })
	chromiumtest.Evaluate[any](b, `volenti.acceptAll(); volenti.choose({statistics: true})`)
	b.Until("it was tried", func() bool { return len(h.posted()) > 0 })
	is(t, b, `volenti.allowed("statistics") && !volenti.allowed("marketing") && volenti.state.queued`, true)
	b.Open(h.shop)
	b.Await(`window.volenti && volenti.document`)
	is(t, b, `volenti.allowed("statistics") && volenti.state.phase == "settled"`, true)
	h.change(func() { h.status, h.sent = 0, nil })
	b.Await(`!volenti.state.queued`)
	sent := h.posted()
	if len(sent) != 2 || sent[0].body["submission"] == sent[1].body["submission"] {
		t.Fatalf("sent was %v", sent)
	}
	if last, _ := sent[1].body["categories"].(map[string]any); last["statistics"] != true || last["marketing"] != false {
		t.Errorf("the newest choice came as %v", last)
	}
	is(t, b, `volenti.receipts.length`, 2)
	is(t, b, `volenti.receipts[0].submission`, sent[1].body["submission"].(string))
	is(t, b, `document.cookie`, "volenti="+sent[0].body["device"].(string)+".statistics")
}

func refusedVersion(t *testing.T, h *house, browser *chromiumtest.Browser) { // B18, W17
	b := h.visit(browser, t, snippet)
	h.change(func() {
		h.status = 422
		h.document["version"], h.document["digest"] = 2, strings.Repeat("b", 64)
	})
	chromiumtest.Evaluate[any](b, `volenti.acceptAll()`)
	b.Await(`volenti.layer == "ask" && volenti.document.version == 2`)
	is(t, b, `volenti.allowed("statistics") || volenti.state.queued`, false)
	h.change(func() { h.status = 0 })
	chromiumtest.Evaluate[any](b, `volenti.acceptAll()`)
	b.Await(`volenti.state.standing && volenti.state.standing.version == 2 && volenti.allowed("statistics")`)
}

func fullStorage(t *testing.T, h *house, browser *chromiumtest.Browser) {
	b := h.visit(browser, t, snippet)
	chromiumtest.Evaluate[any](b, `volenti.acceptAll()`)
	b.Await(`volenti.state.standing`)
	chromiumtest.Evaluate[any](b, `Storage.prototype.setItem = () => { throw new Error("full") }; volenti.refuseAll(); document.dispatchEvent(new Event("visibilitychange"))`)
	is(t, b, `volenti.allowed("statistics") + volenti.state.phase`, "falsesettled")
	b.Await(`!volenti.state.queued`)
	b.Open(h.shop) // the cookie knows the device, and the server what stands
	b.Await(`window.volenti && volenti.state.phase == "settled"`)
	is(t, b, `volenti.allowed("statistics")`, false)
}

func damaged(t *testing.T, h *house, browser *chromiumtest.Browser) {
	b := h.visit(browser, t, snippet)
	for _, text := range []string{
		`{`, `null`, `[]`, `{"device": 1}`, `{"device": "` + strings.Repeat("a", 32) + `", "seen": 1, "held": {"version": 9, "expires_at": "2999-01-01", "categories": {"statistics": true}, "vendors": {}}, "queue": [1], "receipts": 2}`,
	} {
		chromiumtest.Evaluate[any](b, `localStorage.setItem("volenti.shop", `+"`"+text+"`)")
		b.Open(h.shop)
		b.Await(`window.volenti && volenti.layer == "ask"`)
		is(t, b, `volenti.allowed("statistics") || volenti.state.queued`, false)
	}
	if sent := h.posted(); len(sent) > 0 {
		t.Errorf("sent was %v", sent)
	}
}

func otherHost(t *testing.T, h *house, browser *chromiumtest.Browser) { // B10
	b := h.visit(browser, t, strings.Replace(snippet, "<script", `<script data-domain="shop.localhost"`, 1))
	chromiumtest.Evaluate[any](b, `volenti.choose({statistics: true})`)
	b.Await(`volenti.state.standing`)
	device := chromiumtest.Evaluate[string](b, `volenti.device`)
	b.Open(strings.Replace(h.shop, "shop.", "blog.shop.", 1))
	b.Await(`window.volenti && volenti.state.phase == "settled"`)
	is(t, b, `volenti.device`, device)
	is(t, b, `volenti.allowed("statistics") && !volenti.allowed("marketing")`, true)
}

func signalled(t *testing.T, h *house, browser *chromiumtest.Browser) { // gpc.md
	b := h.visit(browser, t, snippet, `Object.defineProperty(Navigator.prototype, "globalPrivacyControl", {configurable: true, get: () => true})`)
	b.Await(`volenti.state.standing`)
	is(t, b, `volenti.state.phase + volenti.layer + volenti.allowed("statistics")`, "signalnullfalse")
	b.Open(h.shop)
	b.Await(`window.volenti && volenti.state.phase == "signal"`)
	chromiumtest.Evaluate[any](b, `volenti.acceptAll()`) // the page's own doing
	is(t, b, `volenti.allowed("statistics") + "" + volenti.allowed("marketing")`, "truefalse")
	chromiumtest.Evaluate[any](b, `volenti.open(); volenti.acceptAll()`) // the visitor's
	is(t, b, `volenti.allowed("marketing")`, true)
	b.Await(`!volenti.state.queued`)
	var sources []any
	for _, s := range h.posted() {
		sources = append(sources, s.body["source"])
	}
	if got := fmt.Sprint(sources); got != "[gpc script preferences]" {
		t.Errorf("sent were %s", got)
	}
}

func withdrawn(t *testing.T, h *house, browser *chromiumtest.Browser) { // B6
	b := h.visit(browser, t, snippet)
	chromiumtest.Evaluate[any](b, `volenti.acceptAll()`)
	b.Await(`volenti.state.standing`)
	h.change(func() { h.status = 500 })
	chromiumtest.Evaluate[any](b, `volenti.withdraw()`)
	b.Open(h.shop)
	h.change(func() { h.status = 0 })
	b.Await(`window.volenti && volenti.state.phase == "settled" && !volenti.state.queued`)
	is(t, b, `volenti.allowed("statistics") + "" + volenti.state.standing + volenti.layer`, "falsenullnull")
	ids := map[any]bool{}
	for _, s := range h.posted()[1:] {
		if ids[s.body["submission"]] = true; s.to != "/withdraw" {
			t.Errorf("sent was %v", s)
		}
	}
	if len(ids) != 1 {
		t.Errorf("there were %d withdrawals", len(ids))
	}
}

func garbage(t *testing.T, h *house, browser *chromiumtest.Browser) {
	h.change(func() { h.document = map[string]any{"categories": "all of them"} })
	h.page = snippet + snippet + `<script>window.onerror = () => { window.broken = true }; window.after = volenti.state.phase</script>`
	b := browser.Visitor(t)
	b.Open(h.shop)
	b.Await(`volenti.state.phase == "failed"`)
	is(t, b, `after + !!window.broken + volenti.allowed("necessary") + volenti.allowed("statistics")`, "loadingfalsetruefalse")
	chromiumtest.Evaluate[any](b, `volenti.acceptAll(); volenti.withdraw(); volenti.allowVendor("counter"); volenti.open()`)
	h.change(func() { h.document = document() })
	b.Await(`volenti.layer == "ask"`) // it is tried again
	chromiumtest.Evaluate[any](b, `volenti.on("change", () => { throw new Error("mine") }); volenti.choose({statistics: true})`)
	is(t, b, `volenti.allowed("statistics") + "" + !!window.broken`, "truefalse")
}

func ownFace(t *testing.T, h *house, browser *chromiumtest.Browser) { // W16
	b := h.visit(browser, t, strings.Replace(snippet, "core.js", "headless.js", 1)+`
		<div data-volenti-layer="ask" hidden><button data-volenti-accept>Yes</button><button data-volenti-open>Choose</button></div>
		<div data-volenti-layer="settings" hidden><label><input type="checkbox" data-volenti-category="statistics">Statistics</label>
		<button data-volenti-save>Save</button></div>`)
	b.Use("button", "Choose")
	b.Use("checkbox", "Statistics")
	b.Use("button", "Save")
	b.Await(`volenti.state.standing`)
	is(t, b, `[...document.querySelectorAll("[data-volenti-layer]")].every(l => l.hidden)`, true)
	if sent := h.posted(); len(sent) != 1 || sent[0].body["source"] != "preferences" || sent[0].body["categories"].(map[string]any)["statistics"] != true {
		t.Errorf("sent was %v", sent)
	}
}
