// Package safehttp calls addresses that somebody else has configured. It must
// not become a way into the network that Volenti stands in, so it judges the
// address that is connected to, not the name: what a name led to when it was
// checked it need not lead to any more.
//
//	URL    -> Check      https, a host, no user, no more than 2048 bytes
//	name   -> resolver   any number of addresses
//	           -> judge  each, in the dialer, after the last look-up
//	              -> TLS, request, answer of 10 MiB at most, no redirect
package safehttp

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"syscall"
	"time"
)

// Sentinels that callers test for.
var (
	// ErrRefused: the address, or what is to be done there, is not allowed.
	ErrRefused = errors.New("this address is not allowed")
	// ErrTooLarge: the answer is longer than MaxAnswer.
	ErrTooLarge = errors.New("the answer is too large")
)

// The limits.
const (
	MaxURL    = 2048     // bytes
	MaxAnswer = 10 << 20 // bytes

	maxHeader   = 64 << 10
	connectTime = 10 * time.Second
	idleTime    = 90 * time.Second
	idleMost    = 8 // kept connections to a host
)

// Options say what a client may do.
type Options struct {
	// AllowPrivate lets it connect to loopback and private addresses, and
	// speak HTTP without TLS. It does not open what no receiver can be behind:
	// link-local addresses and cloud metadata among them.
	AllowPrivate bool
	// Timeout bounds a call from the look-up of the name to the end of the
	// answer; 0 is 20 seconds.
	Timeout time.Duration
}

// NewClient gives a client. Connections are kept for further calls, with the
// verdict on their address: two clients share none.
func NewClient(o Options) *http.Client {
	if o.Timeout == 0 {
		o.Timeout = 20 * time.Second
	}
	dialer := &net.Dialer{Timeout: connectTime, ControlContext: func(_ context.Context, _, address string, _ syscall.RawConn) error {
		return judge(address, o.AllowPrivate)
	}}
	return &http.Client{
		Timeout:       o.Timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: guard{o.AllowPrivate, &http.Transport{
			Proxy:                  nil, // the environment has no say in it
			DialContext:            dialer.DialContext,
			TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12},
			TLSHandshakeTimeout:    connectTime,
			ForceAttemptHTTP2:      true,
			DisableCompression:     true, // what is small on the wire must not grow here
			MaxResponseHeaderBytes: maxHeader,
			MaxIdleConnsPerHost:    idleMost,
			IdleConnTimeout:        idleTime,
		}},
	}
}

// Check says what is wrong with a URL, before anything is connected to.
func Check(raw string, allowPrivate bool) error {
	u, err := url.Parse(raw)
	if err != nil {
		return fmt.Errorf("%w: it cannot be read", ErrRefused) // err quotes it
	}
	if len(raw) > MaxURL {
		return fmt.Errorf("%w: it is longer than %d bytes", ErrRefused, MaxURL)
	}
	return checkURL(u, allowPrivate)
}

func checkURL(u *url.URL, allowPrivate bool) error {
	switch {
	case u.Scheme != "https" && !(u.Scheme == "http" && allowPrivate):
		return fmt.Errorf("%w: it must begin with https://", ErrRefused)
	case u.Hostname() == "" || u.Opaque != "":
		return fmt.Errorf("%w: it names no host", ErrRefused)
	case u.User != nil:
		return fmt.Errorf("%w: it must hold no user and no password", ErrRefused)
	case u.Fragment != "":
		return fmt.Errorf("%w: it must have no part behind #", ErrRefused)
	case strings.Contains(u.Hostname(), "%"):
		return fmt.Errorf("%w: it must name no network interface", ErrRefused)
	}
	if a, err := netip.ParseAddr(u.Hostname()); err == nil {
		return judgeAddr(a, allowPrivate)
	}
	return nil
}

// guard checks what is asked for, and bounds the answer.
type guard struct {
	allowPrivate bool
	next         http.RoundTripper
}

func (g guard) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := checkURL(r.URL, g.allowPrivate); err != nil {
		if r.Body != nil {
			_ = r.Body.Close()
		}
		return nil, err
	}
	answer, err := g.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	answer.Body = &bounded{answer.Body, MaxAnswer}
	return answer, nil
}

// CloseIdleConnections is for http.Client.CloseIdleConnections.
func (g guard) CloseIdleConnections() {
	if c, ok := g.next.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}

// bounded fails when there is more than it may give.
type bounded struct {
	io.ReadCloser
	left int64
}

func (b *bounded) Read(p []byte) (int, error) {
	if int64(len(p)) > b.left+1 {
		p = p[:b.left+1]
	}
	n, err := b.ReadCloser.Read(p)
	if b.left -= int64(n); b.left < 0 {
		b.left = 0
		return n - 1, ErrTooLarge
	}
	return n, err
}
