package http

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"volenti.dev/volenti/connector"
)

// Recording is what a vendor answered in a Trial. Texts and numbers are
// replaced, the same by the same; true, false and null are kept. Tokens were
// not recorded.
type Recording struct {
	Connector string              `json:"connector"` // type of the description
	Endpoint  string              `json:"endpoint,omitempty"`
	Person    map[string][]string `json:"person,omitempty"` // what stands for the identities
	Given     map[string][]string `json:"given,omitempty"`
	Rows      int                 `json:"rows"`
	Fields    []string            `json:"fields,omitempty"`
	Calls     []Recorded          `json:"calls"`
}

// Recorded is a call that was answered with something other than "not now".
type Recorded struct {
	Call   string          `json:"call"` // method and path template
	Status int             `json:"status"`
	Link   string          `json:"link,omitempty"` // the header
	Body   json.RawMessage `json:"body,omitempty"`
}

// differs says that a description does not ask what was recorded.
type differs string

func (d differs) Error() string { return string(d) }

// callOf is the key of the call in the context of its requests.
type callOf struct{}

// Record runs a trial and keeps what was answered. It is only kept when the
// recording gives what the vendor gave.
func (t Trial) Record(ctx context.Context) (Tried, *Recording, error) {
	hide := newHiding(t)
	rec := &tape{next: t.Client.Transport, hide: hide}
	if rec.next == nil {
		rec.next = http.DefaultTransport
	}
	client := *t.Client
	client.Transport = rec
	recorded := t
	recorded.Client = &client
	tried, err := recorded.run(ctx, nil, hide)
	if err != nil {
		return tried, nil, err
	}
	made := &Recording{
		Connector: t.About.Type, Endpoint: t.Endpoint, Person: standIns(t.Person), Given: standIns(t.Given),
		Rows: len(tried.Rows), Fields: tried.Fields, Calls: rec.kept,
	}
	if _, err := made.Replay(ctx, t.About); err != nil {
		return tried, nil, fmt.Errorf("what the vendor answered cannot be kept without its values, by which the description goes on: %w", err)
	}
	return tried, made, nil
}

// standIns gives what stands for each value.
func standIns(all map[string][]string) map[string][]string {
	made := map[string][]string{}
	for name, texts := range all {
		for i := range texts {
			made[name] = append(made[name], standIn(name, i))
		}
	}
	return made
}

func standIn(name string, i int) string { return fmt.Sprintf("<%s %d>", name, i+1) }

// Replay runs a description against a recording, without a network and without
// secrets. The error is of the kind Drift when other calls are made, or the
// rows are others.
func (r *Recording) Replay(ctx context.Context, d *Description) (Tried, error) {
	t := Trial{About: d, Endpoint: r.Endpoint, Person: r.Person, Given: r.Given, Secrets: d.madeUp()}
	from := &replay{calls: r.Calls}
	tried, err := t.run(ctx, from, newHiding(t))
	reason := ""
	switch {
	case err != nil:
		return tried, err
	case from.at < len(r.Calls):
		reason = fmt.Sprintf("%d calls were made, and %d are recorded", from.at, len(r.Calls))
	case len(tried.Rows) != r.Rows || !slices.Equal(tried.Fields, r.Fields):
		reason = fmt.Sprintf("there are %d rows with the fields %s, and recorded are %d with %s", len(tried.Rows), strings.Join(tried.Fields, ", "), r.Rows, strings.Join(r.Fields, ", "))
	default:
		return tried, nil
	}
	return tried, &connector.Error{Kind: connector.Drift, Connection: d.Type, Doing: "replay", Reason: reason + ": mend the description, or record it again"}
}

// madeUp are secrets that Open accepts.
func (d *Description) madeUp() map[string]string {
	all := map[string]string{}
	for _, p := range d.Params {
		switch {
		case p.Default != nil:
			all[p.Name] = *p.Default
		case len(p.Options) > 0:
			all[p.Name] = p.Options[0]
		case len(p.Allowed) > 0:
			all[p.Name] = strings.ReplaceAll(p.Allowed[0], "*", "replayed")
		default:
			all[p.Name] = "replayed"
		}
	}
	for _, e := range d.External {
		all[e.Name] = "replayed.replayed.replayed"
	}
	return all
}

// tape keeps the answers that pass. It serves one trial, call by call.
type tape struct {
	next http.RoundTripper
	hide *hiding
	kept []Recorded
	last *call
}

// RoundTrip implements http.RoundTripper.
func (r *tape) RoundTrip(q *http.Request) (*http.Response, error) {
	answer, err := r.next.RoundTrip(q)
	k, _ := q.Context().Value(callOf{}).(*call)
	if err != nil || k == nil || k.token {
		return answer, err
	}
	body, err := io.ReadAll(io.LimitReader(answer.Body, mostAnswer+1))
	if closed := answer.Body.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return nil, err
	}
	answer.Body = io.NopCloser(bytes.NewReader(body))
	one := Recorded{Call: k.shown, Status: answer.StatusCode}
	if data, err := parseJSON(body); err == nil {
		one.Body = appendJSON(nil, r.hide.in(data))
	}
	if p := k.request.Pagination; p != nil && p.Source == "headers" {
		if link := linkOf(answer.Header.Values("Link"), p.Rel); link != "" {
			one.Link = fmt.Sprintf("<%v>; rel=%q", r.hide.text(link), p.Rel)
		}
	}
	if k == r.last { // it was asked again
		r.kept = r.kept[:len(r.kept)-1]
	}
	r.kept, r.last = append(r.kept, one), k
	return answer, nil
}

// CloseIdleConnections is for http.Client.CloseIdleConnections.
func (r *tape) CloseIdleConnections() {
	if c, ok := r.next.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}

// replay answers calls with what was recorded, in its order.
type replay struct {
	calls []Recorded
	at    int
}

// RoundTrip implements http.RoundTripper.
func (r *replay) RoundTrip(q *http.Request) (*http.Response, error) {
	k, _ := q.Context().Value(callOf{}).(*call)
	switch {
	case k == nil:
		return nil, differs("this call cannot be recorded")
	case r.at == len(r.calls):
		return nil, differs("the recording has no more calls: mend the description, or record it again")
	case r.calls[r.at].Call != k.shown:
		return nil, differs("the recording has " + r.calls[r.at].Call + " here: mend the description, or record it again")
	}
	one := r.calls[r.at]
	r.at++
	answer := &http.Response{StatusCode: one.Status, Header: http.Header{}, Body: io.NopCloser(bytes.NewReader(one.Body)), Request: q}
	if one.Link != "" {
		answer.Header.Set("Link", one.Link)
	}
	return answer, nil
}

// hiding replaces values, the same by the same.
type hiding struct {
	keep   []kept
	secret []string // no name of a field holds one
	made   map[string]any
}

// kept is a text that means something to the description, and what stands for
// it.
type kept struct{ text, as string }

func newHiding(t Trial) *hiding {
	h := &hiding{made: map[string]any{}}
	for _, of := range []map[string][]string{t.Person, t.Given} {
		for _, name := range slices.Sorted(maps.Keys(of)) {
			for i, text := range of[name] {
				h.keep = append(h.keep, kept{text, standIn(name, i)})
				h.secret = append(h.secret, text)
			}
		}
	}
	for _, p := range t.About.Params {
		if text := t.Secrets[p.Name]; text != "" && len(p.Options) == 0 {
			h.secret = append(h.secret, text)
		}
	}
	for _, e := range t.About.Endpoints {
		for _, q := range e.Read {
			for _, p := range q.Processors { // a filter's own text is no one's value
				if p.Literal != nil && *p.Literal != "" {
					h.keep = append(h.keep, kept{*p.Literal, *p.Literal})
				}
			}
		}
	}
	return h
}

// in replaces what is in a value.
func (h *hiding) in(v any) any {
	switch v := v.(type) {
	case nil, bool:
		return v
	case string:
		return h.text(v)
	case []any:
		list := make([]any, len(v))
		for i := range v {
			list[i] = h.in(v[i])
		}
		return list
	case map[string]any:
		object := map[string]any{}
		for _, name := range slices.Sorted(maps.Keys(v)) {
			object[h.name(name)] = h.in(v[name])
		}
		return object
	default:
		text := inText(v)
		for _, k := range h.keep {
			if k.text == text && k.as != text {
				return k.as
			} else if k.text == text {
				return v
			}
		}
		return h.instead("number "+text, func(n int) any { return int64(n) })
	}
}

// text gives what stands for a text. Links stay links, and lead to the same
// host.
func (h *hiding) text(text string) any {
	if text == "" || strings.EqualFold(text, "true") || strings.EqualFold(text, "false") {
		return text
	}
	with := ""
	for _, k := range h.keep {
		if strings.EqualFold(k.text, text) {
			return k.as
		}
		if strings.Contains(strings.ToLower(text), strings.ToLower(k.text)) {
			with += " " + k.as
		}
	}
	for _, begin := range []string{"https://", "http://", "/", "?"} {
		if strings.HasPrefix(text, begin) {
			return h.instead(text, func(n int) any { return fmt.Sprintf("?text=%d", n) })
		}
	}
	return h.instead(text, func(n int) any { return fmt.Sprintf("text-%d%s", n, with) })
}

func (h *hiding) instead(key string, as func(n int) any) any {
	if h.made[key] == nil {
		h.made[key] = as(len(h.made) + 1)
	}
	return h.made[key]
}

var nameLike = regexp.MustCompile(`^[A-Za-z_$][A-Za-z0-9_$ .:-]{0,63}$`)

// name gives the name of a field, unless it is a value. Names may hold short
// texts by chance.
func (h *hiding) name(name string) string {
	held := func(s string) bool {
		return name == s || len(s) > 3 && strings.Contains(strings.ToLower(name), strings.ToLower(s))
	}
	if nameLike.MatchString(name) && !slices.ContainsFunc(h.secret, held) {
		return name
	}
	return fmt.Sprint(h.instead(name, func(n int) any { return fmt.Sprintf("text-%d", n) }))
}

// WithoutSecrets gives rows to be shown: secrets that a vendor sends back are
// taken out of them.
func (t Trial) WithoutSecrets(rows []connector.Row) []any {
	var secrets []string
	for _, p := range t.About.Params {
		if text := t.Secrets[p.Name]; len(text) > 2 && len(p.Options) == 0 {
			secrets = append(secrets, text, "…")
		}
	}
	replacer := strings.NewReplacer(secrets...)
	all := []any{}
	for _, row := range rows {
		all = append(all, replaced(map[string]any(row), replacer))
	}
	return all
}

func replaced(v any, r *strings.Replacer) any {
	switch v := v.(type) {
	case string:
		return r.Replace(v)
	case []any:
		list := make([]any, len(v))
		for i := range v {
			list[i] = replaced(v[i], r)
		}
		return list
	case map[string]any:
		object := map[string]any{}
		for name := range v {
			object[r.Replace(name)] = replaced(v[name], r)
		}
		return object
	}
	return v
}
