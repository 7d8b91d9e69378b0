package fulfill

import (
	"context"

	"volenti.dev/volenti/request"
)

// AfterReview is the step that a request goes on with once an operator has
// looked at what was done.
const AfterReview = "redaction"

// reviewed says whether an operator looks at what was done. On the command
// line the one who has given the command does.
func (r *run) reviewed() bool { return r.plan.Review && r.request.Author != "" }

// review lets the request wait for an operator, before the person is told.
func (r *run) review(context.Context) error {
	return pause{
		reason: "an operator looks at what was done before the person is told",
		parked: request.Parked{Needed: []string{"finish it, or cancel it"}},
		event:  request.Review,
	}
}
