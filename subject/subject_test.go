package subject_test

import (
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"

	"volenti.dev/volenti/subject"
)

func TestIdentitiesTakeTheirNormalForm(t *testing.T) {
	for _, c := range []struct {
		t         subject.Type
		raw, want string
	}{
		{subject.Email, " Ann.Lee@Example.ORG\n", "ann.lee@example.org"},
		{subject.Email, "ann+news@example.org", "ann+news@example.org"},
		{subject.Email, "a..b.@mail.example", "a..b.@mail.example"},
		{subject.Email, "JOSE\u0301@example.org", "jos\u00e9@example.org"},
		{subject.Email, "ann@xn--bcher-kva.example", "ann@xn--bcher-kva.example"},
		{subject.Email, "Ann@B\u00fccher.example", "ann@xn--bcher-kva.example"},
		{subject.Email, "root@localhost", "root@localhost"},
		{subject.Phone, "+49 (0)170 / 123-4567", "+491701234567"},
		{subject.Phone, "+49\u00a0170\u20131234567", "+491701234567"},
		{subject.Phone, "+1 (212) 555.0123", "+12125550123"},
		{subject.Phone, "+39 06 698 2123", "+39066982123"},
		{subject.DeviceID, " 5f0c-Ab ", "5f0c-Ab"},
		{subject.ExternalID, "Kunde 12\u0301", "Kunde 12\u0301"},
		{subject.ExternalID, "e\u0301", "\u00e9"},
		{"customer_number", "\t00012 \u200d", "00012 \u200d"},
	} {
		id, err := subject.New(c.t, c.raw)
		if err != nil {
			t.Errorf("%s %q: %v", c.t, c.raw, err)
			continue
		}
		if got := id.Value.Reveal(); got != c.want {
			t.Errorf("%s %q has the normal form %q, want %q", c.t, c.raw, got, c.want)
		}
		if got, want := id.Given[0].Reveal(), strings.TrimSpace(c.raw); got != want {
			t.Errorf("%s %q was given as %q, want %q", c.t, c.raw, got, want)
		}
	}
}

func TestWhatIsNoIdentityIsRefusedWithoutQuotingIt(t *testing.T) {
	long := strings.Repeat("canary", 200)
	for _, c := range []struct {
		t              subject.Type
		raw, mentioned string
	}{
		{subject.Email, "", "empty"},
		{subject.Email, " \t", "empty"},
		{subject.Email, "canary", "@"},
		{subject.Email, "@canary.org", "@"},
		{subject.Email, "canary@", "@"},
		{subject.Email, "canary@a@b", "one @"},
		{subject.Email, "canary\r\nBcc:x@example.org", "mailboxes"},
		{subject.Email, "canary smith@example.org", "mailboxes"},
		{subject.Email, `"canary"@example.org`, "mailboxes"},
		{subject.Email, "ca\u200bnary@example.org", "mailboxes"},
		{subject.Email, strings.Repeat("c", 65) + "@canary.org", "64"},
		{subject.Email, "canary@" + strings.Repeat("aaa.", 62) + "org", "254"},
		{subject.Email, "canary@" + strings.Repeat("a", 64) + ".org", "63"},
		{subject.Email, "canary@exa_mple.org", "domain"},
		{subject.Email, "canary@-example.org", "hyphen"},
		{subject.Email, "canary@example..org", "domain"},
		{subject.Email, "canary@b\u00fccher\u00a0x.example", "domain"},
		{subject.Email, "canary@[192.0.2.1]", "domain"},
		{subject.Email, "canary\xff@example.org", "UTF-8"},
		{subject.Phone, "0170 1234567", "country code"},
		{subject.Phone, "0049 170 1234567", "country code"},
		{subject.Phone, "+49", "too short"},
		{subject.Phone, "+49 1701234567890123456", "too long"},
		{subject.Phone, "+999 1234567", "country"},
		{subject.Phone, "+49 0000 1234567", "country"},
		{subject.Phone, "+1 800 FLOWERS", "letters"},
		{subject.Phone, "+1 212 555 0123 ext. 4", "extension"},
		{subject.Phone, "+4917012345+67", "characters"},
		{subject.DeviceID, "canary\x00", "printed"},
		{subject.DeviceID, long[:257], "256"},
		{subject.ExternalID, "canary\u202e", "printed"},
		{subject.ExternalID, long, "1024"},
		{"custom", "canary\x1b[0m", "control"},
		{"custom", long, "1024"},
	} {
		_, err := subject.New(c.t, c.raw)
		if !errors.Is(err, subject.ErrInvalid) || !strings.Contains(err.Error(), c.mentioned) {
			t.Errorf("%s %q: %v, want a refusal that mentions %q", c.t, c.raw, err, c.mentioned)
			continue
		}
		if text := err.Error(); strings.Contains(text, "canary") || strings.Contains(text, "1701234567") { // SE10
			t.Errorf("%s: the error quotes the value: %s", c.t, text)
		}
	}
}

func TestTypesAreLowerCaseWords(t *testing.T) {
	for _, ok := range []string{"a", "email", "customer_number", "x9_", strings.Repeat("a", 64)} {
		if got, err := subject.ParseType(ok); err != nil || string(got) != ok {
			t.Errorf("ParseType(%q) = %q, %v", ok, got, err)
		}
	}
	for _, bad := range []string{"", "9a", "_a", "Email", "e-mail", "é", "a b", "canary@example.org", strings.Repeat("a", 65)} {
		_, err := subject.ParseType(bad)
		if !errors.Is(err, subject.ErrInvalid) {
			t.Errorf("ParseType(%q): %v, want a refusal", bad, err)
			continue
		}
		if strings.Contains(err.Error(), "canary") {
			t.Errorf("the error quotes what was given: %v", err)
		}
		if _, err := subject.New(subject.Type(bad), "x"); !errors.Is(err, subject.ErrInvalid) {
			t.Errorf("New with type %q: %v, want a refusal", bad, err)
		}
	}
}

func TestNormalFormIsIdempotent(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		typ := rapid.SampledFrom([]subject.Type{subject.Email, subject.Phone, subject.DeviceID, subject.ExternalID, "custom"}).Draw(t, "type")
		var raw string
		switch typ {
		case subject.Email:
			raw = rapid.String().Draw(t, "local") + rapid.StringMatching(`[A-Za-z0-9]{1,8}@[A-Za-z0-9]{1,8}(\.[A-Za-z0-9]{1,8}){0,3}`).Draw(t, "rest")
		case subject.Phone:
			raw = rapid.StringMatching(`\+[1-9][0-9]{0,3}( \(0\))?[ -/.0-9]{4,14}`).Draw(t, "phone")
		default:
			raw = rapid.String().Draw(t, "raw")
		}
		sameAgain(t, typ, raw)
	})
}

func TestEveryLetterOfAnAddressHasOneNormalForm(t *testing.T) {
	for r := rune(1); r < 0x20000; r++ { // no letters with case lie beyond
		sameAgain(t, subject.Email, "a"+string(r)+"@example.org")
	}
}

type failer interface{ Fatalf(string, ...any) }

// sameAgain checks that the normal form of raw, if it has one, is its own
// normal form and has its own digest.
func sameAgain(t failer, typ subject.Type, raw string) {
	one, err := subject.New(typ, raw)
	if err != nil {
		return
	}
	two, err := subject.New(typ, one.Value.Reveal())
	if err != nil {
		t.Fatalf("%s %q: the normal form %q is refused: %v", typ, raw, one.Value.Reveal(), err)
	}
	if !one.Value.Equal(two.Value) || one.Digest([]byte("k")) != two.Digest([]byte("k")) {
		t.Fatalf("%s %q: the normal form %q becomes %q", typ, raw, one.Value.Reveal(), two.Value.Reveal())
	}
}

func TestDigestKeepsTypesValuesAndKeysApart(t *testing.T) {
	email := func(s string) subject.Identity {
		id, err := subject.New(subject.Email, s)
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	key := []byte("0123456789abcdef0123456789abcdef")
	// Computed with: printf 'email\0ann@example.org' | openssl dgst -sha256 -hmac KEY
	const want = "5b4756b7f15796c086f43c9ddc70c3babf77e9285ee861087966ba09ae0332f9"
	if got := email("Ann@Example.org ").Digest(key); got != want {
		t.Errorf("the digest is %s, want %s", got, want)
	}
	external := subject.Identity{Type: subject.ExternalID, Value: subject.Conceal("ann@example.org")}
	for name, other := range map[string]string{
		"another value": email("bob@example.org").Digest(key),
		"another type":  external.Digest(key),
		"another key":   email("ann@example.org").Digest([]byte("other")), // SE11
	} {
		if other == want {
			t.Errorf("%s has the same digest", name)
		}
	}
}

func TestSpellingsOfOneIdentityAreKeptTogether(t *testing.T) {
	normal, _ := subject.New(subject.Email, "ann@example.org")
	capital, _ := subject.New(subject.Email, "Ann@example.org")
	other, _ := subject.New(subject.Email, "ben@example.org")
	for _, ids := range [][]subject.Identity{{normal, other, capital}, {capital, other, normal}} {
		got := subject.Together(ids)
		if len(got) != 2 || len(got[0].Values()) != 2 || len(got[1].Values()) != 1 {
			t.Errorf("%d identities; the first has %d forms", len(got), len(got[0].Values()))
		}
	}
}

func TestValuesAreTheNormalFormAndWhatWasGiven(t *testing.T) {
	reveal := func(id subject.Identity) (values []string) {
		for _, v := range id.Values() {
			values = append(values, v.Reveal())
		}
		return values
	}
	differs, _ := subject.New(subject.Email, " Ann@example.org")
	same, _ := subject.New(subject.Email, "ann@example.org ")
	stored := subject.Identity{Type: subject.Email, Value: subject.Conceal("ann@example.org")}
	for _, c := range []struct {
		id   subject.Identity
		want string
	}{{differs, "ann@example.org Ann@example.org"}, {same, "ann@example.org"}, {stored, "ann@example.org"}} {
		if got := strings.Join(reveal(c.id), " "); got != c.want {
			t.Errorf("values are %q, want %q", got, c.want)
		}
	}
}

func FuzzNew(f *testing.F) {
	for _, seed := range []struct{ t, raw string }{
		{"email", "Ann@Example.org"}, {"phone_number", "+49 (0)170 1234567"}, {"phone_number", "+"},
		{"phone_number", "\uff0b49"}, {"device_id", "x"}, {"custom", "\u00a0\xff"}, {"", ""},
	} {
		f.Add(seed.t, seed.raw)
	}
	f.Fuzz(func(t *testing.T, typ, raw string) {
		sameAgain(t, subject.Type(typ), raw)
		id, err := subject.New(subject.Type(typ), raw)
		if err == nil && !utf8.ValidString(id.Value.Reveal()) {
			t.Fatalf("%s %q: the normal form is not UTF-8", typ, raw)
		}
	})
}
