package mysql

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"regexp"
	"slices"
	"strings"

	"github.com/go-sql-driver/mysql"

	"volenti.dev/volenti/connector/relational"
	"volenti.dev/volenti/datamap/catalogue"
	"volenti.dev/volenti/datamap/value"
)

// The tables of the connected database. A temporary table and a sequence hold
// nobody's data.
const (
	queryTables = `
SELECT t.TABLE_NAME, t.TABLE_TYPE = 'VIEW', coalesce(v.IS_UPDATABLE = 'YES', FALSE), coalesce(e.TRANSACTIONS = 'NO', FALSE)
FROM information_schema.TABLES AS t LEFT JOIN information_schema.ENGINES AS e ON e.ENGINE = t.ENGINE
LEFT JOIN information_schema.VIEWS AS v ON v.TABLE_SCHEMA = t.TABLE_SCHEMA AND v.TABLE_NAME = t.TABLE_NAME
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
	for _, read := range []func(context.Context) error{r.readTables, r.columns, r.indexes, r.constraints, r.triggers} {
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
	var view, writable, unsafe bool
	return relational.Each(ctx, r.db, queryTables, nil, []any{&name, &view, &writable, &unsafe}, func() {
		r.tables[name] = &catalogue.Table{Name: catalogue.Name{Table: name}, View: view, Writable: writable, NoRollback: unsafe}
	})
}

func (r *reader) columns(ctx context.Context) error {
	var table, set string
	var c catalogue.Column
	var l limits
	into := []any{&table, &c.Name, &c.Native, &set, &c.NotNull, &c.Generated, &l.length, &l.precision, &l.scale, &c.Comment}
	return relational.Each(ctx, r.db, queryColumns, nil, into, func() {
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
	err := relational.Each(ctx, r.db, queryIndexes, nil, []any{&i.table, &i.name, &column, &prefix}, func() {
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

// constraints reads foreign keys and checks from what the server says that it
// would create a table by: information_schema hides them, and what a deletion
// would take along, from whoever may write single tables only.
func (r *reader) constraints(ctx context.Context) error {
	for name, t := range r.tables {
		if t.View {
			continue
		}
		var again, create string
		err := r.db.QueryRowContext(ctx, "SHOW CREATE TABLE "+quote(name)).Scan(&again, &create)
		if gone := new(mysql.MySQLError); errors.As(err, &gone) && gone.Number == 1146 {
			delete(r.tables, name)
			continue
		}
		if err != nil {
			return err
		}
		foreignKeys(t, create)
		checks(t, create)
	}
	return nil
}

const (
	identifier  = "`(?:[^`]|``)+`"
	identifiers = identifier + "(?:, ?" + identifier + ")*"
	rule        = "(RESTRICT|CASCADE|SET NULL|NO ACTION|SET DEFAULT)"
)

var (
	quoted     = regexp.MustCompile(identifier)
	foreignKey = regexp.MustCompile("(?m)^  CONSTRAINT (" + identifier + ") FOREIGN KEY \\((" + identifiers + ")\\) REFERENCES (?:(" + identifier + ")\\.)?(" +
		identifier + ") \\((" + identifiers + ")\\)(?: ON DELETE " + rule + ")?(?: ON UPDATE " + rule + ")?,?$")
	tableCheck  = regexp.MustCompile("(?m)^  CONSTRAINT (" + identifier + ") CHECK \\((.*)\\)(?: /\\*!80016 NOT ENFORCED \\*/)?,?$")
	columnCheck = regexp.MustCompile("(?m)^  (" + identifier + ") .* CHECK \\((.*)\\),?$")
)

func foreignKeys(t *catalogue.Table, create string) {
	for _, m := range foreignKey.FindAllStringSubmatch(create, -1) {
		k := catalogue.ForeignKey{
			Name: names(m[1])[0], Columns: names(m[2]), References: catalogue.Name{Table: names(m[4])[0]},
			ReferencedColumns: names(m[5]), OnDelete: action(m[6]), OnUpdate: action(m[7]),
		}
		if m[3] != "" { // another database
			k.References.Schema = names(m[3])[0]
		}
		t.ForeignKeys = append(t.ForeignKeys, k)
	}
	slices.SortFunc(t.ForeignKeys, func(a, b catalogue.ForeignKey) int { return cmp.Compare(a.Name, b.Name) })
}

// action: nothing is deferred here, so that RESTRICT, NO ACTION and none at
// all are one rule.
func action(rule string) string {
	if rule == "" || rule == "RESTRICT" {
		return "no action"
	}
	return strings.ToLower(rule)
}

func checks(t *catalogue.Table, create string) {
	for _, m := range slices.Concat(tableCheck.FindAllStringSubmatch(create, -1), columnCheck.FindAllStringSubmatch(create, -1)) {
		check := catalogue.Check{Name: names(m[1])[0], Expression: standard(m[2]), Columns: mentioned(t, m[2])}
		if len(check.Columns) == 1 && check.Expression == "json_valid("+quote(check.Columns[0])+")" { // how MariaDB declares JSON
			t.Column(check.Columns[0]).Type.Kind = value.JSON
			continue
		}
		t.Checks = append(t.Checks, check)
	}
	slices.SortFunc(t.Checks, func(a, b catalogue.Check) int { return cmp.Compare(a.Name, b.Name) })
}

var literal = regexp.MustCompile(`'(?:[^'\\]|\\.|'')*'`)

// standard writes quotes within texts as other databases do.
func standard(expression string) string {
	return literal.ReplaceAllStringFunc(expression, func(s string) string {
		return strings.NewReplacer(`\\`, `\`, `\'`, "''").Replace(s)
	})
}

// names takes a list of quoted names apart.
func names(list string) []string {
	out := quoted.FindAllString(list, -1)
	for i, n := range out {
		out[i] = strings.ReplaceAll(n[1:len(n)-1], "``", "`")
	}
	return out
}

// mentioned lists the columns that an expression names, in the table's order.
// Both systems quote all names in what they give.
func mentioned(t *catalogue.Table, expression string) []string {
	named := names(expression)
	var out []string
	for _, c := range t.Columns {
		if slices.ContainsFunc(named, func(n string) bool { return strings.EqualFold(n, c.Name) }) {
			out = append(out, c.Name)
		}
	}
	return out
}

func (r *reader) triggers(ctx context.Context) error {
	var table, name, event string
	return relational.Each(ctx, r.db, queryTriggers, nil, []any{&table, &name, &event}, func() {
		if t := r.tables[table]; t != nil {
			t.Triggers = append(t.Triggers, catalogue.Trigger{Name: name, On: []string{strings.ToLower(event)}})
		}
	})
}
