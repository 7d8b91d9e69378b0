package consent

import (
	"slices"
	"time"
)

// Purpose is what data may be used for, and the rules of asking.
type Purpose struct {
	Key   string `json:"key"`
	Title string `json:"title,omitempty"`
	Group string `json:"group,omitempty"` // purposes that are asked for together
	// Expires is how long a grant holds; 0 is until it is withdrawn.
	Expires time.Duration `json:"expires,omitempty"`
	// Block stops the use as soon as people are to be asked again. Otherwise
	// the earlier grant holds for Patience, or until they answer when that is 0.
	Block    bool          `json:"block,omitempty"`
	Patience time.Duration `json:"patience,omitempty"`
}

// Source is where a choice was made.
type Source string

// The built-in sources. SourceExpiry is not for entries.
const (
	SignupForm       Source = "signup_form"
	CookieBanner     Source = "cookie_banner"
	SettingsPage     Source = "settings_page"
	PreferenceCenter Source = "email_preference_center"
	API              Source = "api"
	BulkReconsent    Source = "bulk_reconsent"
	Import           Source = "import"
	SourceExpiry     Source = "expiry"
)

// Sources are those that every tenant has.
func Sources() []Source {
	return []Source{SignupForm, CookieBanner, SettingsPage, PreferenceCenter, API, BulkReconsent, Import}
}

// DefaultPurposes are those of a tenant that has configured none.
func DefaultPurposes() []Purpose {
	return []Purpose{
		{Key: "analytics", Title: "Analytics"},
		{Key: "marketing_email", Title: "Marketing by email", Group: "marketing"},
		{Key: "marketing_push", Title: "Marketing by push message", Group: "marketing"},
		{Key: "third_party_sharing", Title: "Sharing with third parties"},
		{Key: "personalization", Title: "Personalization"},
		{Key: "research", Title: "Research"},
	}
}

const maxKey = 64 // bytes

// ValidKey says whether s can be the key of a purpose or a source: a
// lower-case letter, then lower-case letters, digits and underscores. Names
// that mean something to JavaScript objects are refused.
func ValidKey(s string) bool {
	if s == "" || len(s) > maxKey || slices.Contains([]string{"__proto__", "constructor", "prototype"}, s) {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if c >= 'a' && c <= 'z' || i > 0 && (c >= '0' && c <= '9' || c == '_') {
			continue
		}
		return false
	}
	return true
}
