package source

import (
	"fmt"

	"github.com/goccy/go-yaml/token"
)

// gauge measures a text token by token: how deep it nests, how many keys a
// mapping has. It need not be exact (it may take up to twice maxDepth for
// allowed); the builder is.
type gauge struct {
	count     int
	documents int
	open      []level
}

// level is a list or mapping that has not ended.
type level struct {
	flow   bool // between brackets
	column int  // of its entries, when not flow
	keys   int
}

// take counts a token that follows before; it gives a message and a fix when
// a limit is passed.
func (g *gauge) take(t *token.Token, before token.Tokens) (message, fix string) {
	if g.count++; g.count > maxTokens {
		return fmt.Sprintf("the file has more than %d words and marks", maxTokens), "split it into several files"
	}
	switch t.Type {
	case token.DocumentHeaderType:
		g.open = g.open[:0]
		if g.documents++; g.documents > maxDocuments {
			return fmt.Sprintf("the file has more than %d documents", maxDocuments), "put them into one list"
		}
	case token.DirectiveType:
		return "directives (%) are not read here", "remove the line"
	case token.SequenceStartType, token.MappingStartType:
		g.open = append(g.open, level{flow: true})
	case token.SequenceEndType, token.MappingEndType:
		g.close()
	case token.SequenceEntryType, token.MappingKeyType:
		g.entry(t.Position.Column)
	case token.MappingValueType:
		column := t.Position.Column
		if n := len(before); n > 0 && before[n-1].Position.Line == t.Position.Line {
			column = before[n-1].Position.Column
		}
		if l := g.entry(column); l.keys < maxKeys {
			l.keys++
		} else {
			return fmt.Sprintf("a mapping has more than %d keys", maxKeys), "use a list"
		}
	}
	if len(g.open) > maxDepth {
		return fmt.Sprintf("this is nested more than %d levels deep", maxDepth), "nest less"
	}
	return "", ""
}

// entry finds the list or mapping that has an entry at this column.
func (g *gauge) entry(column int) *level {
	for n := len(g.open); n > 0 && !g.open[n-1].flow && g.open[n-1].column > column; n-- {
		g.open = g.open[:n-1]
	}
	if n := len(g.open); n == 0 || !g.open[n-1].flow && g.open[n-1].column < column {
		g.open = append(g.open, level{column: column})
	}
	return &g.open[len(g.open)-1]
}

// close ends the innermost brackets.
func (g *gauge) close() {
	for n := len(g.open) - 1; n >= 0; n-- {
		flow := g.open[n].flow
		g.open = g.open[:n]
		if flow {
			return
		}
	}
}
