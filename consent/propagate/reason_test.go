package propagate

import (
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// constants gives the values of the constants of a type in this package.
func constants(t *testing.T, of string) (values []string) {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "propagate.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range file.Decls {
		g, ok := d.(*ast.GenDecl)
		if !ok || g.Tok != token.CONST {
			continue
		}
		for _, s := range g.Specs {
			spec := s.(*ast.ValueSpec)
			name, ok := spec.Type.(*ast.Ident)
			if !ok || name.Name != of {
				continue
			}
			value, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			if value != "" {
				values = append(values, value)
			}
		}
	}
	return values
}

func TestEveryReasonSaysWhatItMeans(t *testing.T) { // P4
	var told []string
	for _, r := range Reasons() {
		told = append(told, string(r))
		for _, text := range []string{r.Sentence(), r.Mend()} {
			if text != "" && (text[0] < 'A' || text[0] > 'Z' || !strings.HasSuffix(text, ".")) {
				t.Errorf("%s: %q is no sentence", r, text)
			}
		}
		if r.Sentence() == "" {
			t.Errorf("%s says nothing", r)
		}
	}
	there := constants(t, "Reason")
	if slices.Sort(there); len(there) == 0 || !slices.Equal(there, slices.Sorted(slices.Values(told))) {
		t.Errorf("there are %v, and told are %v", there, told)
	}
	if NoReason.Sentence() != "" || NoReason.Mend() != "" {
		t.Error("no reason says something")
	}
}

func TestEveryStatusSaysWhatItMeans(t *testing.T) {
	var told []string
	for _, s := range Statuses() {
		told = append(told, string(s))
		if again, err := ParseStatus(string(s)); err != nil || again != s || s.Sentence() == "" {
			t.Errorf("%s: %v", s, err)
		}
	}
	there := constants(t, "Status")
	if slices.Sort(there); len(there) == 0 || !slices.Equal(there, slices.Sorted(slices.Values(told))) {
		t.Errorf("there are %v, and told are %v", there, told)
	}
	if _, err := ParseStatus("done"); err == nil || !strings.Contains(err.Error(), "superseded") {
		t.Errorf("a status that there is not: %v", err)
	}
}
