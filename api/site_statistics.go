package api

import (
	"context"
	"errors"
	"net/http"
	"time"

	"volenti.dev/volenti/audit"
	"volenti.dev/volenti/auth"
	"volenti.dev/volenti/consent/site"
)

// SiteCounts is what visitors of sites chose, counted.
type SiteCounts interface {
	// Read gives what stands now, and what was chosen from one day to another,
	// both included, or site.ErrNotFound.
	Read(ctx context.Context, tenant, id string, from, to time.Time, by site.Axis) (site.Counts, error)
	// BySite counts what was chosen on each site from one day to another, both
	// included, by the site's id; nothing of one on which nobody chose.
	BySite(ctx context.Context, tenant string, from, to time.Time) (map[string]int64, error)
	// Recount lets all of a tenant be counted again.
	Recount(ctx context.Context, tenant string, entry audit.Entry) error
}

// Days are those from one to another.
type Days struct {
	From string `query:"from" format:"date" doc:"The first day, in UTC; 29 days before the last unless told"`
	To   string `query:"to" format:"date" doc:"The last day, in UTC; today unless told"`
}

type siteStatisticsInput struct {
	ID string `path:"id" format:"uuid"`
	Days
	By site.Axis `query:"by" enum:"day,language,country,version,source" default:"day" doc:"What to group choices by"`
}

type siteStatisticsOutput struct {
	Body SiteStatistics
}

// SiteStatistics say what visitors of a site chose, and nothing of single ones.
type SiteStatistics struct {
	Standing site.Figure  `json:"standing" doc:"Consents that stand now: refused are those that do not allow a category"`
	From     string       `json:"from"`
	To       string       `json:"to"`
	By       site.Axis    `json:"by"`
	Choices  site.Figure  `json:"choices" doc:"What was chosen in the period, however often by whom"`
	Groups   []site.Group `json:"groups" nullable:"false" doc:"The same, in parts of ten choices or more"`
	Others   *site.Figure `json:"others" doc:"The other parts together; null when there are none, or too few choices"`
	Counted  int64        `json:"counted_to" doc:"Number of the last record in the ledger that is counted; -1 for none"`
	Behind   float64      `json:"behind_seconds" doc:"For how long the next record has waited to be counted; 0 when all are"`
}

// maxDays bounds the parts of an answer by days.
const maxDays = 92

func showSiteStatistics(a *API, ctx context.Context, caller auth.Caller, in *siteStatisticsInput) (*siteStatisticsOutput, error) {
	from, to, err := in.period(a.config.Now())
	if err != nil {
		return nil, err
	}
	counts, err := a.config.SiteCounts.Read(ctx, caller.Tenant, in.ID, from, to, in.By)
	if errors.Is(err, site.ErrNotFound) {
		return nil, notFound()
	}
	if err != nil {
		return nil, err
	}
	s := SiteStatistics{From: from.Format(time.DateOnly), To: to.Format(time.DateOnly), By: in.By, Counted: counts.Through, Behind: counts.Behind.Seconds()}
	s.Standing, _, _ = site.Tell(map[string]site.Count{"": counts.Standing}, in.By)
	s.Choices, s.Groups, s.Others = site.Tell(counts.Parts, in.By)
	if s.Groups == nil {
		s.Groups = []site.Group{}
	}
	return &siteStatisticsOutput{s}, nil
}

func (in *siteStatisticsInput) period(now time.Time) (from, to time.Time, err error) {
	from, to, err = in.days(now)
	if err == nil && in.By == site.ByDay && from.AddDate(0, 0, maxDays).Before(to.AddDate(0, 0, 1)) {
		err = invalid("query.from", "by day there are 92 days at most: ask for less, or by something else")
	}
	return from, to, err
}

func (in Days) days(now time.Time) (from, to time.Time, err error) {
	to = now.UTC().Truncate(24 * time.Hour)
	if in.To != "" {
		if to, err = time.Parse(time.DateOnly, in.To); err != nil {
			return from, to, invalid("query.to", "it is not a day")
		}
	}
	from = to.AddDate(0, 0, -29)
	if in.From != "" {
		if from, err = time.Parse(time.DateOnly, in.From); err != nil {
			return from, to, invalid("query.from", "it is not a day")
		}
	}
	if to.Before(from) {
		return from, to, invalid("query.from", "it is behind the last day")
	}
	return from, to, nil
}

type sitesStatisticsOutput struct {
	Body SitesStatistics
}

// SitesStatistics say how much was chosen on all sites, and on each.
type SitesStatistics struct {
	From   string      `json:"from"`
	To     string      `json:"to"`
	Total  *int64      `json:"total" doc:"Choices on all sites; null when there are one to nine"`
	Sites  []SiteTotal `json:"sites" nullable:"false" doc:"Those with ten choices or more, by id"`
	Others *int64      `json:"others" doc:"Choices on the other sites together; null when there are none, or too few"`
}

// SiteTotal is how much was chosen on a site.
type SiteTotal struct {
	ID    string `json:"id" format:"uuid"`
	Total int64  `json:"total"`
}

func showSitesStatistics(a *API, ctx context.Context, caller auth.Caller, in *Days) (*sitesStatisticsOutput, error) {
	from, to, err := in.days(a.config.Now())
	if err != nil {
		return nil, err
	}
	total, groups, others, err := a.chosenBySite(ctx, caller.Tenant, from, to)
	if err != nil {
		return nil, err
	}
	s := SitesStatistics{From: from.Format(time.DateOnly), To: to.Format(time.DateOnly), Total: total.Total, Sites: []SiteTotal{}}
	for _, g := range groups {
		s.Sites = append(s.Sites, SiteTotal{g.Value, *g.Total})
	}
	if others != nil {
		s.Others = others.Total
	}
	return &sitesStatisticsOutput{s}, nil
}

// chosenBySite tells how much was chosen on all sites, and on those on which it was not
// too little.
func (a *API) chosenBySite(ctx context.Context, tenant string, from, to time.Time) (total site.Figure, groups []site.Group, others *site.Figure, err error) {
	counts, err := a.config.SiteCounts.BySite(ctx, tenant, from, to)
	parts := map[string]site.Count{}
	for id, n := range counts {
		parts[id] = site.Count{N: n}
	}
	total, groups, others = site.Tell(parts, "")
	return total, groups, others, err
}

type recountInput struct {
	ID string `path:"id" format:"uuid"`
}

type recountOutput struct {
	Status int
}

func recountSite(a *API, ctx context.Context, caller auth.Caller, in *recountInput) (*recountOutput, error) {
	now := a.config.Now()
	_, err := a.config.SiteCounts.Read(ctx, caller.Tenant, in.ID, now, now, site.ByDay)
	if err == nil {
		err = a.config.SiteCounts.Recount(ctx, caller.Tenant, audit.Entry{Act: "site.recount", Object: "site/" + in.ID, Details: map[string]any{"by": caller.By()}})
	}
	if errors.Is(err, site.ErrNotFound) {
		return nil, notFound()
	}
	if err != nil {
		return nil, err
	}
	return &recountOutput{http.StatusAccepted}, nil
}
