package site

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"strconv"
	"time"

	"volenti.dev/volenti/consent"
)

// Axis is what choices are counted by.
type Axis string

// The axes.
const (
	ByDay      Axis = "day" // in UTC, like 2026-11-26
	ByLanguage Axis = "language"
	ByCountry  Axis = "country"
	ByVersion  Axis = "version"
	BySource   Axis = "source"
)

// Changes is what a consent changes about those that stand, by category: how many
// more allow it. "" is for consents as such. before and after are the records by
// which it stood and stands; nil for nothing.
func Changes(before, after *Record) map[string]int64 {
	changes := map[string]int64{}
	add := func(r *Record, n int64) {
		if r == nil {
			return
		}
		changes[""] += n
		for category, a := range r.Categories {
			if a.Granted {
				changes[category] += n
			}
		}
	}
	add(before, -1)
	add(after, 1)
	return changes
}

// Recorded lists the acts after which another thing stands than before.
func Recorded() []string {
	return []string{ActErased, ActExpired, ActGiven, ActUpdated, ActWithdrawn}
}

// Stays says whether something stands after an act, and be it a refusal.
func Stays(act string) bool { return act == ActGiven || act == ActUpdated }

// Chooses says whether a record is a choice of somebody, and no end that came
// by itself.
func Chooses(act string) bool { return Stays(act) || act == ActWithdrawn }

// On gives where a choice lies on the axes other than that of the day.
func (r Record) On() map[Axis]string {
	return map[Axis]string{ByLanguage: r.Language, ByCountry: r.Country, ByVersion: strconv.Itoa(r.Version), BySource: string(r.Source)}
}

// Count is how many choices, or consents, there are, and what they say.
type Count struct {
	N          int64
	Categories map[string]Split
}

// Split is how many say something about a category, and how many of these
// allow it.
type Split struct{ N, Granted int64 }

// Add adds n to the count, or to what it says about a category.
func (c *Count) Add(category string, n Split) {
	if category == "" {
		c.N += n.N
		return
	}
	if c.Categories == nil {
		c.Categories = map[string]Split{}
	}
	s := c.Categories[category]
	c.Categories[category] = Split{s.N + n.N, s.Granted + n.Granted}
}

// Counts are the counters of a site.
type Counts struct {
	// Through is the number of the last record in the log that is counted; -1 for
	// none.
	Through int64
	// Behind is for how long the next record has waited to be counted; 0 when
	// there is none.
	Behind   time.Duration
	Standing Count            // consents that stand now
	Parts    map[string]Count // choices of a period, by the value on an axis
}

// Figure is a count as it is told. What is null could tell of single persons.
type Figure struct {
	Total      *int64  `json:"total" doc:"null when there are one to nine"`
	Categories []Share `json:"categories" nullable:"false"`
}

// Share is how many allow a category.
type Share struct {
	Category string   `json:"category"`
	Granted  *int64   `json:"granted" doc:"null, with the others, when this or refused is one to nine, or would lead to such a number"`
	Refused  *int64   `json:"refused"`
	Rate     *float64 `json:"rate" doc:"Percent that allow it, with one decimal; 0 where nobody was asked"`
}

// Group is a part of a figure: a day, a language, a country, a version or a
// source; "" for unknown.
type Group struct {
	Value string `json:"value"`
	Figure
}

// Tell gives a figure and its parts such that no number from one to nine is
// told, nor left over when what is told is subtracted from a total:
//
//  1. Parts of fewer than ten are told together, as others. Where those are one
//     part only, or fewer than ten, the smallest part that is left joins them.
//  2. Of a category in a figure or part, granted and refused are told both or
//     not, and not when one of them is one to nine.
//  3. What is not told of a category in the parts is never a single part, nor
//     one to nine in sum: else the smallest part that is left is not told.
//
// This is about one answer. Whoever has those of two periods can subtract them.
func Tell(parts map[string]Count, axis Axis) (figure Figure, groups []Group, others *Figure) {
	var total Count
	for _, p := range parts {
		total.add(p)
	}
	told := inOrder(parts)
	pool, pooled := portion{}, 0
	for len(told) > 0 && (few(told[0].N) || pooled == 1 || pooled > 1 && few(pool.N)) {
		pool.add(told[0].Count)
		told, pooled = told[1:], pooled+1
	}
	all := slices.Clone(told)
	if pooled > 0 && !few(pool.N) {
		all = append(all, &pool)
		slices.SortStableFunc(all, bySize)
	}
	whole := &portion{Count: total, hidden: map[string]bool{}}
	for _, p := range append(all, whole) {
		p.hidden = map[string]bool{}
		for category := range total.Categories {
			p.hidden[category] = few(p.N) || p.Categories[category].few()
		}
	}
	for category := range total.Categories {
		if !whole.hidden[category] {
			complete(all, category)
		}
	}
	keys := slices.Sorted(maps.Keys(total.Categories))
	slices.SortFunc(told, func(a, b *portion) int { return byValue(a.value, b.value, axis) })
	for _, p := range told {
		groups = append(groups, Group{p.value, p.figure(keys)})
	}
	if pooled > 0 && !few(pool.N) {
		f := pool.figure(keys)
		others = &f
	}
	return whole.figure(keys), groups, others
}

// part is a count on its way to be told.
type portion struct {
	Count
	value  string
	hidden map[string]bool // by category
}

// complete hides parts until what is hidden of a category is no single part,
// and no small number in sum. The parts are in their order by size.
func complete(parts []*portion, category string) {
	var sum Split
	hidden := 0
	for _, p := range parts {
		if p.hidden[category] {
			sum, hidden = sum.plus(p.Categories[category]), hidden+1
		}
	}
	for _, p := range parts {
		if hidden == 0 || hidden > 1 && !sum.few() {
			return
		}
		if !p.hidden[category] {
			p.hidden[category] = true
			sum, hidden = sum.plus(p.Categories[category]), hidden+1
		}
	}
}

// few says of a number that it could tell of single persons. Nobody is none.
func few(n int64) bool { return n > 0 && n < consent.SmallCell }

func (s Split) few() bool { return few(s.Granted) || few(s.N-s.Granted) }

func (s Split) plus(t Split) Split { return Split{s.N + t.N, s.Granted + t.Granted} }

func (c *Count) add(d Count) {
	c.N += d.N
	for category, s := range d.Categories {
		c.Add(category, s)
	}
}

func (p *portion) figure(keys []string) Figure {
	f := Figure{Categories: []Share{}}
	if !few(p.N) {
		f.Total = &p.N
	}
	for _, key := range keys {
		share := Share{Category: key}
		if s := p.Categories[key]; !p.hidden[key] {
			refused, rate := s.N-s.Granted, s.rate()
			share.Granted, share.Refused, share.Rate = &s.Granted, &refused, &rate
		}
		f.Categories = append(f.Categories, share)
	}
	return f
}

// rate is in percent, with one decimal.
func (s Split) rate() float64 {
	if s.N == 0 {
		return 0
	}
	return math.Round(1000*float64(s.Granted)/float64(s.N)) / 10
}

func inOrder(parts map[string]Count) []*portion {
	var all []*portion
	for value, c := range parts {
		all = append(all, &portion{Count: c, value: value})
	}
	slices.SortFunc(all, bySize)
	return all
}

func bySize(a, b *portion) int {
	return cmp.Or(cmp.Compare(a.N, b.N), cmp.Compare(a.value, b.value))
}

func byValue(a, b string, axis Axis) int {
	if axis == ByVersion {
		return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b)) // as numbers
	}
	return cmp.Compare(a, b)
}
