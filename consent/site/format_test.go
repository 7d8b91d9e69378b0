package site

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"volenti.dev/volenti/config/source"
)

func TestDraftsAreReadAsTheyWereWritten(t *testing.T) {
	var report source.Report
	d := ParseDraft("shop.yml", []byte(written), nil, &report)
	d.Links["terms"] = map[string]string{"": "https://shop.example/terms", "de": "https://shop.example/agb"}
	d.Texts["de"]["title"] = "no: \"yes\"\n# not a comment\n"
	d.Vendors[0].Name = "0x10"
	text, err := FormatDraft(d)
	if err != nil {
		t.Fatal(err)
	}
	again := ParseDraft("again.yml", text, nil, &report)
	if report.Errors() > 0 {
		t.Fatalf("%v\n%s", report.Problems(), text)
	}
	if diff := cmp.Diff(d, again); diff != "" {
		t.Errorf("(-before +after):\n%s\n%s", diff, text)
	}
}
