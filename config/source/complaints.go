package source

import (
	"strings"

	"github.com/goccy/go-yaml/token"
)

// complaint puts one of the parser's messages into our words.
type complaint struct {
	parts        []string // of the parser's message
	message, fix string
}

func (c complaint) fits(message string) bool {
	for _, part := range c.parts {
		if strings.Contains(message, part) {
			return true
		}
	}
	return false
}

// complaints in the order in which they are tried.
var complaints = []complaint{
	{[]string{"tab character", "character '\t'"}, "a tab stands where only spaces may", "indent with spaces"},
	{[]string{"end character of single-quoted", "end character of double-quoted"}, "a quoted text does not end", "close the quote"},
	{[]string{"must be specified", "end token", "flow map content"}, "a bracket is not closed, or a comma is missing", "close the bracket before the next line"},
	{[]string{"character corresponding to"}, "a closing bracket has no opening one", "remove it, or put the text in quotes"},
	{[]string{"mapping value is not allowed", "map key-value is pre-defined"}, "a key and its value stand inside another value", "indent them like their neighbours, or put a value that contains \": \" in quotes"},
	{[]string{"value is not allowed", "unexpected scalar value", "unexpected end content", "non-map value", "unexpected key name"}, "a value stands where none can be", "indent it like its neighbours, or put it in quotes"},
	{[]string{"map value", "key-value delimiter", "value for mapping key"}, "a key has no colon or no value", "write key: value"},
	{[]string{"invalid key", "map key", "map-key"}, "this cannot be a key", "write a word before the colon"},
	{[]string{"sequence"}, "a list entry stands where none can be", "indent the dashes of a list alike"},
	{[]string{"escape", "UTF-16", "UTF-32", "surrogate"}, "an escape sequence in double quotes is wrong", "write the backslash twice, or use single quotes"},
	{[]string{"reserved character"}, "a value begins with a character that YAML reserves", "put the value in quotes"},
	{[]string{"anchor"}, "an anchor (&) cannot stand here", "write &name directly before one value"},
	{[]string{"alias"}, "an alias (*) needs a name", "write *name, or put the text in quotes"},
	{[]string{"tag"}, "a tag (!) cannot stand here", "remove it, or put the text in quotes"},
	{[]string{"document separator"}, "something stands beside the line that separates documents", "leave --- alone on its line"},
	{[]string{"multi-line content"}, "a block of text (| or >) is empty", "indent its lines"},
}

// seen names a token without quoting it.
func seen(t *token.Token) string {
	switch {
	case t == nil:
		return "something"
	case t.CharacterType == token.CharacterTypeIndicator && len(t.Value) == 1 && t.Type != token.SingleQuoteType && t.Type != token.DoubleQuoteType:
		return "\"" + t.Value + "\""
	case t.Type == token.NullType || t.Type == token.ImplicitNullType:
		return "nothing"
	}
	return "text"
}
