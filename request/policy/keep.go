package policy

import (
	"strings"

	"volenti.dev/volenti/datamap/taxonomy"
	"volenti.dev/volenti/datamap/value"
)

// Kept gives the entry of a rule that exempts a field from erasure: nil when
// none does, or when the last day of every one that did is over. address is
// "dataset:collection", path the field's, categories those that count for it.
// An entry that names a field exempts what lies below it too.
func Kept(rule Rule, address, path string, categories []taxonomy.Category, today value.Date) *Keep {
	for i := range rule.Keep {
		k := &rule.Keep[i]
		if k.Until != "" && k.Until < today {
			continue
		}
		if k.names(address, path) || k.covers(categories) {
			return k
		}
	}
	return nil
}

func (k *Keep) names(address, path string) bool {
	if k.Address == "" {
		return false
	}
	full := address + "." + path
	return full == k.Address || strings.HasPrefix(full, k.Address+".")
}

func (k *Keep) covers(categories []taxonomy.Category) bool {
	for _, c := range categories {
		if k.Category != "" && k.Category.Covers(c) {
			return true
		}
	}
	return false
}
