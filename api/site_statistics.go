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
	// Chosen counts the choices on all sites of a day, in UTC.
	Chosen(ctx context.Context, tenant string, day time.Time) (int64, error)
	// Recount lets all of a tenant be counted again.
	Recount(ctx context.Context, tenant string, entry audit.Entry) error
}

type siteStatisticsInput struct {
	ID   string    `path:"id" format:"uuid"`
	From string    `query:"from" format:"date" doc:"The first day, in UTC; 29 days before the last unless told"`
	To   string    `query:"to" format:"date" doc:"The last day, in UTC; today unless told"`
	By   site.Axis `query:"by" enum:"day,language,country,version,source" default:"day" doc:"What to group choices by"`
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
	switch {
	case to.Before(from):
		return from, to, invalid("query.from", "it is behind the last day")
	case in.By == site.ByDay && from.AddDate(0, 0, maxDays).Before(to.AddDate(0, 0, 1)):
		return from, to, invalid("query.from", "by day there are 92 days at most: ask for less, or by something else")
	}
	return from, to, nil
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
