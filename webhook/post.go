package webhook

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"time"
)

// Client makes calls. It must not follow redirects, and judges where they go.
type Client interface {
	Do(*http.Request) (*http.Response, error)
}

// Poster makes single calls to endpoints.
type Poster struct {
	Public Client
	// Private may reach private networks; nil when no endpoint may be there.
	Private Client
	// NotAllowed says of a client's error that the address may not be called.
	NotAllowed func(error) bool
	// Timeout bounds a call to a webhook of a policy; 0 is callTime.
	Timeout time.Duration
	Now     func() time.Time
}

// callTime bounds a call.
const callTime = 20 * time.Second

// answer is what a call came to.
type answer struct {
	at      time.Time
	status  int
	outcome Outcome
	took    time.Duration
	pause   time.Duration // that the receiver asks for
}

// Post sends one event, once. An error means that there was none to be sent.
func (p *Poster) Post(ctx context.Context, to Endpoint, e Event) (Attempt, error) {
	a, err := p.post(ctx, to, e)
	return Attempt{At: a.at, Event: e.ID, Type: e.Type, Sequence: e.Sequence, Try: 1, Status: a.status, Outcome: a.outcome, Took: a.took}, err
}

func (p *Poster) post(ctx context.Context, to Endpoint, e Event) (answer, error) {
	a := answer{at: p.Now(), outcome: NotAllowed}
	client := p.Public
	if to.Private {
		client = p.Private
	}
	if client == nil {
		return a, nil
	}
	body, err := e.body(to.Tenant, to.Cloud)
	if err != nil {
		return a, fmt.Errorf("write event %d: %w", e.Sequence, err)
	}
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, to.URL, bytes.NewReader(body))
	if err != nil {
		return a, nil
	}
	mark(r, e.ID, a.at, to.Secrets, body)
	if to.Cloud {
		r.Header.Set("Content-Type", "application/cloudevents+json; charset=utf-8")
	}
	got, err := client.Do(r)
	a.took = p.Now().Sub(a.at)
	if err != nil {
		a.outcome = p.failure(err)
		return a, nil
	}
	// Some of the answer is read, for the connection to be used again; none
	// of it is kept.
	_, _ = io.CopyN(io.Discard, got.Body, 4<<10)
	_ = got.Body.Close()
	a.status, a.outcome = got.StatusCode, Answered
	if got.StatusCode >= 200 && got.StatusCode <= 299 {
		a.outcome = Delivered
	} else {
		a.pause = retryAfter(got.Header, p.Now())
	}
	return a, nil
}

// mark says who calls, and what for, as the standard asks.
func mark(r *http.Request, id string, at time.Time, secrets []Secret, body []byte) {
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("User-Agent", "Volenti")
	r.Header.Set("Webhook-Id", id)
	r.Header.Set("Webhook-Timestamp", strconv.FormatInt(at.Unix(), 10))
	r.Header.Set("Webhook-Signature", sign(secrets, id, at, body))
}

func (p *Poster) failure(err error) Outcome {
	var network net.Error
	switch {
	case p.NotAllowed(err):
		return NotAllowed
	case errors.As(err, &network) && network.Timeout(), errors.Is(err, context.DeadlineExceeded):
		return TimedOut
	}
	return Unreachable
}
