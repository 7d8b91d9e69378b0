// Package site is the banner of a site: what visitors are asked, and what they
// answer.
//
//	Draft       what operators edit        -> Problems, Change
//	Version     what was published of it   -> Digest; never changed
//	Document    a version as one visitor is shown it: one language, one region
//	Submission  what a visitor chose       -> Record, Standing
//
// A visitor is a device: a random id that the banner makes and keeps on the
// visitor's side. Here it is known by a digest. What a device chose is a leaf of
// the tenant's audit tree under another random id, that of the consent; when the
// row that joins the two is gone, the records stay and lead to nobody.
//
// Art. 5(3) of the ePrivacy directive: what is not strictly necessary is stored
// and read only after consent. Art. 7(1) GDPR: the controller can show it.
package site

import "time"

// Draft is a site as operators edit it. It is published as a Version.
type Draft struct {
	// Origins may show the banner, like https://shop.example:8443; a choice from
	// elsewhere is refused.
	Origins []string `json:"origins" yaml:"origins"`
	// Languages that the banner speaks, BCP 47; the first is for everybody else.
	Languages []string `json:"languages" yaml:"languages"`
	// Texts of the site's own, by language and key of the text (see texts.go),
	// in the place of the built-in ones.
	Texts map[string]map[string]string `json:"texts,omitempty" yaml:"texts"`
	// Links by kind (privacy, imprint, terms) and language; "" is for all others.
	Links      map[string]map[string]string `json:"links,omitempty" yaml:"links"`
	Categories []Category                   `json:"categories" yaml:"categories"` // in the order in which they are shown
	Vendors    []Vendor                     `json:"vendors,omitempty" yaml:"vendors"`
	// Regions: the first that names the visitor's country counts; the last names
	// none and is for all others, and for who comes from nobody knows where.
	Regions []Region `json:"regions,omitempty" yaml:"regions"`
	Look    Look     `json:"look,omitempty" yaml:"look"`
}

// Category is what a visitor says yes or no to.
type Category struct {
	Key string `json:"key" yaml:"key"` // like statistics; consent.ValidKey
	// Necessary is always on, and never asked.
	Necessary bool `json:"necessary,omitempty" yaml:"necessary"`
	Inactive  bool `json:"inactive,omitempty" yaml:"inactive"` // it is not shown
	// Title and Description by language; the usual categories have built-in ones.
	Title       map[string]string `json:"title,omitempty" yaml:"title"`
	Description map[string]string `json:"description,omitempty" yaml:"description"`
	// Purposes of the consent ledger that the choice of a known person is
	// recorded for.
	Purposes []string `json:"purposes,omitempty" yaml:"purposes"`
	// RetentionDays is how long a yes holds; 0 for what is usual for the key.
	RetentionDays int `json:"retention_days,omitempty" yaml:"retention_days"`
	// Sale says that it is a sale or sharing of data, which Global Privacy Control
	// opts out of.
	Sale bool `json:"sale,omitempty" yaml:"sale"`
	// Google names the types of Google Consent Mode v2 that the category rules,
	// like ad_storage.
	Google []string `json:"google,omitempty" yaml:"google"`
	// Cookies that go when the category is refused, beside those of its vendors.
	Cookies []Cookie `json:"cookies,omitempty" yaml:"cookies"`
}

// Vendor is somebody else whose service the site uses.
type Vendor struct {
	Key      string `json:"key" yaml:"key"` // stable; consent.ValidKey
	Name     string `json:"name" yaml:"name"`
	Provider string `json:"provider,omitempty" yaml:"provider"` // the company
	Country  string `json:"country,omitempty" yaml:"country"`   // of the provider, ISO 3166-1 alpha-2
	Category string `json:"category" yaml:"category"`
	// Purposes as visitors read them, in English or the language of the site.
	Purposes []string `json:"purposes,omitempty" yaml:"purposes"`
	Privacy  string   `json:"privacy,omitempty" yaml:"privacy"` // URL of the provider's privacy policy
	// RetentionDays is how long the vendor may keep what it learns; a yes to its
	// category holds no longer. 0 is not known.
	RetentionDays int      `json:"retention_days,omitempty" yaml:"retention_days"`
	Cookies       []Cookie `json:"cookies,omitempty" yaml:"cookies"`
	// Hosts that its scripts and frames come from, like www.google-analytics.com;
	// *.example.com is any below.
	Hosts []string `json:"hosts,omitempty" yaml:"hosts"`
	// Scripts are substrings of the addresses of its scripts.
	Scripts  []string `json:"scripts,omitempty" yaml:"scripts"`
	Inactive bool     `json:"inactive,omitempty" yaml:"inactive"`
	// Service is the key in the registry that it came from; "" is the site's own.
	Service string `json:"service,omitempty" yaml:"service"`
	// Kept names the fields that the operator has set: the registry leaves them.
	Kept []string `json:"kept,omitempty" yaml:"kept"`
}

// Cookie is a cookie or a key of local storage that somebody sets.
type Cookie struct {
	Name    string `json:"name" yaml:"name"` // may end in *
	Days    int    `json:"days" yaml:"days"` // it lives for; 0 is for the session
	Purpose string `json:"purpose,omitempty" yaml:"purpose"`
}

// Region is how people of some countries are asked.
type Region struct {
	Key       string   `json:"key" yaml:"key"`                       // like eu; consent.ValidKey
	Countries []string `json:"countries,omitempty" yaml:"countries"` // ISO 3166-1, or 3166-2 like US-CA
	Mode      Mode     `json:"mode" yaml:"mode"`
}

// Mode is what holds before a visitor has chosen.
type Mode string

// The modes.
const (
	OptIn  Mode = "opt_in"  // nothing but what is necessary; a banner asks
	OptOut Mode = "opt_out" // everything; there is a way to refuse, and GPC is heeded
)

// Version is what was published: all that is shown, in all languages and
// regions. Its Digest is what visitors' choices refer to.
type Version struct {
	Site       string                       `json:"site"` // id
	Number     int                          `json:"version"`
	Languages  []string                     `json:"languages"`
	Texts      map[string]map[string]string `json:"texts"` // resolved: every language has every key
	Links      map[string]map[string]string `json:"links"` // resolved likewise, by language and kind
	Categories []Asked                      `json:"categories"`
	Vendors    []Named                      `json:"vendors"`
	Regions    []Region                     `json:"regions"`
	Look       Look                         `json:"look,omitempty"`
	// Material is the number of the last version that asks everybody again: this
	// one or an earlier one.
	Material int `json:"material"`
	// Changes of the material versions, the newest first.
	Changes   []Changed `json:"changes,omitempty"`
	Published time.Time `json:"-"` // when; it is no part of what is shown
}

// Asked is an active category of a version.
type Asked struct {
	Category // texts in all languages of the version
	// Since is the number of the version that last widened it: a yes to an earlier
	// version does not cover it.
	Since int `json:"since"`
	Days  int `json:"days"` // how long a yes holds, without vendors
}

// Named is an active vendor of a version.
type Named struct {
	Vendor
	Since int `json:"since"`
}

// Changed says what a material version changed.
type Changed struct {
	Version    int               `json:"version"`
	At         time.Time         `json:"published_at"`
	Summary    map[string]string `json:"summary"` // by language
	Categories []string          `json:"categories,omitempty"`
	Vendors    []string          `json:"vendors,omitempty"`
}

// Summary is a site in a list.
type Summary struct {
	ID      string    `json:"id"`
	Key     string    `json:"key"` // public, part of the snippet
	Name    string    `json:"name"`
	Version int       `json:"version"` // that visitors are shown; 0 before the first
	Digest  string    `json:"digest,omitempty"`
	Edited  time.Time `json:"edited_at"`
	// Revision counts changes of the draft: who saves says which one they saw.
	Revision int64 `json:"revision"`
}

// Published is a version as it is kept.
type Published struct {
	Version
	Digest string `json:"digest"`
	// ClassifiedBy names the operator who said whether it is material, which is
	// personal: it is kept sealed, and is for those who manage sites.
	ClassifiedBy string `json:"-"`
}

// Edition is a published version in a list.
type Edition struct {
	Number    int       `json:"version"`
	Digest    string    `json:"digest"`
	Published time.Time `json:"published_at"`
	Material  bool      `json:"material"` // it asks everybody again; the first asks everybody
}

// Place is a site as visitors find it, by its key alone.
type Place struct {
	Tenant  string
	ID      string
	Key     string
	Version int      // that visitors are shown; 0 before the first
	Origins []string // as published with it; of the draft before the first
}
