package fulfill

import "testing"

func TestStepsBehindTheOneThatARequestStandsAtCanRun(t *testing.T) { // E11
	all := steps()
	for at, from := range all {
		for i, s := range all {
			if canRun(s.name, from.name) != (i >= at) {
				t.Errorf("from %s, %s can run: %v", from.name, s.name, i < at)
			}
		}
		if !canRun(from.name, "") {
			t.Errorf("%s cannot run in a request that has not begun", from.name)
		}
	}
}
