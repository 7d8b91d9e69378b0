package web

import "net/http"

// authorized is what came of it that somebody let a connection be used; zero where the
// address that they came by is good for nothing.
type authorized struct {
	Connection string `json:"connection"`
	Succeeded  bool   `json:"succeeded"`
	Reason     string `json:"reason"`
}

// showAuthorized takes what a vendor has sent somebody back with: a state, and a code
// where they have allowed it. A state is used up by who sees what came of it.
func showAuthorized(v *visit) error {
	q, status := v.r.URL.Query(), http.StatusOK
	v.here = v.r.URL.Path // links of the page hold neither
	var a authorized
	if q.Has("state") && v.r.Method != http.MethodHead {
		err := v.post("/public/connections/authorized", map[string]string{"state": q.Get("state"), "code": q.Get("code")}, &a)
		if is(err, http.StatusForbidden) {
			status = http.StatusForbidden
		} else if err != nil {
			return err
		}
	}
	return v.show(status, "center/authorized", a, nil)
}
