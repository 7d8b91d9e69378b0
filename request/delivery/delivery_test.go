package delivery_test

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"html"
	"io"
	"os"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"volenti.dev/volenti/datamap/value"
	"volenti.dev/volenti/request/delivery"
)

var update = flag.Bool("update", false, "write the expected files anew")

func rows(all ...map[string]any) func(func(map[string]any) error) error {
	return func(yield func(map[string]any) error) error {
		for _, row := range all {
			if err := yield(row); err != nil {
				return err
			}
		}
		return nil
	}
}

func sample() delivery.Package {
	at := time.Date(2025, 11, 3, 9, 30, 0, 0, time.FixedZone("", 3600))
	return delivery.Package{
		Controller: "Example Shop Ltd",
		RequestID:  "0190c0de-4f1a-7b3c-9d2e-5a6b7c8d9e0f",
		Created:    time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC),
		Kept: []delivery.Kept{
			{What: "Invoices", Reason: "Tax law says so.", Ground: "Art. 17(3)(b) GDPR", Until: "2035-12-31"},
			{What: "Complaints", Reason: "A claim is open."},
		},
		Collections: []delivery.Collection{
			{Address: "shop:customer", Fields: []string{"id", "first_name", "born", "newsletter", "address", "phone"}, Rows: rows(map[string]any{
				"id": int64(1<<53 + 1), "first_name": "Zoë \xff <b>&", "born": value.Date("1990-05-17"), "newsletter": false, "phone": nil,
				"address": map[string]any{"zip": "", "geo": []any{51.5, -0.1}},
			})},
			{Address: "shop:nothing", Fields: []string{"id"}, Rows: rows()},
			{Address: "shop:orders", Title: "Your orders", Fields: []string{"id", "ordered_at", "total", "items"}, Rows: rows(
				map[string]any{"id": int64(1), "ordered_at": at, "total": value.Decimal("129.00"), "items": []any{map[string]any{"sku": "TEA"}}},
				map[string]any{"id": int64(2), "ordered_at": at, "total": value.Decimal("-12.50"), "items": []any{}, "extra": []byte("raw")},
			)},
		},
	}
}

func pack(t *testing.T, p delivery.Package) map[string]string {
	t.Helper()
	var b bytes.Buffer
	if err := delivery.WritePackage(&b, p); err != nil {
		t.Fatal(err)
	}
	z, err := zip.NewReader(bytes.NewReader(b.Bytes()), int64(b.Len()))
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		if !f.Modified.Equal(p.Created) {
			t.Errorf("%s has the time %v", f.Name, f.Modified)
		}
		files[f.Name] = string(content)
	}
	return files
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := "testdata/" + name
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s: %s", name, diff)
	}
}

// bare is a page without its style.
func bare(page string) string {
	page = stylesheet.ReplaceAllString(page, "<style></style>")
	return regexp.MustCompile(`sha256-.*?&#39;`).ReplaceAllString(page, "sha256-")
}

func TestPageSpeaksThePersonsLanguage(t *testing.T) { // X9
	german, other, english := sample(), sample(), sample()
	german.Language, other.Language = "de-AT", "fr"
	page := pack(t, german)
	golden(t, "index.de.html", bare(page["index.html"]))
	if pack(t, other)["index.html"] != pack(t, english)["index.html"] {
		t.Error("a language that the page does not speak is not English")
	}
	if page["data.json"] != pack(t, english)["data.json"] {
		t.Error("the language changes the data")
	}
	for _, word := range []string{"entries", "Kept", "held", "March", "empty"} {
		if strings.Contains(bare(page["index.html"]), word) {
			t.Errorf("it says %q in German", word)
		}
	}
}

var stylesheet = regexp.MustCompile(`(?s)<style>(.*)</style>`)

func TestPackageIsWhatAPersonShouldGet(t *testing.T) { // X9, X15, D20, D29
	files := pack(t, sample())
	if len(files) != 4 {
		t.Errorf("%d files", len(files))
	}
	golden(t, "index.html", bare(files["index.html"]))
	golden(t, "data.json", files["data.json"])
	golden(t, "001.csv", files["csv/001.csv"])
	golden(t, "002.csv", files["csv/002.csv"])
}

func TestTheSameInputGivesTheSameBytes(t *testing.T) {
	var a, b bytes.Buffer
	if err := errors.Join(delivery.WritePackage(&a, sample()), delivery.WritePackage(&b, sample())); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(a.Bytes(), b.Bytes()) {
		t.Error("they differ")
	}
}

func TestWhatIsWrittenBesideThePackageIsItsJSON(t *testing.T) {
	var alone, beside bytes.Buffer
	if err := errors.Join(delivery.WriteJSON(&alone, sample().Collections), delivery.WritePackage(io.Discard, sample(), &beside)); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(alone.String(), beside.String()); diff != "" {
		t.Error(diff)
	}
}

func TestNothingFoundIsAPackageToo(t *testing.T) {
	files := pack(t, delivery.Package{Created: time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)})
	if files["data.json"] != "{}\n" || !strings.Contains(files["index.html"], "Nothing was found") {
		t.Errorf("%v", files)
	}
}

func TestJSONRefusesAnAddressGivenTwice(t *testing.T) {
	c := sample().Collections[0]
	if err := delivery.WriteJSON(io.Discard, []delivery.Collection{c, c}); err == nil || !strings.Contains(err.Error(), "shop:customer") {
		t.Error(err)
	}
}

func TestTheStyleSheetIsTheOneThatThePolicyAllows(t *testing.T) { // SE6
	page := pack(t, sample())["index.html"]
	sum := sha256.Sum256([]byte(stylesheet.FindStringSubmatch(page)[1]))
	policy := "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; base-uri 'none'; form-action 'none'"
	if !strings.Contains(html.UnescapeString(page), `http-equiv="Content-Security-Policy" content="`+policy+`"`) {
		t.Error("the policy does not fit the style sheet")
	}
	for _, bad := range []string{"<script", " style=", " src=", "http://", "https://", "javascript:"} {
		if strings.Contains(page, bad) {
			t.Errorf("the page contains %s", bad)
		}
	}
}

// hostile are texts that break out of something when they are not escaped.
var hostile = []string{
	`<script>alert(1)</script>`, `"><img src=x onerror=alert(1)>`, `' onmouseover='alert(1)`, `</style><script>`, `</title>`,
	`<!--`, `]]>`, `javascript:alert(1)`, `{{.Style}}`, `../../etc/passwd`, "..\\x\x00.csv", `=HYPERLINK("http://x")`, "a\u2028b", `&lt;b&gt;`,
}

func TestDataNeverBecomesMarkup(t *testing.T) { // SE6
	shape := func(text string) delivery.Package {
		return delivery.Package{
			Controller: text, RequestID: text, Created: time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC),
			Kept: []delivery.Kept{{What: text, Reason: text, Ground: text, Until: value.Date(text)}},
			Collections: []delivery.Collection{
				{Address: text + ":" + text, Fields: []string{text}, Rows: rows(map[string]any{text: text}, map[string]any{text: []any{text, map[string]any{text: text}}})},
				{Address: "b:" + text, Title: text, Fields: []string{text, "d"}, Rows: rows(map[string]any{text: text, "d": value.Date(text)})},
				{Address: "c:" + text, Fields: []string{"1", "2", "3", "4", "5", "6", "7", text}, Rows: rows(map[string]any{text: value.Decimal(text)}, map[string]any{})},
			},
		}
	}
	want := skeleton(pack(t, shape("harmless"))["index.html"])
	for _, text := range hostile {
		files := pack(t, shape(text))
		if diff := cmp.Diff(want, skeleton(files["index.html"])); diff != "" {
			t.Errorf("%q changes the markup: %s", text, diff)
		}
		for _, name := range []string{"index.html", "data.json", "csv/001.csv", "csv/002.csv", "csv/003.csv"} {
			if content, ok := files[name]; !ok || !utf8.ValidString(content) {
				t.Errorf("%q: %s is missing or no UTF-8", text, name)
			}
		}
		if len(files) != 5 {
			t.Errorf("%q changes the names of the files", text)
		}
		if !json.Valid([]byte(files["data.json"])) {
			t.Errorf("%q makes the JSON invalid", text)
		}
	}
}

// skeleton is the tags of a page with the names of their attributes.
func skeleton(page string) string {
	var b strings.Builder
	for _, tag := range regexp.MustCompile(`<[^>]*>`).FindAllString(stylesheet.ReplaceAllString(page, ""), -1) {
		b.WriteString(regexp.MustCompile(`"[^"]*"`).ReplaceAllString(tag, `""`) + "\n")
	}
	return b.String()
}

func TestLongCollectionsAreShownInPart(t *testing.T) {
	all := make([]map[string]any, 1234)
	for i := range all {
		all[i] = map[string]any{"id": int64(i), "name": "x"}
	}
	files := pack(t, delivery.Package{
		Created:     time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC),
		Collections: []delivery.Collection{{Address: "a:b", Fields: []string{"id", "name"}, Rows: rows(all...)}},
	})
	page := files["index.html"]
	if n := strings.Count(page, "<tr><td data-label"); n != 1000 {
		t.Errorf("%d rows are shown", n)
	}
	if !strings.Contains(page, `The first 1,000 of 1,234 entries are shown here. All of them are in <a href="csv/001.csv">`) {
		t.Error("the page does not say where the others are")
	}
	if n := strings.Count(files["csv/001.csv"], "\r\n"); n != 1235 {
		t.Errorf("%d lines in the CSV", n)
	}
}

func TestLongValuesAreShownInPart(t *testing.T) {
	elements := make([]any, 250)
	object := map[string]any{}
	deep := any("end")
	for i := range elements {
		elements[i] = int64(i)
		object[fmt.Sprint("k", i)] = nil
		deep = []any{deep}
	}
	files := pack(t, delivery.Package{
		Created: time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC),
		Collections: []delivery.Collection{{Address: "a:b", Fields: []string{"list", "object", "text", "deep"}, Rows: rows(map[string]any{
			"list": elements, "object": object, "text": strings.Repeat("ä", 5000), "deep": deep,
		})}},
	})
	if n := strings.Count(files["index.html"], "(and 150 more)"); n != 2 {
		t.Errorf("%d values say how much is not shown", n)
	}
	if !strings.Contains(files["index.html"], strings.Repeat("ä", 4000)+"</span> <span class=\"more\">(the first 4,000 characters are shown)") {
		t.Error("the long text is not cut")
	}
}

func TestNoRowIsHeld(t *testing.T) {
	// One map is used for all rows and made worthless after each.
	const many = 200_000
	var peak uint64
	filler := strings.Repeat("x", 200)
	all := func(yield func(map[string]any) error) error {
		row := map[string]any{}
		for i := range many {
			row["id"], row["text"] = int64(i), filler
			if err := yield(row); err != nil {
				return err
			}
			row["id"], row["text"] = "canary of a row that was over", nil
			if i%50_000 == 0 {
				var m runtime.MemStats
				runtime.GC()
				runtime.ReadMemStats(&m)
				peak = max(peak, m.HeapAlloc)
			}
		}
		return nil
	}
	var before runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	err := delivery.WritePackage(io.Discard, delivery.Package{
		Created:     time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC),
		Collections: []delivery.Collection{{Address: "a:b", Fields: []string{"id", "text"}, Rows: all}},
	})
	if err != nil {
		t.Fatal(err)
	}
	// The rows together are 40 MB of text in each file.
	if peak > before.HeapAlloc+8<<20 {
		t.Errorf("the heap grew from %d to %d bytes", before.HeapAlloc, peak)
	}
	var data bytes.Buffer
	c := delivery.Collection{Address: "a:b", Rows: func(yield func(map[string]any) error) error {
		row := map[string]any{}
		for i := range 1000 {
			row["id"] = int64(i)
			if err := yield(row); err != nil {
				return err
			}
			row["id"] = "canary"
		}
		return nil
	}}
	if err := delivery.WriteJSON(&data, []delivery.Collection{c}); err != nil || strings.Contains(data.String(), "canary") {
		t.Errorf("a row was written after it was over: %v", err)
	}
}

func TestErrorsOfRowsAndWritersAreNotLost(t *testing.T) {
	broken := errors.New("broken")
	failing := func(calls, after int) func(func(map[string]any) error) error {
		return func(yield func(map[string]any) error) error {
			if calls--; calls < 0 {
				return broken
			}
			for i := range after {
				if err := yield(map[string]any{"id": int64(i)}); err != nil {
					return err
				}
			}
			return nil
		}
	}
	for calls := range 3 {
		c := delivery.Collection{Address: "shop:orders", Fields: []string{"id"}, Rows: failing(calls, 3)}
		err := delivery.WritePackage(io.Discard, delivery.Package{Collections: []delivery.Collection{c}})
		if !errors.Is(err, broken) || !strings.Contains(err.Error(), "shop:orders") {
			t.Errorf("in file %d: %v", calls, err)
		}
	}
	var whole bytes.Buffer
	if err := delivery.WritePackage(&whole, sample()); err != nil {
		t.Fatal(err)
	}
	for n := 0; n < whole.Len(); n += 97 {
		if err := delivery.WritePackage(&full{left: n}, sample()); !errors.Is(err, errFull) {
			t.Fatalf("with room for %d bytes: %v", n, err)
		}
	}
}

var errFull = errors.New("disk full")

type full struct{ left int }

func (f *full) Write(b []byte) (int, error) {
	if f.left -= len(b); f.left < 0 {
		return 0, errFull
	}
	return len(b), nil
}
