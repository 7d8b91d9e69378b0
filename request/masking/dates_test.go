package masking_test

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"volenti.dev/volenti/datamap/value"
	"volenti.dev/volenti/request/masking"
)

var (
	anyText = masking.Column{Type: value.Type{Kind: value.String}}
	aDay    = masking.Column{Type: value.Type{Kind: value.Day}}
	aTime   = masking.Column{Type: value.Type{Kind: value.Timestamp}}
)

// instant reads a day or an instant.
func instant(t *testing.T, v any) time.Time {
	t.Helper()
	at, err := value.Cast(v, value.Type{Kind: value.Timestamp})
	if err != nil {
		t.Fatal(err)
	}
	return at.(time.Time)
}

func TestAllDatesOfARequestAreShiftedByTheSameDays(t *testing.T) {
	born, first := value.Date("1990-02-28"), "2024-02-28T23:59:59.5+05:30"
	seen := time.Date(2024, 12, 31, 22, 0, 0, 5000, time.UTC)
	shifts := map[time.Duration]bool{}
	for s := range byte(40) {
		p := place()
		p.Secret = []byte(strings.Repeat(string(rune('a'+s)), 16))
		shift := spec("date_shift", "days", 3)
		by := instant(t, mask(t, shift, born, aDay, p)).Sub(instant(t, born))
		shifts[by] = true
		if by == 0 || by.Abs() > 3*24*time.Hour {
			t.Fatalf("shifted by %v, want 1 to 3 days", by)
		}
		elsewhere := p
		elsewhere.Table, elsewhere.Key, elsewhere.Column = "orders", "9", "first"
		masked := mask(t, shift, first, anyText, elsewhere)
		if got := instant(t, masked).Sub(instant(t, first)); got != by || !strings.HasSuffix(masked.(string), "T23:59:59.5+05:30") {
			t.Errorf("%s became %v: shifted by %v, want %v", first, masked, got, by)
		}
		if got := mask(t, shift, seen, aTime, elsewhere).(time.Time).Sub(seen); got != by {
			t.Errorf("an instant is shifted by %v, want %v", got, by)
		}
		if got := instant(t, mask(t, shift, seen, masking.Column{}, elsewhere)).Sub(seen); got != by {
			t.Errorf("an instant in a document is shifted by %v, want %v", got, by)
		}
	}
	if len(shifts) != 6 {
		t.Errorf("forty secrets shift by %v, want each of 1 to 3 days in both directions", shifts)
	}
}

func TestADateAtTheEndOfTimeStaysADate(t *testing.T) {
	for s := range byte(9) {
		p := place()
		p.Secret = []byte(strings.Repeat(string(rune('a'+s)), 16))
		for _, day := range []value.Date{"9999-12-31", "0001-01-01"} {
			got := mask(t, spec("date_shift", "days", 400), day, aDay, p).(value.Date)
			if _, err := time.Parse(time.DateOnly, string(got)); err != nil || got == day || got < "0001" {
				t.Errorf("%s became %s", day, got)
			}
		}
	}
}

func TestADateBecomesTheBeginningOfWhatIsKept(t *testing.T) {
	for _, test := range []struct {
		to   string
		c    masking.Column
		from any
		want any
	}{
		{"year", aDay, value.Date("1987-06-05"), value.Date("1987-01-01")},
		{"month", aDay, value.Date("1987-06-05"), value.Date("1987-06-01")},
		{"decade", aDay, value.Date("1987-06-05"), value.Date("1980-01-01")},
		{"decade", aDay, value.Date("0007-06-05"), value.Date("0001-01-01")},
		{"year", aTime, time.Date(1987, 6, 5, 4, 3, 2, 1, time.UTC), time.Date(1987, 1, 1, 0, 0, 0, 0, time.UTC)},
		{"month", masking.Column{}, time.Date(1987, 6, 5, 4, 3, 2, 1, time.UTC), time.Date(1987, 6, 1, 0, 0, 0, 0, time.UTC)},
		{"month", anyText, "1987-06-05", "1987-06-01"},
		{"year", anyText, "1987-06-05T04:03:02.100Z", "1987-01-01T00:00:00.000Z"},
		{"year", anyText, "1987-06-05 04:03 +01:00", "1987-01-01 00:00 +01:00"},
	} {
		if got := mask(t, spec("date_generalise", "to", test.to), test.from, test.c, place()); !value.Equal(got, test.want) {
			t.Errorf("%v to its %s: %v, want %v", test.from, test.to, got, test.want)
		}
	}
}

func TestTextThatIsNoDateBecomesADigest(t *testing.T) {
	for _, text := range []string{"", "soon", "1987-02-30", "05.06.1987", "born 1987-06-05", "1987-06-05 in Paris", "0000-00-00", "1987-06-05\n"} {
		for _, strategy := range []string{"shift", "year"} {
			got := mask(t, strategies()[strategy], text, anyText, place())
			if want := mask(t, strategies()["hash"], text, anyText, place()); got != want {
				t.Errorf("%s made %q of %q, want its digest", strategy, got, text)
			}
		}
	}
	for _, text := range []string{"infinity", "2009-01-02 03:04:05"} { // as SQLite may hold
		if got := mask(t, strategies()["shift"], text, aDay, place()); got != value.Date("2000-01-01") {
			t.Errorf("%q became %v in a column of dates", text, got)
		}
	}
}

func FuzzDatesInText(f *testing.F) {
	for _, seed := range []string{"1987-06-05", "1987-06-05T04:03:02.1+01:00", "0000-00-00", "9999-12-31 23:59:60Z", "", "1987-13-40"} {
		f.Add(seed, 90)
	}
	f.Fuzz(func(t *testing.T, text string, days int) {
		shift, err := masking.New(spec("date_shift", "days", min(max(days, 1), 36525)))
		if err != nil {
			t.Fatal(err)
		}
		got, err := shift.Mask(text, anyText, place())
		if err != nil || got == text {
			t.Fatalf("%q became %q: %v", text, got, err)
		}
		if again, err := shift.Mask(text, anyText, place()); again != got || err != nil {
			t.Fatalf("%q, then %q: %v", got, again, err)
		}
	})
}

func TestWhatLayBetweenTwoDatesStillDoes(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		draw := func(name string) value.Date {
			days := rapid.IntRange(0, 3_000_000).Draw(r, name)
			return value.Date(time.Date(1000, 1, 1, 0, 0, 0, 0, time.UTC).AddDate(0, 0, days).Format(time.DateOnly))
		}
		a, b := draw("a"), draw("b")
		shift := strategies()["shift"]
		between := instant(t, mask(t, shift, a, aDay, place())).Sub(instant(t, mask(t, shift, b, aDay, place())))
		if want := instant(t, a).Sub(instant(t, b)); between != want {
			r.Fatalf("%v lie between, %v did", between, want)
		}
	})
}
