package http

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// idle are keys for people, by which nothing is done differently, and the one that is
// refused.
var idle = []string{"label", "user_guide", "display_info", "replaceable", "enabled", "request_override"}

// The keys are those that the decoder asks for. They run where a description that comes
// along has them, or one of the tests that make calls or plans: those of parse_test.go
// make none.
func TestEveryKeyOfTheFormatIsInADescriptionThatRuns(t *testing.T) { // H1, H2, H3, H4
	read := keysRead(t)
	if len(read) < 60 || !slices.Contains(read, "correlation_id_path") {
		t.Fatalf("the decoder asks for %v", read)
	}
	run := map[string]bool{}
	for _, pattern := range []string{"vendors/*.yml", "*_test.go", "../builtin/golden_test.go"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatal(pattern, err)
		}
		for _, file := range files {
			if file == "parse_test.go" || file == "keys_test.go" {
				continue
			}
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, key := range regexp.MustCompile(`\b([a-z_]+): `).FindAllStringSubmatch(strings.ReplaceAll(string(text), "\n", " "), -1) {
				run[key[1]] = true
			}
		}
	}
	for _, key := range read {
		if !run[key] && !slices.Contains(idle, key) {
			t.Errorf("no description that runs has the key %s", key)
		}
	}
}

// keysRead gives the texts that the decoder hands to the methods which read keys.
func keysRead(t *testing.T) (keys []string) {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "parse.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	readers := []string{"Need", "need", "String", "Bool", "Int", "Node", "List", "Mapping", "Has", "Ignore", "scalars", "pairs", "later"}
	ast.Inspect(file, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		name := ""
		switch f := call.Fun.(type) {
		case *ast.SelectorExpr:
			name = f.Sel.Name
		case *ast.Ident:
			name = f.Name
		}
		for _, arg := range call.Args {
			if text, ok := arg.(*ast.BasicLit); ok && text.Kind == token.STRING && slices.Contains(readers, name) {
				if key, _ := strconv.Unquote(text.Value); key != "" && !strings.Contains(key, " ") {
					keys = append(keys, key)
				}
			}
		}
		return true
	})
	slices.Sort(keys)
	return slices.Compact(keys)
}
