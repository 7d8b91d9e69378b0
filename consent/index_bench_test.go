package consent_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"volenti.dev/volenti/consent"
)

// BenchmarkCheck measures checks about a few people, about any of a million,
// and about any of SCALE percent of ten million, whose states are mostly not
// in the processor's cache; and what the states of one subject with six
// purposes take. Beside it the same with a map and a lock. F4, F5
func BenchmarkCheck(b *testing.B) {
	scale := 1.0
	if s, err := strconv.ParseFloat(os.Getenv("SCALE"), 64); err == nil {
		scale = s
	}
	for _, people := range []uint64{64, 1 << 20, uint64(scale / 100 * 10e6)} {
		for _, way := range []struct {
			name string
			keep func() states
		}{{"index", newStates}, {"map", newPlain}} {
			b.Run(fmt.Sprintf("%s/subjects=%d", way.name, people), func(b *testing.B) {
				before := heap()
				all := way.keep()
				for i := range people {
					for _, p := range consent.DefaultPurposes() {
						all.Set(somebody(i), p.Key, consent.State{Choice: consent.Granted, Given: now})
					}
				}
				taken := heap() - before
				g := &consent.Gate{Tenant: "t", States: all, Now: func() time.Time { return now }}
				b.ReportAllocs()
				i, cpu := uint64(0), spent()
				for b.Loop() {
					i = i*6364136223846793005 + 1442695040888963407
					if !g.Allowed(ctx, somebody(i>>32%people), "research").Allowed {
						b.Fatal("not allowed")
					}
				}
				b.ReportMetric(float64(spent()-cpu)/float64(b.N), "cpu-ns/op")
				b.ReportMetric(float64(taken)/float64(people), "B/subject")
			})
		}
	}
}

// heap is how many bytes are in use.
func heap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

type states interface {
	consent.Checker
	Set(consent.SubjectID, string, consent.State)
}

func newStates() states {
	l := &ledger{Index: consent.NewIndex(consent.DefaultRules())}
	l.Ready()
	return l
}

// plain is the states as one would keep them without much thought.
type plain struct {
	mu    sync.RWMutex
	of    map[consent.SubjectID]*[6]choice
	rules map[string]*consent.Judgement
	place map[string]int
}

type choice struct {
	made  consent.Choice
	era   int
	given time.Time
}

func newPlain() states {
	p := &plain{of: map[consent.SubjectID]*[6]choice{}, rules: consent.DefaultRules().Judgements(), place: map[string]int{}}
	for i, purpose := range consent.DefaultPurposes() {
		p.place[purpose.Key] = i
	}
	return p
}

func (p *plain) Set(id consent.SubjectID, purpose string, s consent.State) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.of[id] == nil {
		p.of[id] = &[6]choice{}
	}
	p.of[id][p.place[purpose]] = choice{s.Choice, s.Era, s.Given}
}

func (p *plain) Check(_ context.Context, _ string, id consent.SubjectID, purpose string, now time.Time) (consent.Decision, error) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	var s choice
	if all := p.of[id]; all != nil {
		s = all[p.place[purpose]]
	}
	return p.rules[purpose].Decide(s.made, s.era, s.given, now), nil
}

func somebody(i uint64) (id consent.SubjectID) {
	binary.LittleEndian.PutUint64(id[8:], i)
	id[0], id[15] = 1, byte(i*31) // as even as a random id
	return id
}

// spent is the processor time of this process.
func spent() int64 {
	var r syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &r)
	return r.Utime.Nano() + r.Stime.Nano()
}
