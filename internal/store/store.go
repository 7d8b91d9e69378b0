// Package store keeps everything that Volenti knows: every SQL statement is
// here, by hand, one file and one small type per noun. It runs on an embedded
// SQLite file, for one process, or on PostgreSQL, for any number of them, and
// behaves the same on both.
//
//	caller -> Requests, Work, Keys, Audit      one file each
//	            -> write: a change and its audit entry, in one commit
//	                 -> sqlite.go    one writer, groups what waits into a commit
//	                 -> postgres.go  a transaction each, tried again on conflict
//
// What a method has returned without error is durable: it survives a kill and
// a loss of power. Changes are conditional statements, so that of two who want
// the same change one gets it and the other an error. Each statement names its
// tenant. Personal values come in sealed; errors hold names and codes only.
//
// A write that fails with ErrUnknown may stand or not: the connection broke
// after the commit was sent. Do not send it again; read what it would have
// changed and go on from there.
package store

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"

	"volenti.dev/volenti/internal/seal"
	"volenti.dev/volenti/request"
)

// Sentinels that callers test for.
var (
	// ErrUnavailable: the database takes no change now (disk full, stopped, not
	// reachable) and nothing was changed. It may be tried again later.
	ErrUnavailable = request.ErrUnavailable
	// ErrUnknown: it is not known whether the change was made.
	ErrUnknown = request.ErrUnknown
	// ErrInUse: another process has this embedded database open.
	ErrInUse = errors.New("the database is in use")
	// ErrNewer: the database was written by a newer version.
	ErrNewer = errors.New("the database is newer than this program")
	// ErrExists: there is an object with this id.
	ErrExists = errors.New("it exists already")
	// ErrNoRecord: the audit log has no such record.
	ErrNoRecord = errors.New("no such record")
	// ErrNoTenant: there is no such tenant.
	ErrNoTenant = errors.New("no such tenant")
)

// DefaultTenant is made by the first start.
const DefaultTenant = "default"

// Config says which database to open.
type Config struct {
	// URL is "sqlite:PATH" or "postgres://...".
	URL string
	// Master unwraps the tenants' keys.
	Master *seal.Master
	// Origin names this installation in the checkpoints of its audit logs, like
	// "privacy.example.com"; "volenti" when empty. A tenant keeps the one that
	// it was made with.
	Origin string
	// Rand makes keys and salts; nil means crypto/rand.
	Rand io.Reader
	// Trouble is told what failed in the background and is tried again; nil
	// when nobody wants to know.
	Trouble func(error)

	sqlite opener // nil means the shipped driver; tests of faults have another
}

// DB is an open database. Its methods may be called concurrently.
type DB struct {
	engine  engine
	config  Config
	commits atomic.Int64

	once   sync.Once
	closed error

	mu      sync.Mutex
	tenants map[string]*seal.Tenant

	consents consents
	banners  banners
	apikeys  apikeys
	watch    watch
	posts    watch // for letters, under no tenant
	shown    shown
	turns    turns
}

// engine is one of the two databases. As a querier it reads what is committed.
type engine interface {
	querier
	// write returns when the work's commit is durable, or has failed.
	write(ctx context.Context, w work) error
	// linger gives a transaction that only reads. What it reads with {share} is
	// its own until release, and outlast waits for it.
	linger(ctx context.Context) (q querier, release func(), err error)
	// outlast does a work, which only reads, when all who shared what it locks
	// have released it.
	outlast(ctx context.Context, w work) error
	// exclusive says that no other process can have the database open.
	exclusive() bool
	// file is the path of an exclusive database.
	file() string
	close() error
}

// Open opens the database, brings its tables up to date and makes the default
// tenant when there is none. It fails with ErrInUse or ErrNewer where that is
// the reason.
func Open(ctx context.Context, c Config) (*DB, error) {
	if c.Master == nil {
		return nil, errors.New("open store: there is no master key")
	}
	if c.Rand == nil {
		c.Rand = rand.Reader
	}
	if c.Origin == "" {
		c.Origin = "volenti"
	}
	db := &DB{config: c, tenants: map[string]*seal.Tenant{}}
	if _, err := io.ReadFull(c.Rand, db.consents.known.secret[:]); err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	var err error
	if db.engine, err = openEngine(ctx, c, &db.commits); err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	if err := db.ensureTenant(ctx, DefaultTenant); err != nil {
		return nil, errors.Join(fmt.Errorf("open store: %w", err), db.Close())
	}
	return db, nil
}

// Close waits for the writes under way and gives everything back. It may be
// called again.
func (db *DB) Close() error {
	db.once.Do(func() {
		db.Consents().close()
		db.closed = db.engine.close()
	})
	return db.closed
}

// Exclusive says that no other process has the database open, so that every
// lease of an earlier process is dead. It holds for an embedded database.
func (db *DB) Exclusive() bool { return db.engine.exclusive() }

// trouble tells what failed in the background.
func (db *DB) trouble(err error) {
	if db.config.Trouble != nil {
		db.config.Trouble(err)
	}
}

// Commits counts the transactions that were committed since Open.
func (db *DB) Commits() int64 { return db.commits.Load() }

// Requests gives access to requests and their leases.
func (db *DB) Requests() *Requests { return &Requests{db} }

// Work gives access to what running requests have found and done.
func (db *DB) Work() *Work { return &Work{db} }

// Keys gives access to the keys that can be destroyed.
func (db *DB) Keys() *Keys { return &Keys{db} }

// Audit gives access to the audit logs.
func (db *DB) Audit() *Audit { return &Audit{db} }

func openEngine(ctx context.Context, c Config, commits *atomic.Int64) (engine, error) {
	if path, ok := strings.CutPrefix(c.URL, "sqlite:"); ok {
		return openSQLite(ctx, path, c.sqlite, commits)
	}
	if strings.HasPrefix(c.URL, "postgres://") || strings.HasPrefix(c.URL, "postgresql://") {
		return openPostgres(ctx, c.URL, commits)
	}
	return nil, errors.New(`the database must be "sqlite:PATH" or "postgres://..."`)
}
