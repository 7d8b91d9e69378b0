package audit

import (
	"errors"
	"fmt"
	"math/bits"
	"slices"

	"golang.org/x/mod/sumdb/tlog"
)

// LeafHash is the hash of a leaf in the tree.
func LeafHash(l Leaf) tlog.Hash { return tlog.RecordHash(l.Bytes()) }

// Growth is what a tree becomes by further leaves.
type Growth struct {
	Stored []tlog.Hash // to be stored from index tlog.StoredHashCount(size) on
	Edge   []tlog.Hash // what the next growth reads: for each bit of the size, at most 64
	Root   tlog.Hash
}

// Grow appends leaves to a tree of size leaves. It calls read once, for the
// tree's edge.
func Grow(size int64, leaves []tlog.Hash, read tlog.HashReader) (Growth, error) {
	if size < 0 || size > maxSize-int64(len(leaves)) {
		return Growth{}, fmt.Errorf("a tree cannot grow from %d leaves by %d", size, len(leaves))
	}
	indexes := edgeIndexes(size)
	e := edge{size: size}
	if len(indexes) > 0 {
		roots, err := read.ReadHashes(indexes)
		if err != nil {
			return Growth{}, fmt.Errorf("read the tree's edge: %w", err)
		}
		if len(roots) != len(indexes) {
			return Growth{}, errors.New("read the tree's edge: hashes are missing")
		}
		e.roots = slices.Clone(roots)
	}
	stored := make([]tlog.Hash, 0, 2*len(leaves)+bits.Len64(uint64(size)))
	for _, h := range leaves {
		stored = e.add(h, stored)
	}
	return Growth{stored, e.roots, e.root()}, nil
}

// maxSize keeps the indexes of stored hashes, about twice the size, in int64.
const maxSize = 1 << 61

// edge is what further growth needs of a tree: the roots of the complete
// subtrees that it consists of, one for each bit of its size, largest first.
type edge struct {
	size  int64
	roots []tlog.Hash
}

func edgeIndexes(size int64) []int64 {
	var indexes []int64
	for level := bits.Len64(uint64(size)) - 1; level >= 0; level-- {
		if n := size >> level; n&1 == 1 {
			indexes = append(indexes, tlog.StoredHashIndex(level, n-1))
		}
	}
	return indexes
}

// add appends a leaf, and to stored its hash and those of the subtrees that
// it completes.
func (e *edge) add(h tlog.Hash, stored []tlog.Hash) []tlog.Hash {
	stored = append(stored, h)
	for n := e.size; n&1 == 1; n >>= 1 {
		last := len(e.roots) - 1
		h = tlog.NodeHash(e.roots[last], h)
		e.roots = e.roots[:last]
		stored = append(stored, h)
	}
	e.roots = append(e.roots, h)
	e.size++
	return stored
}

func (e *edge) root() tlog.Hash {
	if e.size == 0 {
		return emptyRoot()
	}
	last := len(e.roots) - 1
	h := e.roots[last]
	for i := last - 1; i >= 0; i-- {
		h = tlog.NodeHash(e.roots[i], h)
	}
	return h
}

func emptyRoot() tlog.Hash {
	h, _ := tlog.TreeHash(0, nil) // reads nothing, and cannot fail
	return h
}
