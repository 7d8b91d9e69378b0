package site

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestChangeIsToldAsVisitorsWouldSeeIt(t *testing.T) { // W7
	first := published(t, shop(), nil, false)
	d := shop()
	d.Languages = []string{"de", "en"}
	d.Texts = map[string]map[string]string{"de": {"accept": "Ja"}}
	d.Links = map[string]map[string]string{"imprint": {"": "https://shop.example/i"}}
	d.Categories = d.Categories[:2]
	d.Categories[1].RetentionDays = 7
	d.Vendors[0].RetentionDays = 60
	d.Regions = d.Regions[1:]
	got := d.Change(&first)
	want := Change{Material: true, Differences: []Difference{
		{Kind: "category", Key: "statistics", How: "changed", Widens: true, Because: []Reason{ByVendor}, Fields: []Detail{
			{"days", float64(790), float64(7)}, {"retention_days", nil, float64(7)},
		}},
		{Kind: "vendor", Key: "counter", How: "changed", Widens: true, Because: []Reason{"retention_days"}, Fields: []Detail{{"retention_days", float64(30), float64(60)}}},
		{Kind: "text", Key: "accept", Language: "de", How: "changed", Fields: []Detail{{"text", Builtin("de")["accept"], "Ja"}}},
		{Kind: "link", Key: "imprint", Language: "de", How: "added", Fields: []Detail{{"link", nil, "https://shop.example/i"}}},
		{Kind: "link", Key: "imprint", Language: "en", How: "added", Fields: []Detail{{"link", nil, "https://shop.example/i"}}},
		{Kind: "region", Key: "eu", How: "removed"},
		{Kind: "category", Key: "marketing", How: "removed"},
		{Kind: "link", Key: "privacy", Language: "en", How: "removed"},
		{Kind: "link", Key: "privacy", Language: "de", How: "removed"},
		{Kind: "order", Key: "language", How: "changed"},
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestLanguageThatIsNewIsOneDifference(t *testing.T) {
	d := shop()
	d.Languages, d.Links = []string{"en"}, nil
	first := published(t, d, nil, false)
	d.Languages = []string{"en", "de"}
	got := d.Change(&first)
	titles := 0
	for _, x := range got.Differences {
		if x.Kind == "category" { // with a title in one language more
			titles++
			continue
		}
		if x.Kind != "language" || x.Key != "de" || x.How != "added" {
			t.Errorf("%+v", x)
		}
	}
	if got.Material || titles != 3 || len(got.Differences) != 4 {
		t.Errorf("%+v", got)
	}
	second := published(t, d, &first, false)
	d.Languages = []string{"en"}
	for _, x := range d.Change(&second).Differences {
		if x.Kind == "text" {
			t.Errorf("each text of a language that goes is told: %+v", x)
		}
	}
}

func TestFirstPublicationAddsEverything(t *testing.T) {
	got := shop().Change(nil)
	if got.Material {
		t.Error("nobody can be asked again")
	}
	for _, x := range got.Differences {
		if x.How != "added" {
			t.Errorf("%+v", x)
		}
	}
	if len(got.Differences) == 0 {
		t.Error("nothing is told")
	}
	if _, err := json.Marshal(got); err != nil {
		t.Error(err)
	}
}

// Whatever an operator changes is told if, and only if, it makes another
// version.
func TestNoVersionHasADifferenceThatNobodyIsTold(t *testing.T) {
	var v Version
	fillVersion(&v)
	eachChange(&v, func(field string, after Version) {
		same := string(v.content()) == string(after.content())
		if told := len(Compare(&v, after).Differences) > 0; told == same {
			t.Errorf("%s: another version: %t, told: %t", field, !same, told)
		}
	})
}
