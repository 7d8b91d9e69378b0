package site

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"

	"volenti.dev/volenti/audit"
	"volenti.dev/volenti/consent"
	"volenti.dev/volenti/subject"
)

// Outcome is what becomes of a submission.
type Outcome struct {
	Act      string // ""  when nothing changes: there is no record, and what stood stands
	Record   Record
	Standing Standing // without Sequence, and without ID where nothing stood
}

// Apply tells what becomes of a submission, by the version that it refers to
// and the digest of that, and by what stands for the device; nil for nothing.
// What is wrong with it is a *consent.Invalid.
//
// A choice that a visitor made is a record also where it changes nothing: they
// were asked, and have said it again. What the page or the browser sends by
// itself is one only where it changes something.
func Apply(v Version, digest string, prior *Standing, s Submission, now time.Time) (Outcome, error) {
	if err := Check(v, digest, s); err != nil {
		return Outcome{}, err
	}
	a := applying{version: v, s: s, now: now.UTC().Truncate(time.Microsecond), signal: s.Signal || s.Source == GPC}
	if prior != nil && prior.Stands(now) {
		a.prior = prior
		a.signal = a.signal || s.Source == Ledger && prior.Signal
	}
	standing := a.standing(prior)
	if a.prior != nil && !s.explicit() && same(*a.prior, standing) {
		return Outcome{Standing: *a.prior}, nil
	}
	o := Outcome{ActGiven, a.record(standing), standing}
	if a.prior != nil {
		o.Act = ActUpdated
	}
	return o, o.Record.fit()
}

// Withdraw ends what stands for a device: nothing is granted any more. The
// record is the proof that it was, and that it ended.
func Withdraw(site string, prior Standing, now time.Time) Outcome {
	o := end(site, prior, now, ActWithdrawn, Withdrawal)
	o.Standing.Expires = after(o.Standing.Updated, RefusedDays)
	return o
}

// Expire is the end of what stands for a device by time.
func Expire(site string, prior Standing, now time.Time) Outcome {
	return end(site, prior, now, ActExpired, Expiry)
}

func end(site string, prior Standing, now time.Time, act string, source Source) Outcome {
	s := prior
	s.Source, s.Updated, s.Vendors, s.Categories = source, now.UTC().Truncate(time.Microsecond), nil, map[string]Answer{}
	for key, a := range prior.Categories {
		s.Categories[key] = Answer{Version: a.Version}
	}
	r := Record{
		Site: site, Version: s.Version, Digest: s.Digest, Categories: s.Categories, Source: source, Signal: s.Signal,
		Prior: priorOf(prior), Linked: s.Linked,
	}
	if r.fit() != nil {
		r.Prior.Vendors = nil // the record that it names has them
	}
	return Outcome{act, r, s}
}

// Stands says whether anything stands: it was not withdrawn and has not
// expired.
func (s Standing) Stands(now time.Time) bool {
	return s.Source != Withdrawal && s.Source != Expiry && now.Before(s.Expires)
}

// Unpublished is what is asked by a site that has published nothing: the usual
// categories. What is chosen then has no digest.
func Unpublished(site string) Version {
	v := Version{Site: site}
	for _, key := range []string{"necessary", "functional", "statistics", "marketing"} {
		// B13: without a configuration there are no days of its own.
		v.Categories = append(v.Categories, Asked{Category: Category{Key: key, Necessary: key == "necessary"}, Days: OtherDays})
	}
	return v
}

// explicit says that the visitor chose by their own hand.
func (s Submission) explicit() bool { return s.Source == Banner || s.Source == Preferences }

// applying is one Apply.
type applying struct {
	version Version
	s       Submission
	prior   *Standing // nil unless it stands
	signal  bool
	now     time.Time
}

func (a applying) standing(former *Standing) Standing {
	n := Standing{
		Version: a.version.Number, Digest: a.s.Digest, Source: a.s.Source, Signal: a.signal,
		Categories: map[string]Answer{}, Vendors: map[string]Answer{}, Recorded: a.now, Updated: a.now,
	}
	if former != nil {
		n.ID, n.Linked = former.ID, former.Linked
	}
	if a.prior != nil {
		n.Recorded = a.prior.Recorded
	}
	for _, c := range a.version.Categories {
		answer, answered := a.category(c)
		if answered {
			n.Categories[c.Key] = answer
		}
		for _, vendor := range a.version.Vendors {
			if vendor.Category != c.Key || c.Necessary {
				continue
			}
			// One that is as its category needs no answer of its own.
			if own, said := a.vendor(c, vendor); said && (!answered || own.Granted != answer.Granted) {
				n.Vendors[vendor.Key] = own
			}
		}
	}
	if a.keeps(n) {
		n.Version, n.Digest = a.prior.Version, a.prior.Digest
	}
	a.expire(n)
	n.Expires = ends(a.version, n.Categories, n.Vendors, a.now)
	return n
}

// category gives the answer about a category, if there is one. One that is as
// it stood says already when it ends.
func (a applying) category(c Asked) (answer Answer, answered bool) {
	if c.Necessary {
		return a.says(true), true
	}
	stood, had := Answer{}, false
	if a.prior != nil {
		stood, had = a.prior.Categories[c.Key]
	}
	yes, said := a.s.Categories[c.Key]
	switch {
	case a.s.Source != GPC && (said || a.s.Source != Ledger):
		return a.heeding(c, a.says(yes), stood), true // what is not there is refused
	case had:
		return a.heeding(c, stood, stood), true
	}
	return a.says(false), c.Sale || !a.open()
}

// vendor gives the answer that is about one vendor alone.
func (a applying) vendor(c Asked, n Named) (answer Answer, said bool) {
	stood, had := Answer{}, false
	if a.prior != nil {
		stood, had = a.prior.Vendors[n.Key]
	}
	switch yes, about := a.s.Categories[c.Key]; {
	case a.s.Source == Ledger && about && !yes:
		return Answer{}, false // the category is refused, with all that is in it
	case a.s.Source == Ledger || a.s.Source == GPC:
		return a.heeding(c, stood, stood), had
	}
	yes, said := a.s.Vendors[n.Key]
	return a.heeding(c, a.says(yes), stood), said
}

// keeps says whether some yes is from before: it was given under the version of
// before, which is asked about anew when a later one is material.
func (a applying) keeps(n Standing) bool {
	before := func(answer Answer) bool { return answer.Granted && !answer.Expires.IsZero() }
	for _, answer := range n.Categories {
		if before(answer) {
			return true
		}
	}
	for _, answer := range n.Vendors {
		if before(answer) {
			return true
		}
	}
	return false
}

// heeding lets the signal refuse a yes to a sale, but for one that the visitor
// gives, or has given, in spite of it.
func (a applying) heeding(c Asked, answer, stood Answer) Answer {
	switch {
	case !answer.Granted || !c.Sale || !a.signal:
		return answer
	case a.s.explicit():
		answer.Despite = true
	case stood.Granted && stood.Despite:
		answer.Despite = true
	default:
		return a.says(false)
	}
	return answer
}

func (a applying) says(yes bool) Answer { return Answer{Granted: yes, Version: a.version.Number} }

// open says that the visitor is not asked before: what was never answered about
// stays so.
func (a applying) open() bool {
	for _, r := range a.version.Regions {
		if r.Key == a.s.Region {
			return r.Mode == OptOut
		}
	}
	return false
}

// expire sets when each new yes ends.
func (a applying) expire(n Standing) {
	for _, c := range a.version.Categories {
		var accepted []Named
		for _, vendor := range a.version.Vendors {
			if vendor.Category != c.Key {
				continue
			}
			own, said := n.Vendors[vendor.Key]
			if !said && n.Categories[c.Key].Granted {
				accepted = append(accepted, vendor)
			}
			if own.Granted && own.Expires.IsZero() {
				own.Expires = after(a.now, c.holds([]Named{vendor}))
				n.Vendors[vendor.Key] = own
			}
		}
		if answer := n.Categories[c.Key]; answer.Granted && answer.Expires.IsZero() {
			answer.Expires = after(a.now, c.holds(accepted))
			n.Categories[c.Key] = answer
		}
	}
}

func (a applying) record(n Standing) Record {
	r := Record{
		Site: a.version.Site, Version: a.version.Number, Digest: a.s.Digest, Language: a.s.Language, Region: a.s.Region, Country: a.s.Country,
		Categories: n.Categories, Vendors: n.Vendors, Source: a.s.Source, Signal: a.signal, ConsentString: a.s.ConsentString,
		Expires: n.Expires, Agent: consent.Entry{Agent: subject.Conceal(a.s.Agent)}.Trace().Agent, Linked: n.Linked,
	}
	if a.prior != nil {
		r.Prior = priorOf(*a.prior)
		if r.fit() != nil {
			r.Prior.Vendors = nil // the record that it names has them
		}
	}
	return r
}

func priorOf(s Standing) *Prior {
	p := &Prior{Sequence: s.Sequence, Version: s.Version, Categories: map[string]bool{}}
	for key, a := range s.Categories {
		p.Categories[key] = a.Granted
	}
	if len(s.Vendors) > 0 {
		p.Vendors = map[string]bool{}
	}
	for key, a := range s.Vendors {
		p.Vendors[key] = a.Granted
	}
	return p
}

// same says that a submission changes nothing.
func same(prior, n Standing) bool {
	alike := func(a, b Answer) bool { return a.Granted == b.Granted && a.Despite == b.Despite }
	return prior.Version == n.Version && prior.Digest == n.Digest && (prior.Signal || !n.Signal) &&
		maps.EqualFunc(prior.Categories, n.Categories, alike) && maps.EqualFunc(prior.Vendors, n.Vendors, alike)
}

// fit refuses a record that no leaf can commit to.
func (r Record) fit() error {
	text, err := json.Marshal(r)
	if err != nil || len(text) > audit.MaxDetails-room {
		return &consent.Invalid{Violations: []consent.Violation{{Field: "vendors", Text: "too many of them have an answer of their own: answer by category"}}}
	}
	return nil
}

// room is for what is added to a record when it is written.
const room = 256

// Check finds everything that is wrong with a submission, or gives nil. The
// version is the one that it refers to, with its digest.
func Check(v Version, digest string, s Submission) error {
	var wrong consent.Invalid
	add := func(field, text string) {
		wrong.Violations = append(wrong.Violations, consent.Violation{Field: field, Text: text})
	}
	switch s.Source {
	case Ledger: // what comes from elsewhere names no device
	case Banner, Preferences, GPC, Script:
		if !ValidDevice(s.Device) {
			add("device", "it must be 22 to 64 of A-Z a-z 0-9 - _")
		}
		if s.ID == "" {
			add("submission", "it is missing")
		}
	default:
		add("source", "it must be banner, preferences, gpc or script")
	}
	if s.Version != v.Number || s.Digest != digest {
		add("digest", notShown)
	}
	if v.Number > 0 && s.Source != Ledger {
		if !slices.Contains(v.Languages, s.Language) {
			add("language", "the version has no such language")
		}
		if !slices.ContainsFunc(v.Regions, func(r Region) bool { return r.Key == s.Region }) {
			add("region", "the version has no such region")
		}
	}
	for key := range s.Categories {
		if !slices.ContainsFunc(v.Categories, func(c Asked) bool { return c.Key == key }) {
			add("categories", "there is one that the version does not have")
			break
		}
	}
	for key := range s.Vendors {
		if !slices.ContainsFunc(v.Vendors, func(n Named) bool { return n.Key == key }) {
			add("vendors", "there is one that the version does not have")
			break
		}
	}
	if len(s.ConsentString) > MaxConsentString {
		add("consent_string", "it is longer than 4096 bytes")
	}
	if len(wrong.Violations) == 0 {
		return nil
	}
	return &wrong
}

// NotShown is what is wrong with a submission that refers to what was never
// published.
func NotShown() error {
	return &consent.Invalid{Violations: []consent.Violation{{Field: "digest", Text: notShown}}}
}

const notShown = "version and digest are not those of a version that was published: load the configuration again"

// ValidDevice says whether an id of a device has its form.
func ValidDevice(id string) bool {
	return len(id) >= MinDevice && len(id) <= MaxDevice &&
		strings.Trim(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") == ""
}
