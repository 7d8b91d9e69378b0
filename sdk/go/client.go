// Package volenti is for Go programs that use personal data somewhere else
// than Volenti runs: it asks a server on behalf of the gates of package
// consent.
//
//	consent.Gate -> Client.Check -> GET /api/v1/subjects/{id}/consents/{purpose}
//
// It keeps no answer, and what is not a clear yes or no of the server is an
// error, which every gate takes for a no.
package volenti

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"volenti.dev/volenti/consent"
)

var _ consent.Checker = (*Client)(nil)

// Client asks a server. It may be used by many goroutines; connections are
// kept.
type Client struct {
	server *url.URL
	token  string
	http   *http.Client
}

// Limits of a check.
const (
	checkTime = 5 * time.Second // connecting included
	maxAnswer = 4 << 10         // bytes
)

// New gives a client of the server at an address like
// https://volenti.example.org. The token is an API key with the scope
// consents:check. No errors of it repeat either. Plain http is for a server
// on the loopback address.
func New(server, token string) (*Client, error) {
	u, err := url.Parse(server)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" ||
		u.User != nil || u.Path != "" && u.Path != "/" || u.RawQuery != "" || u.Fragment != "" {
		return nil, errors.New("the address of the server must look like https://volenti.example.org")
	}
	if token == "" {
		return nil, errors.New("the token must be an API key, as volenti apikey create writes it")
	}
	return &Client{server: u, token: token, http: &http.Client{
		Timeout: checkTime,
		// No proxy from the environment gets to see the key.
		Transport: &http.Transport{
			ForceAttemptHTTP2: true, DisableCompression: true,
			MaxIdleConnsPerHost: 32, IdleConnTimeout: time.Minute, MaxResponseHeaderBytes: 64 << 10,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

// Check implements consent.Checker. The tenant is that of the API key, and
// the time that of the server: what the gate says of them is not sent.
func (c *Client) Check(ctx context.Context, _ string, id consent.SubjectID, purpose string, _ time.Time) (consent.Decision, error) {
	if !consent.ValidKey(purpose) {
		return consent.Decision{Reason: consent.UnknownPurpose}, nil
	}
	body, err := c.get(ctx, c.server.JoinPath("api", "v1", "subjects", id.String(), "consents", purpose))
	if err != nil {
		return consent.Decision{}, fmt.Errorf("ask for consent: %w", err)
	}
	var answer struct {
		Allowed *bool
		Reason  consent.Reason
	}
	if err := json.Unmarshal(body, &answer); err != nil || answer.Allowed == nil || answer.Reason == "" || *answer.Allowed != (answer.Reason == consent.Given) {
		return consent.Decision{}, errors.New("ask for consent: the answer is neither yes nor no")
	}
	return consent.Decision{Allowed: *answer.Allowed, Reason: answer.Reason}, nil
}

func (c *Client) get(ctx context.Context, from *url.URL) (body []byte, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, from.String(), nil)
	if err != nil {
		return nil, errors.New("the request cannot be made") // the error would have the subject
	}
	r.Header.Set("Authorization", "Bearer "+c.token)
	r.Header.Set("Accept", "application/json")
	answer, err := c.http.Do(r)
	if err != nil {
		if at := (*url.Error)(nil); errors.As(err, &at) {
			err = at.Err // without the URL, which has the subject
		}
		return nil, err
	}
	defer func() { err = errors.Join(err, answer.Body.Close()) }()
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the server answered with status %d", answer.StatusCode)
	}
	body, err = io.ReadAll(io.LimitReader(answer.Body, maxAnswer+1))
	if err == nil && len(body) > maxAnswer {
		err = errors.New("the answer is too long")
	}
	return body, err
}
