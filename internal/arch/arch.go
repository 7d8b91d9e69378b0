// Package arch holds the house to its plan: it reads which package imports
// which, and names the sentence of the plan that is broken, with the chain of
// imports that breaks it. It is used by tests only.
package arch

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/modfile"
)

// Package is what the plan speaks of in a package. Tests do not count.
type Package struct {
	Path     string   // below the module: "request/graph"; "." is its root
	Name     string   // as the package clause says
	Doc      bool     // some file has a package comment
	Imports  []string // in the module: as Path; outside: the import path
	Clock    []string // calls that read a clock or wait for it: "time.Now"
	Inits    int      // functions called init
	DotNames int      // imports under the name "."
}

// Load reads the packages of the module in root, whatever their build tags.
func Load(root string) ([]Package, error) {
	goMod, err := os.ReadFile(filepath.Join(root, "go.mod"))
	if err != nil {
		return nil, err
	}
	module := modfile.ModulePath(goMod)
	found := map[string]*Package{}
	var order []string
	err = fs.WalkDir(os.DirFS(root), ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && outside(name):
			return fs.SkipDir
		case entry.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go"):
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(root, name), nil, parser.ParseComments)
		if err != nil {
			return fmt.Errorf("parse %s: %w", name, err)
		}
		dir := path.Dir(name)
		if found[dir] == nil {
			found[dir] = &Package{Path: dir}
			order = append(order, dir)
		}
		found[dir].add(file, module)
		return nil
	})
	if err != nil {
		return nil, err
	}
	packages := make([]Package, 0, len(order))
	for _, dir := range order {
		packages = append(packages, *found[dir])
	}
	return packages, nil
}

// outside says whether the go command would not look into the directory.
func outside(name string) bool {
	base := path.Base(name)
	hidden := name != "." && strings.ContainsAny(base[:1], "._")
	return hidden || base == "testdata" || base == "node_modules"
}

func (p *Package) add(file *ast.File, module string) {
	p.Name = file.Name.Name
	p.Doc = p.Doc || file.Doc != nil
	clock := "" // what the file calls package time
	for _, spec := range file.Imports {
		imported, _ := strconv.Unquote(spec.Path.Value)
		if imported == "time" {
			clock = "time"
			if spec.Name != nil {
				clock = spec.Name.Name
			}
		}
		if spec.Name != nil && spec.Name.Name == "." {
			p.DotNames++
		}
		p.Imports = append(p.Imports, strings.TrimPrefix(imported, module+"/"))
	}
	for _, decl := range file.Decls {
		if f, ok := decl.(*ast.FuncDecl); ok && f.Recv == nil && f.Name.Name == "init" {
			p.Inits++
		}
	}
	ast.Inspect(file, func(n ast.Node) bool {
		if name, ok := readsClock(n, clock); ok {
			p.Clock = append(p.Clock, name)
		}
		return true
	})
}

func readsClock(n ast.Node, clock string) (string, bool) {
	selector, ok := n.(*ast.SelectorExpr)
	if !ok {
		return "", false
	}
	if of, ok := selector.X.(*ast.Ident); !ok || of.Name != clock {
		return "", false
	}
	switch name := selector.Sel.Name; name {
	case "Now", "Since", "Until", "Sleep", "After", "AfterFunc", "Tick", "NewTicker", "NewTimer":
		return "time." + name, true
	}
	return "", false
}
