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
	Privacy    string    `json:"privacy"`
	Policies   []erasure `json:"policies"`
}

type erasure struct {
	Policy string    `json:"policy"`
	Name   string    `json:"name"`
	Erases []string  `json:"erases"`
	Keeps  []keeping `json:"keeps"`
	Answer *period   `json:"answer"`
}

type period struct {
	Months       int `json:"months"`
	Days         int `json:"days"`
	BusinessDays int `json:"business_days"`
}

// Word is the key of the words that say it, of Count.
func (p period) Word() string {
	unit := map[bool]string{true: "days", false: "months"}[p.Months == 0]
	if p.BusinessDays > 0 {
		unit = "business_days"
	}
	if p.Count() == 1 {
		unit += ".one"
	}
	return "deletion.within." + unit
}

// Count is how many of its unit it is long.
func (p period) Count() int { return max(p.Months, p.Days, p.BusinessDays) }

type keeping struct {
	What   string `json:"what"`
	Reason string `json:"reason"`
	Ground string `json:"ground"`
	Until  string `json:"until"`
}

// lack is what the stores of apps ask of the page, and it does not have.
type lack struct{ Word, Path string }

// Lacks tells what is missing, and where it can be mended; "" where only the
// configuration directory has it.
func (d deletion) Lacks() (all []lack) {
	if d.Controller == "" {
		all = append(all, lack{"deletion.lacks.controller", "/admin/controller"})
	}
	if d.Controller != "" && d.Contact == "" {
		all = append(all, lack{"deletion.lacks.contact", "/admin/controller"})
	}
	if len(d.Policies) == 0 {
		all = append(all, lack{"deletion.lacks.policy", "/admin/policies"})
	}
	for _, e := range d.Policies {
		if e.Answer == nil {
			all = append(all, lack{"deletion.lacks.answer", ""})
			break
		}
	}
	if d.Privacy == "" {
		all = append(all, lack{"deletion.lacks.privacy", ""})
	}
	return all
}

// Address is the contact as people read it.
func (d deletion) Address() string { return strings.TrimPrefix(d.Contact, "mailto:") }

// Ask is the address of the form of a policy, which knows where it was opened from.
func (d deletion) Ask(policy string) string {
	return "/ask/" + url.PathEscape(policy) + "?site=" + url.QueryEscape(d.Site)
}

// deletion reads what the page of a site says.
func (v *visit) deletion(site string) (d deletion, err error) {
	err = v.get("/public/sites/"+url.PathEscape(site)+"/deletion?language="+v.language.Tag, &d)
	return d, err
}

func showDeletion(v *visit) error {
	d, err := v.deletion(v.r.PathValue("site"))
	if err != nil {
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
