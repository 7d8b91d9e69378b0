package server

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// TestEveryCrashPointIsDriven compares the points in the code with what the suites name
// that kill the program. A suite fails where it does not come to a point that it names.
func TestEveryCrashPointIsDriven(t *testing.T) { // R1
	t.Parallel()
	points, driven := map[string]bool{}, map[string]bool{}
	for _, f := range parsed(t, "../../request/fulfill/*.go") {
		ast.Inspect(f, func(n ast.Node) bool {
			if call, ok := n.(*ast.CallExpr); ok && functionOf(call) == "crash" {
				points[pointName(t, call.Args[0])] = true
			}
			return true
		})
	}
	for _, f := range parsed(t, "*_test.go") {
		kills, texts := false, []string{}
		ast.Inspect(f, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.CallExpr:
				kills = kills || functionOf(n) == "crashing"
			case *ast.BasicLit:
				if n.Kind == token.STRING {
					texts = append(texts, pointName(t, n))
				}
			}
			return true
		})
		for _, one := range texts {
			point, _, _ := strings.Cut(one, ":")
			driven[point] = driven[point] || kills
		}
	}
	if len(points) < 30 {
		t.Errorf("only %d points were found", len(points))
	}
	for _, point := range slices.Sorted(maps.Keys(points)) {
		if !driven[point] {
			t.Errorf("no suite kills the program at %s", point)
		}
	}
}

func parsed(t *testing.T, pattern string) (all []*ast.File) {
	t.Helper()
	names, err := filepath.Glob(pattern)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, f)
	}
	return all
}

// functionOf names the function that is called, "" where it is a method.
func functionOf(call *ast.CallExpr) string {
	if name, ok := call.Fun.(*ast.Ident); ok {
		return name.Name
	}
	return ""
}

func pointName(t *testing.T, e ast.Expr) string {
	t.Helper()
	lit, ok := e.(*ast.BasicLit)
	if !ok {
		t.Fatalf("a crash point without a plain name: %T", e)
	}
	plain, err := strconv.Unquote(lit.Value)
	if err != nil {
		t.Fatal(err)
	}
	return plain
}
