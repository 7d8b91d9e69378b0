package http

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"volenti.dev/volenti/connector"
	"volenti.dev/volenti/datamap/catalogue"
)

// Trial reads one endpoint about a person, to see what the vendor answers. The
// endpoints that lead to it are read before; nothing is changed. Without an
// endpoint the test_request is made.
type Trial struct {
	About    *Description
	Endpoint string
	Person   map[string][]string // by type of identity
	// Given are values of inputs that come from outside of the description.
	Given   map[string][]string
	Secrets map[string]string
	Client  *http.Client // as in Options
}

// Seen is an attempt of a call, and the rows that came of it.
type Seen struct {
	connector.Exchange
	Rows   int
	Fields []string // names of the rows' fields, sorted
}

// Tried is what a Trial has shown.
type Tried struct {
	Calls  []Seen
	Rows   []connector.Row // of the endpoint: values of a person
	Fields []string
	Later  bool // the vendor answers later, which a trial does not wait for
}

// Lacking says that nothing could be asked.
type Lacking struct {
	Endpoint   string
	Identities []string // types: one of them is needed
	Inputs     []string // names of what must be given
}

func (l *Lacking) Error() string {
	return "nothing could be asked about " + l.Endpoint + ": what it is asked by is not known"
}

// ErrNoTest: a description without test_request is tried by an endpoint.
var ErrNoTest = errors.New("the description has no test_request")

// Run makes the calls. What was seen until an error is given beside it.
func (t Trial) Run(ctx context.Context) (Tried, error) {
	return t.run(ctx, nil, newHiding(t))
}

// run makes the calls, to the vendor or to what was recorded.
func (t Trial) run(ctx context.Context, from *replay, hide *hiding) (Tried, error) {
	r := &trying{Trial: t, hide: hide, rows: map[string][]connector.Row{}, lacking: Lacking{Endpoint: t.Endpoint}}
	o := Options{Client: t.Client, Log: r.note}
	if from != nil {
		o.Client, o.Limiter = &http.Client{Transport: from}, unlimited{}
	}
	var err error
	r.Connector, err = t.About.Open(connector.Settings{Key: t.About.Type, Secrets: t.Secrets, ReadOnly: true}, o)
	if err != nil {
		return Tried{}, err
	}
	defer func() { _ = r.Close() }()
	r.anonymous = from != nil
	if t.Endpoint == "" {
		if t.About.Test == nil {
			return Tried{}, ErrNoTest
		}
		return r.tried, r.Test(ctx)
	}
	err = r.read(ctx, t.Endpoint)
	r.tried.Rows = r.rows[t.Endpoint]
	for _, row := range r.tried.Rows {
		r.tried.Fields = r.fieldsOf(r.tried.Fields, row)
	}
	if err == nil && len(r.tried.Calls) == 0 && len(r.tried.Rows) == 0 {
		err = &r.lacking
	}
	return r.tried, err
}

// trying is the state of a Trial.
type trying struct {
	Trial
	*Connector
	hide    *hiding
	rows    map[string][]connector.Row // by endpoint
	tried   Tried
	lacking Lacking
}

// note takes each attempt. What extract_for_execution_log finds are values, and
// are left out.
func (r *trying) note(e connector.Exchange) {
	if e.Attempt > 0 {
		r.tried.Calls = append(r.tried.Calls, Seen{Exchange: e})
	}
}

// read reads an endpoint after those that lead to it. In a circle the one that
// was begun with is asked by what else it has.
func (r *trying) read(ctx context.Context, endpoint string) error {
	if _, begun := r.rows[endpoint]; begun {
		return nil
	}
	r.rows[endpoint] = nil
	where, err := r.where(ctx, endpoint)
	if err != nil {
		return err
	}
	table := &catalogue.Table{Name: catalogue.Name{Table: endpoint}, Open: true}
	_, err = r.Read(ctx, connector.Read{Table: table, Where: where}, func(row connector.Row) error {
		delete(row, InputsColumn)
		r.rows[endpoint] = append(r.rows[endpoint], row)
		if n := len(r.tried.Calls); n > 0 {
			seen := &r.tried.Calls[n-1]
			seen.Rows++
			seen.Fields = r.fieldsOf(seen.Fields, row)
		}
		return nil
	})
	if waiting := (*connector.Waiting)(nil); errors.As(err, &waiting) {
		r.tried.Later = true
		return nil
	}
	return err
}

// fieldsOf adds the names of a row's fields.
func (r *trying) fieldsOf(before []string, row connector.Row) []string {
	for _, name := range slices.Sorted(maps.Keys(row)) {
		name = r.hide.name(name)
		if at, known := slices.BinarySearch(before, name); !known {
			before = slices.Insert(before, at, name)
		}
	}
	return before
}

// where gives what an endpoint is asked by.
func (r *trying) where(ctx context.Context, endpoint string) (where []connector.Match, err error) {
	var group []Input
	for _, in := range r.asked(endpoint) {
		m := connector.Match{Columns: []string{in.Name}}
		for _, text := range slices.Concat(r.Person[in.Identity], r.Given[in.Name]) {
			m.Tuples = append(m.Tuples, connector.Tuple{text})
		}
		if in.Identity != "" && len(m.Tuples) == 0 {
			r.lacking.Identities = append(r.lacking.Identities, in.Identity)
		}
		for _, ref := range in.References {
			collection, field, _ := strings.Cut(ref.Field, ".")
			if ref.Dataset != Instance || r.Trial.About.Endpoint(collection) == nil {
				if len(r.Given[in.Name]) == 0 {
					r.lacking.Inputs = append(r.lacking.Inputs, in.Name)
				}
				continue
			}
			if err := r.read(ctx, collection); err != nil {
				return nil, err
			}
			for _, row := range r.rows[collection] {
				m.Tuples = append(m.Tuples, connector.Tuple{dig(map[string]any(row), field)})
			}
		}
		if in.Group {
			group = append(group, in)
		}
		where = append(where, m)
	}
	if len(group) > 1 {
		where = slices.DeleteFunc(where, func(m connector.Match) bool {
			return slices.ContainsFunc(group, func(in Input) bool { return in.Name == m.Columns[0] })
		})
		where = append(where, r.together(group))
	}
	return where, nil
}

// asked are the inputs of the reads of an endpoint, without those that only
// masks need.
func (r *trying) asked(endpoint string) []Input {
	e := r.Trial.About.Endpoint(endpoint)
	return slices.DeleteFunc(r.Inputs(endpoint, Instance), func(in Input) bool {
		for i := range e.Read {
			if slices.ContainsFunc(e.named(i), func(n named) bool { return n.Name == in.Name }) {
				return false
			}
		}
		return true
	})
}

// together keeps what comes from one row in one tuple. A group from elsewhere
// is one tuple: the first of what was given of each.
func (r *trying) together(group []Input) (m connector.Match) {
	for _, in := range group {
		m.Columns = append(m.Columns, in.Name)
	}
	collection, _, _ := strings.Cut(group[0].References[0].Field, ".")
	for _, row := range r.rows[collection] {
		var tuple connector.Tuple
		for _, in := range group {
			_, field, _ := strings.Cut(in.References[0].Field, ".")
			tuple = append(tuple, dig(map[string]any(row), field))
		}
		m.Tuples = append(m.Tuples, tuple)
	}
	var given connector.Tuple
	for _, in := range group {
		if texts := r.Given[in.Name]; len(texts) > 0 {
			given = append(given, texts[0])
		}
	}
	if len(given) == len(group) {
		m.Tuples = append(m.Tuples, given)
	}
	return m
}

// unlimited is for calls that nobody receives.
type unlimited struct{}

func (unlimited) Wait(ctx context.Context, _ string, _ int64, _ time.Duration) error {
	return ctx.Err()
}
