package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	sqlite3 "modernc.org/sqlite/lib"
)

// groupLimit bounds how many writes share a commit, and with it how long the
// first of them waits for the last.
const groupLimit = 256

// scrubPause lies between two tries to empty the write-ahead log.
const scrubPause = 100 * time.Millisecond

// bulkLimit is after how many bytes of bulky data the cache is emptied: they
// would fill all of it and drive out what is needed again.
const bulkLimit = 8 << 20

// writer is the one goroutine that changes an embedded database. What arrives
// while it waits for the disk goes into the next commit together: each write
// in a savepoint of its own, so that a bad one fails alone.
type writer struct {
	mu     sync.RWMutex // held for reading while sending to queue
	closed bool
	queue  chan *waiting
	done   chan struct{}

	// Owned by the goroutine.
	conn    *sql.Conn
	known   prepared
	querier querier
	commits *atomic.Int64
	scrub   bool // the log may hold what was destroyed
	tried   time.Time
	bulk    int // bytes since the cache was emptied
}

// waiting is a write that waits for its commit.
type waiting struct {
	ctx  context.Context
	work work
	err  error
	done chan struct{}
}

func startWriter(conn *sql.Conn, commits *atomic.Int64) *writer {
	known := prepared{conn, &sync.Map{}}
	w := &writer{
		queue:   make(chan *waiting, groupLimit),
		done:    make(chan struct{}),
		conn:    conn,
		known:   known,
		querier: sqlQuerier{sqliteDialect(), known},
		commits: commits,
		scrub:   true, // an earlier process may have been killed before it did
	}
	go w.run()
	return w
}

// write waits for the outcome even when ctx ends, once it is in the queue:
// the outcome is never unknown, and the writer skips what has been given up.
func (w *writer) write(ctx context.Context, fn work) error {
	p := &waiting{ctx: ctx, work: fn, done: make(chan struct{})}
	if err := w.send(p); err != nil {
		return err
	}
	<-p.done
	return p.err
}

func (w *writer) send(p *waiting) error {
	w.mu.RLock()
	defer w.mu.RUnlock()
	if w.closed {
		return fmt.Errorf("%w: it was closed", ErrUnavailable)
	}
	select {
	case w.queue <- p:
		return nil
	case <-p.ctx.Done():
		return p.ctx.Err()
	}
}

// stop refuses further writes, finishes those in the queue and waits.
func (w *writer) stop() error {
	w.mu.Lock()
	if !w.closed {
		w.closed = true
		close(w.queue)
	}
	w.mu.Unlock()
	<-w.done
	return errors.Join(w.known.close(), w.conn.Close())
}

func (w *writer) run() {
	defer close(w.done)
	for first := range w.queue {
		group := w.gather(first)
		if err := w.commit(group); err != nil {
			for _, p := range group {
				p.err = err // an answer about what was rolled back would be wrong too
			}
		}
		for _, p := range group {
			close(p.done)
		}
	}
}

// gather takes what waits already; it does not wait for more.
func (w *writer) gather(first *waiting) []*waiting {
	group := []*waiting{first}
	for len(group) < groupLimit {
		select {
		case p, ok := <-w.queue:
			if !ok {
				return group
			}
			group = append(group, p)
		default:
			return group
		}
	}
	return group
}

// commit does the group's work in one transaction. An error is about all of
// it; the error of a single write is left with that write.
func (w *writer) commit(group []*waiting) error {
	ctx := context.Background()
	if _, err := w.querier.exec(ctx, "BEGIN IMMEDIATE"); err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	g := &growth{}
	changed := false
	for _, p := range group {
		if err := w.attempt(p, g, len(group) == 1); err != nil {
			return w.rollback(err)
		}
		changed = changed || p.err == nil
	}
	if !changed {
		return w.rollback(nil)
	}
	if err := g.flush(ctx, w.querier); err != nil {
		return w.rollback(err)
	}
	if _, err := w.querier.exec(ctx, "COMMIT"); err != nil {
		err = commitError(err)
		g.ended(err)
		return w.rollback(err)
	}
	g.ended(nil)
	w.commits.Add(1)
	if w.bulk += g.bulk; w.bulk >= bulkLimit {
		w.bulk = 0
		_, _ = w.conn.ExecContext(ctx, "PRAGMA shrink_memory")
	}
	if g.destroyed || w.scrub && time.Since(w.tried) >= scrubPause {
		w.scrubLog(ctx)
	}
	return nil
}

// attempt does one write, in a savepoint when it is not alone: one that fails
// alone takes the transaction with it. An error means that the whole
// transaction is lost: SQLite ends it by itself on a full disk, for example,
// and then there is no savepoint to go back to.
func (w *writer) attempt(p *waiting, g *growth, alone bool) error {
	if p.err = p.ctx.Err(); p.err != nil {
		return nil
	}
	// A cancelled statement would end the transaction of all.
	ctx := context.WithoutCancel(p.ctx)
	if alone {
		p.err = p.work(ctx, w.querier, g)
		return nil
	}
	if _, err := w.querier.exec(ctx, "SAVEPOINT one"); err != nil {
		return err
	}
	before := *g
	if p.err = p.work(ctx, w.querier, g); p.err != nil {
		*g = before
		if _, err := w.querier.exec(ctx, "ROLLBACK TO one"); err != nil {
			return p.err
		}
	}
	_, err := w.querier.exec(ctx, "RELEASE one")
	return err
}

func (w *writer) rollback(err error) error {
	// It fails when SQLite has rolled back by itself.
	_, _ = w.querier.exec(context.Background(), "ROLLBACK")
	return err
}

// commitError tells a commit that failed from one that may have reached the
// disk before the disk failed, and would come back with the next start.
func commitError(err error) error {
	var e coded
	if errors.As(err, &e) && e.Code()&0xff == sqlite3.SQLITE_IOERR {
		return fmt.Errorf("commit: %w: %w", ErrUnknown, err)
	}
	return fmt.Errorf("commit: %w", err)
}

// scrubLog empties the write-ahead log once something was destroyed: old
// pages in it would still hold the key. It does not wait for readers; while
// one is in the way, it tries again after a later commit. It copies the whole
// log each time, so that where there is always a reader, to try after every
// commit would be a standstill.
func (w *writer) scrubLog(ctx context.Context) {
	w.scrub, w.tried = true, time.Now()
	var busy, pages, moved int64
	if _, err := w.querier.exec(ctx, "PRAGMA busy_timeout = 0"); err != nil {
		return
	}
	err := w.querier.row(ctx, "PRAGMA wal_checkpoint(TRUNCATE)").Scan(&busy, &pages, &moved)
	w.scrub = err != nil || busy != 0
	_, _ = w.querier.exec(ctx, "PRAGMA busy_timeout = 5000")
}
