package web_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"volenti.dev/volenti/cli"
	"volenti.dev/volenti/consent"
	"volenti.dev/volenti/internal/chromiumtest"
)

// toldOf lets Anna agree to letters, and a newsletter be told of what people choose.
func toldOf(t *testing.T, newsletter string) func(config string) {
	t.Helper()
	return func(config string) {
		t.Helper()
		const connection = `
connection:
- key: newsletter
  name: The newsletter
  type: webhook
  receives: identities
  private: true
  secrets: {url: "NEWSLETTER", secret: "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="}
  consent: {identities: [email], purposes: {marketing_email: [list_42]}}
`
		if err := os.WriteFile(filepath.Join(config, "newsletter.yml"), []byte(strings.Replace(connection, "NEWSLETTER", newsletter, 1)), 0o600); err != nil {
			t.Fatal(err)
		}
		dir := filepath.Dir(filepath.Dir(config))
		notice := filepath.Join(dir, "notice.txt")
		if err := os.WriteFile(notice, []byte("We send letters about our bulbs and seeds, once a month at most."), 0o600); err != nil {
			t.Fatal(err)
		}
		for _, args := range [][]string{
			{"publish", "2026-11", "--text", "en=" + notice},
			{"set", "marketing_email=yes", "analytics=no", "--identity", "email=anna.keller@example.org", "--source", "signup_form"},
		} {
			var out strings.Builder
			std := cli.IO{In: strings.NewReader(""), Out: &out, Err: &out, Env: func(string) (string, bool) { return "", false }, User: "tester", Now: time.Now}
			if code := cli.Main(t.Context(), append([]string{"consent", args[0], "--state", filepath.Join(dir, "data")}, args[1:]...), std); code != 0 {
				t.Fatalf("consent %s: exit code %d\n%s", args[0], code, out.String())
			}
		}
	}
}

func TestOfficerWithdrawsForAPersonAndWatchesItArrive(t *testing.T) { // W5, W6, W18
	answer := make(chan struct{})
	newsletter := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-answer:
		case <-r.Context().Done():
		}
	}))
	t.Cleanup(newsletter.Close)
	h := startWith(t, toldOf(t, newsletter.URL), "--allow-private-webhooks")
	e := eye{chromiumtest.StartScripted(t), t, chromiumtest.Axe(t)}
	e.Open(h.url + h.setUp)
	e.Fill("Your name", "Olga Officer")
	e.Fill("E-mail address", "olga@example.org")
	e.Fill("Password", password)
	e.Fill("The same password again", password)
	e.Press("Accept and sign in")

	e.Screen(1280, "light")
	e.Press("People")
	e.Fill("Which one", "anna.kellner@example.org")
	e.Press("Look up")
	e.says("Nobody is known by this")
	e.look("people-nobody")
	e.Fill("Which one", "Anna.Keller@example.org")
	e.Press("Look up")
	e.says("said yes, and it holds", "form to sign up", "2026-11", "Nothing was carried anywhere yet")
	if strings.Contains(e.Text(), "anna") || strings.Contains(e.Path(), "anna") {
		t.Errorf("the page tells who it is: %s %s", e.Path(), e.Text())
	}
	e.Press("Show it")
	e.says("anna.keller@example.org")
	e.Press("Look for requests")
	e.says("There is no request of this person")
	e.look("person")

	// The connection is told of what is chosen from now on; it has begun when the
	// server was ready.
	e.Choose("Purpose", "Marketing by email")
	e.Touch("no")
	e.Press("Record it")
	e.says("Write how the person told you")
	e.look("person-unsaid")
	e.Fill("How the person told you", "She has called from the number that we have of her.")
	e.Press("Record it")
	e.says("took the yes back")
	e.Await(`document.querySelector("#carried").innerText.includes("under way")`)
	e.look("person-under-way")
	close(answer)
	e.Await(`document.querySelector("#carried").innerText.includes("arrived") && !document.querySelector("#carried").hasAttribute("hx-get")`)
	e.look("person-arrived")

	receipt := e.Download("Receipt of " + e.latest())
	if v, err := consent.VerifyReceipt(receipt, ""); err != nil || v.Record.Choice != consent.Withdrawn {
		t.Errorf("the receipt says %+v: %v", v, err)
	}
	e.Press("Consent")
	e.look("consent")
	e.Choose("Choice", "granted")
	e.Press("Show")
	e.look("consent-narrowed")
	e.Press(e.latest())
	e.says("We send letters about our bulbs", "What proves it")
	e.look("record")
	e.Press("People")
	e.Fill("Which one", "anna.keller@example.org")
	e.Press("Look up")
	e.Press(e.latest())
	e.says("Recorded for the person by", "operator/")
	if strings.Contains(e.Text(), "from the number") {
		t.Error("the note is shown before it is in the audit log")
	}
	e.Press("Show the note")
	e.says("She has called from the number that we have of her.")
	e.look("record-note")

	e.Press("Overview")
	tile := chromiumtest.Evaluate[[]string](e.Browser, `(a => [a.querySelector("strong").innerText, a.getAttribute("href")])(document.querySelector(".tile[href^='/admin/consent?']"))`)
	e.look("home-begun")
	e.Open(h.url + tile[1])
	if shown := chromiumtest.Evaluate[int](e.Browser, `document.querySelectorAll("tbody tr").length`); strconv.Itoa(shown) != tile[0] {
		t.Errorf("home counts %s records, and leads to %d", tile[0], shown)
	}
}

// people are somebody who has chosen something, and somebody who was erased.
func (h *town) people() []string {
	h.t.Helper()
	var all struct{ Items []struct{ Subject string } }
	h.ask(http.MethodGet, "/consents?limit=200", nil, &all)
	newest, oldest := all.Items[0].Subject, all.Items[len(all.Items)-1].Subject
	h.ask(http.MethodPost, "/subjects/"+oldest+"/erase", nil, &struct{}{})
	return []string{"/admin/people/" + newest, "/admin/people/" + oldest}
}

// records are the newest.
func (h *town) records() []string {
	h.t.Helper()
	var all struct{ Items []struct{ Sequence int64 } }
	h.ask(http.MethodGet, "/consents?limit=1", nil, &all)
	return []string{fmt.Sprintf("/admin/consent/records/%d", all.Items[0].Sequence)}
}

// notices publishes one that asks everybody again.
func (h *town) notices() []string {
	h.t.Helper()
	h.ask(http.MethodPost, "/notices", map[string]any{
		"version": "walked", "texts": []map[string]string{{"language": "en", "body": "We count how often our pages are read."}},
		"summary": "A partner counts too.", "material": true, "classified_by": "Olga Officer",
	}, &struct{}{})
	return []string{"/admin/consent/notices/walked"}
}

// latest is the number of the first record in the table that is shown.
func (e eye) latest() string {
	return chromiumtest.Evaluate[string](e.Browser, `(document.querySelector("#records ~ .scroll tbody th") || document.querySelector("tbody th")).innerText`)
}
