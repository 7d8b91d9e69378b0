package store_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"volenti.dev/volenti/internal/pgtest"
	"volenti.dev/volenti/internal/store"
	"volenti.dev/volenti/internal/store/storetest"
)

// Before schema 4 each grant of a person was queued in a row of its own.
func TestTheQueueOfAnEarlierVersionIsTakenOver(t *testing.T) { // A18
	t.Parallel()
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

// A request that was under way goes on after the update, with all that it has
// found and done.
func TestRequestOfAnEarlierVersionIsInItsFirstRound(t *testing.T) { // X17, X24
	t.Parallel()
	for name, url := range map[string]func() string{
		"sqlite":   func() string { return "sqlite:" + t.TempDir() + "/volenti.db" },
		"postgres": func() string { return pgtest.URL(t) },
	} {
		t.Run(name, func(t *testing.T) {
			db := &storetest.Database{Config: store.Config{URL: url(), Master: storetest.Master()}}
			must(t, store.MigrateTo(ctx, db.Config.URL, 7))
			raw := db.Raw(t)
			for _, statement := range []string{
				`INSERT INTO requests (tenant, id, policy, status, step, plan_hash, plan, max_rows, message, identities, lease_owner, lease_until, fence, created, ended)
					VALUES ('default', 'r', 'p', 'in_processing', 'erasure', 'h', '', 0, '', 'd', '', 0, 1, 5, 0)`,
				`INSERT INTO request_progress (tenant, request, address, action, status, attempt, position, intent, rows_read, rows_matched, rows_masked, rows_already, rows_failed, rows_residue, message, started, ended)
					VALUES ('default', 'r', 'a', 'erasure', 'running', 2, 3, 4, 5, 6, 7, 8, 9, 10, 'm', 11, 12)`,
				`INSERT INTO request_chunks (tenant, request, address, n, rows, sealed) VALUES ('default', 'r', 'a', 0, 1, 'x')`,
				`INSERT INTO request_log (tenant, request, seq, at, address, action, status, attempt, message, rows) VALUES
					('default', 'r', 1, 1, 'a', 'access', 'complete', 1, '', 5), ('default', 'r', 2, 2, 'a', 'erasure', 'running', 1, '', 7)`,
			} {
				if !db.Embedded() {
					statement = strings.ReplaceAll(statement, `, '', 0, '', 'd'`, `, ''::bytea, 0, '', 'd'`)
				} else {
					statement = strings.NewReplacer(`'h', ''`, `'h', x''`, `1, 'x')`, `1, x'78')`).Replace(statement)
				}
				_, err := raw.Exec(statement)
				must(t, err)
			}
			must(t, raw.Close())
			must(t, store.MigrateTo(ctx, db.Config.URL, 8))
			var got []string
			for _, query := range []string{
				`SELECT round || ' ' || step FROM requests`,
				`SELECT round || ' ' || address || ' ' || status || ' ' || attempt || position || intent || rows_read || rows_matched || rows_masked || rows_already || rows_failed || rows_residue || message || started || ended FROM request_progress`,
				`SELECT round || ' ' || address || ' ' || n || ' ' || rows || ' ' || length(sealed) FROM request_chunks`,
				`SELECT round || ' ' || seq || ' ' || rows FROM request_log WHERE seq = 2`,
			} {
				var line string
				must(t, db.Raw(t).QueryRow(query).Scan(&line))
				got = append(got, line)
			}
			if diff := cmp.Diff([]string{"1 erasure", "1 a running 2345678910m1112", "1 a 0 1 1", "1 2 7"}, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}
