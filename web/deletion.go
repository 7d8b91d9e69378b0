package web

import (
	"net/http"
	"net/url"
	"strings"
	"time"
)

// deletionPages are for people who have an account with a site or an app, and who may
// have neither it nor the app any more. The stores of apps ask for such an address:
// https://support.google.com/googleplay/android-developer/answer/13327111
func deletionPages() []Page {
	return []Page{
		{Method: http.MethodGet, Path: "/delete-account/{site}", Public: true, Does: "Say how to have an account with a site or app deleted", Act: showDeletion},
	}
}

// deletion is what the API tells of it.
type deletion struct {
	Site       string    `json:"site"`
	Name       string    `json:"name"`
	Controller string    `json:"controller"`
	Contact    string    `json:"contact"`
	Policies   []erasure `json:"policies"`
}

type erasure struct {
	Policy string    `json:"policy"`
	Name   string    `json:"name"`
	Erases []string  `json:"erases"`
	Keeps  []keeping `json:"keeps"`
}

type keeping struct {
	What   string `json:"what"`
	Reason string `json:"reason"`
	Ground string `json:"ground"`
	Until  string `json:"until"`
}

// Address is the contact as people read it.
func (d deletion) Address() string { return strings.TrimPrefix(d.Contact, "mailto:") }

// Ask is the address of the form of a policy, which knows where it was opened from.
func (d deletion) Ask(policy string) string {
	return "/ask/" + url.PathEscape(policy) + "?site=" + url.QueryEscape(d.Site)
}

func showDeletion(v *visit) error {
	var d deletion
	if err := v.get("/public/sites/"+url.PathEscape(v.r.PathValue("site"))+"/deletion?language="+v.language.Tag, &d); err != nil {
		return err
	}
	for _, e := range d.Policies {
		for i, k := range e.Keeps {
			if day, err := time.Parse(time.DateOnly, k.Until); err == nil {
				e.Keeps[i].Until = v.language.day(day)
			}
		}
	}
	return v.show(http.StatusOK, "center/deletion", d, nil)
}

// cameFrom is the key of the site whose page led here; "" where none did.
func (v *visit) cameFrom() string {
	if v.r.Method == http.MethodPost {
		return v.value("site")
	}
	return v.r.URL.Query().Get("site")
}
