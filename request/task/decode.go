package task

import (
	"regexp"
	"slices"
	"strings"

	"volenti.dev/volenti/config/source"
	"volenti.dev/volenti/datamap/taxonomy"
)

// What holds where the configuration does not say it.
const (
	DefaultDays       = 10
	DefaultRemindDays = 2
	DefaultText       = 4000     // characters
	DefaultFile       = 10 << 20 // bytes
)

// The most that a configuration may allow.
const (
	mostText      = 100_000
	mostFile      = 200 << 20
	mostDays      = 365
	mostQuestions = 100
)

// Decode reads `fields`, `due_days` and `remind_days` of a connection that
// people answer. The Ask has all its questions, and no rules.
func Decode(m *source.Mapping, r *source.Report, words *taxonomy.Set) Ask {
	d := decoder{r, words}
	a := Ask{DueDays: int(d.number(m, "due_days", DefaultDays, mostDays))}
	a.RemindDays = min(int(d.number(m, "remind_days", DefaultRemindDays, mostDays)), a.DueDays)
	m.Need("fields")
	for _, entry := range m.List("fields") {
		q := d.question(entry)
		if a.Question(q.Key) != nil && q.Key != "" {
			r.Errorf(entry.At, "rename or remove one of them", "the field %s is given twice", q.Key)
			continue
		}
		a.Questions = append(a.Questions, q)
	}
	if len(a.Questions) > mostQuestions {
		r.Errorf(m.Where("fields"), "make several connections of it", "there are more than %d fields", mostQuestions)
	}
	if m.Node("fields") != nil && len(a.Questions) == 0 {
		r.Errorf(m.Where("fields"), "add a field", "there is nothing to ask")
	}
	return a
}

type decoder struct {
	report *source.Report
	words  *taxonomy.Set
}

// keyForm keeps keys fit for forms and for the columns of a package.
var keyForm = regexp.MustCompile(`^[a-z][a-z0-9_]{0,63}$`)

var types = []string{string(Text), string(Number), string(Date), string(Boolean), string(Files)}

// What a form has beside its questions.
const (
	tokenPart   = "token"
	nothingPart = "nothing"
)

func (d decoder) question(n *source.Node) Question {
	m := n.Mapping("a field", d.report)
	m.Need("key", "label", "type", "data_categories")
	q := Question{Key: m.String("key"), Label: d.label(m), Type: Type(m.String("type")), Required: m.Bool("required")}
	switch {
	case q.Key == tokenPart, q.Key == nothingPart, source.Refused(q.Key):
		d.report.Errorf(m.Where("key"), "use another name", "%s is not allowed as the key of a field", q.Key)
	case q.Key != "" && !keyForm.MatchString(q.Key):
		d.report.Errorf(m.Where("key"), "use small letters, digits and _", "%q cannot be the key of a field", q.Key)
	}
	if q.Type != "" && !slices.Contains(types, string(q.Type)) {
		d.report.Errorf(m.Where("type"), source.DidYouMean(string(q.Type), slices.Values(types), "use text, number, date, boolean or file"), "there is no type %q of a field", q.Type)
	}
	for _, c := range m.Strings("data_categories") {
		if d.words.Categories.Check(c, d.report) {
			q.Categories = append(q.Categories, taxonomy.Category(c.Value))
		}
	}
	d.action(m, &q)
	d.most(m, &q)
	m.Done()
	return q
}

// label is text, or a mapping from languages to texts.
func (d decoder) label(m *source.Mapping) Label {
	n := m.Node("label")
	if n == nil {
		return nil
	}
	if n.Kind != source.Map {
		return Label{"": m.String("label")}
	}
	label, texts := Label{}, m.Mapping("label")
	for _, language := range texts.Keys() {
		label[language] = texts.String(language)
	}
	return label
}

// action says whether the question is about what the person gets, or asks to
// erase something.
func (d decoder) action(m *source.Mapping, q *Question) {
	switch action := m.String("action"); action {
	case "", "access":
	case "erasure":
		q.Erasure, q.Required = true, true
		if q.Type != Boolean {
			d.report.Errorf(m.Where("type"), "write type: boolean", "the field %s asks for an erasure, which is confirmed or not", q.Key)
		}
	default:
		d.report.Errorf(m.Where("action"), "use access or erasure", "action cannot be %q", action)
	}
}

func (d decoder) most(m *source.Mapping, q *Question) {
	switch q.Type {
	case Text:
		q.Max = d.number(m, "max", DefaultText, mostText)
	case Files:
		q.Max = d.number(m, "max", DefaultFile, mostFile)
	}
}

// number reads a whole number from 1 to most.
func (d decoder) number(m *source.Mapping, key string, otherwise, most int64) int64 {
	if m.Node(key) == nil {
		return otherwise
	}
	n := m.Int(key)
	if m.Node(key).Kind == source.Int && (n < 1 || n > most) {
		d.report.Errorf(m.Where(key), "write another number", "%s must be from 1 to %d", strings.ReplaceAll(key, "_", " "), most)
		return otherwise
	}
	return n
}
