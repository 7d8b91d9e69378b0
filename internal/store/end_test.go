package store_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"volenti.dev/volenti/internal/store/storetest"
	"volenti.dev/volenti/request"
)

// endings are the ways into each terminal status.
var endings = map[request.Status]func(t *testing.T, db *storetest.Database, id string){
	request.Denied:              apply(request.Deny),
	request.Canceled:            apply(request.Cancel),
	request.Complete:            finish(request.Finish),
	request.CompleteWithResidue: finish(request.Leave),
}

func apply(e request.Event) func(*testing.T, *storetest.Database, string) {
	return func(t *testing.T, db *storetest.Database, id string) {
		must(t, db.Requests().Apply(ctx, tenant, id, e, entry("request.end")))
	}
}

func finish(e request.Event) func(*testing.T, *storetest.Database, string) {
	return func(t *testing.T, db *storetest.Database, id string) {
		apply(request.Approve)(t, db, id)
		l := claim(t, db, id, owner)
		key, err := db.Keys().RequestKey(ctx, tenant, id)
		must(t, err)
		must(t, db.Work().Begin(ctx, l, request.Progress{Address: people, Action: request.Access}))
		must(t, db.Work().Chunk(ctx, l, request.Chunk{Address: people, N: 0, Rows: 1, Sealed: key.Seal([]byte(canary), nil)}))
		must(t, db.Requests().Move(ctx, l, request.Turn{Event: e}, entry("request.end")))
	}
}

func TestEndedRequestLosesItsKeyAndAllThatItSealed(t *testing.T) { // X16
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		for want, end := range endings {
			id := create(t, db)
			end(t, db, id)
			r, err := db.Requests().Get(ctx, tenant, id)
			must(t, err)
			if r.Status != want || r.Ended.IsZero() || r.Step != "" {
				t.Errorf("%s: ended %+v", want, r)
			}
			if _, err := db.Keys().RequestKey(ctx, tenant, id); !errors.Is(err, request.ErrDestroyed) {
				t.Errorf("%s: its key: %v", want, err)
			}
			identities, err := db.Requests().Identities(ctx, tenant, id)
			must(t, err)
			if len(identities) != 1 || identities[0].Sealed != nil || identities[0].Digest == "" {
				t.Errorf("%s: identities %+v", want, identities)
			}
		}
		var left int
		must(t, db.Raw(t).QueryRow(`SELECT (SELECT COUNT(*) FROM keys) + (SELECT COUNT(*) FROM request_chunks)`).Scan(&left))
		if left != 0 {
			t.Errorf("%d keys and chunks are left", left)
		}
		dump := db.Dump(t)
		if bytes.Contains(dump, []byte(canary)) || !bytes.Contains(dump, []byte("request.end")) {
			t.Error("the canary is in the dump, or the dump is empty")
		}
	})
}

// The bytes of a destroyed key must not linger in free pages or in the log.
func TestDestroyedKeyIsGoneFromTheFiles(t *testing.T) {
	t.Parallel()
	db := storetest.SQLite(t)
	id := create(t, db)
	var wrapped []byte
	must(t, db.Raw(t).QueryRow(`SELECT wrapped FROM keys`).Scan(&wrapped))
	holds := func() (holding bool) {
		for _, file := range files(t, db) {
			// Not opened here: that would drop SQLite's locks in this process.
			content := readElsewhere(t, file)
			holding = holding || bytes.Contains(content, wrapped)
		}
		return holding
	}
	if !holds() {
		t.Fatal("the key was not found while it existed")
	}
	must(t, db.Requests().Apply(ctx, tenant, id, request.Deny, entry("request.deny")))
	if holds() {
		t.Error("the destroyed key is still in a file")
	}
}

func files(t *testing.T, db *storetest.Database) []string {
	t.Helper()
	all, err := filepath.Glob(strings.TrimPrefix(db.Config.URL, "sqlite:") + "*")
	must(t, err)
	for _, f := range all {
		if info, err := os.Stat(f); err != nil || info.Mode().Perm()&0o077 != 0 {
			t.Errorf("others may read %s: %v", filepath.Base(f), info.Mode())
		}
	}
	return all
}
