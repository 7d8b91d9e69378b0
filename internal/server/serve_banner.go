package server

import (
	"context"
	"errors"

	"volenti.dev/volenti/api"
	banner "volenti.dev/volenti/consent/site"
	"volenti.dev/volenti/internal/store"
)

// banners are the choices of visitors, each by the version that it refers to.
type banners struct {
	*store.SiteConsents
	sites   *store.Sites
	devices *store.Devices
}

var _ api.Banners = banners{}

// Choose implements api.Banners.
func (b banners) Choose(ctx context.Context, at banner.Place, s banner.Submission) (banner.Standing, error) {
	v, digest, err := b.version(ctx, at, s.Version)
	if err != nil {
		return banner.Standing{}, err
	}
	chosen, err := b.SiteConsents.Choose(ctx, at.Tenant, v, digest, s)
	return chosen, b.bridged(ctx, at.Tenant, chosen, err)
}

// version gives the version that a submission refers to, with its digest.
func (b banners) version(ctx context.Context, at banner.Place, n int) (banner.Version, string, error) {
	if at.Version == 0 { // the site has published nothing
		return banner.Unpublished(at.ID), "", nil
	}
	v, err := b.sites.Shown(ctx, at.Tenant, at.ID, n)
	if errors.Is(err, banner.ErrNotFound) {
		err = banner.NotShown()
	}
	if err != nil {
		return banner.Version{}, "", err
	}
	return v.Version, v.Digest, nil
}

// Withdraw implements api.Banners.
func (b banners) Withdraw(ctx context.Context, tenant, siteID, device, submission string) error {
	left, err := b.SiteConsents.Withdraw(ctx, tenant, siteID, device, submission)
	return b.bridged(ctx, tenant, left, err)
}

// WithdrawConsent implements api.Banners.
func (b banners) WithdrawConsent(ctx context.Context, tenant, siteID, id, by string) error {
	left, err := b.SiteConsents.WithdrawConsent(ctx, tenant, siteID, id, by)
	return b.bridged(ctx, tenant, left, err)
}

// bridged lets the ledger follow the device of a person, before the choice is
// acknowledged. Who sends it again after a failure has it done then.
func (b banners) bridged(ctx context.Context, tenant string, s banner.Standing, err error) error {
	if err != nil || !s.Linked {
		return err
	}
	return b.devices.Bridge(ctx, tenant, s.ID)
}

// sweepBanners ends what visitors chose whose time is over.
func sweepBanners(ctx context.Context, db *store.DB, tenant string) error {
	for {
		n, err := db.SiteConsents().Sweep(ctx, tenant, upkeepSlice)
		if err != nil || n < upkeepSlice {
			return err
		}
	}
}
