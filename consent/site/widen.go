package site

import (
	"maps"
	"slices"
	"strings"
)

// widening is what a version asks for beyond the one before it: keys, in the
// order in which they are shown, and why.
type widening struct {
	categories, vendors []string
	ofCategory          map[string][]Reason
	ofVendor            map[string][]Reason
}

// Reason is why a yes to an earlier version does not cover something: it is new, one of
// its fields asks for more, or it has services that do.
type Reason string

// Reasons beside the names of fields.
const (
	IsNew    Reason = "new"
	ByVendor Reason = "vendors"
)

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
func widened(before *Version, after Version) widening {
	w := widening{ofCategory: map[string][]Reason{}, ofVendor: map[string][]Reason{}}
	wide := map[string]bool{} // categories by one of their vendors
	for _, n := range after.Vendors {
		why := []Reason{IsNew}
		if was, known := before.vendor(n.Key); known {
			why = n.widens(was)
		}
		if w.ofVendor[n.Key] = why; len(why) > 0 {
			w.vendors = append(w.vendors, n.Key)
			wide[n.Category] = true
		}
	}
	for _, k := range after.Categories {
		why := []Reason{IsNew}
		if was, known := before.category(k.Key); known {
			why = k.widens(was)
			why = append(why, reasons(map[Reason]bool{ByVendor: wide[k.Key]})...)
		}
		if w.ofCategory[k.Key] = why; len(why) > 0 {
			w.categories = append(w.categories, k.Key)
		}
	}
	return w
}

// widens: a vendor in another category is asked for in another place, another
// provider is another company that learns of the visit, and what may be kept
// for nobody knows how long is kept longer than anything.
func (n Named) widens(was Named) []Reason {
	longer := n.RetentionDays > was.RetentionDays || n.RetentionDays == 0
	return reasons(map[Reason]bool{
		"category": n.Category != was.Category, "provider": n.Provider != was.Provider,
		"purposes": beyond(n.Purposes, was.Purposes), "retention_days": longer && was.RetentionDays > 0,
	})
}

// widens: nobody has said yes to what was necessary, and nobody can refuse what
// becomes so.
func (k Asked) widens(was Asked) []Reason {
	return reasons(map[Reason]bool{
		"necessary": k.Necessary != was.Necessary, "sale": k.Sale && !was.Sale,
		"purposes": beyond(k.Purposes, was.Purposes), "days": k.Days > was.Days,
	})
}

// reasons are those that hold, in order.
func reasons(hold map[Reason]bool) (all []Reason) {
	for _, why := range slices.Sorted(maps.Keys(hold)) {
		if hold[why] {
			all = append(all, why)
		}
	}
	return all
}

// beyond says whether there is something in all that is not in those before.
func beyond(all, before []string) bool {
	return slices.ContainsFunc(all, func(s string) bool { return !slices.Contains(before, s) })
}
