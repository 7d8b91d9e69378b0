package store_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"volenti.dev/volenti/consent"
	"volenti.dev/volenti/internal/store/storetest"
)

// asking answers checks from the database.
type asking struct{ db *storetest.Database }

func (a asking) Check(ctx context.Context, tenant string, id consent.SubjectID, purpose string, now time.Time) (consent.Decision, error) {
	return a.db.Consents().Ask(ctx, tenant, id, purpose, now)
}

// kill goes over to the files as a killed process would leave them.
func kill(t testing.TB, db *storetest.Database) {
	t.Helper()
	to := copied(t, db)
	must(t, db.Close())
	db.Config.URL = "sqlite:" + filepath.Join(to, "volenti.db")
	db.Reopen(t)
}

// copied gives a folder with copies of the files of an embedded database.
func copied(t testing.TB, db *storetest.Database) string {
	t.Helper()
	to := filepath.Join(t.TempDir(), numbered("copy"))
	must(t, os.CopyFS(to, os.DirFS(filepath.Dir(path(db)))))
	return to
}

func path(db *storetest.Database) string { return strings.TrimPrefix(db.Config.URL, "sqlite:") }

// snapshots lists the files beside an embedded database that hold states.
func snapshots(t testing.TB, db *storetest.Database) []string {
	t.Helper()
	files, err := filepath.Glob(path(db) + ".checks-*")
	must(t, err)
	return files
}

// Whatever was chosen and erased, and whenever the states were saved: after a
// start checks answer as the records say.
func TestAStartFromASnapshotAnswersAsTheRecordsDo(t *testing.T) { // F5, A27
	t.Parallel()
	db, trouble := watched(t)
	g := loaded(t, db)
	people := map[string]consent.SubjectID{}
	var erased []consent.SubjectID
	starts := 0
	rapid.Check(t, func(r *rapid.T) {
		for range rapid.IntRange(1, 8).Draw(r, "steps") {
			mail := fmt.Sprintf("p%d@example.com", rapid.IntRange(0, 4).Draw(r, "person"))
			purpose := rapid.SampledFrom([]string{"analytics", "research"}).Draw(r, "purpose")
			switch step := rapid.SampledFrom([]string{"yes", "yes", "no", "no", "erase", "save", "publish", "kill", "close"}).Draw(r, "step"); step {
			case "yes", "no":
				people[mail] = give(t, db, says(mail, purpose, step == "yes"))[0].Subject
			case "erase":
				if id, ok := people[mail]; ok {
					must(t, db.Consents().EraseSubject(ctx, tenant, id, entry("subject.erase")))
					erased = append(erased, id)
					delete(people, mail)
				}
			case "save":
				must(t, db.Consents().SaveChecks(ctx))
			case "publish":
				publish(t, db, version(numbered("v"), rapid.Bool().Draw(r, "material"), "analytics"))
			default:
				if step == "kill" {
					kill(t, db)
				} else {
					db.Reopen(t)
				}
				g = loaded(t, db)
				starts++
			}
			asked := &consent.Gate{Tenant: tenant, States: asking{db}, Now: time.Now}
			for _, id := range people {
				for _, p := range []string{"analytics", "research", "personalization"} {
					if got, want := g.Allowed(ctx, id, p), asked.Allowed(ctx, id, p); got != want {
						r.Fatalf("%v from memory, %v in the database", got, want)
					}
				}
			}
			for _, id := range erased {
				if got := g.Allowed(ctx, id, "analytics"); got.Reason != consent.Absent {
					r.Fatalf("somebody who was erased: %v", got)
				}
			}
		}
	})
	sound(t, db)
	must(t, db.Close())
	if len(trouble) > 0 {
		t.Errorf("a snapshot was not taken: %v", <-trouble)
	}
	if starts < 20 || len(erased) < 10 {
		t.Errorf("only %d starts, %d erased", starts, len(erased))
	}
}

// A snapshot that is not of this log, or not as it was written, is passed
// over, and all is read from the database.
func TestASnapshotThatIsNotOfThisLogIsPassedOver(t *testing.T) { // F5, A27
	t.Parallel()
	for name, spoil := range map[string]func(t *testing.T, db *storetest.Database, anna consent.SubjectID, file string, snapshot []byte){
		"changed": func(t *testing.T, _ *storetest.Database, anna consent.SubjectID, file string, snapshot []byte) {
			states := snapshot[bytes.Index(snapshot, anna[:])+len(anna):]
			copy(states[4:8], states[:4]) // what she said about one purpose, also about the next
			must(t, os.WriteFile(file, snapshot, 0o600))
		},
		"cut": func(t *testing.T, _ *storetest.Database, _ consent.SubjectID, file string, snapshot []byte) {
			must(t, os.WriteFile(file, snapshot[:len(snapshot)-1], 0o600))
		},
		"empty": func(t *testing.T, _ *storetest.Database, _ consent.SubjectID, file string, _ []byte) {
			must(t, os.WriteFile(file, nil, 0o600))
		},
		"of another tenant": func(t *testing.T, db *storetest.Database, _ consent.SubjectID, file string, _ []byte) { // SE14
			must(t, db.CreateTenant(ctx, "other"))
			checks, err := db.Consents().Checks(ctx, "other")
			must(t, err)
			<-checks.Loaded()
			must(t, db.Close())
			for _, other := range snapshots(t, db) {
				if other != file {
					must(t, os.Rename(other, file))
				}
			}
		},
		"of other purposes": func(t *testing.T, db *storetest.Database, _ consent.SubjectID, file string, snapshot []byte) {
			must(t, db.Consents().Configure(ctx, tenant, []consent.Purpose{{Key: "research"}, {Key: "analytics"}}, nil, entry("purposes.set")))
			must(t, db.Close())
			must(t, os.WriteFile(file, snapshot, 0o600))
		},
	} {
		t.Run(name, func(t *testing.T) {
			db, trouble := watched(t)
			anna := give(t, db, says("anna@example.com", "analytics", true))[0].Subject
			loaded(t, db)
			db.Reopen(t)
			files := snapshots(t, db)
			if len(files) != 1 || len(trouble) > 0 {
				t.Fatalf("files %v, %d troubles", files, len(trouble))
			}
			if info, err := os.Stat(files[0]); err != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("mode %v, %v", info.Mode(), err)
			}
			snapshot, err := os.ReadFile(files[0])
			must(t, err)
			spoil(t, db, anna, files[0], snapshot)
			db.Reopen(t)
			g := loaded(t, db)
			if d := g.Allowed(ctx, anna, "analytics"); !d.Allowed {
				t.Errorf("decision %v", d)
			}
			if d := g.Allowed(ctx, anna, "marketing_email"); d.Allowed {
				t.Errorf("decision %v about what she was not asked", d)
			}
			select {
			case err := <-trouble:
				if !strings.Contains(err.Error(), "not those of this database or were damaged") {
					t.Error(err)
				}
			default:
				t.Error("nobody is told that the snapshot was passed over")
			}
		})
	}
}

// An older copy of the database with a newer snapshot beside it: what the
// snapshot says was never said to this database. Neither is it believed when
// the copy has grown beyond it.
func TestASnapshotOfALogThatWasRolledBackIsPassedOver(t *testing.T) { // A27
	t.Parallel()
	for _, more := range []int{0, 10} {
		db, trouble := watched(t)
		anna := give(t, db, says("anna@example.com", "analytics", false))[0].Subject
		must(t, db.Close())
		older := copied(t, db)
		db.Reopen(t)
		loaded(t, db)
		give(t, db, says("anna@example.com", "analytics", true))
		must(t, db.Close())
		for _, file := range snapshots(t, db) {
			must(t, os.Rename(file, filepath.Join(older, filepath.Base(file))))
		}
		db.Config.URL = "sqlite:" + filepath.Join(older, "volenti.db")
		db.Reopen(t)
		for i := range more {
			give(t, db, says(fmt.Sprintf("p%d@example.com", i), "analytics", true))
		}
		if d := loaded(t, db).Allowed(ctx, anna, "analytics"); d.Reason != consent.WasRefused {
			t.Errorf("after %d more: %v", more, d)
		}
		must(t, db.Close())
		if len(trouble) == 0 {
			t.Error("nobody is told that the snapshot was passed over")
		}
	}
}
