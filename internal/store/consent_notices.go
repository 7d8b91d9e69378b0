package store

import (
	"context"
	"fmt"

	"volenti.dev/volenti/consent"
	"volenti.dev/volenti/consent/notice"
)

// keepNotice stores what the rules do not hold of a version.
func (t *tx) keepNotice(ctx context.Context, v notice.Version) error {
	for _, text := range v.Texts {
		if _, err := t.exec(ctx, `INSERT INTO consent_texts (tenant, version, language, digest, body) VALUES ($1, $2, $3, $4, $5)`,
			t.tenant, v.Version, text.Language, text.Digest(), []byte(text.Body)); err != nil {
			return err
		}
	}
	_, err := t.exec(ctx, `INSERT INTO consent_notices (tenant, version, sealed) VALUES ($1, $2, $3)`,
		t.tenant, v.Version, t.keys.Seal([]byte(v.ClassifiedBy), noticeOf(t.tenant, v.Version)))
	return err
}

// Notice gives a published version with its texts, or consent.ErrNotFound.
// All versions, without texts, are in the rules.
func (c *Consents) Notice(ctx context.Context, tenant, version string) (v notice.Full, err error) {
	rules, err := c.Rules(ctx, tenant)
	if err != nil {
		return v, err
	}
	keys, err := c.db.Tenant(ctx, tenant)
	if err != nil {
		return v, err
	}
	published := rules.Version(version)
	if published == nil {
		return v, consent.ErrNotFound
	}
	v.Published = *published
	if v.Texts, err = collect(ctx, c.db.engine, scanText, `
		SELECT language, body FROM consent_texts WHERE tenant = $1 AND version = $2 ORDER BY language`, tenant, version); err != nil {
		return v, fmt.Errorf("read the texts of a notice: %w", err)
	}
	err = c.db.engine.each(ctx, func(s scanner) error {
		var sealed []byte
		if err := s.Scan(&sealed); err != nil {
			return err
		}
		name, err := keys.Open(sealed, noticeOf(tenant, version))
		v.ClassifiedBy = string(name)
		return err
	}, `SELECT sealed FROM consent_notices WHERE tenant = $1 AND version = $2`, tenant, version)
	if err != nil {
		return v, fmt.Errorf("read who classified a notice: %w", err)
	}
	return v, nil
}

func scanText(s scanner) (t notice.Text, err error) {
	var body []byte
	err = s.Scan(&t.Language, &body)
	t.Body = string(body)
	return t, err
}

// noticeOf is the associated data of who classified a version.
func noticeOf(tenant, version string) []byte {
	return fmt.Appendf(nil, "notice/%s/%s", tenant, version)
}
