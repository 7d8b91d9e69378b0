package consent_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"volenti.dev/volenti/consent"
	"volenti.dev/volenti/consent/notice"
	"volenti.dev/volenti/subject"
)

var now = time.Date(2026, 11, 21, 12, 30, 0, 0, time.UTC)

func TestNamesThatJavaScriptObjectsHaveAreRefusedAsKeys(t *testing.T) { // SE8
	for _, key := range []string{"__proto__", "constructor", "prototype", "", "Analytics", "a b", "9a", "a\x00", "ä", strings.Repeat("a", 65)} {
		if _, err := consent.DefaultRules().Configure([]consent.Purpose{{Key: key}}, nil); err == nil {
			t.Errorf("purpose %q was taken", key)
		}
		if _, err := consent.DefaultRules().Configure(consent.DefaultPurposes(), []consent.Source{consent.Source(key)}); err == nil {
			t.Errorf("source %q was taken", key)
		}
	}
}

func TestTheDefaultPurposesAndSourcesAreThere(t *testing.T) { // A3, A4
	r := consent.DefaultRules()
	for _, key := range []string{"analytics", "marketing_email", "marketing_push", "third_party_sharing", "personalization", "research"} {
		if r.Purpose(key) == nil {
			t.Errorf("no purpose %s", key)
		}
	}
	r, err := r.Configure([]consent.Purpose{{Key: "newsletter", Group: "marketing"}}, []consent.Source{"kiosk"})
	if err != nil || r.Purpose("newsletter") == nil || r.Purpose("analytics") != nil {
		t.Errorf("configured %v, %v", r, err)
	}
	who := []subject.Identity{{Type: subject.ExternalID, Value: subject.Conceal("1")}}
	for _, s := range []consent.Source{"signup_form", "cookie_banner", "settings_page", "email_preference_center", "api", "bulk_reconsent", "kiosk"} {
		if err := r.Check("", []consent.Entry{{Identities: who, Purpose: "newsletter", Source: s}}, now); err != nil {
			t.Errorf("source %s: %v", s, err)
		}
	}
}

func TestANoWithoutAGrantIsARefusal(t *testing.T) { // A10
	yes, no := consent.Entry{Granted: true}, consent.Entry{}
	state := func(c consent.Choice) *consent.State { return &consent.State{Choice: c, Notice: "1"} }
	banner := &consent.State{Choice: consent.Granted, Notice: notice.OfSite("shop", 1)}
	for _, c := range []struct {
		name   string
		prior  *consent.State
		e      consent.Entry
		shown  string
		ended  bool
		want   consent.Choice
		record bool
	}{
		{"first yes", nil, yes, "1", false, consent.Granted, true},
		{"first no", nil, no, "1", false, consent.Refused, true},
		{"yes again", state(consent.Granted), yes, "1", false, consent.Granted, false},
		{"yes to a newer version", state(consent.Granted), yes, "2", false, consent.Granted, true},
		{"yes after the end", state(consent.Granted), yes, "1", true, consent.Granted, true},
		{"no after a grant", state(consent.Granted), no, "1", false, consent.Withdrawn, true},
		{"no again", state(consent.Withdrawn), no, "1", false, consent.Withdrawn, false},
		{"refused again", state(consent.Refused), no, "1", false, consent.Refused, false},
		{"no after the end", state(consent.Expired), no, "1", false, consent.Refused, true},
		{"yes elsewhere after a banner", banner, yes, "", false, consent.Granted, true}, // B29
		{"imported after a banner", banner, consent.Entry{Granted: true, Given: now}, "", false, consent.Granted, false},
		{"no affirmed", state(consent.Withdrawn), consent.Entry{Reaffirm: true}, "1", false, consent.Refused, true},
	} {
		if got, record := consent.Decide(c.prior, c.e, c.shown, c.ended); got != c.want || record != c.record {
			t.Errorf("%s: %s, record %v", c.name, got, record)
		}
	}
}

func TestOnlyAPartOfTheAddressAndTheKindOfTheAgentAreKept(t *testing.T) { // SE11
	for in, want := range map[[2]string]consent.Trace{
		{"203.0.113.77", "Mozilla/5.0 (X11; Linux)"}:         {Network: "203.0.113.0/24", Agent: "desktop"},
		{"2001:db8:1:2:3::4", "Mozilla/5.0 (iPhone) Mobile"}: {Network: "2001:db8:1::/48", Agent: "mobile"},
		{"::ffff:203.0.113.77", "Googlebot/2.1"}:             {Network: "203.0.113.0/24", Agent: "robot"},
		{"fe80::1%eth0", "curl/8"}:                           {Network: "fe80::/48", Agent: "program"},
		{"not an address", ""}:                               {},
	} {
		e := consent.Entry{Address: subject.Conceal(in[0]), Agent: subject.Conceal(in[1])}
		if got := e.Trace(); got != want {
			t.Errorf("%v leaves %v, want %v", in, got, want)
		}
	}
}

func TestANoteIsKeptWithWhereAChoiceCameFrom(t *testing.T) { // A2
	e := consent.Entry{Purpose: "analytics", Source: consent.SettingsPage, Subject: consent.SubjectID{1}, By: "operator/1", Note: subject.Conceal(" on the telephone\n")}
	if got, want := e.Trace(), (consent.Trace{By: "operator/1", Note: "on the telephone"}); got != want {
		t.Errorf("%+v is kept", got)
	}
	for _, wrong := range []string{"\xff", strings.Repeat("x", 4097)} {
		e.Note = subject.Conceal(wrong)
		var invalid *consent.Invalid
		if err := consent.DefaultRules().Check("", []consent.Entry{e}, now); !errors.As(err, &invalid) || invalid.Violations[0].Field != "note" {
			t.Errorf("a note of %d bytes: %v", len(wrong), err)
		}
	}
}

func TestAPublishedVersionIsNotChanged(t *testing.T) { // A5
	v := notice.Version{Version: "1", Texts: []notice.Text{{Language: "en", Body: "a"}}, ClassifiedBy: "eve"}
	r, err := consent.DefaultRules().Publish(v, now)
	if err != nil || r.Current() != "1" {
		t.Fatal(err)
	}
	// printf a | sha256sum
	if got := r.Version("1").Digests["en"]; got != "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb" {
		t.Errorf("digest %s", got)
	}
	if again, err := r.Publish(v, now.Add(time.Hour)); err != nil || again != r { // A18
		t.Errorf("the same again: %v, %v", again, err)
	}
	v.Texts[0].Body = "b"
	if _, err := r.Publish(v, now); !errors.Is(err, consent.ErrPublished) {
		t.Errorf("changed: %v", err)
	}
	bad := notice.Version{Texts: []notice.Text{{Language: "english!", Body: ""}}, Material: true, Purposes: []string{"cookies"}}
	var invalid *consent.Invalid
	if _, err := r.Publish(bad, now); !errors.As(err, &invalid) || len(invalid.Violations) != 6 {
		t.Errorf("all that is wrong: %v", err)
	}
}

func TestAGrantSaysWhichOfSeveralTextsWasShown(t *testing.T) { // A5: a record without the digest of what was shown proves nothing
	v := notice.Version{Version: "1", Texts: []notice.Text{{Language: "en", Body: "a"}, {Language: "de", Body: "b"}}, ClassifiedBy: "eve"}
	r, err := consent.DefaultRules().Publish(v, now)
	if err != nil {
		t.Fatal(err)
	}
	who := []subject.Identity{{Type: subject.ExternalID, Value: subject.Conceal("1")}}
	for _, c := range []struct {
		language string
		granted  bool
		given    time.Time
		refused  bool
	}{
		{"", true, time.Time{}, true},
		{"fr", true, time.Time{}, true},
		{"de", true, time.Time{}, false},
		{"", false, time.Time{}, false},        // a refusal is taken however it comes
		{"", true, now.Add(-time.Hour), false}, // imported: no version is claimed
	} {
		e := consent.Entry{Identities: who, Purpose: "analytics", Source: "api", Granted: c.granted, Language: c.language, Given: c.given}
		var invalid *consent.Invalid
		if err := r.Check("", []consent.Entry{e}, now); errors.As(err, &invalid) != c.refused {
			t.Errorf("language %q, granted %v, given %v: %v", c.language, c.granted, c.given, err)
		}
		if _, digest, _ := r.Shown(e, nil); !c.refused && c.granted && c.given.IsZero() && digest == "" {
			t.Errorf("language %q: a grant without a digest", c.language)
		}
	}
}
