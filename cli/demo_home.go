package cli

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"

	"volenti.dev/volenti/internal/mailcatch"
	"volenti.dev/volenti/internal/store"
)

//go:embed demo_home.html
var homePage string

// home is the page that tells what has happened in the demo, and what to try.
type home struct {
	tour   *tour
	Server string // of the shop's privacy desk
	Site   string
	SetUp  string // makes its visitor the owner, once
	Told   []told
	page   *template.Template
}

// Letters are those that were sent so far, the newest first.
func (h *home) Letters() []mailcatch.Message {
	all := h.tour.counter.mail.Messages()
	slices.Reverse(all)
	return all
}

var links = regexp.MustCompile(`http://127\.0\.0\.1:[0-9]+/[A-Za-z0-9/_-]*`)

// Linked is a text in which the addresses of the demo are links.
func (h *home) Linked(text string) template.HTML {
	return template.HTML(links.ReplaceAllString(template.HTMLEscapeString(text), `<a href="$0">$0</a>`))
}

func (h *home) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	if q.URL.Path != "/" {
		http.NotFound(w, q)
		return
	}
	var page bytes.Buffer
	if err := h.page.Execute(&page, h); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = w.Write(page.Bytes())
}

// welcome makes the owner of the demo, says where everything is, and answers until the
// demo is ended.
func (t *tour) welcome() error {
	invitation, err := t.house.InviteFirst(t.ctx, store.DefaultTenant, t.User, t.Now())
	if err != nil {
		return err
	}
	listener, err := t.listen("127.0.0.1:8082")
	if err != nil {
		return err
	}
	h := &home{tour: t, Server: t.counter.Server, Site: t.front.url, SetUp: t.counter.Server + "/set-up/" + url.PathEscape(invitation), Told: slices.Clone(t.told)}
	if h.page, err = template.New("").Parse(homePage); err != nil {
		return err
	}
	files := http.NewServeMux()
	files.Handle("/", h)
	files.Handle("GET /package.zip", http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		http.ServeFile(w, q, filepath.Join(t.dir, "access", "package.zip"))
	}))
	shown := &http.Server{Handler: files, ReadHeaderTimeout: demoTime}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = shown.Serve(listener)
	}()
	t.say("Now you", `http://%[4]s/  begin here: what to try, and every letter that was sent
%[1]s/                  what people see: ask for your own data as paula.brandt9@example.org
%[2]s
                       become its owner, and decide on the requests of Paula
%[3]s/                  the shop's web site: its banner asks you before anything of others is loaded
Everything is in %[5]s:
  mail/                 every letter that was sent, with its codes and links
  access/package.zip    what Anna was given: open its index.html
  config/, desk/        the description of the databases, the policies, and what the desk adds
It answers until you end it (Ctrl-C).`, h.Server, h.SetUp, h.Site, listener.Addr(), t.dir)
	<-t.ctx.Done()
	err = shown.Close()
	<-ended
	if err != nil {
		return fmt.Errorf("end the first page of the demo: %w", err)
	}
	return nil
}
