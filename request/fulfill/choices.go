package fulfill

import (
	"context"

	"volenti.dev/volenti/request"
	"volenti.dev/volenti/subject"
)

// Choices are what people agreed to, and what they chose in banners on devices
// that are linked to them.
type Choices interface {
	// Of writes all that there is about those whom the identities belong to, as
	// JSON; nil for nothing.
	Of(ctx context.Context, tenant string, identities []subject.Identity) ([]byte, error)
	// Forget deletes what stands for their devices. It may be called again.
	Forget(ctx context.Context, l request.Lease, identities []subject.Identity) error
}

// agreed gives what goes into the package of the person: only by what they were
// known by themselves, which is proven or vouched for (SE1).
func (r *run) agreed(ctx context.Context) ([]byte, error) {
	if r.Choices == nil {
		return nil, nil
	}
	return r.Choices.Of(ctx, r.lease.Tenant, r.own)
}

func (r *run) forgets() bool { return r.Choices != nil && r.erases() }

// patientChoices waits for the store.
type patientChoices struct {
	patient
	choices Choices
}

// Of implements Choices.
func (p patientChoices) Of(ctx context.Context, tenant string, identities []subject.Identity) ([]byte, error) {
	return ask(ctx, p.patient, func() ([]byte, error) { return p.choices.Of(ctx, tenant, identities) })
}

// Forget implements Choices.
func (p patientChoices) Forget(ctx context.Context, l request.Lease, identities []subject.Identity) error {
	return p.try(ctx, func() error { return p.choices.Forget(ctx, l, identities) })
}
