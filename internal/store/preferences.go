package store

import (
	"context"

	"volenti.dev/volenti/audit"
	"volenti.dev/volenti/auth"
	"volenti.dev/volenti/request"
)

// MailLink counts a letter to an address, by its digest, together with codes, and
// stores the letter and the pass that is in it, with the entry; nothing of these where
// nobody is told. It fails with auth.ErrTooManyTries when too many were sent there.
func (s *Passes) MailLink(ctx context.Context, tenant, digest string, told request.Told, entry audit.Entry) error {
	return s.db.write(ctx, tenant, func(ctx context.Context, t *tx) error {
		counted, err := t.countSent(ctx, digest)
		if err != nil {
			return err
		}
		if !counted {
			return auth.ErrTooManyTries
		}
		if len(told.Letters) == 0 {
			return nil
		}
		if err := t.tell(ctx, told); err != nil {
			return err
		}
		return t.log(ctx, entry)
	})
}
