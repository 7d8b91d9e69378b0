package server

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/google/uuid"

	"volenti.dev/volenti/api"
	"volenti.dev/volenti/config"
	"volenti.dev/volenti/internal/store"
	"volenti.dev/volenti/request/fulfill"
)

// Server answers HTTP requests on an open house. It speaks plain HTTP; a
// proxy in front of it speaks TLS.
type Server struct {
	House   *House
	Log     *slog.Logger
	Now     func() time.Time
	Version string
	// AllowPrivateWebhooks lets webhooks be in private networks, where they ask
	// for it.
	AllowPrivateWebhooks bool
	// Configuration says what the applied configuration cannot say itself.
	Configuration config.Options
	// Packages is the directory for what requests hand out. Servers that share
	// a database should share it, too: each shows only what lies there.
	Packages string
	// PublicURL is where people reach this server: what links in letters begin
	// with, without a slash at the end.
	PublicURL string
	// Mail is what letters are handed to; nil for nothing: they wait.
	Mail Mailer
	// FourEyes lets an erasure be approved only by an operator who did not
	// submit it.
	FourEyes bool
	// Routes is the table; nil for api.Table.
	Routes []api.Route
	// pauses between attempts to deliver; nil for those of the standard.
	pauses       []time.Duration
	letterPauses []time.Duration // nil for the usual
	letterLease  time.Duration   // 0 for the usual
	// Consents is the ledger; nil for the one of the house.
	Consents api.Consents
	reminder time.Duration  // between reminders of instructions; 0 for that of the standard
	limits   fulfill.Limits // zero for those of the standard

	once   sync.Once
	work   *worker
	worded sync.Once
	words  *wording
}

// The store is what the interface needs.
var (
	_ api.Keys     = (*store.APIKeys)(nil)
	_ api.Audit    = (*store.Audit)(nil)
	_ api.Answers  = (*store.Answers)(nil)
	_ api.Consents = (*store.Consents)(nil)
	_ api.Events   = (*store.Events)(nil)
)

// Time limits. An orderly end takes less than ten seconds in all.
const (
	headerTime  = 10 * time.Second
	readTime    = 30 * time.Second
	writeTime   = time.Minute // a stream moves it on
	idleTime    = 2 * time.Minute
	graceTime   = 8 * time.Second // for requests under way at the end
	headerBytes = 32 << 10
)

// DefaultPlace is the directory of the data where none is named.
const DefaultPlace = "volenti-data"

// Serve answers on the listener until ctx ends. Then it takes no more
// requests, finishes those under way, and cuts those that take too long.
func (s *Server) Serve(ctx context.Context, listener net.Listener) error {
	under, cut := context.WithCancel(context.WithoutCancel(ctx))
	defer cut()
	aside, rest := context.WithCancel(ctx)
	var besides sync.WaitGroup
	defer func() { _ = s.worker().latest.Close() }()
	besides.Go(func() { s.worker().run(aside) })
	besides.Go(func() { s.upkeep(aside) })
	besides.Go(func() { s.deliver(aside) })
	besides.Go(func() { s.sendLetters(aside) })
	defer besides.Wait()
	defer rest()
	server := &http.Server{
		Handler:           s.Handler(ctx.Done()),
		BaseContext:       func(net.Listener) context.Context { return under },
		ReadHeaderTimeout: headerTime,
		ReadTimeout:       readTime,
		WriteTimeout:      writeTime,
		IdleTimeout:       idleTime,
		MaxHeaderBytes:    headerBytes,
		ErrorLog:          log.New(io.Discard, "", 0), // it would name addresses of clients
	}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	select {
	case err := <-failed:
		return fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
	}
	grace, end := context.WithTimeout(context.WithoutCancel(ctx), graceTime)
	defer end()
	err := server.Shutdown(grace)
	if err != nil {
		s.Log.Warn("requests were cut off at the end")
		cut()
		err = server.Close()
	}
	if served := <-failed; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	return err
}

// worker gives the one that carries out what the interface takes in.
func (s *Server) worker() *worker {
	s.once.Do(func() {
		s.work = &worker{
			house: s.House, owner: cmp.Or(s.House.Owner, uuid.NewString()), latest: NewLatest(s.House.Store.Configurations(), s.Configuration),
			packages: packages{s.House.Store.Keys(), s.Packages}, limits: s.limits, publicURL: s.PublicURL, log: s.Log, now: s.Now, woken: make(chan struct{}, 1),
		}
		if s.Mail != nil {
			s.work.latest.trial = s.tryMail
		}
	})
	return s.work
}

func (s *Server) desk() *frontDesk {
	w := s.worker()
	return &frontDesk{house: s.House, latest: w.latest, packages: w.packages, fourEyes: s.FourEyes, wake: w.wake, now: s.Now}
}

// Handler is the interface over the house. Its streams end with ending.
func (s *Server) Handler(ending <-chan struct{}) http.Handler {
	routes := s.Routes
	if routes == nil {
		routes = api.Table()
	}
	db, ledger := s.House.Store, s.Consents
	if ledger == nil {
		ledger = db.Consents()
	}
	return api.New(api.Config{
		Keys: db.APIKeys(), Operators: s.House.Operators(s.Now), Requests: requests{db}, Desk: s.desk(), Audit: db.Audit(), Answers: db.Answers(),
		Consents: ledger, Checks: &checks{db: db},
		Events: db.Events(), Poll: s.poll(), Ending: ending,
		Webhooks: s.webhooks(),
		Letters:  s.correspondence(),

		Instructions: instructions{db.Instructions(), db},
		Connections:  connections{db, s.worker().latest},

		Ready:       db.Ready,
		Unavailable: func(err error) bool { return errors.Is(err, store.ErrUnavailable) || errors.Is(err, store.ErrUnknown) },
		Log:         s.Log,
		Now:         s.Now,
		NewID:       uuid.NewString,
		Version:     s.Version,
	}, routes)
}
