package config

import (
	"slices"
	"strings"

	"volenti.dev/volenti/config/source"
	"volenti.dev/volenti/connector"
	"volenti.dev/volenti/datamap/dataset"
)

// vendors reads descriptions of vendors: a kind of connector each. One whose type is
// that of a description that comes with Volenti takes its place.
func (l *loader) vendors(key string, n *source.Node) {
	entries := []*source.Node{n}
	if n.Kind == source.List {
		entries = n.List(key, &l.report)
	}
	for _, entry := range entries {
		if l.Describe == nil {
			l.report.Errorf(entry.At, "remove it", "descriptions of vendors are not read here")
			return
		}
		spec, whole := l.Describe(entry, &l.report)
		if !whole {
			continue
		}
		before, given := l.config.described[spec.Type]
		switch known, taken := l.Registry[spec.Type]; {
		case given:
			l.report.Errorf(entry.At, "give one of them another type", "the type %s is already described at %s", spec.Type, before)
		case taken && known.Endpoints == nil:
			l.report.Errorf(entry.At, "give it another type", "%s is a type of connector that needs no description", spec.Type)
		default:
			l.config.described[spec.Type] = entry.At
			l.Registry[spec.Type] = spec
		}
	}
}

// asked gives a connection to a vendor the dataset of what it holds, and the
// collections of that what they are asked by. The dataset that it lists counts; where
// that is not described, or none is listed, it is the one that comes with the
// description. An empty list means that no request goes there.
func (l *loader) asked(c *Connection, m *source.Mapping, spec connector.Spec) {
	switch {
	case spec.Endpoints == nil, c.Key == "", m.Has("datasets") && len(c.Datasets) == 0:
		return
	case len(c.Datasets) > 1:
		l.report.Errorf(m.Where("datasets"), "name one, and connect it again for the others", "the connection %s has %d datasets, and one to a vendor has one", c.Key, len(c.Datasets))
		return
	}
	key := c.Key
	if len(c.Datasets) == 1 {
		key = c.Datasets[0]
	}
	d := l.config.Datasets.Dataset(key)
	if d == nil && !c.Disabled {
		if template := l.template(c, spec); template != nil {
			l.config.Datasets.Add(template.As(key), &l.report)
			d = l.config.Datasets.Dataset(key)
		}
	}
	if d == nil {
		return // assign says so of one that is listed
	}
	if len(c.Datasets) == 0 {
		c.Datasets, c.datasetsAt = []string{key}, []source.Position{c.At}
	}
	secrets := map[string]string{}
	for name, secret := range c.Secrets {
		secrets[name] = secret.Reveal()
	}
	d.Rename(connector.Instance, key)
	l.join(d, c, spec.Endpoints(secrets, key))
}

// template finds the dataset of what connections of a type hold, nil when there is
// none: for a type that the directory describes one in the same file, or the only one.
func (l *loader) template(c *Connection, spec connector.Spec) *dataset.Dataset {
	at, own := l.config.described[spec.Type]
	if !own {
		return l.embedded(spec)
	}
	var beside, elsewhere []*dataset.Dataset
	for i := range l.templates {
		if t := &l.templates[i]; t.At.File == at.File {
			beside = append(beside, t)
		} else {
			elsewhere = append(elsewhere, t)
		}
	}
	switch {
	case len(beside) == 1:
		return beside[0]
	case len(beside) == 0 && len(elsewhere) == 1 && len(l.config.described) == 1:
		return elsewhere[0]
	case len(l.templates) > 0:
		l.report.Errorf(c.At, "put each saas_config with its dataset into a file of their own, or name a described dataset in datasets", "it cannot be told which dataset %s is that of the type %s", connector.Instance, spec.Type)
	}
	return nil
}

// orphans warns of datasets that belong to a description which is not there.
func (l *loader) orphans() {
	for _, t := range l.templates {
		if len(l.config.described) == 0 {
			l.report.Warnf(t.At, "give it a key of its own, or add the saas_config", "the dataset %s belongs to a description of a vendor, and there is none", connector.Instance)
		}
	}
}

// embedded reads the dataset that comes with a type, once.
func (l *loader) embedded(spec connector.Spec) *dataset.Dataset {
	if d, known := l.shipped[spec.Type]; known || spec.Dataset == nil {
		return d
	}
	for _, n := range source.Parse(spec.Type+".yml", spec.Dataset, &l.report) {
		for _, entry := range n.Mapping("a description", &l.report).List("dataset") {
			d, _ := dataset.Decode(entry, &l.report, l.config.Taxonomy)
			l.shipped[spec.Type] = &d
		}
	}
	return l.shipped[spec.Type]
}

// join adds to the collections of a vendor what they are asked by, as fields below
// connector.InputsColumn, and their order.
func (l *loader) join(d *dataset.Dataset, c *Connection, endpoints []connector.Endpoint) {
	names := func(yield func(string) bool) {
		for _, e := range endpoints {
			if !yield(e.Name) {
				return
			}
		}
	}
	for i := range d.Collections {
		collection := &d.Collections[i]
		name := collection.Address.Collection
		at := slices.IndexFunc(endpoints, func(e connector.Endpoint) bool { return e.Name == name })
		switch inputs := collection.Field(connector.InputsColumn); {
		case at < 0:
			l.report.Errorf(collection.At, source.DidYouMean(name, names, "remove it, or add it to the endpoints"), "%s is none of the endpoints of the type %s", collection.Address, c.Type)
		case inputs != nil && inputs.Input: // of another connection that names the dataset
		case inputs != nil:
			l.report.Errorf(inputs.At, "use another name", "%s cannot have a field %s: it is what rows are asked by", collection.Address, connector.InputsColumn)
		default:
			l.unasked(collection)
			e := endpoints[at]
			collection.Skip, collection.Masks = collection.Skip || e.Skip, e.Masks
			collection.After = append(collection.After, described(d, e.After)...)
			collection.EraseAfter = append(collection.EraseAfter, described(d, e.EraseAfter)...)
			collection.Fields = append(collection.Fields, inputsOf(e, d.Key, c.At))
			for _, way := range e.Ways {
				paths := make([]string, len(way))
				for k, input := range way {
					paths[k] = connector.InputsColumn + "." + input
				}
				collection.Ways = append(collection.Ways, paths)
			}
		}
	}
}

// unasked warns of fields that nobody can ask by, though they look like it.
func (l *loader) unasked(c *dataset.Collection) {
	c.Walk(func(f *dataset.Field) {
		if f.Identity != "" || slices.ContainsFunc(f.References, func(r dataset.Reference) bool { return r.Direction == dataset.From }) {
			l.report.Warnf(f.At, "add it to the param_values of the description, and remove it here", "%s.%s leads to no rows: a vendor is asked by what its description says", c.Address, f.Path)
		}
	})
}

// described gives the addresses of what is described of an order: a dataset may leave
// endpoints out.
func described(d *dataset.Dataset, order []string) (all []dataset.Address) {
	for _, text := range order {
		dot := strings.LastIndex(text, ".")
		if dot < 0 {
			continue
		}
		a := dataset.Address{Dataset: text[:dot], Collection: text[dot+1:]}
		if a.Dataset == connector.Instance {
			a.Dataset = d.Key
		}
		if a.Dataset != d.Key || d.Collection(a.Collection) != nil {
			all = append(all, a)
		}
	}
	return all
}

// inputsOf makes fields of what an endpoint is asked by.
func inputsOf(e connector.Endpoint, key string, at source.Position) dataset.Field {
	inputs := dataset.Field{Name: connector.InputsColumn, Path: connector.InputsColumn, Input: true, ReadOnly: true, At: at}
	for _, in := range e.Inputs {
		f := dataset.Field{Name: in.Name, Path: connector.InputsColumn + "." + in.Name, Identity: in.Identity, Input: true, Grouped: in.Grouped, ReadOnly: true, At: at}
		for _, ref := range in.References {
			if ref.Dataset == connector.Instance {
				ref.Dataset = key
			}
			f.References = append(f.References, dataset.Reference{Target: dataset.Address{Dataset: ref.Dataset, Collection: ref.Collection}, Field: ref.Field, Direction: dataset.From, At: at})
		}
		inputs.Fields = append(inputs.Fields, f)
	}
	return inputs
}
