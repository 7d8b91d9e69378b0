package dataset

import "slices"

// As gives a dataset under another key, with whatever in it names the former one.
// Nothing that it holds is shared but strategies.
func (d Dataset) As(key string) Dataset {
	former := d.Key
	d.Key = key
	d.Collections = slices.Clone(d.Collections)
	for i := range d.Collections {
		c := &d.Collections[i]
		c.Address.Dataset = key
		c.Fields = copied(c.Fields)
	}
	d.Rename(former, key)
	return d
}

// Rename puts another key in the place of one that its references and its order
// name.
func (d *Dataset) Rename(former, key string) {
	renamed := func(all []Address) []Address {
		all = slices.Clone(all)
		for i := range all {
			if all[i].Dataset == former {
				all[i].Dataset = key
			}
		}
		return all
	}
	for i := range d.Collections {
		c := &d.Collections[i]
		c.After, c.EraseAfter = renamed(c.After), renamed(c.EraseAfter)
		c.Walk(func(f *Field) {
			for k := range f.References {
				if to := &f.References[k].Target; to.Dataset == former {
					to.Dataset = key
				}
			}
		})
	}
}

func copied(fields []Field) []Field {
	fields = slices.Clone(fields)
	for i := range fields {
		fields[i].References = slices.Clone(fields[i].References)
		fields[i].Fields = copied(fields[i].Fields)
	}
	return fields
}
