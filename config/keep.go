package config

import (
	"volenti.dev/volenti/config/source"
	"volenti.dev/volenti/datamap/value"
)

// CheckDates finds what is not kept any more: the last day of an entry of keep
// is over, and the next request masks what it names. That may be meant, so it
// is a warning.
func CheckDates(c *Config, today value.Date) []source.Problem {
	var report source.Report
	for _, p := range c.Policies {
		for _, rule := range p.Rules {
			for _, k := range rule.Keep {
				if k.Until != "" && k.Until < today {
					report.Warnf(k.At, "remove the entry, or write a later day", "the rule %s of the policy %s kept this until %s: requests mask it now", rule.Key, p.Key, k.Until)
				}
			}
		}
	}
	return report.Problems()
}
