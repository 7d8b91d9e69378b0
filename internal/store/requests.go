package store

import (
	"cmp"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"volenti.dev/volenti/audit"
	"volenti.dev/volenti/request"
	"volenti.dev/volenti/subject"
)

// Requests keeps requests and their leases; lease.go has the methods for
// those who carry them out.
type Requests struct{ db *DB }

// Create stores a new request with its entry. It makes the request's key and
// seals the identities of its data subject and the papers under it. ErrExists
// when the tenant has a request with this id, or one that was submitted under
// the same key. Created is set by the database's clock.
func (s *Requests) Create(ctx context.Context, r request.Request, identities []subject.Identity, entry audit.Entry, papers ...Paper) error {
	if r.ID == "" || r.Status == "" {
		return errors.New("create request: it needs an id and a status")
	}
	return s.db.write(ctx, r.Tenant, func(ctx context.Context, t *tx) error {
		if err := t.create(ctx, r, identities, request.Vouched, papers); err != nil {
			return err
		}
		return t.log(ctx, entry)
	})
}

// storePlan keeps the plan of a request, in the place of another. It has a
// table of its own because it is long, and the row of a request is read and
// written again and again.
func (t *tx) storePlan(ctx context.Context, id string, plan []byte) error {
	if _, err := t.exec(ctx, `INSERT INTO request_plans (tenant, request, plan) VALUES ($1, $2, $3)
		ON CONFLICT (tenant, request) DO UPDATE SET plan = excluded.plan`, t.tenant, id, append([]byte{}, plan...)); err != nil {
		return fmt.Errorf("store a plan: %w", err)
	}
	return nil
}

func (t *tx) create(ctx context.Context, r request.Request, identities []subject.Identity, from request.Origin, papers []Paper) error {
	key, wrapped, err := t.keys.NewKey(ownerOf(r.ID))
	if err != nil {
		return fmt.Errorf("create request: %w", err)
	}
	made, err := t.exec(ctx, `
		INSERT INTO requests (`+requestColumns+`, identities, lease_owner, lease_until, fence)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, {now}, 0, 1, $9, $10, '', $11, $12, $13, $14, CASE WHEN CAST($15 AS bigint) = 0 THEN {now} ELSE $15 END, $16, 0, 0, $18, '', $17, '', 0, 0)
		ON CONFLICT DO NOTHING`,
		r.Tenant, r.ID, r.Policy, r.Status, r.Step, r.PlanHash, r.MaxRows, readable(r.Message),
		r.Author, r.Idempotency, r.Source, r.Language, r.Place, r.Law, micros(r.Received), micros(r.Due), together(identities, t.keys.RecallKey()), r.Of)
	if err != nil {
		return fmt.Errorf("create request: %w", err)
	}
	if made == 0 {
		return ErrExists
	}
	if err := t.storePlan(ctx, r.ID, r.Plan); err != nil {
		return err
	}
	if err := t.keep(ctx, ownerOf(r.ID), wrapped); err != nil {
		return err
	}
	if err := t.identify(ctx, r.ID, identities, from, key); err != nil {
		return err
	}
	for _, p := range papers {
		if err := t.putPaper(ctx, r.ID, request.NewPaper(key, t.tenant, r.ID, p.Kind, p.Name, p.Plain.Reveal())); err != nil {
			return err
		}
	}
	return nil
}

// identify stores what is known of the data subject.
func (t *tx) identify(ctx context.Context, id string, identities []subject.Identity, from request.Origin, key request.Sealer) error {
	for _, identity := range identities {
		i := request.SealIdentity(key, t.tenant, id, identity, from, t.keys.RecallKey())
		if _, err := t.exec(ctx, `
			INSERT INTO request_identities (tenant, request, type, digest, sealed, origin)
			VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING`,
			t.tenant, id, i.Type, i.Digest, i.Sealed, i.Origin); err != nil {
			return fmt.Errorf("store an identity: %w", err)
		}
	}
	return nil
}

// Get gives a request, or request.ErrNotFound.
func (s *Requests) Get(ctx context.Context, tenant, id string) (request.Request, error) {
	r, err := scanRequest(s.db.engine.row(ctx, selectRequests+` WHERE tenant = $1 AND id = $2`, tenant, id))
	if errors.Is(err, sql.ErrNoRows) {
		return r, request.ErrNotFound
	}
	if err != nil {
		return r, fmt.Errorf("read request: %w", err)
	}
	return r, nil
}

// Find gives the requests under a policy about just these identities, in any
// order, newest first.
func (s *Requests) Find(ctx context.Context, tenant, policy string, identities []subject.Identity) ([]request.Request, error) {
	keys, err := s.db.Tenant(ctx, tenant)
	if err != nil {
		return nil, err
	}
	found, err := collect(ctx, s.db.engine, scanRequest,
		selectRequests+` WHERE tenant = $1 AND identities = $2 AND policy = $3 ORDER BY id DESC`,
		tenant, together(identities, keys.RecallKey()), policy)
	if err != nil {
		return nil, fmt.Errorf("find requests: %w", err)
	}
	return found, nil
}

// List gives up to limit requests that are older than the one with id before,
// newest first; "" begins with the newest.
func (s *Requests) List(ctx context.Context, tenant, before string, limit int) ([]request.Request, error) {
	const afterAll = "~" // sorts behind every UUID
	page, err := collect(ctx, s.db.engine, scanRequest,
		selectRequests+` WHERE tenant = $1 AND id < $2 ORDER BY id DESC LIMIT $3`, tenant, cmp.Or(before, afterAll), limit)
	if err != nil {
		return nil, fmt.Errorf("list requests: %w", err)
	}
	return page, nil
}

// Identities gives the request's identities, sealed; what was sealed is empty
// once the request has ended.
func (s *Requests) Identities(ctx context.Context, tenant, id string) ([]request.Identity, error) {
	all, err := collect(ctx, s.db.engine, scanIdentity, selectIdentities, tenant, id)
	if err != nil {
		return nil, fmt.Errorf("read identities: %w", err)
	}
	if len(all) == 0 {
		_, err = s.Get(ctx, tenant, id)
	}
	return all, err
}

const selectIdentities = `SELECT type, digest, sealed, origin FROM request_identities WHERE tenant = $1 AND request = $2 ORDER BY type, digest`

func scanIdentity(row scanner) (i request.Identity, err error) {
	err = row.Scan(&i.Type, &i.Digest, &i.Sealed, &i.Origin)
	return i, err
}

// Apply lets an event happen to a request that nobody carries out: approve,
// deny, cancel. request.ErrTransition, and no entry, when it cannot. It verifies
// nothing: see Intake.Prove.
func (s *Requests) Apply(ctx context.Context, tenant, id string, e request.Event, entry audit.Entry) error {
	if e == request.Verify {
		return fmt.Errorf("%w: it takes a proof to verify a request", request.ErrTransition)
	}
	return s.db.write(ctx, tenant, func(ctx context.Context, t *tx) error {
		if err := t.apply(ctx, id, e); err != nil {
			return err
		}
		return t.log(ctx, entry)
	})
}

func (t *tx) apply(ctx context.Context, id string, e request.Event) error {
	next, possible, args := transition(e, t.tenant, id)
	status, err := t.move(ctx, `UPDATE requests SET status = `+next+`
		WHERE tenant = $1 AND id = $2 AND `+possible+` RETURNING status`, args...)
	if err == nil && status.Terminal() {
		err = t.end(ctx, id)
	}
	return err
}

// Finalise ends a request that has stopped, or waits for systems, as it is; message
// says why. It fails as Apply does.
func (s *Requests) Finalise(ctx context.Context, tenant, id, message string, entry audit.Entry) error {
	return s.db.write(ctx, tenant, func(ctx context.Context, t *tx) error {
		if err := t.notCarriedOut(ctx, id); err != nil {
			return err
		}
		return t.decide(ctx, id, request.Turn{Event: request.Finalise, Message: message}, entry)
	})
}

// Decide lets an event happen to a request that nobody carries out, with what
// it brings along. It fails as Apply does.
func (s *Requests) Decide(ctx context.Context, tenant, id string, turn request.Turn, entry audit.Entry) error {
	return s.db.write(ctx, tenant, func(ctx context.Context, t *tx) error { return t.decide(ctx, id, turn, entry) })
}

func (t *tx) decide(ctx context.Context, id string, turn request.Turn, entry audit.Entry) error {
	if err := t.apply(ctx, id, turn.Event); err != nil {
		return err
	}
	if _, err := t.exec(ctx, `UPDATE requests SET message = $3 WHERE tenant = $1 AND id = $2`, t.tenant, id, readable(turn.Message)); err != nil {
		return fmt.Errorf("%s request: %w", turn.Event, err)
	}
	if err := t.tell(ctx, request.Told{Letters: turn.Letters, Passes: turn.Passes}); err != nil {
		return err
	}
	return t.log(ctx, entry)
}

// Skip takes a collection out of a request that has stopped, or waits for its
// system, which can then post nothing about it any more. It fails with request.ErrTransition where that is not so, or the
// collection is out already.
func (s *Requests) Skip(ctx context.Context, tenant, id, address, reason string, entry audit.Entry) error {
	return s.db.write(ctx, tenant, func(ctx context.Context, t *tx) error {
		if err := t.apply(ctx, id, request.Skip); err != nil {
			return err
		}
		if err := t.passBy(ctx, id, address); err != nil {
			return err
		}
		if err := t.forgetSkipped(ctx, id, address); err != nil {
			return err
		}
		skipped, err := t.exec(ctx, `INSERT INTO request_skips (tenant, request, address, reason, at) VALUES ($1, $2, $3, $4, {now})
			ON CONFLICT DO NOTHING`, tenant, id, address, readable(reason))
		if err != nil {
			return fmt.Errorf("skip %s: %w", address, err)
		}
		if skipped == 0 {
			return fmt.Errorf("%w: %s is skipped already", request.ErrTransition, address)
		}
		return t.log(ctx, entry)
	})
}

// move runs a statement that changes the status of the request $2. When it
// changed nothing, the error is request.ErrTransition or ErrNotFound.
func (t *tx) move(ctx context.Context, statement string, args ...any) (status request.Status, err error) {
	err = t.row(ctx, statement, args...).Scan(&status)
	if err == nil {
		return status, nil
	}
	if !errors.Is(err, sql.ErrNoRows) {
		return "", fmt.Errorf("move request: %w", err)
	}
	err = t.row(ctx, `SELECT status FROM requests WHERE tenant = $1 AND id = $2`, args[0], args[1]).Scan(&status)
	if errors.Is(err, sql.ErrNoRows) {
		return "", request.ErrNotFound
	}
	if err != nil {
		return "", fmt.Errorf("move request: %w", err)
	}
	return "", fmt.Errorf("%w: the request is %s", request.ErrTransition, status)
}

// end destroys all that a request has sealed, with its key. That may be much,
// and every page of it is written. Whoever carries it out writes nothing more.
func (t *tx) end(ctx context.Context, id string) (err error) {
	if _, err := t.exec(ctx, `{little cache}`); err != nil {
		return fmt.Errorf("end request: %w", err)
	}
	defer func() {
		_, failed := t.exec(ctx, `{usual cache}`)
		err = errors.Join(err, failed)
	}()
	for _, statement := range []string{
		`UPDATE requests SET ended = {now}, step = '', parked = '', lease_owner = '', lease_until = 0 WHERE tenant = $1 AND id = $2`,
		`UPDATE request_identities SET sealed = NULL WHERE tenant = $1 AND request = $2`,
		`DELETE FROM request_chunks WHERE tenant = $1 AND request = $2`,
		`DELETE FROM request_papers WHERE tenant = $1 AND request = $2`,
		`DELETE FROM request_codes WHERE tenant = $1 AND request = $2`,
		`DELETE FROM request_waits WHERE tenant = $1 AND request = $2`,
		`DELETE FROM request_replies WHERE tenant = $1 AND request = $2`,
	} {
		if _, err := t.exec(ctx, statement, t.tenant, id); err != nil {
			return fmt.Errorf("end request: %w", err)
		}
	}
	if err := t.closeTasks(ctx, id); err != nil {
		return err
	}
	if err := t.withdraw(ctx, id); err != nil {
		return err
	}
	if err := t.eraseMessages(ctx, id); err != nil {
		return err
	}
	return t.destroy(ctx, ownerOf(id))
}

// transition writes an event as SQL: the status that follows, and the
// condition that it can happen. Its values follow those of args.
func transition(e request.Event, args ...any) (next, possible string, all []any) {
	from := e.From()
	var whens, places []string
	for _, was := range slices.Sorted(maps.Keys(from)) { // sorted, so that the text is always the same
		n := len(args)
		whens = append(whens, fmt.Sprintf("WHEN $%d THEN $%d", n+1, n+2))
		places = append(places, fmt.Sprintf("$%d", n+1))
		args = append(args, was, from[was])
	}
	if len(from) == 0 {
		return "status", "1 = 0", args
	}
	return "CASE status " + strings.Join(whens, " ") + " END", "status IN (" + strings.Join(places, ", ") + ")", args
}

// together digests a set of identities, in any order.
func together(identities []subject.Identity, digestKey []byte) string {
	lines := make([]string, len(identities))
	for i, identity := range identities {
		lines[i] = identityLine(identity.Type, identity.Digest(digestKey))
	}
	return digestOf(lines)
}

func identityLine(kind subject.Type, digest string) string { return string(kind) + " " + digest + "\n" }

func digestOf(lines []string) string {
	lines = slices.Compact(slices.Sorted(slices.Values(lines)))
	sum := sha256.Sum256([]byte(strings.Join(lines, "")))
	return hex.EncodeToString(sum[:])
}

const selectRequests = `SELECT ` + requestColumns + planColumn + ` FROM requests`

// planColumn is the plan of the row of requests that a statement is about.
const planColumn = `, (SELECT plan FROM request_plans WHERE request_plans.tenant = requests.tenant AND request_plans.request = requests.id)`

// requestColumns are those of requests that scanRequest reads, after which it
// reads the plan.
const requestColumns = `tenant, id, policy, status, step, plan_hash, max_rows, message, created, ended, round, author, idempotency, retry_only,
	source, language, place, law, received, due, extended, verified, duplicate_of, parked`

// scanRequest reads requestColumns and planColumn, and more columns where the
// caller has asked for them after these.
func scanRequest(row scanner) (request.Request, error) { return scanRequestAnd(row) }

func scanRequestAnd(row scanner, more ...any) (r request.Request, err error) {
	var created, ended, received, due, extended, verified int64
	var parked string
	err = row.Scan(append([]any{
		&r.Tenant, &r.ID, &r.Policy, &r.Status, &r.Step, &r.PlanHash, &r.MaxRows, &r.Message, &created, &ended, &r.Round, &r.Author, &r.Idempotency, &r.Only,
		&r.Source, &r.Language, &r.Place, &r.Law, &received, &due, &extended, &verified, &r.Of, &parked, &r.Plan,
	}, more...)...)
	r.Created, r.Ended, r.Received, r.Due = instant(created), instant(ended), instant(received), instant(due)
	r.Extended, r.Verified = instant(extended), instant(verified)
	if err == nil && parked != "" {
		err = json.Unmarshal([]byte(parked), &r.Parked)
	}
	return r, err
}
