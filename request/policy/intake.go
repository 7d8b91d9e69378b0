package policy

import (
	"maps"
	"slices"
	"time"
	"unicode/utf8"

	"golang.org/x/text/language"

	"volenti.dev/volenti/config/source"
)

// Intake is how people ask under a policy by themselves.
type Intake struct {
	Public   bool // the form is shown, and taken
	Fields   []Field
	Approval Approval
	// Window is how many days a request stands for others of the same person; 0
	// for none.
	Window int
	// Law is the key of the law that answers are due under; "" where the place
	// of the person tells.
	Law string
	At  source.Position
}

// Approval says who lets a request that was proven be carried out.
type Approval string

// Who approves.
const (
	ByOperator Approval = "operator"
	Automatic  Approval = "automatic"
)

// Field is a question of the form.
type Field struct {
	Key      string
	Label    Label
	Type     FieldType
	Required bool
	Choices  []Choice // of a choice
	Max      int      // of a text: characters
	At       source.Position
}

// FieldType is what an answer is.
type FieldType string

// The types of fields. A date is 2006-01-02.
const (
	TextField    FieldType = "text"
	ChoiceField  FieldType = "choice"
	DateField    FieldType = "date"
	BooleanField FieldType = "boolean"
)

// Choice is one of the answers to choose from.
type Choice struct {
	Key   string
	Label Label
}

// Label is what people read, by language, as BCP 47 tags; "" for any.
type Label map[string]string

// In gives the label in a language, or in the next best.
func (l Label) In(tag string) string {
	known := slices.Sorted(maps.Keys(l))
	var tags []language.Tag
	for _, k := range known {
		tags = append(tags, language.Make(k))
	}
	if len(tags) == 0 {
		return ""
	}
	_, at, sure := language.NewMatcher(tags).Match(language.Make(tag))
	if text, ok := l["en"]; ok && sure == language.No {
		return text
	}
	return l[known[at]]
}

// Wrong is what is wrong with the answer to a field; "" as the field is for
// what no field asks.
type Wrong struct{ Field, What string }

// Missing is what is wrong with an answer that is not there.
const Missing = "it is required"

// Check gives the answers as they are kept, without those that are empty, and
// all that is wrong with them. It repeats none. A form sends a boolean as
// "true" or "false", or not at all.
func (i *Intake) Check(answers map[string]any) (map[string]any, []Wrong) {
	kept := map[string]any{}
	var wrong []Wrong
	known := 0
	for _, f := range i.Fields {
		given, there := answers[f.Key]
		if there {
			known++
		}
		value, what := f.check(given)
		switch {
		case what != "":
			wrong = append(wrong, Wrong{f.Key, what})
		case value != nil:
			kept[f.Key] = value
		case f.Required:
			wrong = append(wrong, Wrong{f.Key, Missing})
		}
	}
	if known < len(answers) {
		wrong = append(wrong, Wrong{"", "there is an answer that the form does not ask for"})
	}
	return kept, wrong
}

// check gives nil for what is empty.
func (f Field) check(given any) (value any, wrong string) {
	if given == nil || given == "" {
		return nil, ""
	}
	text, isText := given.(string)
	if f.Type == BooleanField {
		yes, isBool := given.(bool)
		switch {
		case isBool:
		case text == "true" || text == "false":
			yes = text == "true"
		default:
			return nil, "it is true or false"
		}
		if !yes && f.Required {
			return nil, ""
		}
		return yes, ""
	}
	switch {
	case !isText || !utf8.ValidString(text):
		return nil, "it is text"
	case f.Type == ChoiceField && !slices.ContainsFunc(f.Choices, func(c Choice) bool { return c.Key == text }):
		return nil, "it is not one of the choices"
	case f.Type == TextField && utf8.RuneCountInString(text) > f.Max:
		return nil, "it is too long"
	case f.Type == DateField:
		if _, err := time.Parse(time.DateOnly, text); err != nil {
			return nil, "it is no date, like 1980-12-31"
		}
	}
	return text, ""
}
