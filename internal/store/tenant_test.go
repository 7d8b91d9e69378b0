package store_test

import (
	"errors"
	"testing"

	"volenti.dev/volenti/internal/store"
	"volenti.dev/volenti/internal/store/storetest"
	"volenti.dev/volenti/request"
)

// What another tenant has looks like what does not exist.
func TestOtherTenantFindsNothing(t *testing.T) { // SE14
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		const other = "other"
		must(t, db.CreateTenant(ctx, other))
		l := running(t, db)
		must(t, db.Work().Begin(ctx, l, request.Progress{Address: "shop:people", Action: request.Access}))
		must(t, db.Work().Chunk(ctx, l, request.Chunk{Address: "shop:people", N: 0, Rows: 1, Sealed: []byte("x")}))
		foreign := l
		foreign.Tenant = other

		for _, id := range []string{l.Request, "0198c0de-0000-7000-8000-000000000000"} {
			_, err := db.Requests().Get(ctx, other, id)
			notFound(t, "get", err)
			_, err = db.Requests().Identities(ctx, other, id)
			notFound(t, "identities", err)
			_, err = db.Keys().RequestKey(ctx, other, id)
			notFound(t, "key", err)
			notFound(t, "apply", db.Requests().Apply(ctx, other, id, request.Cancel, entry("request.cancel")))
			_, _, err = db.Requests().Claim(ctx, other, id, owner, ttl, true, entry("request.start"))
			notFound(t, "claim", err)
			notFound(t, "chunks", db.Work().Chunks(ctx, other, id, "shop:people", 1, func(int, []byte) error {
				t.Error("a chunk of another tenant")
				return nil
			}))
			foreign.Request = id
			if err := db.Work().Audit(ctx, foreign, entry("test.act")); !errors.Is(err, request.ErrFenced) {
				t.Errorf("write with the lease of another tenant: %v", err)
			}
			progress, err := db.Work().Progress(ctx, other, id)
			must(t, err)
			lines, err := db.Work().Log(ctx, other, id, 0, 10)
			must(t, err)
			if len(progress)+len(lines) != 0 {
				t.Error("rows of another tenant")
			}
		}
		list, err := db.Requests().List(ctx, other, "", 10)
		must(t, err)
		found, err := db.Requests().Find(ctx, other, "erase", person(canary))
		must(t, err)
		if len(list)+len(found) != 0 {
			t.Error("requests of another tenant")
		}
		if got := status(t, db, l.Request); got != request.InProcessing {
			t.Errorf("status %s", got)
		}
	})
}

func notFound(t *testing.T, what string, err error) {
	t.Helper()
	if !errors.Is(err, request.ErrNotFound) {
		t.Errorf("%s: %v", what, err)
	}
}

func TestTenantIsMadeOnce(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		if err := db.CreateTenant(ctx, tenant); !errors.Is(err, store.ErrExists) {
			t.Errorf("made again: %v", err)
		}
		if _, err := db.Tenant(ctx, "nobody"); !errors.Is(err, store.ErrNoTenant) {
			t.Errorf("unknown tenant: %v", err)
		}
	})
}
