package masking_test

import (
	"bytes"
	"encoding/hex"
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

func suffix(s string) map[string]any { return map[string]any{"suffix": s} }

// strategies are all of them, in the forms that a policy writes.
func strategies() map[string]masking.Spec {
	return map[string]masking.Spec{
		"null":              spec("null_rewrite"),
		"constant":          spec("string_rewrite", "rewrite_value", "MASKED"),
		"constant long":     spec("string_rewrite", "rewrite_value", strings.Repeat("ä", 300)),
		"constant empty":    spec("string_rewrite", "rewrite_value", ""),
		"constant number":   spec("string_rewrite", "rewrite_value", "40000"),
		"constant false":    spec("string_rewrite", "rewrite_value", "false"),
		"constant day":      spec("string_rewrite", "rewrite_value", "1900-01-01"),
		"constant clock":    spec("string_rewrite", "rewrite_value", "00:00"),
		"constant uuid":     spec("string_rewrite", "rewrite_value", "00000000-0000-0000-0000-000000000000"),
		"constant suffix":   spec("string_rewrite", "rewrite_value", "MASKED", "format_preservation", suffix("@example.com")),
		"random":            spec("random_string_rewrite"),
		"random 5":          spec("random_string_rewrite", "length", 5),
		"random 200 suffix": spec("random_string_rewrite", "length", 200.0, "format_preservation", suffix("@example.com")),
		"hash":              spec("hash"),
		"hash 512":          spec("hash", "algorithm", "SHA-512"),
		"hash suffix":       spec("hash", "algorithm", "SHA-256", "format_preservation", suffix("@example.com")),
		"hmac":              spec("hmac", "algorithm", "SHA-256"),
		"hmac 512":          spec("hmac", "algorithm", "SHA-512"),
		"aes":               spec("aes_encrypt", "mode", "GCM"),
		"preserve":          spec("preserve"),
		"delete":            spec("delete"),
	}
}

// shape is a column and values that may stand in it.
type shape struct {
	masking.Column
	values []any
}

// shapes are columns as catalogues give them.
func shapes() map[string]shape {
	text := []any{nil, "", "a", "Ada Lovelace", "ada@example.com", strings.Repeat("ß", 5)}
	of := func(kind value.Kind) masking.Column { return masking.Column{Type: value.Type{Kind: kind}} }
	with := func(c masking.Column, change func(*masking.Column)) masking.Column { change(&c); return c }
	length := func(n int) masking.Column {
		return with(of(value.String), func(c *masking.Column) { c.Length = n })
	}
	bits := func(n int) masking.Column { return with(of(value.Integer), func(c *masking.Column) { c.Bits = n }) }
	numeric := func(p, s int) masking.Column {
		return with(of(value.Number), func(c *masking.Column) { c.Precision, c.Scale = p, s })
	}
	unique := func(c masking.Column) masking.Column { c.Unique = true; return c }
	notNull := func(c masking.Column) masking.Column { c.NotNull = true; return c }
	array := func(c masking.Column) masking.Column { c.Type.Array = true; return c }
	numbers := []any{nil, int64(0), int64(1), int64(7)}
	decimals := []any{nil, value.Decimal("0"), value.Decimal("1"), value.Decimal("0.1")}
	at := time.Date(1990, 5, 17, 12, 0, 0, 123456000, time.UTC)
	document := map[string]any{"name": "Ada", "age": int64(36), "tags": []any{"x", nil}, "born": at, "score": 1.5, "raw": []byte("b")}
	return map[string]shape{
		"text":               {of(value.String), text},
		"text not null":      {notNull(of(value.String)), text[1:]},
		"text unique":        {unique(of(value.String)), text},
		"varchar 1":          {length(1), []any{nil, "", "a", "f", "0"}},
		"varchar 12":         {length(12), text},
		"varchar 13":         {length(13), text},
		"varchar 40 unique":  {unique(length(40)), text},
		"varchar 13 unique":  {unique(length(13)), text},
		"varchar 255":        {notNull(length(255)), text[1:]},
		"smallint":           {bits(16), numbers},
		"integer":            {bits(32), numbers},
		"bigint":             {bits(64), append(numbers, int64(math.MinInt64))},
		"bigint unique":      {unique(bits(64)), numbers},
		"integer unique":     {unique(bits(32)), numbers},
		"tinyint":            {notNull(bits(8)), numbers[1:]},
		"integer, no size":   {of(value.Integer), numbers},
		"numeric":            {numeric(0, 0), decimals},
		"numeric 10,2":       {numeric(10, 2), decimals},
		"numeric 3,5":        {numeric(3, 5), []any{value.Decimal("0.00123")}},
		"numeric 3,-2":       {numeric(3, -2), []any{value.Decimal("12300")}},
		"numeric 1,0":        {numeric(1, 0), []any{value.Decimal("4"), value.Decimal("5")}},
		"numeric 38,10":      {numeric(38, 10), decimals},
		"numeric 10 unique":  {unique(numeric(10, 0)), decimals},
		"float":              {of(value.Float), []any{nil, 0.0, 1.5, -2.0}},
		"float unique":       {unique(of(value.Float)), []any{1.5}},
		"boolean":            {of(value.Boolean), []any{nil, true, false}},
		"boolean not null":   {notNull(of(value.Boolean)), []any{true, false}},
		"timestamp":          {of(value.Timestamp), []any{nil, at}},
		"timestamp not null": {notNull(of(value.Timestamp)), []any{at}},
		"date":               {of(value.Day), []any{nil, value.Date("1990-05-17")}},
		"date not null":      {notNull(of(value.Day)), []any{value.Date("1990-05-17")}},
		"time":               {of(value.Clock), []any{nil, "12:00:00"}},
		"uuid":               {of(value.UUID), []any{nil, "0190c0de-0000-7000-8000-000000000000"}},
		"uuid unique":        {unique(notNull(of(value.UUID))), []any{"0190c0de-0000-7000-8000-000000000000"}},
		"object id":          {of(value.ObjectID), []any{nil, "507f1f77bcf86cd799439011"}},
		"bytea":              {of(value.Bytes), []any{nil, []byte{}, []byte("abc")}},
		"binary 16":          {with(of(value.Bytes), func(c *masking.Column) { c.Length = 16 }), []any{[]byte("0123456789abcdef")}},
		"json":               {of(value.JSON), []any{nil, document, []any{"a"}, "x", int64(4)}},
		"other":              {with(of(value.Other), func(c *masking.Column) { c.Native = "inet" }), []any{"10.0.0.1"}},
		"generated":          {with(of(value.String), func(c *masking.Column) { c.Generated = true }), text},
		"text array":         {array(of(value.String)), []any{nil, []any{}, []any{"a", nil, "b"}}},
		"integer array":      {array(bits(32)), []any{[]any{int64(1), int64(2)}}},
		"varchar 20 array":   {array(length(20)), []any{[]any{"a", "b"}}},
		"object":             {of(value.Object), []any{nil, document}},
		"objects":            {array(of(value.Object)), []any{[]any{document, document}}},
		"undeclared":         {of(value.Unknown), append(slices.Clone(text), document, []any{document}, int64(1), 1.5, at, true, []byte("b"))},
	}
}

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
					if m.Name() != masking.StringRewrite && v != nil && mask != nil {
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

// cannotHold says why a column would refuse a mask, "" when it would not.
func cannotHold(c masking.Column, mask, from any) string {
	if mask == nil {
		if c.NotNull {
			return "NOT NULL"
		}
		return ""
	}
	if elements, ok := mask.([]any); ok && c.Type.Kind != value.JSON {
		was, ok := from.([]any)
		if !ok || len(was) != len(elements) {
			return "the shape changed"
		}
		for i, e := range elements {
			if reason := cannotHold(masking.Column{Type: value.Type{Kind: c.Type.Kind}, Bits: c.Bits, Length: c.Length}, e, was[i]); reason != "" {
				return reason
			}
		}
		return ""
	}
	switch c.Type.Kind {
	case value.Unknown, value.Object:
		return lostShape(from, mask)
	case value.JSON:
		if _, ok := mask.(string); !ok {
			return "not a JSON string"
		}
		return ""
	}
	cast, err := value.Cast(mask, value.Type{Kind: c.Type.Kind})
	if err != nil {
		return err.Error()
	}
	if diff := cmp.Diff(cast, mask); diff != "" {
		return "of another type: " + diff
	}
	switch m := mask.(type) {
	case string:
		if c.Length > 0 && utf8.RuneCountInString(m) > c.Length || !utf8.ValidString(m) {
			return "too long"
		}
	case []byte:
		if c.Length > 0 && len(m) > c.Length {
			return "too long"
		}
	case int64:
		if m < 0 || c.Bits > 0 && m > math.MaxInt64>>(64-c.Bits) || c.Bits == 0 && m > 1<<53 {
			return "out of range"
		}
	case float64:
		if float64(float32(m)) != m {
			return "not exact in single precision"
		}
	case value.Decimal:
		return badDecimal(c, string(m))
	}
	return ""
}

func badDecimal(c masking.Column, s string) string {
	whole, fraction, _ := strings.Cut(s, ".")
	whole = strings.TrimLeft(whole, "0")
	if c.Precision > 0 && len(whole) > max(0, c.Precision-c.Scale) || len(fraction) > max(0, c.Scale) {
		return "out of precision or scale"
	}
	if c.Scale < 0 && whole != "" && !strings.HasSuffix(whole, strings.Repeat("0", -c.Scale)) {
		return "finer than the scale"
	}
	return ""
}

// lostShape compares what a document was with what it became.
func lostShape(from, mask any) string {
	switch from := from.(type) {
	case map[string]any:
		m, ok := mask.(map[string]any)
		if !ok || !slices.Equal(slices.Sorted(maps.Keys(m)), slices.Sorted(maps.Keys(from))) {
			return "the object lost its shape"
		}
		for name := range from {
			if from[name] == nil {
				continue
			}
			if reason := lostShape(from[name], m[name]); reason != "" {
				return name + ": " + reason
			}
		}
	case []any:
		m, ok := mask.([]any)
		if !ok || len(m) != len(from) {
			return "the array lost its shape"
		}
		for i := range from {
			if reason := lostShape(from[i], m[i]); from[i] != nil && reason != "" {
				return reason
			}
		}
	}
	return ""
}

// differs fails where any scalar survived.
func differs(t *testing.T, v, mask any) {
	t.Helper()
	switch v := v.(type) {
	case map[string]any:
		if m, ok := mask.(map[string]any); ok {
			for name := range v {
				differs(t, v[name], m[name])
			}
		}
	case []any:
		if m, ok := mask.([]any); ok {
			for i := range v {
				differs(t, v[i], m[i])
			}
		}
	case nil:
	default:
		if value.Equal(v, mask) {
			t.Errorf("%v is its own mask", v)
		}
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
		{"random", "text unique"}, {"hash", "uuid unique"}, {"constant suffix", "varchar 13"}, {"preserve", "generated"},
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
		if err != nil {
			t.Fatal(err)
		}
		if reason := cannotHold(c, maskA, a); reason != "" {
			t.Fatal(reason)
		}
		if m.Name() == masking.NullRewrite || m.Name() == masking.StringRewrite {
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

func BenchmarkMask(b *testing.B) {
	c := masking.Column{Type: value.Type{Kind: value.String}, Length: 255}
	for _, name := range []string{"null", "constant", "random", "hash", "hash 512", "hmac", "aes"} {
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
