package propagate

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"volenti.dev/volenti/connector"
	"volenti.dev/volenti/consent"
)

// batches tells what was told in each call, in order.
func batches(calls []told) (all [][]string) {
	for len(calls) > 0 {
		var keys []string
		for _, c := range calls[:calls[0].together] {
			keys = append(keys, c.key)
		}
		all, calls = append(all, keys), calls[len(keys):]
	}
	return all
}

// hourly are carriers to one connection that is told by the hour, a quarter past one.
// Chance is another each time.
func hourly(t *testing.T, v *vendor) (*memory, *Carriers) {
	m, o := newMemory(t, "a"), newOffice(map[string]*vendor{"a": v})
	o.most, o.targets[0].Schedule = 500, Schedule{Every: time.Hour}
	pass(time.Until(time.Now().Truncate(time.Hour).Add(time.Hour + 15*time.Minute)))
	c, drawn := carriers(m, o, "one"), 0
	c.Stop()
	c.Random = func() float64 { drawn++; return float64(drawn%10) / 10 }
	c.Start()
	return m, c
}

// A system that is told by the hour is told again as it was told: those whose
// outcome is not known in the same call, under the same keys, so that it can know it
// for the same; and nothing that has become due meanwhile is among them.
func TestWhatWentOutTogetherIsRepeatedTogether(t *testing.T) { // P2, P7
	synctest.Test(t, func(t *testing.T) {
		v := &vendor{answer: func(context.Context, told) ([]connector.Call, error) { return one(connector.Lost, time.Hour), nil }}
		m, c := hourly(t, v)
		for n := range 40 {
			m.choose(n, []consent.Choice{consent.Granted, consent.Withdrawn}[n%2])
		}
		pass(50 * time.Minute)
		v.set(nil)
		m.choose(100, consent.Withdrawn) // due when the others are tried again
		pass(2 * time.Hour)
		all := batches(v.seen())
		if len(all) != 3 || len(all[0]) != 40 || !slices.ContainsFunc(all[1:], func(b []string) bool { return slices.Equal(b, all[0]) }) {
			t.Errorf("%d calls: %v", len(all), all)
		}
		if n := m.count("a")[Complete]; n != 41 {
			t.Errorf("%d are complete", n)
		}
		c.Stop()
	})
}

func TestWhatWasRefusedForNowIsTriedAgainTogether(t *testing.T) { // P6, P7
	synctest.Test(t, func(t *testing.T) {
		v := &vendor{answer: func(context.Context, told) ([]connector.Call, error) { return one(connector.Busy, 0), nil }}
		m, c := hourly(t, v)
		for n := range 40 {
			m.choose(n, consent.Withdrawn)
		}
		pass(45*time.Minute + time.Second)
		v.set(nil)
		pass(30 * time.Minute)
		if all := batches(v.seen()); len(all) != 2 || len(all[0]) != 40 || len(all[1]) != 40 || all[0][0] == all[1][0] {
			t.Errorf("%d calls: %v", len(all), all)
		}
		c.Stop()
	})
}
