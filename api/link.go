package api

import (
	"errors"
	"net/http"

	"volenti.dev/volenti/auth"
)

// tokenInput is what who came by a link in a letter shows.
type tokenInput struct {
	Body struct {
		Token string `json:"token" minLength:"1" maxLength:"200" doc:"What stands behind the last slash of the link"`
	}
}

// ofLink answers alike whatever is wrong with a token: it was made up, used up,
// revoked, has expired, or what it was for is over.
func ofLink(err error) error {
	if errors.Is(err, auth.ErrRefused) {
		return &Problem{Status: http.StatusForbidden, Detail: "The link is not valid, or not any more. Take the one of the last letter."}
	}
	return err
}
