package source_test

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"volenti.dev/volenti/config/source"
)

// parse gives the documents as plain values and the problems as lines.
func parse(text string) (values []any, problems []string) {
	var r source.Report
	for _, n := range source.Parse("f.yml", []byte(text), &r) {
		values = append(values, n.Value())
	}
	for _, p := range r.Problems() {
		problems = append(problems, p.String())
	}
	return values, problems
}

type object = map[string]any

func TestDocumentsAreReadByTheCoreSchema(t *testing.T) {
	values, problems := parse("\uFEFF# none\n---\n" + `
a: 010
b: 0x1F
c: -1.5e3
d: yes
e: 2024-01-02
f: "12"
g: ~
h: TRUE
i: !!str 7
j: |
  two
  lines
k: 1_000
l: .inf
m: 99999999999999999999
n: [x, {y: z}]
o:
1: one
...
---
---
- last
`)
	if problems != nil {
		t.Fatal(problems)
	}
	want := []any{
		object{
			"a": int64(10), "b": int64(31), "c": -1500.0, "d": "yes", "e": "2024-01-02", "f": "12", "g": nil,
			"h": true, "i": "7", "j": "two\nlines\n", "k": "1_000", "l": ".inf", "m": 1e20,
			"n": []any{"x", object{"y": "z"}}, "o": nil, "1": "one",
		},
		[]any{"last"},
	}
	if diff := cmp.Diff(want, values); diff != "" {
		t.Error(diff)
	}
}

func TestAPlaceIsNamedByThePathToIt(t *testing.T) {
	var r source.Report
	n := source.Parse("f", []byte(`{"secrets": {"url": "u"}, "consent": {"identities": ["a", {"b": 1}]}}`), &r)[0]
	for column, want := range map[int]string{1: "", 2: "secrets", 13: "secrets", 14: "secrets.url", 21: "secrets.url", 54: "consent.identities[0]", 60: "consent.identities[1].b", 999: ""} {
		if got := n.Path(source.Position{File: "f", Line: 1, Column: column}); got != want {
			t.Errorf("column %d is %q, not %q", column, got, want)
		}
	}
	if got := n.Path(source.Position{File: "g", Line: 1, Column: 2}); got != "" {
		t.Errorf("of another file: %q", got)
	}
}

func TestAliasesAndMergeKeysAreResolved(t *testing.T) {
	values, problems := parse(`
base: &base {a: 1, b: [x]}
more: &more {b: 2, c: 3}
one: *base
two: {<<: *base, a: 9}
three:
  <<: [*base, *more]
  d: 4
`)
	if problems != nil {
		t.Fatal(problems)
	}
	base := object{"a": int64(1), "b": []any{"x"}}
	want := object{
		"base": base, "more": object{"b": int64(2), "c": int64(3)},
		"one": base, "two": object{"a": int64(9), "b": []any{"x"}},
		"three": object{"a": int64(1), "b": []any{"x"}, "c": int64(3), "d": int64(4)},
	}
	if diff := cmp.Diff([]any{want}, values); diff != "" {
		t.Error(diff)
	}
}

func TestBrokenTextIsOneErrorWithItsPlace(t *testing.T) { // SE7, D5
	tests := map[string]string{
		"a:\n\tb: 1\n":            "f.yml:2: error: this is not YAML: a tab stands where only spaces may (indent with spaces)",
		"a: [1, 2\nb: 3\n":        "f.yml:2: error: this is not YAML: a bracket is not closed, or a comma is missing (close the bracket before the next line)",
		"a: \"x\nb: 1\n":          "f.yml:1: error: this is not YAML: a quoted text does not end (close the quote)",
		"a: 1\n  b: 2\n":          "f.yml:1: error: this is not YAML: a key and its value stand inside another value (indent them like their neighbours, or put a value that contains \": \" in quotes)",
		"a:\n  - b: 1\n   c: 2":   "f.yml:3: error: this is not YAML: a value stands where none can be (indent it like its neighbours, or put it in quotes)",
		"a: b\n@c: d\n":           "f.yml:2: error: this is not YAML: a value begins with a character that YAML reserves (put the value in quotes)",
		"a: 1\nb: \xff\n":         "f.yml:2: error: the byte 0xFF is not UTF-8 (save the file as UTF-8)",
		"a: 1\nb: \x00\n":         "f.yml:2: error: the control character U+0000 is not allowed in YAML (remove it)",
		"a: *b\n":                 "f.yml:1: error: *b names nothing above it in this document (write &b before the value that is meant)",
		"a: &b [*b]\n":            "f.yml:1: error: *b stands inside the value that it names (remove it)",
		"a: 1\nb: 2\na: 3\n":      "f.yml:3: error: the key \"a\" is already given at f.yml:1 (remove one of them)",
		"a: {__proto__: 1}\n":     "f.yml:1: error: __proto__ is not allowed as a key (use another name)", // SE8
		"constructor: 1\n":        "f.yml:1: error: constructor is not allowed as a key (use another name)",
		"a:\n- prototype: 1\n":    "f.yml:2: error: prototype is not allowed as a key (use another name)",
		"a: !go {}\n":             "f.yml:1: error: the tag !go cannot be read here (remove the tag)",
		"a: !!int x\n":            "f.yml:1: error: the tag !!int cannot be read here (remove the tag)",
		"null: 1\n":               "f.yml:1: error: a key must be text (write a word)",
		"a: {<<: 1}\n":            "f.yml:1: error: << takes a mapping or a list of mappings, found a whole number (write <<: *name)",
		"a: b: c\n":               "f.yml:1: error: this is not YAML: a key and its value stand inside another value (indent them like their neighbours, or put a value that contains \": \" in quotes)",
		"a: 1\n--- b: 1\nc: [}\n": "f.yml:2: error: this is not YAML: something stands beside the line that separates documents (leave --- alone on its line)",
	}
	for text, want := range tests {
		_, problems := parse(text)
		if diff := cmp.Diff([]string{want}, problems); diff != "" {
			t.Errorf("%q:\n%s", text, diff)
		}
	}
}

func TestBrokenTextIsNotQuoted(t *testing.T) {
	_, problems := parse("secrets:\n  url: postgres://me:hunter2@host\n   password: hunter2: x\n")
	if len(problems) != 1 || strings.Contains(problems[0], "hunter2") {
		t.Error(problems)
	}
}

func TestTextsThatWouldCostTooMuchAreRefused(t *testing.T) { // SE7
	var bomb, chain strings.Builder
	bomb.WriteString("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n")
	chain.WriteString("a0: &a0 [x]\n")
	for i := 1; i < 200; i++ {
		fmt.Fprintf(&bomb, "a%d: &a%d [%s]\n", i, i, strings.Repeat(fmt.Sprintf("*a%d, ", i-1), 10))
		fmt.Fprintf(&chain, "a%d: &a%d [*a%d]\n", i, i, i-1)
	}
	deep := func(n int, open, end string) string { return strings.Repeat(open, n) + strings.Repeat(end, n) }
	var block, keys strings.Builder
	for i := range 1000 {
		block.WriteString(strings.Repeat(" ", i) + "a:\n")
	}
	for i := range 20_000 {
		fmt.Fprintf(&keys, "k%d: 1\n", i)
	}
	big := 7 << 20
	tests := map[string]struct{ text, want string }{
		"alias bomb":     {bomb.String(), "the aliases of this file stand for more than 200000 values"},
		"alias chain":    {chain.String(), "this is nested more than 100 levels deep"},
		"deep brackets":  {deep(200, "[", "]"), "nested more than 100 levels"},
		"open brackets":  {strings.Repeat("[\n", 1<<18), "nested more than 100 levels"},
		"deep braces":    {strings.Repeat("{a: ", 1<<18), "nested more than 100 levels"},
		"deep dashes":    {strings.Repeat("- ", 1<<19), "nested more than 100 levels"},
		"deep questions": {strings.Repeat("? ", 1<<19), "nested more than 100 levels"},
		"deep block":     {block.String(), "nested more than 100 levels"},
		"many keys":      {keys.String(), "more than 10000 keys"},
		"many flow keys": {"{" + strings.ReplaceAll(keys.String(), "\n", ",") + "}", "more than 10000 keys"},
		"many documents": {strings.Repeat("---\na: 1\n", 2000), "more than 1000 documents"},
		"many entries":   {strings.Repeat("- a\n", big/4), "more than 1500000 words and marks"},
		"many marks":     {strings.Repeat("[\n", big/2), "more than 1500000 brackets"},
		"long line":      {"a: " + strings.Repeat("[", big), "the line is longer than 1 MiB"},
		"too large":      {strings.Repeat("a\n", source.MaxBytes/2+1), "larger than 8 MiB"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, problems := parse(test.text)
			if len(problems) == 0 || len(problems) > 200 || !strings.Contains(problems[0], test.want) {
				t.Errorf("%d problems: %.300q", len(problems), problems)
			}
		})
	}
}

func TestFiveMegabytesAreRead(t *testing.T) {
	text := "list:\n" + strings.Repeat("- {name: customer, note: some words that are longer}\n", 5<<20/53)
	values, problems := parse(text)
	if problems != nil || len(values[0].(object)["list"].([]any)) != 5<<20/53 {
		t.Error(len(values), problems)
	}
}

func TestGettersReportAndGoOn(t *testing.T) {
	var r source.Report
	documents := source.Parse("f.yml", []byte(`
name: 5
count: many
flag: yes
list: x
texts: [a, 1, b]
inner: []
huge: 99999999999999999999
nmae: typo
fidse_meta: typo
other: 1
null_is_absent:
`), &r)
	m := documents[0].Mapping("the thing", &r)
	if m.String("name") != "" || m.Int("count") != 0 || m.Bool("flag") || m.List("list") != nil || m.Mapping("inner") != nil || m.Int("huge") != 0 {
		t.Error("a value of the wrong type was read")
	}
	if texts := m.Strings("texts"); len(texts) != 2 || texts[1] != (source.Text{Value: "b", At: source.Position{File: "f.yml", Line: 6, Column: 15}}) {
		t.Error(texts)
	}
	m.Need("null_is_absent", "key")
	m.Ignore("fides_meta")
	m.Done()
	var got []string
	for _, p := range r.Problems() {
		got = append(got, p.String())
	}
	want := []string{
		"f.yml:2: error: key is missing (add key: ...)",
		"f.yml:2: error: name must be text, found a whole number (put it in quotes)",
		"f.yml:3: error: count must be a whole number, found text (write digits without quotes)",
		"f.yml:4: error: flag must be true or false, found text (write true or false)",
		"f.yml:5: error: list must be a list, found text (begin each entry with a dash: - ...)",
		"f.yml:6: error: an entry of texts must be text, found a whole number (put it in quotes)",
		"f.yml:7: error: inner must be a mapping, found a list (write its keys below it, one a line)",
		"f.yml:8: error: huge is too large (write a smaller number)",
		"f.yml:9: error: unknown key \"nmae\" (did you mean name?)",
		"f.yml:10: error: unknown key \"fidse_meta\" (did you mean fides_meta?)",
		"f.yml:11: error: unknown key \"other\" (remove it)",
		"f.yml:12: error: null_is_absent is missing (add null_is_absent: ...)",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestNothingCanBeReadFromANilMapping(t *testing.T) {
	var m *source.Mapping
	m.Need("a")
	m.Ignore("a")
	m.Done()
	if m.String("a") != "" || m.Int("a") != 0 || m.Bool("a") || m.List("a") != nil || m.Strings("a") != nil ||
		m.Mapping("a") != nil || m.Node("a") != nil || m.Has("a") || m.Keys() != nil || m.Where("a") != (source.Position{}) {
		t.Error("something was read from nothing")
	}
}

func TestDirectoriesAreReadRecursively(t *testing.T) { // D1
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	link := func(to, name string) {
		t.Helper()
		if err := os.Symlink(to, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	write("b.yml", "b1\n---\nb2\n")
	write("a/z.yaml", "z")
	write("a/readme.md", "[no")
	write(".hidden.yml", "[no")
	write(".git/x.yml", "[no")
	write("broken1.yml", "[")
	write("broken2.yml", "{")
	write(".data/linked", "linked")
	link(".data/linked", "l.yml")
	link(".", "a/loop")
	link("nowhere", "n.yml")
	link(dir, filepath.Join("a", "back.yml"))

	var r source.Report
	read, err := source.ReadDir(dir, &r)
	if err != nil {
		t.Fatal(err)
	}
	if text := fmt.Sprintf("%v %+v %q", read, read, read); strings.Contains(text, "linked\n") || strings.Contains(text, "b1") {
		t.Errorf("files show what they hold: %s", text)
	}
	var values []any
	for _, d := range source.Documents(read, &r) {
		values = append(values, d.Value())
	}
	if diff := cmp.Diff([]any{"z", "b1", "b2", "linked"}, values); diff != "" {
		t.Error(diff)
	}
	var files []string
	for _, p := range r.Problems() {
		name, _ := filepath.Rel(dir, p.File)
		files = append(files, fmt.Sprint(p.Severity, " ", name))
	}
	if diff := cmp.Diff([]string{"warning a/back.yml", "warning a/loop", "error broken1.yml", "error broken2.yml", "error n.yml"}, files); diff != "" {
		t.Error(diff)
	}
	again := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(dir, again); err != nil {
		t.Fatal(err)
	}
	if read, _ = source.ReadDir(again, &source.Report{}); len(read) != 5 {
		t.Errorf("%d files through a link to the directory", len(read))
	}
}

func TestAnEmptyDirectoryIsAnErrorAndAMissingOneTheSystems(t *testing.T) {
	dir := t.TempDir()
	var r source.Report
	if _, err := source.ReadDir(dir, &r); err != nil {
		t.Fatal(err)
	}
	if p := r.Problems(); len(p) != 1 || p[0].Severity != source.Error || !strings.Contains(p[0].Message, "holds no *.yml") {
		t.Error(p)
	}
	if _, err := source.ReadDir(filepath.Join(dir, "none"), &r); !os.IsNotExist(unwrap(err)) {
		t.Error(err)
	}
}

func unwrap(err error) error {
	if u, ok := err.(interface{ Unwrap() error }); ok {
		return u.Unwrap()
	}
	return err
}

func TestNearestAllowsOneWrongLetterInFour(t *testing.T) {
	known := func(yield func(string) bool) {
		for _, k := range []string{"fides_meta", "from", "to", "user.contact.email"} {
			if !yield(k) {
				return
			}
		}
	}
	for word, want := range map[string]string{
		"fidesmeta": "fides_meta", "form": "from", "user.contact.emial": "user.contact.email", "zzzz": "", "": "",
		"FIDES_META": "fides_meta", strings.Repeat("x", 10_000): "",
	} {
		if got := source.Nearest(word, known); got != want {
			t.Errorf("%q: %q, want %q", word, got, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		"a: 1\n---\nb: [1, {c: d}]\n", "a: &x {b: *x}\n", "<<: *a", "? a\n: b\n", "? ", "&a &b c", "!a !b c", "*a : b", "&a a: b",
		"a: |\n  x\n>-", "%YAML 1.2\n---\na", "%TAG ! x:\n--- !y z", "\"\\u12\"", "'", "[a, b", "{a, b}", "{a: b, ? c}", "- - - a", "a:\n- b\n c",
		"a: !!str\nb: !!map {}\n", "{<<: [*a, *b]}", "#", "...", "--- |\n", "\t", "1" + strings.Repeat("0", 400), "a:\r\n\tb", "!!binary |\n x", "[[[[[[]]]]]]", ": :", "-\n-\n", "null: ~", "? [a]: b",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var r source.Report
		for _, n := range source.Parse("f.yml", data, &r) {
			if v, ok := n.Value().(float64); ok && (math.IsNaN(v) || math.IsInf(v, 0)) {
				t.Errorf("%v is no number", v)
			}
			m := n.Mapping("it", &r)
			for _, key := range m.Keys() {
				m.Strings(key)
				m.Mapping(key).Done()
			}
		}
		for _, p := range r.Problems() {
			if p.File != "f.yml" || p.Message == "" || p.Severity != source.Error {
				t.Errorf("%#v", p)
			}
		}
	})
}
