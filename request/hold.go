package request

import (
	"fmt"
	"strings"
	"time"

	"volenti.dev/volenti/subject"
)

// Hold forbids to erase something for now, because a court, an authority or a
// dispute needs it. Art. 17(3)(b) and (e) GDPR: there is no right to erasure
// where the data is needed for a legal duty or for legal claims.
type Hold struct {
	ID string // UUIDv7
	// Target is "dataset", "dataset:collection", or an identity, as HeldIdentity
	// writes it.
	Target string
	Ground string // told to whoever asks for an erasure: names a law or a file, never a person
	By     string // who placed it
	Placed time.Time
	Until  time.Time // it ends by itself; zero when it does not
	Lifted time.Time // zero while it is in force
}

// HeldIdentity is the target of a hold on a person: whoever asks with this
// identity, also among others, has nothing erased.
func HeldIdentity(i subject.Identity, digestKey []byte) string {
	return string(i.Type) + " " + i.Digest(digestKey)
}

// Subject says in words what is held, without anything personal.
func (h Hold) Subject() string {
	if kind, _, isIdentity := strings.Cut(h.Target, " "); isIdentity {
		return "the person, by an identity of type " + kind
	}
	return h.Target
}

// HeldError refuses an erasure.
type HeldError struct{ Holds []Hold }

func (e *HeldError) Error() string {
	var all []string
	for _, h := range e.Holds {
		text := fmt.Sprintf("%s (%s; hold %s", h.Subject(), h.Ground, h.ID)
		if !h.Until.IsZero() {
			text += ", until " + h.Until.UTC().Format(time.RFC3339)
		}
		all = append(all, text+")")
	}
	return "under legal hold, nothing of it may be erased: " + strings.Join(all, ", ")
}
