package web

import (
	"cmp"
	"net/http"
	"net/url"
	"slices"
	"time"
)

// What the API counts of a site's banner, and what was published of it.
type (
	bannerCounts struct {
		Standing bannerFigure  `json:"standing"`
		From     string        `json:"from"`
		To       string        `json:"to"`
		Choices  bannerFigure  `json:"choices"`
		Groups   []bannerGroup `json:"groups"`
		Others   *bannerFigure `json:"others"`
		Behind   float64       `json:"behind_seconds"`
	}
	bannerFigure struct {
		Total      *int64        `json:"total"` // nil where so few could be recognised
		Categories []bannerShare `json:"categories"`
	}
	bannerShare struct {
		Category string   `json:"category"`
		Granted  *int64   `json:"granted"`
		Rate     *float64 `json:"rate"`
	}
	bannerGroup struct {
		Value string `json:"value"`
		bannerFigure
	}
	bannerEdition struct {
		Number    int       `json:"version"`
		Published time.Time `json:"published_at"`
		Material  bool      `json:"material"`
	}
)

// Of is what is said of a category; the zero share where nothing is.
func (f bannerFigure) Of(category string) bannerShare {
	for _, s := range f.Categories {
		if s.Category == category {
			return s
		}
	}
	return bannerShare{}
}

// Told are the categories, where there is anybody to tell of.
func (f bannerFigure) Told() []bannerShare {
	if f.Total != nil && *f.Total == 0 {
		return nil
	}
	return f.Categories
}

// sitesCounts is how much was chosen on all sites.
type sitesCounts struct {
	From  string `json:"from"`
	To    string `json:"to"`
	Total *int64 `json:"total"` // nil where so few could be recognised
	Sites []struct {
		ID    string `json:"id"`
		Total int64  `json:"total"`
	} `json:"sites"`
	Others *int64 `json:"others"`
}

// ratesView is how many visitors of a site agree, day by day; or how much was chosen on
// each, where none was asked for and there are several.
type ratesView struct {
	Sites []ledgerSite
	Site  ledgerSite   // the one that is shown; zero where there is none
	All   *sitesCounts // nil where one site is shown
	bannerCounts
	Days  []rateDay // the newest first
	Wrong bool      // the days that were asked for are none that can be shown
}

// Of gives how much was chosen on a site; nil where it is not told.
func (c sitesCounts) Of(site string) *int64 {
	for _, s := range c.Sites {
		if s.ID == site {
			return &s.Total
		}
	}
	return nil
}

// rateDay is a day on which something was chosen, or published.
type rateDay struct {
	Day       time.Time
	Figure    bannerFigure
	Published []bannerEdition
}

func showRates(v *visit) error {
	given := v.r.URL.Query()
	var view ratesView
	if err := v.ledgerSites(&view.Sites); err != nil || len(view.Sites) == 0 {
		return cmp.Or(err, v.show(http.StatusOK, "admin/consent-rates", view, nil))
	}
	asked := url.Values{}
	for _, name := range []string{"from", "to"} {
		if day := given.Get(name); day != "" {
			asked.Set(name, day)
		}
	}
	for _, s := range view.Sites {
		if s.Key == given.Get("site") || len(view.Sites) == 1 {
			view.Site = s
		}
	}
	if view.Site.ID == "" {
		return v.ratesOfAll(view, asked)
	}
	at := "/sites/" + url.PathEscape(view.Site.ID)
	err := v.get(at+"/statistics?"+asked.Encode(), &view.bannerCounts)
	if is(err, http.StatusUnprocessableEntity) {
		view.Wrong = true
		err = v.get(at+"/statistics", &view.bannerCounts)
	}
	if err != nil {
		return err
	}
	var published struct {
		Items []bannerEdition `json:"items"`
	}
	if err := v.get(at+"/versions", &published); err != nil {
		return err
	}
	view.Days = rateDays(view.bannerCounts, published.Items)
	return v.show(http.StatusOK, "admin/consent-rates", view, nil)
}

// ratesOfAll shows how much was chosen on each of several sites.
func (v *visit) ratesOfAll(view ratesView, asked url.Values) error {
	view.All = &sitesCounts{}
	err := v.get("/sites/statistics?"+asked.Encode(), view.All)
	if is(err, http.StatusUnprocessableEntity) {
		view.Wrong = true
		err = v.get("/sites/statistics", view.All)
	}
	if err != nil {
		return err
	}
	view.From, view.To = view.All.From, view.All.To
	return v.show(http.StatusOK, "admin/consent-rates", view, nil)
}

// rateDays puts what was published beside what was chosen.
func rateDays(c bannerCounts, editions []bannerEdition) (days []rateDay) {
	at := map[string]*rateDay{}
	on := func(value string) *rateDay {
		if at[value] == nil {
			day, err := time.Parse(time.DateOnly, value)
			if err != nil {
				return &rateDay{}
			}
			at[value] = &rateDay{Day: day}
		}
		return at[value]
	}
	for _, g := range c.Groups {
		on(g.Value).Figure = g.bannerFigure
	}
	for _, e := range editions {
		if day := e.Published.UTC().Format(time.DateOnly); c.From <= day && day <= c.To {
			d := on(day)
			d.Published = append(d.Published, e)
		}
	}
	for _, d := range at {
		days = append(days, *d)
	}
	slices.SortFunc(days, func(a, b rateDay) int { return b.Day.Compare(a.Day) })
	return days
}

// ledgerSites reads the sites that there are.
func (v *visit) ledgerSites(into *[]ledgerSite) error {
	var sites struct {
		Items []ledgerSite `json:"items"`
	}
	err := v.get("/sites", &sites)
	*into = sites.Items
	return err
}
