package delivery_test

import (
	"encoding/json"
	"fmt"
	"io"
	"testing"

	"volenti.dev/volenti/datamap/value"
	"volenti.dev/volenti/request/delivery"
)

// BenchmarkWriteJSON measures the JSON of a package from rows as the store
// keeps them, beside encoding/json over the same rows. F9
func BenchmarkWriteJSON(b *testing.B) {
	const rows = 2000
	var chunk []byte
	for i := range rows {
		var err error
		chunk, err = value.Append(chunk, map[string]any{
			"id": int64(i), "customer_id": int64(1), "title": fmt.Sprint("day ", i), "mood": int64(i % 7), "price": value.Decimal("12.50"),
			"body": fmt.Sprintf("It is the day %d and what there is to say of it fits into one line.", i),
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	ways := map[string]func(w io.Writer) error{
		"ours": func(w io.Writer) error {
			return delivery.WriteJSON(w, []delivery.Collection{{Address: "shop:entry", Rows: func(yield func(map[string]any) error) error {
				return value.Decode(chunk, yield)
			}}})
		},
		"encoding/json": func(w io.Writer) error {
			e := json.NewEncoder(w)
			e.SetIndent("    ", "  ")
			return value.Decode(chunk, func(row map[string]any) error { return e.Encode(value.ForJSON(row)) })
		},
	}
	for name, write := range ways {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				var size counted
				if err := write(&size); err != nil {
					b.Fatal(err)
				}
				b.SetBytes(int64(size))
			}
		})
	}
}

// counted is how much was written.
type counted int64

func (c *counted) Write(b []byte) (int, error) {
	*c += counted(len(b))
	return len(b), nil
}
