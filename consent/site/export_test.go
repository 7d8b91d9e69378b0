package site

import (
	"maps"
	"slices"
)

// BuiltinLanguages are those with built-in texts, in order.
func BuiltinLanguages() []string { return slices.Sorted(maps.Keys(builtin)) }
