package server

import (
	"context"
	"crypto/rand"
	"errors"
	"strings"
	"time"

	"volenti.dev/volenti/api"
	"volenti.dev/volenti/audit"
	"volenti.dev/volenti/auth"
	"volenti.dev/volenti/internal/store"
	"volenti.dev/volenti/message"
	"volenti.dev/volenti/request"
	"volenti.dev/volenti/subject"
)

// passwords lets operators in again who have forgotten theirs.
type passwords struct {
	Operators
	db        *store.DB
	publicURL string
	mails     bool // letters are sent
}

var _ api.Passwords = passwords{}

func (s *Server) passwords() passwords {
	return passwords{s.House.Operators(s.Now), s.House.Store, s.PublicURL, s.Mail != nil}
}

// LinkPassword makes what an operator sets a new password with, to be handed over. It
// fails with auth.ErrNoOperator, auth.ErrOnlyOwners, auth.ErrKeptOut, and with
// auth.ErrOneself: whoever finds a session open must not make a password of it.
func (o Operators) LinkPassword(ctx context.Context, caller auth.Caller, id string) (token string, expires time.Time, err error) {
	if caller.Session != "" && caller.ID == id {
		return "", expires, auth.ErrOneself
	}
	p, token, err := newPassword(caller.Tenant, id, o.now().Add(auth.PasswordTime))
	if err != nil {
		return "", expires, err
	}
	return token, p.Expires, o.Operators.LinkPassword(ctx, caller, p, changing("operator.password_link", id, caller, map[string]any{"link": byLink(p), "expires": p.Expires}))
}

func newPassword(tenant, id string, expires time.Time) (auth.Pass, string, error) {
	return auth.NewPass(tenant, auth.SetPassword, "operator/"+id, 1, expires.UTC().Truncate(time.Second), rand.Reader)
}

// Renew implements api.Passwords.
func (p passwords) Renew(ctx context.Context, token, password string) error {
	pass, err := p.db.Passes().Find(ctx, auth.SetPassword, token)
	if err != nil {
		return err
	}
	hash, err := auth.HashPassword(password, rand.Reader)
	if err != nil {
		return err
	}
	return p.UsePassword(ctx, pass, hash, audit.Entry{Act: "operator.password", Object: pass.Object, Details: map[string]any{"by": byLink(pass)}})
}

// Mail implements api.Passwords. That nobody operates with an address makes no
// difference but to the letter.
func (p passwords) Mail(ctx context.Context, tenant string, to subject.Identity, language string) error {
	if !p.mails {
		return api.ErrNoMail
	}
	keys, err := p.db.Tenant(ctx, tenant)
	if errors.Is(err, store.ErrNoTenant) {
		return nil
	}
	if err != nil {
		return err
	}
	id, _, _, err := p.Password(ctx, tenant, to)
	if err != nil {
		return err
	}
	told, entry := request.Told{}, audit.Entry{}
	if id != "" {
		pass, token, err := newPassword(tenant, id, p.now().Add(auth.PasswordMailTime))
		if err != nil {
			return err
		}
		letter, err := message.New(message.Letter{
			Kind: message.Password, Language: language, To: to.Value,
			Values: message.Values{"url": strings.TrimSuffix(p.publicURL, "/") + "/new-password/" + token, "minutes": int(auth.PasswordMailTime.Minutes())},
		})
		if err != nil {
			return err
		}
		told = request.Told{Letters: []message.Letter{letter}, Passes: []auth.Pass{pass}}
		entry = audit.Entry{Act: "operator.password_mail", Object: pass.Object, Details: map[string]any{"link": byLink(pass), "expires": pass.Expires}}
	}
	err = p.db.Passes().MailLink(ctx, tenant, to.Digest(keys.RecallKey()), told, entry)
	if errors.Is(err, auth.ErrTooManyTries) {
		return nil // how many were sent to an address is nobody's business
	}
	return err
}
