package web_test

import (
	"archive/zip"
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"volenti.dev/volenti/cli"
	"volenti.dev/volenti/demo/shop"
	"volenti.dev/volenti/examples"
	"volenti.dev/volenti/internal/chromiumtest"
	"volenti.dev/volenti/internal/mailcatch"
)

const password = "correct horse battery staple"

// house is a server on the shop to practise on, as its commands start it.
type house struct {
	t   *testing.T
	url string
	// setUp is the path that the first start has shown.
	setUp  string
	caught *mailcatch.Server
}

func start(t *testing.T, args ...string) *house {
	t.Helper()
	return startWith(t, func(string) {}, args...)
}

// startWith lets the directory of the shop be changed before it is applied.
func startWith(t *testing.T, change func(config string), args ...string) *house {
	t.Helper()
	dir := t.TempDir()
	env := func(name string) (string, bool) {
		value, ok := map[string]string{"DEMO_SHOP": filepath.Join(dir, "shop")}[name]
		return value, ok
	}
	std := func(out, errs io.Writer) cli.IO {
		return cli.IO{In: strings.NewReader(""), Out: out, Err: errs, Env: env, User: "tester", Now: time.Now}
	}
	config := filepath.Join(dir, "shop", "config")
	if err := os.CopyFS(config, examples.DemoShop()); err != nil {
		t.Fatal(err)
	}
	if err := shop.Write(t.Context(), filepath.Join(dir, "shop")); err != nil {
		t.Fatal(err)
	}
	change(config)
	var out bytes.Buffer
	if code := cli.Main(t.Context(), []string{"apply", config, "--data", filepath.Join(dir, "data")}, std(&out, &out)); code != 0 {
		t.Fatalf("apply: exit code %d\n%s", code, &out)
	}
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	reader, writer := io.Pipe()
	ended := make(chan int, 1)
	go func() {
		ended <- cli.Main(ctx, append([]string{"serve", "--data", filepath.Join(dir, "data"), "--listen", "127.0.0.1:0"}, args...), std(writer, io.Discard))
		_ = writer.Close()
	}()
	t.Cleanup(func() {
		stop()
		if code := <-ended; code != 0 {
			t.Errorf("the server ended with exit code %d", code)
		}
	})
	h := &house{t: t}
	lines := bufio.NewScanner(reader)
	for h.setUp == "" && lines.Scan() {
		if _, at, ok := strings.Cut(lines.Text(), "http://"); ok && h.url == "" {
			h.url = "http://" + at
		} else if ok {
			h.setUp = "/" + strings.SplitN(at, "/", 2)[1]
		}
	}
	if h.setUp == "" {
		t.Fatalf("the server shows no link: %v", lines.Err())
	}
	go func() { _, _ = io.Copy(io.Discard, reader) }()
	return h
}

// eye looks at pages as people with different eyes and screens do.
type eye struct {
	*chromiumtest.Browser
	t   *testing.T
	axe string
}

// look looks at the page that is open: wide and light, narrow and dark, and in
// long runs all ways round.
func (e eye) look(name string) {
	e.t.Helper()
	type screen struct {
		width  int64
		scheme string
	}
	screens := []screen{{1280, "light"}, {320, "dark"}}
	if os.Getenv("SOAK") != "" {
		screens = append(screens, screen{1280, "dark"}, screen{320, "light"})
	}
	for _, s := range screens {
		e.Screen(s.width, s.scheme)
		at := fmt.Sprintf("%s-%d-%s", name, s.width, s.scheme)
		e.Picture(at)
		for _, finding := range e.Findings(e.axe, chromiumtest.Rules()...) {
			e.t.Errorf("%s: %s", at, finding)
		}
		if wider := e.Overflow(); wider > 0 {
			e.t.Errorf("%s: the page is %d pixels wider than the screen", at, wider)
		}
	}
	e.Screen(1280, "light")
}

func (e eye) says(texts ...string) {
	e.t.Helper()
	page := e.Text()
	for _, text := range texts {
		if !strings.Contains(page, text) {
			e.t.Errorf("the page does not say %q:\n%s", text, page)
		}
	}
}

// tab moves the focus on to what is called so.
func (e eye) tab(to string) {
	e.t.Helper()
	var passed []string
	for range 40 {
		at := e.Tab()
		if at == to {
			return
		}
		passed = append(passed, at)
	}
	e.t.Fatalf("the keyboard does not lead to %q, but to %q", to, passed)
}

var uuids = regexp.MustCompile(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`)

// ids gives the ids that the page shows.
func (e eye) ids() []string {
	e.t.Helper()
	return uuids.FindAllString(e.Text(), -1)
}

// await looks again until the page says it.
func (e eye) await(url, text string) {
	e.t.Helper()
	for deadline := time.Now().Add(time.Minute); ; {
		e.Open(url)
		if strings.Contains(e.Text(), text) {
			return
		}
		if time.Now().After(deadline) {
			e.t.Fatalf("the page never says %q:\n%s", text, e.Text())
		}
		<-time.After(100 * time.Millisecond)
	}
}

func TestFirstOperatorAnswersARequestInABrowser(t *testing.T) { // SE12, W3, W18
	h := start(t)
	e := eye{chromiumtest.Start(t), t, chromiumtest.Axe(t)}

	e.Open(h.url + h.setUp)
	e.look("set-up")
	e.Fill("Your name", "Olga Officer")
	e.Fill("E-mail address", "olga@example.org")
	e.Fill("Password", "too short")
	e.Fill("The same password again", "too short")
	e.Press("Accept and sign in")
	e.says("use 12 at least")
	e.look("set-up-refused")
	e.Fill("Password", password)
	e.Fill("The same password again", password)
	e.Press("Accept and sign in")
	e.says("Olga Officer", "Overview")
	e.look("overview-none")
	e.Press("Requests")
	e.says("There is no request yet")
	e.look("requests-none")

	e.Press("Submit a request")
	e.look("new")
	e.Choose("Policy", "Access")
	e.Press("Submit and plan")
	e.says("Enter at least one thing that the person is known by.")
	e.look("new-refused")
	e.Fill("E-mail address", "paula.brandt9@example.org")
	e.Press("Submit and plan")
	e.says("waits for approval")
	e.look("request-waits")
	access := h.url + e.Path()
	e.Press("Approve")
	e.await(access, "Package for the person")
	e.look("request-complete")
	file := e.Download("Download the package")
	e.Press("Preview without values")
	e.says("xxxxx.xxxxxx0@xxxxxxx.xxx")
	e.look("request-preview")
	if z, err := zip.NewReader(bytes.NewReader(file), int64(len(file))); err != nil || len(z.File) == 0 {
		t.Errorf("the package cannot be opened: %v", err)
	}
}

// asked lets people ask under both policies of the shop, with a question each
// of all kinds.
func asked(t *testing.T) func(config string) {
	return func(config string) {
		t.Helper()
		name := filepath.Join(config, "policies.yml")
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		const form = `
  intake:
    public: true
    fields:
    - {key: since, label: {en: Customer since, de: Kunde seit}, type: date}
    - {key: kind, label: {en: What it is about, de: Worum es geht}, type: choice, required: true, choices: [{key: shop, label: {en: The shop, de: Der Laden}}, {key: mail, label: {en: The newsletter, de: Der Rundbrief}}]}
    - {key: paper, label: {en: I want it on paper too, de: Ich will es auch auf Papier}, type: boolean}
    - {key: more, label: {en: Anything else, de: Sonst noch etwas}, type: text}`
		for _, policy := range []string{"  name: Access", "  name: Erasure"} {
			text = bytes.Replace(text, []byte(policy+"\n"), []byte(policy+form+"\n"), 1)
		}
		if err := os.WriteFile(name, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// mail waits for the nth letter to an address, and gives its text.
func (h *house) mail(n int, to string) string {
	h.t.Helper()
	ctx, cancel := context.WithTimeout(h.t.Context(), time.Minute)
	defer cancel()
	found, err := h.caught.Wait(ctx, n, func(m mailcatch.Message) bool { return m.To == to })
	if err != nil {
		h.t.Fatal(err)
	}
	return found[n-1].Text
}

// fetch waits for the letter that links to a package, and gives the path.
func (h *house) fetch(to string) string {
	h.t.Helper()
	ctx, cancel := context.WithTimeout(h.t.Context(), time.Minute)
	defer cancel()
	links := regexp.MustCompile(`/packages/vd_[A-Za-z0-9_-]+`)
	found, err := h.caught.Wait(ctx, 1, func(m mailcatch.Message) bool { return m.To == to && links.MatchString(m.Text) })
	if err != nil {
		h.t.Fatal(err)
	}
	return links.FindString(found[0].Text)
}

var linked = regexp.MustCompile(`/requests/vr_[A-Za-z0-9_-]+`)

var digits = regexp.MustCompile(`\b[0-9]{4} ?[0-9]{4}\b`)

func TestPersonAsksProvesAndFollowsInABrowser(t *testing.T) { // W12, W18
	mail, err := mailcatch.Start(mailcatch.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := mail.Close(); err != nil {
			t.Error(err)
		}
	})
	h := startWith(t, asked(t), "--smtp", mail.URL(), "--mail-from", "Demo Shop <privacy@demo.example>")
	h.caught = mail
	e := eye{chromiumtest.Start(t), t, chromiumtest.Axe(t)}

	e.Open(h.url)
	e.look("home")
	e.Press("Access")
	e.look("ask")
	e.Fill("Your e-mail address", "paula.brandt9@example")
	e.Touch("I ask for somebody else")
	e.Fill("Your own name", "Ada Agent")
	e.Choose("What it is about", "The shop")
	e.Press("Ask")
	e.look("ask-refused")
	e.Fill("Your e-mail address", "paula.brandt9@example.org")
	e.Fill("Your own name", "")
	e.Touch("I want it on paper too")
	e.Choose("The country that you live in", "Germany")
	e.Press("Ask")
	e.says("a code of 8 digits is on its way")
	e.look("prove")
	e.Fill("Code", "00000000")
	e.Press("Go on")
	e.says("The code is not right")
	e.look("prove-refused")
	e.Press("Send another code")
	e.says("it is on its way")
	code := digits.FindString(h.mail(2, "paula.brandt9@example.org"))
	e.Fill("Code", code)
	e.Press("Go on")
	e.says("Your request has arrived.")
	e.look("status")

	follow := h.url + linked.FindString(h.mail(3, "paula.brandt9@example.org"))
	o := eye{chromiumtest.Start(t), t, e.axe}
	o.Open(h.url + h.setUp)
	o.Fill("Your name", "Olga Officer")
	o.Fill("E-mail address", "olga@example.org")
	o.Fill("Password", password)
	o.Fill("The same password again", password)
	o.Press("Accept and sign in")
	o.Open(h.url + "/admin/requests?policy=access")
	o.look("requests")
	o.Press(o.ids()[0])
	o.says("receipt", "sent")
	o.look("request-asked")
	o.Press("Approve")
	e.await(follow, "Your request is done.")
	e.look("status-done")
	e.Open(h.url + h.fetch("paula.brandt9@example.org"))
	e.says("Downloads left")
	e.look("package")
	file := e.Download("Download")
	if z, err := zip.NewReader(bytes.NewReader(file), int64(len(file))); err != nil || len(z.File) == 0 {
		t.Errorf("the package cannot be opened: %v", err)
	}

	// Another request is given up by the person, with the keyboard alone, in
	// German.
	e.Open(h.url + "/ask/erasure?language=de")
	e.look("ask-de")
	e.tab("Ihre E-Mail-Adresse")
	e.Type("marta.keller77@example.org")
	e.tab("Worum es geht")
	e.Type("Der")
	e.tab("Antrag stellen")
	e.Enter()
	e.says("Code eingeben")
	e.tab("Code")
	e.Type(digits.FindString(h.mail(1, "marta.keller77@example.org")))
	e.Enter()
	e.says("Ihr Antrag ist angekommen.")
	e.tab("Ja, ich ziehe ihn zurück")
	e.Type(" ")
	e.tab("Zurückziehen")
	e.Enter()
	e.says("Ihr Antrag wird nicht weiter bearbeitet.")
	e.look("status-given-up-de")
}
