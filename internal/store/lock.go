package store

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

// fileLock keeps an embedded database to one process. The operating system gives
// it back when the process ends, however it ends.
type fileLock struct{ file *os.File }

// acquire takes the lock, or fails with ErrInUse and who holds it.
func acquire(path string) (*fileLock, error) {
	file, err := openLocked(path)
	if err != nil {
		return nil, err
	}
	host, _ := os.Hostname()
	holder := fmt.Sprintf("process %d on %s\n", os.Getpid(), host)
	if _, err := file.WriteAt([]byte(holder), 0); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	if err := file.Truncate(int64(len(holder))); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return &fileLock{file}, nil
}

// Close is release.
func (l *fileLock) Close() error { return l.release() }

// release leaves the file where it is: removing it could take the name from
// under another process that waits to lock it.
func (l *fileLock) release() error { return l.file.Close() }

func inUse(path string) error {
	holder := "another process"
	if f, err := os.Open(path); err == nil {
		defer func() { _ = f.Close() }()
		if text, err := io.ReadAll(io.LimitReader(f, 300)); err == nil && len(text) > 0 {
			holder = strings.TrimSpace(string(text))
		}
	}
	return fmt.Errorf("%w by %s: stop that first, or use PostgreSQL for more than one process", ErrInUse, holder)
}
