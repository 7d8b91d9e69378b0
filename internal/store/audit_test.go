package store_test

import (
	"bytes"
	"errors"
	"strings"
	"sync"
	"testing"

	"volenti.dev/volenti/audit"
	"volenti.dev/volenti/internal/store"
	"volenti.dev/volenti/internal/store/storetest"
	"volenti.dev/volenti/request"
)

func TestRecordsAreNumberedWithoutGaps(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		var all sync.WaitGroup
		for i := range 64 {
			all.Go(func() {
				var err error
				switch i % 4 {
				case 0:
					err = db.AppendAndFail(ctx, entry("test.act"))
				case 1:
					err = db.Audit().Append(ctx, tenant, entry("not an act"))
				default:
					if err := db.Audit().Append(ctx, tenant, entry("test.act")); err != nil {
						t.Error(err)
					}
					return
				}
				if err == nil {
					t.Error("a failure was acknowledged")
				}
			})
		}
		all.Wait()
		db.Reopen(t)
		got, err := db.Audit().Records(ctx, tenant, 0, 1000)
		must(t, err)
		if len(got) != 1+32 {
			t.Fatalf("%d records", len(got))
		}
		for i, r := range got {
			if r.Sequence != int64(i) {
				t.Errorf("record %d has number %d", i, r.Sequence)
			}
		}
		if d := string(got[5].Details); !strings.Contains(d, canary) {
			t.Errorf("details %q", d)
		}
		verify(t, db, 33)
	})
}

func TestErasedDetailsAreGoneAndTheLogSaysSo(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		must(t, db.Audit().Append(ctx, tenant, entry("test.act")))
		for range 2 {
			must(t, db.Audit().EraseDetails(ctx, tenant, 1, audit.Entry{Act: "audit.erase", Object: "audit/1"}))
		}
		if err := db.Audit().EraseDetails(ctx, tenant, 99, entry("audit.erase")); !errors.Is(err, store.ErrNoRecord) {
			t.Errorf("erased what does not exist: %v", err)
		}
		got, err := db.Audit().Records(ctx, tenant, 1, 10)
		must(t, err)
		if len(got) != 2 || got[0].Salt != nil || got[0].Details != nil || got[1].Act != "audit.erase" {
			t.Errorf("records %+v", got)
		}
		verify(t, db, 3)
	})
}

func TestExportVerifies(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() {
				for range 200 {
					if err := db.Audit().Append(ctx, tenant, entry("test.act")); err != nil {
						t.Error(err)
						return
					}
				}
			})
		}
		all.Wait()
		verify(t, db, 801)
	})
}

func verify(t *testing.T, db *storetest.Database, size int64) {
	t.Helper()
	keys, err := db.Tenant(ctx, tenant)
	must(t, err)
	var export bytes.Buffer
	must(t, db.Audit().Export(ctx, tenant, &export))
	r, err := audit.Verify(&export, audit.Options{Verifier: keys.Verifier()})
	if err != nil || r.Size != size {
		t.Errorf("verified %d records: %v", r.Size, err)
	}
}

// Each checkpoint continues those before it, over every shape of the tree.
func TestLogOnlyGrows(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		var checkpoints [][]byte
		for range 40 {
			c, err := db.Audit().Checkpoint(ctx, tenant)
			must(t, err)
			checkpoints = append(checkpoints, c)
			must(t, db.Audit().Append(ctx, tenant, entry("test.act")))
		}
		var export bytes.Buffer
		must(t, db.Audit().Export(ctx, tenant, &export))
		for i, c := range checkpoints {
			if _, err := audit.Verify(bytes.NewReader(export.Bytes()), audit.Options{Remembered: c}); err != nil {
				t.Errorf("checkpoint %d: %v", i, err)
			}
		}
	})
}

func TestNothingChangesWhenItsEntryCannotBeWritten(t *testing.T) { // SE16
	t.Parallel()
	for _, table := range []string{"audit_leaves", "audit_details", "audit_hashes", "audit_heads"} {
		t.Run(table, func(t *testing.T) {
			storetest.Each(t, func(t *testing.T, db *storetest.Database) {
				waiting, l := create(t, db), running(t, db)
				must(t, db.Work().Begin(ctx, l, request.Progress{Address: people, Action: request.Erasure}))
				_, err := db.Raw(t).Exec(`ALTER TABLE ` + table + ` RENAME TO broken`)
				must(t, err)
				before := db.Dump(t)
				r := request.Request{ID: "0198c0de-0000-7000-8000-000000000001", Tenant: tenant, Status: request.AwaitingApproval}
				_, _, claimed := db.Requests().Claim(ctx, tenant, l.Request, owner, ttl, true, entry("test.act"))
				for what, err := range map[string]error{
					"create": db.Requests().Create(ctx, r, person(canary), entry("test.act")),
					"apply":  db.Requests().Apply(ctx, tenant, waiting, request.Approve, entry("test.act")),
					"claim":  claimed,
					"move":   db.Requests().Move(ctx, l, request.Turn{Event: request.Finish}, entry("test.act")),
					"intend": db.Work().Intend(ctx, l, request.Progress{Address: people, Action: request.Erasure, Status: request.Running, Attempt: 1, Intent: 9}, entry("test.act")),
					"tenant": db.CreateTenant(ctx, "other"),
					"append": db.Audit().Append(ctx, tenant, entry("test.act")),
				} {
					if err == nil {
						t.Errorf("%s went through", what)
					} else if strings.Contains(err.Error(), canary) {
						t.Errorf("%s: its error is personal", what)
					}
				}
				if !bytes.Equal(before, db.Dump(t)) {
					t.Error("something changed")
				}
			})
		})
	}
}

func TestAppendOnlyTablesRefuseToBeChanged(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		l := running(t, db)
		must(t, db.Work().Save(ctx, l, request.Progress{Address: people}, nil, request.LogLine{}))
		raw := db.Raw(t)
		before := db.Dump(t)
		for _, table := range []string{"audit_leaves", "audit_hashes", "request_log"} {
			statements := []string{
				`UPDATE ` + table + ` SET tenant = 'x'`,
				`UPDATE ` + table + ` SET tenant = tenant`,
				`DELETE FROM ` + table,
			}
			if db.Embedded() {
				statements = append(statements, `INSERT OR REPLACE INTO `+table+` SELECT * FROM `+table)
			} else {
				statements = append(statements, `TRUNCATE `+table, `TRUNCATE requests CASCADE`)
			}
			for _, s := range statements {
				if _, err := raw.Exec(s); err == nil || !strings.Contains(err.Error(), "append-only") {
					t.Errorf("%s: %v", s, err)
				}
			}
		}
		if !bytes.Equal(before, db.Dump(t)) {
			t.Error("something changed")
		}
	})
}
