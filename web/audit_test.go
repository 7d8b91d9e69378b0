package web

import (
	"reflect"
	"testing"
)

func TestDetailsOfAnActAreReadByTheirNames(t *testing.T) { // W10
	e := logEntry{Details: []byte(`{"reason": "a \"quoted\" word", "types": null, "by": "operator/1", "hashes": ["a", "b"], "version": 2}`)}
	want := []logFact{{"by", "operator/1"}, {"hashes", `["a", "b"]`}, {"reason", `a "quoted" word`}, {"version", "2"}}
	if got := e.Facts(); !reflect.DeepEqual(got, want) {
		t.Errorf("the details are %q, want %q", got, want)
	}
	if got := (logEntry{}).Facts(); len(got) > 0 {
		t.Errorf("an act without details has %q", got)
	}
}

func TestPoliciesAreCalledByTheirNames(t *testing.T) { // W2
	l := policyList{[]policyView{{Key: "access", Name: "A copy of my data"}, {Key: "bare"}}}
	for key, want := range map[string]string{"access": "A copy of my data", "bare": "bare", "gone": "gone"} {
		if got := l.PolicyOf(key).Title(); got != want {
			t.Errorf("the policy %s is called %q, want %q", key, got, want)
		}
	}
	if l.HasPolicy("gone") || !l.HasPolicy("bare") {
		t.Error("it is not known which policies there are")
	}
}
