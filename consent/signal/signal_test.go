package signal_test

import (
	"testing"

	"volenti.dev/volenti/consent/signal"
)

func TestOnlyOneIsTheSignal(t *testing.T) {
	for _, lines := range [][]string{{"1"}, {"0", "1"}, {"1", "0"}, {"", "true", "1"}} {
		if !signal.GPC(lines) {
			t.Errorf("%q was not heard", lines)
		}
	}
	for _, lines := range [][]string{nil, {}, {""}, {"0"}, {"true"}, {"11"}, {"01"}, {"1, 1"}, {" 1"}, {"1;a=b"}, {"?1"}, {"\u0661"}} {
		if signal.GPC(lines) {
			t.Errorf("%q was heard", lines)
		}
	}
}
