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
	// Uses are the data uses that the purpose is about, as systems declare theirs.
	Uses []string `json:"data_uses,omitempty"`
}

// Equal says that both say the same.
func (p Purpose) Equal(q Purpose) bool {
	uses := slices.Equal(p.Uses, q.Uses)
	return uses && p.Key == q.Key && p.Title == q.Title && p.Group == q.Group && p.Expires == q.Expires && p.Block == q.Block && p.Patience == q.Patience
}

// PurposeForm is a purpose as people write it down: times in days.
type PurposeForm struct {
	Key          string `json:"key" yaml:"key"`
	Title        string `json:"title,omitempty" yaml:"title"`
	Group        string `json:"group,omitempty" yaml:"group"`
	ExpiresDays  int    `json:"expires_days,omitempty" yaml:"expires_days"`   // 0: a grant holds until it is withdrawn
	Block        bool   `json:"block,omitempty" yaml:"block"`                 // stop while people are to be asked again
	PatienceDays int    `json:"patience_days,omitempty" yaml:"patience_days"` // or stop after so long; 0: do not
	// Uses are the data uses that it is about: systems that declare one of them, or
	// one above or below it, are told of choices.
	Uses []string `json:"data_uses,omitempty" yaml:"data_uses" maxItems:"50"`
}

const day = 24 * time.Hour

// Purpose reads the form. Times beyond 100 years become negative, which
// Rules.Configure refuses.
func (f PurposeForm) Purpose() Purpose {
	days := func(n int) time.Duration {
		if n > MaxDays {
			return -1
		}
		return time.Duration(n) * day
	}
	return Purpose{Key: f.Key, Title: f.Title, Group: f.Group, Expires: days(f.ExpiresDays), Block: f.Block, Patience: days(f.PatienceDays), Uses: f.Uses}
}

// MaxDays is the longest time of a purpose.
const MaxDays = 36500

// Form writes the purpose down.
func (p Purpose) Form() PurposeForm {
	return PurposeForm{Key: p.Key, Title: p.Title, Group: p.Group, ExpiresDays: int(p.Expires / day), Block: p.Block, PatienceDays: int(p.Patience / day), Uses: p.Uses}
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
	Request          Source = "request" // a privacy request
	GPC              Source = "gpc"     // a signal of the browser, for a person who is known
	SourceExpiry     Source = "expiry"
)

// Sources are those that every tenant has.
func Sources() []Source {
	return []Source{SignupForm, CookieBanner, SettingsPage, PreferenceCenter, API, BulkReconsent, Import, Request, GPC}
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
