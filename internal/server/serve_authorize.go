package server

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"slices"
	"strings"
	"time"

	"volenti.dev/volenti/api"
	"volenti.dev/volenti/audit"
	"volenti.dev/volenti/auth"
	"volenti.dev/volenti/connector"
	"volenti.dev/volenti/datamap/inventory"
	"volenti.dev/volenti/internal/store"
)

// authorizeTime is how long somebody has to allow something at a vendor.
const authorizeTime = 15 * time.Minute

// AuthorizedPath is the page that vendors send people back to.
const AuthorizedPath = "/connections/authorized"

// authorizations let people allow that connections are used.
type authorizations struct {
	db        *store.DB
	latest    *Latest
	publicURL string
	now       func() time.Time
}

var _ api.Authorizations = authorizations{}

// Begin implements api.Authorizations. The state is a pass.
func (a authorizations) Begin(ctx context.Context, caller auth.Caller, key string) (string, time.Time, error) {
	none := time.Time{}
	if a.publicURL == "" {
		return "", none, &inventory.Invalid{Problems: []string{"the vendor could send nobody back: start the server with --public-url"}}
	}
	at, release, err := a.open(ctx, caller.Tenant, key)
	if err != nil {
		return "", none, err
	}
	defer release()
	pass, state, err := auth.NewPass(caller.Tenant, auth.Authorize, connectionObject+key, 1, a.now().Add(authorizeTime), rand.Reader)
	if err != nil {
		return "", none, err
	}
	pass.Part = caller.By()
	verifier, err := a.verifier(ctx, caller.Tenant, state)
	if err != nil {
		return "", none, err
	}
	address, err := at.AuthorizationURL(state, a.redirect(), verifier)
	if err != nil {
		return "", none, &inventory.Invalid{Problems: []string{err.Error()}}
	}
	return address, pass.Expires, a.db.Passes().Issue(ctx, pass, changed("connection.authorize", pass.Object, caller))
}

const connectionObject = "connection/"

func (a authorizations) redirect() string { return a.publicURL + AuthorizedPath }

// open gives a connection that a person authorises.
func (a authorizations) open(ctx context.Context, tenant, key string) (connector.Authorized, func(), error) {
	e, release, err := a.latest.Use(ctx, tenant)
	if err != nil {
		return nil, nil, err
	}
	if _, err := e.config.Connection(key); err != nil {
		release()
		return nil, nil, inventory.ErrNoConnection
	}
	opened, err := e.systems.Connect(key)
	if err != nil {
		release()
		return nil, nil, &inventory.Invalid{Problems: []string{err.Error()}}
	}
	at, ok := opened.(connector.Authorized)
	if !ok {
		release()
		return nil, nil, &inventory.Invalid{Problems: []string{connector.ErrNoAuthorization.Error()}}
	}
	return at, release, nil
}

// verifier gives the secret that belongs to a state, which nobody learns from it. It is
// stored nowhere.
func (a authorizations) verifier(ctx context.Context, tenant, state string) (string, error) {
	keys, err := a.db.Tenant(ctx, tenant)
	if err != nil {
		return "", err
	}
	mac := hmac.New(sha256.New, keys.RecallKey())
	mac.Write([]byte("authorize/" + state))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil)), nil
}

// Take implements api.Authorizations. The state is used up, and that is in the log,
// before the vendor is asked for a token.
func (a authorizations) Take(ctx context.Context, state, code string) (key, reason string, err error) {
	pass, err := a.db.Passes().Find(ctx, auth.Authorize, state)
	if err != nil {
		return "", "", err
	}
	if err := a.stillMay(ctx, pass); err != nil {
		return "", "", err
	}
	key = strings.TrimPrefix(pass.Object, connectionObject)
	entry := audit.Entry{Act: "connection.authorized", Object: pass.Object, Details: map[string]any{"by": pass.Part, "allowed": code != ""}}
	if err := a.db.Passes().Use(ctx, pass, entry); err != nil {
		return "", "", err
	}
	reason, err = a.allow(ctx, pass, key, state, code)
	if err != nil {
		return "", "", err
	}
	return key, reason, a.db.ConnectionStates().Returned(ctx, pass.Tenant, key, reason)
}

// allow exchanges a code for a token. The reason says why there is none, "" when there
// is one.
func (a authorizations) allow(ctx context.Context, pass auth.Pass, key, state, code string) (reason string, err error) {
	if code == "" {
		return "it was not allowed at the vendor", nil
	}
	verifier, err := a.verifier(ctx, pass.Tenant, state)
	if err != nil {
		return "", err
	}
	at, release, err := a.open(ctx, pass.Tenant, key)
	if wrong := (*inventory.Invalid)(nil); errors.As(err, &wrong) || errors.Is(err, inventory.ErrNoConnection) {
		return "the connection has changed meanwhile: authorise it again", nil
	}
	if err != nil {
		return "", err
	}
	defer release()
	var failed *connector.Error
	if err := at.Authorize(ctx, code, a.redirect(), verifier); errors.As(err, &failed) {
		return failed.Reason, nil
	} else if err != nil {
		return err.Error(), nil
	}
	return "", nil
}

// stillMay refuses what an operator has begun who may not do so any more.
func (a authorizations) stillMay(ctx context.Context, p auth.Pass) error {
	id, is := strings.CutPrefix(p.Part, "operator/")
	if !is {
		return nil
	}
	who, err := a.db.Operators().Get(ctx, p.Tenant, id)
	if errors.Is(err, auth.ErrNoOperator) || err == nil && (!who.Disabled.IsZero() || !slices.Contains(who.Role.Scopes(), auth.ManageSystems)) {
		return auth.ErrRefused
	}
	return err
}
