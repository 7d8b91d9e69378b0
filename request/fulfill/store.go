package fulfill

import (
	"context"
	"time"

	"volenti.dev/volenti/audit"
	"volenti.dev/volenti/request"
)

// Requests keeps requests and their leases. Every change commits together
// with the audit entry that it is given. What fails with
// request.ErrUnavailable, here and below, was not done and may be tried again; a
// write that fails with request.ErrUnknown may stand.
type Requests interface {
	// Get gives a request as it stands.
	Get(ctx context.Context, tenant, id string) (request.Request, error)
	// Claim moves the request by event Start and takes its lease with a new,
	// higher fence. ErrLeased when another owner's lease has not run out,
	// ErrTransition when the request cannot start. takeOver takes a lease that
	// has not run out: only for one who knows that its owner is dead.
	Claim(ctx context.Context, tenant, id, owner string, ttl time.Duration, takeOver bool, entry audit.Entry) (request.Lease, request.Request, error)
	// Renew prolongs the lease by the database's clock.
	Renew(ctx context.Context, l request.Lease, ttl time.Duration) error
	// Advance records that the request goes on with step.
	Advance(ctx context.Context, l request.Lease, step string) error
	// NextRound records that the request goes on with step in its next round,
	// once: where the request stands at that round, nothing is done.
	NextRound(ctx context.Context, l request.Lease, round int, step string, entry audit.Entry) error
	// Move applies an event and, where the new status is not InProcessing,
	// gives the lease back. When the new status is terminal, the request's
	// key and working data are destroyed in the same commit.
	Move(ctx context.Context, l request.Lease, turn request.Turn, entry audit.Entry) error
	// Rest gives the lease of a request back that waits for systems. It is due
	// again after a pause, or at once where a reply was posted that Replies has not
	// given yet.
	Rest(ctx context.Context, l request.Lease, pause time.Duration, parked request.Parked) error
	// Identities gives the request's identities, sealed.
	Identities(ctx context.Context, tenant, id string) ([]request.Identity, error)
}

// Work keeps what a running request has found and done. Every write names
// the lease and is refused with request.ErrFenced when it is no longer held. It
// belongs to the round that the request stands at.
type Work interface {
	HookLog
	WaitLog
	// Papers gives those of a kind that are kept with the request, by name.
	Papers(ctx context.Context, tenant, id, kind string) ([]request.Paper, error)
	// Progress gives the rows of all rounds, collections and actions.
	Progress(ctx context.Context, tenant, id string) ([]request.Progress, error)
	// Begin stores p as running, with its attempt. It forgets the chunks of an
	// earlier attempt when p.Action is Access, and what had failed in earlier
	// rounds with the first attempt of an erasure.
	Begin(ctx context.Context, l request.Lease, p request.Progress) error
	// Chunk stores sealed rows of a collection.
	Chunk(ctx context.Context, l request.Lease, c request.Chunk) error
	// Save stores p, the log line and what was left to be stored of the rows;
	// outcomes are added to those stored.
	Save(ctx context.Context, l request.Lease, p request.Progress, outcomes []request.FieldOutcome, line request.LogLine, rest ...request.Chunk) error
	// Intend stores p as running, and records with it that the changes of its
	// collection up to p.Intent may be sent from now on.
	Intend(ctx context.Context, l request.Lease, p request.Progress, entry audit.Entry) error
	// Skips gives the collections that an operator has taken out of a request,
	// each with the reason.
	Skips(ctx context.Context, tenant, id string) (map[string]string, error)
	// Omissions gives what an operator has left out of the packages of a request,
	// ordered by address and field.
	Omissions(ctx context.Context, tenant, id string) ([]request.Omission, error)
	// Chunks streams the sealed chunks of a collection in one round, in order.
	Chunks(ctx context.Context, tenant, id, address string, round int, each func(n int, sealed []byte) error) error
	// Outcomes gives the stored outcomes of fields.
	Outcomes(ctx context.Context, tenant, id string) ([]request.FieldOutcome, error)
	// Reserve takes rows, by collection, out of the hourly allowance of all
	// requests, once per request and collection; ok is false, and nothing is
	// taken, when less than all of it is left.
	Reserve(ctx context.Context, l request.Lease, rows map[string]int64, perHour int64) (ok bool, err error)
	// Audit appends an entry that stands for itself.
	Audit(ctx context.Context, l request.Lease, entry audit.Entry) error
}

// Holds knows what must not be erased for now.
type Holds interface {
	// Held gives the legal holds on the data subject of a request, by any of its
	// identities, and on collections or their datasets.
	Held(ctx context.Context, tenant, id string, addresses []string) ([]request.Hold, error)
	// Enter is for the moment before a batch commits. It reads the holds on the
	// data subject and the collection: *request.HeldError when there is one,
	// request.ErrFenced when the lease is lost. Whoever places a hold from now
	// on waits until release.
	Enter(ctx context.Context, l request.Lease, address string) (release func(), err error)
}

// Keys gives the key that seals a request's working data, or
// request.ErrDestroyed.
type Keys interface {
	RequestKey(ctx context.Context, tenant, id string) (request.Key, error)
}
