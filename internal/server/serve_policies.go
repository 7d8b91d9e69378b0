package server

import (
	"context"

	"volenti.dev/volenti/request/policy"
)

// policies are those of the configuration in use.
type policies struct{ latest *Latest }

// Policies implements api.Policies.
func (p policies) Policies(ctx context.Context, tenant string) ([]policy.Policy, error) {
	e, release, err := p.latest.Use(ctx, tenant)
	if err != nil {
		return nil, err
	}
	defer release()
	return e.config.Policies, nil
}
