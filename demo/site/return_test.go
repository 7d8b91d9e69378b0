package site_test

import (
	"strings"
	"time"

	banner "volenti.dev/volenti/consent/site"
	"volenti.dev/volenti/internal/chromiumtest"
)

const day = 24 * time.Hour

// comingBack are the journeys of visitors who have chosen before.
var comingBack = []journey{
	{"who has chosen is not asked again", comeBack},
	{"a change of mind removes what was left", changeMind},
	{"withdrawing removes all, and is recorded", withdraw},
	{"a choice that has expired is asked again", expire},
	{"a clock set back revives nothing", clockBack},
	{"a material version asks again and says why", material},
	{"another version alone asks nobody", immaterial},
	{"a signal refuses what is a sale, and is told", signal},
	{"a choice overrides the signal, with evidence", overrideSignal},
	{"a signal that comes later takes a yes back", signalLater},
}

// accept lets a visitor accept all, and waits until that is recorded.
func (s *stage) accept(b *chromiumtest.Browser) {
	s.Helper()
	b.Use("button", "Accept all")
	s.settled(b)
	s.runs(b, services...)
}

func comeBack(s *stage) { // W15
	b := s.visit()
	s.accept(b)
	b.Open(s.shop)
	s.runs(b, services...)
	b.AwaitThing("button", "Privacy settings")
	if b.Sees("button", "Refuse all") {
		s.Error("who has chosen is asked again")
	}
	if n := s.gate.taken("consents"); n != 1 {
		s.Errorf("%d choices were sent for one", n)
	}
}

func changeMind(s *stage) { // W14, W15, B2
	b := s.visit()
	s.accept(b)
	b.Open(s.shop + "/privacy")
	b.Use("button", "Open the privacy settings")
	if is := b.AwaitThing("switch", "Statistics"); is.State != "true" {
		s.Errorf("the settings say that statistics are %s", is.State)
	}
	b.Use("switch", "Statistics")
	b.Use("button", "Save choice")
	b.Until("the second choice is taken", func() bool { return s.gate.taken("consents") == 2 })
	b.Await(`!volenti.state.queued`)
	if left := traces(b); strings.Contains(strings.Join(left, " "), "tw_") || len(left) == 0 {
		s.Errorf("after statistics were refused there are %v", left)
	}
	trail := s.trail(chromiumtest.Evaluate[string](b, `volenti.state.standing.id`))
	if len(trail) != 2 || trail[0].Act != banner.ActUpdated || trail[1].Act != banner.ActGiven {
		s.Errorf("the trail is %+v", trail)
	}
	s.is(trail[0].Record, "functional marketing necessary", "")
	if p := trail[0].Record.Prior; p == nil || !p.Categories["statistics"] {
		s.Errorf("what stood before is recorded as %+v", p)
	}
	b.Open(s.shop)
	s.runs(b, "chatterling", "clipnook", "mapwren", "nudgeberry")
}

func withdraw(s *stage) { // B6, W15
	b := s.visit()
	s.accept(b)
	id := chromiumtest.Evaluate[string](b, `volenti.state.standing.id`)
	b.Use("button", "Privacy settings")
	b.AwaitThing("button", "Withdraw consent")
	b.Use("button", "Withdraw consent")
	b.Until("the withdrawal is taken", func() bool { return s.gate.taken("withdraw") == 1 })
	if left := traces(b); len(left) > 0 {
		s.Errorf("after all was withdrawn there are %v", left)
	}
	if trail := s.trail(id); len(trail) != 2 || trail[0].Act != banner.ActWithdrawn || says(trail[0].Record.Categories) != "necessary" && says(trail[0].Record.Categories) != "" {
		s.Errorf("the trail is %+v", trail)
	}
	before := len(s.vendor.Calls())
	b.Open(s.shop)
	s.runs(b)
	if calls := s.vendor.Calls(); len(calls) != before {
		s.Errorf("services were called after all was withdrawn: %v", calls[before:])
	}
}

func expire(s *stage) { // B14, B15
	b := s.visit()
	s.accept(b)
	before := len(s.vendor.Calls())
	b.Clock(400 * day)
	b.Open(s.shop)
	s.asked(b)
	if text := b.Read(); !strings.Contains(text, "Your last choice is some time ago.") {
		s.Errorf("it is not said why there is a question again:\n%s", text)
	}
	s.runs(b)
	if calls := s.vendor.Calls(); len(calls) != before {
		s.Errorf("services were called: %v", calls[before:])
	}
}

func clockBack(s *stage) { // B14
	b := s.visit()
	s.accept(b)
	b.Clock(400 * day)
	b.Open(s.shop)
	s.asked(b)
	before := len(s.vendor.Calls())
	b.Clock(-day)
	b.Open(s.shop)
	s.asked(b)
	s.runs(b)
	if calls := s.vendor.Calls(); len(calls) != before {
		s.Errorf("services were called: %v", calls[before:])
	}
	s.accept(b) // the server's time counts again
}

// widened adds a service to the statistics.
func widened(d *banner.Draft) {
	d.Vendors = append(d.Vendors, banner.Vendor{Key: "pathwise", Name: "Pathwise", Provider: "Pathwise (made up)", Country: "US", Category: "statistics", Purposes: []string{"Draws how visitors go"}})
}

func material(s *stage) { // B18, B31
	b := s.visit()
	s.accept(b)
	refuser := s.visit()
	refuser.Use("button", "Refuse all")
	s.settled(refuser)
	s.publish(true, "Pathwise now draws how visitors go through the shop.", widened)

	b.Fresh(s.shop)
	s.asked(b)
	text := b.Read()
	for _, want := range []string{"Since your last choice this has changed:", "Pathwise now draws how visitors go through the shop."} {
		if !strings.Contains(text, want) {
			s.Errorf("%q is not said:\n%s", want, text)
		}
	}
	s.accept(b)
	if r := s.record(b); r.Version != 2 || r.Prior == nil || r.Prior.Version != 1 {
		s.Errorf("recorded is %+v", r)
	}

	refuser.Fresh(s.shop)
	s.asked(refuser)
	s.runs(refuser)
}

func immaterial(s *stage) {
	b := s.visit()
	s.accept(b)
	s.publish(false, "", func(d *banner.Draft) {
		d.Texts = map[string]map[string]string{"en": {"description": "We ask before anything is loaded."}}
	})
	b.Fresh(s.shop)
	b.Await(`volenti.document && volenti.document.version == 2`)
	s.runs(b, services...)
	b.AwaitThing("button", "Privacy settings")
	if b.Sees("button", "Refuse all") {
		s.Error("who has chosen is asked again")
	}
	if n := s.gate.taken("consents"); n != 1 {
		s.Errorf("%d choices were sent for one", n)
	}
}

const honoured = "Your browser asks us not to sell or share your data. We do as it says."

func signal(s *stage) { // gpc.md
	b := s.visit((*chromiumtest.Browser).Signal)
	b.AwaitThing("button", "Privacy settings")
	b.Until("the signal is recorded", func() bool { return s.gate.taken("consents") == 1 })
	b.Await(`volenti.state.standing`)
	if b.Sees("button", "Refuse all") {
		s.Error("a banner is shown over the signal")
	}
	if text := b.Read(); !strings.Contains(text, honoured) {
		s.Errorf("it is not said that the signal is honoured:\n%s", text)
	}
	s.runs(b)
	s.called()
	r := s.record(b)
	s.is(r, "necessary", "")
	if r.Source != banner.GPC || !r.Signal {
		s.Errorf("recorded is %+v", r)
	}
}

func overrideSignal(s *stage) { // gpc.md
	b := s.visit((*chromiumtest.Browser).Signal)
	b.Until("the signal is recorded", func() bool { return s.gate.taken("consents") == 1 })
	b.Use("button", "Privacy settings")
	b.AwaitThing("dialog", "Your privacy settings")
	b.Use("switch", "Marketing")
	b.Use("button", "Save choice")
	s.runs(b, "nudgeberry")
	b.Until("the choice is recorded", func() bool { return s.gate.taken("consents") == 2 })
	b.Await(`!volenti.state.queued`)
	r := s.record(b)
	s.is(r, "marketing necessary", "")
	if r.Source != banner.Preferences || !r.Signal {
		s.Errorf("recorded is %+v", r)
	}
	b.Open(s.shop)
	s.runs(b, "nudgeberry")
	if n := s.gate.taken("consents"); n != 2 {
		s.Errorf("%d choices were sent for two", n)
	}
}

func signalLater(s *stage) { // gpc.md
	b := s.visit()
	s.accept(b)
	b.Signal()
	b.Open(s.shop)
	s.runs(b, "chatterling", "clipnook", "mapwren", "tallywell")
	b.Until("the signal is recorded", func() bool { return s.gate.taken("consents") == 2 })
	b.Await(`!volenti.state.queued`)
	r := s.record(b)
	s.is(r, "functional necessary statistics", "")
	if r.Source != banner.GPC {
		s.Errorf("recorded is %+v", r)
	}
	for _, left := range traces(b) {
		if strings.HasPrefix(left, "nb_") {
			s.Errorf("%s is still there", left)
		}
	}
}
