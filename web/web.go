// Package web is the pages: those of operators, below /admin, and those of
// people who ask something of the company, or are asked something by it. They
// are HTML from this process, whole without any script.
//
// Everything that is served stands in one table of pages (Table), from which
// the dispatcher, the guard and the tests derive.
//
//	request -> headers, panics                    web.go
//	        -> page, or 404, 405                  web.go
//	        -> where it comes from                guard.go
//	        -> session and scope, or sign in      guard.go
//	        -> token of the form on POST          guard.go
//	        -> the act                            requests.go, session.go, ...
//	        -> asks the API as the visitor        ask.go
//	        -> words in the visitor's language    words.go, show.go
//
// Pages know nothing of the house: they ask the API as any client does, with
// the token that the visitor has, and so can do nothing that it would not let
// them. They keep nothing between two requests.
package web

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"path"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"volenti.dev/volenti/auth"
)

// Config is what pages need.
type Config struct {
	API http.Handler // answers below /api/v1
	// PublicURL is where people reach this server. Over plain HTTP, which only
	// loopback may be, cookies are not Secure.
	PublicURL string
	// Mails: letters are sent, so that one to an operator would arrive.
	Mails  bool
	Log    *slog.Logger
	Random io.Reader
}

// Page is a line of the table.
type Page struct {
	Method string // GET or POST
	Path   string // as http.ServeMux reads it, without the method
	// Scope is what an operator's role must be for. A page has one, or is Public.
	Scope  auth.Scope
	Public bool
	// Streams: the answer may take long. Others end after pageTime.
	Streams bool
	// Uploads: its form may have files, which are handed on as they arrive. The
	// token of the form is in the address that it is sent to.
	Uploads bool
	MaxBody int64 // in bytes; 0 for defaultBody
	Does    string
	Act     Act
}

// Act is what a page does. What it fails with is shown in words.
type Act func(v *visit) error

const (
	defaultBody = 64 << 10
	// pageTime bounds an act, which may ask the API several times.
	pageTime = 45 * time.Second
)

//go:embed assets admin center words *.html
var files embed.FS

// Pages answers HTTP requests of browsers.
type Pages struct {
	config    Config
	mux       *http.ServeMux
	secure    bool // cookies are
	languages tongues
	paths     map[string]methods
}

// New builds the pages from a table. It panics when the table, a template or
// the catalogue of words is wrong.
func New(c Config, table []Page) *Pages {
	paths := map[string]methods{}
	p := &Pages{config: c, mux: http.NewServeMux(), secure: !plainLoopback(c.PublicURL), paths: paths}
	for _, a := range loadAssets() {
		p.mux.Handle("GET "+a.path, a)
	}
	p.languages = learned()
	for _, page := range table {
		if err := page.check(); err != nil {
			panic("web: " + err.Error())
		}
		if paths[page.Path].pages == nil {
			paths[page.Path] = methods{p, map[string]Page{}}
		}
		if _, twice := paths[page.Path].pages[page.Method]; twice {
			panic("web: two pages " + page.Method + " " + page.Path)
		}
		paths[page.Path].pages[page.Method] = page
	}
	for at, m := range paths {
		p.mux.Handle(at, m)
	}
	p.mux.HandleFunc(elsewhere, func(w http.ResponseWriter, r *http.Request) { p.visit(w, r).fail(notFound) })
	return p
}

// elsewhere is the pattern of what no page is for.
const elsewhere = "/"

func (page Page) check() error {
	at := page.Method + " " + page.Path
	switch {
	case page.Act == nil:
		return errors.New(at + " does nothing")
	case page.Does == "":
		return errors.New(at + " does not say what it does")
	case page.Public == (page.Scope != ""):
		return errors.New(at + " needs either a scope or to be public")
	case page.Method != http.MethodGet && page.Method != http.MethodPost:
		return errors.New(at + " has a method that no form has")
	}
	if page.Scope != "" && page.Scope != auth.OwnSession {
		_, err := auth.ParseScope(string(page.Scope))
		return err
	}
	return nil
}

func (page Page) maxBody() int64 {
	if page.MaxBody == 0 {
		return defaultBody
	}
	return page.MaxBody
}

// ServeHTTP answers a request, whatever it is.
func (p *Pages) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	out := &response{ResponseWriter: w}
	for name, value := range securityHeaders {
		out.Header().Set(name, value)
	}
	if p.secure { // whoever was here once comes back over TLS only, whatever a network answers
		out.Header().Set("Strict-Transport-Security", "max-age=31536000")
	}
	defer func() {
		if p.recovered(out, r, recover()) {
			panic(http.ErrAbortHandler) // an answer that was cut must not look whole
		}
		p.config.Log.DebugContext(r.Context(), "page", "page", r.Pattern, "status", out.status)
	}()
	if path.Clean(r.URL.Path) != r.URL.Path { // the mux would redirect
		p.visit(out, r).fail(notFound)
		return
	}
	if r.Method == http.MethodGet && p.chosen(out, r) {
		return
	}
	p.mux.ServeHTTP(out, r)
}

// chosen has the browser remember what its visitor chose at the foot of a page, a
// language or colours, and leads to the page again. It says whether something was.
func (p *Pages) chosen(w http.ResponseWriter, r *http.Request) bool {
	q := r.URL.Query()
	tag, colours := q.Get("language"), q.Get("colours")
	v := p.visit(w, r)
	switch {
	case p.languages.has(tag):
		v.setCookie(languageCookie, tag)
		q.Del("language")
	case slices.Contains(schemes, colours):
		v.setCookie(coloursCookie, colours)
		q.Del("colours")
	case colours == "system":
		v.setCookie(coloursCookie, "")
		q.Del("colours")
	default:
		return false
	}
	u := url.URL{Path: r.URL.Path, RawQuery: q.Encode()}
	http.Redirect(w, r, u.String(), http.StatusSeeOther)
	return true
}

// schemes are the colours that can be chosen, in the place of those of the system.
var schemes = []string{"light", "dark"}

// recovered answers when an act has panicked, and says whether it was too late
// for that. What a panic says may be personal; where it was is not.
func (p *Pages) recovered(out *response, r *http.Request, panicked any) (aborted bool) {
	if panicked == nil {
		return false
	}
	if err, _ := panicked.(error); !errors.Is(err, http.ErrAbortHandler) {
		p.config.Log.Error("a page panicked", "page", r.Pattern, "kind", fmt.Sprintf("%T", panicked), "stack", string(debug.Stack()))
	}
	if out.status != 0 {
		return true
	}
	p.visit(out, r).fail(internal)
	return false
}

// securityHeaders are those of every page. Nothing but our own files is loaded, no
// script stands in a page, and forms and scripts lead nowhere else.
var securityHeaders = map[string]string{
	"Cache-Control":                "no-store",
	"Content-Security-Policy":      "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
	"Cross-Origin-Opener-Policy":   "same-origin",
	"Cross-Origin-Resource-Policy": "same-origin",
	"Referrer-Policy":              "no-referrer",
	"X-Content-Type-Options":       "nosniff",
	"X-Robots-Tag":                 "noindex",
}

// methods are the pages of one path.
type methods struct {
	p     *Pages
	pages map[string]Page
}

func (m methods) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	method := r.Method
	if method == http.MethodHead {
		method = http.MethodGet
	}
	v := m.p.visit(w, r)
	if page, ok := m.pages[method]; ok {
		if v.page = page; !page.Streams {
			ctx, cancel := context.WithTimeout(r.Context(), pageTime)
			defer cancel()
			v.r = r.WithContext(ctx)
		}
		if err := v.guard(); err != nil {
			v.fail(err)
			return
		}
		if err := page.Act(v); err != nil {
			v.fail(err)
		}
		return
	}
	var allowed []string
	for method := range m.pages {
		if allowed = append(allowed, method); method == http.MethodGet {
			allowed = append(allowed, http.MethodHead)
		}
	}
	slices.Sort(allowed)
	w.Header().Set("Allow", strings.Join(allowed, ", "))
	v.fail(&problem{Status: http.StatusMethodNotAllowed})
}

// plainLoopback says whether a URL is one of this machine, without TLS.
func plainLoopback(at string) bool {
	u, err := url.Parse(at)
	return err == nil && u.Scheme == "http" && (u.Hostname() == "localhost" || net.ParseIP(u.Hostname()).IsLoopback())
}

func read(name string) []byte {
	b, err := files.ReadFile(name)
	if err != nil {
		panic("web: " + err.Error())
	}
	return b
}

// response sees whether an answer has begun.
type response struct {
	http.ResponseWriter
	status int // 0 until then
}

func (w *response) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *response) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	return w.ResponseWriter.Write(b)
}

// Unwrap lets http.ResponseController reach the connection.
func (w *response) Unwrap() http.ResponseWriter { return w.ResponseWriter }
