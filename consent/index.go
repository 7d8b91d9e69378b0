package consent

import (
	"slices"
	"sync/atomic"
	"time"
)

// Index holds the states of one tenant in memory for checks: four bytes per
// purpose, and some thirty per subject. Whoever owns it changes it when a
// commit stands and before the commit is acknowledged; that is why no check
// that begins after an acknowledged withdrawal finds the grant.
type Index struct {
	view   atomic.Pointer[view]
	phase  atomic.Int32
	shards [shards]shard
}

const shards = 64

// The phases of an index.
const (
	loading = iota
	ready
	stopped
)

// view is what checks need besides the states: by purpose, also by those that
// are no more.
type view map[string]column

type column struct {
	place int        // in the rows; never taken back
	rules *Judgement // nil when the purpose is no more
}

// slot is a state: 3 bits of choice, 9 of era, 20 of hours since 1970. The
// hour is rounded down, so that a grant expires up to an hour early here.
type slot uint32

// MaxEras is how many material versions a purpose can have.
const MaxEras = 1<<9 - 1

var slotChoices = [...]Choice{"", Granted, Refused, Withdrawn, Expired}

func newSlot(s State) slot {
	choice := slices.Index(slotChoices[:], s.Choice)
	hours := min(max(s.Given.Unix()/3600, 0), 1<<20-1)
	return slot(choice)<<29 | slot(min(s.Era, MaxEras))<<20 | slot(hours)
}

func (s slot) open() (c Choice, era int, given time.Time) {
	return slotChoices[s>>29], int(s >> 20 & MaxEras), time.Unix(int64(s&(1<<20-1))*3600, 0)
}

// NewIndex makes an empty index; it answers once Ready was called.
func NewIndex(r *Rules) *Index {
	x := &Index{}
	for i := range x.shards {
		x.shards[i].old = map[SubjectID]bool{}
		x.shards[i].table.Store(newTable(1, leastWidth))
	}
	x.view.Store(&view{})
	x.Follow(r)
	return x
}

// Follow goes over to changed rules.
func (x *Index) Follow(r *Rules) {
	next, rules := view{}, r.Judgements()
	for key, c := range *x.view.Load() {
		next[key] = column{c.place, rules[key]}
	}
	for _, p := range r.Purposes {
		if _, ok := next[p.Key]; !ok {
			next[p.Key] = column{len(next), rules[p.Key]}
		}
	}
	x.view.Store(&next)
}

// Set makes s the state of a subject about a purpose.
func (x *Index) Set(id SubjectID, purpose string, s State) {
	c, ok := (*x.view.Load())[purpose]
	if !ok || id == (SubjectID{}) {
		return // a purpose that is no more; a check says no without a state
	}
	h := x.shard(id)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.set(id, c.place, newSlot(s))
}

// Load is Set for a state that was read from the database after the index was
// made: it does not overtake what was set or forgotten meanwhile.
func (x *Index) Load(id SubjectID, purpose string, s State) {
	c, ok := (*x.view.Load())[purpose]
	if !ok || id == (SubjectID{}) {
		return
	}
	h := x.shard(id)
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.old[id] && h.table.Load().get(id, c.place) == 0 {
		h.set(id, c.place, newSlot(s))
	}
}

// Forget takes a subject out.
func (x *Index) Forget(id SubjectID) {
	h := x.shard(id)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.remove(id)
	if h.old != nil {
		h.old[id] = true
	}
}

// Ready says that all states were loaded. It does not revive a stopped index.
func (x *Index) Ready() {
	x.phase.CompareAndSwap(loading, ready)
	for i := range x.shards {
		h := &x.shards[i]
		h.mu.Lock()
		h.old = nil
		h.mu.Unlock()
	}
}

// Decide answers a check; ok is false as long as the index is not ready.
func (x *Index) Decide(id SubjectID, purpose string, now time.Time) (d Decision, ok bool) {
	if x.phase.Load() != ready {
		return Decision{}, false
	}
	in := (*x.view.Load())[purpose]
	if in.rules == nil {
		return Decision{Reason: UnknownPurpose}, true
	}
	c, era, given := x.shard(id).get(id, in.place).open()
	return in.rules.Decide(c, era, given, now), true
}

func (x *Index) shard(id SubjectID) *shard { return &x.shards[id[15]%shards] }

// IsReady says whether the index answers.
func (x *Index) IsReady() bool { return x.phase.Load() == ready }

// Stop ends the index: it answers no more.
func (x *Index) Stop() { x.phase.Store(stopped) }
