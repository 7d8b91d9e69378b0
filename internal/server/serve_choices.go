package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"volenti.dev/volenti/consent"
	banner "volenti.dev/volenti/consent/site"
	"volenti.dev/volenti/internal/store"
	"volenti.dev/volenti/request"
	"volenti.dev/volenti/request/fulfill"
	"volenti.dev/volenti/subject"
)

// choices hand out and forget what people agreed to, for requests.
type choices struct {
	db  *store.DB
	now func() time.Time
}

var _ fulfill.Choices = choices{}

// agreed is consents.json.
type agreed struct {
	Purposes []consent.Standing `json:"purposes"` // what stands
	Records  []noted            `json:"records"`  // all that was ever chosen, oldest first
	Banners  []onBanner         `json:"banners"`
}

// noted is a record, and how the person said so where somebody else recorded it.
type noted struct {
	consent.Record
	Note string `json:"note,omitempty"`
}

// onBanner is what stands for one device on one site.
type onBanner struct {
	Site string `json:"site"` // key
	banner.Standing
	Records []banner.Entry `json:"records"` // newest first
}

// Of implements fulfill.Choices.
func (c choices) Of(ctx context.Context, tenant string, identities []subject.Identity) ([]byte, error) {
	people, err := c.people(ctx, tenant, identities)
	if err != nil || len(people) == 0 {
		return nil, err
	}
	ledger := c.db.Consents()
	rules, err := ledger.Rules(ctx, tenant)
	if err != nil {
		return nil, err
	}
	all := agreed{Records: []noted{}, Banners: []onBanner{}}
	for _, id := range people {
		states, err := ledger.States(ctx, tenant, id)
		if err != nil {
			return nil, err
		}
		all.Purposes = append(all.Purposes, rules.Standings(states, c.now())...)
		records, err := ledger.History(ctx, tenant, id)
		if err != nil {
			return nil, err
		}
		for _, r := range records {
			trace, err := ledger.Trace(ctx, tenant, r)
			if err != nil {
				return nil, err
			}
			all.Records = append(all.Records, noted{r, trace.Note})
		}
		devices, err := c.db.Devices().Of(ctx, tenant, id)
		if err != nil {
			return nil, err
		}
		for _, d := range devices {
			trail, err := c.db.SiteConsents().Trail(ctx, tenant, d.Site, d.ID)
			if err != nil && !errors.Is(err, banner.ErrNotFound) {
				return nil, err
			}
			all.Banners = append(all.Banners, onBanner{d.Key, d.Standing, trail})
		}
	}
	text, err := json.MarshalIndent(all, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("write what a person agreed to: %w", err)
	}
	return append(text, '\n'), nil
}

// Forget implements fulfill.Choices.
func (c choices) Forget(ctx context.Context, l request.Lease, identities []subject.Identity) error {
	people, err := c.people(ctx, l.Tenant, identities)
	for _, id := range people {
		err = errors.Join(err, c.db.Devices().Erase(ctx, l.Tenant, id))
	}
	return err
}

// people finds those whom the identities belong to.
func (c choices) people(ctx context.Context, tenant string, identities []subject.Identity) (people []consent.SubjectID, err error) {
	for _, i := range identities {
		id, err := c.db.Consents().Find(ctx, tenant, i)
		if errors.Is(err, consent.ErrNotFound) || slices.Contains(people, id) {
			continue
		}
		if err != nil {
			return nil, err
		}
		people = append(people, id)
	}
	return people, nil
}
