package site

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"strings"
	"testing"
)

func TestThereIsADocumentForEachLanguageAndRegion(t *testing.T) {
	d := shop()
	first := published(t, d, nil, false)
	d.Vendors[0].RetentionDays++
	v := published(t, d, &first, true)
	all, err := Render(v, "abcdefghijklmnop")
	if err != nil {
		t.Fatal(err)
	}
	if len(all) != 4 {
		t.Fatalf("%d documents", len(all))
	}
	for _, r := range all {
		sum := sha256.Sum256(r.Body)
		if r.ETag != hex.EncodeToString(sum[:]) {
			t.Error("the tag is not that of the body")
		}
		var d Document
		if err := json.Unmarshal(r.Body, &d); err != nil {
			t.Fatal(err)
		}
		if d.Language != r.Language || d.Region != r.Region || d.Digest != v.Digest() || d.Version != 2 || d.Material != 2 || d.Site != "abcdefghijklmnop" ||
			d.URL != "/api/v1/public/sites/abcdefghijklmnop/versions/2/"+r.Language+"/"+r.Region {
			t.Errorf("%+v", d)
		}
		if (d.Mode == OptIn) != (d.Region == "eu") || len(d.Languages) != 2 || len(d.Categories) != 3 || len(d.Vendors) != 1 {
			t.Errorf("%+v", d)
		}
		if d.Changes[0].Summary != "It is wider." || !d.Changes[0].At.Equal(noon) {
			t.Errorf("nobody is told in %s what has changed: %+v", d.Language, d.Changes)
		}
		if d.Texts["accept"] != Builtin(d.Language)["accept"] || d.Categories[1].Title != Builtin(d.Language)["category.statistics.title"] {
			t.Errorf("the texts are not in %s", d.Language)
		}
		if bytes.Contains(r.Body, []byte("analytics\"")) || bytes.Contains(r.Body, []byte(`"service"`)) {
			t.Error("visitors are shown what is for operators")
		}
	}
}

func TestDocumentsThatAreTooMuchAreRefused(t *testing.T) { // SE7
	v := published(t, shop(), nil, false)
	all, err := Render(v, "k")
	if err != nil {
		t.Fatal(err)
	}
	size := 0
	for _, r := range all {
		size += len(r.Body)
	}
	var wrong *Invalid
	if _, err := render(v, "k", size-1); !errors.As(err, &wrong) {
		t.Error(err)
	}
	if _, err := render(v, "k", size); err != nil {
		t.Error(err)
	}
}

func TestVisitorIsSpokenToInTheLanguageThatFitsBest(t *testing.T) {
	v := Version{Languages: []string{"en", "de", "pt-BR", "zh-Hant", "sr-Latn"}}
	for asked, want := range map[string]string{
		"": "en", "de": "de", "de-AT": "de", "pt": "pt-BR", "zh-TW": "zh-Hant", "fr": "en", "fr, de;q=0.5": "de", "DE": "de",
		"nonsense!": "en", strings.Repeat("a-", 90): "en", "sr-Latn-RS": "sr-Latn",
	} {
		if got := v.Speak(asked); got != want {
			t.Errorf("%q: %s, want %s", asked, got, want)
		}
	}
}

func TestFirstRegionThatNamesTheCountryCounts(t *testing.T) {
	v := Version{Regions: []Region{
		{Key: "california", Countries: []string{"US-CA"}}, {Key: "us", Countries: []string{"US"}}, {Key: "eu", Countries: []string{"DE"}}, {Key: "rest"},
	}}
	for country, want := range map[string]string{
		"US-CA": "california", "US-TX": "us", "US": "us", "DE": "eu", "DE-BY": "eu", "FR": "rest", "": "rest", "T1": "rest", "de": "rest",
	} {
		if got := v.Region(country).Key; got != want {
			t.Errorf("%q: %s, want %s", country, got, want)
		}
	}
}

func TestDirectionIsThatOfTheScript(t *testing.T) {
	for l, want := range map[string]string{
		"en": "ltr", "de-AT": "ltr", "ar": "rtl", "he": "rtl", "fa": "rtl", "ur": "rtl", "ps": "rtl", "yi": "rtl", "dv": "rtl", "ckb": "rtl",
		"uz": "ltr", "uz-Arab": "rtl", "az-Arab": "rtl", "ku": "ltr", "zh-Hant": "ltr", "pa-PK": "rtl",
	} {
		if got := direction(l); got != want {
			t.Errorf("%s: %s", l, got)
		}
	}
}

func TestTextsOfAFormOfALanguageAreThoseOfTheLanguage(t *testing.T) {
	d := shop()
	d.Languages = []string{"de-AT"}
	d.Links = nil
	d.Texts = map[string]map[string]string{"de-AT": {"accept": "Passt", "category.marketing.title": "Werbung"}}
	v := published(t, d, nil, false)
	got := v.Document("k", "de-AT", "")
	if got.Texts["accept"] != "Passt" || got.Texts["refuse"] != Builtin("de")["refuse"] || got.Categories[2].Title != "Werbung" || got.Region != "rest" {
		t.Errorf("%+v", got)
	}
}

func TestTextsOfTheFormItselfComeFirst(t *testing.T) {
	form := Builtin("de")
	form["accept"] = "Ist gut"
	builtin["de-CH"] = form
	defer delete(builtin, "de-CH")
	if got := (Draft{}).textsIn("de-CH")["accept"]; got != "Ist gut" {
		t.Error(got)
	}
}

func TestKeyOfASiteHasItsForm(t *testing.T) {
	key, err := NewKey(bytes.NewReader(bytes.Repeat([]byte{0xff}, 10)))
	if err != nil || key != strings.Repeat("7", 16) || !ValidKey(key) {
		t.Errorf("%q, %v", key, err)
	}
	for _, s := range []string{"", "7", strings.Repeat("A", 16), strings.Repeat("a", 17), "aaaaaaaaaaaaaaa\x00", "aaaaaaaaaaaaaaa1"} {
		if ValidKey(s) {
			t.Errorf("%q passes for a key", s)
		}
	}
}
