package store_test

import (
	"fmt"
	"strings"
	"testing"

	"volenti.dev/volenti/consent"
	"volenti.dev/volenti/internal/store"
	"volenti.dev/volenti/internal/store/storetest"
)

// A plan that is made while a table is empty stays when it has grown.
func TestManyAreFoundByTheirWholeKeyInAnEmptyTable(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		plan, err := db.Plan(ctx, `SELECT subject FROM subject_identities WHERE tenant = $1 AND type = $2 AND digest {in $3}`, tenant, "email", []string{"a", "b", "a"})
		must(t, err)
		want := "(tenant=? AND type=? AND digest=?)"
		if !db.Embedded() {
			want = "Index Cond: ((tenant = 'default'::text) AND (type = 'email'::text) AND (digest = (unnest('{a,b,a}'::text[]))))"
		}
		if !strings.Contains(plan, want) {
			t.Errorf("the plan is\n%s", plan)
		}
	})
}

// The latest choice about a purpose is in consent_state; what came before is
// read in the order of the ledger.
func TestHistoryOfASubjectIsFoundByAnIndex(t *testing.T) { // A6
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		anna := give(t, db, says("anna@example.com", "analytics", true))[0].Subject
		if !db.Embedded() { // which reads a table as a whole while it is small
			for range 40 {
				var all []consent.Entry
				for i := range 100 {
					all = append(all, says(fmt.Sprintf("p%d@example.com", i), "analytics", true))
					all[i].Reaffirm = true
				}
				give(t, db, all...)
			}
			_, err := db.Raw(t).ExecContext(ctx, `ANALYZE consent_records`)
			must(t, err)
		}
		for query, args := range map[string][]any{
			store.SelectHistory:     {tenant, anna.String()},
			store.SelectHistoryFrom: {tenant, anna.String(), int64(0), 10},
		} {
			plan, err := db.Plan(ctx, query, args...)
			must(t, err)
			if !strings.Contains(plan, "consent_records_by_subject") || strings.Contains(plan, "SORT") || strings.Contains(plan, "TEMP B-TREE") {
				t.Errorf("%s\n%s", query, plan)
			}
		}
	})
}
