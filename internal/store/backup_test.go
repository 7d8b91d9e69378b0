package store_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"volenti.dev/volenti/audit"
	"volenti.dev/volenti/consent"
	"volenti.dev/volenti/internal/pgtest"
	"volenti.dev/volenti/internal/store/storetest"
)

// backups are the ways to a copy of a database. Each gives the address of the
// copy, restored.
var backups = map[string]func(*testing.T, *storetest.Database) string{
	"sqlite, the file once it is closed": func(t *testing.T, db *storetest.Database) string {
		must(t, db.Close())
		content, err := os.ReadFile(strings.TrimPrefix(db.Config.URL, "sqlite:"))
		must(t, err)
		to := filepath.Join(t.TempDir(), "restored.db")
		must(t, os.WriteFile(to, content, 0o600))
		db.Reopen(t)
		return "sqlite:" + to
	},
	"sqlite, by VACUUM INTO while it runs": func(t *testing.T, db *storetest.Database) string {
		to := filepath.Join(t.TempDir(), "restored.db")
		_, err := db.Raw(t).Exec(`VACUUM INTO $1`, to)
		must(t, err)
		return "sqlite:" + to
	},
	"postgres, by pg_dump while it runs": func(t *testing.T, db *storetest.Database) string {
		to := pgtest.URL(t)
		dump, err := exec.Command("pg_dump", db.Config.URL).Output()
		must(t, err)
		restore := exec.Command("psql", "--quiet", "--set", "ON_ERROR_STOP=1", to)
		restore.Stdin = bytes.NewReader(dump)
		out, err := restore.CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		return to
	},
}

func TestABackupHoldsWhatWasAcknowledgedBeforeIt(t *testing.T) { // R8
	t.Parallel()
	for name, backup := range backups {
		t.Run(name, func(t *testing.T) {
			db := opened(t, name)
			anna := give(t, db, says("anna@example.com", "analytics", true))[0].Subject
			ben := give(t, db, says("ben@example.com", "analytics", true), says("ben@example.com", "analytics", false))[0].Subject
			var known sync.Map // acknowledged, until the backup began
			var began, done atomic.Bool
			var all sync.WaitGroup
			enough := make(chan struct{}, 200)
			ledger := db.Consents() // of the store as it is before the backup, which may close it
			for i := range 4 {
				all.Go(func() {
					for n := 0; !done.Load(); n++ {
						o, err := ledger.Append(ctx, tenant, "", []consent.Entry{says(fmt.Sprintf("p%d@example.com", i), "research", n%2 == 0)})
						if err != nil { // it was closed
							return
						}
						if !began.Load() {
							known.Store(o[0].Record, true)
						}
						select {
						case enough <- struct{}{}:
						default:
						}
					}
				})
			}
			for range cap(enough) {
				<-enough
			}
			began.Store(true)
			address := backup(t, db)
			done.Store(true)
			all.Wait()

			restored := storetest.Open(t, address)
			sound(t, restored)
			verify(t, restored, int64(records(t, restored)))
			there, err := restored.Consents().Records(ctx, tenant, 0, 1_000_000)
			must(t, err)
			for _, r := range there {
				known.Delete(r.ID)
			}
			known.Range(func(any, any) bool { t.Error("an acknowledged record is not in the backup"); return true })
			g := gate(t, restored, time.Now())
			if yes, no := g.Allowed(ctx, anna, "analytics"), g.Allowed(ctx, ben, "analytics"); !yes.Allowed || no.Reason != consent.WasWithdrawn {
				t.Errorf("the gate says %v and %v", yes, no)
			}
			give(t, restored, says("anna@example.com", "analytics", false)) // life goes on
			sound(t, restored)
		})
	}
}

// Whoever remembers a checkpoint finds out that an older copy took the place
// of the database, also when it has grown since.
func TestAnOlderCopyIsFoundOut(t *testing.T) { // R7, R8
	t.Parallel()
	for name, backup := range backups {
		t.Run(name, func(t *testing.T) {
			db := opened(t, name)
			give(t, db, says("anna@example.com", "analytics", true))
			before, err := db.Audit().Checkpoint(ctx, tenant)
			must(t, err)
			older := storetest.Open(t, backup(t, db))
			give(t, db, says("anna@example.com", "analytics", false))
			after, err := db.Audit().Checkpoint(ctx, tenant)
			must(t, err)
			for range 2 {
				var export bytes.Buffer
				must(t, older.Audit().Export(ctx, tenant, &export))
				if _, err := audit.Verify(bytes.NewReader(export.Bytes()), audit.Options{Remembered: before}); err != nil {
					t.Errorf("from before the backup: %v", err)
				}
				var found *audit.Finding
				if _, err := audit.Verify(&export, audit.Options{Remembered: after}); !errors.As(err, &found) {
					t.Errorf("from after the backup: %v", err)
				}
				give(t, older, says("ben@example.com", "analytics", true), says("ben@example.com", "research", true))
			}
		})
	}
}

// opened gives an empty database of the kind that the name of a backup says.
func opened(t *testing.T, name string) *storetest.Database {
	t.Helper()
	if strings.HasPrefix(name, "sqlite") {
		return storetest.SQLite(t)
	}
	return storetest.Postgres(t)
}
