package server

import (
	"context"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"volenti.dev/volenti/api"
	"volenti.dev/volenti/config"
	"volenti.dev/volenti/config/source"
	"volenti.dev/volenti/datamap/inventory"
	"volenti.dev/volenti/datamap/value"
)

// descriptions are the datasets of the configuration that was applied.
type descriptions struct {
	latest *Latest
	now    func() time.Time
}

var _ api.Datasets = descriptions{}

// Described implements api.Datasets. Files are named as they are in the directory
// that was applied: where that lies on somebody's machine concerns nobody.
func (d descriptions) Described(ctx context.Context, tenant string) (all []api.DescribedDataset, found []source.Problem, err error) {
	files, made, aside, err := d.latest.parts(ctx, tenant)
	if err != nil {
		return nil, nil, err
	}
	files = within(files)
	c, found := d.judged(files, made)
	c.Adopt(aside)
	for _, set := range c.Datasets.All() {
		one := api.DescribedDataset{Dataset: set}
		for _, conn := range c.Connections {
			if slices.Contains(conn.Datasets, set.Key) {
				one.Connection = conn.Key
			}
		}
		for _, f := range files {
			one.Text += f.Block(set.At)
		}
		if i := slices.IndexFunc(made, func(m inventory.Made) bool { return m.Place() == set.At.File }); i >= 0 {
			one = inFull(one, made[i])
		} else {
			one.Managed = true
		}
		all = append(all, one)
	}
	return all, found, nil
}

// judged reads what there is, and finds all that volenti check finds.
func (d descriptions) judged(files []source.File, made []inventory.Made) (*config.Config, []source.Problem) {
	c, found := config.ReadWith(files, made, d.latest.options)
	return c, source.Sort(slices.Concat(found, config.Check(c), config.CheckDates(c, d.today())))
}

func (d descriptions) today() value.Date { return value.Date(d.now().UTC().Format(time.DateOnly)) }

// inFull is a dataset with all of the text that it was made of.
func inFull(d api.DescribedDataset, m inventory.Made) api.DescribedDataset {
	d.Text, d.At = string(m.Text), source.Position{File: m.Place(), Line: 1, Column: 1}
	return d
}

// within names files from the directory on that all of them lie in.
func within(files []source.File) []source.File {
	if len(files) == 0 {
		return nil
	}
	dir := filepath.Dir(files[0].Name)
	for _, f := range files[1:] {
		for dir != filepath.Dir(dir) && !strings.HasPrefix(f.Name, dir+string(filepath.Separator)) {
			dir = filepath.Dir(dir)
		}
	}
	named := slices.Clone(files)
	for i, f := range named {
		if rel, err := filepath.Rel(dir, f.Name); err == nil {
			named[i].Name = rel
		}
	}
	return named
}
