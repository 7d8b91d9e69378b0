package discover

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"volenti.dev/volenti/datamap/dataset"
	"volenti.dev/volenti/datamap/value"
)

// YAML writes the draft as a file of a configuration. Behind each proposal
// stands a comment with its confidence and reason; what is only mentioned is a
// comment and nothing else.
func (d Draft) YAML(connection string) string {
	w := &writer{}
	w.line(0, "# A first description of the connection %s, proposed from the live", name(connection))
	w.line(0, "# database. Review it: what is uncertain stands in comments and is not used.")
	w.line(0, "dataset:")
	w.line(0, "- fides_key: %s", name(d.Key))
	if d.Schema != "" {
		w.line(1, "fides_meta: {namespace: {schema: %s}}", name(d.Schema))
	}
	if len(d.Tables) == 0 {
		w.line(1, "collections: []")
		return w.String()
	}
	w.line(1, "collections:")
	for i := range d.Tables {
		if i > 0 {
			w.WriteByte('\n')
		}
		w.table(1, &d.Tables[i])
	}
	return w.String()
}

// Fragment writes what a dataset lacks as a person would paste it.
func (d Draft) Fragment(described []dataset.Dataset) string {
	w := &writer{}
	for i := range d.Tables {
		t := &d.Tables[i]
		known := collection(described, t.Name)
		if known == nil {
			w.table(0, t)
			continue
		}
		w.line(0, "# below the fields of %s, at %s", known.Address, known.At)
		for j := range t.Fields {
			w.field(0, &t.Fields[j])
		}
	}
	return w.String()
}

// writer writes YAML in the layout of the examples: two spaces a level, lists
// as deep as what they belong to.
type writer struct {
	strings.Builder
	left string // before every line
}

func (w *writer) line(level int, format string, args ...any) {
	w.WriteString(w.left + strings.Repeat("  ", level))
	fmt.Fprintf(w, format, args...)
	w.WriteByte('\n')
}

func (w *writer) table(level int, t *Table) {
	for _, n := range t.Notes {
		w.line(level, "# %s", n)
	}
	if t.Skipped != "" {
		w.line(level, "# %s", t.Skipped)
	}
	if strings.ContainsAny(t.Name, ".:") || unspeakable(t.Name, "") {
		w.line(level, "# the table %s cannot be described: use a view with a plain name", strconv.QuoteToASCII(t.Name))
		return
	}
	w.line(level, "- name: %s", name(t.Name))
	if t.Skipped != "" {
		w.line(level+1, "fides_meta: {skip_processing: true}")
	}
	if len(t.Fields) == 0 {
		w.line(level+1, "fields: []")
		return
	}
	w.line(level+1, "fields:")
	for i := range t.Fields {
		w.field(level+1, &t.Fields[i])
	}
}

func (w *writer) field(level int, f *Field) {
	w.line(level, "- name: %s", name(f.Name))
	for _, n := range f.Notes {
		w.line(level+1, "# %s", n)
	}
	if l := f.Label; l != nil {
		reason := fmt.Sprintf("%s: %s", l.Confidence, strings.Join(l.Reasons, "; "))
		if l.Written {
			w.line(level+1, "data_categories: [%s] # %s", l.Category, reason)
		} else {
			w.line(level+1, "# perhaps data_categories: [%s] # %s", l.Category, reason)
		}
	} else if f.undecided() {
		w.line(level+1, "# no category: nothing in name, type or values says what it is")
	}
	w.meta(level+1, f)
	if len(f.Fields) > 0 {
		w.line(level+1, "fields:")
		for i := range f.Fields {
			w.field(level+1, &f.Fields[i])
		}
	}
}

func (w *writer) meta(level int, f *Field) {
	var parts []string
	if f.PrimaryKey {
		parts = append(parts, "primary_key: true")
	}
	if f.Identity != "" {
		parts = append(parts, "identity: "+string(f.Identity))
	}
	if f.Type.Kind != "" && !f.masked() {
		t := f.Type.String()
		if f.Type.Array {
			t = strconv.Quote(t)
		}
		parts = append(parts, "data_type: "+t)
	}
	if f.Length > 0 {
		parts = append(parts, fmt.Sprintf("length: %d", f.Length))
	}
	kept := slices.DeleteFunc(slices.Clone(f.References), func(r Reference) bool { return r.Withheld != "" })
	for _, r := range f.References {
		if r.Withheld != "" {
			w.line(level, "# perhaps references: [%s] # %s: %s; but %s", r.yaml(), r.Confidence, r.Reason, r.Withheld)
		}
	}
	if len(kept) == 0 {
		if len(parts) > 0 {
			w.line(level, "fides_meta: {%s}", strings.Join(parts, ", "))
		}
		return
	}
	w.line(level, "fides_meta:")
	for _, p := range parts {
		w.line(level+1, "%s", p)
	}
	w.line(level+1, "references:")
	for _, r := range kept {
		w.line(level+1, "- %s # %s: %s", r.yaml(), r.Confidence, r.Reason)
	}
}

// masked fields are numbers and truth values that policies may target. Their
// type is left to the catalogue: a plan then says of each whether its mask
// fits, where a check would fail as a whole.
func (f *Field) masked() bool {
	scalar := !f.Type.Array && f.Type.Kind != value.String && f.Type.Kind != value.Object
	return scalar && f.Label != nil && f.Label.Written && !f.PrimaryKey && f.Identity == "" && len(f.References) == 0
}

func (r Reference) yaml() string {
	return fmt.Sprintf("{dataset: %s, field: %s, direction: from}", name(r.Target.Dataset), name(r.Target.Collection+"."+r.Field))
}

// plainWord needs no quotes in YAML, in a list of any kind.
var plainWord = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.-]*$`)

// reserved would be read as something else than text by one YAML parser or
// another.
var reserved = []string{"null", "true", "false", "yes", "no", "on", "off", "y", "n"}

// name writes a name so that it is read as that text.
func name(s string) string {
	if plainWord.MatchString(s) && !slices.Contains(reserved, strings.ToLower(s)) {
		return s
	}
	return strconv.Quote(s)
}
