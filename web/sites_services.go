package web

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"volenti.dev/volenti/consent/site"
)

// service is one that Volenti knows, as the API lists it.
type service struct {
	Key           string        `json:"key"`
	Name          string        `json:"name"`
	Provider      string        `json:"provider"`
	Country       string        `json:"country"`
	Category      string        `json:"category"`
	Purposes      []string      `json:"purposes"`
	RetentionDays int           `json:"retention_days"`
	Cookies       []site.Cookie `json:"cookies"`
}

type servicePage struct {
	Items []service `json:"items"`
	Next  string    `json:"next"`
}

// servicesView is the services of a site, and what was looked for.
type servicesView struct {
	Asked     string // words of a search
	Looked    bool
	Found     []service
	Cut       bool // there are more than are shown
	Synced    *synced
	addresses string
}

// Addresses are those that were to be recognised.
func (s servicesView) Addresses() string { return s.addresses }

// synced is what became of a draft.
type synced struct {
	Added   []string       `json:"added"`
	Changed []syncedFields `json:"changed"`
	Removed []string       `json:"removed"`
	Kept    []syncedFields `json:"kept"`
	Lacks   []struct {
		Category string   `json:"category"`
		Sale     bool     `json:"sale"`
		Google   []string `json:"google"`
	} `json:"lacks"`
}

type syncedFields struct {
	Vendor string   `json:"vendor"`
	Fields []string `json:"fields"`
}

// Nothing says whether the draft is as it was.
func (s synced) Nothing() bool { return len(s.Added)+len(s.Changed)+len(s.Removed) == 0 }

// Has says whether the site has a service.
func (s *siteView) Has(service string) bool {
	return slices.ContainsFunc(s.Draft.Vendors, func(n site.Vendor) bool { return n.Service == service })
}

// found is how many services are shown at once.
const found = 20

func showServices(v *visit) error {
	s, err := v.site("services")
	if err != nil {
		return err
	}
	view := servicesView{Asked: strings.TrimSpace(v.r.URL.Query().Get("q"))}
	if view.Asked != "" {
		var page servicePage
		if err := v.get("/services?limit="+strconv.Itoa(found)+"&q="+url.QueryEscape(view.Asked), &page); err != nil {
			return err
		}
		view.Looked, view.Found, view.Cut = true, page.Items, page.Next != ""
	}
	return v.services(http.StatusOK, s, view, nil)
}

func (v *visit) services(status int, s *siteView, view servicesView, f *form) error {
	if f != nil {
		s.Form = f
	}
	s.More = view
	return v.show(status, "admin/sites-services", s, f)
}

// recogniseServices shows what is behind addresses. It changes nothing; it is a form
// because addresses may have something personal in them.
func recogniseServices(v *visit) error {
	s, err := v.site("services")
	if err != nil {
		return err
	}
	view := servicesView{Looked: true, addresses: v.value("addresses")}
	var page servicePage
	if err := v.post("/services/recognise", map[string]any{"addresses": v.lines("addresses")}, &page); err != nil {
		f, status, err := v.mistaken(err, map[string]string{"addresses": "addresses"})
		if err != nil {
			return err
		}
		view.Looked = false
		return v.services(status, s, view, f)
	}
	view.Found = page.Items
	return v.services(http.StatusOK, s, view, nil)
}

// syncServices takes services over into the draft. What has become of it is told on the
// page that follows.
func syncServices(v *visit) error {
	s, err := v.site("services")
	if err != nil {
		return err
	}
	revision, _ := strconv.ParseInt(v.value("revision"), 10, 64)
	var report synced
	if err := v.post("/sites/"+s.ID+"/sync", map[string]any{"revision": revision, "services": append([]string{}, v.r.PostForm["service"]...)}, &report); err != nil {
		f, status, err := v.mistaken(err, nil)
		if err != nil {
			return err
		}
		return v.services(status, s, servicesView{}, f)
	}
	if s, err = v.site("services"); err != nil {
		return err
	}
	return v.services(http.StatusOK, s, servicesView{Synced: &report}, nil)
}

// vendorView is what the form of a service has beside its fields.
type vendorView struct {
	At      int
	New     bool
	Service string // that it came from
	Kept    []string
}

// vendorPart is one service of a site. Where it came from the registry, the fields that
// are changed here are kept from then on.
var vendorPart = draftPart{
	about: "a service", path: "/services/{at}", tab: "services", page: "admin/sites-service",
	open: func(v *visit, s *siteView) (url.Values, error) {
		at, err := v.at(len(s.Draft.Vendors))
		if err != nil {
			return nil, err
		}
		view, n := vendorView{At: at, New: at == len(s.Draft.Vendors)}, site.Vendor{}
		if !view.New {
			n = s.Draft.Vendors[at]
		}
		view.Service, view.Kept = n.Service, n.Kept
		s.More = view
		return vendorFields(n, at), nil
	},
	place: func(_ *visit, s *siteView, field string) string {
		rest, _ := entry(field, "vendors", s.More.(vendorView).At)
		return head(rest)
	},
	take: func(v *visit, s *siteView, f *form) {
		at, all, was := s.More.(vendorView).At, s.Draft.Vendors, site.Vendor{}
		if at < len(all) {
			was = all[at]
			all = slices.Delete(slices.Clone(all), at, at+1)
		}
		if v.value("do") == "remove" {
			s.Draft.Vendors = all
			return
		}
		n := site.Vendor{
			Key: v.value("key"), Name: v.value("name"), Provider: v.value("provider"), Country: strings.ToUpper(v.value("country")), Category: v.value("category"),
			Purposes: v.lines("purposes"), Privacy: v.value("privacy"), RetentionDays: v.days("retention_days", f), Cookies: v.cookies(f),
			Hosts: v.lines("hosts"), Scripts: v.lines("scripts"), Inactive: v.value("inactive") != "", Service: was.Service, Kept: was.Kept,
		}
		if n.Service != "" {
			n.Kept = leftAlone(was, n)
		}
		s.Draft.Vendors = slices.Insert(all, v.rank(f, len(all)), n)
	},
}

func vendorFields(n site.Vendor, at int) url.Values {
	fields := url.Values{
		"rank": {strconv.Itoa(at + 1)}, "key": {n.Key}, "name": {n.Name}, "provider": {n.Provider}, "country": {n.Country}, "category": {n.Category},
		"purposes": {strings.Join(n.Purposes, "\n")}, "privacy": {n.Privacy}, "cookies": {cookieLines(n.Cookies)},
		"hosts": {strings.Join(n.Hosts, "\n")}, "scripts": {strings.Join(n.Scripts, "\n")},
	}
	if n.RetentionDays > 0 {
		fields.Set("retention_days", strconv.Itoa(n.RetentionDays))
	}
	if n.Inactive {
		fields.Set("inactive", "yes")
	}
	return fields
}

// ofRegistry are the fields that the registry brings up to date, unless they are kept.
var ofRegistry = []string{"name", "provider", "country", "category", "purposes", "privacy", "retention_days", "cookies", "hosts", "scripts"}

// leftAlone are the fields of a service that the registry is to leave as they are now: those
// that were, and those that have changed.
func leftAlone(was, is site.Vendor) []string {
	before, after := vendorFields(was, 0), vendorFields(is, 0)
	return slices.DeleteFunc(slices.Clone(ofRegistry), func(name string) bool {
		return !slices.Contains(was.Kept, name) && before.Get(name) == after.Get(name)
	})
}
