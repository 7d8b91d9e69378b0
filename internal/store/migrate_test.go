package store_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"volenti.dev/volenti/internal/pgtest"
	"volenti.dev/volenti/internal/store"
	"volenti.dev/volenti/internal/store/storetest"
)

// Before schema 4 each grant of a person was queued in a row of its own.
func TestTheQueueOfAnEarlierVersionIsTakenOver(t *testing.T) { // A18
	for name, url := range map[string]func() string{
		"sqlite":   func() string { return "sqlite:" + t.TempDir() + "/volenti.db" },
		"postgres": func() string { return pgtest.URL(t) },
	} {
		t.Run(name, func(t *testing.T) {
			db := &storetest.Database{Config: store.Config{URL: url()}}
			must(t, store.MigrateTo(ctx, db.Config.URL, 3))
			raw := db.Raw(t)
			run := func(statement string, args ...any) {
				_, err := raw.Exec(statement, args...)
				must(t, err)
			}
			for i, rules := range []string{`{"stamp":0}`, `{"stamp":1,"eras":{}}`, `{"stamp":2,"eras":{"ads":[{"version":"v 1"},{"version":"v2"}],"research":[{"version":"v2"}]}}`} {
				run(`INSERT INTO consent_rules (tenant, stamp, at, document) VALUES ('default', $1, 0, $2)`, i, []byte(rules))
			}
			run(`INSERT INTO consent_rules (tenant, stamp, at, document) VALUES ('other', 1, 0, $1)`, []byte(`{"stamp":1}`))
			run(`INSERT INTO consent_renewals (tenant, subject, purpose, era, notice, seq, answered) VALUES
				('default', 'a', 'ads', 1, '', 1, 9), ('default', 'a', 'ads', 2, '', 1, -1), ('default', 'a', 'research', 1, '', 2, -1), ('default', 'b', 'research', 1, '', 3, -1)`)
			run(`INSERT INTO consent_walks (tenant, walk, subject, done) VALUES ('default', 'renew/2', 'b', 1)`)
			must(t, raw.Close())
			must(t, store.MigrateTo(ctx, db.Config.URL, 4))
			rows, err := db.Raw(t).Query(`SELECT version || '/' || subject || '/' || purposes FROM consent_queue ORDER BY 1`)
			must(t, err)
			defer rows.Close()
			var got []string
			for rows.Next() {
				var row string
				must(t, rows.Scan(&row))
				got = append(got, row)
			}
			must(t, rows.Err())
			if diff := cmp.Diff([]string{"v 1/a/ads", "v2/a/ads research", "v2/b/research"}, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}
