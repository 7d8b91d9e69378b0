package server

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// TestSamePlanWhateverTheFilesAreCalled spreads a configuration over files by
// chance, in any order.
func TestSamePlanWhateverTheFilesAreCalled(t *testing.T) { // X19
	t.Parallel()
	w := newWorld(t, "sqlite", "sqlite")
	w.exec("CREATE TABLE ticket (id INTEGER PRIMARY KEY, mail VARCHAR(40), order_no INTEGER REFERENCES orders (no), body TEXT);\n")
	lists := map[string][]string{"dataset": {
		`
- fides_key: help
  collections:
  - name: ticket
    fides_meta: {erase_after: [shop.note]}
    fields:
    - {name: id, fides_meta: {primary_key: true}}
    - {name: mail, data_categories: [user.contact.email], fides_meta: {identity: email}}
    - {name: order_no, fides_meta: {references: [{dataset: shop, field: orders.no}]}}
    - {name: body, data_categories: [user.content]}
`,
		strings.TrimPrefix(shopDataset, "\ndataset:"),
	}, "policy": {
		"\n- {key: other, rules: [{key: all, action: access, targets: [user]}]}\n",
		strings.TrimPrefix(shopPolicies, "\npolicy:"),
	}, "connection": {
		fmt.Sprintf("\n- {key: one, type: sqlite, access: write, datasets: [shop], secrets: {url: %q}}\n", w.url),
		fmt.Sprintf("\n- {key: two, type: sqlite, access: write, datasets: [help], secrets: {url: %q}}\n", w.url),
	}}
	var first []byte
	for seed := range uint64(30) {
		draw := rand.New(rand.NewPCG(seed, 19))
		files := make([]string, 1+draw.IntN(5))
		for _, key := range []string{"policy", "dataset", "connection"} {
			items := slices.Clone(lists[key])
			draw.Shuffle(len(items), func(i, j int) { items[i], items[j] = items[j], items[i] })
			texts := make([]string, len(files))
			for _, item := range items {
				texts[draw.IntN(len(files))] += item
			}
			for i, text := range texts {
				if text != "" {
					files[i] += key + ":" + text
				}
			}
		}
		w.write(files...)
		d := w.open()
		plan, err := d.plan("erasure", person(t, "email", "anna@example.com"))
		d.close()
		if err != nil {
			t.Fatal(err)
		}
		again, err := json.Marshal(plan)
		if err != nil {
			t.Fatal(err)
		}
		if first == nil {
			first = again
		}
		if string(again) != string(first) {
			t.Fatalf("another order of the same files:\n%s\n%s", first, again)
		}
	}
}
