package graph

import (
	"fmt"
	"slices"
	"strings"

	"volenti.dev/volenti/config/source"
	"volenti.dev/volenti/datamap/dataset"
	"volenti.dev/volenti/request/policy"
	"volenti.dev/volenti/subject"
)

// Check finds what would stop the plans of a configuration, without any
// database: collections that a policy needs and no identity type leads to
// (D5, D10). Of a blind dataset nothing can be read.
func Check(datasets []dataset.Dataset, policies []policy.Policy, blind func(dataset string) bool) []source.Problem {
	w := newWeb(datasets)
	w.cut(blind)
	var types []subject.Type
	for _, s := range w.seeds {
		types = append(types, s.identity)
	}
	slices.Sort(types)
	types = slices.Compact(types)
	depth := w.depths(types)
	found := &Error{}
	for i, c := range w.collections {
		var needing []string
		for _, p := range policies {
			if wants := wanted(c, p); len(wants.targets) > 0 || wants.any() && !blind(c.Address.Dataset) {
				needing = append(needing, p.Key)
			}
		}
		if len(needing) == 0 || depth[i] != unreached {
			continue
		}
		tried := "no field of any dataset holds an identity"
		if len(types) > 0 {
			tried = "tried: " + join(types)
		}
		found.add(c.At, fmt.Sprintf("%s cannot be reached from any identity (%s), but the policies need it: %s", c.Address, tried, strings.Join(needing, ", ")),
			"give one of its fields an identity, or a reference to a collection that can be reached")
	}
	return found.Problems
}
