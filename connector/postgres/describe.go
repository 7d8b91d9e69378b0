package postgres

import (
	"context"
	"database/sql"
	"encoding/json"
	"strings"

	"volenti.dev/volenti/connector/relational"
	"volenti.dev/volenti/datamap/catalogue"
	"volenti.dev/volenti/datamap/value"
)

// The tables of all user schemas in a handful of queries, whatever their number. A
// partition is left out: its rows are its parent's. A domain is described as
// the type under it, with its checks.
const (
	userTables = `
	SELECT c.oid, n.nspname, c.relname FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
	WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT c.relispartition
	AND n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\_%'`

	domains = `
	SELECT oid, typbasetype, typtypmod, typnotnull, oid AS declared FROM pg_type WHERE typtype = 'd'
	UNION ALL
	SELECT t.oid, t.typbasetype, t.typtypmod, t.typnotnull OR d.typnotnull, d.declared
	FROM domain AS d JOIN pg_type AS t ON t.oid = d.typbasetype WHERE t.typtype = 'd'`

	queryColumns = `
WITH RECURSIVE tables AS (` + userTables + `), domain AS (` + domains + `),
base AS (
	SELECT d.declared, d.typbasetype, d.typtypmod, d.typnotnull
	FROM domain AS d JOIN pg_type AS t ON t.oid = d.typbasetype WHERE t.typtype <> 'd'
)
SELECT r.nspname, r.relname, a.attname,
	format_type(t.oid, coalesce(b.typtypmod, a.atttypmod)),
	coalesce(e.typname, t.typname), coalesce(e.typtype, t.typtype) = 'e', e.oid IS NOT NULL,
	coalesce(b.typtypmod, a.atttypmod),
	a.attnotnull OR coalesce(b.typnotnull, false), a.attgenerated <> '' OR a.attidentity = 'a',
	(SELECT coalesce(json_agg(x.enumlabel ORDER BY x.enumsortorder), '[]') FROM pg_enum AS x WHERE x.enumtypid = coalesce(e.oid, t.oid))::text,
	coalesce(col_description(r.oid, a.attnum), '')
FROM tables AS r
JOIN pg_attribute AS a ON a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped
LEFT JOIN base AS b ON b.declared = a.atttypid
JOIN pg_type AS t ON t.oid = coalesce(b.typbasetype, a.atttypid)
LEFT JOIN pg_type AS e ON e.oid = t.typelem AND t.typcategory = 'A'
ORDER BY r.nspname COLLATE "C", r.relname COLLATE "C", a.attnum`

	queryConstraints = `
WITH tables AS (` + userTables + `)
SELECT r.nspname, r.relname, k.conname, k.contype::text,
	(SELECT coalesce(json_agg(a.attname ORDER BY u.n), '[]') FROM unnest(k.conkey) WITH ORDINALITY AS u(attnum, n)
		JOIN pg_attribute AS a ON a.attrelid = k.conrelid AND a.attnum = u.attnum)::text,
	(SELECT coalesce(json_agg(a.attname ORDER BY u.n), '[]') FROM unnest(k.confkey) WITH ORDINALITY AS u(attnum, n)
		JOIN pg_attribute AS a ON a.attrelid = k.confrelid AND a.attnum = u.attnum)::text,
	coalesce(tn.nspname, ''), coalesce(tr.relname, ''), k.confdeltype::text, k.confupdtype::text,
	CASE WHEN k.contype = 'c' THEN coalesce(pg_get_expr(k.conbin, k.conrelid), '') ELSE '' END
FROM tables AS r
JOIN pg_constraint AS k ON k.conrelid = r.oid AND k.contype IN ('p', 'u', 'c', 'f') AND (k.contype <> 'f' OR k.conparentid = 0)
LEFT JOIN pg_class AS tr ON tr.oid = k.confrelid
LEFT JOIN pg_namespace AS tn ON tn.oid = tr.relnamespace
ORDER BY r.nspname COLLATE "C", r.relname COLLATE "C", k.conname COLLATE "C", k.oid`

	// Unique indexes that are no constraint. Those over a part of the rows or
	// over expressions cannot be told in a catalogue and are left out.
	queryIndexes = `
WITH tables AS (` + userTables + `)
SELECT r.nspname, r.relname,
	(SELECT json_agg(a.attname ORDER BY u.n) FROM unnest(i.indkey::int2[]) WITH ORDINALITY AS u(attnum, n)
		JOIN pg_attribute AS a ON a.attrelid = r.oid AND a.attnum = u.attnum WHERE u.n <= i.indnkeyatts)::text
FROM tables AS r
JOIN pg_index AS i ON i.indrelid = r.oid AND i.indisunique AND i.indpred IS NULL AND i.indexprs IS NULL
WHERE NOT EXISTS (SELECT 1 FROM pg_constraint AS k WHERE k.conindid = i.indexrelid AND k.contype IN ('p', 'u', 'x'))
ORDER BY r.nspname COLLATE "C", r.relname COLLATE "C", i.indexrelid`

	// Triggers and rules; tgtype has 8 for delete and 16 for update, ev_type is
	// '2' for update and '4' for delete.
	queryTriggers = `
WITH tables AS (` + userTables + `)
SELECT r.nspname, r.relname, t.tgname, t.tgtype & 8 <> 0, t.tgtype & 16 <> 0
FROM tables AS r
JOIN pg_trigger AS t ON t.tgrelid = r.oid AND NOT t.tgisinternal AND t.tgenabled <> 'D' AND t.tgtype & 24 <> 0
UNION ALL
SELECT r.nspname, r.relname, w.rulename, w.ev_type = '4', w.ev_type = '2'
FROM tables AS r
JOIN pg_rewrite AS w ON w.ev_class = r.oid AND w.ev_enabled <> 'D' AND w.ev_type IN ('2', '4')
ORDER BY 1, 2, 3`

	// Views, and whether updates (4) and deletes (16) go through to a table.
	queryViews = `
WITH tables AS (` + userTables + `)
SELECT r.nspname, r.relname, pg_relation_is_updatable(c.oid, false) & 20 = 20
FROM tables AS r JOIN pg_class AS c ON c.oid = r.oid AND c.relkind IN ('v', 'm')
ORDER BY 1, 2`

	queryDomainChecks = `
WITH RECURSIVE tables AS (` + userTables + `), domain AS (` + domains + `)
SELECT r.nspname, r.relname, a.attname, k.conname, coalesce(pg_get_expr(k.conbin, 0), '')
FROM tables AS r
JOIN pg_attribute AS a ON a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped
JOIN domain AS d ON d.declared = a.atttypid
JOIN pg_constraint AS k ON k.contypid = d.oid AND k.contype = 'c'
ORDER BY r.nspname COLLATE "C", r.relname COLLATE "C", a.attnum, k.conname COLLATE "C"`
)

// reader fills a catalogue.
type reader struct {
	db *sql.DB
	catalogue.Catalogue
	places map[catalogue.Name]int
}

func describe(ctx context.Context, db *sql.DB) (catalogue.Catalogue, error) {
	r := reader{db: db, places: map[catalogue.Name]int{}}
	for _, read := range []func(context.Context) error{r.columns, r.constraints, r.indexes, r.domainChecks, r.triggers, r.views} {
		if err := read(ctx); err != nil {
			return catalogue.Catalogue{}, err
		}
	}
	return r.Catalogue, nil
}

func (r *reader) columns(ctx context.Context) error {
	var n catalogue.Name
	var c catalogue.Column
	var base string
	var enum bool
	var limits int
	var labels string
	into := []any{&n.Schema, &n.Table, &c.Name, &c.Native, &base, &enum, &c.Type.Array, &limits, &c.NotNull, &c.Generated, &labels, &c.Comment}
	return relational.Each(ctx, r.db, queryColumns, nil, into, func() {
		i, ok := r.places[n]
		if !ok {
			i = len(r.Tables)
			r.places[n] = i
			r.Tables = append(r.Tables, catalogue.Table{Name: n})
		}
		c := c
		c.Type.Kind, c.Bits = kinds[base], bits[base]
		switch {
		case enum:
			c.Type.Kind = value.String
			_ = json.Unmarshal([]byte(labels), &c.Labels) // json_agg wrote it
		case c.Type.Kind == value.Unknown:
			c.Type.Kind = value.Other
		}
		limit(&c, base, limits)
		r.Tables[i].Columns = append(r.Tables[i].Columns, c)
	})
}

// limit reads a type modifier. Those of varchar, char and numeric are 4 more
// than what was declared; numeric packs precision and an 11-bit signed scale.
func limit(c *catalogue.Column, base string, modifier int) {
	if modifier < 4 {
		return
	}
	switch base {
	case "varchar", "bpchar":
		c.Length = modifier - 4
	case "numeric":
		m := modifier - 4
		c.Precision, c.Scale = m>>16, (m&0x7ff^0x400)-0x400
	}
}

func (r *reader) constraints(ctx context.Context) error {
	var n, target catalogue.Name
	var name, kind, from, to, onDelete, onUpdate, expression string
	into := []any{&n.Schema, &n.Table, &name, &kind, &from, &to, &target.Schema, &target.Table, &onDelete, &onUpdate, &expression}
	return relational.Each(ctx, r.db, queryConstraints, nil, into, func() {
		t := r.table(n)
		if t == nil {
			return
		}
		switch kind {
		case "p":
			t.PrimaryKey = list(from)
		case "u":
			t.Unique = append(t.Unique, list(from))
		case "c":
			t.Checks = append(t.Checks, catalogue.Check{Name: name, Columns: list(from), Expression: expression})
		case "f":
			t.ForeignKeys = append(t.ForeignKeys, catalogue.ForeignKey{
				Name: name, Columns: list(from), References: target, ReferencedColumns: list(to),
				OnDelete: actions[onDelete], OnUpdate: actions[onUpdate],
			})
		}
	})
}

// actions of pg_constraint.confdeltype.
var actions = map[string]string{
	"a": "no action", "r": "restrict", "c": "cascade", "n": "set null", "d": "set default",
}

func (r *reader) indexes(ctx context.Context) error {
	var n catalogue.Name
	var columns string
	return relational.Each(ctx, r.db, queryIndexes, nil, []any{&n.Schema, &n.Table, &columns}, func() {
		if t := r.table(n); t != nil {
			t.Unique = append(t.Unique, list(columns))
		}
	})
}

func (r *reader) domainChecks(ctx context.Context) error {
	var n catalogue.Name
	var column, name, expression string
	return relational.Each(ctx, r.db, queryDomainChecks, nil, []any{&n.Schema, &n.Table, &column, &name, &expression}, func() {
		if t := r.table(n); t != nil {
			expression := strings.ReplaceAll(expression, "VALUE", column)
			t.Checks = append(t.Checks, catalogue.Check{Name: name, Columns: []string{column}, Expression: expression})
		}
	})
}

func (r *reader) triggers(ctx context.Context) error {
	var n catalogue.Name
	var name string
	var onDelete, onUpdate bool
	return relational.Each(ctx, r.db, queryTriggers, nil, []any{&n.Schema, &n.Table, &name, &onDelete, &onUpdate}, func() {
		t := r.table(n)
		if t == nil {
			return
		}
		var on []string
		if onDelete {
			on = append(on, "delete")
		}
		if onUpdate {
			on = append(on, "update")
		}
		t.Triggers = append(t.Triggers, catalogue.Trigger{Name: name, On: on})
	})
}

func (r *reader) views(ctx context.Context) error {
	var n catalogue.Name
	var writable bool
	return relational.Each(ctx, r.db, queryViews, nil, []any{&n.Schema, &n.Table, &writable}, func() {
		if t := r.table(n); t != nil {
			t.View, t.Writable = true, writable
		}
	})
}

func (r *reader) table(n catalogue.Name) *catalogue.Table {
	if i, ok := r.places[n]; ok {
		return &r.Tables[i]
	}
	return nil
}

func list(text string) (names []string) {
	_ = json.Unmarshal([]byte(text), &names) // the server's own JSON
	return names
}
