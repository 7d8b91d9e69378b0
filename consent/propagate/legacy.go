package propagate

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// ErrLegacy is wrapped by what is wrong with imported status maps.
var ErrLegacy = errors.New("the status maps cannot be imported")

// LegacyProblems are what is wrong with status maps, by their place among all.
type LegacyProblems map[int]string

// Error tells the first of them.
func (p LegacyProblems) Error() string {
	first := slices.Min(slices.Collect(maps.Keys(p)))
	return fmt.Sprintf("%v: map %d: %s", ErrLegacy, first+1, p[first])
}

// Unwrap gives ErrLegacy.
func (LegacyProblems) Unwrap() error { return ErrLegacy }

// MaxLegacy is how many status maps are imported at once, all or none.
const MaxLegacy = 10_000

// legacyWords are what other platforms call a status, in small letters and with
// underscores.
var legacyWords = map[Status][]string{
	Pending:  {"pending", "in_progress", "in_processing", "processing", "queued", "scheduled", "awaiting_processing", "awaiting_email_send", "retrying", "polling", "paused", "sending"},
	Complete: {"complete", "completed", "success", "succeeded", "done", "sent"},
	Partial:  {"partial", "partially_complete", "partially_completed"},
	Failed:   {"error", "errored", "failed", "failure"},
	Skipped:  {"skipped", "not_applicable", "not_needed", "canceled", "cancelled"},
}

var ofWord = func() map[string]Status {
	of := map[string]Status{}
	for status, words := range legacyWords {
		for _, w := range words {
			of[w] = status
		}
	}
	return of
}()

// ParseLegacy reads a status in the words of another platform; ok is false for what
// is none.
func ParseLegacy(word string) (s Status, ok bool) {
	s, ok = ofWord[strings.NewReplacer(" ", "_", "-", "_").Replace(strings.ToLower(strings.TrimSpace(word)))]
	return s, ok
}

// Attributed are the connections that a key of another platform may stand for: the
// one with this key, whatever system is called so too; or else those of the system
// with this key, and those of this name that belong to none. If they are several, the
// status under the key is no one's.
func Attributed(key string, targets []Target) (all []Target) {
	for _, t := range targets {
		if t.Key == key {
			return []Target{t}
		}
		if t.System == key && key != "" || t.System == "" && t.Name == key {
			all = append(all, t)
		}
	}
	return all
}
