package relational

import (
	"slices"
	"strings"

	"volenti.dev/volenti/datamap/catalogue"
)

// statement is SQL text under construction, with what it binds.
type statement struct {
	dialect *Dialect
	text    strings.Builder
	args    []any
	bytes   bool // values must be the same to the byte
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

// assign binds a value that is given to a column.
func (s *statement) assign(c *catalogue.Column, v any) {
	s.args = append(s.args, v)
	p := s.dialect.Placeholder(len(s.args))
	if s.dialect.Assign != nil {
		p = s.dialect.Assign(c, p)
	}
	s.write(p)
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
		s.write(s.operand(c.column, c.constant))
	}
}

// address writes WHERE for rows that are to be written: those that hold just
// what was read, where Match would take more.
func (s *statement) address(terms []term) {
	s.bytes = true
	s.where(terms, nil)
}

func (s *statement) term(t term) {
	twice := s.bytes && s.dialect.folds(t)
	if len(t.null) > 0 || twice {
		s.write("(")
	}
	s.equal(t, s.match)
	if twice { // the first finds rows by an index, the second is strict
		s.write(" AND ")
		s.equal(t, s.same)
	}
	for _, c := range t.null {
		s.write(" AND ", s.dialect.Quote(c.Name), " IS NULL")
	}
	if len(t.null) > 0 || twice {
		s.write(")")
	}
}

// equal compares the columns, written by left, with the tuples.
func (s *statement) equal(t term, left func(*catalogue.Column) string) {
	switch {
	case len(t.columns) > 1:
		s.tuples(t, left)
	case t.overlap:
		elements := s.list(t)
		s.write(s.dialect.Overlap(t.columns[0], s.dialect.Quote(t.columns[0].Name), elements))
	default:
		s.write(left(t.columns[0]), " IN (", s.list(t), ")")
	}
}

func (s *statement) tuples(t term, left func(*catalogue.Column) string) {
	if s.dialect.Rows[0] == "" {
		s.eachTuple(t, left)
		return
	}
	s.write("(")
	for i, c := range t.columns {
		s.comma(i)
		s.write(left(c))
	}
	s.write(") IN ", s.dialect.Rows[0])
	for i, tuple := range t.tuples {
		s.comma(i)
		s.write("(")
		for j, v := range tuple {
			s.comma(j)
			s.write(s.operand(t.columns[j], v))
		}
		s.write(")")
	}
	s.write(s.dialect.Rows[1])
}

// eachTuple compares tuple by tuple.
func (s *statement) eachTuple(t term, left func(*catalogue.Column) string) {
	s.write("(")
	for i, tuple := range t.tuples {
		if i > 0 {
			s.write(" OR ")
		}
		for j, v := range tuple {
			if j > 0 {
				s.write(" AND ")
			}
			s.write(left(t.columns[j]), " = ", s.operand(t.columns[j], v))
		}
	}
	s.write(")")
}

// list binds the first of each tuple and gives the operands.
func (s *statement) list(t term) string {
	var b strings.Builder
	for i, tuple := range t.tuples {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(s.operand(t.columns[0], tuple[0]))
	}
	return b.String()
}

// operand binds a value that is compared with a column.
func (s *statement) operand(c *catalogue.Column, v any) string {
	s.args = append(s.args, v)
	p := s.dialect.Placeholder(len(s.args))
	if s.dialect.Operand == nil {
		return p
	}
	return s.dialect.Operand(c, p)
}

func (s *statement) match(c *catalogue.Column) string {
	return s.dialect.Match(c, s.dialect.Quote(c.Name))
}

func (s *statement) same(c *catalogue.Column) string {
	if bytes := s.dialect.Bytes(c, s.dialect.Quote(c.Name)); bytes != "" {
		return bytes
	}
	return s.match(c)
}

// folds says that a row may match a term with other bytes than its values.
func (d *Dialect) folds(t term) bool {
	return d.Bytes != nil && slices.ContainsFunc(t.columns, func(c *catalogue.Column) bool {
		return d.Bytes(c, "") != ""
	})
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
