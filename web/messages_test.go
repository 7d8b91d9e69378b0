package web_test

import (
	"strings"
	"testing"

	"volenti.dev/volenti/internal/chromiumtest"
	"volenti.dev/volenti/internal/mailcatch"
)

// A person asks something about their request, and an officer answers. No page of
// theirs runs a script.
func TestPersonAndOfficerWriteToEachOtherInABrowser(t *testing.T) { // W1, W2, W3, W12, W18
	mail, err := mailcatch.Start(mailcatch.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := mail.Close(); err != nil {
			t.Error(err)
		}
	})
	h := startWith(t, asked(t), "--smtp", mail.URL(), "--mail-from", "Demo Shop <privacy@demo.example>")
	h.caught = mail
	const paula = "paula.brandt9@example.org"
	const question, answer, more = "Is my account from 2019 in it?\nIt had another address.", "Which address was that?", "The one of my old flat."
	e := eye{chromiumtest.Start(t), t, chromiumtest.Axe(t)}
	e.Open(h.url + "/ask/access")
	e.Fill("Your e-mail address", paula)
	e.Choose("What it is about", "The shop")
	e.Press("Ask")
	e.Fill("Code", digits.FindString(h.mail(1, paula)))
	e.Press("Go on")
	e.says("Messages", "A letter tells you when there is an answer.")
	e.Fill("Message", "  ")
	e.Press("Send")
	e.says("Write something first.")
	e.Fill("Message", question)
	e.Press("Send")
	e.says("You", "It had another address.")
	e.look("status-asked")
	follow := linked.FindString(h.mail(2, paula))

	o := eye{chromiumtest.Start(t), t, e.axe}
	o.Open(h.url + h.setUp)
	o.Fill("Your name", "Olga Officer")
	o.Fill("E-mail address", "olga@example.org")
	o.Fill("Password", password)
	o.Fill("The same password again", password)
	o.Press("Accept and sign in")
	o.look("overview-asked")
	o.tab("1with unanswered messages")
	o.Enter()
	o.says("1 unanswered")
	o.look("requests-asked")
	o.Press(o.ids()[0])
	if o.says("1 unanswered"); strings.Contains(o.Text(), "2019") {
		t.Error("the request shows what was written before that is in the log")
	}
	o.Press("Read the messages")
	o.says("The person", "It had another address.")
	o.look("request-messages")
	o.Fill("Message", answer)
	o.Press("Send")
	o.says("Messages: 2.")
	if strings.Contains(o.Text(), "1 unanswered") {
		t.Error("the message still waits for an answer")
	}
	o.Open(h.url + "/admin/audit")
	o.says("request.read_messages", "message.send", "message.receive")
	if text := o.Text(); strings.Contains(text, "2019") || strings.Contains(text, answer) {
		t.Error("the log says what was written")
	}

	letter := h.mail(3, paula)
	if strings.Contains(letter, answer) || strings.Contains(letter, "2019") {
		t.Errorf("the letter says what was written:\n%s", letter)
	}
	at := linked.FindString(letter)
	if at == follow {
		t.Error("the letter has the link of another one")
	}
	e.Open(h.url + at)
	e.says("1 new", answer)
	e.look("status-answered")
	e.tab("Message")
	e.Type(more)
	e.tab("Send")
	e.Enter()
	e.says(more)
	if strings.Contains(e.Text(), "1 new") {
		t.Error("who answers has not read it")
	}
	e.Open(h.url + follow + "?language=de")
	e.says("Wir", "Sie", more)
	e.look("status-answered-de")

	o.Open(h.url + "/admin/requests?messages=unanswered&status=all")
	o.Press(o.ids()[0])
	o.Press("Read the messages")
	o.Press("This needs no answer")
	o.Open(h.url + "/admin/requests?messages=unanswered&status=all")
	if strings.Contains(o.Text(), "1 unanswered") {
		t.Errorf("what needs no answer waits for one:\n%s", o.Text())
	}
}
