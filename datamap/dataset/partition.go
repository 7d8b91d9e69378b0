package dataset

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"volenti.dev/volenti/datamap/value"
)

// The parts of a where clause. Each is matched at the start of what is left.
var (
	columnForm   = regexp.MustCompile("^(?:([A-Za-z_][A-Za-z0-9_$]*)|`([^`]+)`|\"([^\"]+)\")")
	operatorForm = regexp.MustCompile(`^(<=|>=|<>|!=|=|<|>)`)
	numberForm   = regexp.MustCompile(`^[+-]?[0-9]+(\.[0-9]+)?`)
	textForm     = regexp.MustCompile(`^'((?:[^']|'')*)'`)
	wordForm     = regexp.MustCompile(`^[A-Za-z]+`)
)

// parsePartition reads `column op constant AND ...`. Columns may be quoted by
// backticks or double quotes, constants are numbers, text in single quotes,
// TRUE and FALSE.
func parsePartition(clause string) (Partition, error) {
	p := clauseReader{rest: clause}
	var partition Partition
	for {
		c, err := p.condition()
		if err != nil {
			return nil, err
		}
		partition = append(partition, c)
		if p.skip(); p.rest == "" {
			return partition, nil
		}
		if word := p.take(wordForm); word == nil || !strings.EqualFold(word[0], "and") {
			return nil, fmt.Errorf("comparison %d must be followed by AND or by nothing", len(partition))
		}
	}
}

type clauseReader struct{ rest string }

func (p *clauseReader) skip() { p.rest = strings.TrimLeft(p.rest, " \t\r\n") }

// take gives the groups of a form and goes on behind it; nil when what is
// left does not begin so.
func (p *clauseReader) take(form *regexp.Regexp) []string {
	p.skip()
	groups := form.FindStringSubmatch(p.rest)
	if groups != nil {
		p.rest = p.rest[len(groups[0]):]
	}
	return groups
}

func (p *clauseReader) condition() (Condition, error) {
	column := p.take(columnForm)
	if column == nil {
		return Condition{}, fmt.Errorf("a comparison must begin with a column")
	}
	c := Condition{Column: column[1] + column[2] + column[3]}
	operator := p.take(operatorForm)
	if operator == nil {
		return c, fmt.Errorf("behind the column %s one of = <> < <= > >= must follow", c.Column)
	}
	if c.Operator = operator[1]; c.Operator == "!=" {
		c.Operator = "<>"
	}
	constant, err := p.constant()
	if err != nil {
		return c, fmt.Errorf("the column %s %w", c.Column, err)
	}
	c.Constant = constant
	return c, nil
}

func (p *clauseReader) constant() (any, error) {
	if text := p.take(textForm); text != nil {
		return strings.ReplaceAll(text[1], "''", "'"), nil
	}
	if number := p.take(numberForm); number != nil {
		if !p.ended() {
			return nil, fmt.Errorf("is compared with something that begins like a number and is none")
		}
		if i, err := strconv.ParseInt(number[0], 10, 64); err == nil {
			return i, nil
		}
		return value.Decimal(strings.TrimPrefix(number[0], "+")), nil
	}
	if word := p.take(wordForm); word != nil && p.ended() {
		switch strings.ToLower(word[0]) {
		case "true":
			return true, nil
		case "false":
			return false, nil
		}
	}
	return nil, fmt.Errorf("must be compared with a number, TRUE, FALSE or text in single quotes")
}

// ended says whether a number or word ends where it was read to.
func (p *clauseReader) ended() bool {
	return p.rest == "" || strings.ContainsAny(p.rest[:1], " \t\r\n")
}
