package powertest

import (
	"io"
	"path/filepath"
	"slices"

	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/vfs"
)

type lockLevel = vfs.LockLevel

// system is a disk as SQLite sees it. It has one directory: names are told
// apart by their last part.
type system struct{ *Disk }

// handle is an open file.
type handle struct {
	disk   *Disk
	name   string
	file   *file
	shared vfs.SharedMemory // of a main database: memory is not on the disk
	gone   bool             // removed when it is closed
}

var (
	_ vfs.VFS              = system{}
	_ vfs.FileSharedMemory = (*handle)(nil)
	_ vfs.FileLockState    = (*handle)(nil)
)

// Open opens or makes a file.
func (s system) Open(path string, flags vfs.OpenFlag) (vfs.File, vfs.OpenFlag, error) {
	name := filepath.Base(path)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.off {
		return nil, flags, sqlite3.IOERR
	}
	f := s.names[name]
	if path == "" { // of its own, and nobody else's
		f = &file{}
	}
	if f == nil {
		if flags&vfs.OPEN_CREATE == 0 {
			return nil, flags, sqlite3.CANTOPEN
		}
		f = &file{}
		s.names[name] = f
	}
	return &handle{s.Disk, name, f, vfs.NewSharedMemory(path+"-shm", flags), flags&vfs.OPEN_DELETEONCLOSE != 0}, flags, nil
}

// Delete removes a file.
func (s system) Delete(path string, syncDir bool) error {
	name := filepath.Base(path)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.off {
		return sqlite3.IOERR
	}
	if s.names[name] == nil {
		return sqlite3.IOERR_DELETE_NOENT
	}
	delete(s.names, name)
	if err := s.called(false); err != nil {
		return err
	}
	if syncDir {
		delete(s.kept, name)
	}
	return nil
}

// Access says whether there is such a file. SQLite counts one without content
// as none.
func (s system) Access(path string, _ vfs.AccessFlag) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.off {
		return false, sqlite3.IOERR
	}
	f := s.names[filepath.Base(path)]
	return f != nil && len(f.now) > 0, nil
}

// FullPathname gives the path: all that come here are full.
func (s system) FullPathname(path string) (string, error) { return path, nil }

// called counts a call that changed something.
func (d *Disk) called(sync bool) error {
	d.calls++
	if d.cut > 0 && d.calls >= d.cut && (sync || !d.sync) {
		d.off = true
		return sqlite3.IOERR
	}
	return nil
}

// change changes the file, not yet for good.
func (h *handle) change(c change) error {
	h.disk.mu.Lock()
	defer h.disk.mu.Unlock()
	if h.disk.off {
		return sqlite3.IOERR
	}
	grows := c.at + int64(len(c.data)) - int64(len(h.file.now))
	if grows > 0 && h.disk.limit > 0 && h.disk.used()+grows > h.disk.limit {
		return sqlite3.FULL
	}
	h.file.now = c.to(h.file.now)
	h.file.since = append(h.file.since, c)
	return h.disk.called(false)
}

func (h *handle) WriteAt(b []byte, at int64) (int, error) {
	if err := h.change(change{at, slices.Clone(b)}); err != nil {
		return 0, err
	}
	return len(b), nil
}

func (h *handle) Truncate(size int64) error { return h.change(change{at: size}) }

// Sync makes what was written stay, and the name of a new file with it, as
// the file systems do that keep a journal.
func (h *handle) Sync(vfs.SyncFlag) error {
	h.disk.mu.Lock()
	defer h.disk.mu.Unlock()
	if h.disk.off {
		return sqlite3.IOERR
	}
	if err := h.disk.called(true); err != nil {
		return err
	}
	for _, c := range h.file.since {
		h.file.kept = c.to(h.file.kept)
	}
	h.file.since = nil
	if h.disk.names[h.name] == h.file {
		h.disk.kept[h.name] = h.file
	}
	return nil
}

func (h *handle) ReadAt(b []byte, at int64) (int, error) {
	h.disk.mu.Lock()
	defer h.disk.mu.Unlock()
	if h.disk.off {
		return 0, sqlite3.IOERR
	}
	n := 0
	if at < int64(len(h.file.now)) {
		n = copy(b, h.file.now[at:])
	}
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}

func (h *handle) Size() (int64, error) {
	h.disk.mu.Lock()
	defer h.disk.mu.Unlock()
	if h.disk.off {
		return 0, sqlite3.IOERR
	}
	return int64(len(h.file.now)), nil
}

// Close closes the file; what was not synced stays so.
func (h *handle) Close() error {
	h.disk.mu.Lock()
	defer h.disk.mu.Unlock()
	delete(h.file.locked, h)
	if h.gone {
		delete(h.disk.names, h.name)
	}
	return nil
}

// Lock follows https://sqlite.org/lockingv3.html.
func (h *handle) Lock(level lockLevel) error {
	h.disk.mu.Lock()
	defer h.disk.mu.Unlock()
	others := vfs.LOCK_NONE
	for other, l := range h.file.locked {
		if other != h {
			others = max(others, l)
		}
	}
	switch {
	case h.file.locked[h] >= level:
		return nil
	case others >= vfs.LOCK_PENDING, level >= vfs.LOCK_RESERVED && others >= vfs.LOCK_RESERVED:
		return sqlite3.BUSY
	case level == vfs.LOCK_EXCLUSIVE && others >= vfs.LOCK_SHARED:
		h.hold(vfs.LOCK_PENDING) // nobody new comes in
		return sqlite3.BUSY
	}
	h.hold(level)
	return nil
}

func (h *handle) Unlock(level lockLevel) error {
	h.disk.mu.Lock()
	defer h.disk.mu.Unlock()
	h.hold(min(level, h.file.locked[h]))
	return nil
}

func (h *handle) hold(level lockLevel) {
	if h.file.locked == nil {
		h.file.locked = map[*handle]lockLevel{}
	}
	h.file.locked[h] = level
}

func (h *handle) CheckReservedLock() (bool, error) {
	h.disk.mu.Lock()
	defer h.disk.mu.Unlock()
	for _, l := range h.file.locked {
		if l >= vfs.LOCK_RESERVED {
			return true, nil
		}
	}
	return false, nil
}

// LockState gives the level that is held.
func (h *handle) LockState() lockLevel {
	h.disk.mu.Lock()
	defer h.disk.mu.Unlock()
	return h.file.locked[h]
}

// SharedMemory is what the connections of a database have in common.
func (h *handle) SharedMemory() vfs.SharedMemory { return h.shared }

// SectorSize and DeviceCharacteristics are those that SQLite assumes on Linux:
// a write leaves the bytes beside it alone.
func (h *handle) SectorSize() int { return 4096 }

func (h *handle) DeviceCharacteristics() vfs.DeviceCharacteristic {
	return vfs.IOCAP_POWERSAFE_OVERWRITE
}
