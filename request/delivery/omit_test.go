package delivery

import (
	"archive/zip"
	"bytes"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestWhatIsLeftOutIsInNoFileOfAPackage(t *testing.T) { // W3
	orders := []map[string]any{
		{"id": int64(1), "note": "call HIDDEN Harry", "tags": []any{"HIDDEN"}},
		{"id": int64(2), "note": "shown"},
	}
	const german = "es geht um andere Menschen"
	pkg := Package{
		Language: "de", Created: time.Unix(0, 0),
		LeftOut: []Omitted{{"orders: note", "of_others", 1}, {"orders: price", "secret", 0}},
		Collections: []Collection{{Address: "shop:orders", Fields: []string{"id", "note", "tags"}, Rows: func(yield func(map[string]any) error) error {
			if err := yield(Without(Without(orders[0], "note", "of_others"), "tags", "secret")); err != nil {
				return err
			}
			return yield(Without(orders[1], "price", "secret")) // which it has not
		}}},
	}
	var packed, data bytes.Buffer
	if err := WritePackage(&packed, pkg, &data); err != nil {
		t.Fatal(err)
	}
	says := map[string][]string{
		"data.json":   {`"note": {"left_out":"of_others"}`, `"note": "shown"`},
		"csv/001.csv": {"1,[left_out: of_others],[left_out: secret]", "2,shown,"},
		"index.html":  {"weggelassen: " + german, "orders: note", "Werte: 1", "orders: price", "alles davon", "Geschäftsgeheimnis"},
	}
	z, err := zip.NewReader(bytes.NewReader(packed.Bytes()), int64(packed.Len()))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(text), "HIDDEN") {
			t.Errorf("%s holds what is left out", f.Name)
		}
		for _, part := range says[f.Name] {
			if !strings.Contains(string(text), part) {
				t.Errorf("%s does not say %q:\n%s", f.Name, part, text)
			}
		}
		delete(says, f.Name)
	}
	if len(says) > 0 {
		t.Errorf("not in the package: %v", says)
	}
	if orders[0]["note"] != "call HIDDEN Harry" || len(orders[1]) != 2 {
		t.Error("the rows themselves were changed")
	}
	glimpses, err := Preview(&data, 1)
	if err != nil {
		t.Fatal(err)
	}
	if got := glimpses[0].Rows[0]["note"]; got != "[left_out]" {
		t.Errorf("a preview shows %q", got)
	}
}

func TestRowsOfAPackageAreAddressedByWhatTheyHold(t *testing.T) { // W3
	rows := []map[string]any{{"a": "x\u2028<&", "b": int64(1)}, {"a": nil}, {"a": strings.Repeat("ä", 1001)}, {"a": nil}}
	secret := []byte("secret")
	var text bytes.Buffer
	if err := WriteJSON(&text, []Collection{
		{Address: "shop:before", Rows: func(yield func(map[string]any) error) error { return yield(rows[0]) }},
		{Address: "shop:here", Rows: func(yield func(map[string]any) error) error {
			for _, row := range rows {
				if err := yield(row); err != nil {
					return err
				}
			}
			return nil
		}},
	}); err != nil {
		t.Fatal(err)
	}
	written := text.String()
	var ids []string
	for _, row := range rows {
		id, err := RowID(secret, "shop:here", row)
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, id)
	}
	page := func(address string, without, limit int) Page {
		t.Helper()
		got, err := Rows(strings.NewReader(written), secret, address, without, limit)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	want := []Row{{ids[0], map[string]string{"a": "x\u2028<&", "b": "1"}}, {ids[1], map[string]string{"a": ""}}, {ids[2], map[string]string{"a": strings.Repeat("ä", 1000) + "…"}}}
	all := []Counted{{"shop:before", 1}, {"shop:here", 4}}
	if d := cmp.Diff(Page{"shop:here", want, true, all}, page("shop:here", 0, 3)); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff(Page{"shop:here", want[1:2], false, all}, page("shop:here", 3, 3)); d != "" {
		t.Errorf("the last page: %s", d)
	}
	if first := page("", 0, 3); first.Address != "shop:before" || len(first.Rows) != 1 || first.More {
		t.Errorf("the first collection: %v", first)
	}
	if ids[0] == ids[1] {
		t.Error("rows that differ have one id")
	}
	other, err := RowID([]byte("another"), "shop:here", rows[0])
	elsewhere, err2 := RowID(secret, "shop:before", rows[0])
	if err != nil || err2 != nil || other == ids[0] || elsewhere == ids[0] {
		t.Error("an id does not depend on the secret and the collection")
	}
	for _, c := range []struct {
		cells []Cell
		held  bool
	}{
		{[]Cell{{ids[0], "b"}, {"", "a"}, {ids[1], ""}, {"", ""}}, true},
		{[]Cell{{ids[0], "a"}, {ids[1], "b"}}, false},
		{[]Cell{{ids[0], "a"}, {other, "a"}}, false},
		{[]Cell{{"", "c"}}, false},
	} {
		if held, err := Holds(strings.NewReader(written), secret, "shop:here", c.cells); err != nil || held != c.held {
			t.Errorf("%v: %v, %v", c.cells, held, err)
		}
	}
}
