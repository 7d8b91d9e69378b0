package cli_test

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"volenti.dev/volenti/cli"
	"volenti.dev/volenti/demo/shop"
	"volenti.dev/volenti/examples"
)

func TestPlanIsCarriedOutByAYesAlone(t *testing.T) {
	k := shopkeeper{shell: shell{t: t}, dir: t.TempDir()}
	if err := shop.Write(t.Context(), k.dir); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(filepath.Join(k.dir, "config"), examples.DemoShop()); err != nil {
		t.Fatal(err)
	}
	k.env = k.knows
	for _, c := range []struct {
		answer string
		code   int
	}{{"", 1}, {"\n", 1}, {"no\n", 1}, {"yesterday\n", 1}, {" Yes \n", 0}} {
		var errs bytes.Buffer
		std := k.std(io.Discard, &errs)
		std.In, std.Ask = strings.NewReader(c.answer), true
		code := cli.Main(t.Context(), []string{"request", "run", "--config", filepath.Join(k.dir, "config"), "--policy", "erasure", "--identity", "email=anna@example.com", "--out", filepath.Join(k.dir, "out")}, std)
		if _, err := os.Stat(filepath.Join(k.dir, "out")); code != c.code || (err == nil) != (code == 0) || !strings.Contains(errs.String(), "Carry this plan out? It cannot be undone. [y/N] ") {
			t.Errorf("after %q: exit code %d, %v: %s", c.answer, code, err, errs.String())
		}
	}
}
