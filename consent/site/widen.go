package site

import (
	"slices"
	"strings"
)

// widening is what a version asks for beyond the one before it: keys, in the
// order in which they are shown.
type widening struct{ categories, vendors []string }

func (w widening) none() bool { return len(w.categories)+len(w.vendors) == 0 }

func (w widening) String() string {
	var parts []string
	if len(w.categories) > 0 {
		parts = append(parts, "categories "+strings.Join(w.categories, ", "))
	}
	if len(w.vendors) > 0 {
		parts = append(parts, "vendors "+strings.Join(w.vendors, ", "))
	}
	return strings.Join(parts, "; ")
}

// widened says what a yes to before does not cover in after. Art. 4(11) GDPR:
// consent is specific and informed, so that it reaches no further than what
// was shown.
func widened(before *Version, after Version) (w widening) {
	wide := map[string]bool{} // categories by one of their vendors
	for _, n := range after.Vendors {
		was, known := before.vendor(n.Key)
		if !known || n.widens(was) {
			w.vendors = append(w.vendors, n.Key)
			wide[n.Category] = true
		}
	}
	for _, k := range after.Categories {
		was, known := before.category(k.Key)
		if !known || k.widens(was) || wide[k.Key] {
			w.categories = append(w.categories, k.Key)
		}
	}
	return w
}

// widens: a vendor in another category is asked for in another place, another
// provider is another company that learns of the visit, and what may be kept
// for nobody knows how long is kept longer than anything.
func (n Named) widens(was Named) bool {
	longer := n.RetentionDays > was.RetentionDays || n.RetentionDays == 0
	return n.Category != was.Category || n.Provider != was.Provider || beyond(n.Purposes, was.Purposes) ||
		longer && was.RetentionDays > 0
}

// widens: nobody has said yes to what was necessary, and nobody can refuse what
// becomes so.
func (k Asked) widens(was Asked) bool {
	return k.Necessary != was.Necessary || k.Sale && !was.Sale || beyond(k.Purposes, was.Purposes) || k.Days > was.Days
}

// beyond says whether there is something in all that is not in those before.
func beyond(all, before []string) bool {
	return slices.ContainsFunc(all, func(s string) bool { return !slices.Contains(before, s) })
}
