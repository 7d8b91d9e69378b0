package consent_test

import (
	"encoding/binary"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"pgregory.net/rapid"

	"volenti.dev/volenti/consent"
)

// neighbour gives ids of one shard.
func neighbour(i int) (id consent.SubjectID) {
	binary.LittleEndian.PutUint64(id[:], uint64(i)+1)
	id[15] = 1
	return id
}

// reasons is what a plain map would answer.
type reasons map[consent.SubjectID]map[string]consent.Choice

func (m reasons) set(id consent.SubjectID, purpose string, c consent.Choice) {
	if m[id] == nil {
		m[id] = map[string]consent.Choice{}
	}
	m[id][purpose] = c
}

func (m reasons) of(id consent.SubjectID, purpose string) consent.Reason {
	return consent.DefaultRules().Judgements()["analytics"].Decide(m[id][purpose], 0, now, now).Reason
}

var choices = []consent.Choice{consent.Granted, consent.Refused, consent.Withdrawn, consent.Expired}

func TestAnIndexIsAMapWhateverIsDoneToIt(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		rules := consent.DefaultRules()
		x, model := consent.NewIndex(rules), reasons{}
		x.Ready()
		most := rapid.SampledFrom([]int{3, 30, 300}).Draw(r, "people")
		purpose := func() string {
			return rules.Purposes[rapid.IntRange(0, len(rules.Purposes)-1).Draw(r, "purpose")].Key
		}
		for range rapid.IntRange(1, 150).Draw(r, "steps") {
			id := neighbour(rapid.IntRange(0, most).Draw(r, "id"))
			switch rapid.SampledFrom([]string{"set", "set", "set", "many", "forget", "forget", "widen", "snapshot"}).Draw(r, "step") {
			case "set":
				p, c := purpose(), rapid.SampledFrom(choices).Draw(r, "choice")
				x.Set(id, p, consent.State{Choice: c, Given: now})
				model.set(id, p, c)
			case "many":
				for i := range most / 3 {
					x.Set(neighbour(i*3), "analytics", consent.State{Choice: consent.Refused, Given: now})
					model.set(neighbour(i*3), "analytics", consent.Refused)
				}
			case "forget":
				x.Forget(id)
				delete(model, id)
			case "widen":
				if len(rules.Purposes) < 12 {
					var err error
					rules, err = rules.Configure(append(rules.Purposes, consent.Purpose{Key: fmt.Sprintf("p%d", len(rules.Purposes))}), nil)
					if err != nil {
						r.Fatal(err)
					}
					x.Follow(rules)
				}
			case "snapshot": // F5
				x = restored(r, x, rules)
				x.Ready()
			}
			for i := range most + 1 {
				p := rules.Purposes[i%len(rules.Purposes)].Key
				for _, p := range []string{p, "analytics"} {
					if d, ok := x.Decide(neighbour(i), p, now); !ok || d.Reason != model.of(neighbour(i), p) {
						r.Fatalf("subject %d, %s: %v, want %v", i, p, d, model.of(neighbour(i), p))
					}
				}
			}
		}
	})
}

// What was loaded late stays out, not what the same person said
// about another purpose.
func TestLoadingMissesNothingAboutWhoChoosesMeanwhile(t *testing.T) {
	x := consent.NewIndex(consent.DefaultRules())
	x.Set(anna, "analytics", consent.State{Choice: consent.Withdrawn, Given: now})
	for _, p := range []string{"analytics", "research"} {
		x.Load(anna, p, consent.State{Choice: consent.Granted, Given: now})
	}
	x.Ready()
	a, _ := x.Decide(anna, "analytics", now)
	r, _ := x.Decide(anna, "research", now)
	if a.Reason != consent.WasWithdrawn || !r.Allowed {
		t.Errorf("decisions %v, %v", a, r)
	}
}

// Readers take no lock. While people around them come and go, and tables grow,
// they see of everyone what was said last, and never the state of another.
func TestAReaderSeesNoHalfChange(t *testing.T) { // A27
	x := consent.NewIndex(consent.DefaultRules())
	x.Ready()
	const people, rounds = 8, 20_000
	var said [people]atomic.Int64 // 2n: n choices were acknowledged; odd: one is under way
	var writers, readers sync.WaitGroup
	var done atomic.Bool
	for i := range people {
		writers.Go(func() {
			for n := range rounds / people {
				said[i].Add(1)
				x.Set(neighbour(i), "analytics", consent.State{Choice: []consent.Choice{consent.Granted, consent.Withdrawn}[n%2], Given: now})
				said[i].Add(1)
			}
		})
	}
	writers.Go(func() {
		for n := range rounds {
			x.Set(neighbour(people+n%50), "analytics", consent.State{Choice: consent.Refused, Given: now})
			x.Forget(neighbour(people + (n*7)%50))
			if n%100 == 0 { // grows
				x.Set(neighbour(100+n), "research", consent.State{Choice: consent.Refused, Given: now})
			}
		}
	})
	for range 3 {
		readers.Go(func() {
			for n := 0; !done.Load(); n++ {
				i := n % people
				before := said[i].Load()
				d, _ := x.Decide(neighbour(i), "analytics", now)
				want := []consent.Reason{consent.WasWithdrawn, consent.Given}[before/2%2]
				if before == 0 {
					want = consent.Absent
				}
				if before%2 == 0 && said[i].Load() == before && d.Reason != want {
					t.Errorf("after %d choices: %v, want %v", before/2, d, want)
				}
				if d, _ := x.Decide(neighbour(people+n%50), "analytics", now); d.Reason != consent.Absent && d.Reason != consent.WasRefused {
					t.Errorf("a neighbour: %v", d)
				}
			}
		})
	}
	writers.Wait()
	done.Store(true)
	readers.Wait()
}

// While a row is being changed, whoever reads it waits for the end.
func TestAReaderWaitsForAChangeThatIsUnderWay(t *testing.T) { // A27
	x := consent.NewIndex(consent.DefaultRules())
	x.Ready()
	began, got := make(chan bool), make(chan consent.Decision)
	x.Halfway(neighbour(0), "analytics", consent.State{Choice: consent.Granted, Given: now}, func() {
		go func() {
			began <- true
			d, _ := x.Decide(neighbour(0), "analytics", now)
			got <- d
		}()
		<-began
		for range 10_000 { // time enough to be wrong
			runtime.Gosched()
		}
	}, consent.State{Choice: consent.Withdrawn, Given: now})
	if d := <-got; d.Reason != consent.WasWithdrawn {
		t.Errorf("read in the middle: %v", d)
	}
}
