package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"volenti.dev/volenti/audit"
	"volenti.dev/volenti/auth"
	"volenti.dev/volenti/message"
	"volenti.dev/volenti/request"
	"volenti.dev/volenti/subject"
)

// Intake keeps what people ask for by themselves until it is known who they
// are: the codes that were sent, and how many.
type Intake struct{ db *DB }

// Intake gives access to what people ask for by themselves.
func (db *DB) Intake() *Intake { return &Intake{db} }

// unprovenTime is how long a request waits to be proven.
const unprovenTime = 7 * 24 * time.Hour

// Submit stores a request whose identities were claimed, with its papers and
// the codes that are to prove them. A code of which too many were sent lately
// is left out, and nobody is told.
func (s *Intake) Submit(ctx context.Context, r request.Request, claimed []subject.Identity, papers []Paper, codes []Code, entry audit.Entry) error {
	return s.db.write(ctx, r.Tenant, func(ctx context.Context, t *tx) error {
		if err := t.create(ctx, r, claimed, request.Claimed, papers); err != nil {
			return err
		}
		for _, c := range codes {
			if err := t.send(ctx, c); err != nil && !errors.Is(err, request.ErrRefused) {
				return err
			}
		}
		return t.log(ctx, entry)
	})
}

// Settling is what goes with the moment in which it is known who asks.
type Settling struct {
	// Window is how long an earlier request stands for this one.
	Window time.Duration
	Law    string
	Due    time.Time
	// Tell gives what else is committed. It gets the request that stands, which
	// is the earlier one when this is its duplicate, and the address of the
	// person, if there is one. It may be called more than once.
	Tell func(stands request.Request, address subject.Personal[string]) (auth.Pass, []message.Letter, audit.Entry, error)
}

// Prove makes the identity that was answered at a proven one, and lets the
// request stand, or makes it a duplicate of an earlier one under the same
// policy about the same identities that is still open. It gives the request
// that stands. request.ErrTransition when it was proven already or has ended.
func (s *Intake) Prove(ctx context.Context, p request.Proof, how Settling) (request.Request, error) {
	return s.settle(ctx, p.Tenant(), p.Request(), p.Party(), how, func(key request.Key, i request.Identity) (request.Identity, error) {
		if !p.Covers(i) {
			return i, nil
		}
		return p.Seal(key, i)
	})
}

// Vouch lets a request stand as Prove does, because somebody of the company
// says that all its identities are the person's.
func (s *Intake) Vouch(ctx context.Context, tenant, id string, how Settling) (request.Request, error) {
	keys, err := s.db.Tenant(ctx, tenant)
	if err != nil {
		return request.Request{}, err
	}
	return s.settle(ctx, tenant, id, "", how, func(key request.Key, i request.Identity) (request.Identity, error) {
		known, err := i.Unseal(key, tenant, id)
		if err != nil {
			return i, err
		}
		return request.SealIdentity(key, tenant, id, known, request.Vouched, keys.RecallKey()), nil
	})
}

// settle lets a request stand once raise has said what its identities are good
// for. answered is who has answered with a code, if somebody has.
func (s *Intake) settle(ctx context.Context, tenant, id string, answered request.Party, how Settling, raise func(request.Key, request.Identity) (request.Identity, error)) (stands request.Request, err error) {
	err = s.db.write(ctx, tenant, func(ctx context.Context, t *tx) error {
		r, err := t.unverified(ctx, id)
		if err != nil {
			return err
		}
		// Whoever takes the ledger's end first is first: of two that become known
		// at once, the second sees the first.
		if _, _, err := t.growth.next(ctx, t, tenant); err != nil {
			return fmt.Errorf("lock the ledger: %w", err)
		}
		raised, address, err := t.raiseIdentities(ctx, id, raise)
		if err != nil {
			return err
		}
		if r.Law, r.Due = how.Law, how.Due; r.Law == "" {
			r.Due = time.Time{}
		}
		if stands, err = t.stand(ctx, r, raised, how.Window); err != nil {
			return err
		}
		if err := t.takeBack(ctx, id, answered); err != nil {
			return err
		}
		if _, err := t.exec(ctx, `DELETE FROM request_codes WHERE tenant = $1 AND request = $2 AND party = $3`, tenant, id, request.Person); err != nil {
			return fmt.Errorf("forget a code: %w", err)
		}
		pass, letters, entry, err := how.Tell(stands, address)
		if err != nil {
			return err
		}
		if err := t.issue(ctx, pass); err != nil {
			return err
		}
		if err := t.post(ctx, letters...); err != nil {
			return err
		}
		return t.log(ctx, entry)
	})
	return stands, err
}

// unverified gives a request that is still to be proven, and holds it;
// request.ErrTransition when it is not.
func (t *tx) unverified(ctx context.Context, id string) (request.Request, error) {
	r, err := scanRequest(t.row(ctx, selectRequests+` WHERE tenant = $1 AND id = $2 {lock}`, t.tenant, id))
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return r, request.ErrNotFound
	case err != nil:
		return r, fmt.Errorf("read request: %w", err)
	case r.Status != request.IdentityUnverified:
		return r, fmt.Errorf("%w: the request is %s", request.ErrTransition, r.Status)
	}
	return r, nil
}

// raiseIdentities changes what identities are good for. It gives the digests
// of those that are more than claimed, and the first address among them.
func (t *tx) raiseIdentities(ctx context.Context, id string, raise func(request.Key, request.Identity) (request.Identity, error)) (raised []string, address subject.Personal[string], err error) {
	wrapped, err := requestKey(ctx, t, t.tenant, id)
	if err != nil {
		return nil, address, err
	}
	key, err := t.keys.OpenKey(ownerOf(id), wrapped)
	if err != nil {
		return nil, address, fmt.Errorf("open the request's key: %w", err)
	}
	all, err := collect(ctx, t, scanIdentity, selectIdentities, t.tenant, id)
	if err != nil {
		return nil, address, fmt.Errorf("read identities: %w", err)
	}
	for _, i := range all {
		if i, err = raise(key, i); err != nil {
			return nil, address, err
		}
		if i.Origin == request.Claimed {
			continue
		}
		if _, err := t.exec(ctx, `UPDATE request_identities SET sealed = $5, origin = $6 WHERE tenant = $1 AND request = $2 AND type = $3 AND digest = $4`,
			t.tenant, id, i.Type, i.Digest, i.Sealed, i.Origin); err != nil {
			return nil, address, fmt.Errorf("store an identity: %w", err)
		}
		raised = append(raised, identityLine(i.Type, i.Digest))
		if i.Type == subject.Email && address.Reveal() == "" {
			known, err := i.Unseal(key, t.tenant, id)
			if err != nil {
				return nil, address, err
			}
			address = known.Value
		}
	}
	if len(raised) == 0 {
		return nil, address, errors.New("none of the request's identities is known")
	}
	return raised, address, nil
}

// stand lets a request stand, unless an earlier one does.
func (t *tx) stand(ctx context.Context, r request.Request, identities []string, window time.Duration) (request.Request, error) {
	of := digestOf(identities)
	stands, err := scanRequest(t.row(ctx, selectRequests+`
		WHERE tenant = $1 AND identities = $2 AND policy = $3 AND id <> $4 AND ended = 0 AND status <> $5 AND created > {now} - $6
		ORDER BY id LIMIT 1`, t.tenant, of, r.Policy, r.ID, request.IdentityUnverified, window.Microseconds()))
	event := request.Supersede
	if errors.Is(err, sql.ErrNoRows) {
		event, stands, err = request.Verify, r, nil
		stands.Status = request.AwaitingApproval
	}
	if err != nil {
		return r, fmt.Errorf("look for an earlier request: %w", err)
	}
	if event == request.Supersede {
		r.Of, r.Due = stands.ID, time.Time{}
	}
	if _, err := t.exec(ctx, `UPDATE requests SET identities = $3, verified = {now}, law = $4, due = $5, duplicate_of = $6, message = '' WHERE tenant = $1 AND id = $2`,
		t.tenant, r.ID, of, r.Law, micros(r.Due), r.Of); err != nil {
		return r, fmt.Errorf("verify request: %w", err)
	}
	return stands, t.apply(ctx, r.ID, event)
}

// Withdraw lets the person give a request up, until something of it was
// erased; request.ErrTransition from then on.
func (s *Intake) Withdraw(ctx context.Context, tenant, id string, entry audit.Entry) error {
	return s.db.write(ctx, tenant, func(ctx context.Context, t *tx) error {
		var status request.Status
		err := t.row(ctx, `SELECT status FROM requests WHERE tenant = $1 AND id = $2 {lock}`, tenant, id).Scan(&status)
		if errors.Is(err, sql.ErrNoRows) {
			return request.ErrNotFound
		}
		if err != nil {
			return fmt.Errorf("withdraw request: %w", err)
		}
		began, err := erasureBegan(ctx, t, tenant, id)
		if err != nil {
			return err
		}
		if began || !request.MayWithdraw(status) {
			return fmt.Errorf("%w: what was asked for is being done", request.ErrTransition)
		}
		if err := t.apply(ctx, id, request.Cancel); err != nil {
			return err
		}
		return t.log(ctx, entry)
	})
}

// ErasureBegan says whether something of the request may have been erased.
func (s *Intake) ErasureBegan(ctx context.Context, tenant, id string) (bool, error) {
	return erasureBegan(ctx, s.db.engine, tenant, id)
}

func erasureBegan(ctx context.Context, q querier, tenant, id string) (bool, error) {
	var batches int64
	err := q.row(ctx, `SELECT COUNT(*) FROM request_progress WHERE tenant = $1 AND request = $2 AND action = $3`, tenant, id, request.Erasure).Scan(&batches)
	if err != nil {
		return false, fmt.Errorf("look whether the erasure has begun: %w", err)
	}
	return batches > 0, nil
}

// Unplanned gives up to limit requests that await their approval and have no
// plan, those behind one, oldest first.
func (s *Intake) Unplanned(ctx context.Context, tenant, after string, limit int) ([]request.Request, error) {
	all, err := collect(ctx, s.db.engine, scanRequest,
		selectRequests+` WHERE tenant = $1 AND id > $2 AND status = 'awaiting_approval' AND plan_hash = '' ORDER BY id LIMIT $3`, tenant, after, limit)
	if err != nil {
		return nil, fmt.Errorf("look for requests without a plan: %w", err)
	}
	return all, nil
}

// Unplannable keeps why a request has no plan.
func (s *Intake) Unplannable(ctx context.Context, tenant, id, why string) error {
	return s.db.write(ctx, tenant, func(ctx context.Context, t *tx) error {
		_, err := t.exec(ctx, `UPDATE requests SET message = $3 WHERE tenant = $1 AND id = $2 AND status = $4 AND plan_hash = '' AND message <> $3`,
			tenant, id, readable(why), request.AwaitingApproval)
		if err != nil {
			return fmt.Errorf("keep why a request has no plan: %w", err)
		}
		return nil
	})
}

// Sweep gives up to limit requests up that nobody has proven in time, those of
// agents who have answered aside, and forgets counts of long ago. It gives how
// many requests these were.
func (s *Intake) Sweep(ctx context.Context, tenant string, limit int, entry func(id string) audit.Entry) (swept int, err error) {
	late, err := collect(ctx, s.db.engine, func(row scanner) (id string, err error) {
		err = row.Scan(&id)
		return id, err
	}, `SELECT id FROM requests r WHERE tenant = $1 AND status = 'identity_unverified' AND created <= {now} - $2
		AND NOT EXISTS (SELECT 1 FROM request_codes c WHERE c.tenant = r.tenant AND c.request = r.id AND c.answered > 0)
		ORDER BY created LIMIT $3`, tenant, unprovenTime.Microseconds(), limit)
	if err != nil {
		return 0, fmt.Errorf("look for requests that nobody has proven: %w", err)
	}
	for _, id := range late {
		err := s.db.write(ctx, tenant, func(ctx context.Context, t *tx) error {
			if _, err := t.unverified(ctx, id); err != nil {
				return err
			}
			if err := t.apply(ctx, id, request.Cancel); err != nil {
				return err
			}
			return t.log(ctx, entry(id))
		})
		if err != nil && !errors.Is(err, request.ErrTransition) {
			return swept, err
		}
		swept++
	}
	return swept, s.db.write(ctx, tenant, func(ctx context.Context, t *tx) error {
		_, err := t.exec(ctx, `DELETE FROM code_limits WHERE tenant = $1 AND sent_since <= {now} - $2 AND wrong_since <= {now} - $3`,
			tenant, codesTime.Microseconds(), wrongTime.Microseconds())
		if err != nil {
			return fmt.Errorf("forget counts of codes: %w", err)
		}
		return nil
	})
}
