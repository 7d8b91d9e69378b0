package arch_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"volenti.dev/volenti/internal/arch"
)

func TestHouseFollowsItsPlan(t *testing.T) {
	packages, err := arch.Load("../..")
	if err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(packages, func(p arch.Package) bool { return p.Path == "request/graph" }) {
		t.Fatalf("read %d packages, and request/graph is not among them", len(packages))
	}
	for _, broken := range arch.Check(packages) {
		t.Error(broken)
	}
}

func TestEverySentenceCanBeBroken(t *testing.T) {
	tests := map[string]struct {
		packages []arch.Package
		want     string
	}{
		"domain imports the store": {
			[]arch.Package{at("subject", "internal/store"), at("internal/store")},
			"the domain never imports the store, api, web or a concrete connector: subject -> internal/store",
		},
		"domain imports a connector by a detour": {
			[]arch.Package{at("message", "internal/post"), at("internal/post", "connector/postgres"), at("connector/postgres")},
			"the domain never imports the store, api, web or a concrete connector: message -> internal/post -> connector/postgres",
		},
		"api sees the store": {
			[]arch.Package{at("api/admin", "internal/store"), at("internal/store")},
			"api and web do not see the store: api/admin -> internal/store",
		},
		"web sees the store": {
			[]arch.Package{at("web", "internal/store/storetest"), at("internal/store/storetest")},
			"api and web do not see the store: web -> internal/store/storetest",
		},
		"store sees api": {
			[]arch.Package{at("internal/store", "api"), at("api")},
			"the store does not see api and web: internal/store -> api",
		},
		"fulfilment knows a vendor": {
			[]arch.Package{at("request/fulfill", "connector/mysql"), at("connector/mysql")},
			"request/fulfill and consent/propagate know the connector contract, never a vendor: request/fulfill -> connector/mysql",
		},
		"propagation knows a vendor": {
			[]arch.Package{at("consent/propagate", "connector/http"), at("connector/http")},
			"request/fulfill and consent/propagate know the connector contract, never a vendor: consent/propagate -> connector/http",
		},
		"connector knows requests": {
			[]arch.Package{at("connector/sqlite", "request"), at("request")},
			"connectors know nothing of consent records or requests: connector/sqlite -> request",
		},
		"connector contract knows consent": {
			[]arch.Package{at("connector", "consent"), at("consent")},
			"connectors know nothing of consent records or requests: connector -> consent",
		},
		"consent imports request": {
			[]arch.Package{at("consent", "request"), at("request")},
			"consent and request do not import each other: consent -> request",
		},
		"request imports consent": {
			[]arch.Package{at("request/delivery", "consent"), at("consent")},
			"consent and request do not import each other: request/delivery -> consent",
		},
		"graph takes a context": {
			[]arch.Package{at("request/graph", "context")},
			"what is pure has no context, network, database or randomness: request/graph -> context",
		},
		"masking reaches the network": {
			[]arch.Package{at("request/masking", "datamap/value"), at("datamap/value", "net/http")},
			"what is pure has no context, network, database or randomness: request/masking -> datamap/value -> net/http",
		},
		"policy throws dice": {
			[]arch.Package{at("request/policy", "math/rand/v2")},
			"what is pure has no context, network, database or randomness: request/policy -> math/rand/v2",
		},
		"binary holds a simulated vendor": {
			[]arch.Package{at("cmd/volenti", "cli"), at("cli", "internal/vendortest"), at("internal/vendortest", "testing")},
			"what is there for tests is not in the binary: cmd/volenti -> cli -> internal/vendortest",
		},
		"binary holds test servers": {
			[]arch.Package{at("cmd/volenti", "internal/pgtest"), at("internal/pgtest", "testing")},
			"what is there for tests is not in the binary: cmd/volenti -> internal/pgtest -> testing",
		},
		"proofs read the clock": {
			[]arch.Package{{Path: "audit", Name: "audit", Doc: true, Clock: []string{"time.Now"}}},
			"what is pure has no clock: audit -> time.Now",
		},
		"no comment": {
			[]arch.Package{{Path: "subject", Name: "subject"}},
			"every package has a package comment: subject",
		},
		"init": {
			[]arch.Package{{Path: "subject", Name: "subject", Doc: true, Inits: 1}},
			"no init functions: subject",
		},
		"dot import": {
			[]arch.Package{{Path: "subject", Name: "subject", Doc: true, DotNames: 1}},
			`no imports under the name ".": subject`,
		},
		"name that says nothing": {
			[]arch.Package{at("internal/helpers")},
			"a package is named after what it is about: internal/helpers",
		},
		"eight in a row": {
			[]arch.Package{at("a", "b"), at("b", "c"), at("c", "d"), at("d", "e"), at("e", "f"), at("f", "g"), at("g", "h"), at("h", "i"), at("i", "fmt")},
			"at most 7 imports follow one another, here 8: a -> b -> c -> d -> e -> f -> g -> h -> i",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got := arch.Check(test.packages)
			if !slices.Contains(got, test.want) {
				t.Errorf("want %q among:\n%s", test.want, strings.Join(got, "\n"))
			}
		})
	}
}

func TestWhatThePlanAllowsIsNotReported(t *testing.T) {
	got := arch.Check([]arch.Package{
		at("request/fulfill", "connector", "context"),
		at("connector", "context"),
		at("connector/builtin", "connector/postgres"),
		at("connector/postgres", "connector"),
		at("internal/server", "internal/store", "api", "request/fulfill", "connector/builtin"),
		at("internal/store", "request"),
		at("api", "request"),
		at("request", "time"),
		at("a", "b"), at("b", "c"), at("c", "d"), at("d", "e"), at("e", "f"), at("f", "g"), at("g"),
	})
	if len(got) > 0 {
		t.Errorf("reported:\n%s", strings.Join(got, "\n"))
	}
}

func TestLoadReadsWhatThePlanSpeaksOf(t *testing.T) {
	root := t.TempDir()
	write(t, root, "go.mod", "module example.org/house\n")
	write(t, root, "room/doc.go", "// Package room is one.\npackage room\n")
	write(t, root, "room/room.go", `//go:build windows

package room

import (
	. "fmt"
	clock "time"

	"example.org/house/cellar"
)

func init() { Println(clock.Now(), cellar.Wine) }

type bottle struct{}

func (bottle) init() {}
`)
	write(t, root, "room/room_test.go", "package room\n\nimport _ \"net\"\n")
	write(t, root, "room/testdata/x.go", "not go")

	got, err := arch.Load(root)
	if err != nil {
		t.Fatal(err)
	}
	want := []arch.Package{{
		Path: "room", Name: "room", Doc: true,
		Imports: []string{"fmt", "time", "cellar"}, Clock: []string{"time.Now"}, Inits: 1, DotNames: 1,
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("packages (-want +got):\n%s", diff)
	}
}

func at(path string, imports ...string) arch.Package {
	return arch.Package{Path: path, Name: filepath.Base(path), Doc: true, Imports: imports}
}

func write(t *testing.T, root, name, text string) {
	t.Helper()
	file := filepath.Join(root, name)
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
