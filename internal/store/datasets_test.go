package store_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"volenti.dev/volenti/config/source"
	"volenti.dev/volenti/datamap/inventory"
)

func datasetMade(key, of, text string) inventory.Made {
	return inventory.Made{What: inventory.OfDataset, Key: key, Of: of, Text: []byte(text)}
}

// described gives the datasets that were made.
func (s shelf) described() (all []string, err error) {
	made, _, err := s.db.Connections().Made(ctx, tenant)
	for _, m := range made {
		if m.What == inventory.OfDataset {
			all = append(all, fmt.Sprintf("%s of %s: %s", m.Key, m.Of, m.Text))
		}
	}
	return all, err
}

func TestDatasetsAreKeptSealedInTheirOrder(t *testing.T) { // SE9
	onShelf(t, func(t *testing.T, s shelf) {
		sets := s.db.Datasets()
		for _, m := range []inventory.Made{datasetMade("z", "db", "canary one"), datasetMade("a", "db", "canary two")} {
			must(t, sets.Create(ctx, tenant, m, s.seen(), entry("dataset.create")))
		}
		if err := sets.Create(ctx, tenant, datasetMade("z", "db", "again"), s.seen(), entry("dataset.create")); !errors.Is(err, inventory.ErrTaken) {
			t.Errorf("a second dataset of this key: %v", err)
		}
		must(t, sets.Edit(ctx, tenant, datasetMade("z", "other", "canary three"), s.seen(), entry("dataset.edit")))
		got, err := s.described()
		if diff := cmp.Diff([]string{"z of other: canary three", "a of db: canary two"}, got); diff != "" || err != nil {
			t.Errorf("%v (-want +got):\n%s", err, diff)
		}
		var sealed []byte
		if err := s.db.Raw(t).QueryRow(`SELECT sealed FROM datasets WHERE key = 'z'`).Scan(&sealed); err != nil || strings.Contains(string(sealed), "canary") {
			t.Errorf("it is not sealed: %v", err)
		}

		var clash *inventory.Clash
		_, err = s.db.Configurations().Apply(ctx, tenant, []source.File{{Name: "a.yml"}}, inventory.Declared{Datasets: []string{"z"}}, s.seen().Inventory, entry("config.apply"))
		if !errors.As(err, &clash) || clash.What != "dataset" || clash.Key != "z" {
			t.Errorf("a directory took a dataset: %v", err)
		}
		must(t, sets.Remove(ctx, tenant, "z", s.seen(), entry("dataset.remove")))
		for act, err := range map[string]error{
			"edit": sets.Edit(ctx, tenant, datasetMade("z", "db", ""), s.seen(), entry("x.x")), "remove": sets.Remove(ctx, tenant, "z", s.seen(), entry("x.x")),
			"remove another tenant's": sets.Remove(ctx, "other", "a", s.seen(), entry("x.x")),
		} {
			if err == nil || act != "remove another tenant's" && !errors.Is(err, inventory.ErrNoDataset) {
				t.Errorf("%s: %v", act, err)
			}
		}
		if _, err := s.db.Raw(t).Exec(`UPDATE datasets SET connection = 'other' WHERE key = 'a'`); err != nil {
			t.Fatal(err)
		}
		if _, err := s.described(); err == nil {
			t.Error("a dataset was taken for one of another connection")
		}
	})
}

func TestADatasetIsNotChangedByWhatIsOutOfDate(t *testing.T) {
	onShelf(t, func(t *testing.T, s shelf) {
		sets := s.db.Datasets()
		must(t, sets.Create(ctx, tenant, datasetMade("a", "db", "one"), s.seen(), entry("dataset.create")))
		for name, meanwhile := range map[string]func(){
			"a dataset": func() {
				must(t, sets.Edit(ctx, tenant, datasetMade("a", "db", "two"), s.seen(), entry("dataset.edit")))
			},
			"a connection":    func() { s.connection("b") },
			"a configuration": func() { must(t, s.apply("one", nil)) },
		} {
			seen := s.seen()
			meanwhile()
			for act, err := range map[string]error{
				"create": sets.Create(ctx, tenant, datasetMade("c", "db", ""), seen, entry("x.x")),
				"edit":   sets.Edit(ctx, tenant, datasetMade("a", "db", ""), seen, entry("x.x")),
				"remove": sets.Remove(ctx, tenant, "a", seen, entry("x.x")),
			} {
				if !errors.Is(err, inventory.ErrChanged) {
					t.Errorf("%s after %s: %v", act, name, err)
				}
			}
		}
	})
}
