package store_test

import (
	"strings"
	"testing"

	"volenti.dev/volenti/internal/store/storetest"
)

// A plan that is made while a table is empty stays when it has grown.
func TestManyAreFoundByTheirWholeKeyInAnEmptyTable(t *testing.T) {
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
