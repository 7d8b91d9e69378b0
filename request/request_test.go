package request

import (
	"errors"
	"testing"

	"volenti.dev/volenti/subject"
)

func TestWhatMayHappenToARequest(t *testing.T) {
	for _, c := range []struct {
		from Status
		e    Event
		to   Status // "" when it is refused
	}{
		{AwaitingApproval, Approve, Approved}, {AwaitingApproval, Deny, Denied}, {AwaitingApproval, Start, ""},
		{Approved, Start, InProcessing}, {Approved, Approve, ""}, {Approved, Finish, ""},
		{InProcessing, Start, InProcessing}, {InProcessing, Finish, Complete}, {InProcessing, Leave, CompleteWithResidue},
		{InProcessing, Fail, Errored}, {InProcessing, Pause, Paused}, {InProcessing, Approve, ""},
		{Errored, Start, InProcessing}, {Errored, Finish, ""}, {Paused, Start, InProcessing}, {Paused, Cancel, Canceled},
		{Errored, Retry, Approved}, {Paused, Retry, Approved}, {InProcessing, Retry, ""}, {Complete, Retry, ""}, {Approved, Retry, ""},
		{Errored, Skip, Errored}, {Paused, Skip, Paused}, {InProcessing, Skip, InProcessing}, {Approved, Skip, ""}, {Canceled, Skip, ""},
		{Errored, Finalise, CompleteWithResidue}, {Paused, Finalise, CompleteWithResidue}, {InProcessing, Finalise, CompleteWithResidue}, {Approved, Finalise, ""},
		{Complete, Start, ""}, {Complete, Cancel, ""}, {Canceled, Start, ""}, {Denied, Approve, ""},
	} {
		next, err := c.from.Next(c.e)
		if c.to == "" {
			if !errors.Is(err, ErrTransition) || next != c.from {
				t.Errorf("%s in %s gives %s, %v; want it refused and nothing changed", c.e, c.from, next, err)
			}
			continue
		}
		if next != c.to || err != nil || c.e.From()[c.from] != c.to {
			t.Errorf("%s in %s gives %s, %v; want %s", c.e, c.from, next, err, c.to)
		}
	}
	for _, s := range []Status{Denied, Complete, CompleteWithResidue, Canceled, Duplicate} {
		if !s.Terminal() {
			t.Errorf("something can happen to a request that is %s", s)
		}
	}
}

// place is a Sealer that shows what ciphertexts are tied to.
type place struct{}

func (place) Seal(plain, associated []byte) []byte {
	return []byte(string(associated) + "|" + string(plain))
}

func (place) Open(sealed, associated []byte) ([]byte, error) {
	if len(sealed) <= len(associated) || string(sealed[:len(associated)]) != string(associated) {
		return nil, errors.New("sealed for another place")
	}
	return sealed[len(associated)+1:], nil
}

func TestSealedIdentitiesOpenOnlyInTheirRow(t *testing.T) { // SE1, SE9
	id, err := subject.New(subject.Email, "Ann@example.org")
	if err != nil {
		t.Fatal(err)
	}
	stored := SealIdentity(place{}, "acme", "r1", id, Derived, []byte("digest key"))
	back, err := stored.Unseal(place{}, "acme", "r1")
	if err != nil || back.Value.Reveal() != "ann@example.org" || len(back.Values()) != 2 {
		t.Errorf("it opens as %d forms, %v", len(back.Values()), err)
	}
	other := stored
	other.Type = subject.ExternalID
	raised := SealIdentity(place{}, "acme", "r1", id, Claimed, []byte("digest key"))
	raised.Origin = Proven
	for what, open := range map[string]func() (subject.Identity, error){
		"another request": func() (subject.Identity, error) { return stored.Unseal(place{}, "acme", "r2") },
		"another tenant":  func() (subject.Identity, error) { return stored.Unseal(place{}, "rival", "r1") },
		"another origin":  func() (subject.Identity, error) { return raised.Unseal(place{}, "acme", "r1") },
		"another type":    func() (subject.Identity, error) { return other.Unseal(place{}, "acme", "r1") },
	} {
		if _, err := open(); err == nil {
			t.Errorf("it opens in %s", what)
		}
	}
}
