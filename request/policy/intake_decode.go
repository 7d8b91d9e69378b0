package policy

import (
	"strings"

	"golang.org/x/text/language"

	"volenti.dev/volenti/config/source"
	"volenti.dev/volenti/request/deadline"
)

// DefaultWindow is for how many days a request stands for others of the same
// person, where nothing else is said.
const DefaultWindow = 30

// Limits of a form.
const (
	defaultMax = 1000 // characters of a text
	mostMax    = 10_000
	mostWindow = 3650
	mostFields = 50
)

func (d decoder) intake(m *source.Mapping) *Intake {
	m = m.Mapping("intake")
	if m == nil {
		return nil
	}
	i := &Intake{Public: m.Bool("public"), Approval: d.approval(m), Window: d.number(m, "window", 0, DefaultWindow, mostWindow), Law: d.law(m), At: m.At}
	seen := map[string]source.Position{}
	entries := m.List("fields")
	if len(entries) > mostFields {
		d.report.Errorf(m.Where("fields"), "ask for less", "a form has at most %d fields", mostFields)
		entries = nil
	}
	for _, entry := range entries {
		f := d.field(entry)
		if before, again := seen[f.Key]; again && f.Key != "" {
			d.report.Errorf(f.At, "rename or remove one of them", "the field %s is already given at %s", f.Key, before)
			continue
		}
		seen[f.Key] = f.At
		i.Fields = append(i.Fields, f)
	}
	m.Done()
	return i
}

func (d decoder) approval(m *source.Mapping) Approval {
	switch a := Approval(m.String("approval")); a {
	case ByOperator, Automatic:
		return a
	case "":
	default:
		d.report.Errorf(m.Where("approval"), "use operator or automatic", "unknown approval %q", a)
	}
	return ByOperator
}

// number reads a whole number between two, which may be absent.
func (d decoder) number(m *source.Mapping, key string, least, absent, most int) int {
	if m.Node(key) == nil {
		return absent
	}
	n := m.Int(key)
	if n < int64(least) || n > int64(most) {
		d.report.Errorf(m.Where(key), "write a number in between", "%s is between %d and %d", key, least, most)
		return absent
	}
	return int(n)
}

func (d decoder) law(m *source.Mapping) string {
	key := m.String("law")
	if key == "" {
		return ""
	}
	if _, err := deadline.ByKey(key); err != nil {
		known := func(yield func(string) bool) {
			for _, l := range deadline.Laws() {
				if !yield(l.Key) {
					return
				}
			}
		}
		d.report.Errorf(m.Where("law"), source.DidYouMean(key, known, "remove it, and the place of the person tells"), "there is no law %q", key)
	}
	return key
}

func (d decoder) field(n *source.Node) Field {
	m := n.Mapping("a field", d.report)
	m.Need("key", "label", "type")
	f := Field{Key: d.key(m, "field"), Label: d.label(m), Type: d.fieldType(m), Required: m.Bool("required"), Max: d.number(m, "max", 1, 0, mostMax), At: n.At}
	seen := map[string]bool{}
	for _, entry := range m.List("choices") {
		c := d.choice(entry)
		if seen[c.Key] && c.Key != "" {
			d.report.Errorf(entry.At, "remove one of them", "the choice %s is given twice", c.Key)
			continue
		}
		seen[c.Key] = true
		f.Choices = append(f.Choices, c)
	}
	m.Done()
	switch {
	case m == nil || f.Type == "":
	case (f.Type == ChoiceField) != (m.Node("choices") != nil):
		d.report.Errorf(m.Where("choices"), "write choices: [...] in a field of type choice, and in no other", "the field %s has choices, or lacks them", f.Key)
	case f.Type == ChoiceField && len(f.Choices) == 0 && m.Node("choices").Kind == source.List:
		d.report.Errorf(m.Where("choices"), "add choices", "the field %s has nothing to choose from", f.Key)
	case f.Type != TextField && f.Max > 0:
		d.report.Errorf(m.Where("max"), "remove it", "a field of type %s has no max", f.Type)
	}
	if f.Type == TextField && f.Max == 0 {
		f.Max = defaultMax
	}
	return f
}

func (d decoder) fieldType(m *source.Mapping) FieldType {
	t := FieldType(m.String("type"))
	switch t {
	case TextField, ChoiceField, DateField, BooleanField, "":
		return t
	}
	known := func(yield func(string) bool) {
		_ = yield(string(TextField)) && yield(string(ChoiceField)) && yield(string(DateField)) && yield(string(BooleanField))
	}
	d.report.Errorf(m.Where("type"), source.DidYouMean(string(t), known, "use text, choice, date or boolean"), "unknown type %q", t)
	return ""
}

// choice reads a key, or a key and what people read.
func (d decoder) choice(n *source.Node) Choice {
	if n.Kind != source.Map {
		key := n.String("an entry of choices", d.report)
		if n.Kind == source.String {
			d.fit(key, n.At, "choice")
		}
		return Choice{Key: key, Label: Label{"": key}}
	}
	m := n.Mapping("a choice", d.report)
	m.Need("key", "label")
	c := Choice{Key: d.key(m, "choice"), Label: d.label(m)}
	m.Done()
	return c
}

// label reads one text for all, or one per language.
func (d decoder) label(m *source.Mapping) Label {
	n := m.Node("label")
	if n == nil {
		return nil
	}
	if n.Kind != source.Map {
		return Label{"": d.wording(n)}
	}
	texts, l := n.Mapping("label", d.report), Label{}
	for _, tag := range texts.Keys() {
		if t, err := language.Parse(tag); err != nil || t.String() != tag {
			d.report.Errorf(texts.Where(tag), "write it like en or de-AT", "%q is no language", tag)
			continue
		}
		if text := texts.Node(tag); text != nil {
			l[tag] = d.wording(text)
		}
	}
	if len(l) == 0 {
		d.report.Errorf(n.At, "write label: {en: ...}", "the label says nothing")
	}
	return l
}

func (d decoder) wording(n *source.Node) string {
	text := n.String("label", d.report)
	if n.Kind == source.String && strings.TrimSpace(text) == "" {
		d.report.Errorf(n.At, "write what people are asked", "the label says nothing")
	}
	return text
}
