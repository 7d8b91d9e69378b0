package web_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"volenti.dev/volenti/internal/chromiumtest"
)

// An officer submits an erasure and may not approve it; a colleague does, with the
// keyboard alone. A database is away meanwhile, so that the request stops, which the
// page shows by itself; when it is back the officer tries again from the graph.
func TestTwoOperatorsEraseAndOneMendsInABrowser(t *testing.T) { // W2, W3, W18
	var desk string // the database of the help desk
	h := startWith(t, func(config string) {
		desk = filepath.Join(filepath.Dir(config), "helpdesk.db")
		name := filepath.Join(config, "policies.yml")
		text, err := os.ReadFile(name)
		if err == nil {
			text = bytes.Replace(text, []byte("  name: Erasure\n"), []byte("  name: Erasure\n  four_eyes: {above_rows: 0}\n"), 1)
			err = os.WriteFile(name, text, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	})
	away := func(from, to string) {
		t.Helper()
		if err := os.Rename(from, to); err != nil {
			t.Fatal(err)
		}
	}
	e := eye{chromiumtest.StartScripted(t), t, chromiumtest.Axe(t)}
	accept := func(e eye, link, name, email string) {
		t.Helper()
		e.Screen(1280, "light")
		e.Open(h.url + link)
		e.Fill("Your name", name)
		e.Fill("E-mail address", email)
		e.Fill("Password", password)
		e.Fill("The same password again", password)
		e.Press("Accept and sign in")
	}
	accept(e, h.setUp, "Olga Owner", "olga@example.org")
	e.Open(h.url + "/admin/operators")
	e.Choose("Role", "privacy officer")
	e.Press("Make a link")
	invitation := invitationShown.FindString(e.Text())

	e.Open(h.url + "/admin/requests/new")
	e.Choose("Policy", "Erasure")
	e.Fill("E-mail address", "paula.brandt9@example.org")
	e.Press("Submit and plan")
	request := e.Path()
	e.Fill("Confirmation", "erase")
	e.Press("Approve")
	e.says("must be approved by an operator who did not submit it")

	away(desk, desk+".away")
	o := eye{e.Visitor(t), t, e.axe}
	accept(o, invitation, "Omar Officer", "omar@example.org")
	o.Open(h.url + "/admin/requests")
	o.Fill("Value", "paula.brandt9@example.org")
	o.Press("Look for them")
	o.says("all requests about the person", strings.TrimPrefix(request, "/admin/requests/"))
	o.Open(h.url + "/admin/requests")
	o.tab("Name")
	o.Type("Mine")
	o.Enter()
	o.says("Forget the view Mine")
	chromiumtest.Evaluate[bool](o.Browser, `document.querySelector("[name=request]").click(); true`)
	o.Press("Approve requests")
	o.says("Of these erase data for good: 1.")
	o.look("requests-weigh")
	o.tab("Confirmation")
	o.Type("wrong")
	o.Enter()
	o.says("Type the word as it stands above.")
	o.tab("Confirmation")
	chromiumtest.Evaluate[bool](o.Browser, `document.activeElement.value = ""; true`)
	o.Type("erase")
	o.Enter()
	o.says("Approved: 1.")
	o.look("requests-decided")

	e.Open(h.url + request)
	e.Await(`document.querySelector(".status").textContent == "failed"`) // it renews itself
	e.Await(`document.querySelectorAll("#drawing a[data-kind=stop]").length > 0`)
	e.look("request-stopped")
	again := regexp.MustCompile(`Try (helpdesk:\S+) again`).FindString(chromiumtest.Evaluate[string](e.Browser, `document.querySelector("#vertices").textContent`))
	away(desk+".away", desk)
	chromiumtest.Evaluate[bool](e.Browser, `document.querySelector("#vertices tr[data-kind=stop] summary").click();
		document.querySelector("#vertices tr[data-kind=stop] textarea").focus(); true`)
	e.Type("half a reason")
	const table = `document.querySelector("#vertices").parentElement`
	chromiumtest.Evaluate[bool](e.Browser, `document.querySelector("main").style.width = "20rem"; document.getElementById("skip-collection").selectedIndex = 1; `+table+`.scrollLeft = 40; true`)
	chosen := chromiumtest.Evaluate[string](e.Browser, `document.getElementById("skip-collection").value`)
	chromiumtest.Evaluate[bool](e.Browser, `document.getElementById("live").dataset.old = "";
		htmx.ajax("GET", location.pathname, {target: "#live", select: "#live", swap: "outerHTML"}); true`)
	e.Await(`!document.querySelector("#live[data-old]")`)
	e.Await(`document.activeElement.value == "half a reason" && document.activeElement.closest("details").open`)
	e.is("what was chosen and moved is as it was", fmt.Sprintf(`document.getElementById("skip-collection").value == %q && %s.scrollLeft == 40`, chosen, table))
	chromiumtest.Evaluate[bool](e.Browser, `document.querySelector("main").removeAttribute("style"); true`)
	e.Await(`document.querySelectorAll("#drawing a").length == document.querySelectorAll("#vertices tbody tr").length`)
	e.Press(again)
	e.Await(`document.querySelector(".status").textContent != "failed"`)
	e.Await(`!document.querySelector("#live[hx-get]")`)
	if text := e.Text(); strings.Contains(text, "must be") || chromiumtest.Evaluate[int](e.Browser, `document.querySelectorAll("#vertices tr[data-kind=done]").length`) == 0 {
		t.Errorf("nothing is done:\n%s", text)
	}
	e.look("request-erased")
	for _, complaint := range e.Complaints() {
		if !strings.Contains(complaint, "403") && !strings.Contains(complaint, "422") { // what was refused above
			t.Errorf("the console says: %s", complaint)
		}
	}
}
