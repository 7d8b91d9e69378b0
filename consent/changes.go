package consent

import (
	"fmt"
	"slices"
	"strings"
)

// Change is how one purpose differs between what there is and what is to be.
type Change struct {
	Purpose string   `json:"purpose"`
	Kind    string   `json:"kind"`              // added, changed, removed, moved
	Fields  []string `json:"changes,omitempty"` // like "block: false -> true"
}

// String writes the change as a line of a diff.
func (c Change) String() string {
	sign := map[string]string{"added": "+", "changed": "~", "removed": "-", "moved": "~"}[c.Kind]
	line := fmt.Sprintf("%s purpose %s", sign, c.Purpose)
	if c.Kind == "moved" {
		return line + ": shown at another place"
	}
	if len(c.Fields) > 0 {
		line += ": " + strings.Join(c.Fields, ", ")
	}
	return line
}

// Changes tells what becomes of the purposes there are when others take their
// place.
func Changes(from, to []Purpose) []Change {
	changes := []Change{}
	var stay, come []string // those that are in both, in the two orders
	for _, p := range to {
		i := slices.IndexFunc(from, func(q Purpose) bool { return q.Key == p.Key })
		if i < 0 {
			changes = append(changes, Change{Purpose: p.Key, Kind: "added"})
			continue
		}
		come = append(come, p.Key)
		if fields := differences(from[i].Form(), p.Form()); len(fields) > 0 {
			changes = append(changes, Change{Purpose: p.Key, Kind: "changed", Fields: fields})
		}
	}
	for _, p := range from {
		if slices.ContainsFunc(to, func(q Purpose) bool { return q.Key == p.Key }) {
			stay = append(stay, p.Key)
		} else {
			changes = append(changes, Change{Purpose: p.Key, Kind: "removed"})
		}
	}
	for i := range stay {
		if stay[i] != come[i] {
			changes = append(changes, Change{Purpose: come[i], Kind: "moved"})
		}
	}
	return changes
}

func differences(from, to PurposeForm) (fields []string) {
	add := func(name string, a, b any) {
		if a != b {
			fields = append(fields, fmt.Sprintf("%s: %v -> %v", name, a, b))
		}
	}
	add("title", from.Title, to.Title)
	add("group", from.Group, to.Group)
	add("expires_days", from.ExpiresDays, to.ExpiresDays)
	add("block", from.Block, to.Block)
	add("patience_days", from.PatienceDays, to.PatienceDays)
	add("data_uses", strings.Join(from.Uses, " "), strings.Join(to.Uses, " "))
	return fields
}
