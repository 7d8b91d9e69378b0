package consent_test

import (
	"encoding/binary"
	"runtime"
	"testing"

	"volenti.dev/volenti/consent"
)

// BenchmarkCheck measures checks about a few people, and about any of a
// million, whose states are mostly not in the processor's cache; and what the
// states of one subject with six purposes take. F4, F5
func BenchmarkCheck(b *testing.B) {
	const people = 1 << 20
	g, l := gate(b)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for i := range uint64(people) {
		for _, p := range consent.DefaultPurposes() {
			l.Set(somebody(i), p.Key, consent.State{Choice: consent.Granted, Given: now})
		}
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	for name, among := range map[string]uint64{"few": 64, "million": people} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			i := uint64(0)
			for b.Loop() {
				i = i*6364136223846793005 + 1442695040888963407
				if !g.Allowed(ctx, somebody(i>>32%among), "research").Allowed {
					b.Fatal("not allowed")
				}
			}
			b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/people, "B/subject")
		})
	}
}

func somebody(i uint64) (id consent.SubjectID) {
	binary.LittleEndian.PutUint64(id[8:], i)
	id[15] = byte(i * 31) // as even as a random id
	return id
}
