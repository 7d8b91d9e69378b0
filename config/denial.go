package config

import (
	"slices"
	"strings"

	"golang.org/x/text/language"

	"volenti.dev/volenti/config/source"
)

// Denial is a reason to deny requests, in the words that people are told.
type Denial struct {
	Key    string
	Title  string            // for operators
	Reason map[string]string // by language: BCP 47
	At     source.Position
}

// For gives the words in the language that fits best: that one, the one it is
// a dialect of, English, or the first.
func (d Denial) For(tag string) string {
	base, _, _ := strings.Cut(tag, "-")
	for _, l := range []string{tag, base, "en"} {
		if text := d.Reason[l]; text != "" {
			return text
		}
	}
	var languages []string
	for l := range d.Reason {
		languages = append(languages, l)
	}
	slices.Sort(languages)
	return d.Reason[languages[0]]
}

// mostReason is how long a reason may be, in bytes, as over HTTP.
const mostReason = 1000

func (l *loader) denials(key string, n *source.Node) {
	for _, entry := range n.List(key, &l.report) {
		m := entry.Mapping("a denial", &l.report)
		m.Need("key", "reason")
		d := Denial{Key: m.String("key"), Title: m.String("title"), Reason: l.reasons(m), At: entry.At}
		m.Done()
		switch {
		case d.Key == "":
			continue
		case !keyForm.MatchString(d.Key):
			l.report.Errorf(m.Where("key"), "use letters, digits and _ . -", "%q cannot be the key of a denial", d.Key)
			continue
		}
		if i := slices.IndexFunc(l.config.Denials, func(o Denial) bool { return o.Key == d.Key }); i >= 0 {
			l.report.Errorf(entry.At, "rename or remove one of them", "the denial %s is already given at %s", d.Key, l.config.Denials[i].At)
			continue
		}
		if len(d.Reason) > 0 {
			l.config.Denials = append(l.config.Denials, d)
		}
	}
}

// reasons reads a reason by language.
func (l *loader) reasons(m *source.Mapping) map[string]string {
	words := map[string]string{}
	r := m.Mapping("reason")
	for _, tag := range r.Keys() {
		text := strings.TrimSpace(r.String(tag))
		switch _, err := language.Parse(tag); {
		case err != nil:
			l.report.Errorf(r.Where(tag), "write the tag of a language, like en or pt-BR", "%q is no language", tag)
		case text == "":
			l.report.Errorf(r.Where(tag), "write what the person is told", "the reason in %s is empty", tag)
		case len(text) > mostReason:
			l.report.Errorf(r.Where(tag), "say it shorter", "the reason in %s is longer than %d bytes", tag, mostReason)
		default:
			words[tag] = text
		}
	}
	if r != nil && len(r.Keys()) == 0 {
		l.report.Errorf(m.Where("reason"), "add en: ...", "a denial has no words")
	}
	return words
}
