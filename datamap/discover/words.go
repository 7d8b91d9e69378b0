package discover

import (
	"cmp"
	"embed"
	"regexp"
	"slices"
	"strings"
	"sync"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"volenti.dev/volenti/datamap/catalogue"
	"volenti.dev/volenti/datamap/taxonomy"
	"volenti.dev/volenti/datamap/value"
	"volenti.dev/volenti/subject"
)

// lexicon is what names say, as words/*.txt have it.
type lexicon struct {
	fields map[string][]meaning
	tables map[string][]string // what a table of this name is about
	system []string
	given  map[string]bool
}

// meaning is what the name of a field may say.
type meaning struct {
	category taxonomy.Category
	identity subject.Type
	kinds    []string // classes of types; none: all
	person   bool     // only where the field is one of a person
}

// reading is a meaning that was found in a name.
type reading struct {
	meaning
	confidence Confidence
	reason     string
}

//go:embed words/*.txt
var files embed.FS

// words reads the lists once.
var words = sync.OnceValue(func() *lexicon {
	l := &lexicon{fields: map[string][]meaning{}, tables: map[string][]string{}, given: map[string]bool{}}
	for head, words := range blocks("words/fields.txt") {
		m := meaningOf(head)
		for _, w := range words {
			l.fields[w] = append(l.fields[w], m)
		}
	}
	for head, words := range blocks("words/tables.txt") {
		if head == "system" {
			l.system = append(l.system, words...)
			continue
		}
		for _, w := range words {
			l.tables[w] = append(l.tables[w], head)
		}
	}
	for line := range strings.Lines(text("words/given_names.txt")) {
		if !strings.HasPrefix(line, "#") {
			for _, name := range strings.Fields(line) {
				l.given[name] = true
			}
		}
	}
	return l
})

func text(file string) string {
	b, err := files.ReadFile(file)
	if err != nil {
		panic(err) // the file is part of the program
	}
	return string(b)
}

// blocks gives each heading of a file with the words below it, written as
// parts joins them.
func blocks(file string) func(yield func(string, []string) bool) {
	return func(yield func(string, []string) bool) {
		head := ""
		for line := range strings.Lines(text(file)) {
			line = strings.TrimRight(line, "\n")
			switch {
			case strings.HasPrefix(line, "#") || strings.TrimSpace(line) == "":
			case !strings.HasPrefix(line, " "):
				head = line
			default:
				_, list, _ := strings.Cut(line, ":")
				var words []string
				for w := range strings.SplitSeq(list, ",") {
					w = strings.TrimSpace(w)
					if head != "system" {
						w = strings.ReplaceAll(w, " ", "")
					}
					words = append(words, w)
				}
				if !yield(head, words) {
					return
				}
			}
		}
	}
}

// meaningOf reads a heading: "CATEGORY [IDENTITY] [on KIND...] [of person]".
func meaningOf(head string) (m meaning) {
	head, m.person = strings.CutSuffix(head, " of person")
	head, kinds, _ := strings.Cut(head, " on ")
	m.kinds = strings.Fields(kinds)
	category, identity, _ := strings.Cut(head, " ")
	m.category, m.identity = taxonomy.Category(category), subject.Type(identity)
	return m
}

// class gives the word that words/fields.txt has for a type.
func class(k value.Kind) string {
	switch k {
	case value.String, value.Unknown, value.Other, value.UUID, value.ObjectID:
		return "text"
	case value.Integer, value.Float, value.Number:
		return "number"
	case value.Day, value.Timestamp:
		return "date"
	case value.Boolean:
		return "truth"
	default:
		return string(k)
	}
}

// abbreviated words stand for others in names of whatever is described.
var abbreviated = map[string]string{"nm": "name", "addr": "address", "adr": "adresse", "dt": "date", "cust": "customer", "usr": "user", "emp": "employee", "mbr": "member", "num": "nr", "nbr": "number"}

var umlauts = strings.NewReplacer("ä", "ae", "ö", "oe", "ü", "ue", "ß", "ss", "Ä", "Ae", "Ö", "Oe", "Ü", "Ue")

// parts splits a name into its words: at separators, at digits, and where
// small letters turn into capitals; without capitals and accents.
func parts(name string) []string {
	name = norm.NFD.String(umlauts.Replace(norm.NFC.String(name)))
	var out []string
	var word []rune
	end := func() {
		if len(word) > 0 {
			w := strings.ToLower(string(word))
			out = append(out, cmp.Or(abbreviated[w], w))
		}
		word = nil
	}
	runes := []rune(name)
	for i, r := range runes {
		switch {
		case unicode.Is(unicode.Mn, r):
			continue
		case !unicode.IsLetter(r):
			end()
			continue
		case unicode.IsUpper(r) && i > 0:
			small := i+1 < len(runes) && unicode.IsLower(runes[i+1])
			if unicode.IsLower(runes[i-1]) || unicode.IsUpper(runes[i-1]) && small {
				end()
			}
		}
		word = append(word, r)
	}
	end()
	return out
}

// singular gives the forms in which a word of a list may stand for this one.
func singular(word string) []string {
	forms := []string{word}
	for _, plural := range [][2]string{{"people", "person"}, {"children", "child"}, {"ies", "y"}, {"s", ""}, {"es", ""}, {"en", ""}, {"n", ""}} {
		if stem, ok := strings.CutSuffix(word, plural[0]); ok && len(stem+plural[1]) > 2 {
			forms = append(forms, stem+plural[1])
		}
	}
	return forms
}

// subjectMatter is what a table is about, by its name.
type subjectMatter struct {
	person  bool              // its rows are people
	staff   bool              // who work here
	related bool              // its name has a word for a person somewhere
	topic   taxonomy.Category // what a row tells of the person that it belongs to
}

// matter reads the name of a table: its last words say what a row is.
func (l *lexicon) matter(name string) (m subjectMatter) {
	words := parts(name)
	for n := range words {
		for _, what := range l.about(strings.Join(words[n:], "")) {
			switch what {
			case "person":
				m.person = true
			case "staff":
				m.person, m.staff = true, true
			default:
				m.topic = taxonomy.Category(what)
			}
		}
		if m != (subjectMatter{}) {
			break
		}
	}
	m.related = m.person || slices.ContainsFunc(words, l.isPerson)
	return m
}

func (l *lexicon) about(joined string) []string {
	for _, form := range singular(joined) {
		if found := l.tables[form]; found != nil {
			return found
		}
	}
	return nil
}

func (l *lexicon) isPerson(word string) bool {
	found := l.about(word)
	return slices.Contains(found, "person") || slices.Contains(found, "staff")
}

func (l *lexicon) isStaff(word string) bool { return slices.Contains(l.about(word), "staff") }

func (l *lexicon) isSystem(n catalogue.Name) bool {
	name := strings.ToLower(n.Table)
	return slices.ContainsFunc(l.system, func(s string) bool {
		if stem, ok := strings.CutSuffix(s, "*"); ok {
			return strings.HasPrefix(name, stem)
		}
		return name == s
	})
}

// shortest is how long a word must be to be found inside another, as in
// Kundenadresse.
const shortest = 5

// neutral words at the end of a name leave what it says as it is.
var neutral = strings.Fields(`
	private work home office main primary secondary personal business other old new current original code text txt no nr num number
	value raw full plain encrypted enc normalized lower display public
	privat geschaeftlich dienstlich beruflich haupt alt neu aktuell nummer hausnr hausnummer zusatz wert klartext
	prive professionnel principal particular personale principale privee lavoro casa trabajo movil actual`)

// read gives what a name says of a field of a class of types, best first.
// above are the names of the objects that it lies in; person says that the
// table's own words make it one of a person.
func (l *lexicon) read(name string, above []string, class string, person bool) []reading {
	words := parts(name)
	if len(words) > 1 && slices.Contains([]string{"is", "has"}, words[0]) {
		words = words[1:]
	}
	for len(words) > 1 && l.isPerson(words[len(words)-1]) { // nom_client
		words, person = words[:len(words)-1], true
	}
	if len(words) == 0 {
		return nil
	}
	var context []string
	for _, a := range above {
		context = append(context, parts(a)...)
	}
	person = person || slices.ContainsFunc(context, l.isPerson)
	var found []reading
	add := func(joined string, confidence Confidence, owned bool, reason string) {
		for _, m := range l.fields[joined] {
			if (len(m.kinds) == 0 || slices.Contains(m.kinds, class)) && (!m.person || owned) {
				found = append(found, reading{m, confidence, reason})
			}
		}
	}
	for n := range words {
		rest := strings.Join(words[n:], "")
		owned := person && n == 0 || slices.ContainsFunc(words[:n], l.isPerson)
		if n == 0 {
			add(strings.Join(append(slices.Clone(context), words...), ""), High, owned, "its name")
			if k := len(context); k > 0 {
				add(context[k-1]+rest, High, owned, "its name")
			}
			add(rest, High, owned, "its name")
		} else {
			add(rest, Medium, owned, "the end of its name")
		}
	}
	joined := strings.Join(words, "")
	for n := 1; n+shortest <= len(joined); n++ {
		if rest := joined[n:]; l.fields[rest] != nil && rest != "state" {
			add(rest, Medium, false, "the end of its name")
		}
	}
	for n := len(words) - 1; n > 0; n-- {
		confidence := Low
		if !slices.ContainsFunc(words[n:], func(w string) bool { return !slices.Contains(neutral, w) }) {
			confidence = Medium // strasse_hausnr, email_privat
		}
		add(strings.Join(words[:n], ""), confidence, person && confidence == Medium, "the beginning of its name")
	}
	return found
}

// unspeakable says whether the dataset format cannot hold a name.
func unspeakable(name, dividers string) bool {
	return name == "" || strings.ContainsAny(name, dividers) || strings.ContainsFunc(name, unicode.IsControl) || !validUTF8.MatchString(name)
}

var validUTF8 = regexp.MustCompile(`^[^\x{FFFD}]*$`)
