package webhook

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// pass lets time pass, and then everybody come to rest.
func pass(d time.Duration) {
	work(d)
	synctest.Wait()
}

// work takes its time.
func work(d time.Duration) { <-time.After(d) }

func TestEventsAreSentAsTheyHappen(t *testing.T) { // A9, A11
	synctest.Test(t, func(t *testing.T) {
		m, r := newMemory(t, "a"), &receiver{}
		m.happen("anna", "ben")
		c := couriers(t, m, r, "one")
		synctest.Wait()
		m.happen("anna")
		synctest.Wait() // no time passes: nobody asks again and again
		if d := cmp.Diff([]string{"e1", "e2", "e3"}, slices.Sorted(slices.Values(r.seen("a", true)))); d != "" {
			t.Error(d)
		}
		c.Stop()
		if d := m.desk("a"); d.Cursor != 3 || len(d.waiting) != 0 || len(d.attempts) != 3 || d.owner != "" {
			t.Errorf("%+v", d)
		}
	})
}

func TestDeadEndpointIsTriedAsTheStandardSaysAndThenDisabled(t *testing.T) { // R6
	synctest.Test(t, func(t *testing.T) {
		var well atomic.Bool
		m, r := newMemory(t, "dead"), &receiver{answer: func(call) (int, string) {
			if well.Load() {
				return 200, ""
			}
			return 500, ""
		}}
		m.happen("anna")
		c := couriers(t, m, r, "one")
		pass(100 * time.Hour)
		var pauses []time.Duration
		for i := 1; i < len(r.calls); i++ {
			pauses = append(pauses, r.calls[i].at.Sub(r.calls[i-1].at))
		}
		want := []time.Duration{
			5 * time.Second, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 5 * time.Hour, 10 * time.Hour, 14 * time.Hour, 20 * time.Hour, 24 * time.Hour,
		}
		if d := cmp.Diff(want, pauses); d != "" {
			t.Error(d)
		}
		d := m.desk("dead")
		if d.Enabled || d.Reason != Failing || len(d.waiting) != 1 || len(d.attempts) != 10 {
			t.Errorf("enabled %v, %s, %d wait, %d attempts", d.Enabled, d.Reason, len(d.waiting), len(d.attempts))
		}
		for i, a := range d.attempts {
			if a.Try != i+1 || a.Outcome != Answered || a.Status != 500 || a.Event != "e1" {
				t.Errorf("attempt %+v", a)
			}
		}
		// Enabled again, it gets what waited.
		well.Store(true)
		m.change("dead", func(d *desk) { d.Enabled = true })
		pass(2 * time.Minute)
		if taken := r.seen("dead", true); len(taken) != 1 || len(m.desk("dead").waiting) != 0 {
			t.Errorf("taken %v", taken)
		}
		c.Stop()
	})
}

func TestPausesVary(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, r := newMemory(t, "a"), &receiver{answer: func(call) (int, string) { return 500, "" }}
		c := couriers(t, m, r, "one")
		c.Stop()
		c.Random = func() float64 { return 0 }
		m.happen("anna")
		c.Start()
		pass(6 * time.Second)
		c.Stop()
		c.Random = func() float64 { return 0.999999 }
		m.happen("ben")
		c.Start()
		pass(10 * time.Second)
		c.Stop()
		early, late := r.calls[1].at.Sub(r.calls[0].at), r.calls[3].at.Sub(r.calls[2].at)
		if early < 4*time.Second || early >= 5*time.Second || late <= 5*time.Second || late > 6*time.Second {
			t.Errorf("pauses of %v and %v", early, late)
		}
	})
}

// One message that nobody can take holds back its subject, and in the end it
// alone is given up.
func TestFailingMessageHoldsBackItsSubjectOnly(t *testing.T) { // R6
	synctest.Test(t, func(t *testing.T) {
		m := newMemory(t, "a")
		r := &receiver{answer: func(c call) (int, string) {
			if c.id == "e1" {
				return 400, ""
			}
			return 200, ""
		}}
		m.happen("anna", "ben", "anna", "ben")
		c := couriers(t, m, r, "one")
		pass(time.Minute)
		if taken := r.seen("a", true); !slices.Equal(taken, []string{"e2", "e4"}) {
			t.Errorf("taken while the first waits: %v", taken)
		}
		if d := m.desk("a"); !slices.Equal(sorted(d.waiting), []int64{1, 3}) || d.Cursor != 4 {
			t.Errorf("cursor %d, %v wait", d.Cursor, sorted(d.waiting))
		}
		pass(100 * time.Hour)
		if taken := r.seen("a", true); !slices.Equal(taken, []string{"e2", "e4", "e3"}) {
			t.Errorf("taken in the end: %v", taken)
		}
		if d := m.desk("a"); !d.Enabled || len(d.waiting) != 0 {
			t.Errorf("enabled %v, %d wait", d.Enabled, len(d.waiting))
		}
		c.Stop()
	})
}

func TestAnswersMeanWhatTheStandardSays(t *testing.T) { // R6
	for name, test := range map[string]struct {
		status  int
		header  string
		next    time.Duration // 0: none
		enabled bool
	}{
		"200": {200, "", 0, true}, "204": {204, "", 0, true}, "299": {299, "", 0, true},
		"301": {301, "", 5 * time.Second, true}, "304": {304, "", 5 * time.Second, true}, "404": {404, "", 5 * time.Second, true},
		"410":                      {410, "", 0, false},
		"429 and seconds":          {429, "120", 2 * time.Minute, true},
		"503 and too much":         {503, "99999999", 24 * time.Hour, true},
		"503 and nonsense":         {503, "soon", 5 * time.Second, true},
		"429 and less":             {429, "1", 5 * time.Second, true},
		"no answer":                {0, "", 5*time.Second + callTime, true},
		"a success that asks more": {200, "60", 0, true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := newMemory(t, "a")
				r := &receiver{answer: func(call) (int, string) { return test.status, test.header }}
				m.happen("anna")
				c := couriers(t, m, r, "one")
				pass(25 * time.Hour)
				c.Stop()
				next := time.Duration(0)
				if len(r.calls) > 1 {
					next = r.calls[1].at.Sub(r.calls[0].at)
				}
				if d := m.desk("a"); next != test.next || d.Enabled != test.enabled || !test.enabled && d.Reason != Gone {
					t.Errorf("again after %v, enabled %v %s", next, d.Enabled, d.Reason)
				}
			})
		})
	}
}

func TestRetryAfterGivesTheWholeEndpointRest(t *testing.T) { // R6
	synctest.Test(t, func(t *testing.T) {
		m := newMemory(t, "busy", "other")
		r := &receiver{answer: func(c call) (int, string) {
			if c.endpoint == "busy" && c.try == 1 && c.id == "e1" {
				return 429, "60"
			}
			return 200, ""
		}}
		m.happen("anna")
		c := couriers(t, m, r, "one")
		pass(time.Second)
		m.happen("ben")
		pass(50 * time.Second)
		if busy, other := r.seen("busy", false), r.seen("other", true); len(busy) != 1 || len(other) != 2 {
			t.Errorf("busy was called for %v, the other took %v", busy, other)
		}
		pass(20 * time.Second)
		if taken := r.seen("busy", true); len(taken) != 2 {
			t.Errorf("after its rest it took %v", taken)
		}
		c.Stop()
	})
}

func TestSlowAndDeadEndpointsDelayNobodyElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory(t, "slow", "dead", "well")
		r := &receiver{answer: func(c call) (int, string) {
			switch c.endpoint {
			case "slow":
				work(19 * time.Second)
			case "dead":
				return 0, ""
			}
			return 200, ""
		}}
		c := couriers(t, m, r, "one")
		synctest.Wait()
		began := time.Now()
		for i := range 500 {
			m.happen(fmt.Sprint("person ", i%50))
		}
		synctest.Wait()
		if taken := r.seen("well", true); len(taken) != 500 || time.Since(began) != 0 {
			t.Errorf("%d taken after %v", len(taken), time.Since(began))
		}
		pass(30 * time.Minute)
		if taken := r.seen("slow", true); len(taken) != 500 {
			t.Errorf("the slow one took %d", len(taken))
		}
		c.Stop()
	})
}

// A dead endpoint keeps so many events waiting and no more; the rest stays in
// the ledger, and nothing is lost.
func TestWaitingIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory(t, "a")
		var up atomic.Bool
		r := &receiver{answer: func(call) (int, string) {
			if up.Load() {
				return 200, ""
			}
			return 503, ""
		}}
		const all = 2500
		for i := range all {
			m.happen(fmt.Sprint("person ", i%300))
		}
		c := couriers(t, m, r, "one")
		pass(time.Hour)
		stood := m.desk("a") // memory checks the bound
		if stood.Cursor >= all/2 || len(stood.waiting) < queueLimit/2 {
			t.Errorf("cursor %d, %d wait", stood.Cursor, len(stood.waiting))
		}
		up.Store(true)
		pass(10 * time.Hour)
		c.Stop()
		inOrder(t, r.seen("a", true), func(n int) string { return fmt.Sprint("person ", (n-1)%300) }, all)
		if d := m.desk("a"); d.Cursor != all || len(d.waiting) != 0 {
			t.Errorf("cursor %d, %d wait", d.Cursor, len(d.waiting))
		}
	})
}

func TestDeadEndpointIsNotStormedAndComesBackAtFullSpeed(t *testing.T) { // R6
	synctest.Test(t, func(t *testing.T) {
		m := newMemory(t, "a")
		var up atomic.Bool
		r := &receiver{answer: func(call) (int, string) {
			if up.Load() {
				return 200, ""
			}
			return 500, ""
		}}
		for n := range 300 {
			m.happen(fmt.Sprint("person ", n))
		}
		c := couriers(t, m, r, "one")
		pass(time.Minute)
		down := len(r.seen("a", false))
		if down > 80 || down < 60 {
			t.Errorf("%d calls in a minute", down)
		}
		up.Store(true)
		pass(2 * time.Second)
		if taken := len(r.seen("a", true)); taken < 300-down {
			t.Errorf("%d taken once it was back", taken)
		}
		c.Stop()
	})
}

// inOrder checks that each event was taken, and first taken in the order of
// its subject.
func inOrder(t *testing.T, taken []string, subject func(n int) string, all int) {
	t.Helper()
	first, last := map[string]bool{}, map[string]int{}
	for _, id := range taken {
		if first[id] {
			continue
		}
		first[id] = true
		if s := subject(number(id)); number(id) < last[s] {
			t.Errorf("%s of %s was first taken after %d", id, s, last[s])
		} else {
			last[s] = number(id)
		}
	}
	if len(first) != all {
		t.Errorf("%d of %d events were taken", len(first), all)
	}
}

// Whatever fails, and whoever dies or is paused: every event arrives, in the
// order of its subject.
func TestNothingIsLostOrOvertakenWhateverFails(t *testing.T) { // R1, R6
	for seed := range uint64(20) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				random := rand.New(rand.NewPCG(seed, 1))
				m := newMemory(t, "a")
				r := &receiver{}
				r.answer = func(c call) (int, string) {
					r.mu.Lock()
					p := random.Float64()
					r.mu.Unlock()
					work(time.Duration(p * float64(time.Second)))
					switch {
					case c.try < 6 && p < 0.1:
						return 500, ""
					case c.try < 6 && p < 0.12:
						return 429, "30"
					case c.try < 6 && p < 0.15:
						return 0, ""
					}
					return 200, ""
				}
				one, two := couriers(t, m, r, "one"), couriers(t, m, r, "two")
				const all = 200
				subject := func(n int) string { return fmt.Sprint("person ", n*n%17) }
				for n := 1; n <= all; n++ {
					m.happen(subject(n))
					switch r.mu.Lock(); random.IntN(20) {
					case 0:
						r.mu.Unlock()
						m.change("a", func(*desk) {}) // as another node that takes over
					case 1:
						r.mu.Unlock()
						m.mu.Lock()
						m.refusing = errors.New("the disk is full")
						m.mu.Unlock()
						pass(3 * time.Second)
						m.mu.Lock()
						m.refusing = nil
						m.mu.Unlock()
					default:
						r.mu.Unlock()
						pass(time.Duration(n%7) * 100 * time.Millisecond)
					}
				}
				pass(24 * time.Hour)
				one.Stop()
				two.Stop()
				inOrder(t, r.seen("a", true), subject, all)
				if d := m.desk("a"); d.Cursor != all || len(d.waiting) != 0 {
					t.Errorf("cursor %d, %d wait", d.Cursor, len(d.waiting))
				}
			})
		})
	}
}

func TestOneProcessDeliversForAnEndpointAndAnotherGoesOnWhenItDies(t *testing.T) { // R1
	synctest.Test(t, func(t *testing.T) {
		m, r := newMemory(t, "a"), &receiver{}
		one := couriers(t, m, r, "one")
		synctest.Wait()
		two := couriers(t, m, r, "two")
		m.happen("anna")
		pass(time.Minute)
		if len(r.calls) != 1 {
			t.Errorf("%d calls for one event", len(r.calls))
		}
		// The first is dead, as far as the store can tell.
		m.mu.Lock()
		m.desks["a"].owner, m.desks["a"].until = "gone", time.Now().Add(15*time.Second)
		m.mu.Unlock()
		died := time.Now()
		m.happen("anna")
		pass(time.Minute)
		if took := r.calls[len(r.calls)-1].at.Sub(died); len(r.calls) != 2 || took > 20*time.Second {
			t.Errorf("%d calls, the last after %v", len(r.calls), took)
		}
		one.Stop()
		two.Stop()
	})
}

func TestStopLetsCallsEndAndLosesNothing(t *testing.T) { // R8
	for name, test := range map[string]struct {
		takes, within time.Duration
		stored        int
	}{"in time": {3 * time.Second, 3 * time.Second, 1}, "too long": {19 * time.Second, callsEnd + endTime, 1}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := newMemory(t, "a")
				cut := name == "too long"
				r := &receiver{answer: func(call) (int, string) {
					if cut {
						return 0, ""
					}
					work(test.takes)
					return 200, ""
				}}
				m.happen("anna")
				c := couriers(t, m, r, "one")
				synctest.Wait()
				began := time.Now()
				c.Stop()
				if took := time.Since(began); took > test.within {
					t.Errorf("it took %v", took)
				}
				d := m.desk("a")
				if cut && len(d.waiting)+int(1-d.Cursor) == 0 {
					t.Error("a call that was cut counts as made")
				}
				if d.owner != "" || !cut && d.Cursor != 1 {
					t.Errorf("owner %q, cursor %d, %+v", d.owner, d.Cursor, d.attempts)
				}
			})
		})
	}
}
