package docs_test

import (
	"io/fs"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"volenti.dev/volenti/config/source"
	"volenti.dev/volenti/connector/http"
	"volenti.dev/volenti/connector/http/vendors"
)

func TestVendorsOfThePageAreThoseOfTheDescriptions(t *testing.T) {
	var want [][]string
	for _, d := range descriptions(t) {
		want = append(want, abilities(d))
	}
	_, rows := table(t, "vendors.md", "type |")
	if diff := cmp.Diff(want, rows); diff != "" {
		t.Errorf("vendors (-descriptions +page):\n%s", diff)
	}
}

func TestSecretsOfThePageAreThoseOfTheDescriptions(t *testing.T) {
	page := read(t, "vendors.md")
	for _, d := range descriptions(t) {
		_, after, found := strings.Cut(page, "\n## "+d.Name+"\n")
		if !found {
			t.Errorf("vendors.md has no part about %s", d.Name)
			continue
		}
		section, _, _ := strings.Cut(after, "\n## ")
		want, got := map[string]string{}, map[string]string{}
		for _, p := range d.Params {
			want[p.Name] = "needed"
			if p.Default != nil {
				want[p.Name] = *p.Default
			}
		}
		for _, row := range regexp.MustCompile("(?m)^\\| `([a-z_]+)` \\| `?([a-zA-Z0-9_.]+)").FindAllStringSubmatch(section, -1) {
			got[row[1]] = row[2]
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("secrets of %s (-description +page):\n%s", d.Name, diff)
		}
	}
}

func descriptions(t *testing.T) (all []*http.Description) {
	names, err := fs.Glob(vendors.Files, "*.yml")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		data, err := vendors.Files.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		report := &source.Report{}
		all = append(all, http.Parse(name, data, report))
		if report.Errors() > 0 {
			t.Fatalf("%s: %v", name, report.Problems())
		}
	}
	return all
}

// abilities are a row of the page's table.
func abilities(d *http.Description) []string {
	by := map[string]bool{}
	var reads, masks, deletes, waits []string
	for _, e := range d.Endpoints {
		for _, in := range e.Inputs() {
			if in.Identity != "" {
				by["`"+in.Identity+"`"] = true
			}
		}
		name := "`" + e.Name + "`"
		if slices.ContainsFunc(e.Read, func(r http.Request) bool { return r.Path != "" }) {
			reads = append(reads, name)
		}
		if e.Update != nil {
			masks = append(masks, name)
		}
		if e.Delete != nil {
			deletes = append(deletes, name)
		}
		if e.Delete != nil && e.Delete.Async != nil {
			waits = append(waits, name)
		}
	}
	var choices []string
	if len(d.OptIn) > 0 && len(d.OptOut) > 0 {
		choices = []string{"yes"}
	}
	row := []string{"`" + d.Type + "`"}
	for _, cell := range [][]string{slices.Sorted(maps.Keys(by)), reads, masks, deletes, waits, choices} {
		if len(cell) == 0 {
			cell = []string{"-"}
		}
		row = append(row, strings.Join(cell, ", "))
	}
	return row
}
