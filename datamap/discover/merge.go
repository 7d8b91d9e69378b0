package discover

import (
	"slices"
	"strings"

	"volenti.dev/volenti/config/source"
	"volenti.dev/volenti/datamap/dataset"
	"volenti.dev/volenti/datamap/taxonomy"
)

// Lacking gives what of the draft is not described yet: whole tables, and
// tables with nothing but their new columns.
func (d Draft) Lacking(described []dataset.Dataset) Draft {
	lacking := Draft{Key: d.Key, Schema: d.Schema, Tables: []Table{}}
	for _, t := range d.Tables {
		known := collection(described, t.Name)
		switch {
		case unspeakable(t.Name, ".:") || known != nil && known.Skip:
			continue
		case known == nil:
			lacking.Tables = append(lacking.Tables, t)
			continue
		}
		t.Fields = slices.DeleteFunc(slices.Clone(t.Fields), func(f Field) bool {
			return slices.ContainsFunc(known.Fields, func(k dataset.Field) bool { return k.Name == f.Name })
		})
		if t.Notes = nil; len(t.Fields) > 0 {
			lacking.Tables = append(lacking.Tables, t)
		}
	}
	return lacking
}

func collection(datasets []dataset.Dataset, name string) *dataset.Collection {
	for i := range datasets {
		for j := range datasets[i].Collections {
			if c := &datasets[i].Collections[j]; c.Address.Collection == name {
				return c
			}
		}
	}
	return nil
}

// Merge adds to the text of a file what a dataset in it lacks: collections
// behind its last one, fields behind the last of their collection. Nothing
// else of the text changes. It gives false, and no text, where there is no
// place for them, as in a list that is written in brackets.
func Merge(text string, d *dataset.Dataset, lacking Draft) (string, bool) {
	lines := strings.Split(text, "\n")
	add := map[int]string{} // behind a line, counted from 1
	for i := range lacking.Tables {
		t := &lacking.Tables[i]
		known := collection([]dataset.Dataset{*d}, t.Name)
		var last source.Position
		switch {
		case known != nil && len(known.Fields) > 0:
			last = known.Fields[len(known.Fields)-1].At
		case known == nil && len(d.Collections) > 0:
			last = d.Collections[len(d.Collections)-1].At
		}
		indent, ok := dash(lines, last)
		if !ok {
			return "", false
		}
		w := &writer{left: strings.Repeat(" ", indent)}
		if known == nil {
			w.WriteByte('\n')
			w.table(0, t)
		} else {
			for j := range t.Fields {
				w.field(0, &t.Fields[j])
			}
		}
		add[end(lines, last.Line, indent)] += w.String()
	}
	var out strings.Builder
	for i, line := range lines {
		out.WriteString(line)
		if more := add[i+1]; more != "" {
			out.WriteString("\n" + strings.TrimSuffix(more, "\n"))
		}
		if i < len(lines)-1 {
			out.WriteByte('\n')
		}
	}
	merged := out.String()
	return merged, holds(text, merged, d, lacking)
}

// dash gives the indentation of the list entry that begins at a position.
func dash(lines []string, at source.Position) (int, bool) {
	if at.Line < 1 || at.Line > len(lines) || at.Column < 1 || at.Column > len(lines[at.Line-1]) {
		return 0, false
	}
	before := lines[at.Line-1][:at.Column-1]
	indent := strings.Index(before, "-")
	return indent, indent >= 0 && strings.TrimSpace(before) == "-"
}

// end gives the last line of the list entry that begins on a line, with the
// comments that stand in it.
func end(lines []string, first, indent int) int {
	last := first
	for n := first + 1; n <= len(lines); n++ {
		line := lines[n-1]
		content := strings.TrimLeft(line, " ")
		deeper := len(line)-len(content) > indent
		switch {
		case strings.TrimSpace(content) == "":
			continue
		case strings.HasPrefix(content, "#"):
			if deeper && last == n-1 {
				last = n
			}
			continue
		case !deeper:
			return last
		}
		last = n
	}
	return last
}

// holds reads a merged text and says whether the dataset has what it had, in
// the same order, and what it lacked.
func holds(before, after string, d *dataset.Dataset, lacking Draft) bool {
	old, errors := reread(before, d.Key)
	now, more := reread(after, d.Key)
	if old == nil || now == nil || more != errors {
		return false
	}
	want := slices.Clone(old.Collections)
	for _, t := range lacking.Tables {
		at := slices.IndexFunc(want, func(c dataset.Collection) bool { return c.Address.Collection == t.Name })
		if at < 0 {
			want = append(want, dataset.Collection{Address: dataset.Address{Dataset: d.Key, Collection: t.Name}})
			at = len(want) - 1
		}
		for _, f := range t.Fields {
			if t.Skipped == "" {
				want[at].Fields = append(slices.Clip(want[at].Fields), dataset.Field{Name: f.Name})
			}
		}
	}
	return slices.EqualFunc(want, now.Collections, func(a, b dataset.Collection) bool {
		same := func(f, g dataset.Field) bool { return f.Name == g.Name }
		return a.Address == b.Address && (b.Skip || slices.EqualFunc(a.Fields, b.Fields, same))
	})
}

// reread decodes one dataset of a text, with the number of errors that are in
// it: categories of a company's own are errors here, before and after.
func reread(text, key string) (*dataset.Dataset, int) {
	var r source.Report
	var found *dataset.Dataset
	for _, document := range source.Parse("merged", []byte(text), &r) {
		m := document.Mapping("a configuration file", &r)
		for _, n := range m.List("dataset") {
			if d, _ := dataset.Decode(n, &r, taxonomy.Standard()); d.Key == key {
				found = &d
			}
		}
	}
	return found, r.Errors()
}
