package webhook

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"strconv"
	"sync/atomic"
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

// Message is what is sent to a machine.
type Message struct {
	ID      string // webhook-id: the same whenever this is sent again
	URL     string
	Private bool // may be in a private network, and without TLS
	Type    string
	Body    []byte
	Secrets []Secret // it is signed with
}

// Answer is what a call came to.
type Answer struct {
	At      time.Time
	Status  int // HTTP; 0 when there was no answer
	Outcome Outcome
	Took    time.Duration
	// RetryAfter is the pause that the receiver asks for; 0 when it did not say.
	RetryAfter time.Duration
	// Reached: a connection was made, so that the message may have arrived.
	Reached bool
}

// Post sends one event, once. An error means that there was none to be sent.
func (p *Poster) Post(ctx context.Context, to Endpoint, e Event) (Attempt, error) {
	a, err := p.post(ctx, to, e)
	return Attempt{At: a.At, Event: e.ID, Type: e.Type, Sequence: e.Sequence, Try: 1, Status: a.Status, Outcome: a.Outcome, Took: a.Took}, err
}

func (p *Poster) post(ctx context.Context, to Endpoint, e Event) (Answer, error) {
	body, err := e.body(to.Tenant, to.Cloud)
	if err != nil {
		return Answer{At: p.Now(), Outcome: NotAllowed}, fmt.Errorf("write event %d: %w", e.Sequence, err)
	}
	m := Message{ID: e.ID, URL: to.URL, Private: to.Private, Type: "application/json", Body: body, Secrets: to.Secrets}
	if to.Cloud {
		m.Type = "application/cloudevents+json; charset=utf-8"
	}
	return p.Send(ctx, m), nil
}

// Send sends a message, once.
func (p *Poster) Send(ctx context.Context, m Message) Answer {
	a := Answer{At: p.Now(), Outcome: NotAllowed}
	client := p.Public
	if m.Private {
		client = p.Private
	}
	if client == nil {
		return a
	}
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	var reached atomic.Bool
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { reached.Store(true) }})
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, m.URL, bytes.NewReader(m.Body))
	if err != nil {
		return a
	}
	mark(r, m.ID, a.At, m.Secrets, m.Body)
	r.Header.Set("Content-Type", m.Type)
	got, err := client.Do(r)
	a.Took, a.Reached = p.Now().Sub(a.At), reached.Load()
	if err != nil {
		a.Outcome = p.failure(err)
		return a
	}
	// Some of the answer is read, for the connection to be used again; none
	// of it is kept.
	_, _ = io.CopyN(io.Discard, got.Body, 4<<10)
	_ = got.Body.Close()
	a.Status, a.Outcome = got.StatusCode, Answered
	if got.StatusCode >= 200 && got.StatusCode <= 299 {
		a.Outcome = Delivered
	} else {
		a.RetryAfter = retryAfter(got.Header, p.Now())
	}
	return a
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
