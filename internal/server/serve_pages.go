package server

import (
	"crypto/rand"
	"net/http"
	"path"
	"strings"

	"volenti.dev/volenti/api"
	"volenti.dev/volenti/web"
)

// withPages puts pages beside the interface: whatever no route is for, and
// does not lie where routes lie, is for browsers.
func (s *Server) withPages(a http.Handler, routes []api.Route) http.Handler {
	pages := web.New(web.Config{API: a, PublicURL: s.PublicURL, Mails: s.Mail != nil, Log: s.Log, Random: rand.Reader}, web.Table())
	mine := map[string]bool{}
	for _, r := range routes {
		mine[r.Path] = true
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, sdkPath) {
			serveSDK(w, r)
			return
		}
		if at := path.Clean(r.URL.Path); mine[at] || at == "/api" || strings.HasPrefix(r.URL.Path, "/api/") {
			a.ServeHTTP(w, r)
			return
		}
		pages.ServeHTTP(w, r)
	})
}
