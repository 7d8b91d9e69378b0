package site

import "time"

// How many days a yes holds where the site says nothing. Art. 5(1)(e) GDPR: no
// longer than necessary; no law names a number. The EDPB (guidelines 05/2020 on
// consent, 110 and 111) wants consent refreshed at appropriate intervals. The
// CNIL (guidelines of 17 September 2020) has 13 months for trackers of audience
// measurement that need no consent, and 25 for what they collect; a site that
// wants to keep to that sets retention_days.
const (
	NecessaryDays  = 365
	FunctionalDays = 365
	StatisticsDays = 790
	MarketingDays  = 90 // profiles age, and so does what people expect of them
	OtherDays      = 365
	// RefusedDays is when somebody is asked again who agreed to nothing.
	RefusedDays = 365
)

// UsualDays is how many days a yes to a category holds unless the site says.
func UsualDays(category string) int {
	switch category {
	case "necessary":
		return NecessaryDays
	case "functional":
		return FunctionalDays
	case "statistics":
		return StatisticsDays
	case "marketing":
		return MarketingDays
	}
	return OtherDays
}

// holds gives the days that a yes to a category holds: the shortest of its own
// and of what its accepted vendors may keep, never the longest. A vendor that
// tells nothing counts for nothing.
func (a Asked) holds(accepted []Named) int {
	days := a.Days
	if days <= 0 {
		days = UsualDays(a.Key)
	}
	for _, n := range accepted {
		if n.RetentionDays > 0 {
			days = min(days, n.RetentionDays)
		}
	}
	return days
}

func after(now time.Time, days int) time.Time { return now.Add(time.Duration(days) * 24 * time.Hour) }

// ends is when the visitor is asked again: when the first yes ends that was
// asked for.
func ends(v Version, categories, vendors map[string]Answer, now time.Time) time.Time {
	end := time.Time{}
	first := func(a Answer) {
		if a.Granted && (end.IsZero() || a.Expires.Before(end)) {
			end = a.Expires
		}
	}
	for _, c := range v.Categories {
		if !c.Necessary {
			first(categories[c.Key])
		}
	}
	for _, a := range vendors {
		first(a)
	}
	if end.IsZero() {
		return after(now, RefusedDays)
	}
	return end
}
