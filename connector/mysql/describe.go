package mysql

import (
	"cmp"
	"context"
	"database/sql"
	"regexp"
	"slices"
	"strings"

	"volenti.dev/volenti/datamap/catalogue"
	"volenti.dev/volenti/datamap/value"
)

// The tables of the connected database, in six queries whatever their number.
// A temporary table and a sequence hold nobody's data.
const (
	queryTables = `
SELECT t.TABLE_NAME, t.TABLE_TYPE = 'VIEW', coalesce(e.TRANSACTIONS = 'NO', FALSE)
FROM information_schema.TABLES AS t LEFT JOIN information_schema.ENGINES AS e ON e.ENGINE = t.ENGINE
WHERE t.TABLE_SCHEMA = DATABASE() AND t.TABLE_TYPE IN ('BASE TABLE', 'SYSTEM VERSIONED', 'VIEW')`

	queryColumns = `
SELECT TABLE_NAME, COLUMN_NAME, COLUMN_TYPE, coalesce(CHARACTER_SET_NAME, ''), IS_NULLABLE = 'NO',
	EXTRA LIKE '%VIRTUAL GENERATED%' OR EXTRA LIKE '%STORED GENERATED%',
	coalesce(CHARACTER_MAXIMUM_LENGTH, 0), coalesce(NUMERIC_PRECISION, 0), coalesce(NUMERIC_SCALE, 0), COLUMN_COMMENT
FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = DATABASE()
ORDER BY TABLE_NAME, ORDINAL_POSITION`

	queryIndexes = `
SELECT TABLE_NAME, INDEX_NAME, coalesce(COLUMN_NAME, ''), SUB_PART IS NOT NULL
FROM information_schema.STATISTICS WHERE TABLE_SCHEMA = DATABASE() AND NON_UNIQUE = 0
ORDER BY TABLE_NAME, INDEX_NAME, SEQ_IN_INDEX`

	queryForeignKeys = `
SELECT k.TABLE_NAME, k.CONSTRAINT_NAME, k.COLUMN_NAME, CASE WHEN k.REFERENCED_TABLE_SCHEMA = DATABASE() THEN '' ELSE k.REFERENCED_TABLE_SCHEMA END,
	k.REFERENCED_TABLE_NAME, k.REFERENCED_COLUMN_NAME, r.DELETE_RULE, r.UPDATE_RULE
FROM information_schema.KEY_COLUMN_USAGE AS k JOIN information_schema.REFERENTIAL_CONSTRAINTS AS r
ON r.CONSTRAINT_SCHEMA = k.CONSTRAINT_SCHEMA AND r.CONSTRAINT_NAME = k.CONSTRAINT_NAME AND r.TABLE_NAME = k.TABLE_NAME
WHERE k.TABLE_SCHEMA = DATABASE() AND k.REFERENCED_TABLE_NAME IS NOT NULL
ORDER BY k.TABLE_NAME, k.CONSTRAINT_NAME, k.ORDINAL_POSITION`

	// The name of a check is unique in its table on MariaDB, in its database
	// on MySQL, which does not tell the table here.
	queryChecks = `
SELECT t.TABLE_NAME, c.CONSTRAINT_NAME, c.CHECK_CLAUSE
FROM information_schema.CHECK_CONSTRAINTS AS c JOIN information_schema.TABLE_CONSTRAINTS AS t
ON t.CONSTRAINT_SCHEMA = c.CONSTRAINT_SCHEMA AND t.CONSTRAINT_NAME = c.CONSTRAINT_NAME /*M! AND t.TABLE_NAME = c.TABLE_NAME */
WHERE t.TABLE_SCHEMA = DATABASE() AND t.CONSTRAINT_TYPE = 'CHECK'
ORDER BY t.TABLE_NAME, c.CONSTRAINT_NAME`

	queryTriggers = `
SELECT EVENT_OBJECT_TABLE, TRIGGER_NAME, EVENT_MANIPULATION
FROM information_schema.TRIGGERS WHERE EVENT_OBJECT_SCHEMA = DATABASE() AND EVENT_MANIPULATION IN ('UPDATE', 'DELETE')
ORDER BY EVENT_OBJECT_TABLE, TRIGGER_NAME`
)

// reader fills a catalogue; tables are kept by name.
type reader struct {
	db     *sql.DB
	tables map[string]*catalogue.Table
}

func describe(ctx context.Context, db *sql.DB) (catalogue.Catalogue, error) {
	r := reader{db, map[string]*catalogue.Table{}}
	for _, read := range []func(context.Context) error{r.readTables, r.columns, r.indexes, r.foreignKeys, r.checks, r.triggers} {
		if err := read(ctx); err != nil {
			return catalogue.Catalogue{}, err
		}
	}
	var c catalogue.Catalogue
	for _, t := range r.tables {
		if len(t.Columns) > 0 { // a view over what is no longer there has none
			c.Tables = append(c.Tables, *t)
		}
	}
	slices.SortFunc(c.Tables, func(a, b catalogue.Table) int { return cmp.Compare(a.Name.Table, b.Name.Table) })
	return c, nil
}

func (r *reader) readTables(ctx context.Context) error {
	var name string
	var view, unsafe bool
	return r.each(ctx, queryTables, []any{&name, &view, &unsafe}, func() {
		r.tables[name] = &catalogue.Table{Name: catalogue.Name{Table: name}, View: view, NoRollback: unsafe}
	})
}

func (r *reader) columns(ctx context.Context) error {
	var table, set string
	var c catalogue.Column
	var l limits
	into := []any{&table, &c.Name, &c.Native, &set, &c.NotNull, &c.Generated, &l.length, &l.precision, &l.scale, &c.Comment}
	return r.each(ctx, queryColumns, into, func() {
		t := r.tables[table]
		if t == nil {
			return
		}
		c := c
		if set != "" && set != "utf8mb4" {
			c.Native += charset + set
		}
		typed(&c, l)
		t.Columns = append(t.Columns, c)
	})
}

// indexes finds keys. A unique index on the beginnings of texts or on
// expressions cannot be told in a catalogue and is left out.
func (r *reader) indexes(ctx context.Context) error {
	type index struct{ table, name string }
	var order []index
	columns, partial := map[index][]string{}, map[index]bool{}
	var i index
	var column string
	var prefix bool
	err := r.each(ctx, queryIndexes, []any{&i.table, &i.name, &column, &prefix}, func() {
		if columns[i] == nil {
			order = append(order, i)
		}
		columns[i] = append(columns[i], column)
		partial[i] = partial[i] || prefix || column == ""
	})
	for _, i := range order {
		switch t := r.tables[i.table]; {
		case t == nil || partial[i]:
		case i.name == "PRIMARY":
			t.PrimaryKey = columns[i]
		default:
			t.Unique = append(t.Unique, columns[i])
		}
	}
	return err
}

func (r *reader) foreignKeys(ctx context.Context) error {
	var table, name, from, to, onDelete, onUpdate string
	var target catalogue.Name
	return r.each(ctx, queryForeignKeys, []any{&table, &name, &from, &target.Schema, &target.Table, &to, &onDelete, &onUpdate}, func() {
		t := r.tables[table]
		if t == nil {
			return
		}
		if n := len(t.ForeignKeys); n == 0 || t.ForeignKeys[n-1].Name != name {
			t.ForeignKeys = append(t.ForeignKeys, catalogue.ForeignKey{Name: name, References: target, OnDelete: action(onDelete), OnUpdate: action(onUpdate)})
		}
		k := &t.ForeignKeys[len(t.ForeignKeys)-1]
		k.Columns = append(k.Columns, from)
		k.ReferencedColumns = append(k.ReferencedColumns, to)
	})
}

// action: nothing is deferred here, so that RESTRICT and NO ACTION are one
// rule, and what was not declared is reported as either.
func action(rule string) string {
	if rule == "RESTRICT" {
		return "no action"
	}
	return strings.ToLower(rule)
}

func (r *reader) checks(ctx context.Context) error {
	var table string
	var check catalogue.Check
	return r.each(ctx, queryChecks, []any{&table, &check.Name, &check.Expression}, func() {
		t := r.tables[table]
		if t == nil {
			return
		}
		check := check
		check.Columns = mentioned(t, check.Expression)
		if len(check.Columns) == 1 && check.Expression == "json_valid("+quote(check.Columns[0])+")" { // how MariaDB declares JSON
			t.Column(check.Columns[0]).Type.Kind = value.JSON
			return
		}
		t.Checks = append(t.Checks, check)
	})
}

var quoted = regexp.MustCompile("`(?:[^`]|``)+`")

// mentioned lists the columns that an expression names, in the table's order.
// Both systems quote all names in what they give.
func mentioned(t *catalogue.Table, expression string) []string {
	names := quoted.FindAllString(expression, -1)
	var out []string
	for _, c := range t.Columns {
		if slices.ContainsFunc(names, func(n string) bool { return strings.EqualFold(n, quote(c.Name)) }) {
			out = append(out, c.Name)
		}
	}
	return out
}

func (r *reader) triggers(ctx context.Context) error {
	var table, name, event string
	return r.each(ctx, queryTriggers, []any{&table, &name, &event}, func() {
		if t := r.tables[table]; t != nil {
			t.Triggers = append(t.Triggers, catalogue.Trigger{Name: name, On: []string{strings.ToLower(event)}})
		}
	})
}

func (r *reader) each(ctx context.Context, query string, into []any, row func()) error {
	rows, err := r.db.QueryContext(ctx, query)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			return err
		}
		row()
	}
	return rows.Err()
}
