package http

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"volenti.dev/volenti/connector"
	"volenti.dev/volenti/datamap/catalogue"
	"volenti.dev/volenti/datamap/value"
)

// Queries gives the method and path template of each request that Read would
// begin with.
func (c *Connector) Queries(r connector.Read) ([]string, error) {
	e, err := c.endpoint(r.Table)
	if err != nil {
		return nil, err
	}
	var all []string
	g := take(exampled(r.Where))
	for i := range e.Read {
		if _, made := e.factors(i, g, c.secrets); !made {
			continue
		}
		q := &e.Read[i]
		if q.Path == "" {
			all = append(all, "output from what it is asked by")
			continue
		}
		text := q.Method + " " + q.Path
		for k, p := range q.Query {
			text += map[bool]string{true: "?", false: "&"}[k == 0] + p.Name + "=" + p.Value
		}
		all = append(all, text)
	}
	return all, nil
}

// exampled gives each match a value, where it has none.
func exampled(where []connector.Match) []connector.Match {
	all := slices.Clone(where)
	for i, m := range all {
		if len(m.Tuples) == 0 {
			tuple := make(connector.Tuple, len(m.Columns))
			for k := range tuple {
				tuple[k] = "?"
			}
			all[i].Tuples = []connector.Tuple{tuple}
		}
	}
	return all
}

func (c *Connector) endpoint(t *catalogue.Table) (*Endpoint, error) {
	if e := c.about.Endpoint(t.Name.Table); e != nil {
		return e, nil
	}
	return nil, &connector.Error{Kind: connector.Drift, Connection: c.key, Doing: "read " + t.Name.Table, Reason: "the description has no endpoint of this name"}
}

// Count reads the rows and counts them: vendors are not asked otherwise.
func (c *Connector) Count(ctx context.Context, r connector.Read) (int64, error) {
	result, err := c.Read(ctx, r, func(connector.Row) error { return nil })
	return result.Rows, err
}

// Size is not known of an endpoint, which can only be asked about somebody.
func (c *Connector) Size(context.Context, catalogue.Name) (int64, error) { return 0, nil }

// Read asks for the rows of an endpoint. Unlike in other systems the matches
// are not alternatives: every choice of a value for each input is a call.
// When the vendor answers later the error is a *connector.Waiting, and each has got what
// was there at once.
func (c *Connector) Read(ctx context.Context, r connector.Read, each func(connector.Row) error) (connector.ReadResult, error) {
	e, err := c.endpoint(r.Table)
	if err != nil {
		return connector.ReadResult{}, err
	}
	p := c.newReading(e, r, each)
	for i := range e.Read {
		factors, made := e.factors(i, p.given, c.secrets)
		if !made {
			continue
		}
		if size(factors) > mostCalls {
			return p.result, c.wrong(p.doing, fmt.Errorf("what the request was given makes more than %d calls", mostCalls))
		}
		for one := range product(factors) {
			if err := p.one(ctx, i, one); err != nil {
				return p.result, c.wrong(p.doing, err)
			}
		}
	}
	return p.result, p.waiting()
}

// reading is the state of one Read.
type reading struct {
	*Connector
	endpoint *Endpoint
	read     connector.Read
	given    given
	each     func(connector.Row) error
	doing    string
	besides  []Input // kept with the rows for masks
	seen     map[[sha256.Size]byte]bool
	pending  []pending
	calls    int // whose answers are posted to us, so far
	result   connector.ReadResult
}

func (c *Connector) newReading(e *Endpoint, r connector.Read, each func(connector.Row) error) *reading {
	p := &reading{Connector: c, endpoint: e, read: r, given: take(r.Where), each: each, doing: "read " + e.Name, seen: map[[sha256.Size]byte]bool{}}
	for _, in := range e.Inputs() {
		if in.Filter {
			p.besides = append(p.besides, in)
		}
	}
	return p
}

// one makes the calls for one choice of inputs.
func (p *reading) one(ctx context.Context, i int, chosen values) error {
	q := &p.endpoint.Read[i]
	v := p.standing()
	v["field_list"] = strings.Join(p.fields(), ",")
	v["idempotency_key"] = p.idempotency(i, chosen)
	for name, one := range chosen {
		v[name] = one
	}
	if q.Path == "" {
		return p.emit(i, chosen, v, nil)
	}
	if q.calledBack() {
		p.calls++
		if err := p.replying(ctx, v, p.calls); err != nil {
			return err
		}
	}
	k, err := p.build(q, p.doing, v)
	if lacks := (missing{}); errors.As(err, &lacks) && q.SkipMissing {
		return nil
	}
	if err != nil {
		return err
	}
	if q.Async != nil {
		return p.later(ctx, i, k, chosen)
	}
	return p.pages(ctx, i, k, chosen, v)
}

// fields are what the caller wants to see.
func (p *reading) fields() []string {
	return slices.DeleteFunc(slices.Clone(p.read.Columns), func(name string) bool { return name == InputsColumn })
}

// pages follows a call from page to page.
func (p *reading) pages(ctx context.Context, i int, k *call, chosen, v values) error {
	for page := 1; k != nil; page++ {
		if page > mostPages {
			return p.fail(k, connector.Permanent, errPages.Error(), 0)
		}
		a, err := p.send(ctx, k)
		if err != nil {
			return err
		}
		if a, err = p.accept(k, a); a == nil {
			return p.unlessGone(err)
		}
		data := dig(a.data, k.request.DataPath)
		if reason := k.unread(a); data == nil && reason != "" {
			return p.fail(k, connector.Permanent, reason, 0)
		}
		if err := p.emitPage(i, k, chosen, v, data); err != nil {
			return err
		}
		if k, err = p.follow(k, a, data); err != nil {
			return err
		}
	}
	return nil
}

// unlessGone takes it for no rows that what was asked about is gone since.
func (p *reading) unlessGone(err error) error {
	var refusal *refusal
	if p.read.Again && errors.As(err, &refusal) && (refusal.status == http.StatusNotFound || refusal.status == http.StatusGone) {
		return nil
	}
	return err
}

func (p *reading) follow(k *call, a *answer, data any) (*call, error) {
	following, err := p.next(k, a, data)
	if err != nil {
		return nil, p.fail(k, connector.Permanent, err.Error(), 0)
	}
	return following, nil
}

// emitPage gives the rows of a page.
func (p *reading) emitPage(i int, k *call, chosen, v values, data any) error {
	rows, note, err := process(data, k.request.Processors, p.wanted(i))
	if err != nil {
		return p.fail(k, connector.Permanent, err.Error(), 0)
	}
	if note != "" {
		p.log(connector.Exchange{Doing: p.doing, Call: k.shown, Note: p.redacted(note, chosen)})
	}
	for _, row := range rows {
		if err := p.emit(i, chosen, v, row); err != nil {
			return err
		}
	}
	return nil
}

// wanted gives the values that a filter of a request compares with.
func (p *reading) wanted(i int) func(Processor) []any {
	return func(f Processor) []any {
		if f.Literal != nil {
			return []any{*f.Literal}
		}
		for _, in := range p.endpoint.named(i) {
			if in.as == f.input() {
				return p.given.single[in.Name]
			}
		}
		return nil
	}
}

// emit gives one row, once.
func (p *reading) emit(i int, chosen, v values, row map[string]any) error {
	if output := p.endpoint.Read[i].Output; output != "" {
		if row != nil {
			v["all_object_fields"] = row
		}
		made, lacks := fillJSON(output, v)
		if lacks != "" {
			return missing{lacks, "output"}
		}
		parsed, err := parseJSON(made)
		object, ok := parsed.(map[string]any)
		if err != nil || !ok {
			return errors.New("the output is no JSON object once its placeholders are filled in")
		}
		row = object
	}
	key := sha256.Sum256([]byte(value.Key(row)))
	if p.seen[key] {
		return nil
	}
	p.seen[key] = true
	out := connector.Row{}
	for name, v := range row {
		if len(p.read.Columns) == 0 || slices.Contains(p.read.Columns, name) {
			out[name] = v
		}
	}
	if slices.Contains(p.read.Columns, InputsColumn) || len(p.read.Columns) == 0 {
		out[InputsColumn] = p.inputsOf(i, chosen)
	}
	p.result.Rows++
	if err := p.each(out); err != nil {
		return ours{err}
	}
	return nil
}

// inputsOf gives what a row was found by, under the names of the inputs.
func (p *reading) inputsOf(i int, chosen values) map[string]any {
	by := map[string]any{}
	for _, in := range p.endpoint.named(i) {
		if v, ok := chosen[in.as]; ok && !in.Filter {
			by[in.Name] = v
		}
	}
	for _, in := range p.besides {
		if found := p.given.single[in.Name]; len(found) > 0 {
			by[in.Name] = found
		}
	}
	return by
}

// redacted takes what a call was made with, the secrets of the connection and what
// was answered in the form out of a text for the log, in whatever case the vendor
// repeats it.
func (c *Connector) redacted(text string, chosen values) string {
	var hidden []string
	for _, all := range []map[string]any{chosen, c.secrets, c.facts.Custom} {
		for _, v := range all {
			if one := value.Text(v); len(one) > 2 {
				hidden = append(hidden, regexp.QuoteMeta(one))
			}
		}
	}
	slices.SortFunc(hidden, func(a, b string) int { return len(b) - len(a) }) // one may hold another
	if len(hidden) > 0 {
		text = regexp.MustCompile("(?i)"+strings.Join(hidden, "|")).ReplaceAllLiteralString(text, "…")
	}
	const most = 200
	if r := []rune(text); len(r) > most {
		return string(r[:most]) + "…"
	}
	return text
}
