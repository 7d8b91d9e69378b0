package site_test

import (
	"slices"
	"strings"
	"testing"

	banner "volenti.dev/volenti/consent/site"
	"volenti.dev/volenti/internal/chromiumtest"
)

// journey is one visitor's story.
type journey struct {
	name string
	of   func(*stage)
}

func TestVisitorsAreAskedInABrowser(t *testing.T) { // B34
	w := newWorld(t)
	t.Run("together", func(t *testing.T) {
		for _, j := range slices.Concat(choosing, comingBack, without, looking) {
			t.Run(j.name, func(t *testing.T) {
				t.Parallel()
				j.of(w.stage(t))
			})
		}
	})
	t.Run("the banner holds no page up", func(t *testing.T) { holdsNothingUp(w.stage(t)) })
}

// choosing are the journeys of a first visit.
var choosing = []journey{
	{"nothing is loaded or kept before a choice", firstVisit},
	{"accepting all runs all at once", acceptAll},
	{"refusing is as easy, and runs nothing", refuseAll},
	{"one category alone", oneCategory},
	{"one vendor alone", oneVendor},
	{"a blocked frame is allowed from its place", placeholder},
	{"where people opt out all runs until they do", optOut},
	{"where people opt out the signal does it for them", optOutSignal},
	{"closing agrees to nothing", closeUnanswered},
	{"a choice in one tab counts in the other", twoTabs},
	{"the snippet pasted twice is one banner", pastedTwice},
}

func firstVisit(s *stage) { // W14, W15, B10
	b := s.visit()
	s.asked(b)
	s.runs(b)
	s.called()
	if hosts := b.Hosts(); slices.ContainsFunc(hosts, func(host string) bool { return strings.HasPrefix(host, "vendor.") }) {
		s.Errorf("asked were %v", hosts)
	}
	for _, request := range b.Requests() {
		if !strings.HasPrefix(request, "GET ") {
			s.Errorf("before any choice there is a %s", request)
		}
	}
	if cookies, kept := b.Cookies(), b.Storage(); len(cookies) > 0 || len(kept) > 0 {
		s.Errorf("before any choice there are cookies %v, kept is %v", cookies, kept)
	}
	if told := chromiumtest.Evaluate[string](b, `document.querySelector("[data-google]").textContent`); strings.Count(told, "denied") != 6 || strings.Count(told, "granted") != 1 {
		s.Errorf("Google's tags are told %q", told)
	}
	if shifts := b.Shifts(); len(shifts) > 0 {
		s.Errorf("the page moved: %q", shifts) // F12
	}
	s.look(b, "asked")
}

func acceptAll(s *stage) { // W15, B1, B16, B35
	b := s.visit()
	b.Use("button", "Accept all")
	s.runs(b, services...)
	s.settled(b)
	s.called(services...)
	r := s.record(b)
	s.is(r, "functional marketing necessary statistics", "")
	if r.Source != banner.Banner || r.Version != 1 || len(r.Digest) != 64 || r.Digest != chromiumtest.Evaluate[string](b, `volenti.document.digest`) {
		s.Errorf("recorded is %+v", r)
	}
	if told := chromiumtest.Evaluate[string](b, `document.querySelector("[data-google]").textContent`); strings.Count(told, "granted") != 7 {
		s.Errorf("Google's tags are told %q", told)
	}
	if left := traces(b); !slices.Contains(left, "tw_id") || !slices.Contains(left, "nb_seen") {
		s.Errorf("the services left %v", left) // else their removal proves nothing
	}
	s.look(b, "accepted")
}

func refuseAll(s *stage) { // W14, W15, B13
	b := s.visit()
	s.asked(b)
	accept, refuse := b.AwaitThing("button", "Accept all"), b.AwaitThing("button", "Refuse all")
	if as, rs := b.Size(accept), b.Size(refuse); as != rs {
		s.Errorf("the button that accepts is %v, the one that refuses %v", as, rs)
	}
	b.Use("button", "Refuse all")
	s.settled(b)
	s.runs(b)
	s.called()
	s.is(s.record(b), "necessary", "")
	b.AwaitThing("button", "Privacy settings")
}

func oneCategory(s *stage) { // W14, B8
	b := s.visit()
	b.Use("button", "Choose")
	b.AwaitThing("dialog", "Your privacy settings")
	for _, name := range []string{"Functional", "Statistics", "Marketing"} {
		if is := b.AwaitThing("switch", name); is.State != "false" {
			s.Errorf("%s is %s before anybody chose", name, is.State)
		}
	}
	s.look(b, "settings")
	b.Use("switch", "Statistics")
	b.Use("button", "Save choice")
	s.runs(b, "tallywell")
	s.settled(b)
	s.called("tallywell")
	r := s.record(b)
	s.is(r, "necessary statistics", "")
	if r.Source != banner.Preferences {
		s.Errorf("the source is %s", r.Source)
	}
}

func oneVendor(s *stage) { // W14, B8
	b := s.visit()
	b.Use("button", "Choose")
	b.Use("switch", "Functional")
	s.unfold(b, "Services (3)")
	b.AwaitThing("switch", "Chatterling")
	b.Use("switch", "Chatterling")
	b.Use("switch", "Clipnook")
	b.Use("button", "Save choice")
	s.runs(b, "mapwren")
	s.settled(b)
	s.called("mapwren")
	s.is(s.record(b), "functional necessary", "-chatterling -clipnook")
}

// unfold opens what says this.
func (s *stage) unfold(b *chromiumtest.Browser, text string) {
	s.Helper()
	for _, role := range []string{"DisclosureTriangle", "button"} {
		if b.Sees(role, text) {
			b.Use(role, text)
			return
		}
	}
	s.Fatalf("there is no %q to unfold: %v", text, b.Tree())
}

func placeholder(s *stage) { // W15
	b := s.visit()
	b.Use("button", "Refuse all")
	s.settled(b)
	b.Show("button", "Show content and allow Clipnook")
	s.look(b, "placeholder")
	b.Use("button", "Show content and allow Clipnook")
	s.runs(b, "clipnook")
	s.called("clipnook")
	b.Await(`!volenti.state.queued`)
	b.Until("the second choice is taken", func() bool { return s.gate.taken("consents") == 2 })
	s.is(s.record(b), "necessary", "+clipnook")
}

// optsOut publishes the shop for people who are not asked before.
func (s *stage) optsOut() {
	s.Helper()
	s.publish(true, "People opt out now.", func(d *banner.Draft) {
		d.Regions = []banner.Region{{Key: "all", Mode: banner.OptOut}}
	})
}

func optOut(s *stage) { // W14, W15
	s.optsOut()
	b := s.visit()
	s.runs(b, services...)
	if b.Sees("button", "Refuse all") {
		s.Error("there is a banner")
	}
	b.Use("button", "Privacy settings")
	b.Use("button", "Refuse all")
	s.settled(b)
	s.is(s.record(b), "necessary", "")
	if left := traces(b); len(left) > 0 {
		s.Errorf("after the refusal there are %v", left)
	}
	b.Open(s.shop)
	s.runs(b)
}

func optOutSignal(s *stage) { // gpc.md
	s.optsOut()
	b := s.visit((*chromiumtest.Browser).Signal)
	s.runs(b, "chatterling", "clipnook", "mapwren", "tallywell")
	b.Until("the signal is recorded", func() bool { return s.gate.taken("consents") == 1 })
	s.called("chatterling", "clipnook", "mapwren", "tallywell")
	if text := b.Read(); !strings.Contains(text, honoured) {
		s.Errorf("it is not said that the signal is honoured:\n%s", text)
	}
}

func closeUnanswered(s *stage) { // W14
	b := s.visit()
	s.asked(b)
	b.Key(chromiumtest.Escape)
	b.AwaitGone("button", "Refuse all")
	s.runs(b)
	s.called()
	if n := s.gate.taken("consents"); n != 0 {
		s.Errorf("%d choices were sent", n)
	}
	b.Use("button", "Privacy settings")
	b.AwaitThing("dialog", "Your privacy settings")
}

func twoTabs(s *stage) {
	b := s.visit()
	s.asked(b)
	other := b.Beside()
	other.Open(s.shop)
	s.asked(other)
	b.Use("button", "Accept all")
	s.settled(b)
	s.runs(other, services...)
	other.AwaitGone("button", "Refuse all")
	other.Open(s.shop)
	s.runs(other, services...)
	if n := s.gate.taken("consents"); n != 1 {
		s.Errorf("%d choices were sent for one", n)
	}
	s.calm(other)
}

func pastedTwice(s *stage) {
	b := s.visit()
	s.asked(b)
	chromiumtest.Evaluate[bool](b, `new Promise(done => {
		const first = document.querySelector("script[data-site]"), again = document.createElement("script");
		for (const a of first.attributes) again.setAttribute(a.name, a.value);
		again.nonce = first.nonce;
		again.src = first.src + "?again";
		again.onload = () => setTimeout(() => done(true));
		document.head.append(again);
	})`)
	if n := len(b.Find("button", "Refuse all")); n != 1 {
		s.Errorf("there are %d banners", n)
	}
	b.Use("button", "Accept all")
	s.runs(b, services...)
	s.settled(b)
	if n := s.gate.taken("consents"); n != 1 {
		s.Errorf("%d choices were sent for one", n)
	}
	if calls := s.vendor.Calls(); slices.Index(calls, "nudgeberry") < 0 || len(slices.DeleteFunc(calls, func(c string) bool { return c != "nudgeberry" })) != 1 {
		s.Errorf("the services were called more than once: %v", s.vendor.Calls())
	}
}
