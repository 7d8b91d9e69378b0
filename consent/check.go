package consent

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/text/language"
)

// Invalid is all that is wrong with what was asked for; nothing was done.
type Invalid struct{ Violations []Violation }

// Violation is one thing that is wrong. It quotes nothing personal.
type Violation struct {
	Entry int    `json:"entry"` // index
	Field string `json:"field"`
	Text  string `json:"text"`
}

func (v *Invalid) Error() string {
	texts := make([]string, len(v.Violations))
	for i, w := range v.Violations {
		texts[i] = fmt.Sprintf("%d: %s: %s", w.Entry, w.Field, w.Text)
	}
	return "invalid: " + strings.Join(texts, "; ")
}

func (v *Invalid) add(entry int, field, text string) {
	v.Violations = append(v.Violations, Violation{entry, field, text})
}

func (v *Invalid) orNil() error {
	if len(v.Violations) == 0 {
		return nil
	}
	return v
}

// The limits of an Append.
const (
	MaxEntries = 1000
	MaxKey     = 256  // bytes of an idempotency key
	maxNote    = 4096 // bytes
	// skew is how far a clock elsewhere may be ahead of the ledger's.
	skew = time.Minute
)

// Check finds everything that is wrong with entries under the rules, or gives
// nil.
func (r *Rules) Check(key string, entries []Entry, now time.Time) error {
	var wrong Invalid
	if len(entries) == 0 || len(entries) > MaxEntries {
		wrong.add(0, "entries", fmt.Sprintf("there must be 1 to %d entries", MaxEntries))
		return &wrong
	}
	if len(key) > MaxKey {
		wrong.add(0, "idempotency_key", fmt.Sprintf("the key has more than %d bytes", MaxKey))
	}
	for i, e := range entries {
		r.checkEntry(&wrong, i, e, now)
		if key != "" && !samePerson(entries[0], e) {
			wrong.add(i, "subject", "an idempotency key covers the choices of one person")
		}
	}
	return wrong.orNil()
}

func (r *Rules) checkEntry(wrong *Invalid, i int, e Entry, now time.Time) {
	if e.Subject == (SubjectID{}) && len(e.Identities) == 0 {
		wrong.add(i, "subject", "it is not said whose choice this is")
	}
	if r.Purpose(e.Purpose) == nil {
		wrong.add(i, "purpose", "there is no "+quoted("purpose", e.Purpose))
	}
	if !slices.Contains(Sources(), e.Source) && !slices.Contains(r.Sources, e.Source) {
		wrong.add(i, "source", "there is no "+quoted("source", string(e.Source)))
	}
	if e.Given.After(now.Add(skew)) {
		wrong.add(i, "given_at", "the time lies in the future")
	}
	if year := e.Given.UTC().Year(); !e.Given.IsZero() && year < 1970 {
		wrong.add(i, "given_at", "the time lies before 1970")
	}
	if note := e.Note.Reveal(); len(note) > maxNote || !utf8.ValidString(note) {
		wrong.add(i, "note", fmt.Sprintf("it needs UTF-8, and %d bytes at most", maxNote))
	}
	if e.LegalBasis != "" && !ValidKey(e.LegalBasis) {
		wrong.add(i, "legal_basis", "it needs lower-case letters, digits and underscores, like consent or explicit_consent")
	}
	if e.Language != "" {
		if tag, err := language.Parse(e.Language); err != nil || tag.String() != e.Language {
			wrong.add(i, "language", "it is not a BCP 47 tag in its usual spelling, like en or de-AT")
			return
		}
	}
	if e.Shown != nil {
		if e.Notice != "" {
			wrong.add(i, "notice", "a notice and another text cannot both be what was shown")
		}
		return
	}
	if e.Notice == "" {
		// A grant given now is shown the current version: which of its texts must
		// be known, or the record proves nothing about what was agreed to.
		if v := r.Version(r.Current()); e.Granted && e.Given.IsZero() && v != nil && len(v.Digests) > 1 && v.Digests[e.Language] == "" {
			wrong.add(i, "language", "the current version of the notice has several texts, and none in this language: say which was shown")
		}
		return
	}
	v := r.Version(e.Notice)
	if v == nil {
		wrong.add(i, "notice", fmt.Sprintf("version %.64q was never published", e.Notice))
	} else if _, ok := v.Digests[e.Language]; !ok && (e.Language != "" || len(v.Digests) > 1) {
		wrong.add(i, "language", "the version has no text in this language: say which text was shown")
	}
}

// quoted names a key that there is not, unless it could be anything: a person
// may have been written where a key belongs.
func quoted(noun, key string) string {
	if !ValidKey(key) {
		return "such " + noun
	}
	return fmt.Sprintf("%s %q", noun, key)
}

func samePerson(a, b Entry) bool {
	return a.Subject == b.Subject && slices.EqualFunc(a.Identities, b.Identities, func(x, y identity) bool {
		return x.Type == y.Type && x.Value.Equal(y.Value)
	})
}

// Shown gives the version, digest and language that the record of e names.
func (r *Rules) Shown(e Entry, prior *State) (version, digest, lang string) {
	switch {
	case e.Shown != nil:
		return e.Shown.Version, e.Shown.Digest, e.Shown.Language
	case e.Notice != "":
		version = e.Notice
	case !e.Granted && prior != nil && prior.Choice == Granted:
		return prior.Notice, prior.Digest, prior.Language
	case !e.Given.IsZero():
		return "", "", e.Language
	default:
		version = r.Current()
	}
	v := r.Version(version)
	if v == nil {
		return "", "", e.Language
	}
	if digest, ok := v.Digests[e.Language]; ok {
		return version, digest, e.Language
	}
	if len(v.Digests) == 1 {
		for l, digest := range v.Digests {
			return version, digest, l
		}
	}
	return version, "", e.Language // which of the texts is not known
}
