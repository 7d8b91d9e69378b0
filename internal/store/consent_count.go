package store

import (
	"context"
	"fmt"

	"volenti.dev/volenti/consent"
)

// Tally counts what stands, by purpose and choice. It reads every state.
func (c *Consents) Tally(ctx context.Context, tenant string) ([]consent.Tally, error) {
	all, err := collect(ctx, c.db.engine, func(s scanner) (t consent.Tally, err error) {
		err = s.Scan(&t.Purpose, &t.Choice, &t.Subjects)
		return t, err
	}, `SELECT purpose, choice, COUNT(*) FROM consent_state WHERE tenant = $1 GROUP BY purpose, choice ORDER BY purpose, choice`, tenant)
	if err != nil {
		return nil, fmt.Errorf("count the states: %w", err)
	}
	return all, nil
}
