package server

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"

	"volenti.dev/volenti/config"
	"volenti.dev/volenti/connector"
	"volenti.dev/volenti/internal/store"
)

// shared is what connections of vendors have from the house. Its zero value gives
// nothing: such a connection counts its calls and keeps its token by itself.
type shared struct {
	limiter connector.Limiter
	tokens  func(with string) connector.TokenKeeper
	log     *slog.Logger
}

// Sharing lets connections of vendors count their calls and keep their tokens together
// with those of all processes that have this database, and log their calls at debug
// level. It is said before the first Connect.
func (s *Systems) Sharing(db *store.DB, tenant string, log *slog.Logger) {
	s.shared = shared{
		limiter: db.CallLimits().Of(tenant),
		tokens:  func(with string) connector.TokenKeeper { return db.ConnectionTokens().Of(tenant, with) },
		log:     log,
	}
}

// Share does so with the default tenant, for the command line.
func (h *House) Share(s *Systems, log *slog.Logger) { s.Sharing(h.Store, store.DefaultTenant, log) }

func (h shared) give(s *connector.Settings, conn config.Connection) {
	s.Limiter = h.limiter
	if h.tokens != nil {
		s.Tokens = h.tokens(signedInWith(conn.Type, s.Secrets))
	}
	if h.log != nil {
		s.Log = func(e connector.Exchange) {
			h.log.Debug("call", "connection", e.Connection, "doing", e.Doing, "call", e.Call, "status", e.Status, "attempt", e.Attempt, "took", e.Took, "note", e.Note)
		}
	}
}

// signedInWith tells secrets from others, so that a token is not used with those that
// it was not got with. It is never stored.
func signedInWith(kind string, secrets map[string]string) string {
	sum := sha256.New()
	fmt.Fprintf(sum, "%q\n", kind)
	for _, name := range slices.Sorted(maps.Keys(secrets)) {
		fmt.Fprintf(sum, "%q %q\n", name, secrets[name])
	}
	return hex.EncodeToString(sum.Sum(nil))
}

// sweepVendors forgets calls that count no more, and tokens that are of no use.
func sweepVendors(ctx context.Context, db *store.DB, tenant string) error {
	return errors.Join(db.CallLimits().Sweep(ctx, tenant), db.ConnectionTokens().Sweep(ctx, tenant))
}
