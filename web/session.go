package web

import (
	"net/http"
	"net/url"
	"path"
	"strings"
)

func showSetUp(v *visit) error { return v.setUp(http.StatusOK, nil) }

func (v *visit) setUp(status int, f *form) error {
	v.here = v.r.URL.Path
	return v.show(status, "admin/set-up", nil, f)
}

// setUp makes an operator of who has the invitation in the link, and signs
// them in.
func setUp(v *visit) error {
	if v.r.PostForm.Get("password") != v.r.PostForm.Get("password_again") {
		return v.setUp(http.StatusUnprocessableEntity, v.lacking("password_again", "set_up.differ"))
	}
	made := map[string]string{
		"invitation": v.r.PathValue("invitation"), "name": v.value("name"), "email": v.value("email"), "password": v.r.PostForm.Get("password"),
	}
	if err := v.post("/operators", made, nil); err != nil {
		f, status, err := v.mistaken(err, nil)
		if err != nil {
			return err
		}
		return v.setUp(status, f)
	}
	return v.begin(map[string]string{"email": made["email"], "password": made["password"], "tenant": v.value("tenant")})
}

func showSignIn(v *visit) error { return v.show(http.StatusOK, "admin/sign-in", v.next(), nil) }

// next is where somebody wanted to go before they were asked to sign in: a page
// for operators, and nothing else.
func (v *visit) next() string {
	next := v.r.URL.Query().Get("next")
	if v.r.Method == http.MethodPost {
		next = v.value("next")
	}
	if u, err := url.Parse(next); err != nil || !strings.HasPrefix(next, desk+"/") || path.Clean(u.Path) != u.Path {
		return desk
	}
	return next
}

func signIn(v *visit) error {
	v.here = "/sign-in"
	credentials := map[string]string{"email": v.value("email"), "password": v.r.PostForm.Get("password")}
	err := v.begin(credentials)
	if err == nil {
		return nil
	}
	f, status, err := v.mistaken(err, nil)
	if err != nil {
		return err
	}
	return v.show(status, "admin/sign-in", v.next(), f)
}

// begin begins a session. The secret of the browser before it is forgotten.
func (v *visit) begin(credentials map[string]string) error {
	var made struct {
		Token string `json:"token"`
	}
	if credentials["tenant"] == "" {
		delete(credentials, "tenant")
	}
	if err := v.post("/sessions", credentials, &made); err != nil {
		return err
	}
	v.setCookie(sessionCookie, made.Token)
	v.setCookie(formCookie, "")
	return v.redirect(v.next())
}

// signIn leads to where one signs in.
func (v *visit) signIn() {
	if v.token != "" {
		v.setCookie(sessionCookie, "")
	}
	to := "/sign-in"
	if v.r.Method == http.MethodGet && v.r.URL.Path != desk {
		to += "?next=" + url.QueryEscape(v.here)
	}
	http.Redirect(v.w, v.r, to, http.StatusSeeOther)
}

func signOut(v *visit) error {
	if err := v.post("/sessions/current/end", nil, nil); err != nil {
		return err
	}
	v.setCookie(sessionCookie, "")
	return v.redirect("/sign-in")
}

func showPassword(v *visit) error { return v.show(http.StatusOK, "admin/password", false, nil) }

func changePassword(v *visit) error {
	v.here = v.r.URL.Path
	if v.r.PostForm.Get("new_password") != v.r.PostForm.Get("password_again") {
		return v.show(http.StatusUnprocessableEntity, "admin/password", false, v.lacking("password_again", "set_up.differ"))
	}
	err := v.post("/sessions/current/password", map[string]string{"old": v.r.PostForm.Get("old_password"), "new": v.r.PostForm.Get("new_password")}, nil)
	if err == nil {
		return v.show(http.StatusOK, "admin/password", true, nil)
	}
	f, status, err := v.mistaken(err, map[string]string{"old": "old_password", "new": "new_password"})
	if err != nil {
		return err
	}
	return v.show(status, "admin/password", false, f)
}
