package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"golang.org/x/mod/sumdb/tlog"

	"volenti.dev/volenti/audit"
)

// growth is what a transaction adds to audit trees, and what it destroys.
// Leaves are stored at once; the nodes above them when the transaction is
// about to commit, once for all of a group. Whoever takes a write back sets
// the value back with it, so that no number is left out.
type growth struct {
	leaves    []grown
	destroyed bool // a key, or something sealed
	// after are called when the commit stands and before anyone is told so;
	// with false when its outcome is unknown.
	after []func(stands bool)
}

// ended calls what waits for the commit.
func (g *growth) ended(err error) {
	if err != nil && !errors.Is(err, ErrUnknown) {
		return
	}
	for _, f := range g.after {
		f(err == nil)
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
		return fmt.Errorf("append to the audit log: %w", err)
	}
	if _, err := t.exec(ctx, `INSERT INTO audit_details (tenant, seq, sealed) VALUES ($1, $2, $3)`,
		t.tenant, seq, t.keys.Seal(slices.Concat(r.Salt, r.Details), detailsOf(t.tenant, seq))); err != nil {
		return fmt.Errorf("append to the audit log: %w", err)
	}
	t.growth.leaves = append(t.growth.leaves, grown{t.tenant, r.Leaf})
	return nil
}

// next gives the number and the time of the tenant's next leaf, and locks the
// end of its tree until the commit.
func (g *growth) next(ctx context.Context, q querier, tenant string) (seq, at int64, err error) {
	var e end
	if all := g.lock(tenant, &e); len(all) > 0 {
		err = q.row(ctx, all[0].text, all[0].args...).Scan(&e.seq, &e.at)
	}
	return e.seq, e.at, err
}

// end is where a tenant's tree ends: the number and the time of the next leaf.
type end struct{ seq, at int64 }

// lock gives the statement, if there is need of one, that finds the end of the
// tenant's tree and locks it. The leaves of a group share the time of the
// first.
func (g *growth) lock(tenant string, e *end) []statement {
	for i := len(g.leaves) - 1; i >= 0; i-- {
		if g.leaves[i].tenant == tenant {
			*e = end{g.leaves[i].leaf.Sequence + 1, micros(g.leaves[i].leaf.At)}
			return nil
		}
	}
	return []statement{{`SELECT size, {now} FROM audit_heads WHERE tenant = $1 {lock}`, []any{tenant},
		func(s scanner) error { return s.Scan(&e.seq, &e.at) }}}
}

// flush grows the trees by the leaves of the transaction.
func (g *growth) flush(ctx context.Context, q querier) error {
	var tenants []string
	leaves := map[string][]audit.Leaf{}
	for _, l := range g.leaves {
		if leaves[l.tenant] == nil {
			tenants = append(tenants, l.tenant)
		}
		leaves[l.tenant] = append(leaves[l.tenant], l.leaf)
	}
	for _, tenant := range tenants {
		if err := grow(ctx, q, tenant, leaves[tenant]); err != nil {
			return fmt.Errorf("grow the audit tree: %w", err)
		}
	}
	return nil
}

func grow(ctx context.Context, q querier, tenant string, leaves []audit.Leaf) error {
	hashes := make([]tlog.Hash, len(leaves))
	for i, l := range leaves {
		hashes[i] = audit.LeafHash(l)
	}
	size := leaves[0].Sequence
	stored, root, err := audit.Grow(size, hashes, treeReader(ctx, q, tenant))
	if err != nil {
		return err
	}
	if err := insertHashes(ctx, q, tenant, tlog.StoredHashCount(size), stored); err != nil {
		return err
	}
	changed, err := q.exec(ctx, `UPDATE audit_heads SET size = $2, root = $3 WHERE tenant = $1 AND size = $4`,
		tenant, size+int64(len(leaves)), root[:], size)
	if err == nil && changed != 1 {
		err = errors.New("its end is not where it was")
	}
	return err
}

// insertHashes stores hashes at the indexes from first on.
func insertHashes(ctx context.Context, q querier, tenant string, first int64, hashes []tlog.Hash) error {
	const most = 100 // rows in a statement
	for len(hashes) > 0 {
		n := min(most, len(hashes))
		args := []any{tenant}
		for i, h := range hashes[:n] {
			args = append(args, first+int64(i), h[:])
		}
		if _, err := q.exec(ctx, `INSERT INTO audit_hashes (tenant, idx, hash) VALUES `+tuples(n), args...); err != nil {
			return err
		}
		hashes, first = hashes[n:], first+int64(n)
	}
	return nil
}

// tuples writes "($1, $2, $3), ($1, $4, $5), ...".
func tuples(n int) string {
	var b strings.Builder
	for i := range n {
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "($1, $%d, $%d)", 2*i+2, 2*i+3)
	}
	return b.String()
}

// treeReader reads stored nodes of a tenant's tree.
func treeReader(ctx context.Context, q querier, tenant string) tlog.HashReader {
	return tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		found := map[int64]tlog.Hash{}
		args := []any{tenant}
		places := make([]string, len(indexes))
		for i, index := range indexes {
			args = append(args, index)
			places[i] = fmt.Sprintf("$%d", i+2)
		}
		err := q.each(ctx, func(s scanner) error {
			var index int64
			var hash []byte
			if err := s.Scan(&index, &hash); err != nil {
				return err
			}
			if len(hash) == tlog.HashSize { // else it counts as missing
				found[index] = tlog.Hash(hash)
			}
			return nil
		}, `SELECT idx, hash FROM audit_hashes WHERE tenant = $1 AND idx IN (`+strings.Join(places, ", ")+`)`, args...)
		if err != nil {
			return nil, err
		}
		hashes := make([]tlog.Hash, len(indexes))
		for i, index := range indexes {
			h, ok := found[index]
			if !ok {
				return nil, fmt.Errorf("node %d of the audit tree is missing", index)
			}
			hashes[i] = h
		}
		return hashes, nil
	})
}

// detailsOf is the associated data of a record's sealed details.
func detailsOf(tenant string, seq int64) []byte {
	return fmt.Appendf(nil, "audit/%s/%d", tenant, seq)
}
