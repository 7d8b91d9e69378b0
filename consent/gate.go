package consent

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"volenti.dev/volenti/subject"
)

// Checker knows the latest states. An error means that it does not know.
type Checker interface {
	Check(ctx context.Context, tenant string, id SubjectID, purpose string, now time.Time) (Decision, error)
}

// Gate stands before every use of data that needs consent. It says yes only
// to what was granted and still holds; what it does not know is a no.
type Gate struct {
	Tenant string
	States Checker
	Now    func() time.Time
}

// Allowed says whether the subject's data may be used for the purpose now. No
// call that begins after a withdrawal was acknowledged says yes.
func (g *Gate) Allowed(ctx context.Context, id SubjectID, purpose string) Decision {
	d, err := g.States.Check(ctx, g.Tenant, id, purpose, g.Now())
	if err != nil {
		return Decision{Reason: Unavailable}
	}
	return d
}

// NotGranted is the error of a gate that said no. Who it is about is for the
// program only: it shows in no text.
type NotGranted struct {
	Purpose string
	Reason  Reason
	Subject subject.Personal[SubjectID]
}

func (e *NotGranted) Error() string {
	return fmt.Sprintf("consent not granted for %s: %s", e.Purpose, e.Reason)
}

// ErrNoSubject: a gate was not told whose data is to be used.
var ErrNoSubject = errors.New("it is not said whose data is to be used: hand the subject to the gate, or put it into the context with consent.WithSubject")

type contextKey struct{}

// WithSubject puts the subject whose data is worked on into the context.
func WithSubject(ctx context.Context, id SubjectID) context.Context {
	return context.WithValue(ctx, contextKey{}, id)
}

// SubjectFrom gives the subject in the context, or ErrNoSubject.
func SubjectFrom(ctx context.Context) (SubjectID, error) {
	if id, ok := ctx.Value(contextKey{}).(SubjectID); ok && id != (SubjectID{}) {
		return id, nil
	}
	return SubjectID{}, ErrNoSubject
}

// Require gives nil, a *NotGranted, or ErrNoSubject. A zero id stands for the
// subject in the context.
func (g *Gate) Require(ctx context.Context, id SubjectID, purpose string) error {
	if id == (SubjectID{}) {
		var err error
		if id, err = SubjectFrom(ctx); err != nil {
			return err
		}
	}
	if d := g.Allowed(ctx, id, purpose); !d.Allowed {
		return &NotGranted{Purpose: purpose, Reason: d.Reason, Subject: subject.Conceal(id)}
	}
	return nil
}

// Guard wraps a function that uses somebody's data: it is called with consent
// only. The subject is what of gives for the argument, or the one in the
// context when of is nil.
func Guard[In, Out any](g *Gate, purpose string, of func(In) SubjectID, f func(context.Context, In) (Out, error)) func(context.Context, In) (Out, error) {
	return func(ctx context.Context, in In) (out Out, err error) {
		var id SubjectID
		if of != nil {
			if id = of(in); id == (SubjectID{}) {
				return out, ErrNoSubject
			}
		}
		if err := g.Require(ctx, id, purpose); err != nil {
			return out, err
		}
		return f(ctx, in)
	}
}

// Middleware lets requests through whose subject has consented. The others
// get 403, or 400 when of does not tell the subject, and no body that says
// more than the purpose.
func (g *Gate) Middleware(purpose string, of func(*http.Request) (SubjectID, error)) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			id, err := of(r)
			if err != nil || id == (SubjectID{}) {
				http.Error(w, "no subject", http.StatusBadRequest)
				return
			}
			ctx := WithSubject(r.Context(), id)
			if err := g.Require(ctx, id, purpose); err != nil {
				http.Error(w, "consent not granted for "+purpose, http.StatusForbidden)
				return
			}
			next.ServeHTTP(w, r.WithContext(ctx))
		})
	}
}

// Filter gives those of the subjects who have consented, in their order.
func (g *Gate) Filter(ctx context.Context, ids []SubjectID, purpose string) []SubjectID {
	allowed := make([]SubjectID, 0, len(ids))
	for _, id := range ids {
		if g.Allowed(ctx, id, purpose).Allowed {
			allowed = append(allowed, id)
		}
	}
	return allowed
}

// Token is a yes that was given earlier: for work that is planned now and
// takes effect later. It is worth nothing by itself.
type Token struct {
	gate    *Gate
	subject SubjectID
	purpose string
}

// Pass gives a token, or the error of Require.
func (g *Gate) Pass(ctx context.Context, id SubjectID, purpose string) (Token, error) {
	if id == (SubjectID{}) {
		var err error
		if id, err = SubjectFrom(ctx); err != nil {
			return Token{}, err
		}
	}
	return Token{g, id, purpose}, g.Require(ctx, id, purpose)
}

// Do has the effect if the consent still stands at this moment.
func (t Token) Do(ctx context.Context, effect func(context.Context) error) error {
	if t.gate == nil {
		return ErrNoSubject
	}
	if err := t.gate.Require(ctx, t.subject, t.purpose); err != nil {
		return err
	}
	return effect(ctx)
}
