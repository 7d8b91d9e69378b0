package sqlite

import (
	"slices"
	"strings"

	"volenti.dev/volenti/datamap/catalogue"
)

// checks finds the CHECK constraints in the text of a CREATE TABLE statement,
// the only place where SQLite keeps them.
func checks(create string) []catalogue.Check {
	tokens := tokenize(create)
	var out []catalogue.Check
	for i := 0; i < len(tokens); i++ {
		if !tokens[i].is("CHECK") || i+1 == len(tokens) || tokens[i+1].text != "(" {
			continue
		}
		end, ok := closing(tokens, i+1)
		if !ok {
			break
		}
		c := catalogue.Check{Expression: strings.TrimSpace(create[tokens[i+1].end:tokens[end].start])}
		if i >= 2 && tokens[i-2].is("CONSTRAINT") {
			c.Name = tokens[i-1].name()
		}
		out = append(out, c)
		i = end
	}
	return out
}

// fires reads from the text of a CREATE TRIGGER statement on what it fires.
func fires(create string) string {
	tokens := tokenize(create)
	at := slices.IndexFunc(tokens, func(k token) bool { return k.is("TRIGGER") }) + 1
	if at < len(tokens) && tokens[at].is("IF") {
		at += 3 // IF NOT EXISTS
	}
	for _, k := range tokens[min(at+1, len(tokens)):] { // behind the name
		if k.is("INSERT") || k.is("UPDATE") || k.is("DELETE") {
			return strings.ToLower(k.text)
		}
	}
	return ""
}

// mentioned lists the columns that an expression names, in the table's order.
func mentioned(t *catalogue.Table, expression string) []string {
	tokens := tokenize(expression)
	var out []string
	for _, c := range t.Columns {
		if slices.ContainsFunc(tokens, func(k token) bool {
			return k.text[0] != '\'' && strings.EqualFold(k.name(), c.Name)
		}) {
			out = append(out, c.Name)
		}
	}
	return out
}

// token is a word, a quoted word or text, or a single character.
type token struct {
	text       string
	start, end int
}

func (k token) is(word string) bool { return strings.EqualFold(k.text, word) }

func (k token) name() string {
	if len(k.text) < 2 || !strings.ContainsRune("\"`['", rune(k.text[0])) {
		return k.text
	}
	quote := k.text[len(k.text)-1:]
	return strings.ReplaceAll(k.text[1:len(k.text)-1], quote+quote, quote)
}

// tokenize takes SQL apart and leaves out spaces and comments. What is not
// closed ends with the text.
func tokenize(s string) []token {
	var out []token
	for i := 0; i < len(s); {
		end := i + 1
		switch c := s[i]; {
		case strings.IndexByte(" \t\r\n\f", c) >= 0:
			i = end
			continue
		case strings.HasPrefix(s[i:], "--"):
			i = after(s, i+2, "\n")
			continue
		case strings.HasPrefix(s[i:], "/*"):
			i = after(s, i+2, "*/")
			continue
		case c == '[':
			end = after(s, i+1, "]")
		case c == '\'' || c == '"' || c == '`':
			end = quoted(s, i)
		case wordly(c):
			for end < len(s) && wordly(s[end]) {
				end++
			}
		}
		out = append(out, token{s[i:end], i, end})
		i = end
	}
	return out
}

func wordly(c byte) bool {
	return c == '_' || c == '$' || c >= 0x80 || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

func after(s string, from int, mark string) int {
	if i := strings.Index(s[from:], mark); i >= 0 {
		return from + i + len(mark)
	}
	return len(s)
}

// quoted gives the end of a quoted run; a doubled quote stands for itself.
func quoted(s string, start int) int {
	for i := start + 1; i < len(s); i++ {
		if s[i] != s[start] {
			continue
		}
		if i+1 == len(s) || s[i+1] != s[start] {
			return i + 1
		}
		i++
	}
	return len(s)
}

// closing gives the index of the token that closes the parenthesis at open.
func closing(tokens []token, open int) (int, bool) {
	depth := 0
	for i := open; i < len(tokens); i++ {
		switch tokens[i].text {
		case "(":
			depth++
		case ")":
			depth--
		}
		if depth == 0 {
			return i, true
		}
	}
	return 0, false
}
