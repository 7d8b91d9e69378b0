package connector

import (
	"errors"
	"net/http"
)

// Client makes calls over HTTP. It judges the address that is connected to, follows
// no redirects, and bounds the time of a call and the length of an answer. It fails
// with ErrNotAllowed where the address is not one that may be called. Other errors
// of it may quote the URL.
type Client interface {
	Do(*http.Request) (*http.Response, error)
}

// ErrNotAllowed: the address is not one that may be called.
var ErrNotAllowed = errors.New("the address is not one that may be called")
