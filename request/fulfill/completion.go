package fulfill

import (
	"context"
	"fmt"

	"volenti.dev/volenti/request"
)

// completion ends the request, and in the same commit posts the letter that
// tells the person. It is complete when nothing is left of what the policy
// targets; what could not be erased, or was skipped, is counted and named.
func (r *run) completion(ctx context.Context) error {
	event, message := request.Finish, ""
	residue, refused, skipped := r.leftovers()
	unconfirmed, err := r.unconfirmed(ctx)
	if err != nil {
		return err
	}
	unverified := r.unverified()
	if residue > 0 || refused > 0 || skipped > 0 || unconfirmed > 0 || unverified > 0 {
		event = request.Leave
		message = fmt.Sprintf("rows that are not as they must be: %d; fields that cannot be masked: %d", residue, refused)
		if skipped > 0 {
			message += fmt.Sprintf("; collections that were skipped: %d", skipped)
		}
		if unconfirmed > 0 {
			message += fmt.Sprintf("; erasures that colleagues did not confirm: %d", unconfirmed)
		}
		if unverified > 0 {
			message += fmt.Sprintf("; collections of which it could not be asked whether they are erased: %d", unverified)
		}
	}
	crash("verified")
	entry := r.entry("request.complete", map[string]any{"plan": r.plan.Hash, "rounds": r.request.Round, "residue": residue, "refused_fields": refused, "skipped": skipped, "unconfirmed": unconfirmed, "unverified": unverified})
	told, err := r.answer(event == request.Leave)
	if err != nil {
		return fmt.Errorf("write to the person: %w", err)
	}
	if err := r.requests.Move(ctx, r.lease, request.Turn{Event: event, Message: message, Letters: told.Letters, Passes: told.Passes}, entry); err != nil {
		return fmt.Errorf("end the request: %w", err)
	}
	crash("finished")
	return nil
}

// leftovers counts rows that verification found wanting, fields that the plan
// could not mask in collections where the person has rows, and collections
// that an operator has taken out.
func (r *run) leftovers() (residue, refused, skipped int64) {
	for i := range r.plan.Nodes {
		n := &r.plan.Nodes[i]
		residue += r.at(n.Address, request.Verification).RowsResidue
		if r.found(n.Address) > 0 || n.Instructed { // of which it is not known whether the person is in it
			refused += int64(len(n.Refused))
		}
	}
	return residue, refused, int64(len(r.skips))
}

// unverified counts the collections in which something was erased and that could not
// be asked whether it is.
func (r *run) unverified() (collections int64) {
	for i := range r.plan.Nodes {
		if n := &r.plan.Nodes[i]; n.Erases() && n.Unverified != "" && r.found(n.Address) > 0 {
			collections++
		}
	}
	return collections
}
