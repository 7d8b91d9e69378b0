package web

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// preferencePages let people see and change what they chose.
func preferencePages() []Page {
	return []Page{
		{Method: http.MethodGet, Path: "/preferences", Public: true, Does: "Ask a person for the address that a link is mailed to", Act: askPreferences},
		{Method: http.MethodPost, Path: "/preferences", Public: true, Does: "Have a link mailed, to see what one chose", Act: mailPreferences},
		{Method: http.MethodGet, Path: "/preferences/{token}", Public: true, Does: "Show a person what they chose", Act: showPreferences},
		{Method: http.MethodPost, Path: "/preferences/{token}", Public: true, Does: "Record what a person chooses", Act: choosePreferences},
		{Method: http.MethodPost, Path: "/preferences/{token}/receipt", Public: true, Does: "Give a person the receipt of a choice", Act: ownReceipt},
	}
}

type ownChoices struct {
	Purposes []struct {
		Purpose   string  `json:"purpose"`
		Title     string  `json:"title"`
		Granted   bool    `json:"granted"`
		Choice    *string `json:"choice"`
		Reconsent bool    `json:"reconsent_due"`
	} `json:"purposes"`
	Records []struct {
		Sequence int64     `json:"sequence"`
		Purpose  string    `json:"purpose"`
		Choice   string    `json:"choice"`
		At       time.Time `json:"at"`
		Source   string    `json:"source"`
	} `json:"records"`
	Expires time.Time `json:"expires"`
	Token   string    `json:"-"`
	Saved   bool      `json:"-"`
}

// Called is what a purpose is called.
func (c ownChoices) Called(key string) string {
	for _, p := range c.Purposes {
		if p.Purpose == key && p.Title != "" {
			return p.Title
		}
	}
	return key
}

func askPreferences(v *visit) error {
	return v.show(http.StatusOK, "center/preferences", false, nil)
}

func mailPreferences(v *visit) error {
	v.here = "/preferences"
	err := v.post("/public/preferences", map[string]string{"email": v.value("email"), "language": v.language.Tag}, nil)
	if err == nil {
		return v.show(http.StatusAccepted, "center/preferences", true, nil)
	}
	f, status, err := v.mistaken(err, nil)
	if err != nil {
		return err
	}
	return v.show(status, "center/preferences", false, f)
}

func showPreferences(v *visit) error {
	c := ownChoices{Token: v.link()}
	if err := v.post("/public/preferences/show", map[string]string{"token": v.link()}, &c); err != nil {
		return err
	}
	return v.show(http.StatusOK, "center/choices", c, nil)
}

// choosePreferences sends what was answered; what was left open stays as it is.
func choosePreferences(v *visit) error {
	v.here = "/preferences/" + url.PathEscape(v.link())
	chosen := map[string]bool{}
	for name := range v.r.PostForm {
		if key, ok := strings.CutPrefix(name, "purpose."); ok {
			chosen[key] = v.value(name) == "yes"
		}
	}
	if len(chosen) == 0 {
		return v.redirect(v.here)
	}
	c := ownChoices{Token: v.link(), Saved: true}
	if err := v.post("/public/preferences/choose", map[string]any{"token": v.link(), "purposes": chosen, "language": v.language.Tag}, &c); err != nil {
		return err
	}
	return v.show(http.StatusOK, "center/choices", c, nil)
}

func ownReceipt(v *visit) error {
	sequence, err := strconv.ParseInt(v.value("sequence"), 10, 64)
	if err != nil {
		return notFound
	}
	return v.relay(http.MethodPost, "/public/preferences/receipt", map[string]any{"token": v.link(), "sequence": sequence}, "receipt-"+v.value("sequence")+".json")
}
