package fulfill

import (
	"context"
	"fmt"
	"time"

	"volenti.dev/volenti/connector"
	"volenti.dev/volenti/request"
)

// facts are what every call may hold of the request, its connector.RequestFields
// among them. They stay the same while it is carried out: a call that is repeated
// must not differ.
func (r *run) facts() connector.Facts {
	about := map[string]any{"id": r.lease.Request, "policy": map[string]any{"key": r.request.Policy}}
	for name, text := range map[string]string{"source": r.request.Source, "location": r.request.Place} {
		if text != "" {
			about[name] = text
		}
	}
	for name, at := range map[string]time.Time{
		"created_at": r.request.Created, "requested_at": or(r.request.Received, r.request.Created),
		"due_date": r.request.Due, "identity_verified_at": r.request.Verified,
	} {
		if !at.IsZero() {
			about[name] = at.UTC().Format(time.RFC3339)
		}
	}
	return connector.Facts{RequestID: r.lease.Request, Custom: r.answers, Request: about, Log: r.calls.note}
}

// openAnswers reads what was answered to the questions of the policy.
func (r *run) openAnswers(ctx context.Context) error {
	papers, err := r.work.Papers(ctx, r.lease.Tenant, r.lease.Request, request.AnswersPaper)
	if err != nil {
		return fmt.Errorf("read the answers of the form: %w", err)
	}
	r.answers, err = request.AnswersOf(r.key, r.lease.Tenant, r.lease.Request, papers)
	return err
}
