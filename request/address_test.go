package request

import (
	"crypto/rand"
	"fmt"
	"strings"
	"testing"

	"volenti.dev/volenti/subject"
)

// known makes identities in the order given.
func known(t *testing.T, of ...string) (all []Identity) {
	t.Helper()
	for i := 0; i < len(of); i += 2 {
		typ := subject.Email
		if of[i+1][0] == '+' {
			typ = subject.Phone
		}
		id, err := subject.New(typ, of[i+1])
		if err != nil {
			t.Fatal(err)
		}
		if Origin(of[i]) == Proven {
			all = append(all, proven(t, id))
			continue
		}
		all = append(all, SealIdentity(place{}, "acme", "r1", id, Origin(of[i]), []byte("digest key")))
	}
	return all
}

// proven answers with the code that was sent to an identity.
func proven(t *testing.T, id subject.Identity) Identity {
	t.Helper()
	key := []byte("digest key")
	c, code, err := NewChallenge("acme", "r1", Person, id, key, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	proof, err := c.Answer(code, key)
	if err != nil {
		t.Fatal(err)
	}
	i, err := proof.Seal(place{}, SealIdentity(place{}, "acme", "r1", id, Claimed, key))
	if err != nil {
		t.Fatal(err)
	}
	return i
}

func TestAnswerGoesOnlyToWhatWasProvenOrIsVouchedForOnPurpose(t *testing.T) { // SE1
	for _, c := range []struct {
		identities []string
		deliver    bool
		want       string
	}{
		{[]string{"claimed", "a@example.org", "derived", "b@example.org"}, true, ""},
		{[]string{"", "a@example.org"}, false, ""},
		{[]string{"", "a@example.org"}, true, "a@example.org"},
		{[]string{"", "a@example.org", "claimed", "b@example.org", "proven", "c@example.org"}, true, "c@example.org"},
		{[]string{"claimed", "b@example.org", "proven", "c@example.org"}, false, "c@example.org"},
		{[]string{"proven", "+4930123456"}, true, ""},
		{nil, true, ""},
	} {
		got, err := AddressOf(place{}, "acme", "r1", known(t, c.identities...), Handover{Deliver: c.deliver})
		if err != nil || got.To().Reveal() != c.want || got.None() != (c.want == "") {
			t.Errorf("%v, to be delivered %v: %q, %v; want %q", c.identities, c.deliver, got.To().Reveal(), err, c.want)
		}
		if shown := fmt.Sprintf("%v %+v", got, got); strings.Contains(shown, "@") {
			t.Errorf("it shows itself as %s", shown)
		}
	}
	raised := known(t, "claimed", "a@example.org")
	raised[0].Origin = Proven
	if got, err := AddressOf(place{}, "acme", "r1", raised, Handover{Deliver: true}); err == nil || !got.None() {
		t.Error("what was claimed is proven by another word in its row")
	}
}

func TestHandoverIsKeptAsItWasSaid(t *testing.T) { // SE3
	for _, want := range []Handover{{}, {Deliver: true}, {Recipient: "age1x"}, {Deliver: true, Recipient: "age1x"}} {
		text, err := want.Text()
		if err != nil {
			t.Fatal(err)
		}
		var papers []Paper
		if text != "" {
			papers = append(papers, NewPaper(place{}, "acme", "r1", HandoverPaper, "", []byte(text)))
		}
		if got, err := HandoverOf(place{}, "acme", "r1", papers); got != want || err != nil {
			t.Errorf("%+v comes back as %+v, %v", want, got, err)
		}
	}
	if _, err := HandoverOf(place{}, "acme", "r2", []Paper{NewPaper(place{}, "acme", "r1", HandoverPaper, "", []byte(`{"deliver":true}`))}); err == nil {
		t.Error("it opens in another request")
	}
}
