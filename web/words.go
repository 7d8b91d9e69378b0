package web

import (
	"cmp"
	"fmt"
	"html/template"
	"regexp"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"golang.org/x/text/language"
	"golang.org/x/text/message"
)

// spoken is every language that there is, the one for all others first, and where its
// words are.
var spoken = []struct{ tag, words string }{{"en", "words/en"}, {"de", "words/de"}}

// tongue is a language: its words, and the pages in it.
type tongue struct {
	Tag  string
	Name string // in itself
	// Direction is where its lines run to: "ltr" or "rtl".
	Direction string
	words     map[string]string
	own       map[string]bool // all that words say
	// said is what pages say in the place of sentences of the API, which speaks
	// English to programmers.
	said  map[string]string
	print *message.Printer
	pages map[string]*template.Template
}

// catalogue is a file of words: base.yml has the name of the language and what all pages
// say, and each area of pages has one of its own.
type catalogue struct {
	Name  string            `yaml:"name"`
	Words map[string]string `yaml:"words"`
	Said  map[string]string `yaml:"said"`
}

type tongues struct {
	all     []*tongue
	matcher language.Matcher
}

// learned are all languages, with every template in each, read once for all
// servers of a process: nothing changes them.
var learned = sync.OnceValue(func() tongues { return loadTongues(loadAssets()) })

func loadTongues(a assets) tongues {
	var all tongues
	var tags []language.Tag
	for _, s := range spoken {
		tag := language.MustParse(s.tag)
		l := &tongue{Tag: s.tag, Direction: direction(tag), words: map[string]string{}, own: map[string]bool{}, said: map[string]string{}, print: message.NewPrinter(tag)}
		for _, name := range under(s.words) {
			l.learn(name)
		}
		l.pages = parse(l, a)
		all.all = append(all.all, l)
		tags = append(tags, tag)
	}
	all.matcher = language.NewMatcher(tags)
	return all
}

// direction tells it from the script that a language is written in.
func direction(tag language.Tag) string {
	switch script, _ := tag.Script(); script.String() {
	case "Arab", "Hebr":
		return "rtl"
	default:
		return "ltr"
	}
}

// learn takes the words of a file. It panics when one is there already.
func (l *tongue) learn(name string) {
	var c catalogue
	if err := yaml.UnmarshalWithOptions(read(name), &c, yaml.Strict()); err != nil {
		panic(fmt.Sprintf("web: %s: %v", name, err))
	}
	for _, part := range []struct{ all, more map[string]string }{{l.words, c.Words}, {l.said, c.Said}} {
		for key, text := range part.more {
			if _, twice := part.all[key]; twice {
				panic(fmt.Sprintf("web: %s: %s is said twice", name, key))
			}
			part.all[key] = text
		}
	}
	for _, text := range c.Words {
		l.own[text] = true
	}
	l.Name = cmp.Or(l.Name, c.Name)
}

// match gives the language that somebody asked for, or that their browser
// prefers.
func (t tongues) match(wanted ...string) *tongue {
	_, at := language.MatchStrings(t.matcher, wanted...)
	return t.all[at]
}

// has says whether there is such a language.
func (t tongues) has(tag string) bool {
	for _, l := range t.all {
		if l.Tag == tag {
			return true
		}
	}
	return false
}

// word gives a text of the catalogue, with {1}, {2} replaced. It panics when
// there is none: that is a mistake in a page.
func (l *tongue) word(key string, values ...any) string {
	text, ok := l.words[key]
	if !ok {
		panic("web: no words for " + key)
	}
	for i, v := range values {
		text = strings.ReplaceAll(text, fmt.Sprintf("{%d}", i+1), fmt.Sprint(v))
	}
	return text
}

// name gives the word for one of a kind that others may add to, like a status;
// what has none stands for itself.
func (l *tongue) name(kind, of string) string {
	if text, ok := l.words[kind+"."+of]; ok {
		return text
	}
	return of
}

// quoted are words of files and programs, as sentences have them.
var quoted = regexp.MustCompile("`([^`]+)`")

// marked writes a sentence as HTML, with such words as code.
func marked(text string) string {
	return quoted.ReplaceAllString(template.HTMLEscapeString(text), "<code>$1</code>")
}

// tell gives a sentence of the API in this language, where it is known, and
// else in English, marked so. It begins with a capital letter, unless that is a name or
// an address. A sentence of the
// catalogue stays as it is.
func (l *tongue) tell(text string) template.HTML {
	if text == "" {
		return ""
	}
	known, ok := l.translated(text)
	if !ok && l.own[text] {
		known, ok = text, true
	}
	if ok {
		text = known
	}
	if word, _, _ := strings.Cut(text, " "); !strings.ContainsFunc(word, strange) {
		first, size := utf8.DecodeRuneInString(text)
		text = string(unicode.ToUpper(first)) + text[size:]
	}
	if !ok && l.Tag != spoken[0].tag {
		return template.HTML(`<span lang="en">` + marked(text) + `</span>`)
	}
	return template.HTML(marked(text))
}

// known gives a name in this language, where it is one of ours; others stay as they are.
func (l *tongue) known(text string) string {
	if known, ok := l.translated(text); ok {
		return known
	}
	return text
}

// strange is what no word has in it, only names and addresses.
func strange(r rune) bool { return unicode.IsDigit(r) || strings.ContainsRune(":_@/", r) }

// translated gives what pages say in the place of a sentence of the API. Where
// that has a value in it, the catalogue has its beginning and a star; a star in what
// pages say is that value.
func (l *tongue) translated(text string) (string, bool) {
	if known, ok := l.said[text]; ok {
		return known, true
	}
	best := ""
	for sentence := range l.said {
		begin, open := strings.CutSuffix(sentence, "*")
		if open && strings.HasPrefix(text, begin) && len(sentence) > len(best) {
			best = sentence
		}
	}
	begin := strings.TrimSuffix(best, "*")
	return strings.Replace(l.said[best], "*", strings.Trim(strings.TrimPrefix(text, begin), "()"), 1), best != ""
}

// number writes a number with the signs of the language.
func (l *tongue) number(n int64) string { return l.print.Sprint(n) }

// day writes a date, in UTC.
func (l *tongue) day(t time.Time) string {
	t = t.UTC()
	return l.word("day", t.Day(), l.word("month."+fmt.Sprint(int(t.Month()))), t.Year())
}
