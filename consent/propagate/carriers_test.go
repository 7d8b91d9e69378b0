package propagate

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"volenti.dev/volenti/connector"
	"volenti.dev/volenti/consent"
)

// pass lets time pass, and then everybody come to rest.
func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

// granted tells what a vendor was told, in order.
func granted(calls []told) (all []bool) {
	for _, c := range calls {
		all = append(all, c.granted)
	}
	return all
}

func backwards(calls []told) []told {
	calls = slices.Clone(calls)
	slices.Reverse(calls)
	return calls
}

func TestChoiceIsSentAtOnceToEveryConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := &vendor{}, &vendor{answer: func(context.Context, told) ([]connector.Call, error) { return one(connector.Rejected, 0), nil }}
		m, o := newMemory(t, "a", "b"), newOffice(map[string]*vendor{"a": a, "b": b})
		c := carriers(m, o, "one")
		synctest.Wait()
		seq := m.choose(1, consent.Granted)
		pass(100 * time.Millisecond)
		if one, other := m.row("a", seq), m.row("b", seq); one.Status != Complete || other.Status != Failed || other.Reason != Refused || other.attempts[0].Message != "as told" {
			t.Errorf("%+v\n%+v", one, other) // C17
		}
		c.Stop()
		if m.sides["a"].owner != "" || o.used != 0 {
			t.Errorf("a lane is held by %q, the configuration by %d", m.sides["a"].owner, o.used)
		}
	})
}

// The grant has failed, and waits for its second attempt: the withdrawal does not
// wait for it, and it never comes after it.
func TestWithdrawalOvertakesAGrantThatIsBeingRetried(t *testing.T) { // P3
	synctest.Test(t, func(t *testing.T) {
		v := &vendor{answer: func(_ context.Context, c told) ([]connector.Call, error) {
			if c.granted {
				return one(connector.Busy, 0), nil
			}
			return one(connector.Arrived, 0), nil
		}}
		m := newMemory(t, "a")
		c := carriers(m, newOffice(map[string]*vendor{"a": v}), "one")
		grant := m.choose(1, consent.Granted)
		pass(2 * time.Second)
		withdrawal := m.choose(1, consent.Withdrawn)
		at := time.Now()
		pass(2 * time.Second)
		if calls := v.seen(); len(calls) != 2 || calls[1].granted || calls[1].at.Sub(at) > time.Second {
			t.Errorf("%+v", calls)
		}
		pass(10 * time.Hour)
		if d := cmp.Diff([]bool{true, false}, granted(v.seen())); d != "" {
			t.Error(d)
		}
		if g, w := m.row("a", grant), m.row("a", withdrawal); g.Status != Superseded || w.Status != Complete {
			t.Errorf("the grant is %s, the withdrawal %s", g.Status, w.Status)
		}
		c.Stop()
	})
}

// While one of them is being told, the next of the same person waits; those of
// others do not.
func TestOneChoiceOfAPersonAfterTheOther(t *testing.T) { // P3
	synctest.Test(t, func(t *testing.T) {
		v := &vendor{}
		v.answer = func(_ context.Context, c told) ([]connector.Call, error) {
			if c.subject == person(1).String() {
				<-time.After(10 * time.Second)
			}
			return one(connector.Arrived, 0), nil
		}
		m := newMemory(t, "a")
		c := carriers(m, newOffice(map[string]*vendor{"a": v}), "one")
		pass(3 * time.Second) // so that no look of the follower falls on the end of the call
		first := m.choose(1, consent.Granted)
		pass(time.Second)
		m.choose(1, consent.Withdrawn)
		m.choose(2, consent.Granted)
		pass(time.Second)
		if calls := v.seen(); len(calls) != 2 || calls[1].subject != person(2).String() {
			t.Errorf("%+v", calls)
		}
		pass(30 * time.Second)
		if calls := v.seen(); len(calls) != 3 || calls[2].granted || calls[2].at.Sub(calls[0].at) < 10*time.Second || calls[2].at.Sub(calls[0].at) > 11*time.Second || m.row("a", first).Status != Complete {
			t.Errorf("%+v", calls)
		}
		c.Stop()
	})
}

func TestOptOutsGoFirst(t *testing.T) { // P3
	synctest.Test(t, func(t *testing.T) {
		v := &vendor{answer: func(context.Context, told) ([]connector.Call, error) {
			<-time.After(10 * time.Millisecond)
			return one(connector.Arrived, 0), nil
		}}
		m := newMemory(t, "a")
		for n := range 40 {
			m.choose(n, consent.Granted)
		}
		m.choose(50, consent.Refused)
		m.choose(51, consent.Withdrawn)
		c := carriers(m, newOffice(map[string]*vendor{"a": v}), "one")
		pass(time.Second)
		calls := v.seen()
		last := max(slices.Index(granted(calls), false), 41-slices.Index(granted(backwards(calls)), false))
		if len(calls) != 42 || last >= DefaultLimit { // those that are made at once have no order
			t.Errorf("%v", granted(calls))
		}
		c.Stop()
	})
}

// The vendor answers 429 for a minute, then 500, and then takes what it is told.
func TestVendorThatIsBusyIsLeftAloneAsItAsks(t *testing.T) { // P6, R6
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		v := &vendor{answer: func(_ context.Context, c told) ([]connector.Call, error) {
			switch past := c.at.Sub(began); {
			case past < time.Minute:
				return one(connector.Busy, 20*time.Second), nil
			case past < 3*time.Minute:
				return one(connector.Busy, 0), nil
			}
			return one(connector.Arrived, 0), nil
		}}
		m := newMemory(t, "a")
		c := carriers(m, newOffice(map[string]*vendor{"a": v}), "one")
		for n := range 3 {
			m.choose(n, consent.Granted)
		}
		pass(time.Second)
		m.choose(3, consent.Granted) // it was never tried: the connection rests for it, too
		pass(time.Hour)
		var late []time.Duration
		for _, call := range v.seen() {
			late = append(late, call.at.Sub(began).Round(time.Second))
		}
		for i := 3; i < len(late) && late[i] < time.Minute; i++ {
			if at := late[i] % (20 * time.Second); at >= time.Second {
				t.Errorf("called %v after the beginning", late[i])
			}
		}
		if n := m.count("a"); n[Complete] != 4 {
			t.Errorf("%v, calls at %v", n, late)
		}
		for _, a := range m.row("a", 1).attempts[1:] {
			if a.Repeats || a.Key == m.row("a", 1).attempts[0].Key {
				t.Errorf("after an answer: %+v", a)
			}
		}
		c.Stop()
	})
}

func TestCircuitOpensAndThenOneProbeIsMadeAtATime(t *testing.T) { // P6
	synctest.Test(t, func(t *testing.T) {
		v := &vendor{answer: func(context.Context, told) ([]connector.Call, error) {
			<-time.After(100 * time.Millisecond)
			return nil, &connector.Error{Kind: connector.Unreachable, Connection: "a", Reason: "nobody answers"}
		}}
		m := newMemory(t, "a")
		for n := range 200 {
			m.choose(n, consent.Granted)
		}
		c := carriers(m, newOffice(map[string]*vendor{"a": v}), "one")
		pass(2 * time.Second)
		m.mu.Lock()
		if w := m.sides["a"].weather; w.Failing < OpenAfter || !w.Quiet.After(time.Now()) {
			t.Errorf("stored is %+v", w) // what a process knows that takes over
		}
		m.mu.Unlock()
		pass(time.Hour)
		calls := v.seen()
		if v.peak != DefaultLimit {
			t.Errorf("%d calls at once", v.peak)
		}
		probes := calls[2*DefaultLimit:] // five in a row, and those that were under way
		var pauses []time.Duration
		for i := 1; i < len(probes); i++ {
			pauses = append(pauses, probes[i].at.Sub(probes[i-1].at).Round(time.Second))
		}
		want := []time.Duration{4, 8, 16, 32, 64, 128, 256, 300, 300, 300, 300, 300, 300, 300, 300}
		for i := range want {
			// The lane may have ended meanwhile, and begins again with the next look.
			if late := pauses[1+i] - want[i]*time.Second; late < 0 || late > 5*time.Second {
				t.Errorf("pause %d is %v, want %vs", i, pauses[1+i], int(want[i]))
			}
		}
		untried := 0
		for n := range 200 {
			if r := m.row("a", int64(n+1)); r.Attempt == 0 {
				untried++
			}
		}
		if untried < 200-len(calls) {
			t.Errorf("%d calls, and %d of 200 were not tried", len(calls), untried)
		}
		// Another process, which was just started, is as careful.
		c.Stop()
		before := len(v.seen())
		c = carriers(m, newOffice(map[string]*vendor{"a": v}), "two")
		pass(4 * time.Minute)
		if n := len(v.seen()) - before; n > 1 {
			t.Errorf("%d calls after a restart", n)
		}
		v.set(nil)
		pass(30 * time.Hour)
		if n := m.count("a"); n[Complete] != 200 {
			t.Errorf("once it is well again: %v", n)
		}
		c.Stop()
	})
}

func TestTenThousandAreDrainedWhileOneConnectionIsDown(t *testing.T) { // P6
	synctest.Test(t, func(t *testing.T) {
		const all = 10_000
		down := &vendor{answer: func(ctx context.Context, _ told) ([]connector.Call, error) {
			<-ctx.Done() // never answers
			return nil, &connector.Error{Kind: connector.Transient, Connection: "down", Reason: "no answer in time"}
		}}
		well := &vendor{answer: func(context.Context, told) ([]connector.Call, error) {
			<-time.After(5 * time.Millisecond)
			return one(connector.Arrived, 0), nil
		}}
		m := newMemory(t, "well", "down")
		for n := range all {
			m.choose(n, consent.Granted)
		}
		c := carriers(m, newOffice(map[string]*vendor{"well": well, "down": down}), "one")
		began := time.Now()
		for m.count("well")[Complete] < all && time.Since(began) < time.Hour {
			pass(time.Second)
		}
		if took := time.Since(began); took > 30*time.Second { // 12.5 s are the calls
			t.Errorf("it took %v, %v", took, m.count("well"))
		}
		if m.writes > all/10 {
			t.Errorf("%d commits for %d deliveries", m.writes, all)
		}
		if calls := down.seen(); len(calls) > DefaultLimit {
			t.Errorf("%d calls to the one that is down", len(calls))
		}
		c.Stop()
	})
}

func TestLimitOfCallsAtOnceIsThatOfTheConnection(t *testing.T) { // P6
	synctest.Test(t, func(t *testing.T) {
		v := &vendor{answer: func(context.Context, told) ([]connector.Call, error) {
			<-time.After(time.Second)
			return one(connector.Arrived, 0), nil
		}}
		m, o := newMemory(t, "a"), newOffice(map[string]*vendor{"a": v})
		o.targets[0].Limit = 7
		for n := range 210 {
			m.choose(n, consent.Granted)
		}
		c := carriers(m, o, "one")
		pass(30*time.Second + 100*time.Millisecond)
		if n := m.count("a"); n[Complete] != 210 || v.peak != 7 {
			t.Errorf("%v, %d at once", n, v.peak)
		}
		if m.sides["a"].fence != 1 {
			t.Errorf("the lease was taken %d times", m.sides["a"].fence)
		}
		c.Stop()
	})
}

// The first process hangs in a call until its lease is over. What it learns then
// is dropped; the call was repeated under the same key.
func TestOutcomeOfAStaleWorkerIsDropped(t *testing.T) { // P1, P2, R4
	synctest.Test(t, func(t *testing.T) {
		v := &vendor{answer: func(_ context.Context, c told) ([]connector.Call, error) {
			if c.try == 1 {
				<-time.After(40 * time.Second)
				return one(connector.Rejected, 0), nil
			}
			return one(connector.Arrived, 0), nil
		}}
		m, o := newMemory(t, "a"), newOffice(map[string]*vendor{"a": v})
		first := carriers(m, o, "one")
		seq := m.choose(1, consent.Granted)
		pass(time.Second)
		m.mu.Lock()
		m.sides["a"].until = time.Now() // as after a long pause of the process
		m.mu.Unlock()
		second := carriers(m, o, "two")
		pass(time.Minute)
		r := m.row("a", seq)
		if r.Status != Complete || len(r.attempts) != 2 || !r.attempts[1].Repeats || r.attempts[1].Key != r.attempts[0].Key {
			t.Errorf("%+v", r)
		}
		if calls := v.seen(); len(calls) != 2 || calls[0].key != calls[1].key {
			t.Errorf("%+v", calls)
		}
		second.Stop()
		first.Stop()
		if o.used != 0 {
			t.Errorf("%d hold the configuration", o.used)
		}
	})
}

func TestDeliveryIsGivenUpAfterThreeDays(t *testing.T) { // P6
	synctest.Test(t, func(t *testing.T) {
		v := &vendor{answer: func(context.Context, told) ([]connector.Call, error) {
			return []connector.Call{{Name: "one", Outcome: connector.Arrived}, {Name: "two", Outcome: connector.Lost, Reason: "no answer"}}, nil
		}}
		w := &vendor{answer: func(context.Context, told) ([]connector.Call, error) { return one(connector.NotMade, 0), nil }}
		m := newMemory(t, "a", "b")
		c := carriers(m, newOffice(map[string]*vendor{"a": v, "b": w}), "one")
		seq := m.choose(1, consent.Granted)
		pass(100 * time.Hour)
		calls := v.seen()
		if took := calls[len(calls)-1].at.Sub(calls[0].at); len(calls) != 12 || took < 70*time.Hour || took > 73*time.Hour {
			t.Errorf("%d calls in %v", len(calls), took)
		}
		if r := m.row("a", seq); r.Status != Partial || r.Reason != Unreachable || len(r.Calls) != 2 || calls[0].key != calls[11].key {
			t.Errorf("%+v", r) // P5
		}
		if r := m.row("b", seq); r.Status != Failed || r.Reason != Unreachable {
			t.Errorf("%+v", r)
		}
		c.Stop()
	})
}

func TestWhatIsDueGoesOutTogetherAtItsTime(t *testing.T) { // P7
	synctest.Test(t, func(t *testing.T) {
		v, other := &vendor{}, &vendor{}
		m, o := newMemory(t, "a", "at once"), newOffice(map[string]*vendor{"a": v})
		o.most, o.targets[0].Schedule = 5, Schedule{Every: time.Hour}
		o.targets, o.vendors["at once"] = append(o.targets, Target{Key: "at once", Write: true}), other
		pass(time.Until(time.Now().Truncate(time.Hour).Add(time.Hour + 10*time.Minute)))
		c := carriers(m, o, "one")
		for n := range 7 {
			m.choose(n, consent.Granted)
		}
		pass(49 * time.Minute)
		if n := len(v.seen()); n != 0 {
			t.Errorf("%d before their time", n)
		}
		if calls := other.seen(); len(calls) != 7 || slices.ContainsFunc(calls, func(c told) bool { return c.together != 1 }) {
			t.Errorf("without a schedule: %+v", calls)
		}
		c.Stop()
		c = carriers(m, o, "two")
		pass(2 * time.Minute)
		calls := v.seen()
		together := map[int]int{}
		for _, call := range calls {
			together[call.together]++
		}
		if d := cmp.Diff(map[int]int{5: 5, 2: 2}, together); d != "" {
			t.Error(d)
		}
		m.choose(8, consent.Granted)
		pass(30 * time.Minute)
		if n := len(v.seen()); n != 7 {
			t.Errorf("%d calls", n)
		}
		pass(30 * time.Minute)
		if n := len(v.seen()); n != 8 {
			t.Errorf("%d calls", n)
		}
		c.Stop()
	})
}

func TestConfigurationIsFollowedWithoutARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := &vendor{}
		m, o := newMemory(t, "a"), newOffice(map[string]*vendor{"a": v})
		broken := errors.New("it cannot be read")
		o.err = broken
		c := carriers(m, o, "one")
		m.choose(1, consent.Granted)
		pass(10 * time.Second)
		if len(v.seen()) != 0 || m.planned != 0 {
			t.Errorf("without a configuration: %d calls, %d planned", len(v.seen()), m.planned)
		}
		o.change(func(o *office) { o.err = nil })
		pass(6 * time.Second)
		if n := m.count("a"); n[Complete] != 1 {
			t.Errorf("with one: %v", n)
		}
		v.set(func(context.Context, told) ([]connector.Call, error) { return one(connector.Busy, 0), nil })
		m.choose(2, consent.Granted)
		pass(time.Second)
		o.change(func(o *office) { o.targets[0].Disabled = true })
		pass(20 * time.Second)
		if r := m.row("a", 2); r.Status != Skipped || r.Reason != Disabled || len(v.seen()) != 2 {
			t.Errorf("what waited when the connection was disabled is %+v", r)
		}
		o.change(func(o *office) { o.targets = nil })
		pass(6 * time.Second)
		if m.sides["a"].owner != "" {
			t.Error("the lane of a connection that is gone goes on")
		}
		o.change(func(o *office) { o.err = broken })
		m.choose(3, consent.Granted)
		pass(10 * time.Second)
		if len(v.seen()) != 2 || m.planned != 2 {
			t.Errorf("%d calls, %d planned", len(v.seen()), m.planned)
		}
		c.Stop()
	})
}

// Calls under way end; what was begun beside them is handed back, and was not
// tried.
func TestEndIsInOrder(t *testing.T) { // R1
	synctest.Test(t, func(t *testing.T) {
		const all = 400
		v := &vendor{}
		v.set(func(ctx context.Context, _ told) ([]connector.Call, error) {
			if len(v.seen()) > 100 { // quick, and then slow
				select {
				case <-time.After(2 * time.Second):
				case <-ctx.Done():
				}
			}
			return one(connector.Arrived, 0), ctx.Err()
		})
		m, o := newMemory(t, "a"), newOffice(map[string]*vendor{"a": v})
		c := carriers(m, o, "one")
		for n := range all {
			m.choose(n, consent.Granted)
		}
		pass(time.Second)
		if n := m.count("a"); n[Sending] <= DefaultLimit {
			t.Errorf("nothing was begun that is not called: %v", n)
		}
		c.Stop()
		if n := m.count("a"); n[Complete] != len(v.seen()) || n[Sending] != 0 || n[Pending] != all-len(v.seen()) || m.sides["a"].owner != "" {
			t.Errorf("%v after %d calls", n, len(v.seen()))
		}
		v.set(nil)
		c = carriers(m, o, "two")
		pass(time.Second)
		if n := m.count("a"); n[Complete] != all {
			t.Errorf("%v", n)
		}
		for _, call := range v.seen() {
			if call.try != 1 {
				t.Errorf("%s was sent %d times", call.key, call.try)
			}
		}
		c.Stop()
		if o.used != 0 {
			t.Errorf("%d hold the configuration", o.used)
		}
	})
}

// The store refuses for a while, in the middle of things: nothing is lost, and what
// is made again is made under the same key.
func TestStoreThatRefusesForAWhileLosesNothing(t *testing.T) { // R3, P2
	synctest.Test(t, func(t *testing.T) {
		const all = 300
		v := &vendor{answer: func(context.Context, told) ([]connector.Call, error) {
			<-time.After(50 * time.Millisecond)
			return one(connector.Arrived, 0), nil
		}}
		m := newMemory(t, "a")
		for n := range all {
			m.choose(n, consent.Granted)
		}
		c := carriers(m, newOffice(map[string]*vendor{"a": v}), "one")
		refuse := func(err error) {
			m.mu.Lock()
			defer m.mu.Unlock()
			m.broken = err
		}
		for range 3 {
			pass(520 * time.Millisecond)
			refuse(errors.New("the database is away"))
			pass(7 * time.Second)
			refuse(nil)
		}
		pass(time.Minute)
		if n := m.count("a"); n[Complete] != all {
			t.Errorf("%v", n)
		}
		keys, again := map[string]string{}, 0
		for _, call := range v.seen() {
			if call.try > 1 {
				again++
			}
			if before := keys[call.subject]; before != "" && before != call.key {
				t.Errorf("%s was told under %s and %s", call.subject, before, call.key)
			}
			keys[call.subject] = call.key
		}
		if again == 0 {
			t.Error("no call was made again")
		}
		c.Stop()
	})
}
