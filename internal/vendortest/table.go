package vendortest

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// What routes do with tables. The vendor is locked while a route runs.

func (v *Vendor) id(table string) string {
	v.made++
	return fmt.Sprintf("%s_%d", strings.TrimSuffix(table, "s"), v.made)
}

// where gives the objects whose field has the value.
func (v *Vendor) where(table, field string, value any) (found []Row) {
	for _, row := range v.tables[table] {
		if fmt.Sprint(row[field]) == fmt.Sprint(value) {
			found = append(found, row)
		}
	}
	return found
}

// find gives the object with that id, nil when there is none.
func (v *Vendor) find(table, id string) Row {
	if found := v.where(table, "id", id); len(found) > 0 {
		return found[0]
	}
	return nil
}

// remove takes the objects out of the table whose field has the value.
func (v *Vendor) remove(table, field string, value any) {
	v.tables[table] = slices.DeleteFunc(v.tables[table], func(row Row) bool {
		return fmt.Sprint(row[field]) == fmt.Sprint(value)
	})
}

// merge writes what is given, objects into objects.
func merge(row, given Row) {
	for name, value := range given {
		inner, isObject := value.(Row)
		old, wasObject := row[name].(Row)
		if isObject && wasObject {
			merge(old, inner)
			continue
		}
		row[name] = value
	}
}

// pageAfter gives the objects behind the one with the id after, "" for the
// first page, and whether there are more.
func pageAfter(rows []Row, after string, limit int) (page []Row, more bool, known bool) {
	from := 0
	if after != "" {
		from = 1 + slices.IndexFunc(rows, func(row Row) bool { return fmt.Sprint(row["id"]) == after })
		if from == 0 {
			return nil, false, false
		}
	}
	to := min(from+min(limit, perPage), len(rows))
	return append([]Row{}, rows[from:to]...), to < len(rows), true
}

// pageFrom gives the objects from an offset on.
func pageFrom(rows []Row, offset, count int) []Row {
	from := min(offset, len(rows))
	return append([]Row{}, rows[from:min(from+count, len(rows))]...)
}

// query gives a parameter of the query, "" when it is not there.
func (r request) query(name string) string { return r.URL.Query().Get(name) }

// number reads a parameter of the query that is a number from least to most.
func (r request) number(name string, otherwise, least, most int) (int, error) {
	n, err := strconv.Atoi(cmp.Or(r.query(name), strconv.Itoa(otherwise)))
	if err != nil || n < least || n > most {
		return 0, fmt.Errorf("%s must be a number from %d to %d", name, least, most)
	}
	return n, nil
}
