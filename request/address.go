package request

import (
	"encoding/json"
	"fmt"

	"volenti.dev/volenti/subject"
)

// Handover says how the answer is to reach the person, as it was asked for when
// the request was submitted. It is kept as a Paper of the kind HandoverPaper.
type Handover struct {
	// Deliver: whoever vouches for the identities wants letters to be sent to
	// the person.
	Deliver bool `json:"deliver,omitempty"`
	// Recipient is an age recipient (age1...) that the package is encrypted to
	// as well; "" for none.
	Recipient string `json:"recipient,omitempty"`
}

// HandoverPaper is the kind of the one paper that holds a Handover.
const HandoverPaper = "handover"

// Text writes it for its paper; "" where it says nothing.
func (h Handover) Text() (string, error) {
	if h == (Handover{}) {
		return "", nil
	}
	text, err := json.Marshal(h)
	return string(text), err
}

// HandoverOf reads the handover out of the papers of its kind.
func HandoverOf(k Sealer, tenant, id string, papers []Paper) (h Handover, err error) {
	for _, p := range papers {
		plain, err := p.Unseal(k, tenant, id)
		if err != nil {
			return h, err
		}
		if err := json.Unmarshal(plain, &h); err != nil {
			return h, fmt.Errorf("read how a request is handed over: %w", err)
		}
	}
	return h, nil
}

// Address is where the answer to a request may be sent. Only AddressOf makes
// one that leads somewhere.
type Address struct{ to subject.Personal[string] }

// None says that it leads nowhere.
func (a Address) None() bool { return a.to.Reveal() == "" }

// To gives the address for a letter.
func (a Address) To() subject.Personal[string] { return a.to }

// AddressOf gives the address for the answer: an email address that the person
// has proven in this request or, where there is none and whoever vouches wants
// it so, one that was vouched for. What somebody has written into a form, and
// what a webhook has added, is never one (SE1).
func AddressOf(k Sealer, tenant, id string, identities []Identity, h Handover) (Address, error) {
	for _, origin := range []Origin{Proven, Vouched} {
		if origin == Vouched && !h.Deliver {
			continue
		}
		for _, i := range identities { // in the order of the store, always the same
			if i.Type != subject.Email || i.Origin != origin || i.Sealed == nil { // nothing is sealed once it has ended
				continue
			}
			known, err := i.Unseal(k, tenant, id)
			return Address{known.Value}, err
		}
	}
	return Address{}, nil
}

// KeptAddress gives back an address that AddressOf gave and that was sealed
// since.
func KeptAddress(to string) Address { return Address{subject.Conceal(to)} }
