package message

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"html"
	htmltemplate "html/template"
	"io"
	"path"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"text/template"
	"time"
)

// words are the parsed templates of one kind in one language.
type words struct {
	subject, text *template.Template
	html          *htmltemplate.Template // nil for none
	language      string
}

// Fault is what is wrong with a template.
type Fault struct {
	Part string // "subject", "text", "html"
	Line int    // within the part, from 1; 0 when not known
	What string // holds no value of a letter
	// Missing is the value that the template uses and letters of its kind do
	// not have; "" where something else is wrong.
	Missing string
}

// Error names the part and what is wrong there.
func (f *Fault) Error() string {
	if f.Line == 0 {
		return fmt.Sprintf("the %s of the template: %s", f.Part, f.What)
	}
	return fmt.Sprintf("the %s of the template, line %d: %s", f.Part, f.Line, f.What)
}

func (o Override) parse() (*words, error) { return parse(o.Language, o.Subject, o.Text, o.HTML) }

func parse(language, subject, text, html string) (*words, error) {
	w, calls := &words{language: language}, functions(language)
	var err error
	if w.subject, err = template.New("subject").Option("missingkey=error").Funcs(calls).Parse(subject); err != nil {
		return nil, malformed("subject", err)
	}
	if w.text, err = template.New("text").Option("missingkey=error").Funcs(calls).Parse(text); err != nil {
		return nil, malformed("text", err)
	}
	if html != "" {
		if w.html, err = htmltemplate.New("html").Option("missingkey=error").Funcs(calls).Parse(html); err != nil {
			return nil, malformed("html", err)
		}
	}
	return w, nil
}

// fill writes the letter.
func (w *words) fill(values map[string]any) (m Mail, err error) {
	if m.Subject, err = written("subject", w.subject, values); err != nil {
		return Mail{}, err
	}
	if m.Subject, err = header(m.Subject); err != nil {
		return Mail{}, &Fault{Part: "subject", What: err.Error()}
	}
	if m.Text, err = written("text", w.text, values); err != nil {
		return Mail{}, err
	}
	m.Text = strings.TrimSpace(emptyLines.ReplaceAllString(m.Text, "\n\n")) + "\n"
	if w.html != nil {
		if m.HTML, err = written("html", w.html, values); err != nil {
			return Mail{}, err
		}
		m.HTML = fmt.Sprintf(frame, html.EscapeString(w.language), html.EscapeString(m.Subject), strings.TrimSpace(m.HTML))
	}
	return m, nil
}

// emptyLines are those that conditions in a template leave behind.
var emptyLines = regexp.MustCompile(`\n[ \t]*(\n[ \t]*)+\n`)

// frame is the page around the HTML of a letter: nothing is loaded from
// anywhere.
const frame = `<!doctype html>
<html lang="%s">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>%s</title></head>
<body style="font:16px/1.5 sans-serif;max-width:40em;margin:1em auto;padding:0 1em;color:#222">
%s
</body>
</html>
`

// written executes one of the two kinds of templates.
func written(part string, t interface{ Execute(io.Writer, any) error }, values map[string]any) (string, error) {
	var out page
	if err := t.Execute(&out, values); err != nil {
		return "", unfilled(part, err)
	}
	return out.String(), nil
}

// page takes so much and no more: a template may loop.
type page struct{ bytes.Buffer }

var errLong = errors.New("too long")

func (p *page) Write(b []byte) (int, error) {
	if p.Len()+len(b) > mostBytes {
		return 0, errLong
	}
	return p.Buffer.Write(b)
}

// functions are what templates may call besides the usual. index gives nothing
// for a value that is not there, so that it is not offered.
func functions(language string) map[string]any {
	return map[string]any{
		"date":  func(text string) (string, error) { return date(language, text) },
		"erase": func(action, value string) string { return erase(language, action, value) },
		"index": func(...any) (string, error) { return "", errors.New("index is not offered here: use .name") },
	}
}

var months = map[string][]string{
	"en": {"January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"},
	"de": {"Januar", "Februar", "März", "April", "Mai", "Juni", "Juli", "August", "September", "Oktober", "November", "Dezember"},
}

// dot follows the day.
var dot = map[string]string{"de": "."}

// date writes a day, given as 2026-12-24 or in RFC 3339, as one does in a
// language; in those that it does not know, as 2026-12-24.
func date(language, text string) (string, error) {
	if text == "" {
		return "", nil
	}
	day, err := time.Parse(time.DateOnly, text)
	if err != nil {
		if day, err = time.Parse(time.RFC3339, text); err != nil {
			return "", errors.New("date needs a day like 2026-12-24")
		}
	}
	base, _, _ := strings.Cut(strings.ToLower(language), "-")
	if months[base] == nil {
		return day.Format(time.DateOnly), nil
	}
	return fmt.Sprintf("%d%s %s %d", day.Day(), dot[base], months[base][day.Month()-1], day.Year()), nil
}

// place is where a template fails, as the standard library writes it.
var (
	place   = regexp.MustCompile(`^(?:html/)?template: ?[^:]*:(\d+)`)
	missing = regexp.MustCompile(`map has no entry for key ("(?:[^"\\]|\\.)*")`)
)

// malformed tells what is wrong with the text of a template.
func malformed(part string, err error) *Fault {
	return &Fault{Part: part, Line: line(err), What: strings.TrimLeft(place.ReplaceAllString(err.Error(), ""), ":0123456789 ")}
}

// unfilled tells why a template could not be filled in. What the standard
// library says of that may hold a value, so that only names are taken from it.
func unfilled(part string, err error) *Fault {
	f := &Fault{Part: part, Line: line(err), What: "it cannot be filled in with what letters of this kind hold"}
	var escape *htmltemplate.Error
	switch m := missing.FindStringSubmatch(err.Error()); {
	case errors.Is(err, errLong):
		f.What = fmt.Sprintf("it becomes longer than %d KiB", mostBytes>>10)
	case errors.As(err, &escape): // it is about the template alone
		f.Line = escape.Line
		f.What, _, _ = strings.Cut(escape.Description, ": {") // and the state of the parser
	case m != nil:
		f.What = "there is no value " + m[1]
		f.Missing, _ = strconv.Unquote(m[1])
	}
	return f
}

func line(err error) int {
	m := place.FindStringSubmatch(err.Error())
	if m == nil {
		return 0
	}
	n, _ := strconv.Atoi(m[1]) // digits
	return n
}

// Ours are one file each: the subject, an empty line, the text, a line of
// three dashes, the HTML.
//
//go:embed templates
var files embed.FS

var library = sync.OnceValue(func() map[string]*words {
	all := map[string]*words{}
	for _, language := range Languages() {
		for _, kind := range Kinds() {
			file, err := files.ReadFile(path.Join("templates", language, string(kind)+".tmpl"))
			if err != nil {
				panic(err) // it is embedded
			}
			subject, rest, _ := strings.Cut(string(file), "\n\n")
			text, html, _ := strings.Cut(rest, "\n---\n")
			w, err := parse(language, subject, text, html)
			if err != nil {
				panic(fmt.Sprintf("message: %s in %s: %s", kind, language, err))
			}
			all[language+"/"+string(kind)] = w
		}
	}
	return all
})

// Languages lists those that Volenti has templates in.
func Languages() []string { return []string{"en", "de"} }

// ours gives the template that Volenti has for a kind, nil for none.
func ours(kind Kind, language string) *words {
	return library()[strings.ToLower(language)+"/"+string(kind)]
}
