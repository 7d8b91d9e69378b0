package consent

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"time"
	"unicode/utf8"
)

// Controller is what only the controller knows of the use of data, for
// receipts. All of it may be left out. Where a text is an IRI, receipts refer
// to it; otherwise it is a name.
type Controller struct {
	Name          string   `json:"name,omitempty"`
	Contact       string   `json:"contact,omitempty"`       // IRI, like mailto:privacy@example.com
	Withdraw      string   `json:"withdraw,omitempty"`      // IRI of the place where consent is withdrawn
	Jurisdictions []string `json:"jurisdictions,omitempty"` // codes of https://w3id.org/dpv/loc: EU, DE, US-CA
	Laws          []string `json:"laws,omitempty"`
	Rights        []string `json:"rights,omitempty"`
	// Processing tells what a purpose means, by its key.
	Processing map[string]Processing `json:"processing,omitempty"`
}

// Processing is what is done for one purpose.
type Processing struct {
	Recipients []string `json:"recipients,omitempty"`
	Processors []string `json:"processors,omitempty"`
	Data       []string `json:"data,omitempty"`     // categories of personal data
	Location   string   `json:"location,omitempty"` // where data is stored
	Duration   string   `json:"duration,omitempty"` // for how long, ISO 8601: P6M
	Deletion   string   `json:"deletion,omitempty"` // how it is deleted
}

// facts are what a receipt says beyond the record: of the controller, the
// purpose, and the version that was shown.
type facts struct {
	Controller Controller `json:"controller,omitzero"` // without Processing
	Title      string     `json:"title,omitempty"`
	Processing Processing `json:"processing,omitzero"`
	Published  time.Time  `json:"published,omitzero"`
}

// Facts writes what the rules tell of a purpose and a version. A record
// commits to its digest, so that what receipts say is what was in force when
// the choice was made, and neither we nor others can change it afterwards.
func (r *Rules) Facts(purpose, version string) (text json.RawMessage, digest string, err error) {
	f := facts{Controller: r.Controller, Processing: r.Controller.Processing[purpose]}
	f.Controller.Processing = nil
	if p := r.Purpose(purpose); p != nil {
		f.Title = p.Title
	}
	if v := r.Version(version); v != nil {
		f.Published = v.PublishedAt.UTC()
	}
	if text, err = json.Marshal(f); err != nil {
		return nil, "", fmt.Errorf("write the facts of the controller: %w", err)
	}
	return text, digestOf(text), nil
}

func digestOf(text []byte) string {
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

// Describe gives the rules with other facts of the controller.
func (r *Rules) Describe(c Controller) (*Rules, error) {
	var wrong Invalid
	for i, text := range c.texts() {
		if text == "" || len(text) > maxFact || !utf8.ValidString(text) {
			wrong.add(i, "controller", fmt.Sprintf("a text needs 1 to %d bytes of UTF-8", maxFact))
		}
	}
	for field, text := range map[string]string{"contact": c.Contact, "withdraw": c.Withdraw} {
		if text != "" && !isIRI(text) {
			wrong.add(0, field, "it is not an IRI, like https://example.com/privacy or mailto:privacy@example.com")
		}
	}
	for i, code := range c.Jurisdictions {
		if !jurisdiction.MatchString(code) {
			wrong.add(i, "jurisdictions", "it is not a code like EU, DE or US-CA")
		}
	}
	for _, key := range slices.Sorted(maps.Keys(c.Processing)) {
		if r.Purpose(key) == nil {
			wrong.add(0, "processing", fmt.Sprintf("there is no purpose %.64q", key))
		}
		if d := c.Processing[key].Duration; d != "" && !duration.MatchString(d) {
			wrong.add(0, "duration", "it is not a duration of ISO 8601, like P6M or P2Y")
		}
	}
	if err := wrong.orNil(); err != nil {
		return nil, err
	}
	next := *r
	next.Stamp++
	next.Controller = c
	return &next, nil
}

const maxFact = 512 // bytes

var (
	jurisdiction = regexp.MustCompile(`^[A-Z]{2,3}(-[A-Z0-9]{1,3})?$`)
	duration     = regexp.MustCompile(`^P([0-9]+Y)?([0-9]+M)?([0-9]+W)?([0-9]+D)?$`)
)

// texts gives those that are not left out.
func (c Controller) texts() []string {
	all := slices.Concat(c.Jurisdictions, c.Laws, c.Rights)
	optional := []string{c.Name, c.Contact, c.Withdraw}
	for _, p := range c.Processing {
		all = slices.Concat(all, p.Recipients, p.Processors, p.Data)
		optional = append(optional, p.Location, p.Duration, p.Deletion)
	}
	for _, text := range optional {
		if text != "" {
			all = append(all, text)
		}
	}
	return all
}

func isIRI(text string) bool {
	u, err := url.Parse(text)
	return err == nil && slices.Contains([]string{"https", "http", "mailto", "urn"}, u.Scheme) && u.Opaque+u.Host != ""
}
