package fulfill

import (
	"context"
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"

	"volenti.dev/volenti/connector"
	"volenti.dev/volenti/datamap/catalogue"
	"volenti.dev/volenti/datamap/value"
	"volenti.dev/volenti/request/graph"
)

// inputs collects the values by which the rows of one node are found.
type inputs struct {
	node    *graph.Node
	tuples  [][]connector.Tuple // by match of the node
	seen    []map[string]bool
	dropped int
	matches []connector.Match // set by close
}

func (r *run) newInputs(n *graph.Node) *inputs {
	in := &inputs{node: n, tuples: make([][]connector.Tuple, len(n.Matches)), seen: make([]map[string]bool, len(n.Matches))}
	for k := range in.seen {
		in.seen[k] = map[string]bool{}
	}
	return in
}

// gather collects the inputs of a node from the identities and from what its
// upstream collections gave (D14).
func (r *run) gather(ctx context.Context, n *graph.Node) (*inputs, error) {
	return r.gatherFrom(ctx, n, func(string) bool { return true })
}

func (r *run) gatherFrom(ctx context.Context, n *graph.Node, wanted func(from string) bool) (*inputs, error) {
	in := r.newInputs(n)
	for k, m := range n.Matches {
		kind, isIdentity := strings.CutPrefix(m.From, "identity:")
		if !isIdentity {
			continue
		}
		for _, id := range r.identities {
			if string(id.Type) != kind {
				continue
			}
			for _, v := range id.Values() {
				in.add(k, connector.Tuple{v.Reveal()})
			}
		}
	}
	for _, from := range append(slices.Clone(n.Upstream), n.Address) { // which may feed itself
		if !wanted(from) || !feeds(n, from) {
			continue
		}
		err := r.rows(ctx, from, func(row connector.Row, keep graph.Keep) error {
			in.take(from, keep.Own(row))
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("read what %s gave to %s: %w", from, n.Address, err)
		}
	}
	in.close()
	return in, nil
}

func feeds(n *graph.Node, from string) bool {
	for _, m := range n.Matches {
		if m.From == from {
			return true
		}
	}
	return false
}

// take adds what a row of a collection gives. A composite key is used whole
// or not at all.
func (in *inputs) take(from string, row map[string]any) {
	for k, m := range in.node.Matches {
		if m.From != from {
			continue
		}
		if len(m.Source) == 1 {
			for _, v := range graph.Collect(row, m.Source[0]) {
				in.add(k, connector.Tuple{v})
			}
			continue
		}
		tuple := make(connector.Tuple, 0, len(m.Source))
		for _, path := range m.Source {
			if values := graph.Collect(row, path); len(values) == 1 {
				tuple = append(tuple, values[0])
			}
		}
		if len(tuple) == len(m.Source) {
			in.add(k, tuple)
		}
	}
}

// add casts a tuple to what the receiving fields hold (D15) and keeps it when
// it is new.
func (in *inputs) add(k int, tuple connector.Tuple) {
	for i := range tuple {
		v, err := value.Cast(tuple[i], in.node.Matches[k].Types[i])
		if err != nil || v == nil {
			in.dropped++
			return
		}
		tuple[i] = v
	}
	key := tupleKey(tuple)
	if in.seen[k][key] {
		return
	}
	in.seen[k][key] = true
	in.tuples[k] = append(in.tuples[k], tuple)
}

// close makes the matches; those of the same fields become one.
func (in *inputs) close() {
	at := map[string]int{}
	for k, m := range in.node.Matches {
		name := strings.Join(m.Fields, "\x00")
		i, ok := at[name]
		if !ok {
			at[name] = len(in.matches)
			in.matches = append(in.matches, connector.Match{Columns: m.Fields, Tuples: in.tuples[k]})
			continue
		}
		in.matches[i].Tuples = append(in.matches[i].Tuples, in.tuples[k]...)
	}
}

// sifter tells which array elements of a row belong to the data subject; nil
// is the whole row.
type sifter func(connector.Row) (graph.Keep, error)

// sift goes by the values that the rows were found by. It is nil where none of
// them can run through an array. In a table that is open any of them can, but
// where rows are asked for: what answers a question need not hold it.
func sift(n *graph.Node, t *catalogue.Table, matches []connector.Match) sifter {
	var through []graph.Values
	var whole []string
	if t.Asked != nil {
		return nil
	}
	for _, m := range matches {
		if t.Open && len(m.Columns) > 1 {
			whole = append(whole, m.Columns...)
			continue
		}
		for i, path := range m.Columns {
			if c := t.Column(path); !t.Open && (c == nil || !c.Type.Array) {
				continue
			}
			values := graph.Values{Path: path, Keys: make(map[string]bool, len(m.Tuples))}
			for _, tuple := range m.Tuples {
				values.Keys[value.Key(tuple[i])] = true
			}
			through = append(through, values)
		}
	}
	if through == nil && whole == nil {
		return nil
	}
	return func(row connector.Row) (graph.Keep, error) {
		if err := noArrays(n, row, whole); err != nil {
			return nil, err
		}
		return graph.Sift(row, through, n.WholeArrays), nil
	}
}

// unsifted is for reads in rounds, which do not tell elements apart.
func unsifted(n *graph.Node, t *catalogue.Table) sifter {
	if !t.Open || t.Asked != nil {
		return nil // the plan has seen that there are no arrays
	}
	var paths []string
	for _, m := range n.Matches {
		paths = append(paths, m.Fields...)
	}
	return func(row connector.Row) (graph.Keep, error) { return nil, noArrays(n, row, paths) }
}

// noArrays refuses a row that has an array where its description has none and
// elements of others could not be told from the data subject's.
func noArrays(n *graph.Node, row connector.Row, paths []string) error {
	for _, path := range paths {
		if graph.RunsThroughArray(row, path) {
			return fmt.Errorf("a row of %s holds an array at %s, where its description has none: describe it as an array", n.Address, path)
		}
	}
	return nil
}

// remark says how many values were of no use, and how many rows hold what no
// field describes.
func (in *inputs) remark(more, misfits int) string {
	said := dropped(in.dropped + more)
	if misfits > 0 {
		said = strings.TrimPrefix(said+"; ", "; ") + fmt.Sprintf("%d rows have a value where parts are described; it was not handed out", misfits)
	}
	return said
}

func dropped(values int) string {
	if values == 0 {
		return ""
	}
	return fmt.Sprintf("%d input values cannot be values of the field that they were to match and were left out", values)
}

func tupleKey(t connector.Tuple) string {
	if len(t) == 1 {
		return value.Key(t[0])
	}
	var b strings.Builder
	for _, v := range t {
		k := value.Key(v)
		fmt.Fprintf(&b, "%d:%s", len(k), k)
	}
	return b.String()
}

// rowKey identifies a row among those of its collection, in 16 bytes.
func rowKey(row connector.Row, columns []string) [16]byte {
	t := make(connector.Tuple, len(columns))
	for i, c := range columns {
		t[i] = row[c]
	}
	sum := sha256.Sum256([]byte(tupleKey(t)))
	return [16]byte(sum[:16])
}

// reads makes the queries of a node: one, or one for each partition.
func reads(n *graph.Node, t *catalogue.Table, columns []string, matches []connector.Match) []connector.Read {
	if len(n.Partitions) == 0 {
		return []connector.Read{{Table: t, Columns: columns, Where: matches}}
	}
	var queries []connector.Read
	for _, p := range n.Partitions {
		q := connector.Read{Table: t, Columns: columns, Where: matches}
		for _, c := range p {
			q.Partition = append(q.Partition, connector.Condition{Column: c.Column, Operator: c.Operator, Constant: c.Constant})
		}
		queries = append(queries, q)
	}
	return queries
}

// Queries gives the statements of a node as its connector would send them,
// for plans.
func Queries(reader connector.Reader, n *graph.Node, t *catalogue.Table) ([]string, error) {
	in := &inputs{node: n, tuples: make([][]connector.Tuple, len(n.Matches))}
	in.close()
	var all []string
	for _, q := range reads(n, t, n.Columns, in.matches) {
		texts, err := reader.Queries(q)
		if err != nil {
			return nil, err
		}
		all = append(all, texts...)
	}
	return all, nil
}
