package message

import "fmt"

// erasures say in a language what becomes of a field by each way of erasing it;
// "" is for a way that has no words of its own.
var erasures = map[string]map[string]string{
	"en": {
		"":                      "make it unrecognisable",
		"delete":                "delete the whole record",
		"null_rewrite":          "empty it",
		"string_rewrite":        "replace it with “%s”",
		"random_string_rewrite": "replace it with random text",
		"hash":                  "replace it with something that does not lead back to it",
		"hmac":                  "replace it with something that does not lead back to it",
		"email_rewrite":         "replace it with a made-up address",
		"phone_rewrite":         "replace it with a made-up number",
		"fake_rewrite":          "replace it with something made up",
		"date_shift":            "replace it with another date",
		"date_generalise":       "keep no more of it than the year",
		"number_zero":           "set it to 0",
	},
	"de": {
		"":                      "unkenntlich machen",
		"delete":                "den ganzen Datensatz löschen",
		"null_rewrite":          "leeren",
		"string_rewrite":        "durch „%s“ ersetzen",
		"random_string_rewrite": "durch einen zufälligen Text ersetzen",
		"hash":                  "durch etwas ersetzen, das nicht darauf zurückführt",
		"hmac":                  "durch etwas ersetzen, das nicht darauf zurückführt",
		"email_rewrite":         "durch eine erfundene Adresse ersetzen",
		"phone_rewrite":         "durch eine erfundene Nummer ersetzen",
		"fake_rewrite":          "durch etwas Erfundenes ersetzen",
		"date_shift":            "durch ein anderes Datum ersetzen",
		"date_generalise":       "nur das Jahr behalten",
		"number_zero":           "auf 0 setzen",
	},
}

// erase writes what is to be done with a field, in words: action is the masking
// strategy, value what it is to be replaced with, where the strategy says so. A
// language without words of its own has those of the default.
func erase(language, action, value string) string {
	words := erasures[language]
	if words == nil {
		words = erasures[DefaultLanguage]
	}
	text, ok := words[action]
	switch {
	case !ok:
		return words[""]
	case action == "string_rewrite":
		return fmt.Sprintf(text, value)
	}
	return text
}
