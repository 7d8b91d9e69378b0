package store_test

import (
	"crypto/rand"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"volenti.dev/volenti/auth"
	"volenti.dev/volenti/internal/store/storetest"
)

func pass(t *testing.T, kind auth.PassKind, uses int, lasts time.Duration) (auth.Pass, string) {
	t.Helper()
	p, token, err := auth.NewPass(tenant, kind, "request/1", uses, time.Now().Add(lasts), rand.Reader)
	must(t, err)
	return p, token
}

func TestPassIsUsedAsOftenAsItSaysByHoweverManyAtOnce(t *testing.T) { // SE3, R4
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		s := db.Passes()
		p, token := pass(t, auth.FetchPackage, 3, time.Hour)
		must(t, s.Issue(ctx, p, entry("pass.issue")))
		found, err := s.Find(ctx, auth.FetchPackage, token)
		must(t, err)
		var wait sync.WaitGroup
		var used, refused atomic.Int64
		for range 64 {
			wait.Go(func() {
				switch err := s.Use(ctx, found, entry("pass.use")); {
				case err == nil:
					used.Add(1)
				case errors.Is(err, auth.ErrRefused):
					refused.Add(1)
				default:
					t.Error(err)
				}
			})
		}
		wait.Wait()
		if used.Load() != 3 || refused.Load() != 61 {
			t.Errorf("used %d times, refused %d times", used.Load(), refused.Load())
		}
		if _, err := s.Find(ctx, auth.FetchPackage, token); !errors.Is(err, auth.ErrRefused) {
			t.Errorf("used up, it is found: %v", err)
		}
	})
}

func TestTokenIsForOneKindAndOneTime(t *testing.T) { // SE3
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		s := db.Passes()
		p, token := pass(t, auth.FollowRequest, auth.AnyUses, time.Hour)
		must(t, s.Issue(ctx, p, entry("pass.issue")))
		for range 2 {
			found, err := s.Find(ctx, auth.FollowRequest, token)
			must(t, err)
			must(t, s.Use(ctx, found, entry("pass.use")))
			if found.Tenant != tenant || found.Object != "request/1" {
				t.Errorf("found for %s %s", found.Tenant, found.Object)
			}
		}
		old, late := pass(t, auth.FollowRequest, auth.AnyUses, -time.Second)
		must(t, s.Issue(ctx, old, entry("pass.issue")))
		_, other := pass(t, auth.FollowRequest, auth.AnyUses, time.Hour)
		for what, wrong := range map[string]string{
			"another kind": string(auth.FetchPackage) + token[len(auth.FetchPackage):], "an expired one": late, "an unknown one": other,
			"another secret": token[:len(token)-43] + other[len(other)-43:], "nothing": "", "no token": "vr_x",
		} {
			for _, kind := range []auth.PassKind{auth.FetchPackage, auth.FollowRequest} {
				if _, err := s.Find(ctx, kind, wrong); !errors.Is(err, auth.ErrRefused) {
					t.Errorf("%s as %s: %v", what, kind, err)
				}
			}
		}
		must(t, s.Sweep(ctx, tenant))
		found, err := s.Find(ctx, auth.FollowRequest, token)
		must(t, err)
		must(t, s.Revoke(ctx, tenant, auth.FollowRequest, "request/1", entry("pass.revoke")))
		if _, err := s.Find(ctx, auth.FollowRequest, token); !errors.Is(err, auth.ErrRefused) {
			t.Errorf("revoked, it is found: %v", err)
		}
		if err := s.Use(ctx, found, entry("pass.use")); !errors.Is(err, auth.ErrRefused) {
			t.Errorf("revoked, it is used: %v", err)
		}
	})
}
