package api

import (
	"context"

	"volenti.dev/volenti/auth"
)

type statisticsOutput struct {
	Body Statistics
}

// Statistics say how many agreed to what, and nothing of single persons.
type Statistics struct {
	Items []Statistic `json:"items" nullable:"false"`
}

// Statistic is for how many subjects a choice stands.
type Statistic struct {
	Purpose  string `json:"purpose"`
	Choice   string `json:"choice" enum:"granted,refused,withdrawn,expired"`
	Subjects *int64 `json:"subjects" doc:"null when there are fewer than ten: so few could be recognised"`
}

func showStatistics(a *API, ctx context.Context, caller auth.Caller, _ *struct{}) (*statisticsOutput, error) {
	tallies, err := a.config.Consents.Tally(ctx, caller.Tenant)
	if err != nil {
		return nil, err
	}
	out := &statisticsOutput{Statistics{Items: []Statistic{}}}
	for _, t := range tallies {
		s := Statistic{Purpose: t.Purpose, Choice: string(t.Choice)}
		if n, ok := t.Anonymous(); ok {
			s.Subjects = &n
		}
		out.Body.Items = append(out.Body.Items, s)
	}
	return out, nil
}
