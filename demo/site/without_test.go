package site_test

import (
	"strings"

	"volenti.dev/volenti/internal/chromiumtest"
)

// without are the journeys on which something is missing.
var without = []journey{
	{"a choice without a network is sent later, once", offline},
	{"a slow server holds no page up", slow},
	{"without the server nothing runs", serverDown},
	{"a server that fails loses no choice", serverFails},
	{"without storage a choice holds on its page", noStorage},
	{"without scripts the shop works and nothing is loaded", noScripts},
}

func offline(s *stage) { // W17
	b := s.visit()
	s.asked(b)
	b.Network(false)
	b.Use("button", "Refuse all")
	b.AwaitGone("button", "Refuse all")
	b.Await(`volenti.state.queued`)
	b.Until("it is said", func() bool {
		return strings.Contains(b.Read(), "You are offline. Your choice holds, and is sent later.")
	})
	b.Window("offline")
	b.Network(true)
	s.settled(b)
	b.Open(s.shop)
	b.Await(`volenti.state.phase == "settled" && !volenti.state.queued`)
	if n := s.gate.taken("consents"); n != 1 {
		s.Errorf("the choice was taken %d times", n)
	}
	s.is(s.record(b), "necessary", "")
}

func slow(s *stage) { // F12
	release := s.gate.hold("/sdk/banner.js")
	defer release()
	b := s.world.browser.Visitor(s.T)
	s.Cleanup(func() { s.calm(b) })
	chromiumtest.Evaluate[bool](b, `location.href = `+`"`+s.shop+`", true`)
	b.Await(`location.pathname == "/" && document.readyState == "interactive" && document.querySelector("h1")`)
	b.Use("button", "Add Sencha to the basket")
	b.Await(`document.readyState == "interactive" && document.querySelector(".basket span").textContent == "1"`)
	s.called()
	release()
	s.asked(b)
}

func serverDown(s *stage) {
	s.gate.close(func(path string) bool { return strings.HasPrefix(path, "/api/") })
	b := s.visit()
	b.Await(`window.volenti && volenti.state.phase == "failed"`)
	s.runs(b)
	s.called()
	if b.Sees("button", "Accept all") {
		s.Error("visitors are asked what nobody knows")
	}
}

func serverFails(s *stage) { // W17
	b := s.visit()
	s.asked(b)
	s.gate.close(func(path string) bool { return strings.HasSuffix(path, "/consents") })
	b.Use("button", "Accept all")
	s.runs(b, services...)
	b.Await(`volenti.state.queued`)
	b.Open(s.shop) // leaving the page loses nothing
	s.runs(b, services...)
	b.Await(`volenti.state.queued`)
	s.gate.close(nil)
	b.Open(s.shop)
	b.Await(`volenti.state.standing && !volenti.state.queued`)
	if n := s.gate.taken("consents"); n != 1 {
		s.Errorf("the choice was taken %d times", n)
	}
	s.is(s.record(b), "functional marketing necessary statistics", "")
}

func noStorage(s *stage) {
	b := s.visit(func(b *chromiumtest.Browser) {
		b.Before(`for (const name of ["localStorage", "sessionStorage"]) Object.defineProperty(window, name, {get() { throw new DOMException("refused", "SecurityError") }});
			Object.defineProperty(Document.prototype, "cookie", {get: () => "", set: () => {}});`)
	})
	b.Use("button", "Choose")
	b.Use("switch", "Marketing")
	b.Use("button", "Save choice")
	s.runs(b, "nudgeberry")
	s.called("nudgeberry")
	b.Open(s.shop)
	s.asked(b)
	s.runs(b)
}

func noScripts(s *stage) { // W15
	b := s.world.browser.Visitor(s.T)
	b.Scripts(false)
	b.Open(s.shop)
	b.Use("button", "Add Sencha to the basket")
	b.AwaitThing("link", "Basket 1")
	b.AwaitThing("link", "Imprint") // what comes last: the page is there as a whole
	if text := b.Read(); !strings.Contains(text, "Scripts are off in your browser.") {
		s.Errorf("the page says\n%s", text)
	}
	s.called()
	s.look(b, "no-scripts")
}
