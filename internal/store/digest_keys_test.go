package store_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"testing"
	"time"

	"volenti.dev/volenti/audit"
	"volenti.dev/volenti/consent"
	"volenti.dev/volenti/internal/store"
	"volenti.dev/volenti/internal/store/storetest"
)

// childRotates makes the child process of child_test.go rotate the digest
// key, a subject at a time. It prints a line after each.
const childRotates = "STORE_TEST_CHILD_ROTATES"

func rotateSlowly(db *store.DB) error {
	if err := db.Keys().BeginRotation(ctx, tenant, entry("digest_key.rotate")); err != nil {
		return err
	}
	for {
		_, done, err := db.Keys().Redigest(ctx, tenant, 1)
		if done || err != nil {
			return err
		}
		fmt.Println("moved")
		<-time.After(10 * time.Millisecond) // to be killed
	}
}

func mail(i int) string { return fmt.Sprintf("p%d@example.com", i) }

// known checks that people are found, by reads and by choices.
func known(t *testing.T, db *store.DB, people []consent.SubjectID) {
	t.Helper()
	for i, want := range people {
		if id, err := db.Consents().Find(ctx, tenant, person(mail(i))[0]); err != nil || id != want {
			t.Fatalf("person %d is %v, %v; want %v", i, id, err, want)
		}
		o, err := db.Consents().Append(ctx, tenant, "", []consent.Entry{says(mail(i), "research", true)})
		if err != nil || o[0].Subject != want {
			t.Fatalf("the choice of person %d is that of %+v, %v; want %v", i, o, err, want)
		}
	}
}

func TestAKilledRotationOfTheDigestKeyGoesOn(t *testing.T) { // A31
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		var people []consent.SubjectID
		for i := range 30 {
			people = append(people, give(t, db, says(mail(i), "analytics", true))[0].Subject)
		}
		asked := []consent.Entry{says(mail(0), "ads", true)}
		asked[0].Purpose = "marketing_email"
		first, err := db.Consents().Append(ctx, tenant, "key", asked)
		must(t, err)
		gone := give(t, db, says("gone@example.com", "analytics", true))[0].Subject
		must(t, db.Consents().EraseSubject(ctx, tenant, gone, entry("subject.erase")))
		keys, err := db.Tenant(ctx, tenant)
		must(t, err)
		must(t, db.Close())

		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), childVariable+"="+db.Config.URL, childRotates+"=1")
		out, err := cmd.StdoutPipe()
		must(t, err)
		must(t, cmd.Start())
		moved := 0
		for lines := bufio.NewScanner(out); moved < 10 && lines.Scan() && lines.Text() == "moved"; {
			moved++
		}
		must(t, cmd.Process.Kill())
		_ = cmd.Wait()
		if moved < 10 {
			t.Fatalf("killed after %d subjects", moved)
		}

		db.Reopen(t)
		known(t, db.DB, people) // some under the new key, some under the former
		people = append(people, give(t, db, says(mail(len(people)), "analytics", true))[0].Subject)
		var left int64
		must(t, db.Keys().RotateDigests(ctx, tenant, entry("digest_key.rotate"), func(n int64) { left += n }))
		if left == 0 || left > 20 {
			t.Errorf("%d identities were left", left)
		}
		known(t, db.DB, people)
		again, err := db.Consents().Append(ctx, tenant, "key", asked)
		if err != nil || again[0].Record != first[0].Record {
			t.Errorf("the same key again: %+v, %v", again, err)
		}
		now, err := db.Tenant(ctx, tenant)
		must(t, err)
		if len(now.DigestKeys()) != 1 || now.DigestKeyNumber() != 2 || bytes.Equal(now.DigestKey(), keys.DigestKey()) {
			t.Errorf("key %d of %d", now.DigestKeyNumber(), len(now.DigestKeys()))
		}
		dump := db.Dump(t)
		for i := range people {
			if bytes.Contains(dump, []byte(person(mail(i))[0].Digest(keys.DigestKey()))) {
				t.Errorf("the former digest of person %d is still there", i)
			}
		}
		rotated := 0
		all, err := db.Audit().Records(ctx, tenant, 0, 1000)
		must(t, err)
		for _, r := range all {
			if r.Act == "digest_key.rotate" || r.Act == "digest_key.retire" {
				rotated++
			}
		}
		if _, done, err := db.Keys().Redigest(ctx, tenant, 1); rotated != 2 || !done || err != nil {
			t.Errorf("%d entries; once more: %v, %v", rotated, done, err)
		}
		sound(t, db)
	})
}

// Two processes have the same database: one rotates, the other has the keys
// of before in memory.
func TestAnotherProcessNoticesThatTheDigestKeyWasRotated(t *testing.T) { // A31
	t.Parallel()
	db := storetest.Postgres(t)
	var people []consent.SubjectID
	for i := range 6 {
		people = append(people, give(t, db, says(mail(i), "analytics", true))[0].Subject)
	}
	open := func() *store.DB {
		other, err := store.Open(ctx, db.Config)
		must(t, err)
		t.Cleanup(func() { _ = other.Close() })
		known(t, other, people)
		return other
	}
	// Each meets the change at another moment, and by another way.
	reads, writes, early := open(), open(), open()
	entry := audit.Entry{Act: "digest_key.rotate", Object: "tenant/" + tenant}
	must(t, db.Keys().BeginRotation(ctx, tenant, entry))
	_, _, err := db.Keys().Redigest(ctx, tenant, 3)
	must(t, err)
	known(t, early, people)
	must(t, db.Keys().RotateDigests(ctx, tenant, entry, func(int64) {}))
	o, err := writes.Consents().Append(ctx, tenant, "", []consent.Entry{says("new@example.com", "analytics", true)})
	must(t, err)
	for _, one := range []*store.DB{db.DB, reads, early, writes} {
		if id, err := one.Consents().Find(ctx, tenant, person("new@example.com")[0]); err != nil || id != o[0].Subject {
			t.Errorf("who came to another process is %v, %v", id, err)
		}
		known(t, one, people)
		if _, err := one.Consents().Find(ctx, tenant, person("nobody@example.com")[0]); !errors.Is(err, consent.ErrNotFound) {
			t.Error(err)
		}
	}
}

func TestARotationThatIsStoppedSaysSo(t *testing.T) {
	t.Parallel()
	db := storetest.SQLite(t)
	for i := range 60 {
		give(t, db, says(mail(i), "analytics", true))
	}
	stopped, stop := context.WithCancel(ctx)
	err := db.Keys().RotateDigests(stopped, tenant, entry("digest_key.rotate"), func(int64) { stop() })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	if keys, err := db.Tenant(ctx, tenant); err != nil || len(keys.DigestKeys()) != 2 {
		t.Errorf("keys %v, %v", keys, err)
	}
}
