package postgres

import "strings"

// parseArray reads PostgreSQL's text of an array: {1,NULL,"a b"}, nested in
// braces, perhaps with bounds in front ("[0:2]={...}"). See "Array Input and
// Output Syntax" in its manual, section 8.15.6.
func parseArray(s string, element func(string) any) ([]any, bool) {
	if strings.HasPrefix(s, "[") {
		_, rest, ok := strings.Cut(s, "=")
		if !ok {
			return nil, false
		}
		s = rest
	}
	p := arrayParser{rest: s, element: element}
	out, ok := p.array()
	return out, ok && p.rest == ""
}

type arrayParser struct {
	rest    string
	element func(string) any
}

func (p *arrayParser) array() ([]any, bool) {
	if !p.take('{') {
		return nil, false
	}
	out := []any{}
	if p.take('}') {
		return out, true
	}
	for {
		v, ok := p.value()
		if !ok {
			return nil, false
		}
		out = append(out, v)
		if p.take('}') {
			return out, true
		}
		if !p.take(',') && !p.take(';') { // boxes are parted by semicolons
			return nil, false
		}
	}
}

func (p *arrayParser) value() (any, bool) {
	switch {
	case strings.HasPrefix(p.rest, "{"):
		return p.array()
	case p.take('"'):
		s, ok := p.quoted()
		return p.element(s), ok
	}
	end := strings.IndexAny(p.rest, ",;}")
	if end <= 0 {
		return nil, false
	}
	s := p.rest[:end]
	p.rest = p.rest[end:]
	if s == "NULL" {
		return nil, true
	}
	return p.element(s), true
}

// quoted reads up to the closing quote; a backslash takes the next byte as it
// is.
func (p *arrayParser) quoted() (string, bool) {
	var b strings.Builder
	for i := 0; i < len(p.rest); i++ {
		switch p.rest[i] {
		case '"':
			p.rest = p.rest[i+1:]
			return b.String(), true
		case '\\':
			i++
			if i == len(p.rest) {
				return "", false
			}
		}
		b.WriteByte(p.rest[i])
	}
	return "", false
}

func (p *arrayParser) take(c byte) bool {
	if p.rest == "" || p.rest[0] != c {
		return false
	}
	p.rest = p.rest[1:]
	return true
}

// writeArray writes the text that parseArray reads; every element is quoted.
func writeArray(elements []any, element func(any) (string, error)) (string, error) {
	escape := strings.NewReplacer(`\`, `\\`, `"`, `\"`)
	var b strings.Builder
	b.WriteByte('{')
	for i, e := range elements {
		if i > 0 {
			b.WriteByte(',')
		}
		switch e := e.(type) {
		case nil:
			b.WriteString("NULL")
		case []any:
			s, err := writeArray(e, element)
			if err != nil {
				return "", err
			}
			b.WriteString(s)
		default:
			s, err := element(e)
			if err != nil {
				return "", err
			}
			b.WriteString(`"` + escape.Replace(s) + `"`)
		}
	}
	b.WriteByte('}')
	return b.String(), nil
}
