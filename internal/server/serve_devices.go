package server

import (
	"context"
	"crypto/rand"
	"errors"
	"time"

	"volenti.dev/volenti/api"
	"volenti.dev/volenti/consent"
	banner "volenti.dev/volenti/consent/site"
	"volenti.dev/volenti/internal/store"
	"volenti.dev/volenti/message"
	"volenti.dev/volenti/subject"
)

// devices links devices of visitors to people.
type devices struct{ db *store.DB }

var _ api.Devices = devices{}

// How a device was linked or unlinked, in the audit log.
const (
	byCode    = "code"
	byDevice  = "device"
	byVoucher = "vouched"
)

// SendCode implements api.Devices.
func (d devices) SendCode(ctx context.Context, siteKey, device string, to subject.Identity, language string) error {
	tenant, id, name, err := d.db.Devices().Asking(ctx, siteKey)
	if err != nil {
		return err
	}
	keys, err := d.db.Tenant(ctx, tenant)
	if err != nil {
		return err
	}
	known, err := d.db.Devices().Known(ctx, tenant, id, device)
	if err != nil {
		return err
	}
	challenge, code, err := banner.NewChallenge(tenant, id, known, to, keys.RecallKey(), rand.Reader)
	if err != nil {
		return err
	}
	letter, err := message.New(message.Letter{
		Kind: message.DeviceCode, Language: language, To: to.Value,
		Values: message.Values{"site": name, "code": code, "minutes": int(banner.CodeLasts.Minutes())},
	})
	if err != nil {
		return err
	}
	err = d.db.Devices().SendCode(ctx, store.DeviceCode{Challenge: challenge, Letter: letter})
	if errors.Is(err, banner.ErrRefused) {
		return nil // how many were sent to an address is nobody's business
	}
	return err
}

// Prove implements api.Devices.
func (d devices) Prove(ctx context.Context, siteKey, device, code string) error {
	tenant, id, _, err := d.db.Devices().Asking(ctx, siteKey)
	if err != nil {
		return err
	}
	keys, err := d.db.Tenant(ctx, tenant)
	if err != nil {
		return err
	}
	known, err := d.db.Devices().Known(ctx, tenant, id, device)
	if err != nil {
		return err
	}
	challenge, err := d.db.Devices().JudgeCode(ctx, tenant, id, known)
	if err != nil {
		return err
	}
	proof, err := challenge.Answer(code, keys.RecallKey())
	if err != nil {
		return err
	}
	_, err = d.db.Devices().Prove(ctx, proof)
	return err
}

// UnlinkOwn implements api.Devices.
func (d devices) UnlinkOwn(ctx context.Context, siteKey, device string) error {
	tenant, id, _, err := d.db.Devices().Asking(ctx, siteKey)
	if err != nil {
		return err
	}
	return d.unlink(ctx, tenant, id, device, map[string]any{"how": byDevice})
}

// Link implements api.Devices.
func (d devices) Link(ctx context.Context, tenant, siteID, device string, identities []subject.Identity, by string) error {
	known, err := d.db.Devices().Known(ctx, tenant, siteID, device)
	if err != nil {
		return err
	}
	_, err = d.db.Devices().Link(ctx, tenant, siteID, known, identities, map[string]any{"how": byVoucher, "by": by})
	return err
}

// Unlink implements api.Devices.
func (d devices) Unlink(ctx context.Context, tenant, siteID, device, by string) error {
	return d.unlink(ctx, tenant, siteID, device, map[string]any{"how": byVoucher, "by": by})
}

func (d devices) unlink(ctx context.Context, tenant, siteID, device string, details map[string]any) error {
	known, err := d.db.Devices().Known(ctx, tenant, siteID, device)
	if err != nil {
		return err
	}
	return d.db.Devices().Unlink(ctx, tenant, siteID, known, details)
}

// Of implements api.Devices.
func (d devices) Of(ctx context.Context, tenant string, person consent.SubjectID) ([]banner.Linked, error) {
	return d.db.Devices().Of(ctx, tenant, person)
}

// followSlice is how many records of the ledger devices look at in one go.
const followSlice = 1000

// followPeople lets devices follow what their people say elsewhere, until ctx
// ends. Several servers may do it at once.
func (s *Server) followPeople(ctx context.Context) {
	tick := time.NewTicker(pollTime)
	defer tick.Stop()
	for {
		err := everyTenant(ctx, s.House.Store, func(ctx context.Context, tenant string) error {
			for {
				if more, err := s.House.Store.Devices().Follow(ctx, tenant, followSlice); err != nil || !more {
					return err
				}
			}
		})
		if err != nil && ctx.Err() == nil {
			s.Log.Warn("devices follow what their people say later", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}
