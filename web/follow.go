package web

import (
	"net/http"
	"net/url"
	"strings"
	"time"
)

// proveView is the page that takes codes.
type proveView struct {
	Reference string
	Agent     bool // somebody asks for the person: both have a code
	Sent      bool // another code was asked for
	Site      string
}

func (v *visit) proveView() proveView {
	q := v.r.URL.Query()
	return proveView{v.r.PathValue("reference"), q.Get("agent") != "", q.Get("sent") != "", v.cameFrom()}
}

func showProve(v *visit) error {
	return v.show(http.StatusOK, "center/prove", v.proveView(), nil)
}

// party is whose code it is.
func (v *visit) party() string {
	if v.value("party") == "agent" {
		return "agent"
	}
	return "person"
}

func prove(v *visit) error {
	to := v.proveView()
	to.Agent = to.Agent || v.value("agent") != ""
	v.here = v.again(to)
	code := strings.Join(strings.Fields(v.value("code_"+v.party())), "")
	var s standing
	err := v.post("/public/requests/prove", map[string]string{"reference": to.Reference, "party": v.party(), "code": code, "site": to.Site}, &s)
	switch {
	case err == nil && s.Token != "":
		return v.redirect("/requests/" + url.PathEscape(s.Token))
	case err == nil:
		return v.show(http.StatusOK, "center/status", statusView{standing: s}, nil)
	}
	f, status, err := v.mistaken(err, map[string]string{"code": "code_" + v.party()})
	if err != nil {
		return err
	}
	return v.show(status, "center/prove", to, f)
}

// again is the address of the page that takes codes.
func (v *visit) again(to proveView) string {
	at, q := "/prove/"+url.PathEscape(to.Reference), url.Values{}
	if to.Agent {
		q.Set("agent", "yes")
	}
	if to.Site != "" {
		q.Set("site", to.Site)
	}
	if len(q) > 0 {
		at += "?" + q.Encode()
	}
	return at
}

// sendCode has another code sent. It does not tell whether there was anything
// to prove.
func sendCode(v *visit) error {
	to := v.proveView()
	to.Agent = v.value("agent") != ""
	v.here = v.again(to)
	if err := v.post("/public/requests/code", map[string]string{"reference": to.Reference, "party": v.party(), "site": to.Site}, nil); err != nil {
		return err
	}
	to.Sent = true
	return v.show(http.StatusOK, "center/prove", to, nil)
}

// statusView is the page by which a person follows a request; Token is that of
// their link.
type statusView struct {
	standing
	Token    string
	Messages conversation
}

// link is the token at the end of a link.
func (v *visit) link() string { return v.r.PathValue("token") }

func followRequest(v *visit) error { return v.standing(http.StatusOK, nil) }

func (v *visit) standing(status int, f *form) error {
	var s standing
	if err := v.post("/public/requests/status", map[string]string{"token": v.link()}, &s); err != nil {
		return err
	}
	d := statusView{standing: s, Token: v.link()}
	if err := v.post("/public/requests/messages", map[string]string{"token": v.link()}, &d.Messages); err != nil {
		return err
	}
	return v.show(status, "center/status", d, f)
}

func withdrawRequest(v *visit) error {
	v.here = "/requests/" + url.PathEscape(v.link())
	if v.value("sure") == "" {
		return v.standing(http.StatusUnprocessableEntity, v.lacking("sure", "withdraw.unsure"))
	}
	if err := v.post("/public/requests/withdraw", map[string]string{"token": v.link()}, nil); err != nil {
		return err
	}
	return v.redirect(v.here)
}

// offer is what a link to a package is good for.
type offer struct {
	Name    string    `json:"name"`
	Left    int       `json:"left"`
	Expires time.Time `json:"expires"`
}

// showPackage spends nothing of the link: programs that look at mail open it
// too.
func showPackage(v *visit) error {
	var o offer
	if err := v.post("/public/packages/look", map[string]string{"token": v.link()}, &o); err != nil {
		return err
	}
	return v.show(http.StatusOK, "center/package", o, nil)
}

func openPackage(v *visit) error {
	return v.relay(http.MethodPost, "/public/packages/open", map[string]string{"token": v.link()}, "package.zip")
}
