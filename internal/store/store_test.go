package store_test

import (
	"context"
	"fmt"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"volenti.dev/volenti/audit"
	"volenti.dev/volenti/internal/mariadbtest"
	"volenti.dev/volenti/internal/pgtest"
	"volenti.dev/volenti/internal/store"
	"volenti.dev/volenti/internal/store/storetest"
	"volenti.dev/volenti/request"
	"volenti.dev/volenti/subject"
)

const (
	tenant = store.DefaultTenant
	owner  = "node-a"
	ttl    = time.Minute
	canary = "canary.9f3a@example.com"
)

var ctx = context.Background()

func TestMain(m *testing.M) {
	if os.Getenv(childVariable) != "" {
		os.Exit(child())
	}
	code := pgtest.Run(m)
	mariadbtest.Stop()
	os.Exit(code)
}

func entry(act string) audit.Entry {
	return audit.Entry{Act: act, Object: "request/x", Details: map[string]any{"operator": canary}}
}

// named is an entry about an object of this name.
func named(object string) audit.Entry { return audit.Entry{Act: "test.act", Object: object} }

func person(email string) []subject.Identity {
	return []subject.Identity{{Type: subject.Email, Value: subject.Conceal(email), Given: []subject.Personal[string]{subject.Conceal(email)}}}
}

// create stores a request that awaits approval and gives its id.
func create(t testing.TB, db *storetest.Database) string {
	t.Helper()
	r := request.Request{
		ID: uuid.Must(uuid.NewV7()).String(), Tenant: tenant, Policy: "erase",
		Status: request.AwaitingApproval, PlanHash: "h", Plan: []byte(`{"nodes":[]}`),
	}
	if err := db.Requests().Create(ctx, r, person(canary), entry("request.create")); err != nil {
		t.Fatal(err)
	}
	return r.ID
}

// running gives a request that is being carried out.
func running(t testing.TB, db *storetest.Database) request.Lease {
	t.Helper()
	id := create(t, db)
	if err := db.Requests().Apply(ctx, tenant, id, request.Approve, entry("request.approve")); err != nil {
		t.Fatal(err)
	}
	return claim(t, db, id, owner)
}

func claim(t testing.TB, db *storetest.Database, id, owner string) request.Lease {
	t.Helper()
	l, _, err := db.Requests().Claim(ctx, tenant, id, owner, ttl, true, entry("request.start"))
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func status(t testing.TB, db *storetest.Database, id string) request.Status {
	t.Helper()
	r, err := db.Requests().Get(ctx, tenant, id)
	if err != nil {
		t.Fatal(err)
	}
	return r.Status
}

// records counts the entries of the audit log.
func records(t testing.TB, db *storetest.Database) int {
	t.Helper()
	all, err := db.Audit().Records(ctx, tenant, 0, 1_000_000)
	if err != nil {
		t.Fatal(err)
	}
	return len(all)
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// numbered gives names that differ.
var count atomic.Int64

func numbered(name string) string { return fmt.Sprint(name, count.Add(1)) }
