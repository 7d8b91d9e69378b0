package server

import (
	"cmp"
	"context"
	"crypto/rand"
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
	"volenti.dev/volenti/request"
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
	// Packages is the place for what requests hand out: a directory, or
	// s3://BUCKET/PREFIX?endpoint=URL&region=REGION. Servers that share a database
	// should share it, too: each shows only what lies there.
	Packages  string
	Downloads Downloads
	// PublicURL is where people reach this server: what links in letters begin
	// with, without a slash at the end.
	PublicURL string
	// Mail is what letters are handed to; nil for nothing: they wait.
	Mail Mailer
	// Uploads is how many bytes of files colleagues may hand in for one request;
	// 0 for 50 MiB.
	Uploads int64
	// FourEyes lets an erasure be approved only by an operator who did not
	// submit it.
	FourEyes bool
	// Limiter bounds what people can ask without an account, for the interface
	// and pages alike; nil for the usual bounds, and no proxies.
	Limiter *api.Limiter
	// CountryHeader names a header in which proxies of Limiter say from which
	// country a visitor comes, like CF-IPCountry; "" for none.
	CountryHeader string
	// Metrics, when set, is where Prometheus reads what the server does. Whoever
	// reaches it may read.
	Metrics net.Listener
	// Routes is the table; nil for api.Table.
	Routes []api.Route
	// pauses between attempts to deliver; nil for those of the standard.
	pauses       []time.Duration
	letterPauses []time.Duration // nil for the usual
	letterLease  time.Duration   // 0 for the usual
	// pauses between attempts to send what people choose, and how long a lane stays
	// taken when its process dies; zero for the usual.
	deliveryPauses []time.Duration
	laneTime       time.Duration
	// Consents is the ledger; nil for the one of the house.
	Consents api.Consents
	limits   fulfill.Limits // zero for those of the standard
	// hookTime bounds a call to a webhook of a policy; zero for that of the
	// standard.
	hookTime time.Duration

	once   sync.Once
	work   *worker
	opened error // what is wrong with the place for packages
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
	if s.worker(); s.opened != nil {
		return s.opened
	}
	under, cut := context.WithCancel(context.WithoutCancel(ctx))
	defer cut()
	aside, rest := context.WithCancel(ctx)
	var besides sync.WaitGroup
	defer func() { _ = s.worker().latest.Close() }()
	besides.Go(func() { s.worker().run(aside) })
	besides.Go(func() { s.upkeep(aside) })
	besides.Go(func() { s.deliver(aside) })
	besides.Go(func() { s.worker().handing.run(aside, s.worker().trouble) })
	besides.Go(func() { s.sendLetters(aside) })
	besides.Go(func() { s.countChoices(aside) })
	besides.Go(func() { s.followPeople(aside) })
	besides.Go(func() { s.propagate(aside) })
	besides.Go(func() { s.keepTables(aside) })
	if s.Metrics != nil {
		besides.Go(func() { s.showMetrics(aside, s.worker().meter) })
	}
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
		var at depot
		at, s.opened = openDepot(context.Background(), s.Packages)
		latest, poster := NewLatest(s.House.Store, s.Configuration), s.poster()
		latest.client, latest.log = caller(poster), s.Log
		s.work = &worker{
			house: s.House, meter: newMeter(s.House.Store), owner: cmp.Or(s.House.Owner, uuid.NewString()), latest: latest,
			limits: s.limits, poster: poster, log: s.Log, now: s.Now, publicURL: s.PublicURL, uploads: s.Uploads, woken: make(chan struct{}, 1),
			handing: &handing{
				db: s.House.Store, latest: latest, packages: packages{s.House.Store.Keys(), at}, keeps: s.Downloads.keeps(),
				writing: request.Correspondence{URL: s.PublicURL, Times: s.Downloads.Times, Days: s.Downloads.Days, Now: s.Now, Random: rand.Reader},
			},
		}
		if s.Mail != nil {
			s.work.latest.trial = s.tryMail
			s.work.latest.letter = s.writeNow
		}
	})
	return s.work
}

func (s *Server) desk() *frontDesk {
	w := s.worker()
	return &frontDesk{house: s.House, latest: w.latest, handing: w.handing, fourEyes: s.FourEyes, limits: s.limits, wake: w.wake, now: s.Now, log: s.Log}
}

// Handler is the interface over the house, and its pages. Its streams end with ending.
func (s *Server) Handler(ending <-chan struct{}) http.Handler {
	routes := s.Routes
	if routes == nil {
		routes = api.Table()
	}
	db, ledger, handing := s.House.Store, s.Consents, s.worker().handing
	if ledger == nil {
		ledger = db.Consents()
	}
	front := s.front()
	if s.Limiter == nil {
		s.Limiter = &api.Limiter{Now: s.Now}
	}
	meter := s.worker().meter
	desk := s.desk()
	a := api.New(api.Config{
		Keys: db.APIKeys(), KeyRing: db.APIKeys(), Random: rand.Reader, Operators: s.House.Operators(s.Now), Passwords: s.passwords(), Requests: requests{db}, Desk: desk, Deadlines: desk, Reviews: desk, Packages: handing, Links: handing, Tasks: taskDesk{s.colleagues(nil), s.worker().wake},
		Front: front, Erasures: front, Intake: front, Limiter: s.Limiter, Audit: db.Audit(), Answers: db.Answers(),
		Consents: countedLedger{ledger, meter.records}, Checks: countedChecks{&checks{db: db}, meter.checks}, Answered: meter.answered,
		Events: db.Events(), Poll: s.poll(), Ending: ending,
		Webhooks:       s.webhooks(),
		Letters:        s.correspondence(),
		Views:          db.Views(),
		Messages:       messages{front},
		Previews:       previews{handing},
		Omissions:      omissions{previews{handing}},
		Resumes:        resumes{db, s.worker().wake},
		Callbacks:      callbacks{db, s.worker().wake},
		Instructions:   instructions{db.Instructions(), db},
		Authorizations: authorizations{db, s.worker().latest, s.PublicURL, s.Now},
		Connections:    connections{db, s.worker().latest},
		Systems:        systemDesk{db.Systems(), s.worker().latest},
		SystemLinks:    db.SystemLinks(),
		Sites:          sites{db.Sites()}, CountryHeader: s.CountryHeader,
		SitePages:        s.sitePages(),
		Banners:          banners{db.SiteConsents(), db.Sites(), db.Devices()},
		Ready:            db.Ready,
		Unavailable:      func(err error) bool { return errors.Is(err, store.ErrUnavailable) || errors.Is(err, store.ErrUnknown) },
		Log:              s.Log,
		Now:              s.Now,
		NewID:            uuid.NewString,
		Version:          s.Version,
		SiteCounts:       db.SiteCounts(),
		People:           db.Consents(),
		Records:          db.Consents(),
		Devices:          devices{db},
		PermissionTables: permissions{db},
		Deliveries:       deliveries{db.Propagation(), db, s.worker().latest},
		Policies:         policies{s.worker().latest},
		Preferences:      preferences{db, s.PublicURL},
		Connectors:       connectorTypes{s.worker().latest},
		Datasets:         descriptions{s.worker().latest, s.Now},
		MadeDatasets:     newDatasetDesk(db, s.worker().latest, s.Now),
		Matrix:           deliveries{db.Propagation(), db, s.worker().latest},
	}, routes)
	return s.withPages(a, routes)
}
