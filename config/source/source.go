// Package source reads YAML with its positions, so that whatever is wrong in
// a configuration is reported with file, line and a mend, all at once.
package source

import "fmt"

// Position is a place in a file. Line and Column count from 1; 0 is unknown.
type Position struct {
	File   string `json:"file,omitempty"`
	Line   int    `json:"line,omitempty"`
	Column int    `json:"column,omitempty"`
}

// String writes file:line, as editors understand it.
func (p Position) String() string {
	if p.Line == 0 {
		return p.File
	}
	return fmt.Sprintf("%s:%d", p.File, p.Line)
}

// Severity tells what must be mended from what should be looked at.
type Severity string

// The severities.
const (
	Error   Severity = "error"
	Warning Severity = "warning"
)

// Problem is one thing that is wrong.
type Problem struct {
	Position
	Severity Severity `json:"severity"`
	Message  string   `json:"message"`       // what is wrong and why it matters
	Fix      string   `json:"fix,omitempty"` // what would mend it
}

// String writes "file:line: error: message (fix)".
func (p Problem) String() string {
	s := fmt.Sprintf("%s: %s: %s", p.Position, p.Severity, p.Message)
	if p.Fix != "" {
		s += " (" + p.Fix + ")"
	}
	return s
}
