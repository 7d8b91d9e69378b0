package consent

import (
	"encoding/binary"
	"errors"
	"sync/atomic"
)

// Parts is in how many parts an index gives its rows.
const Parts = shards

// A row of a snapshot is an id and a slot for each purpose.
const (
	idSize   = len(SubjectID{})
	slotSize = 4
)

var errSnapshot = errors.New("the rows are not those of an index")

// Purposes are those that the rows of a snapshot have slots for, in this order.
func (x *Index) Purposes() []string {
	v := *x.view.Load()
	all := make([]string, len(v))
	for key, c := range v {
		all[c.place] = key
	}
	return all
}

// Part appends the rows of part n to b, with this many purposes. The parts
// are not of one moment: whatever was set or forgotten since the first was
// taken may be in them or not.
func (x *Index) Part(n, purposes int, b []byte) []byte {
	h := &x.shards[n]
	h.mu.Lock()
	defer h.mu.Unlock()
	t := h.table.Load()
	t.each(func(bucket []atomic.Uint64, row int) {
		id := idAt(bucket, row)
		b = append(b, id[:]...)
		for place := range purposes {
			s := slot(0)
			if place < t.width {
				s = t.slot(bucket, row, place)
			}
			b = binary.LittleEndian.AppendUint32(b, uint32(s))
		}
	})
	return b
}

// Outdate says that snapshots do not know the latest about a subject. Call it
// before Restore.
func (x *Index) Outdate(id SubjectID) {
	h := x.shard(id)
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.old != nil && !h.old[id] {
		h.old[id] = false
	}
}

// Restore takes the rows that Part gave, while the index is loaded. Like Load
// it does not overtake what was set or forgotten meanwhile; it passes over who
// is outdated.
func (x *Index) Restore(n, purposes int, rows []byte) error {
	size := idSize + purposes*slotSize
	if len(rows)%size != 0 {
		return errSnapshot
	}
	h := &x.shards[n]
	h.mu.Lock()
	defer h.mu.Unlock()
	h.room(len(rows)/size, purposes)
	t := h.table.Load()
	h.turn.Add(1)
	defer h.turn.Add(1)
	for ; len(rows) > 0; rows = rows[size:] {
		id := SubjectID(rows)
		if id == (SubjectID{}) || x.shard(id) != h {
			return errSnapshot
		}
		if _, old := h.old[id]; old {
			continue
		}
		bucket, row := t.find(id)
		if bucket == nil {
			bucket, row = t.add(id)
		}
		for place := range purposes {
			s := slot(binary.LittleEndian.Uint32(rows[idSize+place*slotSize:]))
			if s>>29 >= slot(len(slotChoices)) {
				return errSnapshot
			}
			if s != 0 && t.slot(bucket, row, place) == 0 {
				t.put(bucket, row, place, s)
			}
		}
	}
	return nil
}
