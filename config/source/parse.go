package source

import (
	"bytes"
	"errors"
	"fmt"
	"iter"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/scanner"
	"github.com/goccy/go-yaml/token"
)

// The limits of a file (SE7). Beyond them it is refused as a whole, before
// anything is built from it.
const (
	MaxBytes     = 8 << 20
	maxLine      = 1 << 20
	maxTokens    = 1_500_000
	maxDepth     = 100
	maxKeys      = 10_000 // of one mapping
	maxDocuments = 1_000
	maxExpanded  = 200_000 // values that aliases stand for, over the whole file
)

// Parse reads the documents of a YAML file; empty documents are left out.
// Whatever is wrong goes into the report: one error for each document that is
// not YAML, and all of them where keys are duplicate or refused.
func Parse(file string, data []byte, r *Report) []*Node {
	if !readable(file, data, r) {
		return nil
	}
	data = bytes.TrimPrefix(data, []byte("\uFEFF"))
	tokens, problem := scan(file, data)
	if problem != nil {
		r.Add(*problem)
		return nil
	}
	b := builder{file: file, report: r}
	var documents []*Node
	for part := range split(tokens) {
		tree, err := parse(part)
		if err != nil {
			r.Add(syntax(file, err))
			continue
		}
		for _, d := range tree.Docs {
			if n := b.document(d); n != nil {
				documents = append(documents, n)
			}
		}
	}
	return documents
}

// readable refuses what no YAML file may hold: too much, bytes that are not
// UTF-8, control characters.
func readable(file string, data []byte, r *Report) bool {
	if len(data) > MaxBytes {
		r.Errorf(Position{File: file}, "split it into several files", "the file is larger than %d MiB", MaxBytes>>20)
		return false
	}
	line, start, marks := 1, 0, 0
	for i := 0; i < len(data); {
		c, width := utf8.DecodeRune(data[i:])
		at := Position{File: file, Line: line, Column: i - start + 1}
		switch {
		case c == utf8.RuneError && width == 1:
			r.Errorf(at, "save the file as UTF-8", "the byte 0x%02X is not UTF-8", data[i])
			return false
		case c < ' ' && c != '\t' && c != '\n' && c != '\r' || c == 0x7F:
			r.Errorf(at, "remove it", "the control character U+%04X is not allowed in YAML", c)
			return false
		case marks > maxTokens: // scan counts precisely, but has a bracket's content in memory first
			r.Errorf(at, "split it into several files", "the file has more than %d brackets and commas", maxTokens)
			return false
		case i-start > maxLine:
			r.Errorf(at, "break it", "the line is longer than %d MiB", maxLine>>20)
			return false
		case c == '\n':
			line, start = line+1, i+1
		case strings.IndexByte("[]{},:", data[i]) >= 0:
			marks++
		}
		i += width
	}
	return true
}

// scan splits the text into tokens and refuses, while it is cheap, what would
// cost the parser time beyond measure or its stack.
func scan(file string, data []byte) (token.Tokens, *Problem) {
	var s scanner.Scanner
	s.Init(string(data))
	var tokens token.Tokens
	g := gauge{}
	for {
		batch, err := s.Scan()
		for _, t := range batch {
			if message, fix := g.take(t, tokens); message != "" {
				return nil, &Problem{position(file, t), Error, message, fix}
			}
			tokens.Add(t)
		}
		if err != nil || tokens.InvalidToken() != nil {
			return tokens, nil
		}
	}
}

// split gives the tokens of each document. The parser could do it too, but
// loses a document behind an empty one.
func split(tokens token.Tokens) iter.Seq[token.Tokens] {
	return func(yield func(token.Tokens) bool) {
		start := 0
		for i, t := range tokens {
			if i > start && t.Type == token.DocumentHeaderType {
				if !yield(tokens[start:i]) {
					return
				}
				start = i
			}
		}
		if start < len(tokens) {
			yield(tokens[start:])
		}
	}
}

// parse calls the YAML parser. It is not ours, and what it is given may be
// hostile: a panic of it is an error in the text like any other.
func parse(tokens token.Tokens) (tree *ast.File, err error) {
	defer func() {
		if recover() != nil {
			err = errors.New("the parser gave up")
		}
	}()
	return parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
}

// syntax says in our words what the parser did not like. Text of the file is
// not quoted: it may be a secret.
func syntax(file string, err error) Problem {
	p := Problem{Position{File: file}, Error, "this is not YAML", "look at indentation, quotes and brackets"}
	var failure yaml.Error
	if !errors.As(err, &failure) {
		return p
	}
	t := failure.GetToken()
	p.Position = position(file, t)
	p.Message = fmt.Sprintf("this is not YAML: found %s where it cannot be", seen(t))
	for _, w := range complaints {
		if w.fits(failure.GetMessage()) {
			p.Message, p.Fix = "this is not YAML: "+w.message, w.fix
			break
		}
	}
	return p
}

func position(file string, t *token.Token) Position {
	if t == nil || t.Position == nil {
		return Position{File: file}
	}
	return Position{file, t.Position.Line, t.Position.Column}
}
