package http

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"volenti.dev/volenti/connector"
	"volenti.dev/volenti/internal/safehttp"
)

// The limits of a call.
const (
	mostAnswer   = safehttp.MaxAnswer // bytes
	attempts     = 10
	firstPause   = time.Second
	longestPause = 30 * time.Second
	mostPause    = 2 * time.Minute // waited in all, before the caller is told to come again
)

// answer is what a vendor said.
type answer struct {
	status int
	header http.Header
	body   []byte
	data   any // of the body, once it is read
}

func (a *answer) good() bool { return a.status >= 200 && a.status < 300 }

// send makes a call until it is answered with something other than "not now",
// waits in between as the vendor asks, and gives up when that takes too long.
// The error never holds anything of the call but its shape.
func (c *Connector) send(ctx context.Context, k *call) (*answer, error) {
	var waited time.Duration
	pause := firstPause
	for attempt := 1; ; attempt++ {
		a, err := c.attempt(ctx, k, attempt)
		if ctx.Err() != nil {
			return nil, c.fail(k, connector.Transient, "the time for it is over", 0)
		}
		next := pause
		failure := err
		switch {
		case err != nil && connector.Retryable(err):
		case err != nil:
			return nil, err
		case !busy(a.status):
			return a, nil
		default:
			if asked := retryAfter(a.header, time.Now()); asked > 0 {
				next = asked
			}
			failure = c.refused(k, a)
		}
		if k.once || attempt == attempts || waited+next > mostPause {
			return nil, failure
		}
		if err := wait(ctx, next); err != nil {
			return nil, failure
		}
		waited += next
		pause = min(2*pause, longestPause)
	}
}

// busy says whether the same call may be answered otherwise later.
func busy(status int) bool {
	return status == http.StatusTooManyRequests || status == http.StatusRequestTimeout || status >= 500 && status != http.StatusNotImplemented
}

// retryAfter reads Retry-After (RFC 9110, 10.2.3): seconds or a date.
func retryAfter(h http.Header, now time.Time) time.Duration {
	text := h.Get("Retry-After")
	if s, err := strconv.Atoi(text); err == nil && s > 0 && s < 1<<30 {
		return time.Duration(s) * time.Second
	}
	if t, err := http.ParseTime(text); err == nil && t.After(now) {
		return t.Sub(now)
	}
	return 0
}

// attempt makes a call once. A token that was refused is renewed, and the call
// made again.
func (c *Connector) attempt(ctx context.Context, k *call, number int) (*answer, error) {
	for renewed := false; ; renewed = true {
		if err := c.limit(ctx, k); err != nil {
			return nil, c.fail(k, connector.Transient, "the time for it ended while it waited for the rate limit", 0)
		}
		r, token, err := c.authenticated(ctx, k)
		if err != nil {
			return nil, err
		}
		since := time.Now()
		a, err := c.exchange(k, r)
		c.note(k, number, since, a, err)
		if err != nil || a.status != http.StatusUnauthorized || token == "" || renewed {
			return a, err
		}
		c.tokens.drop(ctx, k.client, token)
	}
}

func (c *Connector) limit(ctx context.Context, k *call) error {
	limits := k.request.Limits
	if len(limits) == 0 {
		limits = c.about.Limits
	}
	for _, l := range limits {
		key := l.Key
		if key == "" {
			key = c.about.Type + "/" + c.key
		}
		if err := c.options.Limiter.Wait(ctx, fmt.Sprintf("%s/%d/%s", key, l.Rate, l.Period), l.Rate, l.Period); err != nil {
			return err
		}
	}
	return nil
}

// exchange sends a request and reads the whole answer, up to the limit.
func (c *Connector) exchange(k *call, r *http.Request) (*answer, error) {
	if c.options.Client == nil {
		return nil, c.fail(k, connector.Denied, "calls to private networks are not allowed here (--allow-private-webhooks)", 0)
	}
	response, err := c.options.Client.Do(r)
	if err != nil {
		return nil, c.noAnswer(k, err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(response.Body, mostAnswer+1))
	switch {
	case errors.Is(err, safehttp.ErrTooLarge), len(body) > mostAnswer:
		return nil, c.fail(k, connector.Permanent, fmt.Sprintf("the answer is larger than %d MiB: ask for smaller pages", mostAnswer>>20), 0)
	case err != nil:
		return nil, c.noAnswer(k, err)
	}
	return &answer{status: response.StatusCode, header: response.Header, body: body}, nil
}

// noAnswer says why there is none. The text of err is not used: it quotes the
// address, which may hold anything.
func (c *Connector) noAnswer(k *call, err error) error {
	var timeout net.Error
	var name *net.DNSError
	var dial *net.OpError
	var differs differs
	switch {
	case errors.As(err, &differs):
		return c.fail(k, connector.Drift, differs.Error(), 0)
	case errors.Is(err, safehttp.ErrRefused), errors.Is(err, connector.ErrNotAllowed):
		return c.fail(k, connector.Denied, "its address is not allowed: it must be https, and neither reserved nor, unless the connection says private: true, in a private network", 0)
	case errors.Is(err, safehttp.ErrTooLarge):
		return c.fail(k, connector.Permanent, fmt.Sprintf("the answer is larger than %d MiB", mostAnswer>>20), 0)
	case errors.As(err, &name):
		return c.fail(k, connector.Unreachable, "the name of its host leads nowhere", 0)
	case errors.As(err, &dial) && dial.Op == "dial":
		return c.fail(k, connector.Unreachable, "it cannot be reached", 0)
	case errors.As(err, &timeout) && timeout.Timeout():
		return c.fail(k, connector.Transient, "it did not answer in time", 0)
	}
	return c.fail(k, connector.Transient, "the connection was lost", 0)
}

func (c *Connector) fail(k *call, kind connector.Kind, reason string, after time.Duration) *connector.Error {
	return &connector.Error{Kind: kind, Connection: c.key, Doing: k.doing, Reason: k.shown + ": " + reason, RetryAfter: after}
}

// refused says what a status means that is no success.
func (c *Connector) refused(k *call, a *answer) *refusal {
	reason := fmt.Sprintf("the vendor answered %d", a.status)
	kind := connector.Permanent
	switch {
	case a.status == http.StatusUnauthorized:
		kind, reason = connector.Denied, reason+": look at the connection's secrets, they were not accepted"
	case a.status == http.StatusForbidden:
		kind, reason = connector.Denied, reason+": the secrets are known, but lack a permission for this"
	case a.status == http.StatusTooManyRequests:
		kind, reason = connector.Transient, reason+", it takes no more calls for now"
	case busy(a.status):
		kind = connector.Transient
	case a.status >= 300 && a.status < 400:
		reason += ", which leads elsewhere: redirects are not followed, so describe the address that it leads to"
	case a.status == http.StatusBadRequest, a.status == http.StatusUnprocessableEntity, a.status == http.StatusConflict:
		kind = connector.Constraint
	}
	return &refusal{c.fail(k, kind, reason, retryAfter(a.header, time.Now())), a.status}
}

// refusal is a failure by an answer.
type refusal struct {
	failure *connector.Error
	status  int
}

func (r *refusal) Error() string { return r.failure.Error() }

// Unwrap gives what the rest of the house knows.
func (r *refusal) Unwrap() error { return r.failure }

// accept gives the answer of a call, nil where an error of it is to be ignored
// or it says nothing, and the failure otherwise.
func (c *Connector) accept(k *call, a *answer) (*answer, error) {
	switch {
	case a.good():
	case k.request.IgnoreAll, slices.Contains(k.request.Ignore, a.status):
		return nil, nil
	default:
		return nil, c.refused(k, a)
	}
	if a.status == http.StatusNoContent || len(bytes.TrimSpace(a.body)) == 0 {
		return nil, nil
	}
	var err error
	if a.data, err = parseJSON(a.body); err != nil {
		return nil, c.fail(k, connector.Permanent, err.Error(), 0)
	}
	return a, nil
}

// mistaken says what is wrong where an answer tells of an error in its body,
// whatever its status, as GraphQL does and others: {"errors": [...]}, {"ok":
// false}. It is "" where nothing is, or that is to be ignored.
func (k *call) mistaken(a *answer) string {
	if k.request.IgnoreAll || slices.Contains(k.request.Ignore, a.status) || !complains(a.data) {
		return ""
	}
	return fmt.Sprintf("the vendor answered %d with an error in the body: look at what it says, or write ignore_errors: [%d] where that is nothing", a.status, a.status)
}

func complains(data any) bool {
	object, _ := data.(map[string]any)
	for _, name := range []string{"error", "errors"} {
		if !slices.Contains([]string{"", "0", "false", "[]"}, inText(object[name])) {
			return true
		}
	}
	return object["ok"] == false || object["success"] == false
}

// unread says why there is no data where the description says it is, which must
// not be taken for no rows: an error, or an answer that comes later.
func (k *call) unread(a *answer) string {
	if a.status == http.StatusAccepted {
		return "the vendor answered 202, that it will answer later: describe how by async_config"
	}
	return k.mistaken(a)
}

func (c *Connector) note(k *call, attempt int, since time.Time, a *answer, err error) {
	e := connector.Exchange{Doing: k.doing, Call: k.shown, Attempt: attempt, Took: time.Since(since)}
	var failure *connector.Error
	if errors.As(err, &failure) {
		e.Note = strings.TrimPrefix(failure.Reason, k.shown+": ")
	}
	if a != nil {
		e.Status = a.status
	}
	c.log(e)
}

// log tells the house and the request what was called. What is done names the endpoint
// at its end.
func (c *Connector) log(e connector.Exchange) {
	e.Connection = c.key
	if name := e.Doing[strings.LastIndexByte(e.Doing, ' ')+1:]; c.about.Endpoint(name) != nil {
		e.Collection = name
	}
	for _, to := range []func(connector.Exchange){c.options.Log, c.facts.Log} {
		if to != nil {
			to(e)
		}
	}
}

// plain makes the request without authentication.
func (k *call) plain(ctx context.Context, query []Pair, body []byte) (*http.Request, error) {
	ctx = context.WithValue(ctx, callOf{}, k) // what a Trial wraps around the client asks for it
	u := k.url
	u.RawQuery = encode(query)
	var r *http.Request
	var err error
	if len(body) > 0 {
		r, err = http.NewRequestWithContext(ctx, k.request.Method, u.String(), bytes.NewReader(body))
	} else {
		r, err = http.NewRequestWithContext(ctx, k.request.Method, u.String(), nil)
	}
	if err != nil {
		var quoted *url.Error
		if errors.As(err, &quoted) {
			err = errors.New("its address cannot be read")
		}
		return nil, err
	}
	r.Header = k.header.Clone()
	if r.Header.Get("Accept") == "" {
		r.Header.Set("Accept", "application/json")
	}
	if r.Header.Get("User-Agent") == "" {
		r.Header.Set("User-Agent", "Volenti")
	}
	return r, nil
}
