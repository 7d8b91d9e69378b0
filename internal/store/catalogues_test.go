package store_test

import (
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"volenti.dev/volenti/datamap/catalogue"
	"volenti.dev/volenti/datamap/value"
	"volenti.dev/volenti/internal/store/storetest"
)

// described makes a catalogue of one table with these columns.
func described(columns ...string) *catalogue.Catalogue {
	t := catalogue.Table{Name: catalogue.Name{Schema: "public", Table: "customers"}, PrimaryKey: []string{"id"}}
	for _, c := range columns {
		t.Columns = append(t.Columns, catalogue.Column{Name: c, Native: "text", Type: value.Type{Kind: value.String}, Comment: "of " + c})
	}
	return &catalogue.Catalogue{Tables: []catalogue.Table{t}}
}

func TestCataloguesAreKeptInVersions(t *testing.T) { // X17
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		must(t, db.CreateTenant(ctx, "other"))
		kept := db.Catalogues()
		none, err := kept.Latest(ctx, tenant, "shop")
		must(t, err)
		if none != nil {
			t.Fatalf("before the first: %+v", none)
		}
		keep := func(c *catalogue.Catalogue, want int64) {
			t.Helper()
			version, err := kept.Keep(ctx, tenant, "shop", c, "tester")
			must(t, err)
			if version != want {
				t.Errorf("version %d, want %d", version, want)
			}
		}
		keep(described("id", "email"), 1)
		first, err := kept.Latest(ctx, tenant, "shop")
		must(t, err)
		keep(described("id", "email"), 1)
		again, err := kept.Latest(ctx, tenant, "shop")
		must(t, err)
		if again.Read.Before(first.Read) || again.Digest != first.Digest {
			t.Errorf("read again: %+v, before %+v", again, first)
		}
		keep(described("id", "email", "phone"), 2)
		keep(described("id", "email"), 3) // as it once was is a change too
		if _, err := kept.Keep(ctx, "other", "shop", described("id"), "tester"); err != nil {
			t.Fatal(err)
		}
		db.Reopen(t)
		last, err := db.Catalogues().Latest(ctx, tenant, "shop")
		must(t, err)
		want := described("id", "email")
		for i := range want.Tables[0].Columns {
			want.Tables[0].Columns[i].Comment = "" // what people wrote is not kept
		}
		if diff := cmp.Diff(*want, last.Catalogue); diff != "" || last.Version != 3 {
			t.Errorf("version %d (-want +got):\n%s", last.Version, diff)
		}
		acts := 0
		records, err := db.Audit().Records(ctx, tenant, 0, 100)
		must(t, err)
		for _, r := range records {
			if r.Act == "catalogue.refresh" && strings.Contains(string(r.Details), "tester") {
				acts++
			}
		}
		if acts != 3 {
			t.Errorf("%d entries for three versions", acts)
		}
	})
}

func TestACatalogueThatManyReadAtOnceGetsOneNumberEach(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		var all sync.WaitGroup
		var mu sync.Mutex
		seen := map[int64]bool{}
		for i := range 8 {
			all.Go(func() {
				version, err := db.Catalogues().Keep(ctx, tenant, "shop", described(strings.Repeat("x", i+1)), "tester")
				if err != nil {
					t.Error(err)
				}
				mu.Lock()
				defer mu.Unlock()
				if seen[version] {
					t.Errorf("version %d twice", version)
				}
				seen[version] = true
			})
		}
		all.Wait()
	})
}
