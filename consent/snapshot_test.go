package consent_test

import (
	"testing"

	"volenti.dev/volenti/consent"
)

// restored gives an index with the rows of another one.
func restored(t interface{ Fatal(...any) }, x *consent.Index, rules *consent.Rules) *consent.Index {
	next, n := consent.NewIndex(rules), len(x.Purposes())
	for part := range consent.Parts {
		if err := next.Restore(part, n, x.Part(part, n, nil)); err != nil {
			t.Fatal(err)
		}
	}
	return next
}

func TestASnapshotDoesNotOvertakeWhatWasDoneSince(t *testing.T) { // A27
	rules := consent.DefaultRules()
	was := consent.NewIndex(rules)
	for i := range 5 {
		for _, p := range []string{"analytics", "research"} {
			was.Set(neighbour(i), p, consent.State{Choice: consent.Granted, Given: now})
		}
	}
	x := consent.NewIndex(rules)
	x.Set(neighbour(0), "analytics", consent.State{Choice: consent.Withdrawn, Given: now}) // by a commit meanwhile
	x.Outdate(neighbour(1))                                                                // by the log since
	x.Load(neighbour(1), "analytics", consent.State{Choice: consent.Withdrawn, Given: now})
	x.Outdate(neighbour(2)) // erased since
	x.Forget(neighbour(3))  // erased meanwhile
	x.Outdate(neighbour(3))
	x.Load(neighbour(3), "analytics", consent.State{Choice: consent.Granted, Given: now})
	n := len(was.Purposes())
	for part := range consent.Parts {
		if err := x.Restore(part, n, was.Part(part, n, nil)); err != nil {
			t.Fatal(err)
		}
	}
	x.Ready()
	for i, want := range [][2]consent.Reason{
		{consent.WasWithdrawn, consent.Given},
		{consent.WasWithdrawn, consent.Absent},
		{consent.Absent, consent.Absent},
		{consent.Absent, consent.Absent},
		{consent.Given, consent.Given},
	} {
		a, _ := x.Decide(neighbour(i), "analytics", now)
		b, _ := x.Decide(neighbour(i), "research", now)
		if a.Reason != want[0] || b.Reason != want[1] {
			t.Errorf("subject %d: %v %v, want %v", i, a, b, want)
		}
	}
}

func TestRowsOfNoIndexAreRefused(t *testing.T) {
	x := consent.NewIndex(consent.DefaultRules())
	x.Set(neighbour(1), "analytics", consent.State{Choice: consent.Granted, Given: now})
	rows := x.Part(1, 6, nil)
	for what, bad := range map[string][]byte{
		"cut":             rows[:len(rows)-1],
		"of no subject":   make([]byte, len(rows)),
		"unknown choices": append(append([]byte{}, rows[:len(rows)-1]...), 0xff),
	} {
		if err := consent.NewIndex(consent.DefaultRules()).Restore(1, 6, bad); err == nil {
			t.Errorf("rows are taken: %s", what)
		}
	}
	if err := consent.NewIndex(consent.DefaultRules()).Restore(2, 6, rows); err == nil {
		t.Error("the rows of another part are taken")
	}
}
