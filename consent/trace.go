package consent

import (
	"net/netip"
	"strings"

	"volenti.dev/volenti/subject"
)

type identity = subject.Identity

// Trace is from where a choice came, as far as it is kept: enough to show a
// pattern of forged choices, too little to single out a device.
type Trace struct {
	Network string `json:"network,omitempty"` // /24 of IPv4, /48 of IPv6
	Agent   string `json:"agent,omitempty"`   // class of the user agent
	// Who recorded it for the person, and how the person said so. Records of before
	// have neither.
	By   string `json:"by,omitempty"`
	Note string `json:"note,omitempty"`
}

// Trace cuts down where the entry came from.
func (e Entry) Trace() Trace {
	return Trace{Network: network(e.Address.Reveal()), Agent: agent(e.Agent.Reveal()), By: e.By, Note: strings.TrimSpace(e.Note.Reveal())}
}

func network(address string) string {
	a, err := netip.ParseAddr(address)
	if err != nil {
		return ""
	}
	a = a.Unmap().WithZone("")
	bits := 48
	if a.Is4() {
		bits = 24
	}
	p, err := a.Prefix(bits)
	if err != nil {
		return ""
	}
	return p.String()
}

func agent(text string) string {
	lower := strings.ToLower(text)
	has := func(words ...string) bool {
		for _, w := range words {
			if strings.Contains(lower, w) {
				return true
			}
		}
		return false
	}
	switch {
	case text == "":
		return ""
	case has("bot", "crawler", "spider"):
		return "robot"
	case has("mobile", "android", "iphone", "ipad"):
		return "mobile"
	case has("mozilla/"):
		return "desktop"
	}
	return "program"
}
