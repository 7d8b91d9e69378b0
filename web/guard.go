package web

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"volenti.dev/volenti/auth"
)

// visit is one request of a browser, and who sent it.
type visit struct {
	p        *Pages
	w        http.ResponseWriter
	r        *http.Request
	page     Page
	language *tongue
	token    string   // of the session; "" for nobody
	session  *session // who is signed in; nil on public pages
	secret   string   // of the browser, where nobody is signed in
	here     string   // where this can be read again, for links to other languages
	read     []string // what was read of the API for the page
}

// session is who is signed in, as the API tells.
type session struct {
	Operator string       `json:"operator"`
	Name     string       `json:"name"`
	Role     auth.Role    `json:"role"`
	Scopes   []auth.Scope `json:"scopes"`
}

// May says whether the role is for this.
func (s *session) May(scope auth.Scope) bool { return s != nil && slices.Contains(s.Scopes, scope) }

func (p *Pages) visit(w http.ResponseWriter, r *http.Request) *visit {
	v := &visit{p: p, w: w, r: r, here: elsewhere}
	if r.Method == http.MethodGet {
		v.here = r.URL.Path
		if r.URL.RawQuery != "" {
			v.here += "?" + r.URL.RawQuery
		}
	}
	v.language = p.languages.match(v.cookie(languageCookie), r.Header.Get("Accept-Language"))
	return v
}

// The cookies. Where they are Secure, their names begin with __Host-: no other
// host, and no page without TLS, can set them.
const (
	sessionCookie  = "volenti"
	formCookie     = "volenti-form"
	languageCookie = "volenti-language"
	coloursCookie  = "volenti-colours"
)

func (p *Pages) cookieName(name string) string {
	if p.secure {
		return "__Host-" + name
	}
	return name
}

func (v *visit) cookie(name string) string {
	c, err := v.r.Cookie(v.p.cookieName(name))
	if err != nil {
		return ""
	}
	return c.Value
}

// setCookie sets a cookie for as long as the browser is open; "" removes it.
func (v *visit) setCookie(name, value string) {
	c := &http.Cookie{Name: v.p.cookieName(name), Value: value, Path: "/", HttpOnly: true, Secure: v.p.secure, SameSite: http.SameSiteLaxMode}
	if value == "" {
		c.MaxAge = -1
	}
	http.SetCookie(v.w, c)
}

// Errors that the guard shows pages for.
var (
	errElsewhere = &problem{Status: http.StatusForbidden, Detail: "site"}
	errForm      = &problem{Status: http.StatusForbidden, Detail: "form"}
	errScope     = &problem{Status: http.StatusForbidden}
)

// guard lets through who may.
func (v *visit) guard() error {
	if v.r.Method == http.MethodPost {
		if !v.sameSite() {
			return errElsewhere
		}
		if v.r.ContentLength > v.page.maxBody() {
			return &problem{Status: http.StatusRequestEntityTooLarge}
		}
		v.r.Body = http.MaxBytesReader(v.w, v.r.Body, v.page.maxBody())
		if err := v.readForm(); err != nil {
			return err
		}
	}
	if !v.page.Public {
		if v.token = v.cookie(sessionCookie); v.token == "" {
			return &problem{Status: http.StatusUnauthorized}
		}
		v.session = &session{}
		if err := v.ask(http.MethodGet, "/sessions/current", nil, v.session); err != nil {
			return err
		}
		if !v.session.May(v.page.Scope) {
			return errScope
		}
	} else {
		v.secret = v.cookie(formCookie)
	}
	if v.r.Method == http.MethodPost && !v.formIsOurs() {
		return errForm
	}
	return nil
}

// sameSite says whether a form comes from a page of ours, as far as the browser
// tells. It sends no Origin but "null" from pages that send no referrer; where
// it tells nothing at all, the token of the form decides.
func (v *visit) sameSite() bool {
	if from := v.r.Header.Get("Sec-Fetch-Site"); from != "" {
		return from == "same-origin" || from == "none"
	}
	origin := v.r.Header.Get("Origin")
	if origin == "" || origin == "null" {
		return true
	}
	u, err := url.Parse(origin)
	return err == nil && (u.Host == v.r.Host || origin == v.p.config.PublicURL)
}

// readForm reads the body of a form, once. Files are not read here.
func (v *visit) readForm() error {
	if v.page.Uploads {
		return nil
	}
	kind, _, _ := mime.ParseMediaType(v.r.Header.Get("Content-Type"))
	if kind != "application/x-www-form-urlencoded" {
		return &problem{Status: http.StatusUnsupportedMediaType}
	}
	err := v.r.ParseForm()
	if large := (*http.MaxBytesError)(nil); errors.As(err, &large) {
		return &problem{Status: http.StatusRequestEntityTooLarge}
	}
	if err != nil {
		return &problem{Status: http.StatusBadRequest}
	}
	return nil
}

// The hidden fields of every form.
const (
	tokenField = "_token" // proves that the form is one of ours
	onceField  = "_once"  // the Idempotency-Key: sent twice, it is done once
)

// formToken is what a form carries: it is bound to the session, or else to a
// secret in a cookie, so that no other site can make one.
func (v *visit) formToken() string {
	secret := v.token
	if secret == "" {
		secret = v.secret
	}
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte("form"))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

func (v *visit) formIsOurs() bool {
	if v.token == "" && v.secret == "" {
		return false
	}
	shown := v.r.PostForm.Get(tokenField)
	if v.page.Uploads { // nothing of the body may be read before
		shown = v.r.URL.Query().Get(tokenField)
	}
	return hmac.Equal([]byte(shown), []byte(v.formToken()))
}

// remember gives the browser of a person who is not signed in a secret, unless
// it has one.
func (v *visit) remember() error {
	if v.token != "" || v.secret != "" {
		return nil
	}
	secret, err := v.random()
	if err != nil {
		return err
	}
	v.secret = secret
	v.setCookie(formCookie, secret)
	return nil
}

func (v *visit) random() (string, error) {
	b := make([]byte, 32)
	if _, err := io.ReadFull(v.p.config.Random, b); err != nil {
		return "", fmt.Errorf("draw a token: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(b), nil
}

// once is the Idempotency-Key of a form. One that is ours has one.
func (v *visit) once() string { return v.r.PostForm.Get(onceField) }

// value gives what was entered, without space around it.
func (v *visit) value(name string) string { return strings.TrimSpace(v.r.PostForm.Get(name)) }

// redirect leads the browser to another page, which it gets.
func (v *visit) redirect(to string) error {
	http.Redirect(v.w, v.r, to, http.StatusSeeOther)
	return nil
}
