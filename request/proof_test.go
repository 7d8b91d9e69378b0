package request

import (
	"crypto/rand"
	"errors"
	"testing"

	"volenti.dev/volenti/subject"
)

func challenge(t *testing.T, tenant, id string, party Party, email string) (Challenge, string) {
	t.Helper()
	to, err := subject.New(subject.Email, email)
	if err != nil {
		t.Fatal(err)
	}
	c, code, err := NewChallenge(tenant, id, party, to, []byte("key"), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return c, code
}

func TestCodesAreEightDigitsThatDiffer(t *testing.T) { // SE2
	seen := map[string]bool{}
	for range 200 {
		_, code := challenge(t, "acme", "r1", Person, "ann@example.org")
		if len(code) != 8 || seen[code] {
			t.Fatalf("%q", code)
		}
		for _, c := range code {
			if c < '0' || c > '9' {
				t.Fatalf("%q", code)
			}
		}
		seen[code] = true
	}
}

func TestCodeIsRightForOneIdentityOfOneRequest(t *testing.T) { // SE1, SE2
	c, code := challenge(t, "acme", "r1", Person, "ann@example.org")
	p, err := c.Answer(code, []byte("key"))
	if err != nil || p.Request() != "r1" || p.Tenant() != "acme" || p.Party() != Person {
		t.Fatalf("the right one: %v", err)
	}
	wrong := map[string]func() (Proof, error){
		"another key": func() (Proof, error) { return c.Answer(code, []byte("other")) },
		"nothing":     func() (Proof, error) { return c.Answer("", []byte("key")) },
		"more digits": func() (Proof, error) { return c.Answer(code+"0", []byte("key")) },
		"next to it":  func() (Proof, error) { return c.Answer(code[:7]+string('0'+(code[7]-'0'+1)%10), []byte("key")) },
	}
	for what, other := range map[string]func(*Challenge){
		"another tenant": func(c *Challenge) { c.Tenant = "rival" }, "another request": func(c *Challenge) { c.Request = "r2" },
		"another party": func(c *Challenge) { c.Party = Agent }, "another type": func(c *Challenge) { c.Type = subject.Phone },
		"another identity": func(c *Challenge) { c.Digest = "00" },
	} {
		moved := c
		other(&moved)
		wrong[what] = func() (Proof, error) { return moved.Answer(code, []byte("key")) }
	}
	for what, answer := range wrong {
		if p, err := answer(); !errors.Is(err, ErrRefused) || p.Request() != "" {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func TestOnlyAProofMakesAnIdentityProven(t *testing.T) { // SE1
	ann, err := subject.New(subject.Email, "Ann@example.org")
	if err != nil {
		t.Fatal(err)
	}
	claimed := SealIdentity(place{}, "acme", "r1", ann, Claimed, []byte("key"))
	answer := func(id string, party Party, email string) Proof {
		c, code := challenge(t, "acme", id, party, email)
		p, err := c.Answer(code, []byte("key"))
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	proven, err := answer("r1", Person, "ann@example.org").Seal(place{}, claimed)
	if err != nil || proven.Origin != Proven {
		t.Fatalf("%s, %v", proven.Origin, err)
	}
	if back, err := proven.Unseal(place{}, "acme", "r1"); err != nil || len(back.Values()) != 2 {
		t.Errorf("it opens as %d forms, %v", len(back.Values()), err)
	}
	for what, p := range map[string]Proof{
		"none": {}, "of another person": answer("r1", Person, "ben@example.org"), "of the agent": answer("r1", Agent, "ann@example.org"),
		"of another request": answer("r2", Person, "ann@example.org"),
	} {
		if got, err := p.Seal(place{}, claimed); err == nil || got.Origin == Proven {
			t.Errorf("a proof %s makes it %s", what, got.Origin)
		}
	}
	defer func() {
		if recover() == nil {
			t.Error("an identity was sealed as proven without a proof")
		}
	}()
	SealIdentity(place{}, "acme", "r1", ann, Proven, []byte("key"))
}

func TestPlacesAndLanguagesAreReadInTheirUsualForm(t *testing.T) { // SE7
	for given, want := range map[string]string{"": "", " de ": "DE", "us-ca": "US-CA", "uk": "GB", "FR-75C": "FR-75C"} {
		if got, err := ParsePlace(given); err != nil || got != want {
			t.Errorf("%q: %q, %v", given, got, err)
		}
	}
	for _, given := range []string{"DEU", "ZZ", "D", "EU", "DE-", "DE-ABCD", "DE\x00", "419", "DE DE", "<b>"} {
		if got, err := ParsePlace(given); err == nil {
			t.Errorf("%q is the place %q", given, got)
		}
	}
	for given, want := range map[string]string{"": "", "de-de": "de-DE", "en": "en"} {
		if got, err := ParseLanguage(given); err != nil || got != want {
			t.Errorf("%q: %q, %v", given, got, err)
		}
	}
	for _, given := range []string{"german", "d", "de_\x00", "de de"} {
		if got, err := ParseLanguage(given); err == nil {
			t.Errorf("%q is the language %q", given, got)
		}
	}
}
