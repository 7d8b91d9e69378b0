package dynamodb

import (
	"strconv"
	"strings"
)

// longest is how many bytes an expression may have.
const longest = 4096

// expression gathers what the expressions of one call stand for. It is the one
// way for a name or a value to get into them: the texts hold nothing but
// their numbers.
type expression struct {
	names  map[string]string // "#0" -> name
	values item              // ":0" -> value
	tokens map[string]string // name -> "#0"
}

func newExpression() *expression {
	return &expression{names: map[string]string{}, values: item{}, tokens: map[string]string{}}
}

func (e *expression) name(name string) string {
	token, ok := e.tokens[name]
	if !ok {
		token = "#" + strconv.Itoa(len(e.tokens))
		e.tokens[name], e.names[token] = token, name
	}
	return token
}

func (e *expression) value(a attribute) string {
	token := ":" + strconv.Itoa(len(e.values))
	e.values[token] = a
	return token
}

// path writes names and positions: #0.#1[2].
func (e *expression) path(p []any) string {
	var b strings.Builder
	for i, step := range p {
		switch step := step.(type) {
		case string:
			if i > 0 {
				b.WriteByte('.')
			}
			b.WriteString(e.name(step))
		case int:
			b.WriteString("[" + strconv.Itoa(step) + "]")
		}
	}
	return b.String()
}

// fields writes a projection.
func (e *expression) fields(names []string) *string {
	tokens := make([]string, len(names))
	for i, n := range names {
		tokens[i] = e.name(n)
	}
	s := strings.Join(tokens, ", ")
	return &s
}

// bound gives the values, nil when there are none: the service refuses an
// empty list.
func (e *expression) bound() item {
	if len(e.values) == 0 {
		return nil
	}
	return e.values
}
