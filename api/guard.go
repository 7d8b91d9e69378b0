package api

import (
	"context"
	"net/http"
	"strings"
	"time"

	"volenti.dev/volenti/audit"
	"volenti.dev/volenti/auth"
)

// handlerTime bounds an act. It is less than the time that the store keeps a
// claim on an idempotency key.
const handlerTime = 30 * time.Second

type callerKey struct{}

// guard lets through who may, with what the route allows.
func (a *API) guard(route Route) http.Handler {
	next := http.Handler(a.decoded(route))
	switch {
	case !route.keyed():
	case route.Repeats == Committed:
		next = a.keyed(next)
	default:
		next = a.once(next)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx := r.Context()
		if !route.Streams && !route.Quiet { // a check has a limit of its own
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeout(ctx, handlerTime)
			defer cancel()
		}
		if r.ContentLength > route.maxBody() {
			write(w, tooLarge())
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, route.maxBody())
		if route.Public {
			next.ServeHTTP(w, r.WithContext(ctx))
			return
		}
		key, err := a.caller(ctx, r)
		if err == nil && !key.May(route.Scope) {
			err = &Problem{Status: http.StatusForbidden, Detail: "This key does not have the scope " + string(route.Scope) + "."}
		}
		if err != nil {
			refuse(w, a.problem(ctx, err))
			return
		}
		if out, ok := w.(*response); ok {
			out.key, out.quiet = key, route.Quiet
		}
		next.ServeHTTP(w, r.WithContext(context.WithValue(ctx, callerKey{}, key)))
	})
}

// caller finds the key that was shown.
func (a *API) caller(ctx context.Context, r *http.Request) (auth.Key, error) {
	shown := r.Header.Values("Authorization")
	if len(shown) != 1 {
		return auth.Key{}, unauthorized()
	}
	scheme, token, _ := strings.Cut(shown[0], " ")
	id, ok := auth.IDOf(token)
	if !ok || !strings.EqualFold(scheme, "Bearer") {
		return auth.Key{}, unauthorized()
	}
	found, err := a.config.Keys.Find(ctx, id)
	if err != nil {
		return auth.Key{}, err
	}
	for _, key := range found {
		if key.Check(token, a.config.Now()) == nil {
			return key, nil
		}
	}
	return auth.Key{}, unauthorized()
}

// reveal logs the act of a privileged read, before it is done.
func (a *API) reveal(ctx context.Context, route Route, key auth.Key) error {
	if route.Reveals == "" {
		return nil
	}
	noun, _, _ := strings.Cut(route.Reveals, ".")
	entry := audit.Entry{Act: route.Reveals, Object: noun, Details: map[string]any{"by": "apikey/" + key.ID}}
	if err := a.config.Audit.Append(ctx, key.Tenant, entry); err != nil {
		a.config.Log.ErrorContext(ctx, "the audit log takes no entry", "error", err)
		return unavailable("The audit log cannot be written now, and without it nothing is shown. Try again.")
	}
	return nil
}

func refuse(w http.ResponseWriter, p *Problem) {
	if p.Status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", `Bearer realm="volenti"`)
	}
	write(w, p)
}

func unauthorized() *Problem {
	return &Problem{Status: http.StatusUnauthorized, Detail: "Show a valid API key: Authorization: Bearer vk_..."}
}

func tooLarge() *Problem {
	return &Problem{Status: http.StatusRequestEntityTooLarge, Detail: "The body is larger than this path takes."}
}
