package deadline_test

import (
	"errors"
	"strings"
	"testing"

	"volenti.dev/volenti/request/deadline"
)

func TestTheNearestRuleSaysWhichLawHolds(t *testing.T) { // X21
	ours := deadline.Rules{Law: "lgpd"}
	for _, c := range []struct {
		rules         deadline.Rules
		policy, place string
		want          string
	}{
		{ours, "ccpa", "DE", "ccpa"},
		{ours, "", "DE", "gdpr"},
		{ours, "", "US-CA", "ccpa"},
		{ours, "", "", "lgpd"},
		{ours, "", "XX", "lgpd"},
		{deadline.Rules{}, "", "XX", ""},
	} {
		law, ok := c.rules.LawOf(c.policy, c.place)
		if law.Key != c.want || ok != (c.want != "") {
			t.Errorf("policy %q, place %q: %q, want %q", c.policy, c.place, law.Key, c.want)
		}
	}
}

func TestAClockIsChangedOnlyAsItsLawSays(t *testing.T) { // X21
	clock := deadline.Clock{Law: law(t, "gdpr"), Received: instant(t, "2026-01-31T10:00:00Z")} // due on 2 March
	refused := func(what, why string, err error) {
		t.Helper()
		var r *deadline.Refused
		if !errors.As(err, &r) || !strings.Contains(r.Why, why) {
			t.Errorf("%s: %v", what, err)
		}
	}
	_, err := clock.Stop(deadline.Clarification, instant(t, "2026-02-10T00:00:00Z"))
	refused("a ground that the law does not know", "only for identity", err)
	_, err = clock.Stop(deadline.Identity, instant(t, "2026-03-03T00:00:00Z"))
	refused("when it has run out", "due on 2026-03-02", err)
	_, err = clock.Go(instant(t, "2026-02-10T00:00:00Z"))
	refused("going on while it goes", "does not stand still", err)
	_, _, err = clock.Extend(instant(t, "2026-03-03T00:00:00Z"))
	refused("an extension too late", "was 2026-03-02", err)

	stopped, err := clock.Stop(deadline.Identity, instant(t, "2026-02-10T00:00:00Z"))
	if err != nil {
		t.Fatal(err)
	}
	_, err = stopped.Stop(deadline.Identity, instant(t, "2026-02-11T00:00:00Z"))
	refused("stopped twice", "stands still already", err)
	_, _, err = stopped.Extend(instant(t, "2026-02-11T00:00:00Z"))
	refused("an extension of what stands still", "let it go on first", err)
	gone, err := stopped.Go(instant(t, "2026-02-20T23:00:00Z"))
	if err != nil {
		t.Fatal(err)
	}
	if due, _, err := gone.Due(); err != nil || due != "2026-03-10" {
		t.Errorf("ten days stopped: due on %s (%v)", due, err)
	}
	extended, due, err := gone.Extend(instant(t, "2026-03-10T23:59:59Z"))
	if err != nil || due != "2026-05-11" { // 30 April and ten days is a Sunday
		t.Errorf("extended to %s (%v)", due, err)
	}
	_, _, err = extended.Extend(instant(t, "2026-03-01T00:00:00Z"))
	refused("extended twice", "may be once", err)
	none := deadline.Clock{Law: law(t, "lgpd"), Received: clock.Received}
	_, _, err = none.Extend(clock.Received)
	refused("a law without", "gives no extension", err)
}
