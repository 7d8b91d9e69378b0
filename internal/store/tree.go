package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"golang.org/x/mod/sumdb/tlog"

	"volenti.dev/volenti/audit"
)

// growth is what a transaction adds to audit trees, and what it destroys.
// Leaves are stored at once; the nodes above them when the transaction is
// about to commit, once for all of a group. Whoever takes a write back sets
// the value back with it, so that no number is left out.
type growth struct {
	leaves    []grown
	ends      map[string]end // of the tenants' trees, before this transaction
	destroyed bool           // a key, or something sealed
	bulk      int            // bytes of data that are read once or twice, later
	// after are called when the commit stands and before anyone is told so;
	// with false when its outcome is unknown.
	after []func(stands bool)
	// grew is called then for the tenants whose trees have grown.
	grew func(tenant string)
	// posted is called by what posts a letter, then.
	posted func()
}

// ended calls what waits for the commit.
func (g *growth) ended(err error) {
	if err != nil && !errors.Is(err, ErrUnknown) {
		return
	}
	for _, f := range g.after {
		f(err == nil)
	}
	for i, l := range g.leaves {
		if i == 0 || g.leaves[i-1].tenant != l.tenant {
			g.grew(l.tenant)
		}
	}
}

type grown struct {
	tenant string
	leaf   audit.Leaf
}

// log appends e to the tenant's audit log. Call it after the change: from
// here to the commit the log's end is locked.
func (t *tx) log(ctx context.Context, e audit.Entry) error {
	seq, at, err := t.growth.next(ctx, t, t.tenant)
	if err != nil {
		return fmt.Errorf("append to the audit log: %w", err)
	}
	salt := make([]byte, audit.SaltSize)
	if _, err := io.ReadFull(t.rand, salt); err != nil {
		return fmt.Errorf("append to the audit log: %w", err)
	}
	r, err := audit.NewRecord(t.tenant, seq, instant(at), e, salt)
	if err != nil {
		return fmt.Errorf("append to the audit log: %w", err)
	}
	if _, err := t.exec(ctx, `
		INSERT INTO audit_leaves (tenant, seq, version, at, act, object, commitment)
		VALUES ($1, $2, $3, $4, $5, $6, $7)`,
		t.tenant, seq, r.Version, at, r.Act, r.Object, r.Commitment); err != nil {
		return unwritable("append to the audit log", err)
	}
	if _, err := t.exec(ctx, `INSERT INTO audit_details (tenant, seq, sealed) VALUES ($1, $2, $3)`,
		t.tenant, seq, t.keys.Seal(slices.Concat(r.Salt, r.Details), detailsOf(t.tenant, seq))); err != nil {
		return unwritable("append to the audit log", err)
	}
	t.growth.leaves = append(t.growth.leaves, grown{t.tenant, r.Leaf})
	return nil
}

// logAll appends acts as log does, in a few statements.
func (t *tx) logAll(ctx context.Context, all []audit.Entry) error {
	if len(all) == 0 {
		return nil
	}
	seq, at, err := t.growth.next(ctx, t, t.tenant)
	if err != nil {
		return fmt.Errorf("append to the audit log: %w", err)
	}
	salts := make([]byte, len(all)*audit.SaltSize)
	if _, err := io.ReadFull(t.rand, salts); err != nil {
		return fmt.Errorf("append to the audit log: %w", err)
	}
	var leaves, details [][]any
	var grew []grown
	for i, e := range all {
		r, err := audit.NewRecord(t.tenant, seq+int64(i), instant(at), e, salts[i*audit.SaltSize:(i+1)*audit.SaltSize])
		if err != nil {
			return fmt.Errorf("append to the audit log: %w", err)
		}
		leaves = append(leaves, []any{r.Sequence, int64(r.Version), at, r.Act, r.Object, r.Commitment})
		details = append(details, []any{r.Sequence, t.keys.Seal(slices.Concat(r.Salt, r.Details), detailsOf(t.tenant, r.Sequence))})
		grew = append(grew, grown{t.tenant, r.Leaf})
	}
	if err := t.all(ctx, slices.Concat(t.fill(intoLeaves, t.tenant, leaves), t.fill(intoDetails, t.tenant, details))); err != nil {
		return unwritable("append to the audit log", err)
	}
	t.growth.leaves = append(t.growth.leaves, grew...)
	return nil
}

// last is the sequence of the act that was logged last.
func (t *tx) last() int64 { return t.growth.leaves[len(t.growth.leaves)-1].leaf.Sequence }

// next gives the number and the time of the tenant's next leaf, and locks the
// end of its tree until the commit.
func (g *growth) next(ctx context.Context, q querier, tenant string) (seq, at int64, err error) {
	if err := q.all(ctx, g.lock(tenant)); err != nil {
		return 0, 0, err
	}
	return g.end(tenant)
}

// end is where a tree ends.
type end struct {
	size, at int64
	edge     []byte // see audit_heads
}

// lock gives the statement, if there is need of one, that locks the end of the
// tenant's tree until the commit; then end tells where it is.
func (g *growth) lock(tenant string) []statement {
	if _, ok := g.ends[tenant]; ok {
		return nil
	}
	return []statement{{`SELECT size, edge, {now} FROM audit_heads WHERE tenant = $1 {lock}`, []any{tenant}, func(s scanner) error {
		var e end
		err := s.Scan(&e.size, &e.edge, &e.at)
		if g.ends == nil {
			g.ends = map[string]end{}
		}
		g.ends[tenant] = e
		return err
	}}}
}

// unwritable marks a failure of the log itself: what it belongs to is in order
// and may go through later, but must not go through without it.
func unwritable(doing string, err error) error {
	if errors.Is(err, ErrUnavailable) {
		return fmt.Errorf("%s: %w", doing, err)
	}
	return fmt.Errorf("%s: %w: %w", doing, ErrUnavailable, err)
}

// end gives number and time of the next leaf of a tree that is locked. The
// leaves of a group share their time.
func (g *growth) end(tenant string) (seq, at int64, err error) {
	e, ok := g.ends[tenant]
	if !ok {
		return 0, 0, errors.New("the tenant has no audit tree")
	}
	for i := len(g.leaves) - 1; i >= 0; i-- {
		if g.leaves[i].tenant == tenant {
			return g.leaves[i].leaf.Sequence + 1, e.at, nil
		}
	}
	return e.size, e.at, nil
}

// flush grows the trees by the leaves of the transaction.
func (g *growth) flush(ctx context.Context, q querier) error {
	var tenants []string
	leaves := map[string][]tlog.Hash{}
	for _, l := range g.leaves {
		if leaves[l.tenant] == nil {
			tenants = append(tenants, l.tenant)
		}
		leaves[l.tenant] = append(leaves[l.tenant], audit.LeafHash(l.leaf))
	}
	for _, tenant := range tenants {
		if err := grow(ctx, q, tenant, g.ends[tenant], leaves[tenant]); err != nil {
			return unwritable("grow the audit tree", err)
		}
	}
	return nil
}

var intoHashes = into("audit_hashes", "idx bigint, hash bytea", "")

// hashesInRow is how many hashes a row holds at most: with its key it fits on
// a page of either database.
const hashesInRow = 30

func grow(ctx context.Context, q querier, tenant string, e end, leaves []tlog.Hash) error {
	read := treeReader(ctx, q, tenant)
	if e.edge != nil {
		read = func([]int64) ([]tlog.Hash, error) { return split(e.edge), nil }
	}
	grown, err := audit.Grow(e.size, leaves, read)
	if err != nil {
		return err
	}
	var rows [][]any
	index := tlog.StoredHashCount(e.size)
	for hashes := range slices.Chunk(grown.Stored, hashesInRow) {
		rows = append(rows, []any{index, joined(hashes)})
		index += int64(len(hashes))
	}
	moved := false
	head := statement{`UPDATE audit_heads SET size = $2, root = $3, edge = $4 WHERE tenant = $1 AND size = $5 RETURNING size`,
		[]any{tenant, e.size + int64(len(leaves)), grown.Root[:], joined(grown.Edge), e.size},
		func(s scanner) error { moved = true; return s.Scan(new(int64)) }}
	if err := q.all(ctx, append(q.fill(intoHashes, tenant, rows), head)); err != nil {
		return err
	}
	if !moved {
		return errors.New("its end is not where it was")
	}
	return nil
}

func joined(hashes []tlog.Hash) []byte {
	b := make([]byte, 0, len(hashes)*tlog.HashSize)
	for _, h := range hashes {
		b = append(b, h[:]...)
	}
	return b
}

// split gives no hash when b is not whole.
func split(b []byte) (hashes []tlog.Hash) {
	if len(b)%tlog.HashSize != 0 {
		return nil
	}
	for h := range slices.Chunk(b, tlog.HashSize) {
		hashes = append(hashes, tlog.Hash(h))
	}
	return hashes
}

// treeReader reads stored nodes of a tenant's tree.
func treeReader(ctx context.Context, q querier, tenant string) tlog.HashReaderFunc {
	return func(indexes []int64) ([]tlog.Hash, error) {
		found := make([]tlog.Hash, len(indexes))
		missing := map[int64]bool{}
		var all []statement
		for i, index := range indexes {
			missing[index] = true
			all = append(all, statement{`SELECT idx, hash FROM audit_hashes WHERE tenant = $1 AND idx <= $2 ORDER BY idx DESC LIMIT 1`, []any{tenant, index}, func(s scanner) error {
				var first int64
				var b []byte
				if err := s.Scan(&first, &b); err != nil {
					return err
				}
				if hashes := split(b); index-first < int64(len(hashes)) {
					found[i] = hashes[index-first]
					delete(missing, index)
				}
				return nil
			}})
		}
		if err := q.all(ctx, all); err != nil {
			return nil, err
		}
		for index := range missing {
			return nil, fmt.Errorf("node %d of the audit tree is missing", index)
		}
		return found, nil
	}
}

// detailsOf is the associated data of a record's sealed details.
func detailsOf(tenant string, seq int64) []byte {
	return fmt.Appendf(nil, "audit/%s/%d", tenant, seq)
}
