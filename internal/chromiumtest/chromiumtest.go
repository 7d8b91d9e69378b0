// Package chromiumtest gives tests a real Chromium, without a window. Each test
// that asks for one has its own, with a profile that is gone afterwards; it
// ends with the test, and with the process.
//
//	b := chromiumtest.Start(t)
//	b.Open(url)
//	b.Fill("Password", "correct horse battery staple")
//	b.Press("Sign in")
//
// Fields and buttons are found by what a person reads on them. Pages run no
// script of their own, but those of StartScripted do. There many visitors share
// one Chromium, and what is on a page is found by what somebody is told who does
// not see it:
//
//	b := chromiumtest.StartScripted(t).Visitor(t)
//	b.Open(url)
//	b.Use("button", "Refuse all")
package chromiumtest

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// patience is how long one thing may take on a busy machine.
const patience = time.Minute

// Browser is a Chromium with one tab.
type Browser struct {
	t         testing.TB
	ctx       context.Context
	downloads string
	scripted  bool
	clock     page.ScriptIdentifier // what sets it; "" for nothing
	saw       *saw
}

// Start starts a Chromium.
func Start(t testing.TB) *Browser {
	t.Helper()
	return open(t, false)
}

func open(t testing.TB, scripted bool) *Browser {
	t.Helper()
	b := &Browser{t: t, downloads: t.TempDir(), scripted: scripted, saw: &saw{}}
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(program(t)),
		chromedp.NoSandbox, // it has none as root, and loads nothing but what tests serve
		chromedp.Flag("host-resolver-rules", "MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE *.localhost"),
		chromedp.Flag("accept-lang", "en"))
	allocator, end := chromedp.NewExecAllocator(context.WithoutCancel(t.Context()), options...)
	b.ctx, _ = chromedp.NewContext(allocator)
	t.Cleanup(func() {
		if err := chromedp.Cancel(b.ctx); err != nil {
			t.Errorf("end Chromium: %v", err)
		}
		end()
	})
	if err := chromedp.Do(b.ctx); err != nil { // it lives as long as the context of its first task
		t.Fatalf("start Chromium: %v", err)
	}
	b.setUp()
	return b
}

func (b *Browser) setUp() {
	b.t.Helper()
	events := true
	b.do("set it up", scripts(b.scripted),
		send(browser.SetDownloadBehavior, browser.SetDownloadBehaviorParams{
			Behavior: browser.SetDownloadBehaviorBehaviorAllowAndName, DownloadPath: b.downloads, EventsEnabled: &events,
		}))
	b.watch()
}

func scripts(on bool) chromedp.Action[chromedp.Void] {
	return send(emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: !on})
}

// program finds Chromium.
func program(t testing.TB) string {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if at, err := exec.LookPath(name); err == nil {
			return at
		}
	}
	t.Fatal("there is no Chromium: make needs installs one")
	return ""
}

// send is an action that sends a command of the protocol.
func send[P any](command cdp.Command[P, cdp.Empty], params P) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, command, params)
		return err
	})
}

// do does something within the patience.
func (b *Browser) do(what string, steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	run(b, what, chromedp.Steps(steps...))
}

func run[T any](b *Browser, what string, action chromedp.Action[T]) T {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	got, err := chromedp.Run(ctx, action)
	if err != nil {
		b.t.Fatalf("%s: %v\n%s", what, err, b.where())
	}
	return got
}

// where tells what the browser shows, as far as it answers.
func (b *Browser) where() string {
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	text, err := chromedp.Run(ctx, chromedp.Evaluate[string](`location.pathname + "\n" + document.body.innerText`))
	return fmt.Sprintf("at %s %v", text, err)
}

// Open goes to an address.
func (b *Browser) Open(url string) {
	b.t.Helper()
	b.do("open "+url, chromedp.Navigate(url))
}

// words tells what a person reads on an element, without what is said quietly
// beside it.
const words = `const words = e => [...e.childNodes].filter(n => !n.classList || !n.classList.contains("quiet")).map(n => n.textContent).join("").replace(/\s+/g, " ").trim();`

const (
	labelled = `[...document.querySelectorAll("label")].filter(l => words(l) == wanted).map(l => l.control)`
	touched  = `[...document.querySelectorAll("summary, label")].filter(e => words(e) == wanted)`
	pressed  = `[...document.querySelectorAll("button, a")].filter(e => words(e) == wanted)`
)

// find marks the one element that an expression gives, and gives its selector.
func (b *Browser) find(expression, wanted string) chromedp.CSS {
	b.t.Helper()
	found := run(b, "look for "+wanted, chromedp.Evaluate[int](`{`+words+` const wanted = `+quote(wanted)+`, all = `+expression+`;
		document.querySelectorAll("[data-wanted]").forEach(e => e.removeAttribute("data-wanted"));
		if (all.length) all[0].setAttribute("data-wanted", ""); all.length}`))
	if found != 1 {
		b.t.Fatalf("there are %d of %q\n%s", found, wanted, b.where())
	}
	return "[data-wanted]"
}

func quote(text string) string {
	b, err := json.Marshal(text)
	if err != nil {
		panic(err) // it is a string
	}
	return string(b)
}

// Fill types into the field with this label, in place of what is there.
func (b *Browser) Fill(label, text string) {
	b.t.Helper()
	b.do("go to "+label, chromedp.Focus(b.find(labelled, label)))
	run(b, "empty "+label, chromedp.Evaluate[bool](`document.activeElement.value = ""; true`))
	b.do("fill in "+label, chromedp.KeyEvent(text))
}

// Edit puts a text in the place of the first other one in the field with this label, and
// gives its line, from 1 on.
func (b *Browser) Edit(label, old, text string) int {
	b.t.Helper()
	b.find(labelled, label)
	line := run(b, "edit "+label, chromedp.Evaluate[int](`{const f = document.querySelector("[data-wanted]"), [before, ...rest] = f.value.split(`+quote(old)+`);
		if (rest.length) f.value = before + `+quote(text)+` + rest.join(`+quote(old)+`);
		rest.length && before.split("\n").length}`))
	if line == 0 {
		b.t.Fatalf("%s does not say %q\n%s", label, old, b.where())
	}
	return line
}

// Choose chooses an option of the field with this label.
func (b *Browser) Choose(label, option string) {
	b.t.Helper()
	at := b.find(labelled, label)
	value := run(b, "look for "+option, chromedp.Evaluate[string](`[...document.querySelector("[data-wanted]").options].filter(o => o.text == `+quote(option)+`)[0].value`))
	b.do("choose "+option, chromedp.SetValue(at, value))
}

// Upload gives a file to the field with this label.
func (b *Browser) Upload(label, file string) {
	b.t.Helper()
	b.do("upload to "+label, chromedp.SetUploadFiles(b.find(labelled, label), []string{file}))
}

// Press clicks on the button or link that says this, and waits for the page
// that comes.
func (b *Browser) Press(text string) {
	b.t.Helper()
	b.leave("press "+text, chromedp.Click(b.find(pressed, text)))
}

// Touch clicks on what says this, where that leads to no other page.
func (b *Browser) Touch(text string) {
	b.t.Helper()
	b.do("touch "+text, chromedp.Click(b.find(touched, text)))
}

// Enter presses that key where the focus is, and waits for the page that comes.
func (b *Browser) Enter() {
	b.t.Helper()
	b.leave("press Enter", chromedp.KeyEvent(kb.Enter))
}

func (b *Browser) leave(what string, step chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	if _, err := chromedp.RunResponse(ctx, step); err != nil {
		b.t.Fatalf("%s: %v\n%s", what, err, b.where())
	}
}

// Tab moves the focus on, and gives the label or text of what has it then.
func (b *Browser) Tab() string {
	b.t.Helper()
	b.do("move the focus on", chromedp.KeyEvent(kb.Tab))
	return run(b, "look for the focus", chromedp.Evaluate[string](`{`+words+` const e = document.activeElement; e.labels && e.labels.length ? words(e.labels[0]) : words(e)}`))
}

// Type types where the focus is.
func (b *Browser) Type(text string) {
	b.t.Helper()
	b.do("type", chromedp.KeyEvent(text))
}

// Download clicks on what says this and gives the file that comes.
func (b *Browser) Download(text string) []byte {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	progress := chromedp.Events(ctx, browser.DownloadProgress)
	b.do("press "+text, chromedp.Click(b.find(pressed, text)))
	for e, err := range progress {
		if err != nil || e.State == browser.DownloadProgressStateCanceled {
			b.t.Fatalf("no file came of %s: %v\n%s", text, err, b.where())
		}
		if e.State == browser.DownloadProgressStateCompleted {
			file, err := os.ReadFile(filepath.Join(b.downloads, e.GUID))
			if err != nil {
				b.t.Fatal(err)
			}
			return file
		}
	}
	b.t.Fatalf("no file came of %s\n%s", text, b.where())
	return nil
}

// Text gives what can be read on the page.
func (b *Browser) Text() string {
	b.t.Helper()
	return run(b, "read the page", chromedp.Evaluate[string](`document.body.innerText`))
}

// Path gives the path of the page.
func (b *Browser) Path() string {
	b.t.Helper()
	return run(b, "read the address", chromedp.Evaluate[string](`location.pathname`))
}

// Screen makes the window so many CSS pixels wide, in a scheme of colours:
// "light" or "dark".
func (b *Browser) Screen(width int64, scheme string) {
	b.t.Helper()
	b.do("set the screen", chromedp.EmulateViewport(width, 800), send(emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
	}))
}

// Overflow says by how many pixels the page is wider than the window.
func (b *Browser) Overflow() int {
	b.t.Helper()
	return run(b, "measure the page", chromedp.Evaluate[int](`document.documentElement.scrollWidth - document.documentElement.clientWidth`))
}

// Picture writes the whole page to a PNG, where $PICTURES names a directory,
// for those who want to look at it.
func (b *Browser) Picture(name string) {
	b.t.Helper()
	b.picture(name, chromedp.FullScreenshot(100))
}

func (b *Browser) picture(name string, take chromedp.Action[[]byte]) {
	b.t.Helper()
	dir := os.Getenv("PICTURES")
	if dir == "" {
		return
	}
	png := run(b, "take a picture", take)
	if err := os.WriteFile(filepath.Join(dir, name+".png"), png, 0o600); err != nil {
		b.t.Fatal(err)
	}
}

// Window writes what the window shows to a PNG, where $PICTURES names a
// directory.
func (b *Browser) Window(name string) {
	b.t.Helper()
	b.picture(name, chromedp.CaptureScreenshot())
}

// Findings gives what axe, whose source this is, finds on the page under the
// rules with these tags, or under these rules.
func (b *Browser) Findings(axe string, tags ...string) []string {
	b.t.Helper()
	rules, err := json.Marshal(tags)
	if err != nil {
		b.t.Fatal(err)
	}
	b.do("let axe run", scripts(true))
	defer b.do("let scripts be as they were", scripts(b.scripted))
	if !run(b, "look for axe", chromedp.Evaluate[bool](`"axe" in window`)) { // the page was looked at before
		run(b, "load axe", chromedp.Evaluate[bool](axe+`; true`))
	}
	return run(b, "run axe", chromedp.Evaluate[[]string](`axe.run(document, {runOnly: `+string(rules)+`, resultTypes: ["violations"], preload: false}).then(r =>
		r.violations.flatMap(v => v.nodes.map(n => v.id + ": " + v.help + ": " + n.html + ": " + n.failureSummary)))`, chromedp.EvalAwaitPromise))
}
