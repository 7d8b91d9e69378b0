package server

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"volenti.dev/volenti/api"
	"volenti.dev/volenti/request"
)

// waitPoints are the boundaries around what a system answers later; the third time that
// one begins to wait it is about the erasure.
var waitPoints = []string{"reply.expected", "wait.begun", "wait.begun:3", "wait.stored", "wait.resumed", "rested"}

// The server is killed at each boundary and started again. A vendor that was asked is
// asked again at most under the same key, and the end is that of one that nobody
// disturbed.
func TestKilledAroundAnAnswerThatComesLaterAsksUnderTheSameKey(t *testing.T) { // H14, R1
	t.Parallel()
	if _, err := crashing(); err != nil {
		t.Fatal(err)
	}
	for _, kind := range []string{"sqlite", "postgres"} {
		t.Run(kind, func(t *testing.T) {
			want := erasedInVault(t, kind, "")
			for _, point := range waitPoints {
				t.Run(point, func(t *testing.T) {
					t.Parallel()
					if d := cmp.Diff(want, erasedInVault(t, kind, point)); d != "" {
						t.Errorf("killed at %s, the end is another (-undisturbed +killed):\n%s", point, d)
					}
				})
			}
		})
	}
}

// vaultEnd is what must not depend on crashes.
type vaultEnd struct {
	Asked  []string // once for each key
	Name   any
	Report api.Report
}

// erasedInVault erases Anna in a shop and a vault, by a server that is killed once, or
// never.
func erasedInVault(t *testing.T, kind, crash string) (end vaultEnd) {
	t.Helper()
	w, v := newWorld(t, kind, "sqlite"), newVault(t)
	w.configure(vaultDescription, shopDataset, shopPolicies, v.connection())
	p := newStruck(t, w, func(*site) {})
	v.postAnswers(t, func() string { return p.at.Load().(string) })
	done, _ := p.killedAt(crash, "erasure", request.CompleteWithResidue) // what answers reads later is not asked again
	end.Report = done.Report
	for i := range end.Report.Collections {
		end.Report.Collections[i].Attempts = 0
	}
	end.Name = v.nameOf("p1")
	kept := crash == "" || strings.HasPrefix(crash, "rested") || strings.HasPrefix(crash, "wait.resumed") // what was asked is in the store
	for _, call := range v.asked() {
		path, times, _ := strings.Cut(call, " ")
		if times != "1" && (times != "2" || kept) {
			t.Errorf("killed at %q, it was asked %s times at %s", crash, times, path)
		}
		end.Asked = append(end.Asked, path)
	}
	return end
}
