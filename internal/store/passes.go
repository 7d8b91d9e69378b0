package store

import (
	"context"
	"fmt"

	"volenti.dev/volenti/audit"
	"volenti.dev/volenti/auth"
	"volenti.dev/volenti/request"
)

// Passes keeps what lets people without an account do one thing: of each, a
// digest of its token.
type Passes struct{ db *DB }

// Passes gives access to the passes.
func (db *DB) Passes() *Passes { return &Passes{db} }

// Issue stores a pass that is caused by nothing else in the store.
func (s *Passes) Issue(ctx context.Context, p auth.Pass, entry audit.Entry) error {
	return s.db.write(ctx, p.Tenant, func(ctx context.Context, t *tx) error {
		if err := t.issue(ctx, p); err != nil {
			return err
		}
		return t.log(ctx, entry)
	})
}

// issue stores a pass; one with an id that there is already is left as it is.
func (t *tx) issue(ctx context.Context, p auth.Pass) error {
	if _, err := t.exec(ctx, `INSERT INTO passes (tenant, id, kind, object, part, digest, uses, expires) VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING`,
		t.tenant, p.ID, p.Kind, p.Object, p.Part, p.Digest, p.Uses, micros(p.Expires)); err != nil {
		return fmt.Errorf("store a pass: %w", err)
	}
	return nil
}

// Find gives the pass that a token of a kind is for, of whatever tenant (see
// APIKeys.Find), or auth.ErrRefused when it does not stand.
func (s *Passes) Find(ctx context.Context, kind auth.PassKind, token string) (auth.Pass, error) {
	id, ok := auth.PassOf(kind, token)
	if !ok {
		return auth.Pass{}, auth.ErrRefused
	}
	all, err := collect(ctx, s.db.engine, scanPass, selectPasses+` WHERE id = $1 AND kind = $2`, id, kind)
	if err != nil {
		return auth.Pass{}, fmt.Errorf("find a pass: %w", err)
	}
	for _, f := range all {
		if f.Check(token, instant(f.now)) == nil {
			return f.Pass, nil
		}
	}
	return auth.Pass{}, auth.ErrRefused
}

// Standing gives the passes of a kind for an object that can still be used.
func (s *Passes) Standing(ctx context.Context, tenant string, kind auth.PassKind, object string) ([]auth.Pass, error) {
	all, err := collect(ctx, s.db.engine, scanPass,
		selectPasses+` WHERE tenant = $1 AND object = $2 AND kind = $3 AND uses <> 0 AND expires > {now} ORDER BY part, expires, id`, tenant, object, kind)
	if err != nil {
		return nil, fmt.Errorf("list passes: %w", err)
	}
	var passes []auth.Pass
	for _, f := range all {
		passes = append(passes, f.Pass)
	}
	return passes, nil
}

const selectPasses = `SELECT tenant, id, kind, object, part, digest, uses, expires, {now} FROM passes`

// foundPass is a pass and the database's clock.
type foundPass struct {
	auth.Pass
	now int64
}

func scanPass(row scanner) (f foundPass, err error) {
	var expires int64
	err = row.Scan(&f.Tenant, &f.ID, &f.Kind, &f.Object, &f.Part, &f.Digest, &f.Uses, &expires, &f.now)
	f.Expires = instant(expires)
	return f, err
}

// Use takes one use of a pass that was found, with its entry; auth.ErrRefused
// when none is left by now.
func (s *Passes) Use(ctx context.Context, p auth.Pass, entry audit.Entry) error {
	return s.db.write(ctx, p.Tenant, func(ctx context.Context, t *tx) error {
		if err := t.use(ctx, p); err != nil {
			return err
		}
		return t.log(ctx, entry)
	})
}

// use takes one use, by one statement, so that two who come at once do not get
// the same one.
func (t *tx) use(ctx context.Context, p auth.Pass) error {
	used, err := t.exec(ctx, `UPDATE passes SET uses = CASE WHEN uses > 0 THEN uses - 1 ELSE uses END
		WHERE tenant = $1 AND id = $2 AND uses <> 0 AND expires > {now}`, t.tenant, p.ID)
	if err != nil {
		return fmt.Errorf("use a pass: %w", err)
	}
	if used == 0 {
		return auth.ErrRefused
	}
	return nil
}

// Revoke ends all passes of a kind for an object, with the entry.
func (s *Passes) Revoke(ctx context.Context, tenant string, kind auth.PassKind, object string, entry audit.Entry) error {
	return s.db.write(ctx, tenant, func(ctx context.Context, t *tx) error {
		if err := t.revoke(ctx, kind, object); err != nil {
			return err
		}
		return t.log(ctx, entry)
	})
}

// Renew revokes the passes of a kind for an object and issues those that are
// told of instead, with the entry.
func (s *Passes) Renew(ctx context.Context, tenant string, kind auth.PassKind, object string, told request.Told, entry audit.Entry) error {
	return s.db.write(ctx, tenant, func(ctx context.Context, t *tx) error {
		if err := t.revoke(ctx, kind, object); err != nil {
			return err
		}
		if err := t.tell(ctx, told); err != nil {
			return err
		}
		return t.log(ctx, entry)
	})
}

func (t *tx) revoke(ctx context.Context, kind auth.PassKind, object string) error {
	if _, err := t.exec(ctx, `DELETE FROM passes WHERE tenant = $1 AND object = $2 AND kind = $3`, t.tenant, object, kind); err != nil {
		return fmt.Errorf("revoke passes: %w", err)
	}
	return nil
}

// Sweep forgets the passes that have expired.
func (s *Passes) Sweep(ctx context.Context, tenant string) error {
	return s.db.write(ctx, tenant, func(ctx context.Context, t *tx) error {
		if _, err := t.exec(ctx, `DELETE FROM passes WHERE tenant = $1 AND expires <= {now}`, t.tenant); err != nil {
			return fmt.Errorf("sweep passes: %w", err)
		}
		return nil
	})
}
