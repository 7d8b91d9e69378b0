package site_test

import (
	"fmt"
	"slices"
	"strings"
	"time"

	banner "volenti.dev/volenti/consent/site"
	"volenti.dev/volenti/internal/chromiumtest"
)

// looking are the journeys of people who see, read or steer otherwise.
var looking = []journey{
	{"the keyboard alone", keyboard},
	{"names and roles for who does not see it", names},
	{"from right to left", rightToLeft},
}

func keyboard(s *stage) { // W18, W14
	b := s.visit()
	s.asked(b)
	b.TabTo("button", "Refuse all", 6) // among the first things on the page
	b.Key(chromiumtest.Escape)
	b.AwaitGone("button", "Refuse all")
	b.TabTo("button", "Privacy settings", 40)
	b.Key(chromiumtest.Enter)
	b.AwaitThing("dialog", "Your privacy settings")
	b.TabTo("switch", "Functional", 20)
	b.Key(chromiumtest.Space)
	if is := b.AwaitThing("switch", "Functional"); is.State != "true" || !is.Focused {
		s.Errorf("after Space the switch is %+v", is)
	}
	b.Window("keyboard")
	// Round and round, the focus stays in the dialog.
	for range 25 {
		b.Key(chromiumtest.Tab)
		if at := b.Focus(); at.Role == "link" && at.Name == "Samovar Lane" || strings.HasPrefix(at.Name, "Add ") {
			s.Fatalf("the focus has left the dialog for %s", at)
		}
	}
	b.TabTo("button", "Save choice", 30)
	b.Key(chromiumtest.Enter)
	s.runs(b, "chatterling", "clipnook", "mapwren")
	s.settled(b)
	b.AwaitGone("dialog", "Your privacy settings")
	if at := b.Focus(); at.Role != "button" || at.Name != "Privacy settings" {
		s.Errorf("the focus is given back to %s", at)
	}
	s.is(s.record(b), "functional necessary", "")
}

func names(s *stage) { // W18
	b := s.visit()
	s.asked(b)
	var buttons []string
	at := -1
	for i, t := range b.Tree() {
		if t.Name == "Your privacy settings" && slices.Contains([]string{"complementary", "dialog", "alertdialog", "region"}, t.Role) {
			at = i
		}
		if t.Role == "button" && len(buttons) < 4 {
			buttons = append(buttons, t.Name)
		}
	}
	if at < 0 || at > 10 {
		s.Errorf("the banner is no landmark that comes first: %d", at)
	}
	if want := []string{"Close without consent", "Accept all", "Refuse all", "Choose"}; !slices.Equal(buttons, want) {
		s.Errorf("the first buttons are %q, want %q", buttons, want)
	}
	b.Use("button", "Choose")
	b.AwaitThing("dialog", "Your privacy settings")
	for _, t := range b.Tree() {
		if slices.Contains([]string{"button", "switch", "link", "DisclosureTriangle"}, t.Role) && t.Name == "" {
			s.Errorf("%+v has no name", t)
		}
		if t.Role == "switch" && t.Description == "" && slices.Contains([]string{"Functional", "Statistics", "Marketing"}, t.Name) {
			s.Errorf("what %s is for is not said with its switch", t.Name)
		}
	}
}

func rightToLeft(s *stage) { // W18
	b := s.world.browser.Visitor(s.T)
	s.Cleanup(func() { s.calm(b) })
	b.Open(s.shop + "/?language=ar")
	texts := banner.Builtin("ar")
	b.AwaitThing("button", texts["refuse"])
	s.look(b, "right-to-left")
	b.Use("button", texts["settings"])
	b.AwaitThing("button", texts["save"])
	b.Use("button", texts["save"])
	b.AwaitGone("button", texts["save"])
	b.Await(`volenti.state.standing && !volenti.state.queued`)
	if r := s.record(b); r.Language != "ar" {
		s.Errorf("the language is recorded as %q", r.Language)
	}
}

// holdsNothingUp is F12 for the worst of sites, with 500 vendors. It is no
// journey beside others: what they do would count.
func holdsNothingUp(s *stage) { // F12
	s.publish(true, "Many more count now.", func(d *banner.Draft) {
		for i := len(d.Vendors); i < banner.MaxVendors; i++ {
			key := fmt.Sprintf("counter_%d", i)
			d.Vendors = append(d.Vendors, banner.Vendor{Key: key, Name: fmt.Sprintf("Counter %d", i), Category: "statistics", Purposes: []string{"Counts"}})
		}
	})
	b := s.world.browser.Visitor(s.T)
	b.WatchShifts()
	longest := b.LongestTask(func() {
		b.Open(s.shop)
		b.Await(`volenti.layer == "ask"`)
		s.script(b, `volenti.open("settings")`)
		s.script(b, `volenti.close()`)
		s.script(b, `volenti.acceptAll()`)
		b.Await(`volenti.state.standing && !volenti.state.queued`)
	})
	if longest > 50*time.Millisecond {
		s.Errorf("the longest task had the processor for %v", longest)
	}
	if shifts := b.Shifts(); len(shifts) > 0 {
		s.Errorf("the page moved: %q", shifts)
	}
	s.Logf("the longest task had the processor for %v; over 50 ms by the clock: %v", longest, b.LongTasks())
}

// script does something on a page, and waits until it is shown.
func (s *stage) script(b *chromiumtest.Browser, what string) {
	s.Helper()
	chromiumtest.Evaluate[bool](b, what+`, new Promise(shown => requestAnimationFrame(() => setTimeout(() => shown(true), 100)))`)
}
