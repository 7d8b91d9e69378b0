package config

import (
	"slices"

	"volenti.dev/volenti/config/source"
	"volenti.dev/volenti/datamap/inventory"
)

// DatasetOf reads which dataset a text describes that is to be made, and for which
// connection. Such a text describes one dataset and nothing else: who may describe
// data may not say what requests do with it.
func DatasetOf(connection string, text []byte) (inventory.Made, []source.Problem) {
	var report source.Report
	m := inventory.Made{What: inventory.OfDataset, Of: connection, Text: text}
	file := m.Place()
	var entries []*source.Node
	for _, document := range source.Parse(file, text, &report) {
		says := document.Mapping("the description of a dataset", &report)
		for _, key := range says.Keys() {
			if key != "dataset" {
				report.Errorf(says.Where(key), "remove it here, and keep it in a configuration directory", "%q is no part of the description of a dataset", key)
			}
		}
		entries = append(entries, says.List("dataset")...)
	}
	switch {
	case report.Errors() > 0:
	case len(entries) == 0:
		report.Errorf(source.Position{File: file, Line: 1, Column: 1}, "begin with dataset: and, below it, - fides_key: ...", "the text describes no dataset")
	case len(entries) > 1:
		report.Errorf(entries[1].At, "make another dataset of it", "the text describes a second dataset")
	}
	if len(entries) > 0 {
		says := entries[0].Mapping("a dataset", &report)
		if m.Key = says.String("fides_key"); m.Key != "" && !ValidKey(m.Key) {
			report.Errorf(says.Where("fides_key"), "use up to "+mostKeyText+" letters, digits, _ . and -, a letter or digit first", "%q cannot be the key of a dataset that is made here", m.Key)
		}
	}
	return m, report.Problems()
}

// WrongWith gives what is wrong in a configuration with a dataset that was made:
// everything that lies in its text, warnings too, and errors elsewhere that there
// were not before.
func WrongWith(before, after []source.Problem, m inventory.Made) []source.Problem {
	elsewhere := fresh(before, after)
	return slices.DeleteFunc(slices.Clone(after), func(p source.Problem) bool {
		return p.File != m.Place() && !slices.Contains(elsewhere, p)
	})
}

// attach gives connections the datasets that were made for them.
func (l *loader) attach() {
	for i := range l.config.Datasets {
		d := &l.config.Datasets[i]
		m, made := l.elsewhere[d.At.File]
		if !made || m.Of == "" {
			continue
		}
		at := slices.IndexFunc(l.config.Connections, func(c Connection) bool { return c.Key == m.Of })
		if at < 0 {
			l.report.Errorf(d.At, "make the connection again, or describe the dataset for another", "the dataset %s is one of the connection %s, which is not there", d.Key, m.Of)
			continue
		}
		c := &l.config.Connections[at]
		spec := l.Registry[c.Type]
		switch {
		case spec.Endpoints != nil:
			l.report.Errorf(d.At, "keep another description in a configuration directory", "the connection %s is one to a vendor, whose description says what it holds", c.Key)
		case spec.Asks, c.Called:
			l.report.Errorf(d.At, "describe it for another connection", "the connection %s has no datasets", c.Key)
		case !slices.Contains(c.Datasets, d.Key):
			c.Datasets, c.datasetsAt = append(c.Datasets, d.Key), append(c.datasetsAt, d.At)
		}
	}
}
