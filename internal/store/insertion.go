package store

import (
	"strconv"
	"strings"
)

// insertion is a table as many rows at once are written into it, all of one
// tenant.
type insertion struct {
	columns []string // names, without the tenant
	types   []string // of PostgreSQL: text, bigint or bytea
	head    string   // up to the columns
	tail    string
	byRow   []string // for each of rowsAtOnce
}

// into takes columns as "name type, ..."; the tenant comes before them.
func into(table, columns, tail string) *insertion {
	i := &insertion{tail: tail}
	for column := range strings.SplitSeq(columns, ", ") {
		name, kind, _ := strings.Cut(column, " ")
		i.columns, i.types = append(i.columns, name), append(i.types, kind)
	}
	target := "INTO " + table + " (tenant, " + strings.Join(i.columns, ", ") + ") "
	i.head = "INSERT " + target
	// For SQLite. The places have no names: it finds a name by walking all
	// before it. OR FAIL leaves it to the transaction to take back the rows
	// before a bad one: else a copy of each page is kept that they touch.
	row := "(?1" + strings.Repeat(", ?", len(i.columns)) + ")"
	for _, n := range rowsAtOnce {
		i.byRow = append(i.byRow, "INSERT OR FAIL "+target+"VALUES "+row+strings.Repeat(", "+row, n-1)+tail)
	}
	return i
}

// rowsAtOnce are the numbers of rows of a statement in the process: few,
// because each is a text to be prepared.
var rowsAtOnce = []int{32, 8, 1}

// byRows writes statements that take the rows one after the other.
func (i *insertion) byRows(tenant string, rows [][]any) (all []statement) {
	for size, n := range rowsAtOnce {
		for len(rows) >= n {
			args := append(make([]any, 0, 1+n*len(i.columns)), tenant)
			for _, row := range rows[:n] {
				args = append(args, row...)
			}
			all = append(all, statement{text: i.byRow[size], args: args})
			rows = rows[n:]
		}
	}
	return all
}

// byColumns writes a statement that takes each column as a list.
func (i *insertion) byColumns(tenant string, rows [][]any) []statement {
	if len(rows) == 0 {
		return nil
	}
	args := []any{tenant}
	lists := make([]string, len(i.types))
	for c, kind := range i.types {
		lists[c] = "$" + strconv.Itoa(c+2) + "::" + kind + "[]"
		switch kind {
		case "text":
			args = append(args, columnOf[string](rows, c))
		case "bigint":
			args = append(args, columnOf[int64](rows, c))
		default:
			args = append(args, columnOf[[]byte](rows, c))
		}
	}
	return []statement{{text: i.head + "SELECT $1, * FROM unnest(" + strings.Join(lists, ", ") + ") AS rows" + i.tail, args: args}}
}

func columnOf[T any](rows [][]any, c int) []T {
	all := make([]T, len(rows))
	for i, row := range rows {
		all[i] = row[c].(T)
	}
	return all
}
