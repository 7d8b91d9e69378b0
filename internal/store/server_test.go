package store_test

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"volenti.dev/volenti/auth"
	"volenti.dev/volenti/internal/store"
	"volenti.dev/volenti/internal/store/storetest"
	"volenti.dev/volenti/request"
)

func TestAPIKeysAreKeptAsDigestsAndEndWhenRevoked(t *testing.T) { // SE12
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		k, token, err := auth.New(tenant, "ci", auth.Scopes(), time.Now().Add(time.Hour).UTC().Truncate(time.Microsecond), rand.Reader)
		must(t, err)
		must(t, db.APIKeys().Create(ctx, k, entry("apikey.create")))
		if err := db.APIKeys().Create(ctx, k, entry("apikey.create")); !errors.Is(err, store.ErrExists) {
			t.Errorf("made twice: %v", err)
		}
		if bytes.Contains(db.Dump(t), []byte(token[len(token)-43:])) {
			t.Error("the secret is in the database")
		}
		db.Reopen(t)
		found, err := db.APIKeys().Find(ctx, k.ID)
		must(t, err)
		if len(found) != 1 || found[0].Check(token, time.Now()) != nil || found[0].Created.IsZero() {
			t.Fatalf("found %+v", found)
		}
		k.Created = found[0].Created
		if diff := cmp.Diff([]auth.Key{k}, found); diff != "" {
			t.Error(diff)
		}
		must(t, db.CreateTenant(ctx, "other"))
		if err := db.APIKeys().Revoke(ctx, "other", k.ID, entry("apikey.revoke")); !errors.Is(err, auth.ErrNoKey) {
			t.Errorf("another tenant revoked it: %v", err)
		}
		for range 2 {
			must(t, db.APIKeys().Revoke(ctx, tenant, k.ID, entry("apikey.revoke")))
		}
		found, err = db.APIKeys().List(ctx, tenant)
		must(t, err)
		if len(found) != 1 || !errors.Is(found[0].Check(token, time.Now()), auth.ErrRefused) {
			t.Errorf("after its end: %+v", found)
		}
		verify(t, db, 3) // tenant.create, apikey.create, apikey.revoke
	})
}

// Keys are kept in memory; a key that was revoked is not found there.
func TestNoKeyIsFoundAfterItsRevocation(t *testing.T) { // SE12
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		k, token, err := auth.New(tenant, "ci", auth.Scopes(), time.Time{}, rand.Reader)
		must(t, err)
		must(t, db.APIKeys().Create(ctx, k, entry("apikey.create")))
		valid := func() bool {
			found, err := db.APIKeys().Find(ctx, k.ID)
			return err == nil && len(found) == 1 && found[0].Check(token, time.Now()) == nil
		}
		for range 2 { // asked for, then from memory
			if !valid() {
				t.Fatal("a new key is not found")
			}
		}
		mark := db.APIKeys().Mark()
		found, err := db.APIKeys().Find(ctx, k.ID)
		must(t, err)
		must(t, db.APIKeys().Revoke(ctx, tenant, k.ID, entry("apikey.revoke")))
		if valid() {
			t.Error("a revoked key is found")
		}
		db.APIKeys().KeepFound(found, mark) // by who read it before the revocation
		if valid() {
			t.Error("a revoked key came back")
		}
	})
	db := storetest.Postgres(t)
	other := storetest.Open(t, db.Config.URL)
	k, token, err := auth.New(tenant, "ci", auth.Scopes(), time.Time{}, rand.Reader)
	must(t, err)
	must(t, db.APIKeys().Create(ctx, k, entry("apikey.create")))
	valid := func() bool {
		found, err := other.APIKeys().Find(ctx, k.ID)
		must(t, err)
		return found[0].Check(token, time.Now()) == nil
	}
	if !valid() {
		t.Fatal("another process does not find a key")
	}
	must(t, db.APIKeys().Revoke(ctx, tenant, k.ID, entry("apikey.revoke")))
	until(func() bool { return !valid() }) // for ever, if it were kept for ever
}

func TestOneOfManyClaimsAnAnswerAndTheRestGetIt(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		var mine atomic.Int64
		var all sync.WaitGroup
		for range 32 {
			all.Go(func() {
				fence, same, answer, err := db.Answers().Claim(ctx, tenant, "k", []byte("asked"))
				if err != nil || !same || answer != nil {
					t.Errorf("claim: %v %v %q", err, same, answer)
				}
				if fence > 0 {
					mine.Add(1)
				}
			})
		}
		all.Wait()
		if mine.Load() != 1 {
			t.Fatalf("%d have it", mine.Load())
		}
		must(t, db.Answers().Keep(ctx, tenant, "k", 1, []byte("answer of "+canary)))
		db.Reopen(t)
		fence, same, answer, err := db.Answers().Claim(ctx, tenant, "k", []byte("asked"))
		if err != nil || fence != 0 || !same || string(answer) != "answer of "+canary {
			t.Errorf("again: %d %v %q %v", fence, same, answer, err)
		}
		if fence, same, answer, err := db.Answers().Claim(ctx, tenant, "k", []byte("something else")); err != nil || fence != 0 || same || answer != nil {
			t.Errorf("something else: %d %v %q %v", fence, same, answer, err)
		}
		if bytes.Contains(db.Dump(t), []byte(canary)) {
			t.Error("an answer lies open")
		}
		must(t, db.CreateTenant(ctx, "other"))
		if fence, _, _, err := db.Answers().Claim(ctx, "other", "k", []byte("asked")); err != nil || fence != 1 {
			t.Errorf("another tenant: %d %v", fence, err)
		}
	})
}

func TestClaimOfTheDeadPassesOnAndAnswersExpire(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		claim := func(want int64) {
			t.Helper()
			if fence, _, answer, err := db.Answers().Claim(ctx, tenant, "k", []byte("asked")); err != nil || fence != want || answer != nil {
				t.Errorf("fence %d, want %d; %q %v", fence, want, answer, err)
			}
		}
		raw := db.Raw(t)
		claim(1)
		claim(0)
		_, err := raw.Exec(`UPDATE answers SET lease_until = 1`)
		must(t, err)
		claim(2)
		must(t, db.Answers().Keep(ctx, tenant, "k", 1, []byte("late"))) // the dead one comes back
		must(t, db.Answers().Release(ctx, tenant, "k", 1))
		claim(0)
		must(t, db.Answers().Release(ctx, tenant, "k", 2))
		claim(1)
		must(t, db.Answers().Keep(ctx, tenant, "k", 1, []byte("answer")))
		_, err = raw.Exec(`UPDATE answers SET expires = 1`)
		must(t, err)
		claim(1)
	})
}

func TestPagesOfRequestsAreFilteredAndWhole(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		must(t, db.CreateTenant(ctx, "other"))
		for i := range 12 {
			r := request.Request{ID: fmt.Sprintf("id-%02d", i), Tenant: tenant, Policy: []string{"a", "b"}[i%2], Status: []request.Status{request.AwaitingApproval, request.Approved, request.Paused}[i%3], Plan: []byte("{}")}
			must(t, db.Requests().Create(ctx, r, nil, entry("request.create")))
			r.Tenant = "other"
			must(t, db.Requests().Create(ctx, r, nil, entry("request.create")))
		}
		for _, status := range []request.Status{"", request.Approved} {
			for _, policy := range []string{"", "b"} {
				var want, got []string
				for i := 11; i >= 0; i-- {
					if (status == "" || i%3 == 1) && (policy == "" || i%2 == 1) {
						want = append(want, fmt.Sprintf("id-%02d", i))
					}
				}
				q := request.Query{Policy: policy}
				if status != "" {
					q.Statuses = []request.Status{status}
				}
				for after := (request.Mark{}); ; after.ID = got[len(got)-1] {
					page, err := db.Requests().Search(ctx, tenant, q, after, 2)
					must(t, err)
					for _, r := range page {
						if r.Tenant != tenant || r.Plan != nil {
							t.Errorf("%+v", r)
						}
						got = append(got, r.ID)
					}
					if len(page) < 2 {
						break
					}
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("status %q, policy %q: %s", status, policy, diff)
				}
			}
		}
		must(t, db.Ready(ctx))
	})
}
