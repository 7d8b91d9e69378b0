package consent

import (
	"fmt"
	"regexp"
	"slices"
	"time"

	"volenti.dev/volenti/consent/notice"
)

// Rules are what a tenant asks for and how. They are versioned: each change
// gives Rules with a larger stamp, and no change takes a version or an era
// back. They are not modified once made.
//
// Eras say who is to be asked again without a row per person. Each material
// version begins an era of the purposes that it affects. A grant belongs to
// the era of the version it was given under, to era 0 when that is unknown;
// when its era is not the last, it is due to be renewed.
type Rules struct {
	Stamp    int64              `json:"stamp"`
	Purposes []Purpose          `json:"purposes"`
	Sources  []Source           `json:"sources"` // beside those that every tenant has
	Versions []notice.Published `json:"versions"`
	Eras     map[string][]Era   `json:"eras"` // by purpose; the first is era 1
	// Managed: the purposes were applied from a configuration directory, and are
	// changed nowhere else.
	Managed    bool       `json:"managed,omitempty"`
	Controller Controller `json:"controller,omitzero"` // for receipts
}

// Era is the time from a material version on, for one purpose.
type Era struct {
	Version string `json:"version"`
	// BlocksFrom is when grants of earlier eras stop to hold; zero for never.
	BlocksFrom time.Time `json:"blocks_from,omitzero"`
	// AtOnce: they stop with the publication, whatever a clock says.
	AtOnce bool `json:"at_once,omitempty"`
}

// DefaultRules are those of a tenant that has changed nothing.
func DefaultRules() *Rules {
	return &Rules{Purposes: DefaultPurposes(), Eras: map[string][]Era{}}
}

// Purpose gives the purpose with this key, or nil.
func (r *Rules) Purpose(key string) *Purpose {
	for i := range r.Purposes {
		if r.Purposes[i].Key == key {
			return &r.Purposes[i]
		}
	}
	return nil
}

// Current is the label of the version that people are shown now; "" when none
// was published.
func (r *Rules) Current() string {
	if len(r.Versions) == 0 {
		return ""
	}
	return r.Versions[len(r.Versions)-1].Version
}

// Version gives a published version, or nil.
func (r *Rules) Version(label string) *notice.Published {
	if i := r.ordinal(label); i >= 0 {
		return &r.Versions[i]
	}
	return nil
}

func (r *Rules) ordinal(label string) int {
	return slices.IndexFunc(r.Versions, func(v notice.Published) bool { return v.Version == label })
}

// Era is the era of a purpose that a version belongs to.
func (r *Rules) Era(purpose, version string) int {
	n, at := 0, r.ordinal(version)
	for _, e := range r.Eras[purpose] {
		if at >= 0 && r.ordinal(e.Version) <= at {
			n++
		}
	}
	return n
}

// EraAt is the era of a purpose that a text belongs to which was published at
// some time elsewhere than as a notice: it answers the material versions that
// were there already, and none of those that came later.
func (r *Rules) EraAt(purpose string, published time.Time) int {
	n := 0
	for _, e := range r.Eras[purpose] {
		if !published.Before(r.Version(e.Version).PublishedAt) {
			n++
		}
	}
	return n
}

// Ended says that a grant of the purpose has expired.
func (r *Rules) Ended(purpose string, given, now time.Time) bool {
	p := r.Purpose(purpose)
	return p != nil && p.Expires > 0 && !now.Before(given.Add(p.Expires))
}

// Configure gives the rules with other purposes and custom sources;
// ErrManaged when the purposes come from a configuration directory.
func (r *Rules) Configure(purposes []Purpose, sources []Source) (*Rules, error) {
	if r.Managed && !slices.EqualFunc(purposes, r.Purposes, Purpose.Equal) {
		return nil, ErrManaged
	}
	return r.configure(purposes, sources, r.Managed)
}

// Apply gives the rules with the purposes of a configuration directory, which
// from then on are changed nowhere else; or, with managed false, are again.
func (r *Rules) Apply(purposes []Purpose, managed bool) (*Rules, error) {
	return r.configure(purposes, r.Sources, managed)
}

func (r *Rules) configure(purposes []Purpose, sources []Source, managed bool) (*Rules, error) {
	var wrong Invalid
	seen := map[string]bool{}
	for i, p := range purposes {
		if !ValidKey(p.Key) {
			wrong.add(i, "key", "a purpose's key needs 1 to 64 lower-case letters, digits and underscores, a letter first, and must not be a name that JavaScript objects have")
		}
		if seen[p.Key] {
			wrong.add(i, "key", "there are two purposes with this key")
		}
		if p.Expires < 0 || p.Patience < 0 {
			wrong.add(i, "expires", "times are at least 0 and at most 36500 days")
		}
		if slices.ContainsFunc(p.Uses, func(use string) bool { return !useForm.MatchString(use) }) {
			wrong.add(i, "data_uses", "a data use is words of lower-case letters, digits and underscores with dots between, like marketing.communications.email")
		}
		seen[p.Key] = true
	}
	for i, s := range sources {
		if !ValidKey(string(s)) || s == SourceExpiry {
			wrong.add(i, "source", "a source needs 1 to 64 lower-case letters, digits and underscores, a letter first")
		}
	}
	if len(purposes) == 0 {
		wrong.add(0, "purposes", "there must be at least one purpose")
	}
	if err := wrong.orNil(); err != nil {
		return nil, err
	}
	next := *r
	next.Stamp++
	next.Purposes, next.Sources, next.Managed = slices.Clone(purposes), slices.Clone(sources), managed
	return &next, nil
}

var useForm = regexp.MustCompile(`^[a-z0-9_]+(\.[a-z0-9_]+)*$`)

// Publish gives the rules with one more version, published now. ErrPublished
// when there is another version with this label; the same one again changes
// nothing.
func (r *Rules) Publish(v notice.Version, now time.Time) (*Rules, error) {
	var wrong Invalid
	for _, text := range v.Violations() {
		wrong.add(0, "notice", text)
	}
	for _, key := range v.Purposes {
		if r.Purpose(key) == nil {
			wrong.add(0, "purposes", fmt.Sprintf("there is no purpose %.64q", key))
		}
	}
	for key, eras := range r.Eras {
		if v.Material && len(eras) >= MaxEras {
			wrong.add(0, "material", fmt.Sprintf("people were asked %d times about %s, which is as often as can be", MaxEras, key))
		}
	}
	if err := wrong.orNil(); err != nil {
		return nil, err
	}
	p := notice.Published{
		Version: v.Version, PublishedAt: now, Digests: map[string]string{},
		Summary: v.Summary, Material: v.Material, Purposes: slices.Clone(v.Purposes),
	}
	for _, t := range v.Texts {
		p.Digests[t.Language] = t.Digest()
	}
	if old := r.Version(v.Version); old != nil {
		if !same(*old, p) {
			return nil, ErrPublished
		}
		return r, nil
	}
	next := *r
	next.Stamp++
	next.Versions = append(slices.Clone(r.Versions), p)
	next.Eras = map[string][]Era{}
	for key, eras := range r.Eras {
		next.Eras[key] = slices.Clone(eras)
	}
	if v.Material {
		next.begin(p)
	}
	return &next, nil
}

// begin begins the eras of a material version.
func (r *Rules) begin(v notice.Published) {
	for _, p := range r.Purposes {
		if len(v.Purposes) > 0 && !slices.Contains(v.Purposes, p.Key) {
			continue
		}
		e := Era{Version: v.Version}
		switch {
		case p.Block:
			e.BlocksFrom, e.AtOnce = v.PublishedAt, true
		case p.Patience > 0:
			e.BlocksFrom = v.PublishedAt.Add(p.Patience)
		}
		r.Eras[p.Key] = append(r.Eras[p.Key], e)
	}
}

func same(a, b notice.Published) bool {
	if a.Summary != b.Summary || a.Material != b.Material || !slices.Equal(a.Purposes, b.Purposes) || len(a.Digests) != len(b.Digests) {
		return false
	}
	for language, digest := range a.Digests {
		if b.Digests[language] != digest {
			return false
		}
	}
	return true
}
