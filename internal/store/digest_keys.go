package store

import (
	"context"
	"fmt"
	"time"

	"volenti.dev/volenti/audit"
	"volenti.dev/volenti/internal/seal"
	"volenti.dev/volenti/subject"
)

// RotateDigests gives the tenant another digest key and moves all identities
// of the consent ledger over to it, so that the former key can be forgotten.
// Progress is told how many were moved in each commit. Until
// all are moved both keys are tried; choices go on, and every process of the
// installation notices. When it is stopped or killed the next call goes on
// with the same rotation, whose entry is in the audit log already.
func (k *Keys) RotateDigests(ctx context.Context, tenant string, entry audit.Entry, progress func(identities int64)) error {
	if err := k.BeginRotation(ctx, tenant, entry); err != nil {
		return err
	}
	for {
		began := time.Now()
		moved, done, err := k.Redigest(ctx, tenant, redigestSlice)
		if progress(moved); done || err != nil {
			return err
		}
		select { // gives way to choices
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Since(began)):
		}
	}
}

// redigestSlice is how many subjects are walked over while choices wait.
const redigestSlice = 50

// BeginRotation makes the new key, unless a rotation is under way.
func (k *Keys) BeginRotation(ctx context.Context, tenant string, entry audit.Entry) error {
	return k.db.write(ctx, tenant, func(ctx context.Context, t *tx) error {
		if _, _, err := t.growth.next(ctx, t, tenant); err != nil {
			return fmt.Errorf("lock the ledger: %w", err)
		}
		wrapped, err := t.ownKeys(ctx, k.db)
		if err != nil || len(t.keys.DigestKeys()) > 1 {
			return err
		}
		if wrapped, err = k.db.config.Master.RotateDigest(tenant, wrapped, t.rand); err != nil {
			return err
		}
		if err := t.replaceKeys(ctx, k.db, wrapped); err != nil {
			return err
		}
		return t.log(ctx, entry)
	})
}

// Redigest moves the identities of up to limit subjects over to the newest
// digest key, and gives how many these were. When all are moved it forgets the
// former key, with an entry that says so, and is done; it is harmless then.
func (k *Keys) Redigest(ctx context.Context, tenant string, limit int) (moved int64, done bool, err error) {
	err = k.db.write(ctx, tenant, func(ctx context.Context, t *tx) error {
		moved, done = 0, false
		// With the ledger locked nobody is looked up under both keys while
		// they go over from one to the other.
		if _, _, err := t.growth.next(ctx, t, tenant); err != nil {
			return err
		}
		wrapped, err := t.ownKeys(ctx, k.db)
		if err != nil {
			return err
		}
		if done = len(t.keys.DigestKeys()) == 1; done {
			return nil
		}
		walk := fmt.Sprintf("redigest/%d", t.keys.DigestKeyNumber())
		from, err := t.walkedTo(ctx, walk)
		if err != nil {
			return err
		}
		to, last, err := t.slice(ctx, from, limit)
		if err != nil {
			return err
		}
		if moved, err = t.redigest(ctx, from, to); err != nil {
			return err
		}
		if err := t.walked(ctx, walk, to, last); err != nil || !last {
			return err
		}
		done = true
		return k.retire(ctx, t, wrapped)
	})
	if err != nil {
		return 0, false, fmt.Errorf("digest identities with the new key: %w", err)
	}
	return moved, done, nil
}

// redigest moves the identities of the subjects behind from, up to to.
func (t *tx) redigest(ctx context.Context, from, to string) (moved int64, err error) {
	type identity struct{ kind, digest, subject string }
	var olds []identity
	var sealed, wrapped [][]byte
	err = t.each(ctx, func(s scanner) error {
		var i identity
		var value, key []byte
		if err := s.Scan(&i.kind, &i.digest, &i.subject, &value, &key); err != nil {
			return err
		}
		olds, sealed, wrapped = append(olds, i), append(sealed, value), append(wrapped, key)
		return nil
	}, `SELECT i.type, i.digest, i.subject, i.sealed, k.wrapped FROM subject_identities i
		JOIN keys k ON k.tenant = $1 AND k.owner = 'subject/' || i.subject
		WHERE i.tenant = $1 AND i.subject > $2 AND i.subject <= $3 AND i.digest_key < $4`,
		t.tenant, from, to, t.keys.DigestKeyNumber())
	if err != nil {
		return 0, err
	}
	for n, i := range olds {
		kind := subject.Type(i.kind)
		key, err := t.keys.OpenKey("subject/"+i.subject, wrapped[n])
		if err != nil {
			return 0, err
		}
		value, err := key.Open(sealed[n], identityOf(t.tenant, kind, i.digest))
		if err != nil {
			return 0, fmt.Errorf("open an identity of subject %s: %w", i.subject, err)
		}
		digest := subject.Identity{Type: kind, Value: subject.Conceal(string(value))}.Digest(t.keys.DigestKey())
		if _, err := t.exec(ctx, `
			UPDATE subject_identities SET digest = $4, digest_key = $5, sealed = $6 WHERE tenant = $1 AND type = $2 AND digest = $3`,
			t.tenant, i.kind, i.digest, digest, t.keys.DigestKeyNumber(), key.Seal(value, identityOf(t.tenant, kind, digest))); err != nil {
			return 0, err
		}
		moved++
	}
	return moved, nil
}

// retire forgets the former key, which must not be needed any more.
func (k *Keys) retire(ctx context.Context, t *tx, wrapped []byte) error {
	var left int64
	if err := t.row(ctx, `SELECT COUNT(*) FROM subject_identities WHERE tenant = $1 AND digest_key < $2`,
		t.tenant, t.keys.DigestKeyNumber()).Scan(&left); err != nil {
		return err
	}
	if left > 0 {
		return fmt.Errorf("%d identities have a subject without a key and stay with the former one: the database was changed by others", left)
	}
	wrapped, err := k.db.config.Master.RetireDigest(t.tenant, wrapped)
	if err != nil {
		return err
	}
	if err := t.replaceKeys(ctx, k.db, wrapped); err != nil {
		return err
	}
	t.growth.destroyed = true // the old digests
	return t.log(ctx, audit.Entry{
		Act: "digest_key.retire", Object: "tenant/" + t.tenant, Details: map[string]any{"number": t.keys.DigestKeyNumber() - 1},
	})
}

// ownKeys puts the keys that stand into t, and keeps others from changing
// them.
func (t *tx) ownKeys(ctx context.Context, db *DB) (wrapped []byte, err error) {
	if err := t.row(ctx, `SELECT wrapped FROM tenants WHERE tenant = $1 {lock}`, t.tenant).Scan(&wrapped); err != nil {
		return nil, fmt.Errorf("read the tenant's keys: %w", err)
	}
	t.keys, err = db.config.Master.Unwrap(t.tenant, wrapped)
	return wrapped, err
}

func (t *tx) replaceKeys(ctx context.Context, db *DB, wrapped []byte) (err error) {
	if t.keys, err = db.config.Master.Unwrap(t.tenant, wrapped); err != nil {
		return err
	}
	if _, err := t.exec(ctx, `UPDATE tenants SET wrapped = $2, digest_key = $3 WHERE tenant = $1`, t.tenant, wrapped, t.keys.DigestKeyNumber()); err != nil {
		return fmt.Errorf("store the tenant's keys: %w", err)
	}
	db.followKeys(t)
	return nil
}

// stored gives the tenant's keys as they are stored: the same ones when the
// digest key is the same.
func (db *DB) stored(ctx context.Context, tenant string, keys *seal.Tenant) (*seal.Tenant, error) {
	var number int64
	if err := db.engine.row(ctx, `SELECT digest_key FROM tenants WHERE tenant = $1`, tenant).Scan(&number); err != nil {
		return nil, fmt.Errorf("read the tenant's keys: %w", err)
	}
	if number == keys.DigestKeyNumber() {
		return keys, nil
	}
	fresh, err := db.unwrap(ctx, db.engine, tenant)
	if err != nil {
		return nil, err
	}
	db.mu.Lock()
	defer db.mu.Unlock()
	db.tenants[tenant] = fresh
	return fresh, nil
}
