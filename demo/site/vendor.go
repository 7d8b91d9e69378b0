package site

import (
	"net/http"
	"slices"
	"strings"
	"sync"
)

// Vendor is all the services of others. It notes what it was asked for, which
// is the proof that nothing was loaded before consent. The zero value is ready.
type Vendor struct {
	mu    sync.Mutex
	calls []string
}

// kinds are the files of the services, with their types.
var kinds = map[string]string{
	"clipnook.html": "text/html; charset=utf-8", "mapwren.svg": "image/svg+xml",
	"chatterling.js": "text/javascript; charset=utf-8", "tallywell.js": "text/javascript; charset=utf-8", "nudgeberry.js": "text/javascript; charset=utf-8",
}

// Calls are the services that were called so far, by name, each as often as it
// was called: "tallywell" for its script, "tallywell/hit" for what that sends.
func (v *Vendor) Calls() []string {
	v.mu.Lock()
	defer v.mu.Unlock()
	return slices.Clone(v.calls)
}

func (v *Vendor) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name := strings.TrimPrefix(r.URL.Path, "/")
	short, _, _ := strings.Cut(name, ".")
	kind, known := kinds[name]
	if !known && !strings.HasSuffix(name, "/hit") {
		http.NotFound(w, r)
		return
	}
	v.mu.Lock()
	v.calls = append(v.calls, short)
	v.mu.Unlock()
	w.Header().Set("Cache-Control", "no-store") // each call is to be noted
	if !known {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	file(w, kind, name)
}
