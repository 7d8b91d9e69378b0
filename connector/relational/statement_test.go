package relational

import (
	"testing"

	"pgregory.net/rapid"

	"volenti.dev/volenti/datamap/catalogue"
)

func TestSplitKeepsEveryTupleOnceAndUnderTheLimit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		limit := rapid.IntRange(1, 20).Draw(t, "limit")
		var terms []term
		n := 0
		for range rapid.IntRange(0, 5).Draw(t, "terms") {
			width := rapid.IntRange(1, min(3, limit)).Draw(t, "width")
			one := term{columns: make([]*catalogue.Column, width)}
			for range rapid.IntRange(0, 30).Draw(t, "tuples") {
				tuple := make([]any, width)
				tuple[0] = n
				n++
				one.tuples = append(one.tuples, tuple)
			}
			terms = append(terms, one)
		}
		next := 0
		for _, group := range split(terms, limit) {
			values := 0
			for _, one := range group {
				if len(one.tuples) == 0 {
					t.Fatal("a term without values")
				}
				for _, tuple := range one.tuples {
					if tuple[0] != next {
						t.Fatalf("tuple %v, want %d", tuple[0], next)
					}
					next++
					values += len(one.columns)
				}
			}
			if values > limit {
				t.Fatalf("%d values in a statement, at most %d", values, limit)
			}
		}
		if next != n {
			t.Fatalf("%d tuples of %d", next, n)
		}
	})
}
