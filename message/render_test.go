package message_test

import (
	"fmt"
	"strings"
	"testing"

	"volenti.dev/volenti/message"
)

func render(t *testing.T, l message.Letter, overrides ...message.Override) message.Mail {
	t.Helper()
	m, err := message.Render(l, "Example GmbH", overrides)
	if err != nil {
		t.Fatalf("%s in %s: %s", l.Kind, l.Language, err)
	}
	return m
}

// Each kind has a subject, a text and HTML in English and in German, which say
// everything that the letter holds.
func TestEveryKindIsWrittenInEnglishAndGerman(t *testing.T) { // X15, E16
	says := map[message.Kind][]string{
		message.Receipt:      {"Example GmbH", "copy-of-my-data", "0198c0de-", "vr_sample", "24|Dec"},
		message.Code:         {"Example GmbH", "01234567", "10"},
		message.Approval:     {"copy-of-my-data", "vr_sample"},
		message.Denial:       {"We could not find out", "vr_sample", "0198c0de-"},
		message.Extension:    {"We have to look into paper files", "24|Dec"},
		message.Completion:   {"vd_sample", "24|Dec", "customers: 1", "orders: 12", "invoices: We have to keep them. (§ 147 AO)", "31|Dec", "complaints: They are not settled yet.", "vr_sample"},
		message.Task:         {"the archive", "vr_sample", "24|Dec"},
		message.Instructions: {"Example GmbH", "subscribers", "email: ", "anna@example.org", "a.berg@example.org", "deliveries", "vr_sample", "24|Dec"},
		message.Choices:      {"Example GmbH", "anna@example.org", "customer_number", "1017", "1018", "marketing_email (list_42, list_43)", "analytics", "24|Dec"},
		message.Reminder:     {"Example GmbH", "vr_sample", "24|Dec"},
		message.Trial:        {"Example GmbH"},
	}
	purpose := map[string]string{"en": "right to erasure", "de": "Recht auf Löschung"}
	dates := map[string][]string{"en": {"24 December 2026", "31 December 2031"}, "de": {"24. Dezember 2026", "31. Dezember 2031"}}
	for _, language := range message.Languages() {
		for _, kind := range message.Kinds() {
			m := render(t, message.Sample(kind, language))
			for _, want := range says[kind] {
				switch want {
				case "24|Dec":
					want = dates[language][0]
				case "31|Dec":
					want = dates[language][1]
				}
				for part, text := range map[string]string{"text": m.Text, "html": m.HTML} {
					if !strings.Contains(text, want) {
						t.Errorf("the %s of %s in %s lacks %q:\n%s", part, kind, language, want, text)
					}
				}
			}
			if kind == message.Instructions && (!strings.Contains(m.Text, purpose[language]) || !strings.Contains(m.HTML, purpose[language])) {
				t.Errorf("instructions in %s do not say what for:\n%s", language, m.Text)
			}
			if m.Subject == "" || !strings.Contains(m.HTML, `<html lang="`+language+`">`) || strings.Contains(m.Text, "\n\n\n") || strings.Contains(m.Text, "<") {
				t.Errorf("%s in %s:\n%s\n%s", kind, language, m.Subject, m.Text)
			}
		}
	}
}

func TestTheTwoLanguagesSayTheSameInTheirOwnWords(t *testing.T) {
	for _, kind := range message.Kinds() {
		en, de := render(t, message.Sample(kind, "en")), render(t, message.Sample(kind, "de"))
		if en.Subject == de.Subject || en.Text == de.Text || en.HTML == de.HTML {
			t.Errorf("%s is the same in both languages", kind)
		}
		if strings.Count(en.HTML, "<p") != strings.Count(de.HTML, "<p") || strings.Count(en.HTML, "<li>") != strings.Count(de.HTML, "<li>") {
			t.Errorf("%s says more in one language than in the other", kind)
		}
	}
}

func TestLanguageFallsBackToTheNearestThatThereIs(t *testing.T) { // E16
	override := func(language string) message.Override {
		return message.Override{Kind: message.Code, Language: language, Subject: "own " + language, Text: "{{.code}}"}
	}
	tests := map[string]struct {
		language  string
		overrides []message.Override
		want      string
	}{
		"own":                           {"de", nil, "Ihr Code für Example GmbH"},
		"region":                        {"de-AT", nil, "Ihr Code für Example GmbH"},
		"script and region":             {"de-Latn-CH", nil, "Ihr Code für Example GmbH"},
		"as POSIX has it":               {"de_DE", nil, "Ihr Code für Example GmbH"},
		"case":                          {"DE-at", nil, "Ihr Code für Example GmbH"},
		"none":                          {"", nil, "Your code for Example GmbH"},
		"unknown":                       {"nl", nil, "Your code for Example GmbH"},
		"override":                      {"de", []message.Override{override("de")}, "own de"},
		"override of the region":        {"de-AT", []message.Override{override("de"), override("de-AT")}, "own de-AT"},
		"override stands in for region": {"de-CH", []message.Override{override("de-AT"), override("de")}, "own de"},
		"another language":              {"nl-BE", []message.Override{override("nl")}, "own nl"},
		"override of the default":       {"fr", []message.Override{override("en")}, "own en"},
		"override of another kind":      {"de", []message.Override{{Kind: message.Task, Language: "de", Subject: "x", Text: "x"}}, "Ihr Code für Example GmbH"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if m := render(t, message.Sample(message.Code, test.language), test.overrides...); m.Subject != test.want {
				t.Errorf("the subject is %q, want %q", m.Subject, test.want)
			}
		})
	}
}

func TestCompletionSaysWhatThereIsToSay(t *testing.T) { // X15
	nothing := message.Sample(message.Completion, "en")
	for _, name := range []string{"downloads", "erased", "kept"} {
		nothing.Values[name] = nil
	}
	nothing.Values["residue"] = false
	for part, text := range map[string]string{"text": render(t, nothing).Text, "html": render(t, nothing).HTML} {
		for _, line := range []string{"fetched", "erased, or made", "kept, and why", "could not be erased"} {
			if strings.Contains(text, line) {
				t.Errorf("the %s says %q without reason:\n%s", part, line, text)
			}
		}
		if !strings.Contains(text, "found nothing") {
			t.Errorf("the %s does not say that there was nothing:\n%s", part, text)
		}
	}
}

func TestOverrideWithoutHTMLHasNone(t *testing.T) {
	if m := render(t, message.Sample(message.Code, "en"), message.Override{Kind: message.Code, Language: "en", Subject: "s", Text: "t"}); m.HTML != "" || m.Text != "t\n" {
		t.Errorf("text %q, html %q", m.Text, m.HTML)
	}
}

func TestMissingValueIsNamedAndNoOtherIsShown(t *testing.T) { // issue: a template with a missing variable
	l := message.Letter{Kind: message.Denial, Language: "en", Values: message.Values{"reference": "canary", "policy": "canary", "url": "canary"}}
	_, err := message.Render(l, "canary", nil)
	if err == nil || !strings.Contains(err.Error(), `the text of the template, line 5: there is no value "reason"`) || strings.Contains(err.Error(), "canary") {
		t.Errorf("%v", err)
	}
	// What the standard library says of this holds the value.
	_, err = message.Render(l, "Example GmbH", []message.Override{{Kind: message.Denial, Language: "en", Subject: "s", Text: "\n{{range .reference}}{{.x}}{{end}}"}})
	if err == nil || !strings.Contains(err.Error(), "line 2: it cannot be filled in") || strings.Contains(err.Error(), "canary") {
		t.Errorf("%v", err)
	}
}

func TestOverrideIsFilledInBeforeItIsUsed(t *testing.T) { // issue: a template with a missing variable
	tests := map[string]struct {
		override message.Override
		want     string
	}{
		"missing in the subject":                     {message.Override{Kind: message.Code, Subject: "{{.cod}}", Text: "x"}, `the subject of the template, line 1: there is no value "cod"`},
		"missing in the text":                        {message.Override{Kind: message.Code, Subject: "s", Text: "\n{{.minute}}"}, `the text of the template, line 2: there is no value "minute"`},
		"missing in the html":                        {message.Override{Kind: message.Code, Subject: "s", Text: "x", HTML: "\n\n<p>{{.Code}}"}, `the html of the template, line 3: there is no value "Code"`},
		"missing deep inside":                        {message.Override{Kind: message.Completion, Subject: "s", Text: "{{range .kept}}{{.why}}{{end}}"}, `there is no value "why"`},
		"missing in a condition":                     {message.Override{Kind: message.Code, Subject: "s", Text: "{{if .cod}}x{{end}}"}, `there is no value "cod"`},
		"missing in the branch that is seldom taken": {message.Override{Kind: message.Receipt, Subject: "s", Text: "{{if .due}}{{.due}}{{else}}{{.never}}{{end}}"}, `there is no value "never"`},
		"index would hide it":                        {message.Override{Kind: message.Code, Subject: "s", Text: `{{index . "cod"}}`}, "it cannot be filled in"},
		"no template":                                {message.Override{Kind: message.Code, Subject: "s", Text: "x\n{{.code"}, "the text of the template, line 2: unclosed action"},
		"no function":                                {message.Override{Kind: message.Code, Subject: "s", Text: `{{env "PATH"}}`}, `function "env" not defined`},
		"two lines of a subject":                     {message.Override{Kind: message.Code, Subject: "a\nb", Text: "x"}, "the subject has a line break"},
		"no subject":                                 {message.Override{Kind: message.Code, Subject: "{{if .code}}{{end}}", Text: "x"}, "the subject is empty"},
		"no day":                                     {message.Override{Kind: message.Code, Subject: "s", Text: "{{date .code}}"}, "it cannot be filled in"},
		"endless":                                    {message.Override{Kind: message.Code, Subject: "s", Text: "{{range 9999999}}0123456789{{end}}"}, "longer than 1024 KiB"},
		"calls itself":                               {message.Override{Kind: message.Code, Subject: "s", Text: `{{define "a"}}{{template "a"}}{{end}}{{template "a"}}`}, "it cannot be filled in"},
		"html that ends in a tag":                    {message.Override{Kind: message.Code, Subject: "s", Text: "x", HTML: `<a href="{{.code}}`}, "the html of the template: ends in a non-text context"},
		"values where none belong":                   {message.Override{Kind: message.Code, Subject: "s", Text: "x", HTML: "<script>\nvar a = /{{.code}/;</script>"}, "the html of the template"},
		"everything there":                           {message.Override{Kind: message.Code, Subject: "{{.code}}", Text: "{{.organisation}} {{.reference}} {{.policy}} {{.minutes}}", HTML: "<p>{{.code}}"}, ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			test.override.Language = "en"
			err := test.override.Check()
			if got := fmt.Sprint(err); test.want == "" && err != nil || !strings.Contains(got, test.want) {
				t.Errorf("%q, want %q", got, test.want)
			}
		})
	}
}

// Values that would be a template, another header or markup are text.
func TestValuesAreDataOnly(t *testing.T) { // SE6
	hostile := `{{.organisation}}<script>alert(1)</script>"'&`
	m := render(t, message.Letter{Kind: message.Denial, Values: message.Values{"reference": hostile, "policy": hostile, "reason": hostile, "url": "javascript:alert(1)"}})
	if strings.Contains(m.HTML, "<script") || strings.Contains(m.HTML, "javascript:") || !strings.Contains(m.HTML, "{{.organisation}}&lt;script&gt;") {
		t.Error(m.HTML)
	}
	if !strings.Contains(m.Text, hostile) {
		t.Error(m.Text)
	}
}

func TestSubjectKeepsToOneLine(t *testing.T) { // SE6
	own := message.Override{Kind: message.Code, Language: "en", Subject: "Code {{.code}}", Text: "x"}
	for _, broken := range []string{"1\r\nBcc: all@example.org", "1\n\nbody", "1\rX: y", "1\x00", "1\u2028X", "1\u0085X", "1\x1b[2J"} {
		l := message.Letter{Kind: message.Code, Language: "en", Values: message.Values{"code": broken}}
		if m, err := message.Render(l, "Example GmbH", []message.Override{own}); err == nil || strings.Contains(err.Error(), "Bcc") {
			t.Errorf("%q became a subject of %d bytes: %v", broken, len(m.Subject), err)
		}
	}
	if _, err := message.Render(message.Sample(message.Code, "en"), "Example\r\nBcc: all@example.org", nil); err == nil {
		t.Error("the name of the organisation began another line of the head")
	}
}

func TestLettersShowNothingOfThemselves(t *testing.T) { // SE10
	l := message.Sample(message.Code, "en")
	l.Values["code"] = "canary"
	m := render(t, l)
	if text := fmt.Sprintf("%v %+v %#v %s %v %+v %#v", m, m, m, m, l, l, &l); strings.Contains(text, "canary") {
		t.Error(text)
	}
}

func TestNumbersOfAnySizeAreWrittenAsNumbers(t *testing.T) {
	l := message.Sample(message.Completion, "en")
	l.Values["erased"] = []map[string]any{{"what": "visits", "count": 12345678}, {"what": "logins", "count": int64(1)}}
	if m := render(t, l); !strings.Contains(m.Text, "visits: 12345678 records") || !strings.Contains(m.Text, "logins: 1 record\n") {
		t.Error(m.Text)
	}
}

func FuzzOverride(f *testing.F) {
	f.Add("{{.code}}", "{{if .code}}{{.minutes}}{{end}}", "<p>{{.code}}</p>")
	f.Add("{{", "{{range $i, $v := .x}}{{end}}", "<a href='{{.code}}'>")
	f.Fuzz(func(t *testing.T, subject, text, html string) {
		o := message.Override{Kind: message.Code, Language: "en", Subject: subject, Text: text, HTML: html}
		if o.Check() != nil {
			return
		}
		if m := render(t, message.Sample(message.Code, "en"), o); strings.ContainsAny(m.Subject, "\r\n") || m.Subject == "" {
			t.Errorf("the subject is %q", m.Subject)
		}
	})
}

func ExampleRender() {
	l := message.Letter{Kind: message.Code, Language: "de-AT", Values: message.Values{"code": "01234567", "minutes": 10}}
	m, err := message.Render(l, "Example GmbH", []message.Override{
		{Kind: message.Code, Language: "de", Subject: "Code von {{.organisation}}", Text: "Servus! {{.code}} gilt {{.minutes}} Minuten."},
	})
	fmt.Println(m.Subject, err)
	fmt.Print(m.Text)
	// Output:
	// Code von Example GmbH <nil>
	// Servus! 01234567 gilt 10 Minuten.
}
