package api

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"

	"volenti.dev/volenti/auth"
)

// CallbackPath is where systems that answer later post their answers: what they
// are told as reply_to. Those that cannot send the token in a header append it.
const CallbackPath = "/api/v1/public/callbacks"

// maxReply is how long an answer may be, in bytes.
const maxReply = 10 << 20

// Callbacks take the answers of systems that answer later.
type Callbacks interface {
	// TakeReply keeps an answer, and lets the request go on that waits for it.
	// auth.ErrRefused when the token does not stand.
	TakeReply(ctx context.Context, token string, body []byte) error
}

// replyBody is an answer: to a read, or to what masks.
type replyBody struct {
	Rows   []map[string]any `json:"access_results,omitempty" doc:"The rows that were asked for"`
	Masked uint64           `json:"rows_masked,omitempty" doc:"How many rows were masked or deleted"`
}

type replyInput struct {
	Token string `header:"Reply-To-Token" doc:"The token that came with the call" maxLength:"200"`
	Body  replyBody
}

type replyAtInput struct {
	Token string `path:"token" doc:"The token that came with the call" maxLength:"200"`
	Body  replyBody
}

type replyOutput struct {
	Status int
}

const exampleReply = `{"access_results":[{"email":"anna@example.org"}]}`

// takeReply keeps the body as it is: whoever has asked reads it. It answers alike
// whatever is wrong with a token.
func takeReply(a *API, ctx context.Context, _ auth.Caller, w http.ResponseWriter, r *http.Request) error {
	if err := patiently(w); err != nil {
		return err
	}
	body, err := io.ReadAll(r.Body)
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return tooLarge()
	case err != nil:
		return &Problem{Status: http.StatusBadRequest, Detail: "The body did not arrive whole, or not in time."}
	}
	if err := checkReply(body); err != nil {
		return invalid("body", err.Error())
	}
	err = a.config.Callbacks.TakeReply(ctx, cmp.Or(r.PathValue("token"), r.Header.Get("Reply-To-Token")), body)
	if errors.Is(err, auth.ErrRefused) {
		return &Problem{Status: http.StatusConflict, Detail: "Nothing waits for this answer: its token is wrong, was used, or is too late. Nothing was changed."}
	}
	if err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// checkReply says what is wrong with an answer, before its token is used up.
func checkReply(body []byte) error {
	var reply struct {
		Rows   *[]map[string]any `json:"access_results"`
		Masked *uint64           `json:"rows_masked"`
	}
	if err := json.Unmarshal(body, &reply); err != nil || reply.Rows == nil && reply.Masked == nil {
		return errors.New(`must be a JSON object with access_results, a list of objects, or with rows_masked, their number; the token still stands`)
	}
	return nil
}
