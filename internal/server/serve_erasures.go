package server

import (
	"context"
	"errors"
	"slices"
	"strings"

	"volenti.dev/volenti/api"
	"volenti.dev/volenti/config"
	"volenti.dev/volenti/request"
	"volenti.dev/volenti/request/policy"
)

var _ api.Erasures = (*front)(nil)

// Erasures implements api.Erasures.
func (f *front) Erasures(ctx context.Context, tenant, language string) ([]api.Erasure, error) {
	e, release, err := f.use(ctx, tenant)
	if errors.Is(err, request.ErrNoConfiguration) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer release()
	var all []api.Erasure
	for _, p := range e.config.Policies {
		if p.Intake != nil && p.Intake.Public && len(p.Of(policy.Erasure)) > 0 {
			told := erasureOf(p, e.config, language)
			if law, ok := e.config.Deadlines.LawOf(p.Intake.Law, ""); ok { // where the person is is not known
				told.Answer = &api.Period{Months: law.Answer.Months, Days: law.Answer.Days, BusinessDays: law.Answer.BusinessDays}
			}
			all = append(all, told)
		}
	}
	return all, nil
}

// erasureOf tells each kind of data, and each reason to keep some, once.
func erasureOf(p policy.Policy, c *config.Config, language string) api.Erasure {
	told := api.Erasure{Policy: p.Key, Name: p.Name, Erases: []string{}, Keeps: []api.Keeping{}}
	for _, rule := range p.Of(policy.Erasure) {
		for _, target := range rule.Targets {
			whole := func(k policy.Keep) bool { return k.Category.Covers(target) }
			if kind := c.Taxonomy.Say(target, language); !slices.Contains(told.Erases, kind) && !slices.ContainsFunc(rule.Keep, whole) {
				told.Erases = append(told.Erases, kind)
			}
		}
		for _, k := range rule.Keep {
			_, what, _ := strings.Cut(strings.ReplaceAll(k.Address, "_", " "), ":") // what a database is called is nobody's business
			if k.Category != "" {
				what = c.Taxonomy.Say(k.Category, language)
			}
			if kept := (api.Keeping{What: what, Reason: k.Reason, Ground: k.Ground, Until: string(k.Until)}); !slices.Contains(told.Keeps, kept) {
				told.Keeps = append(told.Keeps, kept)
			}
		}
	}
	return told
}
