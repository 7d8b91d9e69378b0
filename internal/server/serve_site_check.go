package server

import (
	"context"
	"errors"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"volenti.dev/volenti/api"
	"volenti.dev/volenti/consent/page"
	"volenti.dev/volenti/internal/safehttp"
)

// sitePages reads the pages of sites.
type sitePages struct {
	client    *http.Client
	time      time.Duration // for one page, with all redirects
	publicURL string
}

var _ api.SitePages = sitePages{}

const (
	pageTime     = 15 * time.Second
	maxRedirects = 5
)

func (s *Server) sitePages() sitePages {
	return sitePages{safehttp.NewClient(safehttp.Options{AllowPrivate: s.AllowPrivateWebhooks, Timeout: pageTime}), pageTime, s.PublicURL}
}

// Server implements api.SitePages.
func (p sitePages) Server() *url.URL {
	u, err := url.Parse(p.publicURL)
	if err != nil {
		return &url.URL{}
	}
	return u
}

// Read implements api.SitePages. Nothing is sent that tells who asks: no cookie, no
// referrer.
func (p sitePages) Read(ctx context.Context, at *url.URL, may func(*url.URL) bool) (page.Answer, error) {
	ctx, cancel := context.WithTimeout(ctx, p.time)
	defer cancel()
	for range maxRedirects + 1 {
		answer, next, err := p.get(ctx, at)
		if err != nil || next == nil {
			return answer, err
		}
		if !may(next) {
			return page.Answer{}, &page.Unread{Kind: page.Elsewhere, About: next.Scheme + "://" + next.Host}
		}
		at = next
	}
	return page.Answer{}, &page.Unread{Kind: page.Status, About: "3xx, again and again"}
}

// get makes one call; next is where it leads, where that is elsewhere.
func (p sitePages) get(ctx context.Context, at *url.URL) (_ page.Answer, next *url.URL, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, at.String(), nil)
	if err != nil {
		return page.Answer{}, nil, &page.Unread{Kind: page.Unreachable}
	}
	r.Header.Set("Accept", "text/html")
	r.Header.Set("User-Agent", "Volenti (looks whether a banner is in the page)")
	got, err := p.client.Do(r)
	if err != nil {
		return page.Answer{}, nil, p.unread(err)
	}
	defer func() { err = errors.Join(err, got.Body.Close()) }()
	if to, err := got.Location(); err == nil && got.StatusCode/100 == 3 {
		return page.Answer{}, to, nil
	}
	if got.StatusCode != http.StatusOK {
		return page.Answer{}, nil, &page.Unread{Kind: page.Status, About: strconv.Itoa(got.StatusCode)}
	}
	if kind, _, err := mime.ParseMediaType(got.Header.Get("Content-Type")); err != nil || kind != "text/html" && kind != "application/xhtml+xml" {
		return page.Answer{}, nil, &page.Unread{Kind: page.NoHTML, About: orNothing(kind)}
	}
	if packed := got.Header.Get("Content-Encoding"); packed != "" && packed != "identity" {
		return page.Answer{}, nil, &page.Unread{Kind: page.NoHTML, About: packed} // nobody has asked for it
	}
	body, err := io.ReadAll(io.LimitReader(got.Body, page.Most+1))
	if err != nil {
		return page.Answer{}, nil, p.unread(err)
	}
	if len(body) > page.Most {
		return page.Answer{}, nil, &page.Unread{Kind: page.TooLarge, About: strconv.Itoa(page.Most >> 20)}
	}
	return page.Answer{At: at, Policies: got.Header.Values("Content-Security-Policy"), Body: body}, nil, nil
}

// unread says why there is no page, without what the network says of it.
func (p sitePages) unread(err error) *page.Unread {
	var slow net.Error
	switch {
	case errors.Is(err, safehttp.ErrRefused):
		return &page.Unread{Kind: page.Refused}
	case errors.As(err, &slow) && slow.Timeout(), errors.Is(err, context.DeadlineExceeded):
		return &page.Unread{Kind: page.Timeout, About: strconv.Itoa(int(p.time.Seconds()))}
	}
	return &page.Unread{Kind: page.Unreachable}
}

func orNothing(kind string) string {
	if kind == "" {
		return "of no type"
	}
	return kind
}
