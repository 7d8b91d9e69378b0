package source

import (
	"cmp"
	"fmt"
	"slices"
)

// Report collects problems, so that reading goes on behind the first one.
// The zero value is empty and ready.
type Report struct {
	problems []Problem
}

// Errorf adds what must be mended; fix says how, "" when the message does.
func (r *Report) Errorf(at Position, fix, format string, args ...any) {
	r.Add(Problem{Position: at, Severity: Error, Message: fmt.Sprintf(format, args...), Fix: fix})
}

// Warnf adds what should be looked at.
func (r *Report) Warnf(at Position, fix, format string, args ...any) {
	r.Add(Problem{Position: at, Severity: Warning, Message: fmt.Sprintf(format, args...), Fix: fix})
}

// Add adds problems as they are.
func (r *Report) Add(problems ...Problem) { r.problems = append(r.problems, problems...) }

// Errors counts the errors so far: what was read is good when the count did
// not grow.
func (r *Report) Errors() int {
	n := 0
	for _, p := range r.problems {
		if p.Severity == Error {
			n++
		}
	}
	return n
}

// Problems gives what was collected as Sort leaves it.
func (r *Report) Problems() []Problem { return Sort(slices.Clone(r.problems)) }

// Sort orders problems by place, errors before warnings, and drops
// repetitions: what an alias is used for twice is wrong once.
func Sort(problems []Problem) []Problem {
	slices.SortStableFunc(problems, func(a, b Problem) int {
		return cmp.Or(
			cmp.Compare(a.File, b.File),
			cmp.Compare(a.Line, b.Line),
			cmp.Compare(a.Severity, b.Severity),
			cmp.Compare(a.Column, b.Column),
			cmp.Compare(a.Message, b.Message),
		)
	})
	return slices.Compact(problems)
}

// Failed says whether one of the problems is an error.
func Failed(problems []Problem) bool {
	return slices.ContainsFunc(problems, func(p Problem) bool { return p.Severity == Error })
}
