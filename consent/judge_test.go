package consent_test

import (
	"fmt"
	"testing"
	"time"

	"volenti.dev/volenti/consent"
	"volenti.dev/volenti/consent/notice"
	"volenti.dev/volenti/subject"
)

// asked are rules under which people were asked again by version 2.
func asked(t testing.TB, p consent.Purpose) *consent.Rules {
	t.Helper()
	r, err := consent.DefaultRules().Configure([]consent.Purpose{p, {Key: "other"}}, nil)
	for i, material := range []bool{false, true, false} {
		if err == nil {
			v := notice.Version{
				Version: fmt.Sprint(i + 1), Texts: []notice.Text{{Language: "en", Body: "a"}}, Summary: "s",
				Material: material, ClassifiedBy: "eve", Purposes: []string{p.Key},
			}
			r, err = r.Publish(v, now)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestWhatIsNotAGrantThatHoldsIsANoWithItsReason(t *testing.T) { // A12, A13
	const day = 24 * time.Hour
	for _, c := range []struct {
		name    string
		purpose consent.Purpose
		choice  consent.Choice
		notice  string
		age     time.Duration
		want    consent.Reason
	}{
		{"granted", consent.Purpose{}, consent.Granted, "3", 0, consent.Given},
		{"granted under the material version", consent.Purpose{Block: true}, consent.Granted, "2", 0, consent.Given},
		{"no record", consent.Purpose{}, "", "", 0, consent.Absent},
		{"refused", consent.Purpose{}, consent.Refused, "3", 0, consent.WasRefused},
		{"withdrawn", consent.Purpose{}, consent.Withdrawn, "3", 0, consent.WasWithdrawn},
		{"expired and swept", consent.Purpose{}, consent.Expired, "3", 0, consent.HasExpired},
		{"what no version knows", consent.Purpose{}, "odd", "3", 0, consent.Absent},
		{"before the end", consent.Purpose{Expires: day}, consent.Granted, "3", day - time.Second, consent.Given},
		{"at the end", consent.Purpose{Expires: day}, consent.Granted, "3", day, consent.HasExpired},
		{"due and kept", consent.Purpose{}, consent.Granted, "1", 0, consent.Given},
		{"due and blocked", consent.Purpose{Block: true}, consent.Granted, "1", 0, consent.ReconsentDue},
		{"due, version unknown", consent.Purpose{Block: true}, consent.Granted, "", 0, consent.ReconsentDue}, // A18
		{"due within patience", consent.Purpose{Patience: day}, consent.Granted, "1", -day / 2, consent.Given},
		{"due without patience left", consent.Purpose{Patience: day}, consent.Granted, "1", -day, consent.ReconsentDue},
		{"withdrawn while due", consent.Purpose{Block: true}, consent.Withdrawn, "1", 0, consent.WasWithdrawn},
	} {
		c.purpose.Key = "ads"
		r := asked(t, c.purpose)
		at, given := now, now.Add(-c.age)
		if c.age < 0 { // the time goes on, the grant was at publication
			at, given = now.Add(-c.age), now
		}
		got := r.Judgements()["ads"].Decide(c.choice, r.Era("ads", c.notice), given, at)
		if got.Reason != c.want || got.Allowed != (c.want == consent.Given) {
			t.Errorf("%s: %+v", c.name, got)
		}
	}
	r := asked(t, consent.Purpose{Key: "ads", Block: true})
	if got := r.Judgements()["ads"].Decide(consent.Granted, 0, now, now.Add(-time.Hour)); got.Reason != consent.ReconsentDue {
		t.Errorf("by a clock that is slow: %+v", got)
	}
	if got := r.Judgements()["cookies"].Decide(consent.Granted, 9, now, now); got.Allowed || got.Reason != consent.UnknownPurpose {
		t.Errorf("unknown purpose: %+v", got)
	}
	if got := r.Judgements()["other"].Decide(consent.Granted, 0, now, now); !got.Allowed {
		t.Errorf("a purpose that the version does not affect: %+v", got) // A17
	}
}

func TestABannerAnswersTheMaterialNoticesThatWereThereWhenItWasPublished(t *testing.T) { // B29, A18
	r := asked(t, consent.Purpose{Key: "ads", Block: true})
	for _, c := range []struct {
		published time.Time
		want      consent.Reason
	}{
		{now.Add(-time.Microsecond), consent.ReconsentDue},
		{now, consent.Given},
		{now.Add(time.Hour), consent.Given},
	} {
		if got := r.Judgements()["ads"].Decide(consent.Granted, r.EraAt("ads", c.published), now, now).Reason; got != c.want {
			t.Errorf("published %v: %s", c.published.Sub(now), got)
		}
	}
	e := consent.Entry{
		Identities: []subject.Identity{{Type: subject.ExternalID, Value: subject.Conceal("1")}}, Purpose: "ads", Granted: true, Source: consent.GPC,
		Shown: &consent.Shown{Version: notice.OfSite("shop", 3), Digest: "d", Language: "de", Published: now},
	}
	if err := r.Check("", []consent.Entry{e}, now); err != nil {
		t.Error(err)
	}
	if version, digest, language := r.Shown(e, nil); version != "site/shop/3" || digest != "d" || language != "de" {
		t.Errorf("shown %s %s %s", version, digest, language)
	}
	e.Notice = "1"
	if r.Check("", []consent.Entry{e}, now) == nil {
		t.Error("two texts were shown at once")
	}
	v := notice.Version{Version: "site/shop/3", Texts: []notice.Text{{Language: "en", Body: "a"}}, ClassifiedBy: "eve"}
	if _, err := r.Publish(v, now); err == nil {
		t.Error("a notice took the label of a banner")
	}
}
