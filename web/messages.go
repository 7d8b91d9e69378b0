package web

import (
	"net/http"
	"net/url"
	"strconv"
	"time"

	"volenti.dev/volenti/auth"
	"volenti.dev/volenti/request"
)

// messagePages are what a person and operators write to each other.
func messagePages() []Page {
	return []Page{
		{Method: http.MethodPost, Path: "/requests/{token}/messages", Public: true, Does: "Take a message about a request, as the person", Act: writeMessage},
		{Method: http.MethodPost, Path: "/requests/{token}/messages/read", Public: true, Does: "Mark messages as read, as the person", Act: seeMessages},
		{Method: http.MethodPost, Path: "/admin/requests/{id}/messages/show", Scope: auth.ReadPackages, Does: "Show what was written about a request, once that is in the audit log", Act: showMessages},
		{Method: http.MethodPost, Path: "/admin/requests/{id}/messages", Scope: auth.WriteRequests, Does: "Write to the person", Act: answerMessages},
		{Method: http.MethodPost, Path: "/admin/requests/{id}/messages/settle", Scope: auth.WriteRequests, Does: "Say that messages need no answer", Act: settleMessages},
	}
}

// What the API tells of messages.
type (
	// exchanged counts them.
	exchanged struct {
		Messages   int64      `json:"messages"`
		Unanswered int64      `json:"unanswered"`
		Last       time.Time  `json:"last"`
		Destroyed  *time.Time `json:"destroyed"`
	}
	// talk is a thread.
	talk struct {
		Items     []note     `json:"items"`
		Destroyed *time.Time `json:"destroyed"`
	}
	note struct {
		Number int64     `json:"number"`
		From   string    `json:"from"`
		At     time.Time `json:"at"`
		Text   string    `json:"text"`
		New    bool      `json:"new"`
	}
	// conversation is a thread as its person sees it.
	conversation struct {
		talk
		Open bool `json:"open"`
		Full bool `json:"full"`
		Told bool `json:"told"`
	}
)

// Last is the number of the last message; 0 where there is none.
func (t talk) Last() int64 {
	if len(t.Items) == 0 {
		return 0
	}
	return t.Items[len(t.Items)-1].Number
}

// News counts the messages of a side that are new.
func (t talk) News(from string) (n int64) {
	for _, m := range t.Items {
		if m.New && m.From == from {
			n++
		}
	}
	return n
}

// Asked is the number of the last message of the person that waits for an answer.
func (t talk) Asked() (number int64) {
	for _, m := range t.Items {
		if m.New && m.From == "person" {
			number = m.Number
		}
	}
	return number
}

// Writable says whether there are messages, or can be.
func (d detailView) Writable() bool {
	return d.Exchanged != nil || d.Status != request.IdentityUnverified && d.Status != request.Duplicate
}

// Answerable says whether something may be written to the person, as far as can be
// said here.
func (d detailView) Answerable() bool {
	return d.Status != request.IdentityUnverified && d.Status != request.Duplicate && (d.Exchanged == nil || d.Exchanged.Destroyed == nil)
}

// Read is the last message that the operator has seen, or had when they wrote.
func (d detailView) Read() int64 {
	if d.Talk != nil {
		return d.Talk.Last()
	}
	read, _ := strconv.ParseInt(d.FormOf("messages").Value("read"), 10, 64)
	return read
}

const toMessages = "#messages"

// number reads a number of a form; 0 where it has none.
func (v *visit) number(name string) int64 {
	n, _ := strconv.ParseInt(v.value(name), 10, 64) // pages write it
	return n
}

// writeMessage sends what a person writes about their request.
func writeMessage(v *visit) error {
	v.here = "/requests/" + url.PathEscape(v.link())
	if v.value("text") == "" {
		return v.standing(http.StatusUnprocessableEntity, v.lacking("text", "messages.nothing"))
	}
	body := map[string]any{"token": v.link(), "once": v.once(), "text": v.value("text")}
	if read := v.number("read"); read > 0 {
		body["read"] = read
	}
	err := v.post("/public/requests/messages/write", body, nil)
	if err == nil {
		return v.redirect(v.here + toMessages)
	}
	f, status, err := v.mistaken(err, nil)
	if err != nil {
		return err
	}
	return v.standing(status, f)
}

// seeMessages marks what the person has read. It takes a form: programs that look at
// mail open the page, too.
func seeMessages(v *visit) error {
	if err := v.post("/public/requests/messages/read", map[string]any{"token": v.link(), "number": max(1, v.number("read"))}, nil); err != nil {
		return err
	}
	return v.redirect("/requests/" + url.PathEscape(v.link()) + toMessages)
}

// showMessages shows what was written. The API has it in the audit log before; so it
// takes a form, and is not done by following a link.
func showMessages(v *visit) error { return v.messages(http.StatusOK, nil) }

// messages shows a request with its thread, and with the form that was sent.
func (v *visit) messages(status int, f *form) error {
	d := detailView{Talk: &talk{}, form: f}
	if f != nil {
		d.doing = "messages"
	}
	if err := v.ask(http.MethodGet, "/requests/"+url.PathEscape(v.r.PathValue("id"))+"/messages", nil, d.Talk); err != nil {
		return err
	}
	return v.detailOf(status, d)
}

// answerMessages writes to the person.
func answerMessages(v *visit) error {
	at := "/requests/" + url.PathEscape(v.r.PathValue("id"))
	if v.value("text") == "" {
		return v.detail(http.StatusUnprocessableEntity, "messages", v.lacking("text", "messages.nothing"))
	}
	body := map[string]any{"text": v.value("text")}
	if read := v.number("read"); read > 0 {
		body["read"] = read
	}
	err := v.post(at+"/messages", body, nil)
	if err == nil {
		return v.redirect("/admin" + at + toMessages)
	}
	f, status, err := v.mistaken(err, nil)
	if err != nil {
		return err
	}
	return v.detail(status, "messages", f)
}

// settleMessages says that what the person has written needs no answer.
func settleMessages(v *visit) error {
	at := "/requests/" + url.PathEscape(v.r.PathValue("id"))
	if err := v.post(at+"/messages/settle", map[string]any{"number": max(1, v.number("read"))}, nil); err != nil {
		return err
	}
	return v.redirect("/admin" + at + toMessages)
}
