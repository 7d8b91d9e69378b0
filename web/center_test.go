package web_test

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"volenti.dev/volenti/internal/chromiumtest"
	"volenti.dev/volenti/internal/mailcatch"
)

// beyond is what the shop has beside its databases: papers that colleagues look into,
// a cellar that operators do, and a mailing house that is told what to erase.
const beyond = `
connection:
- key: archive
  name: Paper archive
  type: manual
  secrets: {assignees: archive@house.example}
  fields:
  - {key: contract, label: {en: Number of the contract, de: Vertragsnummer}, type: text, required: true, data_categories: [user.government_id]}
  - {key: since, label: {en: Customer since, de: Kunde seit}, type: date, data_categories: [user.account]}
  - {key: balance, label: {en: Balance, de: Kontostand}, type: number, data_categories: [user.financial]}
  - {key: letters, label: {en: Letters, de: Briefe}, type: file, max: 100000, data_categories: [user.content]}
  - {key: member, label: {en: Is a member, de: Ist Mitglied}, type: boolean, required: true, data_categories: [user.account]}
- key: cellar
  name: The cellar
  type: manual
  fields:
  - {key: boxes, label: Boxes, type: number, required: true, data_categories: [user.account]}
- key: mailing_house
  name: The mailing house
  type: email
  access: write
  datasets: [mailing]
  secrets: {to_email: privacy@mailing.example}
dataset:
- fides_key: mailing
  name: The mailing house
  collections:
  - name: recipients
    fields:
    - {name: email, data_categories: [user.contact.email], fides_meta: {identity: email, data_type: string}}
    - {name: name, data_categories: [user.name]}
`

// nth waits for the nth letter to an address in which a pattern is found, and gives
// what it finds there.
func (h *house) nth(n int, to string, pattern *regexp.Regexp) string {
	h.t.Helper()
	ctx, cancel := context.WithTimeout(h.t.Context(), time.Minute)
	defer cancel()
	found, err := h.caught.Wait(ctx, n, func(m mailcatch.Message) bool { return m.To == to && pattern.MatchString(m.Text) })
	if err != nil {
		h.t.Fatalf("letter %d to %s with %s: %v", n, to, pattern, err)
	}
	return pattern.FindString(found[n-1].Text)
}

// asks fills the form of a policy in, and leaves it where the code is asked for.
func (e eye) asks(url, email string) {
	e.t.Helper()
	e.Open(url)
	e.Fill("Your e-mail address", email)
	e.Choose("What it is about", "The shop")
	e.Press("Ask")
	e.says("a code of 8 digits is on its way")
}

// One person lives through all of it: asks, gives up, asks again, is impatient, and
// gets what databases, colleagues and operators have of her. None of the pages runs a
// script.
func TestPersonAsksGivesUpAsksAgainAndDownloads(t *testing.T) { // W4, W12, W18
	mail, err := mailcatch.Start(mailcatch.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := mail.Close(); err != nil {
			t.Error(err)
		}
	})
	h := startWith(t, func(config string) {
		asked(t)(config)
		if err := os.WriteFile(filepath.Join(config, "beyond.yml"), []byte(beyond), 0o600); err != nil {
			t.Fatal(err)
		}
	}, "--smtp", mail.URL(), "--mail-from", "Demo Shop <privacy@demo.example>")
	h.caught = mail
	const paula, archive, house = "paula.brandt9@example.org", "archive@house.example", "privacy@mailing.example"
	e := eye{chromiumtest.Start(t), t, chromiumtest.Axe(t)}

	e.asks(h.url+"/ask/access", paula)
	e.Fill("Code", h.nth(1, paula, digits))
	e.Press("Go on")
	e.says("Your request has arrived.")
	e.Touch("Yes, I give it up")
	e.Press("Give it up")
	e.says("Your request was given up.", "You can ask again.")
	given := e.Path()

	e.asks(h.url+"/ask/access", paula)
	e.Fill("Code", h.nth(2, paula, digits))
	e.Press("Go on")
	e.says("Your request has arrived.")
	stands := e.ids()[0]
	if e.Path() == given {
		t.Errorf("the second request is followed where the first was given up")
	}
	e.asks(h.url+"/ask/access", paula) // without an answer, the next day
	e.Fill("Code", h.nth(3, paula, digits))
	e.Press("Go on")
	e.says("Your request has arrived.", stands)
	follow := h.url + e.Path()
	e.asks(h.url+"/ask/access", paula)
	for range 3 { // the second is the last that is sent within an hour
		e.Press("Send another code")
		e.says("If another code may be sent, it is on its way.")
	}

	o := eye{chromiumtest.Start(t), t, e.axe}
	o.Open(h.url + h.setUp)
	o.Fill("Your name", "Olga Officer")
	o.Fill("E-mail address", "olga@example.org")
	o.Fill("Password", password)
	o.Fill("The same password again", password)
	o.Press("Accept and sign in")
	o.Open(h.url + "/admin/requests/" + stands)
	o.Press("Approve")

	c := eye{chromiumtest.Start(t), t, e.axe}
	task := h.url + h.nth(1, archive, regexp.MustCompile(`/tasks/vt_[A-Za-z0-9_-]+`))
	c.Open(task + "?language=de")
	c.says("Paper archive", paula, "je bis zu 97 KiB, zusammen bis zu 50 MiB.")
	c.Fill("Kontostand", "viel")
	c.Fill("Kunde seit", "02031999")
	c.Touch("nein")
	c.Touch("Über diese Person liegt nichts vor")
	c.Press("Antwort schicken")
	c.says("Das muss eine Zahl sein", "Sie haben angekreuzt, dass es nichts gibt")
	c.look("task-refused-de")
	c.Touch("Über diese Person liegt nichts vor")
	c.Fill("Kontostand", "12.50")
	c.Upload("Briefe", file(t, "brief.txt", "Sehr geehrte Frau Brandt"))
	c.Press("Antwort schicken")
	c.says("Hier wird eine Antwort gebraucht.", "Nur Dateien müssen Sie neu auswählen.")
	c.Fill("Vertragsnummer", "K-4711")
	c.Upload("Briefe", file(t, "empty.txt", ""))
	c.Press("Antwort schicken")
	c.says("Eine Datei ist leer.")
	c.Upload("Briefe", file(t, "brief.txt", "Sehr geehrte Frau Brandt"))
	c.Press("Antwort schicken")
	c.says("Danke. Ihre Antwort ist angekommen")
	c.look("task-done-de")
	c.Open(task)
	c.says("Hier ist nichts mehr zu beantworten")
	c.look("task-over-de")

	o.Open(h.url + "/admin/tasks")
	o.Press("cellar")
	o.says(paula)
	o.Press("Send the answer")
	o.says("An answer is needed")
	o.Fill("Boxes", "many")
	o.Press("Send the answer")
	o.says("It must be a number")
	o.look("task-of-operator")
	o.Fill("Boxes", "3")
	o.Press("Send the answer")
	o.says("Request", stands)

	e.await(follow, "Your request is done.")
	e.Open(h.url + h.fetch(paula))
	before := e.Text()
	z := e.Download("Download")
	for what, want := range map[string]string{"an answer in words": "K-4711", "a date": "1999-02-03", "a number": "12.50", "a file": "Sehr geehrte Frau Brandt", "what an operator answered": `"boxes"`, "a row of a database": paula} {
		if !strings.Contains(unzipped(t, z), want) {
			t.Errorf("the package lacks %s: %q", what, want)
		}
	}
	if e.Open(h.url + h.fetch(paula)); e.Text() == before {
		t.Error("the page does not say that one download is used up")
	}
	e.Open(h.url + given)
	e.says("Your request was given up.")
	if codes, err := mail.Wait(t.Context(), 5, func(m mailcatch.Message) bool { return m.To == paula && digits.MatchString(m.Text) }); err != nil || len(codes) != 5 {
		t.Errorf("%d codes were sent within an hour: %v", len(codes), err)
	}

	// What a mailing house holds nobody but itself can erase, and it says so by its link.
	e.asks(h.url+"/ask/erasure", paula)
	e.says("a code of 8 digits is on its way") // none is: five were sent to her within an hour
	o.Open(h.url + "/admin/requests/new")
	o.Choose("Policy", "Erasure")
	o.Fill("E-mail address", paula)
	o.Press("Submit and plan")
	o.Fill("Confirmation", "erase")
	o.Press("Approve")
	told := h.url + h.nth(1, house, regexp.MustCompile(`/instructions/va_[A-Za-z0-9_-]+`))
	c.Open(told + "?language=en")
	c.says("mailing", "We have a question")
	c.Touch("We have a question")
	c.Press("Answer")
	c.says("Write what you want to know.", "You were asked by e-mail to erase records.")
	c.look("instructions-refused")
	c.Fill("Your question", "Which of the two Brandts?")
	c.Press("Answer")
	c.says("We have your question, and will come back to you.")
	c.Touch("It is done")
	c.Press("Answer")
	c.says("You have said that it is done. Thank you.")
	c.look("instructions-done")
	c.Open(told)
	c.says("You have said that it is done. Thank you.")
	if strings.Contains(c.Text(), "We have a question") {
		t.Error("what was done can be answered again")
	}
}

// file makes a file to be uploaded, and gives its path.
func file(t *testing.T, name, contents string) string {
	t.Helper()
	at := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(at, []byte(contents), 0o600); err != nil {
		t.Fatal(err)
	}
	return at
}
