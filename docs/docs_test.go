// Package docs_test holds the documentation to what is there: its paths
// exist, its links lead somewhere, its commands run.
package docs_test

import (
	"context"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/modfile"
)

const root = ".."

// path is a file or folder in backticks; what ends with a slash or has a
// slash inside is one of ours, unless it is a module's.
var path = regexp.MustCompile("`([a-z][A-Za-z0-9_.-]*/[A-Za-z0-9_./-]*)`")

func TestArchitectureNamesPathsThatExist(t *testing.T) {
	for _, name := range mentioned(t, "architecture.md") {
		if _, err := os.Stat(filepath.Join(root, name)); err != nil {
			t.Errorf("architecture.md names %s, which does not exist", name)
		}
	}
}

func TestArchitectureNamesEveryRoom(t *testing.T) {
	named := mentioned(t, "architecture.md")
	err := filepath.WalkDir(root, func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && file != root && strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata" {
			return fs.SkipDir
		}
		if !strings.HasSuffix(file, ".go") || strings.HasSuffix(file, "_test.go") {
			return nil
		}
		room, err := filepath.Rel(root, filepath.Dir(file))
		inside := func(name string) bool {
			return strings.HasPrefix(strings.TrimSuffix(name, "/")+"/", filepath.ToSlash(room)+"/")
		}
		if room != "internal/store/storetest" && !slices.ContainsFunc(named, inside) {
			t.Errorf("architecture.md does not name %s", room)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestEveryModuleHasAReason(t *testing.T) {
	file, err := modfile.Parse("go.mod", []byte(read(t, filepath.Join(root, "go.mod"))), nil)
	if err != nil {
		t.Fatal(err)
	}
	reasons := read(t, "decisions/dependencies.md")
	for _, r := range file.Require {
		if !r.Indirect && !strings.Contains(reasons, "- `"+r.Mod.Path+"`: ") {
			t.Errorf("decisions/dependencies.md does not say why %s is here", r.Mod.Path)
		}
	}
	for _, line := range strings.Split(reasons, "\n") {
		name, _, listed := strings.Cut(strings.TrimPrefix(line, "- `"), "`: ")
		required := func(r *modfile.Require) bool { return !r.Indirect && r.Mod.Path == name }
		if listed && !slices.ContainsFunc(file.Require, required) {
			t.Errorf("decisions/dependencies.md explains %s, which go.mod does not require", name)
		}
	}
}

var link = regexp.MustCompile(`\]\(([^):#]+)\)`)

func TestLinksLeadSomewhere(t *testing.T) {
	files, err := filepath.Glob("*.md")
	if err != nil {
		t.Fatal(err)
	}
	decisions, err := filepath.Glob("decisions/*.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range slices.Concat(files, decisions, []string{"../README.md"}) {
		for _, m := range link.FindAllStringSubmatch(read(t, file), -1) {
			if _, err := os.Stat(filepath.Join(filepath.Dir(file), m[1])); err != nil {
				t.Errorf("%s links to %s, which does not exist", file, m[1])
			}
		}
	}
}

var block = regexp.MustCompile("(?s)```sh\n(.*?)```")

// TestCommandsOfTheReadmeRun gives the README's commands to one shell, in
// order, in an empty directory. Three are replaced: make test would start this
// test again, make build would write into the checkout, and the demo would
// answer until somebody ends it.
func TestCommandsOfTheReadmeRun(t *testing.T) {
	t.Parallel()
	checkout, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	var script strings.Builder
	for _, m := range block.FindAllStringSubmatch(read(t, "../README.md"), -1) {
		script.WriteString(m[1])
	}
	commands := script.String()
	for command, instead := range map[string]string{
		"make test\n":                 "make --dry-run -C \"$CHECKOUT\" test >/dev/null\n",
		"make build\n":                "go build -C \"$CHECKOUT\" -o \"$PWD/bin/volenti\" ./cmd/volenti\n",
		"go run ./cmd/volenti demo\n": "go run -C \"$CHECKOUT\" ./cmd/volenti demo --once\n",
	} {
		if !strings.Contains(commands, command) {
			t.Errorf("the README no longer has the command %q", command)
		}
		commands = strings.ReplaceAll(commands, command, instead)
	}
	commands = "trap 'kill ${server:-} 2>/dev/null || :' EXIT\n" + strings.ReplaceAll(commands, "127.0.0.1:8080", free(t))
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	shell := exec.CommandContext(ctx, "/bin/sh", "-eux", "-c", commands)
	shell.Dir = dir
	shell.Env = append(os.Environ(), "CHECKOUT="+checkout, "TMPDIR="+dir)
	output, err := shell.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	for _, want := range []string{"0 errors, 0 warnings", "shop:customers", "Request: complete", "Verified: ", "added    youtube", "Version 1 of site", "crm: pending", "It is tried next at"} {
		if !strings.Contains(string(output), want) {
			t.Errorf("the commands never said %q:\n%s", want, output)
		}
	}
	for _, name := range []string{"paula/package.zip", "paula/access.json", "paula/report.json", "paula-erased/report.json", "practice/config/policies.yml"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			t.Errorf("the README promises %s: %v", name, err)
		}
	}
}

func mentioned(t *testing.T, file string) []string {
	t.Helper()
	var names []string
	for _, m := range path.FindAllStringSubmatch(read(t, file), -1) {
		names = append(names, m[1])
	}
	return names
}

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
