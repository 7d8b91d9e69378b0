// Package signal is what a browser says by itself, and what tags can be told:
// Global Privacy Control in, Google Consent Mode out. It is pure.
package signal

import "slices"

// HeaderGPC is the header of Global Privacy Control
// (https://www.w3.org/TR/gpc/): the person asks not to have their data sold or
// shared. It restricts, and never allows anything.
const HeaderGPC = "Sec-GPC"

// GPC says whether one of the lines of HeaderGPC is the signal: "1" and nothing
// else. Whatever else there is says nothing.
func GPC(lines []string) bool { return slices.Contains(lines, "1") }

// GoogleTypes are those of Google Consent Mode v2
// (https://developers.google.com/tag-platform/security/concepts/consent-mode),
// each of which a category of a site may rule. What they are told the script on
// the page works out: sdk/js/src/google.ts.
func GoogleTypes() []string {
	return []string{
		"ad_storage", "ad_user_data", "ad_personalization", "analytics_storage",
		"functionality_storage", "personalization_storage", "security_storage",
	}
}
