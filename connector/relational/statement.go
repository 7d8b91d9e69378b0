package relational

import (
	"strings"

	"volenti.dev/volenti/datamap/catalogue"
)

// statement is SQL text under construction, with what it binds.
type statement struct {
	dialect *Dialect
	text    strings.Builder
	args    []any
}

// term holds for a row in which columns together equal one of tuples and all
// of null are null. The tuples are encoded and hold no nulls; at least one of
// them there must be. With overlap the one column is an array that has one of
// the values.
type term struct {
	columns []*catalogue.Column
	null    []*catalogue.Column
	tuples  [][]any
	overlap bool
}

// condition compares a column with an encoded constant.
type condition struct {
	column   *catalogue.Column
	operator string
	constant any
}

func (d *Dialect) statement(parts ...string) *statement {
	s := &statement{dialect: d}
	s.write(parts...)
	return s
}

func (s *statement) write(parts ...string) {
	for _, p := range parts {
		s.text.WriteString(p)
	}
}

// String gives the text.
func (s *statement) String() string { return s.text.String() }

func (s *statement) bind(v any) {
	s.args = append(s.args, v)
	s.write(s.dialect.Placeholder(len(s.args)))
}

// table writes the quoted name of a table.
func (s *statement) table(n catalogue.Name) {
	s.write(s.dialect.Name(n))
}

// Name quotes the name of a table.
func (d *Dialect) Name(n catalogue.Name) string {
	if n.Schema == "" {
		return d.Quote(n.Table)
	}
	return d.Quote(n.Schema) + "." + d.Quote(n.Table)
}

// selection writes SELECT ... FROM table.
func (s *statement) selection(t *catalogue.Table, columns []*catalogue.Column) {
	s.write("SELECT ")
	for i, c := range columns {
		s.comma(i)
		s.write(s.dialect.Select(c, s.dialect.Quote(c.Name)))
	}
	if len(columns) == 0 {
		s.write("1")
	}
	s.write(" FROM ")
	s.table(t.Name)
}

// where writes WHERE (term OR term) AND condition AND condition.
func (s *statement) where(terms []term, conditions []condition) {
	s.write(" WHERE ")
	several := len(terms) > 1 && len(conditions) > 0
	if several {
		s.write("(")
	}
	for i, t := range terms {
		if i > 0 {
			s.write(" OR ")
		}
		s.term(t)
	}
	if several {
		s.write(")")
	}
	for _, c := range conditions {
		s.write(" AND ", s.match(c.column), " ", c.operator, " ")
		s.bind(c.constant)
	}
}

func (s *statement) term(t term) {
	if len(t.null) > 0 {
		s.write("(")
	}
	switch {
	case len(t.columns) > 1:
		s.tuples(t)
	case t.overlap:
		elements := s.list(t.tuples)
		s.write(s.dialect.Overlap(t.columns[0], s.dialect.Quote(t.columns[0].Name), elements))
	default:
		s.write(s.match(t.columns[0]), " IN (", s.list(t.tuples), ")")
	}
	for _, c := range t.null {
		s.write(" AND ", s.dialect.Quote(c.Name), " IS NULL")
	}
	if len(t.null) > 0 {
		s.write(")")
	}
}

func (s *statement) tuples(t term) {
	s.write("(")
	for i, c := range t.columns {
		s.comma(i)
		s.write(s.match(c))
	}
	s.write(") IN ", s.dialect.Rows[0])
	for i, tuple := range t.tuples {
		s.comma(i)
		s.write("(")
		for j, v := range tuple {
			s.comma(j)
			s.bind(v)
		}
		s.write(")")
	}
	s.write(s.dialect.Rows[1])
}

// list binds the first of each tuple and gives the placeholders.
func (s *statement) list(tuples [][]any) string {
	var b strings.Builder
	for i, tuple := range tuples {
		if i > 0 {
			b.WriteString(", ")
		}
		s.args = append(s.args, tuple[0])
		b.WriteString(s.dialect.Placeholder(len(s.args)))
	}
	return b.String()
}

func (s *statement) match(c *catalogue.Column) string {
	return s.dialect.Match(c, s.dialect.Quote(c.Name))
}

func (s *statement) comma(i int) {
	if i > 0 {
		s.write(", ")
	}
}

// split cuts terms into groups that bind at most limit values each. A tuple
// is never cut.
func split(terms []term, limit int) [][]term {
	var out [][]term
	var group []term
	room := limit
	for _, t := range terms {
		width := max(1, len(t.columns))
		for rest := t.tuples; len(rest) > 0; {
			if room < width && len(group) > 0 {
				out, group, room = append(out, group), nil, limit
			}
			n := min(len(rest), max(1, room/width))
			group = append(group, term{t.columns, t.null, rest[:n], t.overlap})
			room -= n * width
			rest = rest[n:]
		}
	}
	if len(group) > 0 {
		out = append(out, group)
	}
	return out
}
