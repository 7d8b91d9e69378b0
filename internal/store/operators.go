package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"volenti.dev/volenti/audit"
	"volenti.dev/volenti/auth"
	"volenti.dev/volenti/internal/seal"
	"volenti.dev/volenti/subject"
)

// Operators keeps the people who operate: of their passwords a hash, of their
// tokens a digest, their addresses and names sealed.
type Operators struct{ db *DB }

// Operators gives access to the operators.
func (db *DB) Operators() *Operators { return &Operators{db} }

// Invite stores an invitation with its entry.
func (o *Operators) Invite(ctx context.Context, i auth.Invitation, entry audit.Entry) error {
	return o.db.write(ctx, i.Tenant, func(ctx context.Context, t *tx) error {
		if err := t.invite(ctx, i); err != nil {
			return err
		}
		return t.log(ctx, entry)
	})
}

// InviteFirst is Invite of an owner while the tenant has no operator; earlier
// ones are no longer good. False when there is an operator.
func (o *Operators) InviteFirst(ctx context.Context, i auth.Invitation, entry audit.Entry) (made bool, err error) {
	err = o.db.write(ctx, i.Tenant, func(ctx context.Context, t *tx) error {
		made = false
		var operators int64
		if err := t.row(ctx, `SELECT COUNT(*) FROM operators WHERE tenant = $1`, t.tenant).Scan(&operators); err != nil {
			return fmt.Errorf("count operators: %w", err)
		}
		if operators > 0 {
			return nil
		}
		if _, err := t.exec(ctx, `DELETE FROM invitations WHERE tenant = $1 AND role = $2`, t.tenant, string(auth.Owner)); err != nil {
			return fmt.Errorf("take back invitations: %w", err)
		}
		if err := t.invite(ctx, i); err != nil {
			return err
		}
		made = true
		return t.log(ctx, entry)
	})
	return made, err
}

func (t *tx) invite(ctx context.Context, i auth.Invitation) error {
	_, err := t.exec(ctx, `INSERT INTO invitations (tenant, id, role, digest, expires, made_by, created) VALUES ($1, $2, $3, $4, $5, $6, {now})`,
		i.Tenant, i.ID, string(i.Role), i.Digest, micros(i.Expires), i.By)
	if err != nil {
		return fmt.Errorf("store an invitation: %w", err)
	}
	return nil
}

// Invitation gives the invitations with an id, of whatever tenant: see
// APIKeys.Find.
func (o *Operators) Invitation(ctx context.Context, id string) ([]auth.Invitation, error) {
	found, err := collect(ctx, o.db.engine, scanInvitation, selectInvitations+` WHERE id = $1`, id)
	if err != nil {
		return nil, fmt.Errorf("find an invitation: %w", err)
	}
	return found, nil
}

const selectInvitations = `SELECT tenant, id, role, digest, expires, made_by, created FROM invitations`

func scanInvitation(row scanner) (i auth.Invitation, err error) {
	var expires, created int64
	err = row.Scan(&i.Tenant, &i.ID, &i.Role, &i.Digest, &expires, &i.By, &created)
	i.Expires, i.Created = instant(expires), instant(created)
	return i, err
}

// Invitations gives those that may still be used, the one that ends first
// before the others.
func (o *Operators) Invitations(ctx context.Context, tenant string) ([]auth.Invitation, error) {
	open, err := collect(ctx, o.db.engine, scanInvitation, selectInvitations+` WHERE tenant = $1 AND expires > {now} ORDER BY expires, id`, tenant)
	if err != nil {
		return nil, fmt.Errorf("list invitations: %w", err)
	}
	return open, nil
}

// TakeBack ends an invitation that nobody has accepted. It fails with
// auth.ErrNoInvitation and auth.ErrOnlyOwners.
func (o *Operators) TakeBack(ctx context.Context, by auth.Caller, id string, entry audit.Entry) error {
	return o.db.write(ctx, by.Tenant, func(ctx context.Context, t *tx) error {
		var role auth.Role
		err := t.row(ctx, `DELETE FROM invitations WHERE tenant = $1 AND id = $2 AND expires > {now} RETURNING role`, t.tenant, id).Scan(&role)
		if errors.Is(err, sql.ErrNoRows) {
			return auth.ErrNoInvitation
		}
		if err != nil {
			return fmt.Errorf("take an invitation back: %w", err)
		}
		if !by.MayName(role) {
			return auth.ErrOnlyOwners
		}
		return t.log(ctx, entry)
	})
}

// Accept makes an operator of who was invited, with the hash of a password,
// and uses the invitation up. It fails with auth.ErrRefused when the invitation
// is gone, and with auth.ErrEmailTaken.
func (o *Operators) Accept(ctx context.Context, i auth.Invitation, who auth.Operator, hash string, entry audit.Entry) error {
	return o.db.write(ctx, i.Tenant, func(ctx context.Context, t *tx) error {
		used, err := t.exec(ctx, `DELETE FROM invitations WHERE tenant = $1 AND id = $2`, t.tenant, i.ID)
		if err != nil {
			return fmt.Errorf("use an invitation: %w", err)
		}
		if used == 0 {
			return auth.ErrRefused
		}
		sealed, err := sealOperator(t.keys, who)
		if err != nil {
			return err
		}
		made, err := t.exec(ctx, `
			INSERT INTO operators (tenant, id, email, role, password, sealed, created, disabled)
			VALUES ($1, $2, $3, $4, $5, $6, {now}, 0) ON CONFLICT DO NOTHING`,
			t.tenant, who.ID, who.Email.Digest(t.keys.RecallKey()), string(who.Role), hash, sealed)
		if err != nil {
			return fmt.Errorf("store an operator: %w", err)
		}
		if made == 0 {
			return auth.ErrEmailTaken
		}
		return t.log(ctx, entry)
	})
}

// List gives all operators of the tenant, also those that are disabled, oldest
// first.
func (o *Operators) List(ctx context.Context, tenant string) ([]auth.Operator, error) {
	keys, err := o.db.Tenant(ctx, tenant)
	if err != nil {
		return nil, err
	}
	all, err := collect(ctx, o.db.engine, scanOperator(keys), selectOperators+` WHERE tenant = $1 ORDER BY created, id`, tenant)
	if err != nil {
		return nil, fmt.Errorf("list operators: %w", err)
	}
	return all, nil
}

// Get gives an operator, or auth.ErrNoOperator.
func (o *Operators) Get(ctx context.Context, tenant, id string) (auth.Operator, error) {
	keys, err := o.db.Tenant(ctx, tenant)
	if err != nil {
		return auth.Operator{}, err
	}
	who, err := scanOperator(keys)(o.db.engine.row(ctx, selectOperators+` WHERE tenant = $1 AND id = $2`, tenant, id))
	return who, operatorError("read an operator", err)
}

// SetRole gives an operator another role. It fails with auth.ErrNoOperator,
// auth.ErrOnlyOwners and auth.ErrLastOwner.
func (o *Operators) SetRole(ctx context.Context, by auth.Caller, id string, r auth.Role, entry audit.Entry) error {
	if !by.MayName(r) {
		return auth.ErrOnlyOwners
	}
	return o.change(ctx, by, id, entry, `UPDATE operators SET role = $3 WHERE tenant = $1 AND id = $2`, string(r))
}

// Disable keeps an operator out, and ends all sessions, from the moment that
// it returns. It fails as SetRole does.
func (o *Operators) Disable(ctx context.Context, by auth.Caller, id string, entry audit.Entry) error {
	return o.change(ctx, by, id, entry, `UPDATE operators SET disabled = CASE disabled WHEN 0 THEN {now} ELSE disabled END WHERE tenant = $1 AND id = $2`)
}

// Enable lets an operator in again, who signs in anew.
func (o *Operators) Enable(ctx context.Context, by auth.Caller, id string, entry audit.Entry) error {
	return o.change(ctx, by, id, entry, `UPDATE operators SET disabled = 0 WHERE tenant = $1 AND id = $2`)
}

// SetPassword exchanges the hash of a password for another and ends all sessions
// but one; "" ends them all. It fails with auth.ErrRefused when the hash is not
// that one any more.
func (o *Operators) SetPassword(ctx context.Context, tenant, id, was, hash, but string, entry audit.Entry) error {
	return o.db.write(ctx, tenant, func(ctx context.Context, t *tx) error {
		if err := t.stillKnown(ctx, id, was); err != nil {
			return err
		}
		if err := t.changeOperator(ctx, id, `UPDATE operators SET password = $3 WHERE tenant = $1 AND id = $2`, hash); err != nil {
			return err
		}
		if err := t.endSessions(ctx, id, but); err != nil {
			return err
		}
		return t.log(ctx, entry)
	})
}

// stillKnown says auth.ErrRefused of an operator who was disabled, or has another
// password, since the hash of theirs was read; and it stays so until the commit,
// since whoever changes that takes the ledger's end as well.
func (t *tx) stillKnown(ctx context.Context, id, hash string) error {
	if _, _, err := t.growth.next(ctx, t, t.tenant); err != nil {
		return fmt.Errorf("lock the ledger: %w", err)
	}
	var known int64
	err := t.row(ctx, `SELECT COUNT(*) FROM operators WHERE tenant = $1 AND id = $2 AND password = $3 AND disabled = 0`, t.tenant, id, hash).Scan(&known)
	if err != nil {
		return fmt.Errorf("read a password: %w", err)
	}
	if known == 0 {
		return auth.ErrRefused
	}
	return nil
}

// change changes an operator, and with them the sessions of those who may no
// longer have one. A link to a new password is no longer good then: who made it
// might not make it for who the operator is now.
func (o *Operators) change(ctx context.Context, by auth.Caller, id string, entry audit.Entry, statement string, args ...any) error {
	return o.db.write(ctx, by.Tenant, func(ctx context.Context, t *tx) error {
		// Whoever takes the ledger's end first is first: two owners cannot
		// remove one another.
		if _, _, err := t.growth.next(ctx, t, t.tenant); err != nil {
			return fmt.Errorf("lock the ledger: %w", err)
		}
		var role auth.Role
		err := t.row(ctx, `SELECT role FROM operators WHERE tenant = $1 AND id = $2`, t.tenant, id).Scan(&role)
		if err := operatorError("read a role", err); err != nil {
			return err
		}
		if !by.MayName(role) {
			return auth.ErrOnlyOwners
		}
		if err := t.changeOperator(ctx, id, statement, args...); err != nil {
			return err
		}
		var owners int64
		if err := t.row(ctx, `SELECT COUNT(*) FROM operators WHERE tenant = $1 AND role = $2 AND disabled = 0`, t.tenant, string(auth.Owner)).Scan(&owners); err != nil {
			return fmt.Errorf("count owners: %w", err)
		}
		if role == auth.Owner && owners == 0 {
			return auth.ErrLastOwner
		}
		if _, err := t.exec(ctx, `
			UPDATE sessions SET revoked = {now} WHERE tenant = $1 AND operator = $2 AND revoked = 0
			AND (SELECT disabled FROM operators o WHERE o.tenant = $1 AND o.id = $2) > 0`, t.tenant, id); err != nil {
			return fmt.Errorf("end sessions: %w", err)
		}
		if err := t.revoke(ctx, auth.SetPassword, objectOf(id)); err != nil {
			return err
		}
		return t.log(ctx, entry)
	})
}

func (t *tx) changeOperator(ctx context.Context, id, statement string, args ...any) error {
	changed, err := t.exec(ctx, statement, append([]any{t.tenant, id}, args...)...)
	if err != nil {
		return fmt.Errorf("change an operator: %w", err)
	}
	if changed == 0 {
		return auth.ErrNoOperator
	}
	return nil
}

const selectOperators = `SELECT tenant, id, role, sealed, created, disabled FROM operators`

// operatorDetails is what is sealed of an operator.
type operatorDetails struct {
	Email string `json:"email"`
	Name  string `json:"name"`
}

func scanOperator(keys *seal.Tenant) func(scanner) (auth.Operator, error) {
	return func(row scanner) (who auth.Operator, err error) {
		var sealed []byte
		var created, disabled int64
		if err := row.Scan(&who.Tenant, &who.ID, &who.Role, &sealed, &created, &disabled); err != nil {
			return who, err
		}
		who.Created, who.Disabled = instant(created), instant(disabled)
		plain, err := keys.Open(sealed, operatorPlace(who))
		if err != nil {
			return who, fmt.Errorf("open an operator: %w", err)
		}
		var d operatorDetails
		if err := json.Unmarshal(plain, &d); err != nil {
			return who, errors.New("an operator's details are damaged")
		}
		who.Name = subject.Conceal(d.Name)
		who.Email, err = subject.New(subject.Email, d.Email)
		return who, err
	}
}

func sealOperator(keys *seal.Tenant, who auth.Operator) ([]byte, error) {
	plain, err := json.Marshal(operatorDetails{Email: who.Email.Value.Reveal(), Name: who.Name.Reveal()})
	if err != nil {
		return nil, fmt.Errorf("write an operator: %w", err)
	}
	return keys.Seal(plain, operatorPlace(who)), nil
}

func operatorPlace(who auth.Operator) []byte {
	return fmt.Appendf(nil, "operator/%s/%s", who.Tenant, who.ID)
}

func operatorError(what string, err error) error {
	if errors.Is(err, sql.ErrNoRows) {
		return auth.ErrNoOperator
	}
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

// How often a password may be tried for one address: so many times in so long.
const (
	mostTries = 10
	triesTime = 15 * time.Minute
)

// Try counts that a password is tried for an address, whether there is such an
// operator or not: auth.ErrTooManyTries when it was tried too often lately, and
// the password must not be looked at.
func (o *Operators) Try(ctx context.Context, tenant string, email subject.Identity) error {
	return o.db.write(ctx, tenant, func(ctx context.Context, t *tx) error {
		counted, err := t.exec(ctx, `
			INSERT INTO sign_in_tries (tenant, email, tries, since) VALUES ($1, $2, 1, {now})
			ON CONFLICT (tenant, email) DO UPDATE SET
				tries = CASE WHEN sign_in_tries.since <= {now} - $3 THEN 1 ELSE sign_in_tries.tries + 1 END,
				since = CASE WHEN sign_in_tries.since <= {now} - $3 THEN {now} ELSE sign_in_tries.since END
			WHERE sign_in_tries.tries < $4 OR sign_in_tries.since <= {now} - $3`,
			t.tenant, email.Digest(t.keys.RecallKey()), triesTime.Microseconds(), mostTries)
		if err != nil {
			return fmt.Errorf("count a try: %w", err)
		}
		if counted == 0 {
			return auth.ErrTooManyTries
		}
		return nil
	})
}

// Password gives the operator with an address who is not disabled, and the
// hash of the password; "" where there is none.
func (o *Operators) Password(ctx context.Context, tenant string, email subject.Identity) (id string, r auth.Role, hash string, err error) {
	keys, err := o.db.Tenant(ctx, tenant)
	if err != nil {
		return "", "", "", err
	}
	err = o.db.engine.row(ctx, `SELECT id, role, password FROM operators WHERE tenant = $1 AND email = $2 AND disabled = 0`,
		tenant, email.Digest(keys.RecallKey())).Scan(&id, &r, &hash)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return "", "", "", fmt.Errorf("find an operator: %w", err)
	}
	return id, r, hash, nil
}

// PasswordOf gives the hash of an operator's password, or auth.ErrNoOperator.
func (o *Operators) PasswordOf(ctx context.Context, tenant, id string) (hash string, err error) {
	err = o.db.engine.row(ctx, `SELECT password FROM operators WHERE tenant = $1 AND id = $2`, tenant, id).Scan(&hash)
	return hash, operatorError("read a password", err)
}

// Begin stores a session with its entry, and forgets how often a password was
// tried for the address. It fails with auth.ErrRefused when the hash that the
// password was compared with is not that of the operator any more: a session that
// begins while the password is changed would outlive the change.
func (o *Operators) Begin(ctx context.Context, s auth.Session, email subject.Identity, hash string, entry audit.Entry) error {
	return o.db.write(ctx, s.Tenant, func(ctx context.Context, t *tx) error {
		if err := t.stillKnown(ctx, s.Operator, hash); err != nil {
			return err
		}
		if _, err := t.exec(ctx, `DELETE FROM sign_in_tries WHERE tenant = $1 AND email = $2`, t.tenant, email.Digest(t.keys.RecallKey())); err != nil {
			return fmt.Errorf("forget tries: %w", err)
		}
		_, err := t.exec(ctx, `INSERT INTO sessions (tenant, id, operator, digest, expires, revoked) VALUES ($1, $2, $3, $4, $5, 0)`,
			s.Tenant, s.ID, s.Operator, s.Digest, micros(s.Expires))
		if err != nil {
			return fmt.Errorf("store a session: %w", err)
		}
		return t.log(ctx, entry)
	})
}

// Session gives the sessions with an id, of whatever tenant: see APIKeys.Find.
// The role is the one that the operator has now.
func (o *Operators) Session(ctx context.Context, id string) ([]auth.Session, error) {
	found, err := collect(ctx, o.db.engine, func(row scanner) (s auth.Session, err error) {
		var expires, revoked, disabled int64
		err = row.Scan(&s.Tenant, &s.ID, &s.Operator, &s.Role, &s.Digest, &expires, &revoked, &disabled)
		s.Expires, s.Revoked = instant(expires), instant(max(revoked, disabled))
		return s, err
	}, `SELECT s.tenant, s.id, s.operator, o.role, s.digest, s.expires, s.revoked, o.disabled
		FROM sessions s JOIN operators o ON o.tenant = s.tenant AND o.id = s.operator WHERE s.id = $1`, id)
	if err != nil {
		return nil, fmt.Errorf("find a session: %w", err)
	}
	return found, nil
}

// End ends a session.
func (o *Operators) End(ctx context.Context, tenant, session string, entry audit.Entry) error {
	return o.db.write(ctx, tenant, func(ctx context.Context, t *tx) error {
		ended, err := t.exec(ctx, `UPDATE sessions SET revoked = {now} WHERE tenant = $1 AND id = $2 AND revoked = 0`, t.tenant, session)
		if err != nil {
			return fmt.Errorf("end a session: %w", err)
		}
		if ended == 0 {
			return nil
		}
		return t.log(ctx, entry)
	})
}

func (t *tx) endSessions(ctx context.Context, operator, but string) error {
	_, err := t.exec(ctx, `UPDATE sessions SET revoked = {now} WHERE tenant = $1 AND operator = $2 AND id <> $3 AND revoked = 0`, t.tenant, operator, but)
	if err != nil {
		return fmt.Errorf("end sessions: %w", err)
	}
	return nil
}

// Sweep forgets what is over: sessions, invitations, and tries of long ago.
func (o *Operators) Sweep(ctx context.Context, tenant string) error {
	return o.db.write(ctx, tenant, func(ctx context.Context, t *tx) error {
		for _, over := range []string{
			`DELETE FROM sessions WHERE tenant = $1 AND expires <= {now}`,
			`DELETE FROM invitations WHERE tenant = $1 AND expires <= {now}`,
		} {
			if _, err := t.exec(ctx, over, t.tenant); err != nil {
				return fmt.Errorf("sweep sessions: %w", err)
			}
		}
		_, err := t.exec(ctx, `DELETE FROM sign_in_tries WHERE tenant = $1 AND since <= {now} - $2`, t.tenant, triesTime.Microseconds())
		if err != nil {
			return fmt.Errorf("sweep tries: %w", err)
		}
		return nil
	})
}
