package web_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"volenti.dev/volenti/cli"
	"volenti.dev/volenti/internal/chromiumtest"
	"volenti.dev/volenti/web"
)

// fixtures give the addresses at which pages with parameters are walked, in the town:
// the first is walked in all ways, further ones are states that look otherwise.
var fixtures = map[string]func(*town) []string{
	"/ask/{policy}":                            fixed("/ask/my-data"),
	"/prove/{reference}":                       func(h *town) []string { return []string{"/prove/" + h.asks()} },
	"/requests/{token}":                        func(h *town) []string { return []string{"/requests/" + h.inLetters("vr_")} },
	"/packages/{token}":                        func(h *town) []string { return []string{"/packages/" + h.inLetters("vd_")} },
	"/tasks/{token}":                           func(h *town) []string { return []string{"/tasks/" + h.inLetters("vt_")} },
	"/instructions/{token}":                    func(h *town) []string { return []string{"/instructions/" + h.inLetters("va_")} },
	"/set-up/{invitation}":                     fixed("/set-up/vi_none"),
	"/new-password/{link}":                     fixed("/new-password/vp_none"),
	"/admin/requests/{id}":                     (*town).requests,
	"/admin/requests/{id}/tasks/{connection}":  (*town).tasks,
	"/admin/webhooks/{id}":                     (*town).webhooks,
	"/preferences/{token}":                     (*town).preferences,
	"/admin/people/{id}":                       (*town).people,
	"/admin/consent/records/{sequence}":        (*town).records,
	"/admin/consent/notices/{version}":         (*town).notices,
	"/admin/sites/{id}":                        ofSite(""),
	"/admin/sites/{id}/categories":             ofSite("/categories"),
	"/admin/sites/{id}/categories/{at}":        ofSite("/categories/3"),
	"/admin/sites/{id}/services":               ofSite("/services"),
	"/admin/sites/{id}/services/{at}":          ofSite("/services/1"),
	"/admin/sites/{id}/texts":                  ofSite("/texts"),
	"/admin/sites/{id}/regions":                ofSite("/regions"),
	"/admin/sites/{id}/look":                   ofSite("/look"),
	"/admin/sites/{id}/preview":                ofSite("/preview"),
	"/admin/sites/{id}/publish":                ofSite("/publish"),
	"/admin/sites/{id}/versions":               ofSite("/versions"),
	"/admin/sites/{id}/install":                ofSite("/install"),
	"/delete-account/{site}":                   (*town).deletion,
	"/admin/sites/{id}/preview/frame":          fixed(), // a page of the shop, with the banner; demo/site walks it
	"/admin/systems/{key}":                     func(h *town) []string { return h.each("/systems") },
	"/admin/connections/{key}":                 func(h *town) []string { return h.each("/connections") },
	"/admin/datasets/{key}":                    func(h *town) []string { return h.each("/datasets") },
	"/admin/connections/{key}/describe":        fixed("/admin/connections/shop/describe"),
	"/admin/new/dataset":                       fixed("/admin/new/dataset?connection=shop"),
	"/admin/datasets/{key}/edit":               (*town).described,
	"/admin/new/connection/{type}":             fixed("/admin/new/connection/email"),
	"/admin/propagation/{record}":              func(h *town) []string { return h.deliveries(false) },
	"/admin/propagation/{record}/{connection}": func(h *town) []string { return h.deliveries(true) },
}

func fixed(paths ...string) func(*town) []string {
	return func(*town) []string { return paths }
}

// ofSite gives a page of the shop's web site.
func ofSite(path string) func(*town) []string {
	return func(h *town) []string {
		var all listed
		h.ask(http.MethodGet, "/sites", nil, &all)
		return []string{"/admin/sites/" + all.Items[0].ID + path}
	}
}

func (h *town) deletion() []string {
	var all listed
	h.ask(http.MethodGet, "/sites", nil, &all)
	return []string{"/delete-account/" + all.Items[0].Key}
}

// town is the demo, which has some of everything, and its owner's browser.
type town struct {
	t          *testing.T
	dir        string // where the demo keeps what it made
	url, setUp string
	token      string // of the owner's session
}

func openTown(t *testing.T) *town {
	t.Helper()
	h := &town{t: t, dir: t.TempDir()}
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	reader, writer := io.Pipe()
	ended := make(chan int, 1)
	var errs bytes.Buffer
	go func() {
		ended <- cli.Main(ctx, []string{"demo", "--dir", h.dir}, cli.IO{
			In: strings.NewReader(""), Out: writer, Err: &errs, User: "tester", Now: time.Now,
			Env: func(string) (string, bool) { return "", false },
		})
		_ = writer.Close()
	}()
	t.Cleanup(func() {
		stop()
		if code := <-ended; code != 0 {
			t.Errorf("the demo ended with exit code %d: %s", code, &errs)
		}
	})
	link := regexp.MustCompile(`(http://[0-9.:]+)(/set-up/\S+)`)
	lines := bufio.NewScanner(reader)
	for h.setUp == "" && lines.Scan() {
		if m := link.FindStringSubmatch(lines.Text()); m != nil {
			h.url, h.setUp = m[1], m[2]
		}
	}
	go func() { _, _ = io.Copy(io.Discard, reader) }()
	if h.setUp == "" {
		t.Fatal("the demo shows no link")
	}
	return h
}

// move makes the browser that of the owner.
func (h *town) move(e eye) {
	h.t.Helper()
	e.Open(h.url + h.setUp)
	e.Fill("Your name", "Olga Officer")
	e.Fill("E-mail address", "olga@example.org")
	e.Fill("Password", password)
	e.Fill("The same password again", password)
	e.Press("Accept and sign in")
	h.token = e.Cookies()["volenti"]
}

// ask asks the API as the owner, and reads the answer into out.
func (h *town) ask(method, path string, body, out any) {
	h.t.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		h.t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(h.t.Context(), method, h.url+"/api/v1"+path, bytes.NewReader(text))
	if err != nil {
		h.t.Fatal(err)
	}
	if r.Header.Set("Authorization", "Bearer "+h.token); method == http.MethodPost {
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Idempotency-Key", uuid.NewString())
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		h.t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	if text, err = io.ReadAll(answer.Body); err == nil {
		err = json.Unmarshal(text, out)
	}
	if err != nil || answer.StatusCode >= http.StatusBadRequest {
		h.t.Fatalf("%s %s: %d %s %v", method, path, answer.StatusCode, text, err)
	}
}

// webhooks makes one.
func (h *town) webhooks() []string {
	h.t.Helper()
	var made struct{ ID string }
	h.ask(http.MethodPost, "/webhooks", map[string]any{"url": "https://crm.example.org/" + uuid.NewString()}, &made)
	return []string{"/admin/webhooks/" + made.ID}
}

// preferences makes a link for somebody who has agreed to something.
func (h *town) preferences() []string {
	h.t.Helper()
	var recorded struct{ Subject string }
	h.ask(http.MethodPost, "/consents", map[string]any{"identities": []map[string]string{{"type": "email", "value": "lena.own@example.org"}}, "purposes": map[string]bool{"analytics": true}}, &recorded)
	var made struct{ Token string }
	h.ask(http.MethodPost, "/subjects/"+recorded.Subject+"/preferences", map[string]int{}, &made)
	return []string{"/preferences/" + made.Token}
}

// asks lets somebody ask for something, and gives the reference.
func (h *town) asks() string {
	h.t.Helper()
	var asked struct{ Reference string }
	h.ask(http.MethodPost, "/public/requests", map[string]any{"policy": "my-data", "identities": []map[string]string{{"type": "email", "value": "marta.keller77@example.org"}}, "place": "DE"}, &asked)
	return asked.Reference
}

// inLetters gives the newest token of a kind that was sent.
func (h *town) inLetters(kind string) string {
	h.t.Helper()
	letters, err := filepath.Glob(filepath.Join(h.dir, "mail", "*.txt"))
	if err != nil {
		h.t.Fatal(err)
	}
	slices.Sort(letters)
	for _, name := range slices.Backward(letters) {
		text, err := os.ReadFile(name)
		if err != nil {
			h.t.Fatal(err)
		}
		if token := regexp.MustCompile(`\b` + kind + `[A-Za-z0-9_-]+`).Find(text); token != nil {
			return string(token)
		}
	}
	h.t.Fatalf("no letter has a token of the kind %s", kind)
	return ""
}

type listed struct {
	Items []struct{ ID, Key, Status, Request, Connection string }
}

// requests gives one in each status that there is, the one that waits first.
func (h *town) requests() []string {
	h.t.Helper()
	var all listed
	h.ask(http.MethodGet, "/requests?limit=100", nil, &all)
	var paths []string
	seen := map[string]bool{}
	for _, r := range all.Items {
		if path := "/admin/requests/" + r.ID; r.Status == "awaiting_approval" {
			paths = slices.Insert(paths, 0, path)
		} else if !seen[r.Status] {
			paths = append(paths, path)
		}
		seen[r.Status] = true
	}
	return paths
}

func (h *town) tasks() []string {
	h.t.Helper()
	var all listed
	h.ask(http.MethodGet, "/tasks", nil, &all)
	return []string{"/admin/requests/" + all.Items[0].Request + "/tasks/" + all.Items[0].Connection}
}

// owner signs the owner in, in a browser whose pages run their scripts.
func (h *town) owner() eye {
	h.t.Helper()
	e := eye{chromiumtest.StartScripted(h.t), h.t, chromiumtest.Axe(h.t)}
	e.Open(h.url + h.setUp)
	e.Fill("Your name", "Olga Officer")
	e.Fill("E-mail address", "olga@example.org")
	e.Fill("Password", password)
	e.Fill("The same password again", password)
	e.Press("Accept and sign in")
	h.token = e.Cookies()["volenti"]
	return e
}

// walked is a page as it is walked.
type walked struct{ name, path string }

// walks gives all pages that can be read.
func (h *town) walks() (all []walked) {
	h.t.Helper()
	for _, page := range web.Table() {
		if page.Method != http.MethodGet {
			continue
		}
		path := strings.TrimSuffix(page.Path, "{$}")
		name := strings.Trim(regexp.MustCompile(`[^a-z]+`).ReplaceAllString(path, "-"), "-")
		at := fixed(path)
		if strings.Contains(path, "{") {
			if at = fixtures[path]; at == nil {
				h.t.Errorf("the walk does not know where %s is shown: add to fixtures of web/walk_test.go how it finds one in the demo", path)
				continue
			}
		}
		for i, path := range at(h) {
			all = append(all, walked{fmt.Sprintf("%s-%d", name, i), path})
		}
	}
	return all
}

// wants tells what is wrong with a page for those who hear it, or use the keyboard.
const wants = `(() => {
	const wrong = [], root = document.documentElement;
	if (document.querySelectorAll("h1").length != 1) wrong.push("it has " + document.querySelectorAll("h1").length + " h1");
	if (!/\S.* · Volenti$/.test(document.title)) wrong.push("its title is " + document.title);
	if (!root.lang || !root.dir) wrong.push("it does not say its language and direction");
	if (document.querySelector("[tabindex]:not([tabindex='0'], [tabindex='-1'])")) wrong.push("something is out of the order of the keyboard");
	for (const e of document.querySelectorAll("a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex='0']")) {
		if (!e.checkVisibility({visibilityProperty: true}) || e.disabled) continue;
		e.focus({focusVisible: true});
		if (document.activeElement != e) wrong.push("the focus cannot be on " + e.outerHTML);
		else if (getComputedStyle(e).outlineStyle == "none") wrong.push("the focus cannot be seen on " + e.outerHTML);
	}
	document.activeElement.blur();
	scrollTo(0, 0);
	return wrong;
})()`

// TestEveryPageIsForEverybody walks through all pages of the table as the owner of a
// house with data, in light, dark, mirrored and narrow, and with the keyboard.
func TestEveryPageIsForEverybody(t *testing.T) { // W18
	h := openTown(t)
	e := eye{chromiumtest.StartScripted(t), t, chromiumtest.Axe(t)}
	h.move(e)
	pages := h.walks()
	for _, p := range pages {
		e.Screen(1280, "light")
		e.Open(h.url + p.path)
		if got := e.Tab(); got != "Skip to the content" {
			t.Errorf("%s: the keyboard begins at %q", p.path, got)
		}
		for _, wrong := range chromiumtest.Evaluate[[]string](e.Browser, wants) {
			t.Errorf("%s: %s", p.path, wrong)
		}
		e.see(p.name+"-light", chromiumtest.Rules()...)
		e.Screen(1280, "dark")
		e.see(p.name+"-dark", "color-contrast", "link-in-text-block") // nothing else is another
		e.Screen(320, "light")
		e.see(p.name+"-narrow", chromiumtest.Rules()...)
	}
	e.Screen(1280, "light")
	e.Open(h.url + "/admin?language=ar-XB")
	for _, p := range pages {
		e.Open(h.url + p.path)
		if direction := chromiumtest.Evaluate[string](e.Browser, `getComputedStyle(document.querySelector("main")).direction`); direction != "rtl" {
			t.Errorf("%s runs %s", p.path, direction)
		}
		e.see(p.name+"-mirrored", chromiumtest.Rules()...)
	}
	for _, complaint := range e.Complaints() {
		t.Errorf("the console says: %s", complaint)
	}
}

// see looks at the page that is open, as it is shown.
func (e eye) see(name string, rules ...string) {
	e.t.Helper()
	e.Window(name)
	for _, finding := range e.Findings(e.axe, rules...) {
		e.t.Errorf("%s: %s", name, finding)
	}
	if wider := e.Overflow(); wider > 0 {
		e.t.Errorf("%s: the page is %d pixels wider than the screen", name, wider)
	}
}
