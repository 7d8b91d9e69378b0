package store

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"time"
)

// Answers keeps what was answered to an idempotency key, to answer it again.
type Answers struct{ db *DB }

// Answers gives access to the answers.
func (db *DB) Answers() *Answers { return &Answers{db} }

// How long a claim and an answer hold. A claim must outlast every handler.
const (
	claimTime  = 2 * time.Minute
	answerTime = 24 * time.Hour
)

// Claim takes a key to answer what is asked under it:
//
//	fence > 0                it is the caller's to Keep or Release
//	fence 0, same false      the key was used to ask something else
//	fence 0, answer not nil  what was answered
//	fence 0, answer nil      someone else is answering it
//
// A claim of one who died passes to the next after two minutes.
func (s *Answers) Claim(ctx context.Context, tenant, key string, content []byte) (fence int64, same bool, answer []byte, err error) {
	keys, err := s.db.Tenant(ctx, tenant)
	if err != nil {
		return 0, false, nil, err
	}
	asked := hmac.New(sha256.New, keys.RecallKey())
	asked.Write(content)
	digest := hex.EncodeToString(asked.Sum(nil))
	err = s.db.write(ctx, tenant, func(ctx context.Context, t *tx) (err error) {
		fence, same, answer, err = t.claim(ctx, key, digest)
		return err
	})
	if err != nil {
		return 0, false, nil, fmt.Errorf("claim an answer: %w", err)
	}
	return fence, same, answer, nil
}

func (t *tx) claim(ctx context.Context, key, digest string) (fence int64, same bool, answer []byte, err error) {
	if _, err := t.exec(ctx, `DELETE FROM answers WHERE tenant = $1 AND expires <= {now}`, t.tenant); err != nil {
		return 0, false, nil, err
	}
	made, err := t.exec(ctx, `
		INSERT INTO answers (tenant, key, content, fence, lease_until, expires, sealed)
		VALUES ($1, $2, $3, 1, {now} + $4, {now} + $5, NULL) ON CONFLICT DO NOTHING`,
		t.tenant, key, digest, claimTime.Microseconds(), answerTime.Microseconds())
	if err != nil || made == 1 {
		return made, true, nil, err
	}
	err = t.row(ctx, `
		UPDATE answers SET fence = fence + 1, lease_until = {now} + $4
		WHERE tenant = $1 AND key = $2 AND content = $3 AND sealed IS NULL AND lease_until <= {now}
		RETURNING fence`, t.tenant, key, digest, claimTime.Microseconds()).Scan(&fence)
	if err == nil || !errors.Is(err, sql.ErrNoRows) {
		return fence, true, nil, err
	}
	var content string
	var sealed []byte
	err = t.row(ctx, `SELECT content, sealed FROM answers WHERE tenant = $1 AND key = $2`, t.tenant, key).Scan(&content, &sealed)
	if errors.Is(err, sql.ErrNoRows) { // released this moment
		return 0, true, nil, nil
	}
	if err != nil || content != digest || sealed == nil {
		return 0, content == digest, nil, err
	}
	answer, err = t.keys.Open(sealed, answerOf(t.tenant, key))
	return 0, true, answer, err
}

// Keep stores the answer, sealed, unless another has taken the key over.
func (s *Answers) Keep(ctx context.Context, tenant, key string, fence int64, answer []byte) error {
	return s.db.write(ctx, tenant, func(ctx context.Context, t *tx) error {
		_, err := t.exec(ctx, `UPDATE answers SET sealed = $4 WHERE tenant = $1 AND key = $2 AND fence = $3 AND sealed IS NULL`,
			tenant, key, fence, t.keys.Seal(answer, answerOf(tenant, key)))
		if err != nil {
			return fmt.Errorf("keep an answer: %w", err)
		}
		return nil
	})
}

// Release gives the key back, for an attempt that changed nothing.
func (s *Answers) Release(ctx context.Context, tenant, key string, fence int64) error {
	return s.db.write(ctx, tenant, func(ctx context.Context, t *tx) error {
		_, err := t.exec(ctx, `DELETE FROM answers WHERE tenant = $1 AND key = $2 AND fence = $3 AND sealed IS NULL`, tenant, key, fence)
		if err != nil {
			return fmt.Errorf("release an answer: %w", err)
		}
		return nil
	})
}

// answerOf is the associated data of a sealed answer.
func answerOf(tenant, key string) []byte { return fmt.Appendf(nil, "answer/%s/%s", tenant, key) }
