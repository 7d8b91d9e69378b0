package catalogue

import (
	"math/big"
	"slices"
	"strings"
)

// Takes says whether a check lets a row pass in which column holds v, whatever
// the other columns hold. sure is false where the expression says more than is
// understood here: comparisons, IN, BETWEEN, LIKE, IS NULL and length, joined
// by AND, OR and NOT, as SQLite keeps them and as PostgreSQL and MariaDB write
// them out. Texts are compared only where every collation agrees.
func (c Check) Takes(column string, v any) (takes, sure bool) {
	e := evaluator{tokens: words(c.Expression), column: column, cell: known(v)}
	result := e.or()
	holds, isTruth := result.v.(bool)
	if e.failed || e.at < len(e.tokens) || !isTruth && result.state != null {
		return false, false
	}
	return holds || result.state == null, true // a check refuses what is false only
}

// evaluator reads an expression and works it out on the way. What it does not
// understand fails it as a whole.
type evaluator struct {
	tokens []string
	at     int
	depth  int
	failed bool
	column string
	cell   cell
}

// deepest is how deep parentheses may nest.
const deepest = 100

func (e *evaluator) peek() string {
	if e.at < len(e.tokens) {
		return e.tokens[e.at]
	}
	return ""
}

func (e *evaluator) next() string {
	t := e.peek()
	e.at++
	return t
}

// take steps over the tokens when they come next.
func (e *evaluator) take(tokens ...string) bool {
	for i, t := range tokens {
		if e.at+i >= len(e.tokens) || !strings.EqualFold(e.tokens[e.at+i], t) {
			return false
		}
	}
	e.at += len(tokens)
	return true
}

func (e *evaluator) need(tokens ...string) {
	e.failed = e.failed || !e.take(tokens...)
}

func (e *evaluator) or() cell {
	left := e.and()
	for e.take("OR") {
		left = not(both(not(left), not(e.and())))
	}
	return left
}

func (e *evaluator) and() cell {
	left := e.not()
	for e.take("AND") {
		left = both(left, e.not())
	}
	return left
}

func (e *evaluator) not() cell {
	negative := false
	for e.take("NOT") {
		negative = !negative
	}
	if negative {
		return not(e.comparison())
	}
	return e.comparison()
}

func (e *evaluator) comparison() cell {
	left := e.operand()
	if e.take("IS", "NOT", "NULL") {
		return not(isNull(left))
	}
	if e.take("IS", "NULL") {
		return isNull(left)
	}
	negative := e.take("NOT")
	result := left
	switch operator := strings.ToUpper(e.peek()); operator {
	case "IN":
		e.need("IN", "(")
		result = e.among(left, ")")
	case "BETWEEN":
		e.next()
		low := e.operand()
		e.need("AND")
		result = both(not(less(left, low)), not(less(e.operand(), left)))
	case "LIKE", "~~":
		e.next()
		result = like(left, e.operand())
	case "!~~":
		e.next()
		result = not(like(left, e.operand()))
	case "=", "==", "<>", "!=", "<", "<=", ">", ">=":
		e.next()
		result = e.compare(left, operator)
	default:
		e.failed = e.failed || negative
	}
	if negative {
		return not(result)
	}
	return result
}

func (e *evaluator) compare(left cell, operator string) cell {
	if operator == "=" && e.take("ANY", "(") {
		return e.array(left, ")")
	}
	if operator == "<>" && e.take("ALL", "(") {
		return not(e.array(left, ")"))
	}
	right := e.operand()
	switch operator {
	case "=", "==":
		return equal(left, right)
	case "<>", "!=":
		return not(equal(left, right))
	case "<":
		return less(left, right)
	case ">":
		return less(right, left)
	case "<=":
		return not(less(right, left))
	default:
		return not(less(left, right))
	}
}

// array reads PostgreSQL's "ARRAY[...]", perhaps in parentheses and with a
// cast, up to end.
func (e *evaluator) array(left cell, end string) cell {
	var result cell
	if e.take("(") {
		result = e.array(left, ")")
	} else {
		e.need("ARRAY", "[")
		result = e.among(left, "]")
	}
	e.casts(anything)
	e.need(end)
	return result
}

// among says whether left is one of the values up to end.
func (e *evaluator) among(left cell, end string) cell {
	result := truth(false)
	for !e.failed {
		result = not(both(not(result), not(equal(left, e.operand()))))
		if e.take(end) {
			break
		}
		e.need(",")
	}
	return result
}

func (e *evaluator) operand() cell {
	if e.depth++; e.depth > deepest {
		e.failed = true
	}
	defer func() { e.depth-- }()
	if e.failed {
		return anything
	}
	return e.casts(e.primary())
}

func (e *evaluator) primary() cell {
	t := e.next()
	switch {
	case t == "(":
		c := e.or()
		e.need(")")
		return c
	case t == "-":
		c := e.operand()
		if r, ok := c.v.(*big.Rat); ok {
			return cell{given, new(big.Rat).Neg(r)}
		}
		return anything
	case strings.HasPrefix(t, "'"):
		return text(t)
	case t != "" && t[0] >= '0' && t[0] <= '9':
		return number(t)
	case strings.EqualFold(t, "NULL"):
		return nothing
	case strings.EqualFold(t, "TRUE"), strings.EqualFold(t, "FALSE"):
		return truth(strings.EqualFold(t, "TRUE"))
	case e.peek() == "(":
		return e.function(t)
	case name(t) == e.column && word(t):
		return e.cell
	}
	e.failed = e.failed || !word(t)
	return anything // another column
}

// function knows the length of a text; of any other only where it ends.
func (e *evaluator) function(f string) cell {
	e.need("(")
	if !slices.Contains([]string{"length", "char_length", "character_length", "octet_length"}, strings.ToLower(f)) {
		for depth := 1; depth > 0 && !e.failed; {
			switch e.next() {
			case "(":
				depth++
			case ")":
				depth--
			case "":
				e.failed = true
			}
		}
		e.failed = e.failed || !word(f)
		return anything
	}
	c := e.operand()
	e.need(")")
	if s, ok := c.v.(string); ok && plain(s) {
		return cell{given, new(big.Rat).SetInt64(int64(len(s)))}
	}
	if c.state == null {
		return nothing
	}
	return anything
}

// casts steps over casts. Texts and numbers stay what they are; whatever a
// cast may change is open.
func (e *evaluator) casts(c cell) cell {
	for e.take("::") {
		kind := strings.ToLower(e.next())
		for slices.Contains([]string{"varying", "precision", "without", "with", "time", "zone"}, strings.ToLower(e.peek())) {
			e.next()
		}
		cut := false
		if e.take("(") {
			cut = true
			for e.next() != ")" && e.at < len(e.tokens) {
			}
		}
		_ = e.take("[", "]")
		switch s, isText := c.v.(string); {
		case c.state != given:
		case cut:
			c = anything
		case slices.Contains([]string{"text", "character", "varchar"}, kind):
			if !isText {
				c = anything
			}
		case slices.Contains([]string{"smallint", "integer", "bigint", "numeric"}, kind):
			if isText {
				c = number(s)
			}
			if r, ok := c.v.(*big.Rat); !ok || kind != "numeric" && !r.IsInt() {
				c = anything
			}
		default:
			c = anything
		}
	}
	return c
}

// word says whether a token can be a name.
func word(t string) bool {
	return t != "" && (letter(t[0]) || strings.ContainsRune("\"`", rune(t[0])) && len(t) > 2)
}

func name(t string) string {
	if len(t) > 2 && strings.ContainsRune("\"`", rune(t[0])) {
		return t[1 : len(t)-1]
	}
	return t
}

func letter(c byte) bool {
	return c == '_' || c >= 0x80 || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

// words takes an expression apart.
func words(s string) []string {
	var out []string
	for i := 0; i < len(s); {
		end := i + 1
		switch c := s[i]; {
		case strings.IndexByte(" \t\r\n\f", c) >= 0:
			i = end
			continue
		case c == '\'' || c == '"' || c == '`':
			for end < len(s) {
				if end++; s[end-1] == c {
					if end == len(s) || s[end] != c {
						break
					}
					end++
				}
			}
		case letter(c), c >= '0' && c <= '9':
			for end < len(s) && (letter(s[end]) || s[end] >= '0' && s[end] <= '9' || s[end] == '.' || s[end] == '$') {
				end++
			}
		default:
			for _, operator := range []string{"!~~", "::", "<>", "!=", "<=", ">=", "==", "~~"} {
				if strings.HasPrefix(s[i:], operator) {
					end = i + len(operator)
					break
				}
			}
		}
		out = append(out, s[i:end])
		i = end
	}
	return out
}
