package delivery

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestPreviewShowsHowAPackageIsWrittenAndNoValue(t *testing.T) { // W3
	rows := func(all ...map[string]any) func(func(map[string]any) error) error {
		return func(yield func(map[string]any) error) error {
			for _, row := range all {
				if err := yield(row); err != nil {
					return err
				}
			}
			return nil
		}
	}
	var text bytes.Buffer
	if err := WriteJSON(&text, []Collection{
		{Address: "shop:customers", Rows: rows(map[string]any{"email": "Änne.42@example.org", "age": int64(42), "vip": true, "note": nil, "tags": []any{"b2b", true}})},
		{Address: "shop:none", Rows: rows()},
		{Address: "shop:orders", Rows: rows(map[string]any{"id": int64(1)}, map[string]any{"text": strings.Repeat("a", 50)}, map[string]any{"hidden": "x"})},
	}); err != nil {
		t.Fatal(err)
	}
	got, err := Preview(&text, 2)
	if err != nil {
		t.Fatal(err)
	}
	want := []Glimpse{
		{"shop:customers", []string{"age", "email", "note", "tags", "vip"}, []map[string]string{{"email": "xxxx.00@xxxxxxx.xxx", "age": "00", "vip": "x", "note": "", "tags": `["x0x",xxxx]`}}, 1},
		{"shop:orders", []string{"id", "text"}, []map[string]string{{"id": "0"}, {"text": strings.Repeat("x", 40) + "…"}}, 3},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if empty, err := Preview(strings.NewReader("{}\n"), 2); err != nil || len(empty) != 0 {
		t.Errorf("nothing: %v, %v", empty, err)
	}
	for _, broken := range []string{"", "[]", `{"a": [{"b": 1}`, `{"a": 1}`, `{"a": ["b"]}`} {
		if got, err := Preview(strings.NewReader(broken), 2); err == nil {
			t.Errorf("%s is read: %v", broken, got)
		}
	}
}
