package web

import (
	"os"
	"testing"
)

// TestMain adds a language that is English from right to left, to look at mirrored
// pages: ar-XB is the tag that the Unicode CLDR has for that.
func TestMain(m *testing.M) {
	spoken = append(spoken, struct{ tag, words string }{"ar-XB", "words/en"})
	os.Exit(m.Run())
}
