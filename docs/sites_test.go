package docs_test

import (
	"fmt"
	"strings"
	"testing"

	"volenti.dev/volenti/config/source"
	"volenti.dev/volenti/consent"
	"volenti.dev/volenti/consent/site"
)

func TestDraftsOfThePageCanBePublished(t *testing.T) { // W7
	drafts, _ := blocks(t, "banner-sites.md", "yml")
	ledger := map[string]bool{}
	for _, p := range consent.DefaultPurposes() {
		ledger[p.Key] = true
	}
	for i, text := range drafts {
		var r source.Report
		site.ParseDraft(fmt.Sprintf("banner-sites.md.%d", i), []byte(text), ledger, &r)
		for _, p := range r.Problems() {
			t.Error(p)
		}
	}
	if len(drafts) == 0 {
		t.Error("the page has no draft")
	}
}

func TestLimitsOfSitesAreThoseOfTheCode(t *testing.T) {
	text := read(t, "banner-sites.md")
	for _, limit := range []string{
		fmt.Sprintf("%d KiB of JSON", site.MaxDraft>>10), fmt.Sprintf("%d languages", site.MaxLanguages), fmt.Sprintf("%d categories", site.MaxCategories),
		fmt.Sprintf("%d vendors", site.MaxVendors), fmt.Sprintf("%d regions", site.MaxRegions), fmt.Sprintf("%d KiB for each text", site.MaxText>>10),
	} {
		if !strings.Contains(text, limit) {
			t.Errorf("the page does not say %q", limit)
		}
	}
}
