// Package site makes up the web site of the demo shop, and the services of
// others that it uses: one of each category of a banner. The demo shows it, and
// the tests of the banner visit it in a real browser.
//
//	Handler   the shop: pages with the snippet, and what waits for consent
//	Vendor    the services: what they were asked is proof of what was loaded
//	Draft     what the shop's banner asks
//
// Nobody in it exists. The services are told apart by their names: Clipnook
// (a video in a frame), Mapwren (a map, an image), Chatterling (a chat, a script
// in the page), Tallywell (statistics, a script of theirs) and Nudgeberry
// (advertising, a script that the page inserts late).
package site

import (
	"bytes"
	"crypto/rand"
	"embed"
	"fmt"
	"html/template"
	"net/http"
	"regexp"
	"strconv"
	"time"
)

//go:embed pages
var files embed.FS

var pages = template.Must(template.ParseFS(files, "pages/*.html"))

// Places are where things are found: origins, like http://127.0.0.1:8080.
type Places struct {
	Server string // of Volenti
	Key    string // of the site, public
	Vendor string
}

// Handler is the shop. Its pages work without scripts, and allow no script or
// style but those that they name themselves, by a strict Content Security Policy.
// The query language=de asks for the banner in that language.
func Handler(at Places) http.Handler {
	mux := http.NewServeMux()
	for path, page := range map[string]string{"/{$}": "home.html", "/privacy": "privacy.html", "/imprint": "imprint.html"} {
		mux.HandleFunc("GET "+path, func(w http.ResponseWriter, r *http.Request) { at.show(w, r, page) })
	}
	for path, kind := range map[string]string{"shop.css": "text/css; charset=utf-8", "shop.js": "text/javascript; charset=utf-8", "icon.svg": "image/svg+xml"} {
		mux.HandleFunc("GET /"+path, func(w http.ResponseWriter, _ *http.Request) { file(w, kind, path) })
	}
	mux.HandleFunc("POST /basket", fill)
	return mux
}

// view is what a page is made of.
type view struct {
	Places
	Nonce    string
	Language string // that the banner is asked for; "" leaves it to the banner
	Basket   int
	Goods    []good
	Tongues  []tongue
}

// tongue is a language that the banner speaks; the shop speaks English alone.
type tongue struct{ Code, Name string }

var tongues = []tongue{{"en", "English"}, {"de", "Deutsch"}, {"fr", "Français"}, {"es", "Español"}, {"uk", "Українська"}, {"ar", "العربية"}}

type good struct{ Name, Kind, Price, Colour string }

var goods = []good{
	{"Sencha", "Green tea from the first harvest", "€ 9.80", "moss"},
	{"Lapsang Souchong", "Black tea, smoked over pine", "€ 11.40", "ember"},
	{"Yirgacheffe", "Coffee, washed, notes of bergamot", "€ 13.20", "plum"},
	{"Orange Peel", "Dark chocolate with candied peel", "€ 5.60", "sun"},
}

// policy allows what the page names, the banner and what they load. Frames and
// images come from the services only when somebody allowed it.
const policy = "default-src 'none'; script-src 'nonce-%[1]s' 'strict-dynamic'; style-src 'self' 'nonce-%[1]s'; " +
	"img-src 'self' %[2]s; frame-src %[2]s; connect-src %[2]s %[3]s; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

var language = regexp.MustCompile(`^[A-Za-z0-9-]{0,35}$`)

func (at Places) show(w http.ResponseWriter, r *http.Request, page string) {
	v := view{Places: at, Nonce: rand.Text(), Goods: goods, Tongues: tongues, Basket: basket(r)}
	if asked := r.URL.Query().Get("language"); language.MatchString(asked) {
		v.Language = asked
	}
	var body bytes.Buffer
	if err := pages.ExecuteTemplate(&body, page, v); err != nil {
		http.Error(w, "the page cannot be made", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", fmt.Sprintf(policy, v.Nonce, at.Vendor, at.Server))
	w.Header().Set("Cache-Control", "no-store") // the nonce is for once
	_, _ = w.Write(body.Bytes())
}

func file(w http.ResponseWriter, kind, path string) {
	text, err := files.ReadFile("pages/" + path)
	if err != nil {
		http.Error(w, "there is no such file", http.StatusNotFound)
		return
	}
	w.Header().Set("Content-Type", kind)
	_, _ = w.Write(text)
}

// A basket is necessary: nobody is asked about its cookie.
const basketCookie = "basket"

func basket(r *http.Request) int {
	c, err := r.Cookie(basketCookie)
	if err != nil {
		return 0
	}
	n, err := strconv.Atoi(c.Value)
	if err != nil || n < 0 || n > 99 {
		return 0
	}
	return n
}

func fill(w http.ResponseWriter, r *http.Request) {
	http.SetCookie(w, &http.Cookie{
		Name: basketCookie, Value: strconv.Itoa(min(basket(r)+1, 99)), Path: "/", MaxAge: int(24 * time.Hour / time.Second),
		HttpOnly: true, SameSite: http.SameSiteLaxMode,
	})
	http.Redirect(w, r, "/#goods", http.StatusSeeOther)
}
