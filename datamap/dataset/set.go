package dataset

import (
	"iter"
	"maps"
	"slices"

	"volenti.dev/volenti/config/source"
)

// Set is the datasets of a configuration. Their keys are unique.
type Set []Dataset

// Add takes a dataset in, unless its key is taken: then that is reported.
func (s *Set) Add(d Dataset, r *source.Report) {
	if before := s.Dataset(d.Key); before != nil {
		r.Errorf(d.At, "rename or remove one of them", "the dataset %s is already described at %s", d.Key, before.At)
		return
	}
	*s = append(*s, d)
}

// Dataset finds a dataset by its key, nil when there is none.
func (s Set) Dataset(key string) *Dataset {
	for i := range s {
		if s[i].Key == key {
			return &s[i]
		}
	}
	return nil
}

// Collection finds a collection, nil when there is none.
func (s Set) Collection(a Address) *Collection {
	if d := s.Dataset(a.Dataset); d != nil {
		return d.Collection(a.Collection)
	}
	return nil
}

// Collection finds a collection by its name, nil when there is none.
func (d *Dataset) Collection(name string) *Collection {
	for i := range d.Collections {
		if d.Collections[i].Address.Collection == name {
			return &d.Collections[i]
		}
	}
	return nil
}

// All gives the datasets in the order of the configuration.
func (s Set) All() []Dataset { return s }

// Collections gives every collection, in the order of the configuration.
func (s Set) Collections() iter.Seq[*Collection] {
	return func(yield func(*Collection) bool) {
		for i := range s {
			for j := range s[i].Collections {
				if !yield(&s[i].Collections[j]) {
					return
				}
			}
		}
	}
}

// CheckReferences reports the references that lead nowhere. Only the plans
// that need such a reference fail (D10).
func (s Set) CheckReferences(r *source.Report) {
	x := s.index()
	for c := range s.Collections() {
		c.Walk(func(f *Field) {
			for _, ref := range f.References {
				x.reference(c, f, ref, r)
			}
		})
	}
}

// index finds things by name in one step.
type index struct {
	datasets    map[string]map[string]*Collection
	collections map[Address]*Collection
	paths       map[Address]map[string]bool
}

func (s Set) index() index {
	x := index{map[string]map[string]*Collection{}, map[Address]*Collection{}, map[Address]map[string]bool{}}
	for i := range s {
		x.datasets[s[i].Key] = map[string]*Collection{}
	}
	for c := range s.Collections() {
		x.datasets[c.Address.Dataset][c.Address.Collection] = c
		x.collections[c.Address] = c
		paths := map[string]bool{}
		c.Walk(func(f *Field) { paths[f.Path] = true })
		x.paths[c.Address] = paths
	}
	return x
}

func (x index) reference(c *Collection, f *Field, ref Reference, r *source.Report) {
	from := c.Address.String() + "." + f.Path
	if !x.exists(ref.Target, from+" refers to", ref.At, r) {
		return
	}
	switch paths := x.paths[ref.Target]; {
	case !paths[ref.Field]:
		r.Errorf(ref.At, source.DidYouMean(ref.Field, maps.Keys(paths), "describe the field, or mend the reference"),
			"%s refers to the field %s, which %s does not have", from, ref.Field, ref.Target)
	case x.collections[ref.Target].Skip && !c.Skip:
		r.Warnf(ref.At, "remove the reference, or skip_processing from "+ref.Target.String(),
			"%s refers to %s, which is not processed: nothing is found through it", from, ref.Target)
	}
}

// exists reports an address that names no collection; what says who names it.
func (x index) exists(a Address, what string, at source.Position, r *source.Report) bool {
	collections, known := x.datasets[a.Dataset]
	switch {
	case !known:
		r.Errorf(at, source.DidYouMean(a.Dataset, maps.Keys(x.datasets), "describe the dataset, or mend the name"),
			"%s the dataset %s, which is not described", what, a.Dataset)
		return false
	case collections[a.Collection] == nil:
		r.Errorf(at, source.DidYouMean(a.Collection, maps.Keys(collections), "describe the collection, or mend the name"),
			"%s the collection %s, which the dataset %s does not have", what, a.Collection, a.Dataset)
		return false
	}
	return true
}

// IdentityTypes lists the types of identities by which a person can be found,
// sorted.
func (s Set) IdentityTypes() []string {
	known := map[string]bool{}
	for c := range s.Collections() {
		c.Walk(func(f *Field) {
			if f.Identity != "" {
				known[f.Identity] = true
			}
		})
	}
	return slices.Sorted(maps.Keys(known))
}
