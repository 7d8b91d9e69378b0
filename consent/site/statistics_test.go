package site_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"volenti.dev/volenti/consent/site"
)

// count is n choices, of which some allow statistics; all say something of it.
func count(n, granted int64) site.Count {
	return site.Count{N: n, Categories: map[string]site.Split{"statistics": {N: n, Granted: granted}}}
}

func sum(parts map[string]site.Count) (total site.Count) {
	for _, c := range parts {
		total.Add("", site.Split{N: c.N})
		for key, s := range c.Categories {
			total.Add(key, s)
		}
	}
	return total
}

// said is a figure in short.
func said(f site.Figure) string {
	text := number(f.Total)
	for _, s := range f.Categories {
		text += fmt.Sprint(" ", s.Category, " ", number(s.Granted), " of ", number(s.Granted), "+", number(s.Refused))
		if s.Rate != nil {
			text += fmt.Sprint(" ", *s.Rate, "%")
		}
	}
	return text
}

func number(n *int64) string {
	if n == nil {
		return "?"
	}
	return fmt.Sprint(*n)
}

func TestRatesHaveOneDecimalAndAreNothingOfNobody(t *testing.T) { // B24
	for want, c := range map[string]site.Count{
		"0 statistics 0 of 0+0 0%":           count(0, 0),
		"30 statistics 20 of 20+10 66.7%":    count(30, 20),
		"25 statistics 25 of 25+0 100%":      count(25, 25),
		"25 statistics 0 of 0+25 0%":         count(25, 0),
		"2000 statistics 11 of 11+1989 0.6%": count(2000, 11),
		"? statistics ? of ?+?":              count(9, 0),
		"10 statistics 0 of 0+10 0%":         count(10, 0),
		"25 statistics ? of ?+?":             count(25, 1),
		"26 statistics ? of ?+?":             count(26, 25),
	} {
		f, groups, others := site.Tell(map[string]site.Count{"x": c}, site.ByDay)
		if d := cmp.Diff(want, said(f)); d != "" || others != nil || len(groups) > 0 && said(groups[0].Figure) != want {
			t.Error(d, groups, others)
		}
	}
}

func TestFewAreToldTogether(t *testing.T) { // B24
	for _, c := range []struct {
		why         string
		parts       map[string]site.Count
		want        []string
		wantOfOther string
	}{
		{"none is small", map[string]site.Count{"de": count(40, 20), "fr": count(30, 10)},
			[]string{"de: 40 statistics 20 of 20+20 50%", "fr: 30 statistics 10 of 10+20 33.3%"}, ""},
		{"one small part takes the next with it", map[string]site.Count{"de": count(40, 20), "fr": count(30, 10), "is": count(3, 0)},
			[]string{"de: 40 statistics 20 of 20+20 50%"}, "33 statistics 10 of 10+23 30.3%"},
		{"small parts are told together", map[string]site.Count{"de": count(40, 20), "is": count(6, 0), "mt": count(5, 0)},
			[]string{"de: 40 statistics 20 of 20+20 50%"}, "11 statistics 0 of 0+11 0%"},
		{"all are small", map[string]site.Count{"is": count(4, 0), "mt": count(3, 0)}, nil, ""},
		{"one that is hidden takes the smallest with it", map[string]site.Count{"de": count(40, 20), "fr": count(30, 12), "is": count(25, 3)},
			[]string{"de: 40 statistics 20 of 20+20 50%", "fr: 30 statistics ? of ?+?", "is: 25 statistics ? of ?+?"}, ""},
		{"two that are hidden are not few in sum", map[string]site.Count{"de": count(40, 20), "fr": count(30, 3), "is": count(25, 3)},
			[]string{"de: 40 statistics ? of ?+?", "fr: 30 statistics ? of ?+?", "is: 25 statistics ? of ?+?"}, ""},
	} {
		_, groups, others := site.Tell(c.parts, site.ByCountry)
		var got []string
		for _, g := range groups {
			got = append(got, g.Value+": "+said(g.Figure))
		}
		ofOther := ""
		if others != nil {
			ofOther = said(*others)
		}
		if d := cmp.Diff(c.want, got) + cmp.Diff(c.wantOfOther, ofOther); d != "" {
			t.Errorf("%s: %s", c.why, d)
		}
	}
}

// Who knows all that is told, and that everybody was asked about everything,
// still cannot say what a number is that is not told.
func TestNoSmallNumberCanBeComputed(t *testing.T) { // B24
	rapid.Check(t, func(t *rapid.T) {
		parts := map[string]site.Count{}
		for i := range rapid.IntRange(1, 8).Draw(t, "parts") {
			n := rapid.OneOf(rapid.Int64Range(1, 30), rapid.Int64Range(1, 400)).Draw(t, "n")
			c := site.Count{}
			c.Add("", site.Split{N: n})
			for _, category := range []string{"marketing", "statistics"} {
				granted := min(n, rapid.OneOf(rapid.Int64Range(0, 12), rapid.Int64Range(max(0, n-12), n), rapid.Int64Range(0, n)).Draw(t, category))
				c.Add(category, site.Split{N: n, Granted: granted})
			}
			parts[fmt.Sprint(i)] = c
		}
		total := sum(parts)
		whole, groups, others := site.Tell(parts, site.ByVersion)
		rows, left, pooled := []site.Figure{}, total.N, int64(len(parts)-len(groups))
		for _, g := range groups {
			told(t, parts[g.Value], g.Figure)
			rows, left = append(rows, g.Figure), left-*g.Total
		}
		switch {
		case others != nil && (pooled < 2 || *others.Total < 10 || *others.Total != left):
			t.Fatalf("others are %d of %d parts, %d are left", *others.Total, pooled, left)
		case others == nil && whole.Total != nil && pooled > 0:
			t.Fatalf("%d parts with %d choices are not told", pooled, left)
		case others != nil:
			rows = append(rows, *others)
		}
		told(t, total, whole)
		for i, share := range whole.Categories {
			if share.Granted != nil {
				attack(t, *share.Granted, *share.Refused, rows, i)
			}
		}
	})
}

// told fails when something is told that is small or not so.
func told(t *rapid.T, c site.Count, f site.Figure) {
	few := func(n int64) bool { return n > 0 && n < 10 }
	if few(c.N) != (f.Total == nil) || f.Total != nil && *f.Total != c.N {
		t.Fatalf("%s of %+v", said(f), c)
	}
	for _, share := range f.Categories {
		if share.Granted == nil {
			continue
		}
		s := c.Categories[share.Category]
		if few(s.Granted) || few(s.N-s.Granted) || *share.Granted != s.Granted || *share.Refused != s.N-s.Granted {
			t.Fatalf("%s of %+v", said(f), c)
		}
	}
}

// attack subtracts what is told of a category, and works out the least and the
// most that may have granted it in each part where that is not told.
func attack(t *rapid.T, granted, refused int64, rows []site.Figure, category int) {
	var hidden []int64 // how many choices
	var all int64
	for _, row := range rows {
		if share := row.Categories[category]; share.Granted != nil {
			granted, refused = granted-*share.Granted, refused-*share.Refused
			continue
		}
		hidden, all = append(hidden, *row.Total), all+*row.Total
	}
	if granted > 0 && granted < 10 || refused > 0 && refused < 10 {
		t.Fatalf("%d granted and %d refused are left", granted, refused)
	}
	for _, n := range hidden {
		if least, most := max(0, granted-(all-n)), min(n, granted); least == most {
			t.Fatalf("%d of %d granted it", most, n)
		}
	}
}

func TestWhatStandsChangesByTheRecordsBeforeAndAfter(t *testing.T) { // B24
	some := &site.Record{Categories: map[string]site.Answer{"necessary": {Granted: true}, "statistics": {Granted: true}, "marketing": {}}}
	others := &site.Record{Categories: map[string]site.Answer{"necessary": {Granted: true}, "marketing": {Granted: true}}}
	for _, c := range []struct {
		before, after *site.Record
		want          map[string]int64
	}{
		{nil, nil, map[string]int64{}},
		{nil, some, map[string]int64{"": 1, "necessary": 1, "statistics": 1}},
		{others, some, map[string]int64{"": 0, "necessary": 0, "statistics": 1, "marketing": -1}},
		{some, nil, map[string]int64{"": -1, "necessary": -1, "statistics": -1}},
	} {
		if d := cmp.Diff(c.want, site.Changes(c.before, c.after)); d != "" {
			t.Error(d)
		}
	}
}
