package server

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"volenti.dev/volenti/api"
	"volenti.dev/volenti/consent"
	"volenti.dev/volenti/consent/propagate"
	"volenti.dev/volenti/internal/store"
	"volenti.dev/volenti/request"
	"volenti.dev/volenti/request/fulfill"
)

// meter counts what this server does. Its numbers have no names of people,
// tenants or requests: labels are routes of the table, steps, statuses and
// outcomes, of which there are few.
type meter struct {
	registry *prometheus.Registry
	answers  *prometheus.CounterVec   // by method, route, status
	took     *prometheus.HistogramVec // by method, route
	steps    *prometheus.HistogramVec // by step
	checks   map[bool]prometheus.Counter
	records  *prometheus.CounterVec // by choice
	sent     *prometheus.CounterVec // by status
}

func newMeter(db *store.DB) *meter {
	m := &meter{
		registry: prometheus.NewRegistry(),
		answers:  prometheus.NewCounterVec(prometheus.CounterOpts{Name: "volenti_http_requests_total", Help: "HTTP requests that were answered."}, []string{"method", "route", "status"}),
		took:     prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "volenti_http_request_seconds", Help: "How long HTTP requests took to answer."}, []string{"method", "route"}),
		steps: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "volenti_request_step_seconds", Help: "How long the steps of privacy requests took.", Buckets: prometheus.ExponentialBuckets(0.01, 4, 10), // to 44 minutes
		}, []string{"step"}),
		records: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "volenti_consent_records_total", Help: "Consent records that were made over HTTP."}, []string{"choice"}),
		sent:    prometheus.NewCounterVec(prometheus.CounterOpts{Name: "volenti_deliveries_total", Help: "Attempts to send what people chose, by what they led to; pending is tried again."}, []string{"status"}),
	}
	checks := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "volenti_consent_checks_total", Help: "Answers of the gate."}, []string{"allowed"})
	m.checks = map[bool]prometheus.Counter{true: checks.WithLabelValues("true"), false: checks.WithLabelValues("false")}
	m.registry.MustRegister(m.answers, m.took, m.steps, m.records, m.sent, checks, tallies{db}, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// answered counts an answer; the route is "" where none is for it.
func (m *meter) answered(method, route string, status int, took time.Duration) {
	if route == "" {
		route = "none"
	}
	m.answers.WithLabelValues(method, route, strconv.Itoa(status)).Inc()
	m.took.WithLabelValues(method, route).Observe(took.Seconds())
}

// delivery counts what an attempt to send a choice led to.
func (m *meter) delivery(s propagate.Status) { m.sent.WithLabelValues(string(s)).Inc() }

// stopwatch measures the steps of one run: each from when it is told of until
// the next one is, or the run ends.
func (m *meter) stopwatch(now func() time.Time) (tell func(fulfill.Event), end func()) {
	var mu sync.Mutex
	var step string
	var began time.Time
	next := func(name string) {
		mu.Lock()
		defer mu.Unlock()
		if step != "" {
			m.steps.WithLabelValues(step).Observe(now().Sub(began).Seconds())
		}
		step, began = name, now()
	}
	return func(e fulfill.Event) {
		if e.Step != "" {
			next(e.Step)
		}
	}, func() { next("") }
}

// countedChecks counts what a gate says.
type countedChecks struct {
	consent.Checker
	by map[bool]prometheus.Counter
}

func (c countedChecks) Check(ctx context.Context, tenant string, id consent.SubjectID, purpose string, now time.Time) (consent.Decision, error) {
	d, err := c.Checker.Check(ctx, tenant, id, purpose, now)
	if err == nil {
		c.by[d.Allowed].Inc()
	}
	return d, err
}

// countedLedger counts the records that are made.
type countedLedger struct {
	api.Consents
	by *prometheus.CounterVec
}

func (l countedLedger) Append(ctx context.Context, tenant, key string, entries []consent.Entry) ([]consent.Outcome, error) {
	made, err := l.Consents.Append(ctx, tenant, key, entries)
	for _, o := range made {
		if !o.Unchanged && !o.Older {
			l.by.WithLabelValues(string(o.Choice)).Inc()
		}
	}
	return made, err
}

// tallies reads from the store, when somebody asks, what stands there. Every
// server on a database gives the same numbers.
type tallies struct{ db *store.DB }

var (
	requestsDesc = prometheus.NewDesc("volenti_requests", "Privacy requests, by status.", []string{"status"}, nil)
	overdueDesc  = prometheus.NewDesc("volenti_requests_overdue", "Privacy requests whose answer is late.", nil, nil)
	lettersDesc  = prometheus.NewDesc("volenti_letters", "Letters, by state.", []string{"state"}, nil)
	waitingDesc  = prometheus.NewDesc("volenti_deliveries_waiting", "Choices that wait to be sent to a connection, each counted for each.", nil, nil)
	restingDesc  = prometheus.NewDesc("volenti_connections_resting", "Connections to which no choices are sent for now, because they failed or asked for a pause.", nil, nil)
	oldestDesc   = prometheus.NewDesc("volenti_letters_oldest_seconds", "How long the oldest letter waits that was not sent.", nil, nil)
)

// tallyTime bounds a count.
const tallyTime = 5 * time.Second

// Describe implements prometheus.Collector.
func (c tallies) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{requestsDesc, overdueDesc, lettersDesc, oldestDesc, waitingDesc, restingDesc} {
		out <- d
	}
}

// Collect implements prometheus.Collector.
func (c tallies) Collect(out chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), tallyTime)
	defer cancel()
	sum := store.Tally{Requests: map[request.Status]int64{}, Letters: map[string]int64{}}
	tenants, err := c.db.Tenants(ctx)
	for _, tenant := range tenants {
		var t store.Tally
		if t, err = c.db.Tally(ctx, tenant); err != nil {
			break
		}
		for status, n := range t.Requests {
			sum.Requests[status] += n
		}
		for state, n := range t.Letters {
			sum.Letters[state] += n
		}
		sum.Overdue += t.Overdue
		sum.Waiting += t.Waiting
		sum.Resting += t.Resting
		sum.Oldest = max(sum.Oldest, t.Oldest)
	}
	if err != nil {
		out <- prometheus.NewInvalidMetric(requestsDesc, err)
		return
	}
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	for status, n := range sum.Requests {
		gauge(requestsDesc, float64(n), string(status))
	}
	for state, n := range sum.Letters {
		gauge(lettersDesc, float64(n), state)
	}
	gauge(overdueDesc, float64(sum.Overdue))
	gauge(oldestDesc, sum.Oldest.Seconds())
	gauge(waitingDesc, float64(sum.Waiting))
	gauge(restingDesc, float64(sum.Resting))
}

// showMetrics answers on the listener for metrics until ctx ends. What cannot
// be read from the store is left out, and counted as an error.
func (s *Server) showMetrics(ctx context.Context, m *meter) {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{ErrorHandling: promhttp.ContinueOnError, Registry: m.registry}))
	server := &http.Server{Handler: mux, ReadHeaderTimeout: headerTime, ReadTimeout: readTime, WriteTimeout: writeTime, MaxHeaderBytes: headerBytes}
	stop := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer stop()
	if err := server.Serve(s.Metrics); !errors.Is(err, http.ErrServerClosed) {
		s.Log.Error("numbers are not shown any more", "error", err)
	}
}
