package web_test

import (
	"encoding/json"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"volenti.dev/volenti/internal/chromiumtest"
)

// is looks at the page.
func (e eye) is(what, expression string) {
	e.t.Helper()
	if !chromiumtest.Evaluate[bool](e.Browser, expression) {
		e.t.Errorf("not so: %s", what)
	}
}

func TestFrameIsLedByKeysAndColoursAndPutOnPaper(t *testing.T) { // W11
	h := openTown(t)
	e := h.owner()
	e.Before(`navigator.clipboard.writeText = async text => { window.copied = text }`)

	e.Open(h.url + "/admin")
	for _, dead := range chromiumtest.Evaluate[[]string](e.Browser, `Promise.all([...document.querySelectorAll("main a, header a")].map(async a => (await fetch(a.href)).ok ? "" : a.href)).then(all => all.filter(dead => dead))`) { // W1
		t.Errorf("the first page leads to %s, where nothing is", dead)
	}

	e.Open(h.url + "/admin/requests")
	const entries = `[...document.querySelectorAll("main tbody a")]`
	e.Key("j")
	e.Key("j")
	e.is("j leads to the second entry", `document.activeElement == `+entries+`[1]`)
	e.Key("k")
	e.is("k leads back to the first", `document.activeElement == `+entries+`[0]`)
	const shown = `document.getElementById("keys").matches(":popover-open")`
	e.Key("?")
	e.is("? shows the keys", shown)
	e.Window("keys")
	e.Key(chromiumtest.Escape)
	e.is("Esc hides them", `!`+shown)
	e.Key("/")
	e.is("/ leads to the filter", `document.activeElement == document.querySelector("main form.filter :is(input, select)")`)
	e.Key("?")
	e.is("what is typed is no key", `!`+shown)

	e.Touch("This page over the API")
	chromiumtest.Evaluate[bool](e.Browser, `[...document.querySelectorAll(".curl pre")].find(call => call.textContent.includes("/requests/search")).nextElementSibling.click() ?? true`)
	e.Await(`window.copied`)
	command := chromiumtest.Evaluate[string](e.Browser, `copied`)
	parts := regexp.MustCompile(`^curl -fsS -H "Authorization: Bearer \$VOLENTI_TOKEN" -H 'Content-Type: application/json' -d '([^']+)' '(http[^']+)'$`).FindStringSubmatch(command)
	if parts == nil {
		t.Fatalf("the command is %s", command)
	}
	var answer json.RawMessage
	h.ask(http.MethodPost, strings.TrimPrefix(parts[2], h.url+"/api/v1"), json.RawMessage(parts[1]), &answer)
	if got, id := string(answer), e.ids()[0]; !strings.Contains(got, id) {
		t.Errorf("the page shows %s, and its command gives %s", id, got)
	}

	const dark = `getComputedStyle(document.documentElement).colorScheme == "dark" && getComputedStyle(document.body).color == "rgb(231, 234, 238)"`
	e.Screen(1280, "light")
	e.Press("Dark")
	e.is("dark is dark on a light system", dark)
	e.Open(h.url + "/sign-in")
	e.is("it is dark on other pages too", dark)
	e.Press("As the system")
	e.is("it is as the system again", `!(`+dark+`)`)

	waits := h.url + h.requests()[0]
	for _, at := range []string{waits, h.url + "/admin/audit"} {
		e.Open(at)
		e.Media("print")
		e.is("nothing on paper can be pressed", `![...document.querySelectorAll("header, footer, nav, form, button")].some(e => e.checkVisibility())`)
		e.is("what is folded is open on paper", `[...document.querySelectorAll("main details:not(.curl) > :not(summary, form)")].every(e => e.checkVisibility())`)
		e.is("paper is white", `getComputedStyle(document.documentElement).backgroundColor == "rgb(255, 255, 255)"`)
		e.Picture("paper" + strings.ReplaceAll(e.Path(), "/", "-"))
		e.Media("")
	}

	// The menu of small screens needs no script.
	e.Scripts(false)
	e.Screen(320, "light")
	e.Open(h.url + "/admin")
	const menu = `document.querySelector("header nav").checkVisibility()`
	e.is("the menu is closed", `!`+menu)
	e.Use("button", "Menu")
	e.is("the menu is open", menu)
	e.Window("menu")
	e.Use("link", "Tasks")
	e.Await(`location.pathname == "/admin/tasks"`)
}
