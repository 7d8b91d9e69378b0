package store_test

import (
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"volenti.dev/volenti/audit"
	"volenti.dev/volenti/config/source"
	"volenti.dev/volenti/datamap/inventory"
	"volenti.dev/volenti/internal/store"
	"volenti.dev/volenti/internal/store/storetest"
)

func TestConfigurationIsKeptInVersionsAndSealed(t *testing.T) { // SE9
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		c := db.Configurations()
		if _, _, err := c.Latest(t.Context(), store.DefaultTenant); !errors.Is(err, store.ErrNoConfiguration) {
			t.Errorf("before any: %v", err)
		}
		entry := audit.Entry{Act: "config.apply", Object: "configuration"}
		apply := func(text string) int64 {
			t.Helper()
			v, err := c.Apply(t.Context(), store.DefaultTenant, []source.File{{Name: "a.yml", Data: []byte(text)}}, inventory.Declared{}, 0, entry)
			if err != nil {
				t.Fatal(err)
			}
			return v
		}
		got := []int64{apply("secret canary one"), apply("secret canary one"), apply("two"), apply("secret canary one")}
		if diff := cmp.Diff([]int64{1, 1, 2, 3}, got); diff != "" {
			t.Errorf("versions (-want +got):\n%s", diff)
		}
		version, files, err := c.Latest(t.Context(), store.DefaultTenant)
		if err != nil || version != 3 || len(files) != 1 || files[0].Name != "a.yml" || string(files[0].Data) != "secret canary one" {
			t.Errorf("%d %v: %v", version, files, err)
		}
		if v, err := c.Version(t.Context(), store.DefaultTenant); err != nil || v != 3 {
			t.Errorf("version %d: %v", v, err)
		}
		entries, err := db.Audit().Records(t.Context(), store.DefaultTenant, 0, 100)
		if err != nil {
			t.Fatal(err)
		}
		acts := 0
		for _, e := range entries {
			if e.Act == "config.apply" {
				acts++
			}
		}
		if acts != 3 {
			t.Errorf("%d entries, want one for each version", acts)
		}
		var sealed []byte
		if err := db.Raw(t).QueryRow(`SELECT sealed FROM configurations WHERE version = 1`).Scan(&sealed); err != nil || strings.Contains(string(sealed), "canary") {
			t.Errorf("it is not sealed: %v", err)
		}
		// A version cannot take the place of another.
		if _, err := db.Raw(t).Exec(`UPDATE configurations SET sealed = (SELECT sealed FROM configurations WHERE version = 2) WHERE version = 3`); err != nil {
			t.Fatal(err)
		}
		if _, _, err := c.Latest(t.Context(), store.DefaultTenant); err == nil {
			t.Error("an earlier version was taken for the latest")
		}
	})
}

func TestConfigurationsThatAreAppliedAtOnceComeOneAfterTheOther(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		var all sync.WaitGroup
		versions := make([]int64, 16)
		for i := range versions {
			all.Go(func() {
				var err error
				versions[i], err = db.Configurations().Apply(t.Context(), store.DefaultTenant, []source.File{{Name: "a.yml", Data: []byte{byte(i)}}}, inventory.Declared{}, 0, audit.Entry{Act: "config.apply", Object: "configuration"})
				if err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		slices.Sort(versions)
		for i, v := range versions {
			if v != int64(i+1) {
				t.Fatalf("versions %v", versions)
			}
		}
	})
}
