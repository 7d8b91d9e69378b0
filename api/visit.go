package api

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"volenti.dev/volenti/consent/signal"
	"volenti.dev/volenti/consent/site"
)

// forVisitors is where pages of sites send what their visitors choose, from the
// visitors' browsers.
const forVisitors = "/api/v1/public/sites/{site}/"

// preflight is how long a browser remembers what it may send, in seconds.
const preflight = "7200"

// visit is from where a page of a site sends something.
type visit struct {
	site.Place
	signal                  bool // Sec-GPC
	address, agent, country string
}

type visitKey struct{}

func visitOf(ctx context.Context) visit {
	v, _ := ctx.Value(visitKey{}).(visit)
	return v
}

// visited lets pages of a site's origins through to the routes by which
// visitors change something, and answers what their browsers ask before (CORS:
// https://fetch.spec.whatwg.org/#http-cors-protocol). A browser says where a
// page is from and lets no page say otherwise; who says nothing is refused. No
// cookie and no key of ours counts here, so that an origin is all there is to
// check.
func (a *API) visited(path string, next methods) http.Handler {
	if !strings.HasPrefix(path, forVisitors) || next[http.MethodPost] == nil {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Add("Vary", "Origin")
		h.Set("Cross-Origin-Resource-Policy", "cross-origin")
		at, err := a.config.Sites.Place(r.Context(), r.PathValue("site"))
		if errors.Is(err, site.ErrNotFound) {
			err = &Problem{Status: http.StatusNotFound, Detail: "There is no site with this key. Compare it with the snippet that the site was made with."}
		}
		if err != nil {
			write(w, a.problem(r.Context(), err))
			return
		}
		origin := r.Header.Values("Origin")
		if len(origin) != 1 || !slices.Contains(at.Origins, origin[0]) {
			write(w, a.problem(r.Context(), site.ErrOrigin))
			return
		}
		h.Set("Access-Control-Allow-Origin", origin[0])
		h.Set("Access-Control-Expose-Headers", "Retry-After, X-Request-Id")
		if r.Method == http.MethodOptions {
			h.Set("Access-Control-Allow-Methods", http.MethodPost)
			h.Set("Access-Control-Allow-Headers", "Content-Type")
			h.Set("Access-Control-Max-Age", preflight)
			w.WriteHeader(http.StatusNoContent)
			return
		}
		v := visit{Place: at, signal: signal.GPC(r.Header.Values(signal.HeaderGPC)), agent: r.UserAgent(), country: a.country(r)}
		if a.config.Limiter != nil {
			v.address = a.config.Limiter.network(r).Addr().String()
		}
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), visitKey{}, v)))
	})
}

// patient refuses a device that chooses faster than people do.
func (a *API) patient(v visit, device string) error {
	if a.config.Limiter == nil {
		return nil
	}
	if retry, ok := a.config.Limiter.device(v.ID + " " + device); !ok {
		return &Problem{Status: http.StatusTooManyRequests, Detail: "This device has chosen too often. Wait a minute.", retry: max(retry, time.Second)}
	}
	return nil
}

// ofVisit maps what is wrong with a visitor's choice.
func ofVisit(err error) *Problem {
	switch {
	case errors.Is(err, site.ErrOrigin):
		return &Problem{Title: http.StatusText(http.StatusForbidden), Status: http.StatusForbidden, Detail: "The site does not name the origin that this comes from. Add it to the site's origins and publish that."}
	case errors.Is(err, site.ErrConflict):
		return &Problem{Title: http.StatusText(http.StatusConflict), Status: http.StatusConflict, Detail: "This submission was used for another choice. Take a new id."}
	}
	return nil
}
