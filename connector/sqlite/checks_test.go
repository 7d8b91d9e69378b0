package sqlite

import (
	"strings"
	"testing"
)

func FuzzChecks(f *testing.F) {
	f.Add("CREATE TABLE t (a int CHECK (a > 0), CONSTRAINT [b c] CHECK (a <> ')'))")
	f.Add("CHECK (")
	f.Add("CHECK")
	f.Add("'CHECK (a)' -- CHECK (b)\n/* CHECK (c)")
	f.Add("\"\"\"CHECK(\"(')CHECK")
	f.Fuzz(func(t *testing.T, create string) {
		for _, c := range checks(create) {
			if !strings.Contains(create, c.Expression) {
				t.Errorf("%q is not part of the statement", c.Expression)
			}
		}
	})
}
