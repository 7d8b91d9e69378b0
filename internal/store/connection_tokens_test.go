package store_test

import (
	"bytes"
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"volenti.dev/volenti/connector"
	"volenti.dev/volenti/datamap/inventory"
	"volenti.dev/volenti/internal/store/storetest"
)

// renewTo renews the token of a connection, whatever is kept.
func renewTo(t testing.TB, k connector.TokenKeeper, connection, access string) {
	t.Helper()
	_, err := k.Renew(ctx, connection, func(context.Context, connector.Token) (connector.Token, error) {
		return connector.Token{Access: access, Refresh: canary, Expires: time.UnixMicro(1).UTC()}, nil
	})
	must(t, err)
}

// keptToken gives the token of a connection as it is.
func keptToken(t testing.TB, k connector.TokenKeeper, connection string) connector.Token {
	t.Helper()
	got, err := k.Renew(ctx, connection, func(_ context.Context, is connector.Token) (connector.Token, error) { return is, nil })
	must(t, err)
	return got
}

func TestATokenIsRenewedOnceForAllWhoWantIt(t *testing.T) { // H8
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		keepers := []connector.TokenKeeper{db.ConnectionTokens().Of(tenant, "s")}
		if !db.Embedded() {
			keepers = append(keepers, storetest.Open(t, db.Config.URL).ConnectionTokens().Of(tenant, "s"))
		}
		renewTo(t, keepers[0], "crm", "first")
		var asked atomic.Int64
		var all sync.WaitGroup
		for _, k := range keepers {
			for range 16 {
				all.Go(func() {
					got, err := k.Renew(ctx, "crm", func(_ context.Context, is connector.Token) (connector.Token, error) {
						if is.Access != "first" {
							return is, nil
						}
						asked.Add(1)
						<-time.After(20 * time.Millisecond)
						return connector.Token{Access: "second", Refresh: "r2"}, nil
					})
					if err != nil || got.Access != "second" {
						t.Errorf("%q, %v", got.Access, err)
					}
				})
			}
		}
		all.Wait()
		if n := asked.Load(); n != 1 {
			t.Errorf("%d asked for a token", n)
		}
	})
}

func TestTokensAreSealedForTheirConnectionAndItsSecrets(t *testing.T) { // H8, SE9
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		must(t, db.CreateTenant(ctx, "other"))
		renewTo(t, db.ConnectionTokens().Of(tenant, "s"), "crm", "first")
		db.Reopen(t)
		own := db.ConnectionTokens().Of(tenant, "s")
		if got := keptToken(t, own, "crm"); got != (connector.Token{Access: "first", Refresh: canary, Expires: time.UnixMicro(1).UTC()}) {
			t.Errorf("after a restart it is not what was kept")
		}
		if bytes.Contains(db.Dump(t), []byte(canary)) {
			t.Error("a token stands in the database")
		}
		for what, got := range map[string]connector.Token{
			"of another connection": keptToken(t, own, "shop"),
			"of another tenant":     keptToken(t, db.ConnectionTokens().Of("other", "s"), "crm"),
			"with other secrets":    keptToken(t, db.ConnectionTokens().Of(tenant, "t"), "crm"),
		} {
			if got != (connector.Token{}) {
				t.Errorf("%s there is a token", what)
			}
		}
	})
}

func TestATokenIsLookedAtWithoutARightToRenewIt(t *testing.T) { // H8
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		must(t, db.CreateTenant(ctx, "other"))
		k, kept := db.ConnectionTokens().Of(tenant, "s"), connector.Token{Access: "first", Refresh: canary, Expires: time.UnixMicro(1).UTC()}
		look := func(of, with string) connector.Token {
			t.Helper()
			got, err := db.ConnectionTokens().Kept(ctx, of, with, "crm")
			must(t, err)
			return got
		}
		if got := look(tenant, "s"); got != (connector.Token{}) {
			t.Error("there is a token before there was one")
		}
		renewTo(t, k, "crm", "first")
		_, err := k.Renew(ctx, "crm", func(_ context.Context, is connector.Token) (connector.Token, error) {
			if got := look(tenant, "s"); got != kept {
				t.Error("while somebody renews it, it is not there")
			}
			return is, nil
		})
		must(t, err)
		if look(tenant, "other secrets") != (connector.Token{}) || look("other", "s") != (connector.Token{}) {
			t.Error("others have the token")
		}
	})
}

func TestATokenStaysWhereItCannotBeRenewed(t *testing.T) { // H8
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		k := db.ConnectionTokens().Of(tenant, "s")
		renewTo(t, k, "crm", "first")
		no := errors.New("the vendor does not answer")
		_, err := k.Renew(ctx, "crm", func(context.Context, connector.Token) (connector.Token, error) { return connector.Token{}, no })
		if got := keptToken(t, k, "crm"); !errors.Is(err, no) || got.Access != "first" {
			t.Errorf("%v, and %q is kept", err, got.Access)
		}
	})
}

// A process that hangs, or was killed, keeps nobody from the token for long, and what
// it brings later is dropped.
func TestWhoRenewsATokenHasAMinute(t *testing.T) { // H8
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		hangs, other := db.ConnectionTokens().Of(tenant, "s"), db.ConnectionTokens().Of(tenant, "s")
		if !db.Embedded() {
			other = storetest.Open(t, db.Config.URL).ConnectionTokens().Of(tenant, "s")
		}
		raw := db.Raw(t)
		_, err := hangs.Renew(ctx, "crm", func(given context.Context, _ connector.Token) (connector.Token, error) {
			if end, bounded := given.Deadline(); !bounded || time.Until(end) > time.Minute {
				t.Error("it may take longer than its right lasts")
			}
			if db.Embedded() { // a second one of the same process waits for the first
				return connector.Token{Access: "late"}, nil
			}
			short, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
			defer cancel()
			if _, err := other.Renew(short, "crm", nil); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("two renew at once: %v", err)
			}
			_, err := raw.Exec(`UPDATE connection_tokens SET until = until - 61000000`) // a minute is over
			must(t, err)
			renewTo(t, other, "crm", "second")
			return connector.Token{Access: "late"}, nil
		})
		must(t, err)
		want := "second"
		if db.Embedded() {
			want = "late"
		}
		if got := keptToken(t, other, "crm"); got.Access != want {
			t.Errorf("%q is kept", got.Access)
		}
	})
}

func TestTokensOfConnectionsThatAreGoneAreForgotten(t *testing.T) { // H8
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		seen, err := db.Connections().Seen(ctx, tenant)
		must(t, err)
		must(t, db.Connections().Create(ctx, tenant, inventory.Connection{Key: "crm", Type: "letters"}, []byte("key: crm"), seen, entry("connection.create")))
		k := db.ConnectionTokens().Of(tenant, "s")
		renewTo(t, k, "crm", "first")
		renewTo(t, k, "gone", "first")
		must(t, db.ConnectionTokens().Sweep(ctx, tenant))
		if keptToken(t, k, "crm").Access != "first" || keptToken(t, k, "gone") != (connector.Token{}) {
			t.Error("not just that of the connection that is gone was forgotten")
		}
	})
}
