package source

import (
	"fmt"
	"iter"
	"strings"
	"unicode/utf8"
)

// Nearest gives the known word that a misspelt one was probably meant to be,
// "" when none is near: a quarter of its letters may be wrong, and three.
func Nearest(word string, known iter.Seq[string]) string {
	letters := []rune(strings.ToLower(word))
	if len(letters) > 200 {
		return ""
	}
	best, least := "", min(3, (len(letters)+1)/4)
	for k := range known {
		if d := utf8.RuneCountInString(k) - len(letters); d > least || -d > least {
			continue
		}
		d := distance(letters, []rune(strings.ToLower(k)))
		if d < least || d == least && (best == "" || k < best) {
			best, least = k, d
		}
	}
	return best
}

// DidYouMean is the fix for a misspelt word, otherwise when no known word is
// near.
func DidYouMean(word string, known iter.Seq[string], otherwise string) string {
	if near := Nearest(word, known); near != "" {
		return fmt.Sprintf("did you mean %s?", near)
	}
	return otherwise
}

// distance counts the letters to be added, dropped, replaced or swapped with
// their neighbour (optimal string alignment).
func distance(a, b []rune) int {
	before, above, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range above {
		above[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(above[j]+1, row[j-1]+1, above[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, above, row = above, row, before
	}
	return above[len(b)]
}
