package builtin_test

import (
	"strings"
	"testing"

	"volenti.dev/volenti/connector/builtin"
)

func TestEveryConnectorIsFoundByItsType(t *testing.T) {
	r := builtin.Registry()
	for _, kind := range r.Types() {
		spec, err := r.Lookup(kind)
		if err != nil || spec.Type != kind || spec.New == nil || spec.Summary == "" {
			t.Errorf("%s: %+v, %v", kind, spec.Type, err)
		}
	}
	if _, err := r.Lookup("oracle"); err == nil || !strings.Contains(err.Error(), "dynamodb, email, hubspot, intercom, mailchimp, manual, ") {
		t.Errorf("%v does not name what there is", err)
	}
}
