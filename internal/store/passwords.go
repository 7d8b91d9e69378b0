package store

import (
	"context"
	"fmt"
	"strings"

	"volenti.dev/volenti/audit"
	"volenti.dev/volenti/auth"
)

// objectOf is what a pass of an operator is for.
func objectOf(operator string) string { return "operator/" + operator }

// LinkPassword stores the pass with which an operator sets a new password, in the
// place of earlier ones. It fails with auth.ErrNoOperator, auth.ErrOnlyOwners and
// auth.ErrKeptOut.
func (o *Operators) LinkPassword(ctx context.Context, by auth.Caller, p auth.Pass, entry audit.Entry) error {
	return o.db.write(ctx, by.Tenant, func(ctx context.Context, t *tx) error {
		// Nobody becomes an owner between the look at the role and the commit.
		if _, _, err := t.growth.next(ctx, t, t.tenant); err != nil {
			return fmt.Errorf("lock the ledger: %w", err)
		}
		var role auth.Role
		var disabled int64
		err := t.row(ctx, `SELECT role, disabled FROM operators WHERE tenant = $1 AND id = $2`, t.tenant, operatorOf(p)).Scan(&role, &disabled)
		switch err := operatorError("read a role", err); {
		case err != nil:
			return err
		case !by.MayName(role):
			return auth.ErrOnlyOwners
		case disabled > 0:
			return auth.ErrKeptOut
		}
		if err := t.revoke(ctx, p.Kind, p.Object); err != nil {
			return err
		}
		if err := t.issue(ctx, p); err != nil {
			return err
		}
		return t.log(ctx, entry)
	})
}

// operatorOf gives the operator whom a pass lets in again.
func operatorOf(p auth.Pass) string { return strings.TrimPrefix(p.Object, objectOf("")) }

// UsePassword stores the hash of a new password of who has the pass. With the pass all
// others like it end, all sessions, and what was counted of tries with the address. It
// fails with auth.ErrRefused when the pass is gone, or its operator is kept out.
func (o *Operators) UsePassword(ctx context.Context, p auth.Pass, hash string, entry audit.Entry) error {
	return o.db.write(ctx, p.Tenant, func(ctx context.Context, t *tx) error {
		if err := t.use(ctx, p); err != nil {
			return err
		}
		id := operatorOf(p)
		changed, err := t.exec(ctx, `UPDATE operators SET password = $3 WHERE tenant = $1 AND id = $2 AND disabled = 0`, t.tenant, id, hash)
		if err != nil {
			return fmt.Errorf("set a password: %w", err)
		}
		if changed == 0 {
			return auth.ErrRefused
		}
		if err := t.endSessions(ctx, id, ""); err != nil {
			return err
		}
		if err := t.revoke(ctx, p.Kind, p.Object); err != nil {
			return err
		}
		if _, err := t.exec(ctx, `DELETE FROM sign_in_tries WHERE tenant = $1
			AND email = (SELECT email FROM operators o WHERE o.tenant = $1 AND o.id = $2)`, t.tenant, id); err != nil {
			return fmt.Errorf("forget tries: %w", err)
		}
		return t.log(ctx, entry)
	})
}
