package consent

import (
	"encoding/binary"
	"sync"
)

// shard is a part of an index: a table of rows, each an id and a slot per
// purpose side by side, so that a check touches two places in memory: one of
// places, one row.
type shard struct {
	mu     sync.RWMutex
	places []uint32   // open addressing, linear: tag in 8 bits, row+1 in 24; 0 is empty
	chunks [][]uint32 // of chunkRows rows
	rows   int        // in chunks, with the free ones
	free   []int
	width  int // slots in a row

	touched map[SubjectID]bool // while loading: newer than what is loaded
}

const (
	chunkRows = 256
	idWords   = 4
	rowBits   = 24
	rowMask   = 1<<rowBits - 1
)

func (h *shard) get(id SubjectID, place int) slot {
	if len(h.places) == 0 || place >= h.width {
		return 0
	}
	at := h.find(id)
	if h.places[at] == 0 {
		return 0
	}
	return slot(h.row(int(h.places[at]&rowMask) - 1)[idWords+place])
}

func (h *shard) set(id SubjectID, place int, s State) {
	h.widen(place + 1)
	h.grow()
	at := h.find(id)
	if h.places[at] == 0 {
		h.places[at] = tag(id) | uint32(h.add(id)+1)
	}
	h.row(int(h.places[at]&rowMask) - 1)[idWords+place] = uint32(newSlot(s))
}

func (h *shard) remove(id SubjectID) {
	if len(h.places) == 0 {
		return
	}
	at := h.find(id)
	if h.places[at] == 0 {
		return
	}
	row := int(h.places[at]&rowMask) - 1
	clear(h.row(row))
	h.free = append(h.free, row)
	h.places[at] = 0
	// Those behind may have been put off by it: they take their place anew.
	mask := len(h.places) - 1
	for next := (at + 1) & mask; h.places[next] != 0; next = (next + 1) & mask {
		p := h.places[next]
		h.places[next] = 0
		h.places[h.find(idOf(h.row(int(p&rowMask)-1)))] = p
	}
}

// find gives the place of id, or the empty one where it belongs.
func (h *shard) find(id SubjectID) int {
	mask, t := len(h.places)-1, tag(id)
	for at := int(mix(id)>>16) & mask; ; at = (at + 1) & mask {
		p := h.places[at]
		if p == 0 || p&^rowMask == t && idOf(h.row(int(p&rowMask)-1)) == id {
			return at
		}
	}
}

// add gives a row to id.
func (h *shard) add(id SubjectID) int {
	row := h.rows
	if n := len(h.free); n > 0 {
		row, h.free = h.free[n-1], h.free[:n-1]
	} else {
		if row%chunkRows == 0 {
			h.chunks = append(h.chunks, make([]uint32, chunkRows*(idWords+h.width)))
		}
		h.rows++
	}
	words := h.row(row)
	for i := range idWords {
		words[i] = binary.LittleEndian.Uint32(id[4*i:])
	}
	return row
}

func (h *shard) row(n int) []uint32 {
	size := idWords + h.width
	return h.chunks[n/chunkRows][n%chunkRows*size:][:size]
}

// grow keeps a quarter of the places empty.
func (h *shard) grow() {
	if 4*(h.rows-len(h.free)+1) <= 3*len(h.places) {
		return
	}
	old := h.places
	h.places = make([]uint32, max(16, 2*len(old)))
	for _, p := range old {
		if p != 0 {
			h.places[h.find(idOf(h.row(int(p&rowMask)-1)))] = p
		}
	}
}

// widen gives each row room for more purposes.
func (h *shard) widen(width int) {
	if width <= h.width {
		return
	}
	old, before := h.chunks, idWords+h.width
	h.width = max(width, 6)
	after := idWords + h.width
	h.chunks = make([][]uint32, len(old))
	for i, chunk := range old {
		h.chunks[i] = make([]uint32, chunkRows*after)
		for row := range chunkRows {
			copy(h.chunks[i][row*after:], chunk[row*before:][:before])
		}
	}
}

func idOf(row []uint32) (id SubjectID) {
	for i := range idWords {
		binary.LittleEndian.PutUint32(id[4*i:], row[i])
	}
	return id
}

// mix spreads the bits of an id. Ids are made here, not by who would want
// them to collide.
func mix(id SubjectID) uint64 {
	x := binary.LittleEndian.Uint64(id[8:]) ^ binary.LittleEndian.Uint64(id[:])
	x *= 0x9e3779b97f4a7c15
	return x ^ x>>32
}

func tag(id SubjectID) uint32 { return uint32(mix(id)>>56) << rowBits }
