package masking_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"pgregory.net/rapid"

	"volenti.dev/volenti/datamap/value"
	"volenti.dev/volenti/request/masking"
)

var secret = bytes.Repeat([]byte{7}, 32)

func place() masking.Place {
	return masking.Place{Secret: secret, Table: "customer", Key: "1", Column: "email"}
}

func spec(strategy string, configuration ...any) masking.Spec {
	s := masking.Spec{Strategy: strategy, Configuration: map[string]any{}}
	for i := 0; i < len(configuration); i += 2 {
		s.Configuration[configuration[i].(string)] = configuration[i+1]
	}
	return s
}

// mayStay are the strategies that leave a value that says no more than their
// masks do.
var mayStay = []string{masking.StringRewrite, masking.DateGeneralise, masking.NumberZero, masking.NumberRound}

func TestEveryStrategyFitsOrSaysWhyNot(t *testing.T) { // D24, D25, D28
	fits := 0
	for strategy, s := range strategies() {
		for name, column := range shapes() {
			t.Run(strategy+" on "+name, func(t *testing.T) {
				if err := masking.Fits(s, column.Column); err != nil {
					if len(err.Error()) < 20 {
						t.Errorf("says too little: %v", err)
					}
					return
				}
				fits++
				m, err := masking.New(s)
				if err != nil {
					t.Fatal(err)
				}
				for _, v := range column.values {
					mask, err := m.Mask(v, column.Column, place())
					if errors.Is(err, masking.ErrForm) && m.Name() == masking.FF1Encrypt {
						continue
					}
					if err != nil {
						t.Fatalf("%v: %v", v, err)
					}
					again, _ := m.Mask(v, column.Column, place())
					if diff := cmp.Diff(mask, again); diff != "" {
						t.Fatalf("not deterministic: %s", diff)
					}
					if m.Name() == masking.Preserve {
						if !value.Equal(mask, v) {
							t.Fatal("preserve changed a value")
						}
						continue
					}
					if v == nil && mask != nil {
						t.Fatalf("null became %v", mask)
					}
					if reason := cannotHold(column.Column, mask, v); reason != "" {
						t.Fatalf("%v became %#v: %s", v, mask, reason)
					}
					if !slices.Contains(mayStay, m.Name()) && v != nil && mask != nil {
						differs(t, v, mask)
					}
				}
			})
		}
	}
	if fits < 300 {
		t.Errorf("only %d of the pairs fit: the table tests too little", fits)
	}
}

func TestRefusalsSayWhatToUse(t *testing.T) { // D5, D25
	for _, test := range []struct {
		strategy, column string
		want             []string
	}{
		{"null", "text not null", []string{"NOT NULL", "string_rewrite or hash"}},
		{"null", "date not null", []string{"NOT NULL", "rewrite_value that is a date"}},
		{"null", "boolean not null", []string{"rewrite_value that is a boolean"}},
		{"null", "tinyint", []string{"use hash"}},
		{"constant", "text unique", []string{"UNIQUE", "null_rewrite, or hash"}},
		{"constant", "uuid unique", []string{"UNIQUE", "use hash"}},
		{"constant", "integer", []string{"no integer", "null_rewrite, or hash"}},
		{"constant number", "smallint", []string{"too large", "smaller"}},
		{"constant number", "numeric 1,0", []string{"too large"}},
		{"constant", "generated", []string{"computes"}},
		{"hash", "timestamp", []string{"no sense for timestamp", "null_rewrite"}},
		{"hash", "boolean", []string{"no sense for boolean"}},
		{"hash", "other", []string{"inet", "null_rewrite"}},
		{"hash", "varchar 13 unique", []string{"UNIQUE", "52 bits"}},
		{"hash", "integer unique", []string{"UNIQUE", "31 bits"}},
		{"random 5", "text unique", []string{"UNIQUE", "25 bits"}},
		{"aes", "integer", []string{"no sense"}},
		{"hash suffix", "varchar 12", []string{"suffix has 12", "shorter"}},
		{"hash suffix", "integer", []string{"needs text", "format_preservation"}},
		{"delete", "text", []string{"whole rows"}},
		{"shift", "integer", []string{"no sense for integer", "use null_rewrite, or hash"}},
		{"year", "time", []string{"no sense for time"}},
		{"year", "text unique", []string{"UNIQUE", "hash or random_string_rewrite"}},
		{"email", "integer", []string{"no sense for integer"}},
		{"email", "varchar 12", []string{"example.com", "12 characters", "shorter domain"}},
		{"email", "varchar 13 unique", []string{"UNIQUE", "bits"}},
		{"phone", "text unique", []string{"UNIQUE", "may be the same"}},
		{"fake name", "json", []string{"describe its parts", "string_rewrite or hash"}},
		{"zero", "date", []string{"no sense for date", "date_generalise"}},
		{"round finely", "integer", []string{"decimal places", "greater"}},
		{"round finely", "numeric 1,0", []string{"decimal places"}},
		{"noise", "boolean", []string{"no sense for boolean"}},
		{"noise", "bigint unique", []string{"UNIQUE", "or hash"}},
		{"digits", "smallint", []string{"fewer than a million", "hash"}},
		{"digits", "varchar 1", []string{"fewer than a million"}},
		{"digits", "numeric 10,2", []string{"no sense for decimal"}},
	} {
		err := masking.Fits(strategies()[test.strategy], shapes()[test.column].Column)
		if err == nil {
			t.Errorf("%s fits %s", test.strategy, test.column)
			continue
		}
		for _, want := range test.want {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s on %s: %q does not say %q", test.strategy, test.column, err, want)
			}
		}
	}
	for _, test := range [][2]string{
		{"null", "timestamp"}, {"null", "other"}, {"null", "json"}, {"null", "varchar 13 unique"},
		{"constant day", "timestamp not null"}, {"constant day", "date not null"}, {"constant false", "boolean not null"},
		{"constant clock", "time"}, {"constant number", "integer"}, {"hash", "bigint unique"}, {"hmac", "varchar 40 unique"},
		{"random", "text unique"}, {"shift", "date not null"}, {"year", "timestamp"}, {"month", "text"}, {"email", "varchar 40 unique"},
		{"email", "varchar 13"}, {"phone", "text not null"}, {"fake city", "varchar 1"}, {"zero", "smallint"}, {"round", "numeric 10,2"},
		{"round finely", "float"}, {"noise", "bigint"}, {"digits", "integer"}, {"alphanumeric", "varchar 12"}, {"shift", "object"}, {"phone", "text array"},
		{"hash", "uuid unique"}, {"constant suffix", "varchar 13"}, {"preserve", "generated"},
	} {
		if err := masking.Fits(strategies()[test[0]], shapes()[test[1]].Column); err != nil {
			t.Errorf("%s does not fit %s: %v", test[0], test[1], err)
		}
	}
}

func TestCheckNamesEveryProblemAtOnce(t *testing.T) { // D1, D5
	for _, test := range []struct {
		spec masking.Spec
		want []string
	}{
		{spec(""), []string{"no masking strategy"}},
		{spec("nul_rewrite"), []string{`did you mean "null_rewrite"`, "string_rewrite"}},
		{spec("scramble"), []string{`"scramble"`, "null_rewrite, string_rewrite"}},
		{spec("null_rewrite", "length", 3), []string{`"length"`, "remove"}},
		{spec("string_rewrite"), []string{"rewrite_value is missing"}},
		{spec("string_rewrite", "rewrite_value", 5), []string{"quotes"}},
		{spec("string_rewrite", "rewrite_valu", "x"), []string{"rewrite_value is missing", `did you mean "rewrite_value"`}},
		{spec("hash", "algorithm", "MD5", "rounds", 3, "format_preservation", map[string]any{"prefix": "x"}),
			[]string{"MD5", "SHA-256 or SHA-512", `"rounds"`, "needs a suffix", `"format_preservation.prefix"`}},
		{spec("hmac", "format_preservation", "x"), []string{"must be a mapping"}},
		{spec("aes_encrypt", "mode", "CBC"), []string{"CBC", "GCM"}},
		{spec("random_string_rewrite", "length", 0), []string{"length is 0"}},
		{spec("random_string_rewrite", "length", 2.5), []string{"length is 2.5"}},
		{spec("random_string_rewrite", "length", uint64(math.MaxUint64)), []string{"length is"}},
		{spec("random_string_rewrite", "length", "30"), []string{"length is 30"}},
		{spec("ff1_encrypt", "alphabet", "hex"), []string{"hex", "digits or alphanumeric"}},
		{spec("email_rewrite", "domain", "Example.com"), []string{"Example.com", "lower case"}},
		{spec("email_rewrite", "domain", "@example.com"), []string{"@example.com", "such as example.com"}},
		{spec("email_rewrite", "domain", 5), []string{"domain is 5"}},
		{spec("phone_rewrite", "country", 49), []string{`"country"`, "remove"}},
		{spec("fake_rewrite", "kind", "surname"), []string{"surname", "last_name"}},
		{spec("date_shift"), []string{"days is missing", "36525"}},
		{spec("date_shift", "days", 0), []string{"days is 0"}},
		{spec("date_generalise", "to", "day"), []string{"day", "year or month or decade"}},
		{spec("number_round"), []string{"step is missing", "greater than 0"}},
		{spec("number_round", "step", -5), []string{"step is -5"}},
		{spec("number_round", "step", math.Inf(1)), []string{"step is +Inf"}},
		{spec("number_round", "step", "10"), []string{"step is 10"}},
		{spec("number_noise", "percent", 101), []string{"percent is 101", "from 1 to 100"}},
	} {
		err := masking.Check(test.spec)
		for _, want := range test.want {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%v: %v does not say %q", test.spec, err, want)
			}
		}
		if _, other := masking.New(test.spec); other == nil || other.Error() != err.Error() {
			t.Errorf("New says %v, Check %v", other, err)
		}
	}
	for name, s := range strategies() {
		if err := masking.Check(s); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestNotesSayWhatWillHappen(t *testing.T) { // D25
	short := masking.Column{Type: value.Type{Kind: value.String}, Length: 20, Checks: []string{"char_length(name) > 3"}}
	for strategy, want := range map[string][]string{
		"constant":        {"a check constraint may refuse the mask: char_length(name) > 3"},
		"constant suffix": {"a check constraint may refuse the mask: char_length(name) > 3"},
		"hash":            {"the mask is cut to 20 characters", "a check constraint may refuse the mask: char_length(name) > 3"},
		"null":            nil,
		"preserve":        nil,
	} {
		if diff := cmp.Diff(want, masking.Notes(strategies()[strategy], short)); diff != "" {
			t.Errorf("%s: %s", strategy, diff)
		}
	}
	for strategy, want := range map[string]string{
		"digits":       "only digits are masked, other characters stay; a value with fewer than 6 of them is refused",
		"alphanumeric": "only letters and digits of ASCII are masked, other characters stay; a value with fewer than 4 of them is refused",
		"phone":        "a mask may be the number of somebody else: it must not be called",
		"year":         "a date that is at a beginning already stays as it is",
		"email":        "the mask is cut to 20 characters",
	} {
		if notes := masking.Notes(strategies()[strategy], short); notes[0] != want {
			t.Errorf("%s: %q", strategy, notes)
		}
	}
	if notes := masking.Notes(strategies()["hash"], masking.Column{Type: value.Type{Kind: value.Object}}); len(notes) != 1 {
		t.Errorf("notes on an object: %q", notes)
	}
}

func mask(t *testing.T, s masking.Spec, v any, c masking.Column, p masking.Place) any {
	t.Helper()
	m, err := masking.New(s)
	if err != nil {
		t.Fatal(err)
	}
	out, err := m.Mask(v, c, p)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestEqualValuesStayEqualWithinARequestOnly(t *testing.T) { // D28
	text := masking.Column{Type: value.Type{Kind: value.String}}
	elsewhere, later := place(), place()
	elsewhere.Table, elsewhere.Key, elsewhere.Column = "orders", "9", "buyer"
	later.Secret = bytes.Repeat([]byte{8}, 32)
	for _, strategy := range []string{"hash", "hmac", "aes"} {
		s := strategies()[strategy]
		here := mask(t, s, "ada@example.com", text, place())
		if here != mask(t, s, "ada@example.com", text, elsewhere) {
			t.Errorf("%s depends on the place", strategy)
		}
		if here == mask(t, s, "ada@example.com", text, later) {
			t.Errorf("%s does not depend on the secret", strategy)
		}
		if here == mask(t, s, "bob@example.com", text, place()) {
			t.Errorf("%s does not depend on the value", strategy)
		}
		if mask(t, s, int64(10002), text, place()) != mask(t, s, "10002", text, place()) {
			t.Errorf("%s breaks a join of a number with its text", strategy)
		}
	}
	here := mask(t, strategies()["random"], "ada@example.com", text, place())
	for _, change := range []func(*masking.Place){
		func(p *masking.Place) { p.Table = "orders" },
		func(p *masking.Place) { p.Key = "2" },
		func(p *masking.Place) { p.Column = "name" },
		func(p *masking.Place) { p.Secret = later.Secret },
		func(p *masking.Place) { p.Table, p.Key = "customer1", "" },
	} {
		p := place()
		change(&p)
		if here == mask(t, strategies()["random"], "ada@example.com", text, p) {
			t.Errorf("random is the same at %+v", p)
		}
	}
}

func TestMasksLookLikeWhatTheConfigurationAsksFor(t *testing.T) {
	text := masking.Column{Type: value.Type{Kind: value.String}, Length: 20}
	if got := mask(t, strategies()["hash suffix"], "ada", text, place()).(string); len(got) != 20 || !strings.HasSuffix(got, "@example.com") {
		t.Errorf("suffix after cutting: %q", got) // D28
	}
	if got := mask(t, strategies()["constant"], "", text, place()); got != "MASKED" {
		t.Errorf("the empty text became %q", got)
	}
	if got := mask(t, strategies()["constant long"], "ada", text, place()); got != strings.Repeat("ä", 20) {
		t.Errorf("cut to %q", got)
	}
	if got := mask(t, strategies()["random 5"], "ada", text, place()).(string); len(got) != 5 {
		t.Errorf("random of 5: %q", got)
	}
	free := masking.Column{Type: value.Type{Kind: value.String}}
	if got := mask(t, strategies()["hash 512"], "ada", free, place()).(string); len(got) != 128 {
		t.Errorf("hash of %d characters", len(got))
	} else if _, err := hex.DecodeString(got); err != nil {
		t.Error(err)
	}
	id, err := uuid.Parse(mask(t, strategies()["hmac"], "x", masking.Column{Type: value.Type{Kind: value.UUID}}, place()).(string))
	if err != nil || id.Version() != 8 || id.Variant() != uuid.RFC4122 {
		t.Errorf("UUID %v: version %v, variant %v, %v", id, id.Version(), id.Variant(), err)
	}
}

func TestElementsOfOneArrayGetRandomMasksOfTheirOwn(t *testing.T) {
	got := mask(t, strategies()["random"], []any{"a", "a", map[string]any{"x": "a", "y": "a"}}, masking.Column{}, place()).([]any)
	parts := got[2].(map[string]any)
	all := map[any]bool{got[0]: true, got[1]: true, parts["x"]: true, parts["y"]: true}
	if len(all) != 4 {
		t.Errorf("%d different masks for 4 values", len(all))
	}
}

func TestAShortSecretMasksNothing(t *testing.T) {
	for _, strategy := range []string{"hash", "hmac", "aes", "random"} {
		m, _ := masking.New(strategies()[strategy])
		if got, err := m.Mask("ada", masking.Column{}, masking.Place{Secret: []byte("short")}); err == nil || got != nil {
			t.Errorf("%s gave %v", strategy, got)
		}
	}
}

func TestAnyTextGetsAMaskThatItsColumnHolds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.SampledFrom(slices.Sorted(maps.Keys(strategies()))).Draw(t, "strategy")
		c := masking.Column{Type: value.Type{Kind: value.String}, Length: rapid.IntRange(0, 80).Draw(t, "length"), Unique: rapid.Bool().Draw(t, "unique")}
		if masking.Fits(strategies()[name], c) != nil || name == "preserve" {
			return
		}
		m, err := masking.New(strategies()[name])
		if err != nil {
			t.Fatal(err)
		}
		a, b := rapid.String().Draw(t, "a"), rapid.String().Draw(t, "b")
		maskA, err := m.Mask(a, c, place())
		if errors.Is(err, masking.ErrForm) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		if reason := cannotHold(c, maskA, a); reason != "" {
			t.Fatal(reason)
		}
		if m.Name() == masking.NullRewrite || slices.Contains(mayStay, m.Name()) {
			return
		}
		if maskA == a {
			t.Fatal("is its own mask")
		}
		if maskB, _ := m.Mask(b, c, place()); c.Unique && a != b && maskA == maskB {
			t.Fatal("two values share a mask in a unique column")
		}
	})
}

// anything draws a value that a connector may give.
func anything(deep int) *rapid.Generator[any] {
	of := []*rapid.Generator[any]{
		rapid.Just[any](nil), rapid.Bool().AsAny(), rapid.Int64().AsAny(), rapid.Float64().AsAny(), rapid.String().AsAny(),
		rapid.StringMatching(`\+?[0-9 ()/-]{1,20}|[0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9:.]{5,15})?|-?[0-9]{1,30}(\.[0-9]{1,9})?`).AsAny(),
		rapid.Map(rapid.StringMatching(`-?[0-9]{1,30}(\.[0-9]{1,9})?`), func(s string) any { return value.Decimal(s) }),
		rapid.Map(rapid.StringMatching(`[0-9]{4}-[0-9]{2}-[0-9]{2}`), func(s string) any { return value.Date(s) }),
		rapid.Map(rapid.Int64Range(-70_000_000_000, 250_000_000_000), func(s int64) any { return time.Unix(s, s%1000).UTC() }),
		rapid.SliceOf(rapid.Byte()).AsAny(),
	}
	if deep > 0 {
		of = append(of, rapid.SliceOfN(anything(deep-1), 0, 4).AsAny(), rapid.MapOfN(rapid.String(), anything(deep-1), 0, 4).AsAny())
	}
	return rapid.OneOf(of...)
}

// columns draws what a catalogue may say of a column, also what no database
// would.
func columns() *rapid.Generator[masking.Column] {
	kinds := []value.Kind{
		value.Unknown, value.String, value.Integer, value.Float, value.Boolean, value.ObjectID, value.Object, value.Number,
		value.Timestamp, value.Day, value.Clock, value.Bytes, value.UUID, value.JSON, value.Other,
	}
	return rapid.Custom(func(t *rapid.T) masking.Column {
		c := masking.Column{
			Type:    value.Type{Kind: rapid.SampledFrom(kinds).Draw(t, "kind"), Array: rapid.Bool().Draw(t, "array")},
			Length:  rapid.SampledFrom([]int{0, 0, 1, 2, 5, 20, 255}).Draw(t, "length"),
			NotNull: rapid.Bool().Draw(t, "not null"), Unique: rapid.Bool().Draw(t, "unique"),
		}
		switch c.Type.Kind {
		case value.Integer:
			c.Bits = rapid.SampledFrom([]int{0, 8, 16, 24, 32, 64}).Draw(t, "bits")
		case value.Number:
			if c.Precision = rapid.IntRange(0, 40).Draw(t, "precision"); c.Precision > 0 {
				c.Scale = rapid.IntRange(-5, 45).Draw(t, "scale")
			}
		}
		return c
	})
}

// Whatever stands in a column, also what its type would not let in, is masked
// the same every time, leaves no null behind and fits.
func TestAnythingInAnyColumnIsMaskedTheSameTwice(t *testing.T) { // D25, D28
	rapid.Check(t, func(t *rapid.T) {
		c, v := columns().Draw(t, "column"), anything(2).Draw(t, "value")
		for name, s := range strategies() {
			if masking.Fits(s, c) != nil {
				continue
			}
			m, err := masking.New(s)
			if err != nil {
				t.Fatal(err)
			}
			got, err := m.Mask(v, c, place())
			again, other := m.Mask(v, c, place())
			if !value.Equal(got, again) || (err == nil) != (other == nil) {
				t.Fatalf("%s: %v, then %v", name, got, again)
			}
			switch {
			case m.Name() == masking.Preserve:
			case err != nil:
				if !errors.Is(err, masking.ErrForm) || m.Name() != masking.FF1Encrypt {
					t.Fatalf("%s: %v", name, err)
				}
			case m.Name() == masking.NullRewrite && got != nil, m.Name() != masking.NullRewrite && (got == nil) != (v == nil):
				t.Fatalf("%s: %v became %v", name, v, got)
			case c.Type.Kind == value.String || c.Type.Kind == value.Number || c.Type.Kind == value.Integer:
				if reason := tooLarge(c, got); reason != "" {
					t.Fatalf("%s: %v became %v: %s", name, v, got, reason)
				}
			}
		}
	})
}

// tooLarge says why a column of text or numbers would refuse what is in a
// mask, "" when it would not.
func tooLarge(c masking.Column, mask any) string {
	switch m := mask.(type) {
	case []any:
		for _, element := range m {
			if reason := tooLarge(c, element); reason != "" {
				return reason
			}
		}
	case map[string]any, nil:
	case string:
		if c.Type.Kind != value.String || c.Length > 0 && utf8.RuneCountInString(m) > c.Length {
			return "a text that does not fit"
		}
	case int64:
		if c.Type.Kind != value.Integer || c.Bits > 0 && m>>(c.Bits-1) != 0 && m>>(c.Bits-1) != -1 {
			return "an integer that does not fit"
		}
	case value.Decimal:
		if c.Type.Kind != value.Number {
			return "a decimal that does not fit"
		}
		return badDecimal(c, string(m))
	default:
		return fmt.Sprintf("a %T", m)
	}
	return ""
}

func BenchmarkMask(b *testing.B) {
	c := masking.Column{Type: value.Type{Kind: value.String}, Length: 255}
	for _, name := range []string{"null", "constant", "random", "hash", "hash 512", "hmac", "aes", "email", "fake name", "alphanumeric"} {
		b.Run(name, func(b *testing.B) {
			m, err := masking.New(strategies()[name])
			if err != nil {
				b.Fatal(err)
			}
			p := place()
			for i := range b.N {
				if _, err := m.Mask(fmt.Sprintf("person%d@example.com", i), c, p); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func ExampleStrategy() {
	hash := masking.Spec{Strategy: "hash", Configuration: map[string]any{"format_preservation": map[string]any{"suffix": "@example.com"}}}
	email := masking.Column{Type: value.Type{Kind: value.String}, Length: 32}
	if err := masking.Fits(hash, email); err != nil {
		fmt.Println(err)
		return
	}
	for _, note := range masking.Notes(hash, email) {
		fmt.Println(note)
	}
	strategy, _ := masking.New(hash)
	secret := []byte("derived from the key of a request")
	mask, _ := strategy.Mask("ada@lovelace.example", email, masking.Place{Secret: secret, Table: "customer", Key: "1", Column: "email"})
	fmt.Println(mask)

	fmt.Println(masking.Fits(hash, masking.Column{Type: value.Type{Kind: value.Timestamp}}))
	// Output:
	// the mask is cut to 32 characters
	// a7e0cb390f4478a7ac83@example.com
	// hash makes no sense for timestamp; use null_rewrite, or date_generalise, or string_rewrite with a rewrite_value that is a timestamp
}

func TestEnumerationTakesOnlyItsLabels(t *testing.T) { // D25
	mood := masking.Column{Type: value.Type{Kind: value.String}, Native: "mood", Labels: []string{"sad", "happy"}}
	rewrite := func(to string) masking.Spec {
		return masking.Spec{Strategy: masking.StringRewrite, Configuration: map[string]any{"rewrite_value": to}}
	}
	if err := masking.Fits(rewrite("sad"), mood); err != nil {
		t.Errorf("a label: %v", err)
	}
	for _, s := range []masking.Spec{rewrite("gone"), {Strategy: masking.Hash, Configuration: map[string]any{"algorithm": "SHA-256"}}} {
		if err := masking.Fits(s, mood); err == nil || !strings.Contains(err.Error(), "sad, happy") {
			t.Errorf("%s: %v, want a refusal that names the labels", s.Strategy, err)
		}
	}
}
