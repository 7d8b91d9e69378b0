package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"volenti.dev/volenti/audit"
	"volenti.dev/volenti/message"
	"volenti.dev/volenti/request"
)

// How many codes are sent to one identity, and may be guessed wrong, over all
// requests (SE2).
const (
	mostCodes = 5
	codesTime = time.Hour
	mostWrong = 20
	wrongTime = 24 * time.Hour
)

// Code is a code on its way: what is kept of it, and the letter that has it.
type Code struct {
	request.Challenge
	message.Letter
}

// Send stores another code in the place of the one of before. It fails with
// request.ErrTransition where nothing is to be proven any more, and with
// request.ErrRefused when too many were sent.
func (s *Intake) Send(ctx context.Context, c Code, entry audit.Entry) error {
	return s.db.write(ctx, c.Tenant, func(ctx context.Context, t *tx) error {
		if _, err := t.unverified(ctx, c.Challenge.Request); err != nil {
			return err
		}
		if err := t.send(ctx, c); err != nil {
			return err
		}
		return t.log(ctx, entry)
	})
}

func (t *tx) send(ctx context.Context, c Code) error {
	counted, err := t.countSent(ctx, c.Digest)
	if err != nil {
		return err
	}
	if !counted {
		return request.ErrRefused
	}
	kept, err := t.exec(ctx, `
		INSERT INTO request_codes (tenant, request, party, type, digest, mac, tries, expires, answered)
		VALUES ($1, $2, $3, $4, $5, $6, 0, {now} + $7, 0)
		ON CONFLICT (tenant, request, party) DO UPDATE SET mac = excluded.mac, tries = 0, expires = excluded.expires
		WHERE request_codes.answered = 0`,
		t.tenant, c.Challenge.Request, c.Party, c.Type, c.Digest, c.MAC, request.CodeLasts.Microseconds())
	if err != nil {
		return fmt.Errorf("store a code: %w", err)
	}
	if kept == 0 {
		return request.ErrRefused
	}
	return t.post(ctx, c.Letter)
}

// countSent counts a code to an identity, by its digest; false when too many
// were sent lately, and none is to be sent.
func (t *tx) countSent(ctx context.Context, digest string) (bool, error) {
	counted, err := t.exec(ctx, `
		INSERT INTO code_limits (tenant, digest, sent, sent_since, wrong, wrong_since) VALUES ($1, $2, 1, {now}, 0, 0)
		ON CONFLICT (tenant, digest) DO UPDATE SET
			sent = CASE WHEN code_limits.sent_since <= {now} - $3 THEN 1 ELSE code_limits.sent + 1 END,
			sent_since = CASE WHEN code_limits.sent_since <= {now} - $3 THEN {now} ELSE code_limits.sent_since END
		WHERE code_limits.sent < $4 OR code_limits.sent_since <= {now} - $3`,
		t.tenant, digest, codesTime.Microseconds(), mostCodes)
	if err != nil {
		return false, fmt.Errorf("count a code: %w", err)
	}
	return counted > 0, nil
}

// Judge counts a try and gives what an answer is to be compared with;
// request.ErrRefused when none is left. Until Prove takes it back, the try
// counts as a wrong one: whoever is killed in between has had it.
func (s *Intake) Judge(ctx context.Context, tenant, id string, party request.Party) (request.Challenge, error) {
	c := request.Challenge{Tenant: tenant, Request: id, Party: party}
	err := s.db.write(ctx, tenant, func(ctx context.Context, t *tx) error {
		err := t.row(ctx, `UPDATE request_codes SET tries = tries + 1
			WHERE tenant = $1 AND request = $2 AND party = $3 AND tries < $4 AND expires > {now} AND answered = 0
			RETURNING type, digest, mac`, tenant, id, party, request.CodeTries).Scan(&c.Type, &c.Digest, &c.MAC)
		if errors.Is(err, sql.ErrNoRows) {
			return request.ErrRefused
		}
		if err != nil {
			return fmt.Errorf("count a try: %w", err)
		}
		counted, err := t.countWrong(ctx, c.Digest)
		if err != nil {
			return err
		}
		if !counted {
			return request.ErrRefused
		}
		return nil
	})
	if errors.Is(err, ErrNoTenant) {
		err = request.ErrRefused
	}
	return c, err
}

// countWrong counts a wrong answer for an identity; false when there were too
// many lately, and none is to be judged.
func (t *tx) countWrong(ctx context.Context, digest string) (bool, error) {
	counted, err := t.exec(ctx, `
		UPDATE code_limits SET
			wrong = CASE WHEN wrong_since <= {now} - $3 THEN 1 ELSE wrong + 1 END,
			wrong_since = CASE WHEN wrong_since <= {now} - $3 THEN {now} ELSE wrong_since END
		WHERE tenant = $1 AND digest = $2 AND (wrong < $4 OR wrong_since <= {now} - $3)`,
		t.tenant, digest, wrongTime.Microseconds(), mostWrong)
	if err != nil {
		return false, fmt.Errorf("count a try: %w", err)
	}
	return counted > 0, nil
}

// takeBack takes back that a right answer was counted as a wrong one.
func (t *tx) takeBack(ctx context.Context, id string, party request.Party) error {
	if _, err := t.exec(ctx, `UPDATE code_limits SET wrong = wrong - 1 WHERE tenant = $1 AND wrong > 0 AND digest =
		(SELECT digest FROM request_codes WHERE tenant = $1 AND request = $2 AND party = $3 AND answered = 0)`, t.tenant, id, party); err != nil {
		return fmt.Errorf("take a try back: %w", err)
	}
	return nil
}

// ProveAgent records that the agent has answered at their address. The request
// waits as before, and is not given up any more; message says for what.
func (s *Intake) ProveAgent(ctx context.Context, p request.Proof, message string, entry audit.Entry) error {
	if p.Party() != request.Agent {
		return fmt.Errorf("prove an agent: it was the %s who answered", p.Party())
	}
	return s.db.write(ctx, p.Tenant(), func(ctx context.Context, t *tx) error {
		if err := t.takeBack(ctx, p.Request(), request.Agent); err != nil {
			return err
		}
		answered, err := t.exec(ctx, `UPDATE request_codes SET answered = {now} WHERE tenant = $1 AND request = $2 AND party = $3 AND answered = 0`,
			t.tenant, p.Request(), request.Agent)
		if err != nil {
			return fmt.Errorf("prove an agent: %w", err)
		}
		if answered == 0 {
			return request.ErrRefused
		}
		if _, err := t.exec(ctx, `UPDATE requests SET message = $3 WHERE tenant = $1 AND id = $2 AND status = $4`,
			t.tenant, p.Request(), message, request.IdentityUnverified); err != nil {
			return fmt.Errorf("prove an agent: %w", err)
		}
		return t.log(ctx, entry)
	})
}
