package connector

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Registry is the kinds of connector that a program has, by type.
type Registry map[string]Spec

// Lookup finds a kind; the error names those that there are.
func (r Registry) Lookup(kind string) (Spec, error) {
	spec, ok := r[kind]
	if !ok {
		return Spec{}, fmt.Errorf("no connector of type %q: use one of %s", kind, strings.Join(r.Types(), ", "))
	}
	return spec, nil
}

// Types lists the types in order.
func (r Registry) Types() []string { return slices.Sorted(maps.Keys(r)) }
