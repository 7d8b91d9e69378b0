package dataset

import (
	"maps"
	"slices"
	"strings"

	"volenti.dev/volenti/config/source"
)

// CheckOrder reports every after and erase_after that names nothing or that
// cannot be kept, because it leads around in a circle (D12).
func (s Set) CheckOrder(r *source.Report) {
	x := s.index()
	for i := range s {
		for _, key := range s[i].After {
			if s.Dataset(key) == nil {
				r.Errorf(s[i].At, source.DidYouMean(key, maps.Keys(x.datasets), "describe the dataset, or remove it from after"),
					"the dataset %s is to be read after the dataset %s, which is not described", s[i].Key, key)
			}
		}
	}
	for c := range s.Collections() {
		for _, a := range c.After {
			x.exists(a, c.Address.String()+" is to be read after", c.At, r)
		}
		for _, a := range c.EraseAfter {
			x.exists(a, c.Address.String()+" is to be erased after", c.At, r)
		}
	}
	s.readingOrder().report(r, "after", "read")
	s.erasingOrder().report(r, "erase_after", "erased")
}

// order says what waits for what.
type order struct {
	waits map[string][]string
	at    map[string]source.Position // of what messages name
}

// readingOrder has a node for each collection and two for each dataset, its
// begin and its end: a collection waits for the begin of its dataset, the
// begin for the ends of the datasets before, an end for all collections.
func (s Set) readingOrder() order {
	o := order{map[string][]string{}, map[string]source.Position{}}
	for _, d := range s {
		begin, end := "begin "+d.Key, "end "+d.Key
		o.waits[end] = append(o.waits[end], begin)
		for _, before := range d.After {
			o.waits[begin] = append(o.waits[begin], "end "+before)
		}
		o.at[begin] = d.At
		for _, c := range d.Collections {
			name := c.Address.String()
			o.at[name] = c.At
			o.waits[name] = append(o.waits[name], begin)
			o.waits[end] = append(o.waits[end], name)
			for _, before := range c.After {
				o.waits[name] = append(o.waits[name], before.String())
			}
		}
	}
	return o
}

func (s Set) erasingOrder() order {
	o := order{map[string][]string{}, map[string]source.Position{}}
	for c := range s.Collections() {
		name := c.Address.String()
		o.at[name] = c.At
		for _, before := range c.EraseAfter {
			o.waits[name] = append(o.waits[name], before.String())
		}
	}
	return o
}

// report spells out the circles; one for each part of the order that has any.
func (o order) report(r *source.Report, key, done string) {
	told := map[string]bool{}
	for _, circle := range o.circles() {
		again := slices.ContainsFunc(circle, func(n string) bool { return told[n] })
		for _, n := range circle {
			told[n] = true
		}
		if again {
			continue
		}
		names := shown(circle)
		first := slices.Index(names, slices.Min(names))
		names = slices.Concat(names[first:], names[:first], names[first:first+1])
		label := strings.ReplaceAll(strings.Join(names, " after "), "begin ", "the dataset ")
		r.Errorf(o.at[names[0]], "remove one "+key+" of the circle, on a collection or on its dataset",
			"%s leads around in a circle, so that nothing can be %s first: %s", key, done, label)
	}
}

// shown gives the collections of a circle, its datasets where there are none.
func shown(circle []string) []string {
	var collections, datasets []string
	for _, name := range circle {
		switch {
		case strings.HasPrefix(name, "begin "):
			datasets = append(datasets, name)
		case !strings.HasPrefix(name, "end "):
			collections = append(collections, name)
		}
	}
	if collections != nil {
		return collections
	}
	return datasets
}

// circles walks the order depth first and gives the way around wherever it
// comes back to where it has been on the way.
func (o order) circles() [][]string {
	const onTheWay, left = 1, 2
	state := map[string]int{}
	var way []string
	var circles [][]string
	var visit func(string)
	visit = func(name string) {
		state[name] = onTheWay
		way = append(way, name)
		for _, before := range o.waits[name] {
			switch state[before] {
			case onTheWay:
				circles = append(circles, slices.Clone(way[slices.Index(way, before):]))
			case left:
			default:
				visit(before)
			}
		}
		way = way[:len(way)-1]
		state[name] = left
	}
	for _, name := range slices.Sorted(maps.Keys(o.waits)) {
		if state[name] == 0 {
			visit(name)
		}
	}
	return circles
}
