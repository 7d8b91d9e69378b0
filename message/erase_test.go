package message

import (
	"maps"
	"slices"
	"strings"
	"testing"
)

func TestInstructionsSayInWordsWhatIsToBeDone(t *testing.T) { // E7 E16
	for language, lines := range map[string][]string{
		"en": {
			"email: “anna@example.org”, “a.berg@example.org”", "name: empty it", "nickname: replace it with “nobody”",
			"subscriber: the same as number in one of the records of subscribers", "Nothing is to be erased of these", "- delete the whole record",
		},
		"de-AT": {
			"email: „anna@example.org“", "name: leeren", "nickname: durch „nobody“ ersetzen",
			"subscriber: dasselbe wie number in einem der Datensätze von subscribers", "Von ihnen ist nichts zu löschen", "- den ganzen Datensatz löschen",
		},
	} {
		mail, err := Render(Sample(Instructions, language), "Example GmbH", nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range lines {
			if !strings.Contains(mail.Text, line) || !strings.Contains(mail.HTML, strings.TrimPrefix(line, "- ")) {
				t.Errorf("%s does not say %q:\n%s", language, line, mail.Text)
			}
		}
	}
}

func TestBothLanguagesHaveWordsForTheSameErasures(t *testing.T) { // E16
	if en, de := slices.Sorted(maps.Keys(erasures["en"])), slices.Sorted(maps.Keys(erasures["de"])); !slices.Equal(en, de) {
		t.Errorf("%v, %v", en, de)
	}
	if got := erase("fr", "aes_encrypt", ""); got != "make it unrecognisable" {
		t.Errorf("a way and a language without words: %q", got)
	}
}
