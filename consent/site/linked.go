package site

import (
	"cmp"
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
//     that was linked by then. What was agreed to earlier, and what came with a
//     signal, fills a gap at most (Promise 4).
//
// There is no entry about a purpose of which nobody speaks.
func Words(person consent.SubjectID, devices []Linked, said map[string]Said, states map[string]consent.State, now time.Time) (entries []consent.Entry) {
	decides := map[string]*word{}
	for i := range devices {
		for purpose, yes := range devices[i].says(now) {
			if last, ok := said[purpose]; ok && last.Sequence > devices[i].Own {
				continue
			}
			w := &word{device: &devices[i], yes: yes, overrides: devices[i].explicit() && devices[i].Own > states[purpose].Sequence}
			decides[purpose] = w.beside(decides[purpose])
		}
	}
	for purpose, w := range decides {
		c := states[purpose].Choice
		if no := c == consent.Refused || c == consent.Withdrawn; no && w.yes && !w.overrides {
			continue
		}
		entries = append(entries, w.entry(person, purpose))
	}
	slices.SortFunc(entries, func(a, b consent.Entry) int { return cmp.Compare(a.Purpose, b.Purpose) })
	return entries
}

// word is what a device says of a purpose.
type word struct {
	device    *Linked
	yes       bool
	overrides bool // it, or another that says the same, may turn a no that stands
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
	w.overrides = w.overrides || other.overrides
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

// explicit says that the last record is a choice that the person made here,
// after the device was linked.
func (d *Linked) explicit() bool {
	return (d.Source == Banner || d.Source == Preferences) && d.Own > d.Since
}

// says gives what the device says by itself, by purpose. A purpose of several
// categories is agreed to where all of them are.
func (d *Linked) says(now time.Time) map[string]bool {
	says := map[string]bool{}
	if !now.Before(d.Expires) {
		return says
	}
	for _, c := range d.Asked.Categories {
		a := d.Categories[c.Key]
		if c.Necessary || a.Elsewhere {
			continue
		}
		yes := a.Granted && a.Version >= c.Since && now.Before(a.Expires)
		for _, p := range c.Purposes {
			before, known := says[p]
			says[p] = yes && (before || !known)
		}
	}
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

// Become gives what stands for the device, and the record of it, when its
// categories become others by what its person said elsewhere. Vendors that were
// allowed one by one are not where their category is refused now.
func (d *Linked) Become(categories map[string]bool, now time.Time) (Record, Standing) {
	s := d.Standing
	s.Categories, s.Vendors = map[string]Answer{}, map[string]Answer{}
	s.Source, s.Updated = Ledger, now
	r := Record{
		Site: d.Site, Version: d.Version, Digest: d.Digest, Source: Ledger, Signal: d.Signal, Linked: true,
		Prior: &Prior{Sequence: d.Sequence, Version: d.Version, Categories: granted(d.Categories), Vendors: granted(d.Vendors)},
	}
	fell := map[string]bool{}
	for _, c := range d.Asked.Categories {
		a, yes := d.Categories[c.Key], categories[c.Key]
		if a.Granted != yes {
			fell[c.Key] = !yes
			a = Answer{Granted: yes, Version: d.Version, Elsewhere: true}
			if yes {
				a.Expires = now.AddDate(0, 0, d.days(c))
			}
		}
		s.Categories[c.Key] = a
	}
	for _, v := range d.Asked.Vendors {
		if a, ok := d.Vendors[v.Key]; ok && !(a.Granted && fell[v.Category]) {
			s.Vendors[v.Key] = a
		}
	}
	s.Expires = time.Time{}
	for _, a := range s.Categories {
		if a.Granted && (s.Expires.IsZero() || a.Expires.Before(s.Expires)) {
			s.Expires = a.Expires
		}
	}
	if s.Expires.IsZero() {
		s.Expires = now.AddDate(0, 0, noneDays)
	}
	r.Categories, r.Vendors, r.Expires = s.Categories, s.Vendors, s.Expires
	return r, s
}

// noneDays is how long an answer holds that agrees to nothing (B13).
const noneDays = 365

// days is how long a yes to a category holds: it and its vendors that are not
// refused, whichever is the shortest.
func (d *Linked) days(c Asked) int {
	days := c.Days
	for _, v := range d.Asked.Vendors {
		if a, ok := d.Vendors[v.Key]; v.Category == c.Key && v.RetentionDays > 0 && (!ok || a.Granted) {
			days = min(days, v.RetentionDays)
		}
	}
	return days
}

func granted(answers map[string]Answer) map[string]bool {
	all := map[string]bool{}
	for key, a := range answers {
		all[key] = a.Granted
	}
	return all
}
