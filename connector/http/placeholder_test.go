package http

import (
	"encoding/json"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"volenti.dev/volenti/datamap/value"
)

func TestPlaceholdersInJSON(t *testing.T) { // H6
	v := values{
		"name": `O"Hara`, "n": int64(5), "d": value.Decimal("12345678901234567890.5"), "digits": "007", "whole": "7",
		"yes": true, "o": map[string]any{"a": int64(1), "b": "<x>"}, "none": map[string]any{}, "list": []any{"a", int64(2)},
		"null": nil, "deep": map[string]any{"to": []any{map[string]any{"x": "y"}}},
	}
	for template, want := range map[string]string{
		`{"a": "<name>"}`:                 `{"a": "O\"Hara"}`,
		`{"a": <name>}`:                   `{"a": "O\"Hara"}`,
		`{"a": <n>, "b": "<n>"}`:          `{"a": 5, "b": "5"}`,
		`{"a": <d>}`:                      `{"a": 12345678901234567890.5}`,
		`{"a": <whole>, "b": <digits>}`:   `{"a": 7, "b": "007"}`,
		`{"a": "<gone?>"}`:                `{"a": null}`,
		`{"a": <gone?>}`:                  `{"a": null}`,
		`{"a": "x<gone?>y"}`:              `{"a": "xy"}`,
		`{<o>}`:                           `{"a":1,"b":"<x>"}`,
		`{"z": 0, <o>}`:                   `{"z": 0, "a":1,"b":"<x>"}`,
		`{"z": <o>}`:                      `{"z": {"a":1,"b":"<x>"}}`,
		`{"z": {<o>}}`:                    `{"z": {"a":1,"b":"<x>"}}`,
		`[<o>, <o>]`:                      `[{"a":1,"b":"<x>"}, {"a":1,"b":"<x>"}]`,
		`{"z": 0, <none>}`:                `{"z": 0}`,
		`{<none>, "z": 0}`:                `{ "z": 0}`,
		`{"y": 1, <none>, "z": 0}`:        `{"y": 1, "z": 0}`,
		`{<none>, <none> }`:               `{  }`,
		`{<gone?>, "z": 1}`:               `{ "z": 1}`,
		`{"a": <list>}`:                   `{"a": ["a",2]}`,
		`{"a": "<list>"}`:                 `{"a": "[\"a\",2]"}`,
		`{"a": <yes>}`:                    `{"a": true}`,
		`{"a": "<deep.to.0.x>"}`:          `{"a": "y"}`,
		`{"<name>": 1}`:                   `{"O\"Hara": 1}`,
		`{"a": "1 < 2 > 0 <b c> <name>"}`: `{"a": "1 < 2 > 0 <b c> O\"Hara"}`,
	} {
		out, missing := fillJSON(template, v)
		if string(out) != want || missing != "" || !json.Valid(out) {
			t.Errorf("%s became %s (missing %q), wanted %s", template, out, missing, want)
		}
	}
	for _, template := range []string{`{"a": "<gone>"}`, `{"a": <null>}`, `{<gone.b>}`, `{"a": "<name.x>"}`} {
		if out, missing := fillJSON(template, v); missing == "" {
			t.Errorf("%s became %s", template, out)
		}
	}
}

func TestPlaceholdersInText(t *testing.T) { // H6
	v := values{"a": "x", "o": map[string]any{"k": int64(1)}, "l": []any{int64(1), "b"}, "c.d": "whole name", "c": map[string]any{"d": "member"}}
	for template, want := range map[string]string{
		"<a>-<a>": "x-x", "{<o>}": `{"k":1}`, "<l>": `[1,"b"]`, "<c.d>": "whole name", "<a": "<a", "a<>": "a<>", "<a?>": "x",
	} {
		if text, missing := fill(template, v, asIs); text != want || missing != "" {
			t.Errorf("%s became %s (missing %q)", template, text, missing)
		}
	}
	if _, missing := fill("<a> <b>", v, asIs); missing != "b" {
		t.Errorf("missing is %q", missing)
	}
}

// members generates what a placeholder may stand for.
func anyValue(depth int) *rapid.Generator[any] {
	return rapid.Custom(func(t *rapid.T) any {
		switch rapid.IntRange(0, 6+min(depth, 1)*2).Draw(t, "kind") {
		case 0:
			return rapid.Int64().Draw(t, "int")
		case 1:
			return rapid.Float64().Draw(t, "float")
		case 2:
			return rapid.Bool().Draw(t, "bool")
		case 3:
			return rapid.SampledFrom([]string{"1", "true", "null", "0x1", "-", "1e5", `"q"`, "{}", "[1]", "1,2", "<a>", `\`}).Draw(t, "odd")
		case 4:
			return nil
		case 7:
			return rapid.SliceOfN(anyValue(depth-1), 0, 3).Draw(t, "list")
		case 8:
			return rapid.MapOfN(rapid.String(), anyValue(depth-1), 0, 3).Draw(t, "object")
		}
		return rapid.String().Draw(t, "text")
	})
}

// templates are pieces of JSON in which every placeholder stands where it may,
// whatever comes for it: o for objects, v for all else.
var templates = []string{
	`{"a": "<v>", "b": <v>, "c": [<v>, "<v>"], "d": "x<v>y<v>"}`, `{<o>}`, `{<o>, "a": 1}`, `{"a": 1, <o>}`, `{"a": 1, <o>, "b": {<o>}}`,
	`[{<o>}, <o>, "<o>"]`, `{"a": <o>}`, `{"a": "\"<v>\\"}`, `{"<v>": 1}`, `<v>`, `"<v>"`, `{"a": "<v?>", "b": <v?>, "c": "-<v?>"}`, `{<o?>, <o?>, "z": [<v?>]}`,
}

func TestJSONStaysJSONWhateverIsFilledIn(t *testing.T) { // H6
	rapid.Check(t, func(t *rapid.T) {
		template := rapid.SampledFrom(templates).Draw(t, "template")
		v := values{
			"v": anyValue(2).Draw(t, "v"),
			"o": rapid.MapOfN(rapid.String(), anyValue(2), 0, 3).Draw(t, "o"),
		}
		out, missing := fillJSON(template, v)
		if missing == "" && !json.Valid(out) {
			t.Fatalf("%s with %#v became %s", template, v, out)
		}
	})
}

func TestTextInQuotesComesBackAsItWas(t *testing.T) { // H6
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.String().Draw(t, "text")
		out, _ := fillJSON(`{"a": "<v>"}`, values{"v": text})
		var back struct{ A string }
		if err := json.Unmarshal(out, &back); err != nil || back.A != strings.ToValidUTF8(text, "\ufffd") {
			t.Fatalf("%q became %q", text, back.A)
		}
	})
}

func FuzzPlaceholders(f *testing.F) {
	for _, template := range templates {
		f.Add(template, "text", `{"k": [1, null]}`)
	}
	f.Add(`{<o>}`, `"`, `{"": {}}`)
	f.Fuzz(func(t *testing.T, template, text, object string) {
		o := map[string]any{}
		_ = json.Unmarshal([]byte(object), &o)
		plain, missing := fillJSON(template, values{"v": "x", "o": map[string]any{"k": "x"}})
		out, _ := fillJSON(template, values{"v": text, "o": o})
		if missing == "" && json.Valid(plain) && !json.Valid(out) {
			t.Errorf("%s is JSON with harmless values, and became %s", template, out)
		}
		_, _ = fill(template, values{"v": text, "o": o}, asIs)
		_, _, _ = pathOf(template, values{"v": text})
	})
}

func TestNumbersOfAnswersKeepTheirValue(t *testing.T) {
	for text, want := range map[string]any{
		"5": int64(5), "-0.5": -0.5, "9223372036854775808": value.Decimal("9223372036854775808"), "12345678901234567891": value.Decimal("12345678901234567891"),
		"0.1": 0.1, "0.10000000000000000001": value.Decimal("0.10000000000000000001"),
	} {
		v, err := parseJSON([]byte(text))
		if err != nil || v != want {
			t.Errorf("%s became %T %v, %v", text, v, v, err)
		}
	}
	for _, text := range []string{"", "{", "{} {}", "nul", "<html>"} {
		if _, err := parseJSON([]byte(text)); err == nil {
			t.Errorf("%q is taken for JSON", text)
		}
	}
}
