package graph

import (
	"cmp"
	"maps"
	"slices"

	"volenti.dev/volenti/datamap/dataset"
	"volenti.dev/volenti/subject"
)

// edge carries the values of a field of one collection to a field of another.
type edge struct {
	from, to         int // collections, by index
	fromPath, toPath string
}

// seed carries an identity of the request to a field.
type seed struct {
	identity subject.Type
	to       int
	toPath   string
}

// web is everything that a configuration says about how rows lead to rows.
type web struct {
	collections []*dataset.Collection
	addresses   []string // of the collections, which are in their order
	index       map[dataset.Address]int
	datasets    map[string]*dataset.Dataset
	directed    []edge
	either      []edge // the direction is decided per request
	seeds       []seed
	joined      map[int]map[string]bool     // the paths that references of others end at
	dangling    map[int][]dataset.Reference // by the collection that declares them
	ways        map[int][]way               // of collections whose rows are asked for
}

// newWeb reads the datasets once.
func newWeb(datasets []dataset.Dataset) *web {
	w := &web{index: map[dataset.Address]int{}, datasets: map[string]*dataset.Dataset{}, joined: map[int]map[string]bool{}, dangling: map[int][]dataset.Reference{}}
	at := map[string]*dataset.Collection{}
	for i := range datasets {
		w.datasets[datasets[i].Key] = &datasets[i]
		for j := range datasets[i].Collections {
			if c := &datasets[i].Collections[j]; !c.Skip {
				at[c.Address.String()] = c
			}
		}
	}
	w.addresses = slices.Sorted(maps.Keys(at))
	for _, a := range w.addresses {
		w.collections = append(w.collections, at[a])
	}
	for i, c := range w.collections {
		w.index[c.Address] = i
	}
	for i, c := range w.collections {
		asked := c.Asked()
		c.Walk(func(f *dataset.Field) {
			if f.Identity != "" && (f.Input || !asked) {
				w.seeds = append(w.seeds, seed{subject.Type(f.Identity), i, f.Path})
			}
			for _, r := range f.References {
				w.refer(i, f, r, datasets)
			}
		})
	}
	w.ways = w.waysToAsk()
	w.keep(func(e edge) bool {
		_, asked := w.ways[e.to]
		return !asked || w.collections[e.to].Field(e.toPath).Input
	})
	return w
}

func (w *web) refer(i int, f *dataset.Field, r dataset.Reference, datasets []dataset.Dataset) {
	j, ok := w.index[r.Target]
	if !ok || w.collections[j].Field(r.Field) == nil {
		if !skipped(datasets, r.Target) {
			w.dangling[i] = append(w.dangling[i], r)
		}
		return
	}
	if w.joined[j] == nil {
		w.joined[j] = map[string]bool{}
	}
	w.joined[j][r.Field] = true
	inward := edge{from: j, to: i, fromPath: r.Field, toPath: f.Path}
	switch r.Direction {
	case dataset.From:
		w.directed = append(w.directed, inward)
	case dataset.To:
		w.directed = append(w.directed, inward.reversed())
	default:
		w.either = append(w.either, inward)
	}
}

// skipped says whether a reference ends at a collection that is kept out of
// the graph on purpose: then nothing dangles, and nothing is carried.
func skipped(datasets []dataset.Dataset, a dataset.Address) bool {
	for i := range datasets {
		if datasets[i].Key != a.Dataset {
			continue
		}
		for j := range datasets[i].Collections {
			if c := &datasets[i].Collections[j]; c.Address == a {
				return c.Skip
			}
		}
	}
	return false
}

func (e edge) reversed() edge {
	return edge{from: e.to, to: e.from, fromPath: e.toPath, toPath: e.fromPath}
}

const unreached = int(^uint(0) >> 1)

// depths counts the steps from the nearest identity among types to each
// collection; unreached where there is no way.
func (w *web) depths(types []subject.Type) []int {
	next := make([][]int, len(w.collections))
	for _, e := range w.directed {
		next[e.from] = append(next[e.from], e.to)
	}
	for _, e := range w.either {
		next[e.from] = append(next[e.from], e.to)
		next[e.to] = append(next[e.to], e.from)
	}
	depth := make([]int, len(w.collections))
	for i := range depth {
		depth[i] = unreached
	}
	var queue []int
	for _, s := range w.seeds {
		if slices.Contains(types, s.identity) && depth[s.to] == unreached && w.askable(s.to, types, depth) {
			depth[s.to] = 0
			queue = append(queue, s.to)
		}
	}
	for len(queue) > 0 {
		at := queue[0]
		queue = queue[1:]
		for _, n := range next[at] {
			if depth[n] == unreached && w.askable(n, types, depth) {
				depth[n] = depth[at] + 1
				queue = append(queue, n)
			}
		}
	}
	return depth
}

// oriented gives every edge among reached collections its direction: a
// reference that declares none leads away from the identity, by depth, then
// by address. The result is sorted.
func (w *web) oriented(depth []int) []edge {
	var edges []edge
	for _, e := range w.directed {
		if depth[e.from] != unreached && depth[e.to] != unreached {
			edges = append(edges, e)
		}
	}
	for _, e := range w.either {
		if depth[e.from] == unreached || depth[e.to] == unreached {
			continue
		}
		if depth[e.to] < depth[e.from] || depth[e.to] == depth[e.from] && e.to < e.from {
			e = e.reversed()
		}
		edges = append(edges, e)
	}
	slices.SortFunc(edges, func(a, b edge) int {
		return cmp.Or(cmp.Compare(a.to, b.to), cmp.Compare(a.from, b.from),
			cmp.Compare(a.toPath, b.toPath), cmp.Compare(a.fromPath, b.fromPath))
	})
	return slices.Compact(edges)
}

// ancestors marks the targets and everything that leads to them.
func ancestors(n int, edges []edge, targets []bool) []bool {
	before := make([][]int, n)
	for _, e := range edges {
		before[e.to] = append(before[e.to], e.from)
	}
	marked := make([]bool, n)
	var stack []int
	for i, t := range targets {
		if t {
			marked[i] = true
			stack = append(stack, i)
		}
	}
	for len(stack) > 0 {
		at := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		for _, b := range before[at] {
			if !marked[b] {
				marked[b] = true
				stack = append(stack, b)
			}
		}
	}
	return marked
}

// groups gives each collection the number of its strongly connected group
// (Tarjan 1972), and whether the group is a cycle.
func groups(n int, edges []edge) (group []int, cyclic []bool) {
	next := make([][]int, n)
	loop := make([]bool, n)
	for _, e := range edges {
		next[e.from] = append(next[e.from], e.to)
		loop[e.from] = loop[e.from] || e.from == e.to
	}
	group = make([]int, n)
	number, low := make([]int, n), make([]int, n)
	onStack := make([]bool, n)
	var stack []int
	count := 0
	var visit func(int)
	visit = func(v int) {
		count++
		number[v], low[v] = count, count
		stack = append(stack, v)
		onStack[v] = true
		for _, u := range next[v] {
			if number[u] == 0 {
				visit(u)
				low[v] = min(low[v], low[u])
			} else if onStack[u] {
				low[v] = min(low[v], number[u])
			}
		}
		if low[v] != number[v] {
			return
		}
		size, self := 0, false
		for {
			u := stack[len(stack)-1]
			stack = stack[:len(stack)-1]
			onStack[u] = false
			group[u] = len(cyclic)
			size, self = size+1, self || loop[u]
			if u == v {
				break
			}
		}
		cyclic = append(cyclic, size > 1 || self)
	}
	for v := range n {
		if number[v] == 0 {
			visit(v)
		}
	}
	return group, cyclic
}

// sorted puts the members of a graph in an order in which each comes after
// what it must come after, by name where there is a choice. What could not be
// placed lies on a circle or behind one.
func sorted(members []int, before map[int][]int) (order, stuck []int) {
	waiting := map[int]int{}
	after := map[int][]int{}
	in := map[int]bool{}
	for _, m := range members {
		in[m] = true
	}
	for _, m := range members {
		for _, b := range before[m] {
			if in[b] && b != m {
				waiting[m]++
				after[b] = append(after[b], m)
			}
		}
	}
	ready := slices.DeleteFunc(slices.Clone(members), func(m int) bool { return waiting[m] > 0 })
	slices.Sort(ready)
	for len(ready) > 0 {
		m := ready[0]
		ready = ready[1:]
		order = append(order, m)
		for _, a := range after[m] {
			if waiting[a]--; waiting[a] == 0 {
				at, _ := slices.BinarySearch(ready, a)
				ready = slices.Insert(ready, at, a)
			}
		}
	}
	for _, m := range members {
		if waiting[m] > 0 {
			stuck = append(stuck, m)
		}
	}
	return order, stuck
}
