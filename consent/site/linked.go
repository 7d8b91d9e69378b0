package site

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"volenti.dev/volenti/consent"
	"volenti.dev/volenti/consent/notice"
)

// Linked is a device of a person, and what stands for it.
type Linked struct {
	Standing
	Site  string  // id
	Key   string  // of the site
	Asked Version // that the device has answered last
	// Own is the sequence of the last record that is the device's own: none of
	// source Ledger.
	Own int64
	// Since is the sequence of the act that linked it.
	Since int64
	// Heard is the sequence of its last own record that the ledger has followed.
	Heard int64
}

// Said is what a person said last about a purpose, elsewhere than in a banner.
type Said struct {
	Sequence int64
	Granted  bool
}

// Words are what the devices of a person say of the purposes of the ledger: the
// entries of that person, by purpose in order.
//
//   - A device speaks of the purposes of the categories that it was asked, as
//     long as its answer holds, and unless the person said something of them
//     elsewhere since.
//   - A yes needs all who speak: where devices disagree, the no wins.
//   - A no that stands becomes a yes only by a later, explicit choice on a device
//     that was linked by then, and when the ledger hears it first: one that was
//     outvoted does not come into force when the no of another device ends. What
//     was agreed to earlier, and what came with a signal, fills a gap at most
//     (Promise 4).
//   - What has ended by time becomes a yes only by an explicit choice that the
//     ledger has not heard, be it of a device that is linked later.
//
// There is no entry about a purpose of which nobody speaks. Ends tells when the
// last yes ends of those that a yes rests on.
func Words(person consent.SubjectID, devices []Linked, said map[string]Said, states map[string]consent.State, now time.Time) (entries []consent.Entry, ends map[string]time.Time) {
	decides := map[string]*word{}
	for i := range devices {
		d := &devices[i]
		for purpose, a := range d.says(now) {
			if last, ok := said[purpose]; ok && last.Sequence > d.Own {
				continue
			}
			w := &word{device: d, yes: a.yes, ends: a.ends, chosen: d.chosen(), overrides: d.chosen() && d.Own > max(d.Since, states[purpose].Sequence)}
			decides[purpose] = w.beside(decides[purpose])
		}
	}
	ends = map[string]time.Time{}
	for purpose, w := range decides {
		if w.yes && !w.turns(states[purpose].Choice) {
			continue
		}
		entries = append(entries, w.entry(person, purpose))
		if w.yes {
			ends[purpose] = w.ends
		}
	}
	slices.SortFunc(entries, func(a, b consent.Entry) int { return cmp.Compare(a.Purpose, b.Purpose) })
	return entries, ends
}

// word is what a device says of a purpose. What is said of it holds also where
// it is true of another that says the same.
type word struct {
	device    *Linked
	yes       bool
	ends      time.Time
	chosen    bool
	overrides bool // it may turn a no that stands
}

// turns says that a yes may follow what stands.
func (w *word) turns(stands consent.Choice) bool {
	switch stands {
	case consent.Refused, consent.Withdrawn:
		return w.overrides
	case consent.Expired:
		return w.chosen
	}
	return true
}

// beside gives the word that counts of two: a no before a yes, then the later.
func (w *word) beside(other *word) *word {
	switch {
	case other == nil:
		return w
	case w.yes != other.yes:
		if other.yes {
			return w
		}
		return other
	}
	if other.device.Own > w.device.Own {
		w, other = other, w
	}
	w.chosen, w.overrides = w.chosen || other.chosen, w.overrides || other.overrides
	if other.ends.After(w.ends) {
		w.ends = other.ends
	}
	return w
}

func (w *word) entry(person consent.SubjectID, purpose string) consent.Entry {
	e := consent.Entry{
		Subject: person, Purpose: purpose, Granted: w.yes, Source: consent.CookieBanner,
		Shown: &consent.Shown{
			Version: notice.OfSite(w.device.Key, w.device.Version), Digest: w.device.Digest, Published: w.device.Asked.Published,
		},
	}
	if w.device.Source == GPC && !w.yes {
		e.Source = consent.GPC
	}
	return e
}

// chosen says that the last record is a choice which the person made here, and
// that the ledger has not heard it.
func (d *Linked) chosen() bool {
	return (d.Source == Banner || d.Source == Preferences) && d.Own > d.Heard
}

// claim is what a device says of a purpose by itself.
type claim struct {
	yes  bool
	ends time.Time // of a yes
}

// says gives what the device says by itself, by purpose. A purpose of several
// categories is agreed to where all of them are, until the first of them ends.
// A yes that has ended is no word, and no no either.
func (d *Linked) says(now time.Time) map[string]claim {
	says := map[string]claim{}
	if !now.Before(d.Expires) {
		return says
	}
	for _, c := range d.Asked.Categories {
		a := d.Categories[c.Key]
		if c.Necessary || a.Elsewhere {
			continue
		}
		for _, p := range c.Purposes {
			s, known := says[p]
			if !known {
				s = claim{true, d.Expires}
			}
			if s.yes = s.yes && a.Granted && a.Version >= c.Since; a.Expires.Before(s.ends) {
				s.ends = a.Expires
			}
			says[p] = s
		}
	}
	maps.DeleteFunc(says, func(_ string, s claim) bool { return s.yes && !now.Before(s.ends) })
	return says
}

// Reflect gives what the categories of a device become by what its person said
// elsewhere since the device has answered; changed is false where nothing does.
// A no to one of its purposes refuses a category. A yes grants it when all of
// them stand granted; but not where the browser asks not to sell or share, and
// the category does. What the device answered later stays.
func (d *Linked) Reflect(said map[string]Said, states map[string]consent.State, now time.Time) (categories map[string]bool, changed bool) {
	categories = map[string]bool{}
	if !now.Before(d.Expires) {
		return nil, false // the visitor is asked anew
	}
	for _, c := range d.Asked.Categories {
		stands := d.Categories[c.Key].Granted
		becomes := stands
		if !c.Necessary && len(c.Purposes) > 0 {
			no, yes, all := false, false, !(d.Signal && c.Sale)
			for _, p := range c.Purposes {
				last, ok := said[p]
				later := ok && last.Sequence > d.Own
				no = no || later && !last.Granted
				yes = yes || later && last.Granted
				all = all && states[p].Choice == consent.Granted
			}
			becomes = (stands || yes && all) && !no
		}
		categories[c.Key] = becomes
		changed = changed || becomes != stands
	}
	return categories, changed
}

// Become tells what becomes of the device when its categories become others by
// what its person said elsewhere.
func (d *Linked) Become(categories map[string]bool, now time.Time) (Outcome, error) {
	s := Submission{Version: d.Version, Digest: d.Digest, Source: Ledger, Categories: map[string]bool{}}
	for key, yes := range categories {
		if yes != d.Categories[key].Granted {
			s.Categories[key] = yes
		}
	}
	o, err := Apply(d.Asked, d.Digest, &d.Standing, s, now)
	for key := range s.Categories {
		if a, ok := o.Standing.Categories[key]; ok && o.Act != "" {
			a.Elsewhere = true
			o.Standing.Categories[key] = a // and of the record, whose map it is
		}
	}
	return o, err
}
