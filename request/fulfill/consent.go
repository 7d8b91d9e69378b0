package fulfill

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"volenti.dev/volenti/request"
	"volenti.dev/volenti/subject"
)

// Consents withdraws what people agreed to.
type Consents interface {
	// Withdraw withdraws all that stands granted for whom the identities belong
	// to, and gives the purposes. Once it has begun for a request, it does the same
	// again, and what was done is not done twice.
	Withdraw(ctx context.Context, l request.Lease, key request.Key, identities []subject.Identity) (purposes []string, err error)
}

// Consents have one row of progress in a request.
const (
	ConsentAddress = "consent"
	consentAction  = request.Action("consent")
)

func (r *run) withdraws() bool { return r.plan.Consent != "" }

func (r *run) endsChoices() bool { return r.withdraws() || r.forgets() }

// consent withdraws all that the person agreed to (X12), and forgets their
// devices where the person is erased (B27). What a webhook has added to their
// identities does not count: it leads to data, and a consent is given by whom it
// is of.
func (r *run) consent(ctx context.Context) error {
	if r.withdraws() {
		if err := r.withdraw(ctx); err != nil {
			return err
		}
	}
	if r.forgets() {
		if err := r.Choices.Forget(ctx, r.lease, r.own); err != nil {
			return fmt.Errorf("forget devices: %w", err)
		}
	}
	return nil
}

func (r *run) withdraw(ctx context.Context) error {
	p := r.at(ConsentAddress, consentAction)
	if p.Status == request.Done {
		return nil
	}
	p, err := r.begin(ctx, p)
	if err != nil {
		return err
	}
	purposes, err := r.Consents.Withdraw(ctx, r.lease, r.key, r.own)
	if err != nil {
		return fmt.Errorf("withdraw consents: %w", err)
	}
	crash("consents.withdrawn")
	p.Status, p.Message = request.Done, "nothing stood granted"
	if len(purposes) > 0 {
		p.Message = "withdrawn: " + strings.Join(slices.Sorted(slices.Values(purposes)), ", ")
	}
	return r.save(ctx, p, nil)
}

// patientConsents waits for the store.
type patientConsents struct {
	patient
	consents Consents
}

// Withdraw implements Consents.
func (p patientConsents) Withdraw(ctx context.Context, l request.Lease, key request.Key, identities []subject.Identity) ([]string, error) {
	return ask(ctx, p.patient, func() ([]string, error) { return p.consents.Withdraw(ctx, l, key, identities) })
}
