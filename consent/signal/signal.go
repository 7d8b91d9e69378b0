// Package signal is what a browser says by itself, and what tags are told: Global
// Privacy Control in, Google Consent Mode out. It is pure.
package signal

import "slices"

// HeaderGPC is the header of Global Privacy Control
// (https://www.w3.org/TR/gpc/): the person asks not to have their data sold or
// shared. It restricts, and never allows anything.
const HeaderGPC = "Sec-GPC"

// GPC says whether one of the lines of HeaderGPC is the signal: "1" and nothing
// else. Whatever else there is says nothing.
func GPC(lines []string) bool { return slices.Contains(lines, "1") }

// State is what Google Consent Mode is told about a type.
type State string

// The states.
const (
	Granted State = "granted"
	Denied  State = "denied"
)

// The types of Google Consent Mode v2, as
// https://developers.google.com/tag-platform/security/concepts/consent-mode
// lists them.
const (
	AdStorage              = "ad_storage"
	AdUserData             = "ad_user_data"
	AdPersonalization      = "ad_personalization"
	AnalyticsStorage       = "analytics_storage"
	FunctionalityStorage   = "functionality_storage"
	PersonalizationStorage = "personalization_storage"
	SecurityStorage        = "security_storage"
)

// GoogleTypes lists them all.
func GoogleTypes() []string {
	return []string{AdStorage, AdUserData, AdPersonalization, AnalyticsStorage, FunctionalityStorage, PersonalizationStorage, SecurityStorage}
}

// Google gives the state of every type, from the types that each category rules
// and the categories that are allowed. A type that several categories rule is
// granted only when all of them are. What no category rules is denied, but for
// what keeps a site secure. Types that there are not are left out.
//
// The script on the page does the same: sdk/js/testdata/google.json holds both
// to one table.
func Google(ruled map[string][]string, allowed map[string]bool) map[string]State {
	states := map[string]State{}
	for _, t := range GoogleTypes() {
		states[t] = Denied
	}
	states[SecurityStorage] = Granted
	refused := map[string]bool{}
	for category, types := range ruled {
		for _, t := range types {
			refused[t] = refused[t] || !allowed[category]
		}
	}
	for t, no := range refused {
		if _, known := states[t]; !known {
			continue
		}
		states[t] = Granted
		if no {
			states[t] = Denied
		}
	}
	return states
}
