package api

import (
	"cmp"
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

// aboutKey leads to the id or sequence in the path, "" where there is none.
type aboutKey struct{}

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
		caller, err := a.caller(ctx, r)
		if err == nil && !caller.May(route.Scope) {
			err = &Problem{Status: http.StatusForbidden, Detail: forbidden(caller, route.Scope)}
		}
		if err != nil {
			refuse(w, a.problem(ctx, err))
			return
		}
		if out, ok := w.(*response); ok {
			out.caller, out.quiet = caller, route.Quiet
		}
		ctx = context.WithValue(ctx, callerKey{}, caller)
		next.ServeHTTP(w, r.WithContext(context.WithValue(ctx, aboutKey{}, cmp.Or(r.PathValue("id"), r.PathValue("sequence")))))
	})
}

func forbidden(caller auth.Caller, scope auth.Scope) string {
	if caller.Session == "" {
		return "This key does not have the scope " + string(scope) + "."
	}
	return "The role " + string(caller.Role) + " does not have the scope " + string(scope) + "."
}

// caller finds the key or the session that was shown.
func (a *API) caller(ctx context.Context, r *http.Request) (auth.Caller, error) {
	shown := r.Header.Values("Authorization")
	if len(shown) != 1 {
		return auth.Caller{}, unauthorized()
	}
	scheme, token, _ := strings.Cut(shown[0], " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return auth.Caller{}, unauthorized()
	}
	found, err := a.find(ctx, token)
	if err != nil {
		return auth.Caller{}, err
	}
	for _, proof := range found {
		if proof.Check(token, a.config.Now()) == nil {
			return proof.Caller(), nil
		}
	}
	return auth.Caller{}, unauthorized()
}

// proof is a key or a session.
type proof interface {
	Check(token string, now time.Time) error
	Stands(now time.Time) bool
	Caller() auth.Caller
}

// find gives what a token may be of; none where it is no token at all.
func (a *API) find(ctx context.Context, token string) (found []proof, err error) {
	if id, ok := auth.IDOf(token); ok {
		return proofs(a.config.Keys.Find(ctx, id))
	}
	if id, ok := auth.SessionOf(token); ok {
		return proofs(a.config.Operators.Session(ctx, id))
	}
	return nil, nil
}

func proofs[T proof](all []T, err error) ([]proof, error) {
	found := make([]proof, len(all))
	for i, p := range all {
		found[i] = p
	}
	return found, err
}

// stands says whether a caller who was let in before may still do this.
func (a *API) stands(ctx context.Context, caller auth.Caller, scope auth.Scope) (bool, error) {
	var found []proof
	var err error
	if caller.Session != "" {
		found, err = proofs(a.config.Operators.Session(ctx, caller.Session))
	} else {
		found, err = proofs(a.config.Keys.Find(ctx, caller.ID))
	}
	for _, p := range found {
		if now := p.Caller(); now.Tenant == caller.Tenant && p.Stands(a.config.Now()) && now.May(scope) {
			return true, nil
		}
	}
	return false, err
}

// reveal logs the act of a privileged read, before it is done.
func (a *API) reveal(ctx context.Context, route Route, caller auth.Caller) error {
	if route.Reveals == "" {
		return nil
	}
	noun, _, _ := strings.Cut(route.Reveals, ".")
	if id, _ := ctx.Value(aboutKey{}).(string); id != "" {
		noun += "/" + id
	}
	return a.logged(ctx, caller, audit.Entry{Act: route.Reveals, Object: noun, Details: map[string]any{"by": caller.By()}})
}

// logged says that a privileged read may go on: its entry is committed.
func (a *API) logged(ctx context.Context, caller auth.Caller, entry audit.Entry) error {
	if err := a.config.Audit.Append(ctx, caller.Tenant, entry); err != nil {
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
	return &Problem{Status: http.StatusUnauthorized, Detail: "Show a valid API key or session: Authorization: Bearer vk_... or vs_..."}
}

func tooLarge() *Problem {
	return &Problem{Status: http.StatusRequestEntityTooLarge, Detail: "The body is larger than this path takes."}
}
