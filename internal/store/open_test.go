package store_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"volenti.dev/volenti/internal/seal"
	"volenti.dev/volenti/internal/store"
	"volenti.dev/volenti/internal/store/storetest"
)

func TestNewerSchemaIsRefused(t *testing.T) { // R8
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		must(t, db.Close())
		_, err := db.Raw(t).Exec(`INSERT INTO goose_db_version (version_id, is_applied) VALUES (999, $1)`, true)
		must(t, err)
		before := db.Dump(t)
		if _, err := store.Open(ctx, db.Config); !errors.Is(err, store.ErrNewer) || !strings.Contains(err.Error(), "999") {
			t.Errorf("opened: %v", err)
		}
		if !bytes.Equal(before, db.Dump(t)) {
			t.Error("something changed")
		}
	})
}

func TestWrongMasterKeyIsRefused(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		must(t, db.Close())
		wrong := db.Config
		var err error
		wrong.Master, err = seal.ParseMaster(base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{8}, 32)))
		must(t, err)
		if _, err := store.Open(ctx, wrong); !errors.Is(err, seal.ErrSealed) {
			t.Errorf("opened: %v", err)
		}
		db.Reopen(t) // and the lock was given back
	})
}

func TestSecondNameOfAnEmbeddedDatabaseIsTheSameDatabase(t *testing.T) {
	t.Parallel()
	db := storetest.SQLite(t)
	path := strings.TrimPrefix(db.Config.URL, "sqlite:")
	link := filepath.Join(filepath.Dir(path), "link.db")
	must(t, os.Symlink(path, link))
	second := db.Config
	second.URL = "sqlite:" + link
	if _, err := store.Open(ctx, second); !errors.Is(err, store.ErrInUse) {
		t.Errorf("opened: %v", err)
	}
}

func TestPathWithOddCharactersIsAPath(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "a b?mode=memory#%41.db")
	storetest.Open(t, "sqlite:"+path)
	if info, err := os.Stat(path); err != nil || info.Size() == 0 {
		t.Errorf("the database is elsewhere: %v", err)
	}
}

func TestUnusableAddressIsRefusedWithoutItsPassword(t *testing.T) {
	t.Parallel()
	for _, url := range []string{"", "sqlite:", "mysql://x:secret@h/d", "postgres://x:secret@h:port/d", "postgres://x:secret@127.0.0.1:1/d"} {
		_, err := store.Open(ctx, store.Config{URL: url, Master: storetest.Master()})
		if err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", url, err)
		}
	}
}

func TestNodesThatStartTogetherAgree(t *testing.T) {
	t.Parallel()
	first := storetest.Postgres(t)
	for _, table := range append(first.Tables(t), "refuse_change") { // as new
		kind := "TABLE"
		if table == "refuse_change" {
			kind = "FUNCTION"
		}
		_, err := first.Raw(t).Exec("DROP " + kind + " " + table + " CASCADE")
		must(t, err)
	}
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			db, err := store.Open(ctx, first.Config)
			if err != nil {
				t.Error(err)
				return
			}
			if err := db.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	first.Reopen(t)
	if n := records(t, first); n != 1 {
		t.Errorf("%d records of one new tenant", n)
	}
}

func TestBothDatabasesHaveTheSameTables(t *testing.T) {
	t.Parallel()
	shape := func(db *storetest.Database, columns string) (shape []string) {
		for _, table := range db.Tables(t) {
			if table == "goose_db_version" {
				continue
			}
			rows, err := db.Raw(t).Query(columns, table)
			must(t, err)
			for rows.Next() {
				var column string
				must(t, rows.Scan(&column))
				shape = append(shape, table+"."+column)
			}
			must(t, rows.Err())
		}
		return shape
	}
	embedded := shape(storetest.SQLite(t), `SELECT name || ' ' || "notnull" FROM pragma_table_info($1) ORDER BY cid`)
	server := shape(storetest.Postgres(t), `SELECT column_name || ' ' || CASE is_nullable WHEN 'NO' THEN 1 ELSE 0 END
		FROM information_schema.columns WHERE table_name = $1 ORDER BY ordinal_position`)
	if diff := cmp.Diff(embedded, server); diff != "" {
		t.Error(diff)
	}
}
