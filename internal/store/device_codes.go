package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"volenti.dev/volenti/consent/site"
	"volenti.dev/volenti/message"
	"volenti.dev/volenti/subject"
)

// DeviceCode is a code on its way to who wants to link a device.
type DeviceCode struct {
	site.Challenge
	message.Letter
}

// SendCode stores a code in the place of the one of before, with its letter.
// Codes are counted by address, together with those of requests, and by device:
// site.ErrRefused when too many were sent. It fails with site.ErrNotFound where
// nothing stands for the device, and with site.ErrLinked.
func (s *Devices) SendCode(ctx context.Context, c DeviceCode) error {
	return s.db.write(ctx, c.Tenant, func(ctx context.Context, t *tx) error {
		d, err := t.device(ctx, c.Site, c.Device)
		if err != nil {
			return err
		}
		if d.person != "" {
			return site.ErrLinked
		}
		for _, digest := range []string{c.Digest, deviceLimit(c.Challenge)} {
			counted, err := t.countSent(ctx, digest)
			if err != nil {
				return err
			}
			if !counted {
				return site.ErrRefused
			}
		}
		if _, err := t.exec(ctx, `
			INSERT INTO device_codes (tenant, site, device, digest, mac, sealed, tries, expires) VALUES ($1, $2, $3, $4, $5, $6, 0, {now} + $7)
			ON CONFLICT (tenant, site, device) DO UPDATE SET digest = excluded.digest, mac = excluded.mac, sealed = excluded.sealed, tries = 0, expires = excluded.expires`,
			t.tenant, c.Site, c.Device, c.Digest, c.MAC, t.keys.Seal([]byte(c.To.Reveal()), codePlace(c.Challenge)), site.CodeLasts.Microseconds()); err != nil {
			return fmt.Errorf("store a code: %w", err)
		}
		t.growth.destroyed = true // the one of before
		return t.post(ctx, c.Letter)
	})
}

// JudgeCode counts a try and gives what an answer is to be compared with;
// site.ErrRefused when none is left. Until the device is linked the try counts
// as a wrong one.
func (s *Devices) JudgeCode(ctx context.Context, tenant, siteID, device string) (site.Challenge, error) {
	c := site.Challenge{Tenant: tenant, Site: siteID, Device: device}
	err := s.db.write(ctx, tenant, func(ctx context.Context, t *tx) error {
		err := t.row(ctx, `UPDATE device_codes SET tries = tries + 1
			WHERE tenant = $1 AND site = $2 AND device = $3 AND tries < $4 AND expires > {now}
			RETURNING digest, mac`, tenant, siteID, device, site.CodeTries).Scan(&c.Digest, &c.MAC)
		if errors.Is(err, sql.ErrNoRows) {
			return site.ErrRefused
		}
		if err != nil {
			return fmt.Errorf("count a try: %w", err)
		}
		counted, err := t.countWrong(ctx, c.Digest)
		if err == nil && !counted {
			err = site.ErrRefused
		}
		return err
	})
	return c, err
}

// useCode uses up the code that was answered, and gives the address.
func (t *tx) useCode(ctx context.Context, c site.Challenge) (i subject.Identity, err error) {
	var sealed []byte
	err = t.row(ctx, `DELETE FROM device_codes WHERE tenant = $1 AND site = $2 AND device = $3 AND mac = $4 AND expires > {now} RETURNING sealed`,
		t.tenant, c.Site, c.Device, c.MAC).Scan(&sealed)
	if errors.Is(err, sql.ErrNoRows) {
		return i, site.ErrRefused // another was quicker
	}
	if err != nil {
		return i, fmt.Errorf("use a code: %w", err)
	}
	t.growth.destroyed = true
	if _, err := t.exec(ctx, `UPDATE code_limits SET wrong = wrong - 1 WHERE tenant = $1 AND digest = $2 AND wrong > 0`, t.tenant, c.Digest); err != nil {
		return i, fmt.Errorf("take a try back: %w", err)
	}
	address, err := t.keys.Open(sealed, codePlace(c))
	if err != nil {
		return i, fmt.Errorf("open the address that a code was sent to: %w", err)
	}
	return subject.New(subject.Email, string(address))
}

// SweepCodes forgets the codes that are no longer good.
func (s *Devices) SweepCodes(ctx context.Context, tenant string) error {
	return s.db.write(ctx, tenant, func(ctx context.Context, t *tx) error {
		gone, err := t.exec(ctx, `DELETE FROM device_codes WHERE tenant = $1 AND expires <= {now}`, tenant)
		if err != nil {
			return fmt.Errorf("sweep codes: %w", err)
		}
		t.growth.destroyed = t.growth.destroyed || gone > 0
		return nil
	})
}

// deviceLimit is what the codes of a device are counted under, beside those of
// an address.
func deviceLimit(c site.Challenge) string { return "device/" + c.Device }

// codePlace ties what is sealed to its row.
func codePlace(c site.Challenge) []byte {
	return fmt.Appendf(nil, "device-code/%s/%s/%s", c.Tenant, c.Site, c.Device)
}
