package web

import (
	"bytes"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"volenti.dev/volenti/request"
)

// view is what a template sees.
type view struct {
	Language  *tongue
	Languages []*tongue
	Session   *session // nil where nobody is signed in
	Sections  []group
	Colours   string // "light" or "dark"; "" for those of the system
	Here      string
	Token     string // of forms
	Once      string
	Form      *form
	Data      any
	Calls     []string // commands that ask the API for what the page shows
}

// form is what was entered, and what is wrong with it.
type form struct {
	entered url.Values
	sent    url.Values // the names of its fields
	// Problem is what is wrong as a whole; "" where nothing is, or where it is
	// said beside the fields.
	Problem string
	Wrong   []wrong
}

// wrong is what is wrong with one field.
type wrong struct {
	Field string
	What  string
}

// Value gives what was entered into a field.
func (f *form) Value(name string) string { return f.entered.Get(name) }

// Of lists what is wrong with a field.
func (f *form) Of(name string) (found []string) {
	for _, w := range f.Wrong {
		if w.Field == name {
			found = append(found, w.What)
		}
	}
	return found
}

// Loose lists what is wrong with no field of the form.
func (f *form) Loose() (found []string) {
	for _, w := range f.Wrong {
		if !f.sent.Has(w.Field) {
			found = append(found, w.What)
		}
	}
	return found
}

// has says which fields the form has, where its body was not read here.
func (f *form) has(names ...string) {
	for _, name := range names {
		f.sent[name] = nil
	}
	if len(f.Wrong) > len(f.Loose()) {
		f.Problem = ""
	}
}

// Failed says whether anything is wrong.
func (f *form) Failed() bool { return f.Problem != "" || len(f.Wrong) > 0 }

// blank is a form that nobody has filled in. Passwords and secrets are never shown
// again.
func blank(entered url.Values) *form {
	f := &form{entered: url.Values{}, sent: url.Values{}}
	for name, values := range entered {
		f.sent[name] = nil
		if !strings.Contains(name, "password") && !strings.HasPrefix(name, secretField) && !strings.HasPrefix(name, "_") {
			f.entered[name] = values
		}
	}
	return f
}

// mistaken gives the form that was sent, with what the API found wrong beside
// its fields; the error itself where it is nothing to be mended in a form.
// fields tells what a place in the body is called here, where the name is
// another one.
func (v *visit) mistaken(err error, fields map[string]string) (*form, int, error) {
	if !is(err, http.StatusBadRequest, http.StatusForbidden, http.StatusConflict, http.StatusUnprocessableEntity, http.StatusTooManyRequests) {
		return nil, 0, err
	}
	p, f := of(err), blank(v.r.PostForm)
	for _, e := range p.Errors {
		name := strings.TrimPrefix(e.Where, "body.")
		if known, ok := fields[name]; ok {
			name = known
		}
		f.Wrong = append(f.Wrong, wrong{name, e.What})
	}
	if len(f.Loose()) == len(f.Wrong) {
		f.Problem = p.Detail
	}
	return f, p.Status, nil
}

// lacking gives the form that was sent, with one thing wrong.
func (v *visit) lacking(name, key string) *form {
	f := blank(v.r.PostForm)
	f.Wrong = []wrong{{name, v.language.word(key)}}
	return f
}

// show answers with a page. f is nil where nothing was filled in.
func (v *visit) show(status int, name string, data any, f *form) error {
	if v.page.Public {
		if err := v.remember(); err != nil {
			return err
		}
	}
	once, err := v.random()
	if err != nil {
		return err
	}
	if f == nil {
		f = blank(nil)
	}
	return v.write(status, name, &view{Once: once, Form: f, Data: data, Calls: v.calls()})
}

func (v *visit) write(status int, name string, to *view) error {
	to.Language, to.Languages, to.Session, to.Here, to.Token = v.language, v.p.languages.all, v.session, v.here, v.formToken()
	if colours := v.cookie(coloursCookie); slices.Contains(schemes, colours) {
		to.Colours = colours
	}
	if v.session != nil {
		to.Sections = v.sections()
	}
	var page bytes.Buffer
	if err := v.language.pages[name].ExecuteTemplate(&page, "layout", to); err != nil {
		return fmt.Errorf("write the page %s: %w", name, err)
	}
	h := v.w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Language", v.language.Tag)
	h.Set("Vary", "Accept-Language, Cookie")
	v.w.WriteHeader(status)
	_, _ = v.w.Write(page.Bytes())
	return nil
}

// calls gives commands that read what was read for the page. They have the place of a
// token in them, and no token.
func (v *visit) calls() (commands []string) {
	if v.session == nil || v.r.Method != http.MethodGet {
		return nil
	}
	quoted := func(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }
	for _, read := range v.read {
		path, body, posted := strings.Cut(read, "\n")
		at := strings.TrimSuffix(v.p.config.PublicURL, "/") + base + strings.TrimSuffix(path, "?")
		command := `curl -fsS -H "Authorization: Bearer $VOLENTI_TOKEN" `
		if posted {
			command += "-H 'Content-Type: application/json' -d " + quoted(body) + " "
		}
		commands = append(commands, command+quoted(at))
	}
	return commands
}

// fail shows in plain words what went wrong. Who is not signed in, or not any
// more, is led to where they can.
func (v *visit) fail(err error) {
	p := of(err)
	if p.Status == http.StatusUnauthorized && !v.page.Public {
		v.signIn()
		return
	}
	if p == internal {
		v.p.config.Log.ErrorContext(v.r.Context(), "a page failed", "page", v.r.Pattern, "error", err)
	}
	v.here = elsewhere // nothing of what was asked for is repeated
	kind := strconv.Itoa(p.Status)
	switch p {
	case errElsewhere, errForm:
		kind = p.Detail
	}
	if strings.Contains(v.page.Path, "{token}") && is(p, http.StatusForbidden, http.StatusNotFound) && p != errElsewhere && p != errForm {
		kind = "link"
		if area := strings.Split(v.page.Path, "/")[1]; v.language.words["error.link."+area+".title"] != "" {
			kind += "." + area
		}
	}
	if _, known := v.language.words["error."+kind+".title"]; !known {
		kind = "other"
	}
	if p.Status == http.StatusServiceUnavailable || p.Status == http.StatusTooManyRequests {
		v.w.Header().Set("Retry-After", "5")
	}
	f := blank(nil)
	if kind == "409" || kind == "422" || kind == "503" || kind == "other" {
		f.Problem = p.Detail
		for _, e := range p.Errors {
			f.Wrong = append(f.Wrong, wrong{What: e.What})
		}
	}
	if err := v.write(p.Status, "message", &view{Form: f, Data: kind}); err != nil {
		v.p.config.Log.ErrorContext(v.r.Context(), "a page failed", "page", v.r.Pattern, "error", err)
		http.Error(v.w, http.StatusText(http.StatusInternalServerError), http.StatusInternalServerError)
	}
}

// input is a field as the templates write it. The label is the word under
// Key, the hint that under Key.hint, where there is one.
type input struct {
	ID, Name, Type, Autocomplete string
	Label, Hint                  string
	Value                        string
	Wrong                        []string
	Required                     bool
}

// parse reads the templates in one language.
func parse(l *tongue, a assets) map[string]*template.Template {
	functions := template.FuncMap{
		"t": l.word, "name": l.name, "called": l.called, "about": l.about, "known": l.known, "tell": l.tell, "number": l.number, "day": l.day,
		"iso":     func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
		"clock":   func(t time.Time) string { return t.UTC().Format("15:04") },
		"asset":   a.at,
		"in":      withChoice,
		"kind":    kindOf,
		"differs": l.differs, "written": l.written, "byKind": byKind, "details": detailsOf, "from": l.from, "address": addressOf,
		"moving": movingKind, "sign": signOf,
		"args":  func(of ...any) []any { return of },
		"field": func(f *form, key, kind, autocomplete string) input { return l.input(f, key, kind, autocomplete, true) },
		"list":  func(of ...string) []string { return of },
		"last":  func(t time.Time) string { return l.day(t.Add(-time.Nanosecond)) }, // a day ends when the next begins
		"code": func(page *view, party string) map[string]any {
			return map[string]any{"Page": page, "Party": party, "Code": l.input(page.Form, "prove.code_"+party, "text", "one-time-code", true)}
		},
		"custom": func(f *form, name, label, kind string, required bool) input {
			return input{ID: "q-" + strings.ReplaceAll(name, ".", "-"), Name: name, Type: kind, Autocomplete: "off", Label: label, Value: f.Value(name), Wrong: f.Of(name), Required: required}
		},
		"maybe": func(f *form, key, kind, autocomplete string) input { return l.input(f, key, kind, autocomplete, false) },
	}
	frame := template.Must(template.New("").Funcs(functions).ParseFS(files, "*.html"))
	pages := map[string]*template.Template{}
	for _, pattern := range []string{"admin/*.html", "center/*.html"} {
		found, err := fs.Glob(files, pattern)
		if err != nil {
			panic("web: " + err.Error())
		}
		for _, file := range found {
			pages[strings.TrimSuffix(file, ".html")] = template.Must(template.Must(frame.Clone()).ParseFS(files, file))
		}
	}
	pages["message"] = template.Must(template.Must(frame.Clone()).ParseFS(files, "center/message.html"))
	return pages
}

// input makes a field of a form, whose name is the last part of its key.
func (l *tongue) input(f *form, key, kind, autocomplete string, required bool) input {
	name := key[strings.LastIndex(key, ".")+1:]
	i := input{ID: strings.ReplaceAll(key, ".", "-"), Name: name, Type: kind, Autocomplete: autocomplete, Label: l.word(key), Hint: l.words[key+".hint"], Required: required}
	i.Value, i.Wrong = f.Value(name), f.Of(name)
	return i
}

// withChoice gives the address by which a page is shown again in a language, or in colours.
func withChoice(here, name, value string) string {
	u, err := url.Parse(here)
	if err != nil {
		u = &url.URL{Path: elsewhere}
	}
	q := u.Query()
	q.Set(name, value)
	u.RawQuery = q.Encode()
	return u.String()
}

// from says what a field of a plan is compared with: what the person is known by, or a
// field that was read before.
func (l *tongue) from(input string) string {
	if kind, ok := strings.CutPrefix(input, "identity:"); ok {
		return l.word("plan.of_person", l.name("identity", kind))
	}
	return input
}

// addressOf writes the name of a collection or a field so that a line may end where a
// part of it does.
func addressOf(name string) template.HTML {
	return template.HTML(partsEnd.ReplaceAllString(template.HTMLEscapeString(name), "$0<wbr>"))
}

var partsEnd = regexp.MustCompile(`[:_.]+`)

// kindOf groups statuses by what they ask of the operator.
func kindOf(s request.Status) string {
	switch s {
	case request.Complete:
		return "done"
	case request.Approved, request.InProcessing:
		return "work"
	case request.Errored, request.CompleteWithResidue:
		return "stop"
	case request.Denied, request.Canceled, request.Duplicate:
		return "over"
	default:
		return "wait"
	}
}
