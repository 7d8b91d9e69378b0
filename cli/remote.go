package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/google/uuid"

	"volenti.dev/volenti/api"
)

// remote is a server that a command asks over HTTP.
type remote struct {
	Server string `help:"Address of the server." placeholder:"URL" env:"VOLENTI_SERVER"`
	Token  string `help:"API key to show there; better in the environment." placeholder:"KEY" env:"VOLENTI_TOKEN"`
}

const (
	askTime   = time.Minute
	maxAnswer = 64 << 20 // bytes; a plan of many collections is long
)

// get asks for what is at a path below /api/v1.
func (r remote) get(s *session, path string, into any) error {
	return r.ask(s, http.MethodGet, path, "", nil, into)
}

// post sends a body under a key that nothing else was sent under.
func (r remote) post(s *session, path string, body, into any) error {
	return r.ask(s, http.MethodPost, path, uuid.NewString(), body, into)
}

func (r remote) ask(s *session, method, path, key string, body, into any) error {
	var sent bytes.Buffer
	if body != nil {
		if err := json.NewEncoder(&sent).Encode(body); err != nil {
			return err
		}
	}
	return r.send(s, method, path, key, "application/json", askTime, &sent, into)
}

// send sends a body of some kind, and waits so long for the answer.
func (r remote) send(s *session, method, path, key, kind string, within time.Duration, body io.Reader, into any) error {
	if err := r.check(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(s.ctx, within)
	defer cancel()
	q, err := http.NewRequestWithContext(ctx, method, strings.TrimSuffix(r.Server, "/")+"/api/v1"+path, body)
	if err != nil {
		return usage("--server: %w", err)
	}
	q.Header.Set("Authorization", "Bearer "+r.Token)
	if method == http.MethodPost {
		q.Header.Set("Content-Type", kind)
		q.Header.Set("Idempotency-Key", key)
	}
	answer, err := remoteClient.Do(q)
	if err != nil {
		return failure{exitUnreachable, fmt.Errorf("ask the server: %w", err)}
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer))
	if err != nil {
		return failure{exitUnreachable, fmt.Errorf("read the server's answer: %w", err)}
	}
	if answer.StatusCode >= http.StatusMultipleChoices {
		return refusal(answer.StatusCode, text)
	}
	if into == nil {
		return nil
	}
	if err := json.Unmarshal(text, into); err != nil {
		return fmt.Errorf("the answer of %s is not that of a Volenti server: %w", r.Server, err)
	}
	return nil
}

// remoteClient follows no redirect and takes no proxy from the environment, so
// that nobody else gets to see the key.
var remoteClient = &http.Client{
	Transport:     &http.Transport{ForceAttemptHTTP2: true, IdleConnTimeout: time.Minute},
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

// check refuses an address that would show the key to others.
func (r remote) check() error {
	u, err := url.Parse(r.Server)
	switch {
	case r.Server == "":
		return usage("which server? Give --server URL, or set VOLENTI_SERVER")
	case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return usage("--server must look like https://volenti.example.org")
	case u.Scheme == "http" && !local(u.Hostname()):
		return usage("--server must begin with https://: the key would be seen on the way")
	case r.Token == "":
		return usage("set VOLENTI_TOKEN to an API key, as volenti apikey create writes it")
	}
	return nil
}

func local(host string) bool {
	address, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && address.IsLoopback() || net.ParseIP(host).IsLoopback()
}

// refusal is what a server says when it does not do what it was asked.
func refusal(status int, text []byte) error {
	var p api.Problem
	if json.Unmarshal(text, &p) != nil || p.Detail == "" {
		p.Detail = "the server answered " + http.StatusText(status)
	}
	lines := []string{p.Detail}
	for _, v := range p.Errors {
		lines = append(lines, strings.TrimPrefix(v.Where+": "+v.What, ": "))
	}
	return failure{codeOfStatus(status), fmt.Errorf("%s", strings.Join(lines, "\n  "))}
}

func codeOfStatus(status int) int {
	switch status {
	case http.StatusBadRequest, http.StatusUnprocessableEntity:
		return exitUsage
	case http.StatusUnauthorized, http.StatusForbidden:
		return exitNotAllowed
	case http.StatusNotFound:
		return exitNotFound
	case http.StatusConflict:
		return exitConflict
	case http.StatusServiceUnavailable, http.StatusBadGateway, http.StatusGatewayTimeout, http.StatusTooManyRequests:
		return exitUnreachable
	}
	return exitFailure
}
