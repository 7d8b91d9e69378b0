package store_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"volenti.dev/volenti/audit"
	"volenti.dev/volenti/consent"
	"volenti.dev/volenti/internal/store/storetest"
)

// unguard lets raw statements change append-only tables.
func unguard(t *testing.T, db *storetest.Database) {
	t.Helper()
	for _, table := range []string{"consent_records", "audit_hashes"} {
		statements := []string{`ALTER TABLE ` + table + ` DISABLE TRIGGER ALL`}
		if db.Embedded() {
			statements = []string{`DROP TRIGGER ` + table + `_update`, `DROP TRIGGER ` + table + `_delete`}
		}
		for _, s := range statements {
			_, err := db.Raw(t).Exec(s)
			must(t, err)
		}
	}
}

// finding is what a verifier says of the log; nil when it verifies.
func finding(t *testing.T, db *storetest.Database) *audit.Finding {
	t.Helper()
	var export bytes.Buffer
	must(t, db.Audit().Export(ctx, tenant, &export))
	_, err := audit.Verify(&export, audit.Options{})
	var f *audit.Finding
	if err != nil && !errors.As(err, &f) {
		t.Fatal(err)
	}
	return f
}

func TestAConsentRecordThatWasChangedBehindOurBackIsFound(t *testing.T) { // A1, R7
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		publish(t, db, version("1", false))
		e := says("anna@example.com", "analytics", true)
		e.Language = "en"
		o := give(t, db, says("ben@example.com", "research", false), e, says("ben@example.com", "analytics", false))
		if f := finding(t, db); f != nil {
			t.Fatal(f)
		}
		unguard(t, db)
		raw := db.Raw(t)
		const line = 5 // of Anna's record: header, tenant, notice, Ben's
		for column, c := range map[string]struct {
			value string
			line  int // where it is found; those of the leaf itself change the root
		}{
			"id": {`'x'`, line}, "purpose": {`'research'`, line}, "given": {`given + 1`, line}, "notice": {`'2'`, line}, "digest": {`''`, line},
			"language": {`'de'`, line}, "legal_basis": {`'contract'`, line}, "source": {`'api'`, line}, "supersedes": {`0`, line}, "trace": {`'00'`, line}, "facts": {`'00'`, line},
			"commitment": {`trace`, line}, "salt": {fmt.Sprintf("(SELECT o.salt FROM consent_records o WHERE o.seq = %d)", o[0].Sequence), line},
			"at": {`at + 1`, 6}, "choice": {`'refused'`, 6}, "subject": {`'` + o[0].Subject.String() + `'`, 6},
		} {
			for _, s := range []string{
				`CREATE TABLE kept AS SELECT * FROM consent_records`,
				fmt.Sprintf(`UPDATE consent_records SET %s = %s WHERE seq = %d`, column, c.value, o[1].Sequence),
			} {
				_, err := raw.Exec(s)
				must(t, err)
			}
			if f := finding(t, db); f == nil || f.Line != c.line {
				t.Errorf("%s: found %v, want line %d", column, f, c.line)
			}
			for _, s := range []string{
				fmt.Sprintf(`UPDATE consent_records SET %s = (SELECT k.%s FROM kept k WHERE k.seq = consent_records.seq)`, column, column),
				`DROP TABLE kept`,
			} {
				_, err := raw.Exec(s)
				must(t, err)
			}
		}
		if f := finding(t, db); f != nil {
			t.Fatalf("as it was, it does not verify: %v", f)
		}
		_, err := raw.Exec(fmt.Sprintf(`DELETE FROM consent_records WHERE seq = %d`, o[1].Sequence))
		must(t, err)
		if f := finding(t, db); f == nil || f.Line != line || !strings.Contains(f.Text, "missing") {
			t.Errorf("a record that was deleted: found %v", f)
		}
	})
}

// proven fails unless each consent record has a receipt that verifies.
func proven(t *testing.T, db *storetest.Database, want int) {
	t.Helper()
	records, err := db.Consents().Records(ctx, tenant, 0, 10_000)
	must(t, err)
	if len(records) != want {
		t.Errorf("%d records, want %d", len(records), want)
	}
	for _, r := range records {
		evidence, err := db.Consents().Evidence(ctx, tenant, r.Sequence)
		must(t, err)
		text, err := evidence.Receipt()
		must(t, err)
		if v, err := consent.VerifyReceipt(text, evidence.Key); err != nil || v.Record != r {
			t.Errorf("record %d: %+v, %v", r.Sequence, v, err)
		}
	}
}

func TestEveryRecordHasAProofHoweverItWasGrouped(t *testing.T) { // A32
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		total := 0
		for group, n := range []int{1, 2, 45, 1, 16, 3} { // 45 records have more nodes than fit in a row
			var entries []consent.Entry
			for i := range n {
				entries = append(entries, says(fmt.Sprintf("p%d.%d@example.com", group, i), "analytics", true))
			}
			give(t, db, entries...)
			must(t, db.Audit().Append(ctx, tenant, entry("test.act")))
			total += n
		}
		proven(t, db, total)
		sound(t, db)
	})
}

// What an earlier version wrote: a record's leaf in audit_leaves, its details
// in audit_details, each node of the tree in a row, and no edge.
func TestRecordsOfAnEarlierVersionKeepTheirProof(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		anna := give(t, db, says("anna@example.com", "analytics", true))[0]
		unguard(t, db)
		raw := db.Raw(t)
		for range 3 {
			all, err := db.Audit().Records(ctx, tenant, 0, 1000)
			must(t, err)
			history, err := db.Consents().History(ctx, tenant, anna.Subject)
			must(t, err)
			last := history[len(history)-1]
			old := consent.Record{
				ID: fmt.Sprintf("0198c0de-0000-7000-8000-%012d", len(all)), Sequence: int64(len(all)), Subject: anna.Subject, Purpose: "analytics",
				Choice: consent.Granted, LegalBasis: "consent", Source: consent.API, Supersedes: last.Sequence, Given: time.Now().UTC().Truncate(time.Second),
			}
			must(t, db.Audit().Append(ctx, tenant, audit.Entry{Act: "consent.granted", Object: "subject/" + anna.Subject.String(), Details: map[string]any{
				"id": old.ID, "purpose": old.Purpose, "given_at": old.Given, "notice": "", "notice_digest": "", "language": "",
				"legal_basis": old.LegalBasis, "source": old.Source, "supersedes": old.Supersedes, "trace": "",
			}}))
			_, err = raw.Exec(`INSERT INTO consent_records (tenant, seq, id, subject, purpose, choice, at, given, notice, digest, language, legal_basis, source, supersedes, trace)
				SELECT tenant, seq, $1, $2, 'analytics', 'granted', at, $3, '', '', '', 'consent', 'api', $4, '' FROM audit_leaves WHERE seq = $5`,
				old.ID, old.Subject.String(), old.Given.UnixMicro(), old.Supersedes, old.Sequence)
			must(t, err)
			_, err = raw.Exec(`UPDATE consent_state SET seq = $1, record = $2, given = $3`, old.Sequence, old.ID, old.Given.UnixMicro())
			must(t, err)
			single(t, db)
		}
		sound(t, db)
		proven(t, db, 4)
		db.Reopen(t)
		give(t, db, says("anna@example.com", "analytics", false), says("ben@example.com", "analytics", true))
		sound(t, db)
		proven(t, db, 6)
		verify(t, db, int64(records(t, db)))
	})
}

// single gives each node of the tree a row of its own, and drops the edge.
func single(t *testing.T, db *storetest.Database) {
	t.Helper()
	raw := db.Raw(t)
	nodes := map[int64][]byte{}
	rows, err := raw.Query(`SELECT idx, hash FROM audit_hashes`)
	must(t, err)
	for rows.Next() {
		var index int64
		var b []byte
		must(t, rows.Scan(&index, &b))
		for i := range len(b) / tlog.HashSize {
			nodes[index+int64(i)] = b[i*tlog.HashSize : (i+1)*tlog.HashSize]
		}
	}
	must(t, errors.Join(rows.Err(), rows.Close()))
	_, err = raw.Exec(`DELETE FROM audit_hashes`)
	must(t, err)
	for index, hash := range nodes {
		_, err = raw.Exec(`INSERT INTO audit_hashes (tenant, idx, hash) VALUES ($1, $2, $3)`, tenant, index, hash)
		must(t, err)
	}
	_, err = raw.Exec(`UPDATE audit_heads SET edge = NULL`)
	must(t, err)
}
