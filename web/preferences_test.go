package web_test

import (
	"regexp"
	"strings"
	"testing"

	"volenti.dev/volenti/internal/chromiumtest"
)

// A person withdraws by a link, and takes the receipt along, without any script.
func TestPersonChangesWhatTheyAgreedToInABrowser(t *testing.T) { // W12, W18
	h := openTown(t)
	e := eye{chromiumtest.Start(t), t, chromiumtest.Axe(t)}
	h.move(e)
	link := h.url + h.preferences()[0]
	e.Open(h.url + "/")
	e.Press("See and change what I agreed to")
	e.Fill("E-mail address", "lena.own@example.org")
	e.Press("Send me a link")
	e.says("a link is on its way")
	e.Open(link)
	e.says("What you chose, and when", "told by a program")
	const called = "(analytics)"
	e.Touch("I do not agree " + called)
	e.Press("Save")
	e.says("It holds from now on", "withdrew", "on this page")
	e.look("preferences-saved")
	if receipt := e.Download(regexp.MustCompile(`Receipt [0-9]+`).FindString(e.Text())); !strings.Contains(string(receipt), "@context") {
		t.Errorf("the receipt is %.200s", receipt)
	}
	e.Open(link + "x")
	e.says("not good any more")
}
