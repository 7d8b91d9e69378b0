// Package powertest loses the power under a SQLite database. A Disk lives in
// memory and tells apart what was synced from what was only written. When the
// power goes, what was synced stays; of the rest an arbitrary part does:
// writes get lost, pass each other, tear at the borders of sectors, and where
// a file had grown there may be rubbish.
//
//	Disk -> CutAfter(n) -> Connect, work ... every call fails -> Survivor
//	   ^                                                            |
//	   +---------------------- open it again <----------------------+
//
// SQLite reaches the disk through a VFS of github.com/ncruces/go-sqlite3, for
// the shipped driver takes none. What a test proves with it is that the
// store's own statements, settings and groups lose nothing on such a disk. It
// does not prove the shipped driver, which calls the real one: that one is
// trusted to pass each sync on to the operating system.
package powertest

import (
	"math/rand/v2"
	"slices"
	"sync"
)

// sector is the unit that a disk writes whole or not at all, in bytes. It is
// the smallest that disks have.
const sector = 512

// Disk is a simulated disk. Its methods may be called concurrently.
type Disk struct {
	mu    sync.Mutex
	names map[string]*file // the directory as programs see it
	kept  map[string]*file // and as it is when the power goes
	calls int              // that changed something
	cut   int              // the call that the power goes with; 0 for none
	sync  bool             // or with the first sync from there on
	off   bool
	limit int64 // of all files together; 0 for none
}

// file is what a name leads to.
type file struct {
	now    []byte   // as programs see it
	kept   []byte   // as it was synced
	since  []change // from kept to now
	locked map[*handle]lockLevel
}

// change is a write, or without data a truncation to its place.
type change struct {
	at   int64
	data []byte
}

// New gives an empty disk.
func New() *Disk { return &Disk{names: map[string]*file{}, kept: map[string]*file{}} }

// CutAfter lets the power go with the n-th write, sync, truncation or removal
// from now on: this call and all after it fail.
func (d *Disk) CutAfter(n int) { d.cutAfter(n, false) }

// CutSyncAfter is CutAfter, but waits for a sync: the moment in which a commit
// is whole and nobody knows.
func (d *Disk) CutSyncAfter(n int) { d.cutAfter(n, true) }

func (d *Disk) cutAfter(n int, sync bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.cut, d.sync = d.calls+n, sync
}

// Off says that the power is gone.
func (d *Disk) Off() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.off
}

// Limit leaves room for n more bytes; a negative n lifts the limit.
func (d *Disk) Limit(n int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.limit = 0
	if n >= 0 {
		d.limit = max(d.used()+n, 1)
	}
}

// used is the size of all files.
func (d *Disk) used() (n int64) {
	for _, f := range d.names {
		n += int64(len(f.now))
	}
	return n
}

// Survivor gives the disk as somebody may find it who switches it on again.
// The draw decides what becomes of that which was not synced.
func (d *Disk) Survivor(draw *rand.Rand) *Disk {
	d.mu.Lock()
	defer d.mu.Unlock()
	var names []string
	for name := range d.names {
		names = append(names, name)
	}
	for name := range d.kept {
		names = append(names, name)
	}
	slices.Sort(names) // the same draw gives the same disk
	next := New()
	for _, name := range slices.Compact(names) {
		f := d.names[name]
		if d.kept[name] != f && draw.IntN(2) == 0 { // made or removed, and the directory not synced
			f = d.kept[name]
		}
		if f != nil {
			content := f.survive(draw)
			same := &file{now: content, kept: slices.Clone(content)}
			next.names[name], next.kept[name] = same, same
		}
	}
	return next
}

// survive draws the content that a file is found with.
func (f *file) survive(draw *rand.Rand) []byte {
	b := slices.Clone(f.kept)
	// Of all fates that nothing and that everything came through are the ones
	// that would be drawn most seldom, and lie at the edges.
	chance := []float64{0, 1, draw.Float64(), draw.Float64()}[draw.IntN(4)]
	fill := func([]byte) {}
	if draw.IntN(2) == 0 {
		fill = func(b []byte) {
			for i := range b {
				b[i] = byte(draw.Uint32())
			}
		}
	}
	if n := len(f.since); n > 0 && draw.IntN(4) == 0 { // it has grown, and nothing was written there yet
		c := f.since[draw.IntN(n)]
		b = grow(b, c.at+int64(len(c.data)), fill)
	}
	for _, c := range f.since {
		if c.data == nil {
			if draw.Float64() < chance {
				b = resize(b, c.at)
			}
			continue
		}
		torn, whole := draw.IntN(2) == 0, draw.Float64() < chance
		for from := c.at; from < c.at+int64(len(c.data)); {
			to := min((from/sector+1)*sector, c.at+int64(len(c.data)))
			if whole || torn && draw.Float64() < chance {
				b = grow(b, to, fill)
				copy(b[from:to], c.data[from-c.at:])
			}
			from = to
		}
	}
	return b
}

// grow makes b at least size long. What it had no content for was never
// written.
func grow(b []byte, size int64, fill func([]byte)) []byte {
	if old := int64(len(b)); old < size {
		b = resize(b, size)
		fill(b[old:])
	}
	return b
}

func resize(b []byte, size int64) []byte {
	if size <= int64(len(b)) {
		return b[:size]
	}
	old := len(b)
	b = slices.Grow(b, int(size)-old)[:size]
	clear(b[old:])
	return b
}

// to applies the change.
func (c change) to(b []byte) []byte {
	if c.data == nil {
		return resize(b, c.at)
	}
	b = resize(b, max(int64(len(b)), c.at+int64(len(c.data))))
	copy(b[c.at:], c.data)
	return b
}
