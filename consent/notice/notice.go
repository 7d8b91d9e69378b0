// Package notice is what people were shown when they were asked: published
// versions of a text, in one or more languages. A version is never changed;
// what has to change is published as another one.
//
// A person who classifies a change says whether it is material. Only a
// material change asks people again, so that being asked keeps its weight.
package notice

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/language"
)

// The largest texts, in bytes.
const (
	MaxBody    = 1 << 20
	MaxSummary = 4 << 10
	maxLabel   = 64
)

// Version is a version to be published.
type Version struct {
	Version string // label, unique for the tenant: "2026-11"
	Texts   []Text
	Summary string // of the changes, for the people who are asked again
	// Material says that those who agreed to an earlier version are to be
	// asked again; ClassifiedBy is the operator who decided that it is or is
	// not. See Full for who is shown the name.
	Material     bool
	ClassifiedBy string
	Purposes     []string // that a material change affects; none means all
}

// Text is the full text of a version in one language.
type Text struct {
	Language string `json:"language"` // BCP 47: "de-AT"
	Body     string `json:"body"`
}

// Digest is the hex SHA-256 of the text.
func (t Text) Digest() string {
	sum := sha256.Sum256([]byte(t.Body))
	return hex.EncodeToString(sum[:])
}

// Published is what the ledger knows of a version without its texts.
type Published struct {
	Version     string            `json:"version"`
	PublishedAt time.Time         `json:"published_at"`
	Digests     map[string]string `json:"digests"` // by language
	Summary     string            `json:"summary"`
	Material    bool              `json:"material"`
	Purposes    []string          `json:"purposes,omitempty"` // that a material change affects
}

// Full is a published version with its texts, and who classified the change.
type Full struct {
	Published
	Texts []Text `json:"texts"` // by language
	// ClassifiedBy names an operator, which is personal: it is stored sealed,
	// is for those who manage notices, and never in JSON, which sites read.
	// "" when the version was published before it was kept: see the audit log.
	ClassifiedBy string `json:"-"`
}

// Violations tells all that is wrong with v, each in a sentence.
func (v Version) Violations() []string {
	var wrong []string
	add := func(format string, args ...any) { wrong = append(wrong, fmt.Sprintf(format, args...)) }
	if !Label(v.Version) {
		add("the version needs a label of 1 to %d printable characters", maxLabel)
	}
	if strings.HasPrefix(v.Version, ofSites) {
		add("a label that begins with %s is that of a site's banner: take another one", ofSites)
	}
	if len(v.Texts) == 0 {
		add("the version has no text: give the full text that people are shown")
	}
	seen := map[string]bool{}
	for _, t := range v.Texts {
		if tag, err := language.Parse(t.Language); err != nil || tag.String() != t.Language {
			add("a text's language is not a BCP 47 tag in its usual spelling, like en or de-AT")
		}
		if seen[t.Language] {
			add("there are two texts in one language")
		}
		seen[t.Language] = true
		if t.Body == "" || len(t.Body) > MaxBody || !utf8.ValidString(t.Body) {
			add("a text needs 1 to %d bytes of UTF-8", MaxBody)
		}
	}
	if v.Material && v.Summary == "" {
		add("a material change needs a summary for the people who are asked again")
	}
	if len(v.Summary) > MaxSummary || !utf8.ValidString(v.Summary) {
		add("the summary has more than %d bytes, or is not UTF-8", MaxSummary)
	}
	if v.ClassifiedBy == "" {
		add("it is not said who decided whether the change is material")
	}
	return wrong
}

// ofSites begins the labels of what the banners of sites show.
const ofSites = "site/"

// OfSite names a version of a site's banner among the labels of notices, none of
// which begins like it.
func OfSite(key string, version int) string { return ofSites + key + "/" + strconv.Itoa(version) }

// FromSite says whether a label is one of OfSite.
func FromSite(label string) bool { return strings.HasPrefix(label, ofSites) }

// Label says whether s can name a version.
func Label(s string) bool {
	if s == "" || len(s) > maxLabel || !utf8.ValidString(s) {
		return false
	}
	for _, r := range s {
		if !unicode.IsPrint(r) {
			return false
		}
	}
	return true
}
