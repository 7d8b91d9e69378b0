package audit_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/mod/sumdb/tlog"
	"pgregory.net/rapid"

	"volenti.dev/volenti/audit"
)

// nodes is a store of tree hashes in memory.
type nodes []tlog.Hash

func (n nodes) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	hashes := make([]tlog.Hash, len(indexes))
	for i, index := range indexes {
		if index >= int64(len(n)) {
			return nil, fmt.Errorf("node %d is not stored yet", index)
		}
		hashes[i] = n[index]
	}
	return hashes, nil
}

func leafHash(i int64) tlog.Hash { return tlog.RecordHash(fmt.Append(nil, "leaf ", i)) }

func TestTreeIsTheSameHoweverItsLeavesAreGrouped(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var grouped, single nodes
		var size int64
		for range rapid.IntRange(1, 8).Draw(t, "groups") {
			group := make([]tlog.Hash, rapid.IntRange(0, 40).Draw(t, "leaves"))
			for i := range group {
				group[i] = leafHash(size + int64(i))
				one, err := tlog.StoredHashesForRecordHash(size+int64(i), group[i], single)
				if err != nil {
					t.Fatal(err)
				}
				single = append(single, one...)
			}
			growth, err := audit.Grow(size, group, grouped)
			if err != nil {
				t.Fatal(err)
			}
			if at := tlog.StoredHashCount(size); at != int64(len(grouped)) {
				t.Fatalf("%d hashes are stored for %d leaves, want %d", len(grouped), size, at)
			}
			grouped = append(grouped, growth.Stored...)
			size += int64(len(group))
			if diff := cmp.Diff(single, grouped); diff != "" {
				t.Fatalf("stored hashes after %d leaves (-one by one +grouped):\n%s", size, diff)
			}
			want, err := tlog.TreeHash(size, single)
			if err != nil || growth.Root != want {
				t.Fatalf("the root of %d leaves is %v, want %v, %v", size, growth.Root, want, err)
			}
			// The edge is what the next growth would read.
			_, err = audit.Grow(size, nil, tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
				want, err := grouped.ReadHashes(indexes)
				if diff := cmp.Diff(want, growth.Edge); diff != "" {
					t.Fatalf("the edge of %d leaves (-want +got):\n%s", size, diff)
				}
				return want, err
			}))
			if err != nil {
				t.Fatal(err)
			}
		}
	})
}

func TestGrowthReadsOnceAndRefusesWhatIsMissing(t *testing.T) {
	var stored nodes
	all := make([]tlog.Hash, 7)
	for i := range all {
		all[i] = leafHash(int64(i))
	}
	first, err := audit.Grow(0, all, stored)
	if err != nil {
		t.Fatal(err)
	}
	stored = first.Stored
	kept := append(nodes{}, stored...)
	reads := 0
	read := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		reads++
		return kept[7:10], nil // what a cache might hand out
	})
	if _, err := audit.Grow(7, all[:3], read); err != nil || reads != 1 {
		t.Errorf("read %d times, %v; want once", reads, err)
	}
	if diff := cmp.Diff(stored, kept); diff != "" {
		t.Errorf("growing wrote into what it read:\n%s", diff)
	}
	failed := errors.New("disk")
	for name, r := range map[string]tlog.HashReaderFunc{
		"error": func([]int64) ([]tlog.Hash, error) { return nil, failed },
		"fewer": func([]int64) ([]tlog.Hash, error) { return stored[:1], nil },
	} {
		if _, err := audit.Grow(7, all[:1], r); err == nil || name == "error" && !errors.Is(err, failed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, size := range []int64{-1, 1 << 62} {
		if _, err := audit.Grow(size, nil, read); err == nil {
			t.Errorf("a tree of %d leaves grows", size)
		}
	}
}

func BenchmarkGrow(b *testing.B) {
	for _, group := range []int{1, 10, 100} {
		b.Run(fmt.Sprintf("group=%d", group), func(b *testing.B) {
			var stored nodes
			leaves := make([]tlog.Hash, group)
			for i := range leaves {
				leaves[i] = leafHash(int64(i))
			}
			var size int64
			for b.Loop() {
				fresh, err := audit.Grow(size, leaves, stored)
				if err != nil {
					b.Fatal(err)
				}
				stored = append(stored, fresh.Stored...)
				size += int64(group)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(size), "ns/record")
		})
	}
}
