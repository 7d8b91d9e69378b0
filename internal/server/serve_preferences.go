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
	"volenti.dev/volenti/consent"
	"volenti.dev/volenti/internal/store"
	"volenti.dev/volenti/message"
	"volenti.dev/volenti/request"
	"volenti.dev/volenti/subject"
)

// linkLasts is how long a link that was mailed lets a person see what they chose.
const linkLasts = time.Hour

// preferences makes and opens the links by which people see and change what they chose.
type preferences struct {
	db        *store.DB
	publicURL string
}

var _ api.Preferences = preferences{}

// Mail implements api.Preferences. That nobody is known by an address makes no
// difference but to the letter.
func (p preferences) Mail(ctx context.Context, tenant string, to subject.Identity, language string) error {
	keys, err := p.db.Tenant(ctx, tenant)
	if errors.Is(err, store.ErrNoTenant) {
		return request.ErrNotFound
	}
	if err != nil {
		return err
	}
	told, entry := request.Told{}, audit.Entry{}
	switch id, err := p.db.Consents().Find(ctx, tenant, to); {
	case errors.Is(err, consent.ErrNotFound):
	case err != nil:
		return err
	default:
		pass, url, err := p.pass(tenant, id, time.Now().Add(linkLasts))
		if err != nil {
			return err
		}
		letter, err := message.New(message.Letter{
			Kind: message.Preferences, Language: language, To: to.Value,
			Values: message.Values{"url": url, "minutes": int(linkLasts.Minutes())},
		})
		if err != nil {
			return err
		}
		told = request.Told{Letters: []message.Letter{letter}, Passes: []auth.Pass{pass}}
		entry = audit.Entry{Act: "preferences.mail", Object: pass.Object}
	}
	err = p.db.Passes().MailLink(ctx, tenant, to.Digest(keys.RecallKey()), told, entry)
	if errors.Is(err, auth.ErrTooManyTries) {
		return nil // how many were sent to an address is nobody's business
	}
	return err
}

func (p preferences) pass(tenant string, id consent.SubjectID, until time.Time) (auth.Pass, string, error) {
	pass, token, err := auth.NewPass(tenant, auth.SeeChoices, "subject/"+id.String(), auth.AnyUses, until, rand.Reader)
	return pass, strings.TrimSuffix(p.publicURL, "/") + "/preferences/" + token, err
}

// Link implements api.Preferences.
func (p preferences) Link(ctx context.Context, tenant string, id consent.SubjectID, lasts time.Duration, by string) (url, token string, expires time.Time, err error) {
	expires = time.Now().Add(lasts).UTC()
	pass, url, err := p.pass(tenant, id, expires)
	if err != nil {
		return "", "", expires, err
	}
	entry := audit.Entry{Act: "preferences.link", Object: pass.Object, Details: map[string]any{"by": by, "expires": expires}}
	return url, url[strings.LastIndex(url, "/")+1:], expires, p.db.Passes().Issue(ctx, pass, entry)
}

// Open implements api.Preferences.
func (p preferences) Open(ctx context.Context, token string) (tenant string, id consent.SubjectID, expires time.Time, err error) {
	pass, err := p.db.Passes().Find(ctx, auth.SeeChoices, token)
	if err != nil {
		return "", id, expires, err
	}
	if id, err = consent.ParseSubjectID(strings.TrimPrefix(pass.Object, "subject/")); err != nil {
		return "", id, expires, err
	}
	err = p.db.Consents().Alive(ctx, pass.Tenant, id)
	if errors.Is(err, consent.ErrNotFound) {
		err = auth.ErrRefused // whose link it was is nobody now
	}
	return pass.Tenant, id, pass.Expires, err
}
