package api

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"volenti.dev/volenti/auth"
)

// Answers remembers what was answered under an idempotency key. Claim gives a
// fence above 0 to the one who is to answer; see the store.
type Answers interface {
	Claim(ctx context.Context, tenant, key string, content []byte) (fence int64, same bool, answer []byte, err error)
	Keep(ctx context.Context, tenant, key string, fence int64, answer []byte) error
	Release(ctx context.Context, tenant, key string, fence int64) error
}

// answer is what is remembered. Only what succeeded is: a request that was
// refused has changed nothing, and may be sent again when it is mended.
type answer struct {
	Status int         `json:"status"`
	Header http.Header `json:"header"`
	Body   []byte      `json:"body"`
}

// remembered are the headers that belong to an answer.
var remembered = []string{"Content-Type", "Location"}

// once answers a POST, and answers it the same when it is sent again. When the
// process dies between the act and its answer, the act may be repeated: every
// act must be harmless then, as it must for those that change one row.
func (a *API) once(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx := r.Context()
		caller, _ := ctx.Value(callerKey{}).(auth.Caller)
		key, err := idempotencyKey(r, caller)
		if err != nil {
			write(w, a.problem(ctx, err))
			return
		}
		body, err := readAll(r.Body)
		if err != nil {
			write(w, a.problem(ctx, err))
			return
		}
		fence, same, earlier, err := a.config.Answers.Claim(ctx, caller.Tenant, key, content(r, body))
		switch {
		case err != nil:
			write(w, a.problem(ctx, err))
		case fence > 0:
			r.Body = io.NopCloser(bytes.NewReader(body))
			a.first(w, r, next, caller.Tenant, key, fence)
		case !same:
			write(w, &Problem{Status: http.StatusConflict, Detail: usedBefore})
		case earlier == nil:
			write(w, &Problem{Status: http.StatusConflict, Detail: "A request with this Idempotency-Key is under way. Try again.", retry: time.Second})
		default:
			a.again(w, earlier)
		}
	})
}

type idempotencyKeyKey struct{}

// keyed hands the digest of the Idempotency-Key on to an act that commits it
// with its change.
func (a *API) keyed(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		caller, _ := r.Context().Value(callerKey{}).(auth.Caller)
		key, err := idempotencyKey(r, caller)
		if err != nil {
			write(w, a.problem(r.Context(), err))
			return
		}
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), idempotencyKeyKey{}, key)))
	})
}

// idempotency gives the key that an act has to commit with its change.
func idempotency(ctx context.Context) string {
	key, _ := ctx.Value(idempotencyKeyKey{}).(string)
	return key
}

// first does what is asked and keeps the answer before it is given.
func (a *API) first(w http.ResponseWriter, r *http.Request, next http.Handler, tenant, key string, fence int64) {
	ctx := context.WithoutCancel(r.Context()) // the client may leave; its answer is kept
	buffer := &buffered{header: http.Header{}}
	kept := false
	defer func() {
		if kept {
			return
		}
		if err := a.config.Answers.Release(ctx, tenant, key, fence); err != nil {
			a.config.Log.Warn("an idempotency key is held until its claim ends", "error", err)
		}
	}()
	next.ServeHTTP(buffer, r)
	if buffer.status < http.StatusMultipleChoices {
		kept = true
		text, err := json.Marshal(buffer.answer())
		if err == nil {
			err = a.config.Answers.Keep(ctx, tenant, key, fence, text)
		}
		if err != nil { // what was done stands, and so does its answer
			a.config.Log.Error("an answer was not kept", "error", err)
		}
	}
	for name, values := range buffer.header {
		w.Header()[name] = values
	}
	w.WriteHeader(buffer.status)
	_, _ = w.Write(buffer.body.Bytes())
}

func (a *API) again(w http.ResponseWriter, text []byte) {
	var earlier answer
	if err := json.Unmarshal(text, &earlier); err != nil {
		panic("a kept answer cannot be read")
	}
	for name, values := range earlier.Header {
		w.Header()[name] = values
	}
	w.Header().Set("Idempotency-Replayed", "true")
	w.WriteHeader(earlier.Status)
	_, _ = w.Write(earlier.Body)
}

// idempotencyKey gives the digest under which the answer is kept. It holds for
// one API key: what one may see, another may not.
func idempotencyKey(r *http.Request, caller auth.Caller) (string, error) {
	sent := r.Header.Values("Idempotency-Key")
	if len(sent) != 1 || sent[0] == "" || len(sent[0]) > 255 || strings.Trim(sent[0], printable) != "" {
		return "", &Problem{Status: http.StatusBadRequest, Detail: "A POST needs one Idempotency-Key of 1 to 255 characters of printable ASCII."}
	}
	sum := sha256.Sum256([]byte(caller.ID + "\n" + sent[0]))
	return hex.EncodeToString(sum[:]), nil
}

const printable = " !\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefghijklmnopqrstuvwxyz{|}~"

// content is what was asked, without ambiguity.
func content(r *http.Request, body []byte) []byte {
	return fmt.Appendf(nil, "%q %q %q\n%s", r.Method, r.URL.RequestURI(), r.Header.Get("Content-Type"), body)
}

func readAll(r io.Reader) ([]byte, error) {
	body, err := io.ReadAll(r)
	var large *http.MaxBytesError
	var network net.Error
	switch {
	case err == nil:
		return body, nil
	case errors.As(err, &large):
		return nil, tooLarge()
	case errors.As(err, &network) && network.Timeout():
		return nil, &Problem{Status: http.StatusRequestTimeout, Detail: "The body did not arrive in time."}
	}
	return nil, &Problem{Status: http.StatusBadRequest, Detail: "The body did not arrive as it was announced."}
}

// buffered holds an answer until it is kept.
type buffered struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (b *buffered) Header() http.Header { return b.header }

func (b *buffered) WriteHeader(status int) {
	if b.status == 0 {
		b.status = status
	}
}

func (b *buffered) Write(p []byte) (int, error) {
	b.WriteHeader(http.StatusOK)
	return b.body.Write(p)
}

func (b *buffered) answer() answer {
	b.WriteHeader(http.StatusOK)
	kept := answer{Status: b.status, Header: http.Header{}, Body: b.body.Bytes()}
	for _, name := range remembered {
		if values := b.header.Values(name); len(values) > 0 {
			kept.Header[name] = values
		}
	}
	return kept
}
