package consent

import (
	"encoding/binary"
	"math/bits"
	"sync"
	"sync/atomic"
)

// shard is a part of an index. One writer at a time changes it. Readers take
// no lock: the turn tells them when something was changed under them.
type shard struct {
	turn  atomic.Uint64 // odd while words change
	table atomic.Pointer[table]

	mu sync.Mutex // writers
	// old has those of whom a snapshot does not know the latest, while the
	// index is loaded. True: they were forgotten, and what the database said
	// of them is old too.
	old map[SubjectID]bool

	_ [64]byte // keeps the writers of one shard off the cache line of the next
}

// table holds rows in buckets of three, so that a check looks at one place in
// memory: with six purposes, two cache lines side by side. A bucket is
//
//	1 word       how many rows passed it by, because it was full
//	3 * 2 words  ids; zero is no row
//	3 * width    slots, two in a word
//
// A row stands in the bucket that its id is hashed to, or in the first one
// behind it that had room. Rows do not move but into another table.
type table struct {
	words   []atomic.Uint64
	buckets uint64
	size    uint64 // words of a bucket
	width   int    // slots of a row
	rows    int    // for writers
}

const (
	bucketRows = 3
	firstID    = 1
	firstSlots = firstID + 2*bucketRows
	leastWidth = 6
	tries      = 8 // of a reader, before it waits for the writer
)

func newTable(buckets uint64, width int) *table {
	size := uint64(firstSlots + (bucketRows*width+1)/2)
	return &table{words: make([]atomic.Uint64, buckets*size), buckets: buckets, size: size, width: width}
}

// get may be called by anyone at any time.
func (h *shard) get(id SubjectID, place int) slot {
	for range tries {
		before := h.turn.Load()
		s := h.table.Load().get(id, place)
		if before%2 == 0 && h.turn.Load() == before {
			return s
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.table.Load().get(id, place)
}

// set stores a slot, over what is there.
func (h *shard) set(id SubjectID, place int, s slot) {
	h.room(1, place+1)
	t := h.table.Load()
	h.turn.Add(1)
	defer h.turn.Add(1)
	bucket, row := t.find(id)
	if bucket == nil {
		bucket, row = t.add(id)
	}
	t.put(bucket, row, place, s)
}

// remove takes a row out.
func (h *shard) remove(id SubjectID) {
	t := h.table.Load()
	h.turn.Add(1)
	defer h.turn.Add(1)
	t.remove(id)
}

// room makes room for more rows, and for more slots in each. Readers go on in
// the old table meanwhile.
func (h *shard) room(rows, width int) {
	old := h.table.Load()
	rows += old.rows
	buckets := old.buckets
	if 8*rows > 7*bucketRows*int(buckets) {
		buckets = max(buckets*6/5, uint64(rows)*8/(7*bucketRows)) + 1
	}
	if buckets == old.buckets && width <= old.width {
		return
	}
	next := newTable(buckets, max(width, old.width))
	old.each(func(bucket []atomic.Uint64, row int) {
		b, r := next.add(idAt(bucket, row))
		for place := range old.width {
			next.put(b, r, place, old.slot(bucket, row, place))
		}
	})
	h.table.Store(next)
}

// get looks at all rows of a bucket: which one it is cannot be foreseen, and a
// wrong guess of the processor costs more than the others' words.
func (t *table) get(id SubjectID, place int) slot {
	if place >= t.width {
		return 0
	}
	const found = 1 << 32
	a, b := idWords(id)
	at := t.home(a, b)
	for range t.buckets { // see find
		bucket, got := t.bucket(at), uint64(0)
		for row := range bucketRows {
			differ := bucket[firstID+2*row].Load() ^ a | bucket[firstID+2*row+1].Load() ^ b
			same := (differ|-differ)>>63 - 1 // all bits, or none
			got |= (found | uint64(t.slot(bucket, row, place))) & same
		}
		if got != 0 || bucket[0].Load() == 0 {
			return slot(got)
		}
		at = t.after(at)
	}
	return 0
}

// find gives the bucket and the row of id, or nil. To who reads while it is
// changed, a table may look as if it had no end.
func (t *table) find(id SubjectID) (bucket []atomic.Uint64, row int) {
	a, b := idWords(id)
	at := t.home(a, b)
	for range t.buckets {
		bucket = t.bucket(at)
		for row := range bucketRows {
			if bucket[firstID+2*row+1].Load() == b && bucket[firstID+2*row].Load() == a {
				return bucket, row
			}
		}
		if bucket[0].Load() == 0 {
			break
		}
		at = t.after(at)
	}
	return nil, 0
}

// add gives a row to id, which has none.
func (t *table) add(id SubjectID) (bucket []atomic.Uint64, row int) {
	t.rows++
	a, b := idWords(id)
	for at := t.home(a, b); ; at = t.after(at) {
		bucket = t.bucket(at)
		for row := range bucketRows {
			if idAt(bucket, row) == (SubjectID{}) {
				bucket[firstID+2*row].Store(a)
				bucket[firstID+2*row+1].Store(b)
				return bucket, row
			}
		}
		bucket[0].Add(1)
	}
}

func (t *table) remove(id SubjectID) {
	bucket, row := t.find(id)
	if bucket == nil {
		return
	}
	t.rows--
	for place := range t.width {
		t.put(bucket, row, place, 0)
	}
	bucket[firstID+2*row].Store(0)
	bucket[firstID+2*row+1].Store(0)
	for at := t.home(idWords(id)); &t.bucket(at)[0] != &bucket[0]; at = t.after(at) {
		t.bucket(at)[0].Add(^uint64(0)) // one less
	}
}

// each calls fn with every row.
func (t *table) each(fn func(bucket []atomic.Uint64, row int)) {
	for at := range t.buckets {
		bucket := t.bucket(at)
		for row := range bucketRows {
			if idAt(bucket, row) != (SubjectID{}) {
				fn(bucket, row)
			}
		}
	}
}

// home is in the order of the hashes, so that a table is filled from another
// one from its beginning to its end.
func (t *table) home(a, b uint64) uint64 {
	at, _ := bits.Mul64((a^b)*0x9e3779b97f4a7c15, t.buckets)
	return at
}

func (t *table) after(at uint64) uint64 {
	if at++; at == t.buckets {
		return 0
	}
	return at
}

func (t *table) bucket(at uint64) []atomic.Uint64 { return t.words[at*t.size:][:t.size:t.size] }

func (t *table) slot(bucket []atomic.Uint64, row, place int) slot {
	n := uint(row*t.width + place)
	return slot(bucket[firstSlots+n/2].Load() >> (n % 2 * 32))
}

func (t *table) put(bucket []atomic.Uint64, row, place int, s slot) {
	n := uint(row*t.width + place)
	word, shift := &bucket[firstSlots+n/2], n%2*32
	word.Store(word.Load()&^(0xffffffff<<shift) | uint64(s)<<shift)
}

func idAt(bucket []atomic.Uint64, row int) (id SubjectID) {
	binary.LittleEndian.PutUint64(id[:], bucket[firstID+2*row].Load())
	binary.LittleEndian.PutUint64(id[8:], bucket[firstID+2*row+1].Load())
	return id
}

// idWords splits an id. Ids are made here, not by who would want them to
// collide.
func idWords(id SubjectID) (a, b uint64) {
	return binary.LittleEndian.Uint64(id[:]), binary.LittleEndian.Uint64(id[8:])
}
