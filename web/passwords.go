package web

import (
	"net/http"
	"net/url"
	"time"
)

// forgottenView is what somebody is told who has forgotten their password.
type forgottenView struct {
	Mails bool // a link can be mailed
	Sent  bool
}

func showForgotten(v *visit) error {
	return v.show(http.StatusOK, "admin/forgotten-password", forgottenView{Mails: v.p.config.Mails}, nil)
}

func mailPassword(v *visit) error {
	v.here = v.r.URL.Path
	view := forgottenView{Mails: v.p.config.Mails}
	err := v.post("/passwords/mail", map[string]string{"email": v.value("email"), "language": v.language.Tag}, nil)
	if err == nil {
		view.Sent = view.Mails
		return v.show(http.StatusOK, "admin/forgotten-password", view, nil)
	}
	f, status, err := v.mistaken(err, nil)
	if err != nil {
		return err
	}
	return v.show(status, "admin/forgotten-password", view, f)
}

func showNewPassword(v *visit) error { return v.newPassword(http.StatusOK, false, nil) }

func (v *visit) newPassword(status int, done bool, f *form) error {
	v.here = v.r.URL.Path
	return v.show(status, "admin/new-password", done, f)
}

// setNewPassword signs nobody in: whoever has the link has proven nothing but that.
func setNewPassword(v *visit) error {
	if v.r.PostForm.Get("new_password") != v.r.PostForm.Get("password_again") {
		return v.newPassword(http.StatusUnprocessableEntity, false, v.lacking("password_again", "set_up.differ"))
	}
	err := v.post("/passwords", map[string]string{"token": v.r.PathValue("link"), "password": v.r.PostForm.Get("new_password")}, nil)
	if err == nil {
		return v.newPassword(http.StatusOK, true, nil)
	}
	f, status, err := v.mistaken(err, map[string]string{"password": "new_password"})
	if err != nil {
		return err
	}
	return v.newPassword(status, false, f)
}

// linkPassword shows the link that an operator sets a new password with, this once.
func linkPassword(v *visit) error {
	id := v.r.PathValue("id")
	var made struct {
		Token   string
		Expires time.Time
	}
	if err := v.post("/operators/"+url.PathEscape(id)+"/password-link", nil, &made); err != nil {
		return v.mend(err, func(status int, f *form) error { return v.operators(status, operatorsView{}, f) })
	}
	return v.operators(http.StatusCreated, operatorsView{Link: v.p.config.PublicURL + "/new-password/" + made.Token, Expires: made.Expires, For: id}, nil)
}
