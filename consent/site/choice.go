package site

import (
	"errors"
	"time"
)

// Sentinels that callers test for.
var (
	// ErrNotFound: the tenant has no such site, version, document or consent.
	ErrNotFound = errors.New("not found")
	// ErrOrigin: the site does not name the origin that a choice comes from.
	ErrOrigin = errors.New("the site does not name this origin")
	// ErrRevision: somebody has changed the draft since it was read.
	ErrRevision = errors.New("the draft was changed meanwhile: read it again")
	// ErrConflict: the id of a submission was used for something else.
	ErrConflict = errors.New("the submission was used for another content")
)

// Source is what made a choice.
type Source string

// The sources.
const (
	Banner      Source = "banner"      // the first layer
	Preferences Source = "preferences" // the second layer, or the page's own settings
	GPC         Source = "gpc"         // a signal of the browser: it only refuses
	Script      Source = "script"      // the page, on behalf of the visitor
	Ledger      Source = "ledger"      // a choice of the person that the device is linked to
	Expiry      Source = "expiry"
	Withdrawal  Source = "withdrawal"
)

// The largest submission.
const (
	MaxDevice        = 64 // bytes of a device's id; at least 22 of A-Z a-z 0-9 - _
	MinDevice        = 22
	MaxConsentString = 4096
)

// Submission is what a visitor chose, as the page sends it.
type Submission struct {
	Device string // the random id that the page keeps; a secret of the visitor
	// ID makes a repeated submission harmless.
	ID       string
	Version  int // with its digest: what was shown
	Digest   string
	Language string
	Region   string
	// Categories by key; a category that is not there is refused. A necessary one
	// is on, whatever is said.
	Categories map[string]bool
	// Vendors that differ from their category.
	Vendors map[string]bool
	Source  Source
	// ConsentString is what the page wants kept beside it, like a TC string.
	ConsentString string
	// Signal says that the browser asked by Sec-GPC not to sell or share.
	Signal bool
	// From where it came; cut down before it is kept. Country is "" when unknown.
	Address, Agent, Country string
}

// Answer is what stands about one category or vendor.
type Answer struct {
	Granted bool `json:"granted"`
	// Expires is when a yes ends; zero for a no.
	Expires time.Time `json:"expires_at,omitzero"`
	// Version under which it was answered; a yes to a version before the
	// category's Since does not hold.
	Version int `json:"version"`
	// Despite says of a yes that the visitor gave it, by their own hand, while the
	// browser asked not to sell or share: the signal leaves it.
	Despite bool `json:"despite_gpc,omitempty"`
}

// Standing is what stands for a device.
type Standing struct {
	ID         string            `json:"id"` // of the consent, in records; not the device's
	Sequence   int64             `json:"sequence"`
	Version    int               `json:"version"`
	Digest     string            `json:"digest"`
	Categories map[string]Answer `json:"categories"`
	Vendors    map[string]Answer `json:"vendors,omitempty"`
	Source     Source            `json:"source"`
	Signal     bool              `json:"gpc,omitempty"`
	Recorded   time.Time         `json:"recorded_at"` // the first choice
	Updated    time.Time         `json:"updated_at"`
	// Expires is when the visitor is asked again: the earliest end of a yes, or of
	// the whole answer where nothing was agreed to.
	Expires time.Time `json:"expires_at"`
	Linked  bool      `json:"linked"` // to a person
}

// The acts of a consent in the audit log; their object is Object(id).
const (
	ActGiven     = "banner.given"
	ActUpdated   = "banner.updated"
	ActWithdrawn = "banner.withdrawn"
	ActExpired   = "banner.expired"
	ActErased    = "banner.erased"
)

// Object names a consent in the audit log.
func Object(id string) string { return "banner/" + id }

// Record is what the leaf of a choice commits to: the details of the act. It
// holds nothing that leads to a person.
type Record struct {
	Site          string            `json:"site"` // id
	Version       int               `json:"version"`
	Digest        string            `json:"digest"` // of the version that was shown; "" when there was none
	Language      string            `json:"language,omitempty"`
	Region        string            `json:"region,omitempty"`
	Country       string            `json:"country,omitempty"`
	Categories    map[string]Answer `json:"categories"`
	Vendors       map[string]Answer `json:"vendors,omitempty"`
	Source        Source            `json:"source"`
	Signal        bool              `json:"gpc,omitempty"`
	ConsentString string            `json:"consent_string,omitempty"`
	Expires       time.Time         `json:"expires_at,omitzero"`
	Agent         string            `json:"agent,omitempty"`   // class, like mobile
	Network       string            `json:"network,omitempty"` // keyed digest of the truncated address; see B9
	Prior         *Prior            `json:"prior,omitempty"`   // what stood before; nil for nothing
	Linked        bool              `json:"linked,omitempty"`
	By            string            `json:"by,omitempty"` // who withdrew in the visitor's place: an API key or an operator
}

// Prior is what stood before a record.
type Prior struct {
	Sequence   int64           `json:"sequence"`
	Version    int             `json:"version"`
	Categories map[string]bool `json:"categories"`
	Vendors    map[string]bool `json:"vendors,omitempty"`
}
