package site_test

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/text/language"
	"golang.org/x/text/unicode/norm"

	"volenti.dev/volenti/consent/site"
)

// scripts are those of languages that are not written in Latin letters.
var scripts = map[string][]*unicode.RangeTable{
	"ar": {unicode.Arabic}, "fa": {unicode.Arabic}, "he": {unicode.Hebrew}, "el": {unicode.Greek}, "hi": {unicode.Devanagari},
	"bg": {unicode.Cyrillic}, "ru": {unicode.Cyrillic}, "uk": {unicode.Cyrillic},
	"ja": {unicode.Han, unicode.Hiragana, unicode.Katakana}, "ko": {unicode.Hangul}, "zh-Hans": {unicode.Han},
}

// foreign are letters that a language does not have, but one like it.
var foreign = map[string]string{
	"bg": "ыэёіїєґ", "ru": "іїєґ", "uk": "ыэёъ", "fa": "يكة", "ar": "یکپچگژ",
	"da": "äöß", "no": "äöß", "sv": "æøß", "fi": "åæøõüß", "de": "æø", "es": "ãõçàè", "pt": "ñäöü", "cs": "ľĺŕôä", "sk": "ěřů", "ro": "şţãõ", "tr": "âäàéß",
}

// alike are texts that are the same words as in English.
var alike = map[string][]string{
	"category.marketing.title": {"de", "es", "fr", "hu", "it", "mt", "nl", "pt", "ro"},
	"vendors":                  {"fr"},
	"cookies":                  {"cs", "da", "de", "el", "es", "fr", "mt", "nl", "no", "pt"},
}

var buttons = []string{"accept", "refuse", "settings", "save", "close", "back", "reopen", "withdraw"}

func TestThereAreTextsInManyLanguages(t *testing.T) {
	have := site.BuiltinLanguages()
	for _, tag := range strings.Fields("bg cs da de el en es et fi fr ga hr hu it lt lv mt nl pl pt ro sk sl sv") { // Art. 1 of Regulation No 1 of the EEC
		if !slices.Contains(have, tag) {
			t.Errorf("there are no texts in %s, an official language of the European Union", tag)
		}
	}
	if len(have) < 32 {
		t.Errorf("there are texts in %d languages", len(have))
	}
	for _, tag := range have {
		if l, err := language.Parse(tag); err != nil || l.String() != tag {
			t.Errorf("%s is not how BCP 47 spells it: %v %v", tag, l, err)
		}
	}
}

func TestTextsAreWholeInEachLanguage(t *testing.T) {
	english := site.Builtin("en")
	for _, tag := range site.BuiltinLanguages() {
		texts := site.Builtin(tag)
		if d := cmp.Diff(slices.Sorted(maps.Keys(english)), slices.Sorted(maps.Keys(texts))); d != "" {
			t.Errorf("keys of %s: %s", tag, d)
		}
		for key, text := range texts {
			model := english[key]
			length, most := utf8.RuneCountInString(text), 2.2*float64(utf8.RuneCountInString(model))
			if len(model) <= 8 { // a word, which others may not have
				most = 18
			}
			switch {
			case text == "" || text != strings.TrimSpace(text) || text != norm.NFC.String(text):
				t.Errorf("%s %s: %q is empty, has spaces around it or is not in normal form", tag, key, text)
			case strings.Count(text, "{vendor}") != strings.Count(model, "{vendor}") || strings.Count(text, "{") != strings.Count(text, "{vendor}"):
				t.Errorf("%s %s: %q names the vendor otherwise than in English", tag, key, text)
			case float64(length) > most, slices.Contains(buttons, key) && length > 28:
				t.Errorf("%s %s: %q has %d characters", tag, key, text, length)
			case tag != "en" && text == model && !slices.Contains(alike[key], tag):
				t.Errorf("%s %s: %q is English", tag, key, text)
			case strings.HasSuffix(model, ".") != endsSentence(text):
				t.Errorf("%s %s: %q is a sentence, or is none, unlike in English", tag, key, text)
			}
			letters(t, tag, key, text)
		}
	}
}

func endsSentence(text string) bool {
	return strings.HasSuffix(text, ".") || strings.HasSuffix(text, "。") || strings.HasSuffix(text, "।")
}

// letters fails when a text has letters of another language.
func letters(t *testing.T, tag, key, text string) {
	t.Helper()
	for _, word := range []string{"{vendor}", "cookies", "cookie", "Cookies", "Cookie"} {
		text = strings.ReplaceAll(text, word, "")
	}
	script := scripts[tag]
	if script == nil {
		script = []*unicode.RangeTable{unicode.Latin}
	}
	for _, r := range text {
		if unicode.IsLetter(r) && r != 'ー' && r != 'ʼ' && !unicode.In(r, script...) || strings.ContainsRune(foreign[tag], unicode.ToLower(r)) {
			t.Errorf("%s %s: %q has %q", tag, key, text, r)
			return
		}
	}
}

// Nobody is led to agree by the words: to refuse is not longer to say, and not
// said like something else.
func TestToRefuseIsAsPlainAsToAccept(t *testing.T) { // W14
	for _, tag := range site.BuiltinLanguages() {
		texts := site.Builtin(tag)
		accept, refuse := utf8.RuneCountInString(texts["accept"]), utf8.RuneCountInString(texts["refuse"])
		if refuse > accept*3/2 || accept > refuse*3/2 {
			t.Errorf("%s: %q and %q", tag, texts["accept"], texts["refuse"])
		}
		said := map[string]string{}
		for _, key := range []string{"accept", "refuse", "settings", "save", "close", "back"} {
			if other, ok := said[texts[key]]; ok {
				t.Errorf("%s: %s and %s are both %q", tag, key, other, texts[key])
			}
			said[texts[key]] = key
		}
	}
}

func TestNoTwoLanguagesSayTheSame(t *testing.T) {
	of := map[string]string{}
	for _, tag := range site.BuiltinLanguages() {
		for key, text := range site.Builtin(tag) {
			if utf8.RuneCountInString(text) < 30 {
				continue
			}
			if other, ok := of[text]; ok {
				t.Errorf("%s and %s %s: %q", other, tag, key, text)
			}
			of[text] = tag
		}
	}
}
