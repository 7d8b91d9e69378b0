package relational

import (
	"slices"

	"volenti.dev/volenti/connector"
	"volenti.dev/volenti/datamap/value"
)

// write is an update of rows that all get the same values.
type write struct {
	changes []int // whose outcome it is
	where   []any // the key, and when narrow the values of all columns
	narrow  bool
	set     []int // columns, by their place in the batch
	values  []any // encoded, along set
	rows    int64 // that must be written
}

// judge compares the rows that were found with what each change read and
// wants, and gives what is to be written. Changes with the same key are
// judged together: each row belongs to the change that it fits.
func (p batch) judge(found map[string][][]any) ([]connector.Outcome, []write) {
	outcomes := make([]connector.Outcome, len(p.changes))
	var writes []write
	for i, c := range p.changes {
		if len(c.refused) > 0 {
			outcomes[i].Fields = c.refused
		}
		switch {
		case c.group == "":
			outcomes[i].Status, outcomes[i].Reason = connector.Failed, keyless
		case p.groups[c.group][0] == i:
			writes = append(writes, p.judgeGroup(p.groups[c.group], found[c.group], outcomes)...)
		}
	}
	return outcomes, writes
}

const keyless = "the key is null or not of its columns' types: the row cannot be told apart"

func (p batch) judgeGroup(members []int, rows [][]any, outcomes []connector.Outcome) []write {
	stray := false
	matched := make([]bool, len(members))
	var writes []write
	for _, row := range rows {
		fits := slices.DeleteFunc(slices.Clone(members), func(m int) bool { return !p.changes[m].fits(row) })
		if len(fits) == 0 {
			stray = true
			continue
		}
		for i, m := range members {
			matched[i] = matched[i] || slices.Contains(fits, m)
		}
		if w, ok := p.writeRow(row, p.writer(fits, row)); ok {
			w.changes = fits
			writes = merge(writes, w)
		}
	}
	if stray && len(members) == 1 {
		matched[0], writes = false, nil
	}
	for i, m := range members {
		o := &outcomes[m]
		switch {
		case len(rows) == 0:
			o.Status = connector.Missing
		case !matched[i] && stray:
			o.Status = connector.Conflict
		case !matched[i]:
			o.Status = connector.Missing
		case len(o.Fields) > 0 && !slices.Contains(p.changes[m].skip, false):
			o.Status, o.Reason = connector.Failed, "no column of the row can take its mask"
		default:
			o.Status = connector.AlreadyDone
		}
	}
	for _, w := range writes {
		for _, m := range w.changes {
			outcomes[m].Status = connector.Changed
		}
	}
	if !stray && p.alike(members) {
		return p.together(writes, len(rows))
	}
	return writes
}

// merge adds a write; rows that nothing tells apart are one write.
func merge(writes []write, w write) []write {
	for i := range writes {
		if value.Equal(writes[i].where, w.where) {
			writes[i].rows++
			return writes
		}
	}
	return append(writes, w)
}

// fits says that each column of a row holds what was read or its mask.
func (c change) fits(row []any) bool {
	for i, v := range row {
		if !c.skip[i] && !value.Equal(v, c.before[i]) && !value.Equal(v, c.after[i]) {
			return false
		}
	}
	return true
}

// writer picks the change that a row belongs to: rather one that read just
// this than one whose mask it holds.
func (p batch) writer(fits []int, row []any) change {
	holds := func(values func(change) []any) int {
		return slices.IndexFunc(fits, func(m int) bool {
			c := p.changes[m]
			for i, v := range row {
				if !c.skip[i] && !value.Equal(v, values(c)[i]) {
					return false
				}
			}
			return true
		})
	}
	best := holds(func(c change) []any { return c.before })
	if best < 0 {
		best = max(0, holds(func(c change) []any { return c.after }))
	}
	return p.changes[fits[best]]
}

// writeRow gives the update of one row, told apart by its values; ok is false
// when it holds its mask.
func (p batch) writeRow(row []any, c change) (w write, ok bool) {
	w = write{where: slices.Clone(c.key), narrow: true, rows: 1}
	for i, v := range row {
		if !c.skip[i] && !value.Equal(v, c.after[i]) {
			w.set = append(w.set, i)
			w.values = append(w.values, c.encoded[i])
		}
		w.where = append(w.where, v)
	}
	return w, len(w.set) > 0
}

// alike says that all of a group want the same, so that its rows need no
// telling apart.
func (p batch) alike(members []int) bool {
	first := p.changes[members[0]]
	return !slices.ContainsFunc(members[1:], func(m int) bool {
		c := p.changes[m]
		return !slices.Equal(c.skip, first.skip) || !value.Equal(c.after, first.after)
	})
}

// together makes one update by key of the updates of a group's rows.
func (p batch) together(writes []write, rows int) []write {
	if len(writes) == 0 {
		return nil
	}
	all := write{where: writes[0].where[:len(p.key)], rows: int64(rows)}
	for _, w := range writes {
		for i, column := range w.set {
			if !slices.Contains(all.set, column) {
				all.set = append(all.set, column)
				all.values = append(all.values, w.values[i])
			}
		}
		for _, m := range w.changes {
			if !slices.Contains(all.changes, m) {
				all.changes = append(all.changes, m)
			}
		}
	}
	return []write{all}
}
