package http

import (
	"fmt"
	"iter"
	"slices"
	"strings"

	"volenti.dev/volenti/connector"
	"volenti.dev/volenti/datamap/value"
)

// mostCalls bounds the first pages that one request of a read asks for.
const mostCalls = 100_000

// Input is something that an endpoint is asked by: a param value of its read
// requests, or what is kept beside its rows for filters and for masks. A
// connector.Match names it as its column.
type Input struct {
	Name       string
	Identity   string      // the type of identity that it is, or
	References []Reference // the fields that it comes from
	// Group: it comes together with the other inputs of the group, in one Match.
	Group bool
	// Filter: nothing is asked by it. Rows are compared with it, or masked by it.
	Filter bool
}

func (in Input) same(o Input) bool {
	return in.Identity == o.Identity && in.Filter == o.Filter && slices.Equal(in.References, o.References)
}

// Inputs gives what an endpoint is asked by, in the order of the description.
// Two values of one name that come from different places are two inputs: the
// second is called name_2.
func (e *Endpoint) Inputs() []Input {
	var all []Input
	for i := range e.Read {
		for _, n := range e.named(i) {
			if !slices.ContainsFunc(all, func(in Input) bool { return in.Name == n.Name }) {
				all = append(all, n.Input)
			}
		}
	}
	return append(all, e.besides(all)...)
}

// besides gives what only masks need: identities and references of other
// collections that no read is asked by.
func (e *Endpoint) besides(asked []Input) []Input {
	var more []Input
	for _, r := range e.masks {
		for _, in := range r.inputs() {
			known := func(o Input) bool { return in.from(o) }
			if e.own(in.References) || slices.ContainsFunc(asked, known) || slices.ContainsFunc(more, known) {
				continue
			}
			if !in.Filter {
				in.Name = "mask_" + in.Name
			}
			for slices.ContainsFunc(slices.Concat(asked, more), func(o Input) bool { return o.Name == in.Name }) {
				in.Name += "_2"
			}
			in.Group, in.Filter = false, true
			more = append(more, in)
		}
	}
	return more
}

// from says whether two inputs hold the same values.
func (in Input) from(o Input) bool {
	if in.Identity != "" {
		return in.Identity == o.Identity
	}
	return slices.ContainsFunc(in.References, func(ref Reference) bool { return slices.Contains(o.References, ref) })
}

// own says whether one of the references is to the endpoint's rows.
func (e *Endpoint) own(all []Reference) bool {
	return slices.ContainsFunc(all, func(ref Reference) bool {
		collection, _, _ := strings.Cut(ref.Field, ".")
		return ref.External == "" && collection == e.Name && (ref.Dataset == Instance || ref.Dataset == e.dataset)
	})
}

// named is an input and what the request calls it.
type named struct {
	Input
	as string
}

// named gives the inputs of the read request i.
func (e *Endpoint) named(i int) []named {
	var before []Input
	var mine []named
	for k := 0; k <= i; k++ {
		mine = mine[:0]
		for _, in := range e.Read[k].inputs() {
			as := in.Name
			for n := 2; ; n++ {
				at := slices.IndexFunc(before, func(b Input) bool { return b.Name == in.Name })
				if at < 0 {
					before = append(before, in)
					break
				}
				if before[at].same(in) {
					break
				}
				in.Name = fmt.Sprintf("%s_%d", as, n)
			}
			mine = append(mine, named{in, as})
		}
	}
	return mine
}

// inputs gives the inputs of one request under its own names.
func (r *Request) inputs() []Input {
	var all []Input
	for _, v := range r.Values {
		if v.Param == "" {
			all = append(all, Input{Name: v.Name, Identity: v.Identity, References: v.References, Group: len(v.References) > 0 && slices.Contains(r.Grouped, v.Name)})
		}
	}
	for _, p := range r.Processors {
		if name := p.input(); name != "" {
			in := Input{Name: name, Identity: p.Identity, Filter: true}
			if dataset, field, _ := strings.Cut(p.Dataset, "."); p.Dataset != "" {
				in.References = []Reference{{Dataset: dataset, Field: field}}
			}
			all = append(all, in)
		}
	}
	return all
}

// input names what a filter compares with, "" when that is written in it.
func (p Processor) input() string {
	switch {
	case p.Identity != "":
		return "filter_" + p.Identity
	case p.Dataset != "":
		return "filter_" + strings.ReplaceAll(p.Dataset, ".", "_")
	}
	return ""
}

// factor is a list of alternatives, each a value for one name or for several
// that belong together.
type factor []values

// given are the values of the matches by column, and those that came together.
type given struct {
	single map[string][]any
	tuples []connector.Match
}

// take sorts what a read was given: the columns of matches are fields below
// InputsColumn. Values that are the same are taken once, and null is none.
func take(where []connector.Match) given {
	g := given{single: map[string][]any{}}
	seen := map[string]bool{}
	for _, m := range where {
		m.Columns = namesOf(m.Columns)
		if len(m.Columns) > 1 {
			g.tuples = append(g.tuples, m)
		}
		for _, t := range m.Tuples {
			for k, column := range m.Columns {
				key := column + " " + value.Key(t[k])
				if t[k] != nil && !seen[key] {
					seen[key] = true
					g.single[column] = append(g.single[column], t[k])
				}
			}
		}
	}
	return g
}

// namesOf gives the names of inputs that are given as fields of a row.
func namesOf(columns []string) []string {
	names := make([]string, len(columns))
	for i, column := range columns {
		names[i] = strings.TrimPrefix(column, InputsColumn+".")
	}
	return names
}

// factors gives the alternatives of a request, and false when it is not to be
// made: what it refers to was not found, or no identity that it needs is
// known.
func (e *Endpoint) factors(i int, g given, secrets values) ([]factor, bool) {
	r := &e.Read[i]
	var all []factor
	identities, known := 0, 0
	var grouped []named
	for _, in := range e.named(i) {
		if in.Filter {
			continue
		}
		if in.Group {
			grouped = append(grouped, in)
			continue
		}
		f := alternatives(in.as, g.single[in.Name], r.value(in.as).Unpack)
		switch {
		case in.Identity == "" && len(f) == 0:
			return nil, false
		case in.Identity != "":
			identities++
			if len(f) > 0 {
				known++
			} else if r.needs(in.as) {
				return nil, false
			}
		}
		if len(f) > 0 {
			all = append(all, f)
		}
	}
	if identities > 0 && known == 0 {
		return nil, false
	}
	if len(grouped) > 0 {
		f := g.together(grouped, r)
		if len(f) == 0 {
			return nil, false
		}
		all = append(all, f)
	}
	for _, v := range r.Values {
		if v.Param == "" || secrets[v.Param] == nil {
			continue
		}
		all = append(all, alternatives(v.Name, []any{secrets[v.Param]}, v.Unpack))
	}
	return all, true
}

// alternatives leaves out blank texts, which stand for nothing: asked by one, a
// vendor may give everybody.
func alternatives(name string, found []any, unpack bool) factor {
	var f factor
	for _, v := range found {
		for _, one := range unpacked(v, unpack) {
			if text, ok := one.(string); !ok || strings.TrimSpace(text) != "" {
				f = append(f, values{name: one})
			}
		}
	}
	return f
}

// unpacked gives the elements of a list, however deep, or the value itself.
func unpacked(v any, unpack bool) []any {
	list, ok := v.([]any)
	if !ok || !unpack {
		return []any{v}
	}
	var all []any
	for _, element := range list {
		if element != nil {
			all = append(all, unpacked(element, true)...)
		}
	}
	return all
}

// together gives the alternatives of a group: for each tuple the product of
// what is in it.
func (g given) together(group []named, r *Request) factor {
	var f factor
	seen := map[string]bool{}
	for _, m := range g.matches(group) {
		for _, t := range m.Tuples {
			var parts []factor
			for _, in := range group {
				at := slices.Index(m.Columns, in.Name)
				if at < 0 || t[at] == nil {
					parts = nil
					break
				}
				parts = append(parts, alternatives(in.as, []any{t[at]}, r.value(in.as).Unpack))
			}
			if parts == nil {
				continue
			}
			for one := range product(parts) {
				if key := value.Key(map[string]any(one)); !seen[key] {
					seen[key] = true
					f = append(f, one)
				}
			}
		}
	}
	return f
}

// matches gives those that a group comes from: a group of one comes alone.
func (g given) matches(group []named) []connector.Match {
	if len(group) > 1 {
		return g.tuples
	}
	m := connector.Match{Columns: []string{group[0].Name}}
	for _, v := range g.single[group[0].Name] {
		m.Tuples = append(m.Tuples, connector.Tuple{v})
	}
	return []connector.Match{m}
}

// product gives every choice of one alternative from each factor.
func product(factors []factor) iter.Seq[values] {
	return func(yield func(values) bool) {
		at := make([]int, len(factors))
		for {
			one := values{}
			for k, f := range factors {
				if len(f) == 0 {
					return
				}
				for name, v := range f[at[k]] {
					one[name] = v
				}
			}
			if !yield(one) {
				return
			}
			k := len(at) - 1
			for ; k >= 0; k-- {
				if at[k]++; at[k] < len(factors[k]) {
					break
				}
				at[k] = 0
			}
			if k < 0 {
				return
			}
		}
	}
}

// size is how many choices product gives, at most a little over mostCalls.
func size(factors []factor) int {
	n := 1
	for _, f := range factors {
		if n *= len(f); n > mostCalls {
			return mostCalls + 1
		}
	}
	return n
}
