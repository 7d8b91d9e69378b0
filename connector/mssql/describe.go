package mssql

import (
	"context"
	"database/sql"
	"slices"
	"strings"

	"volenti.dev/volenti/connector/relational"
	"volenti.dev/volenti/datamap/catalogue"
)

// The tables and views of all user schemas in five queries, whatever their
// number. A type of the user's own is described as the type under it.
const (
	queryColumns = `
SELECT s.name, o.name, CASE WHEN o.type = 'V' THEN 1 ELSE 0 END, c.name, coalesce(b.name, u.name),
	c.max_length, c.precision, c.scale, CASE WHEN c.is_nullable = 0 THEN 1 ELSE 0 END,
	CASE WHEN c.is_computed = 1 OR c.is_identity = 1 OR c.generated_always_type <> 0 THEN 1 ELSE 0 END
FROM sys.objects AS o
JOIN sys.schemas AS s ON s.schema_id = o.schema_id
JOIN sys.columns AS c ON c.object_id = o.object_id
JOIN sys.types AS u ON u.user_type_id = c.user_type_id
LEFT JOIN sys.types AS b ON b.user_type_id = c.system_type_id
WHERE o.type IN ('U', 'V') AND o.is_ms_shipped = 0
ORDER BY s.name COLLATE Latin1_General_100_BIN2, o.name COLLATE Latin1_General_100_BIN2, c.column_id`

	// Unique indexes over a part of the rows cannot be told in a catalogue and
	// are left out.
	queryKeys = `
SELECT s.name, o.name, i.index_id, CASE WHEN i.is_primary_key = 1 THEN 1 ELSE 0 END, c.name
FROM sys.objects AS o
JOIN sys.schemas AS s ON s.schema_id = o.schema_id
JOIN sys.indexes AS i ON i.object_id = o.object_id AND i.is_unique = 1 AND i.has_filter = 0 AND i.is_disabled = 0 AND i.is_hypothetical = 0
JOIN sys.index_columns AS k ON k.object_id = i.object_id AND k.index_id = i.index_id AND k.key_ordinal > 0
JOIN sys.columns AS c ON c.object_id = k.object_id AND c.column_id = k.column_id
WHERE o.type = 'U' AND o.is_ms_shipped = 0
ORDER BY o.object_id, i.index_id, k.key_ordinal`

	// A foreign key that is not enforced does nothing by itself.
	queryForeignKeys = `
SELECT s.name, o.name, f.object_id, f.name, c.name, ts.name, t.name, tc.name,
	CASE WHEN f.is_disabled = 1 THEN 'NO_ACTION' ELSE f.delete_referential_action_desc END,
	CASE WHEN f.is_disabled = 1 THEN 'NO_ACTION' ELSE f.update_referential_action_desc END
FROM sys.foreign_keys AS f
JOIN sys.objects AS o ON o.object_id = f.parent_object_id
JOIN sys.schemas AS s ON s.schema_id = o.schema_id
JOIN sys.objects AS t ON t.object_id = f.referenced_object_id
JOIN sys.schemas AS ts ON ts.schema_id = t.schema_id
JOIN sys.foreign_key_columns AS k ON k.constraint_object_id = f.object_id
JOIN sys.columns AS c ON c.object_id = k.parent_object_id AND c.column_id = k.parent_column_id
JOIN sys.columns AS tc ON tc.object_id = k.referenced_object_id AND tc.column_id = k.referenced_column_id
WHERE o.is_ms_shipped = 0
ORDER BY f.name COLLATE Latin1_General_100_BIN2, f.object_id, k.constraint_column_id`

	queryChecks = `
SELECT s.name, o.name, k.object_id, k.name, k.definition, coalesce(c.name, '')
FROM sys.check_constraints AS k
JOIN sys.objects AS o ON o.object_id = k.parent_object_id
JOIN sys.schemas AS s ON s.schema_id = o.schema_id
LEFT JOIN sys.sql_expression_dependencies AS d ON d.referencing_id = k.object_id AND d.referenced_id = o.object_id AND d.referenced_minor_id > 0
LEFT JOIN sys.columns AS c ON c.object_id = o.object_id
	AND (c.column_id = d.referenced_minor_id OR d.referenced_minor_id IS NULL AND c.column_id = k.parent_column_id)
WHERE k.is_disabled = 0 AND o.is_ms_shipped = 0
ORDER BY k.name COLLATE Latin1_General_100_BIN2, k.object_id, c.column_id`

	// A table that keeps its history by itself writes the old rows elsewhere,
	// as a trigger would.
	queryTriggers = `
SELECT s.name, o.name, t.name, lower(e.type_desc)
FROM sys.triggers AS t
JOIN sys.trigger_events AS e ON e.object_id = t.object_id AND e.type_desc IN ('UPDATE', 'DELETE')
JOIN sys.objects AS o ON o.object_id = t.parent_id
JOIN sys.schemas AS s ON s.schema_id = o.schema_id
WHERE t.is_disabled = 0 AND t.is_ms_shipped = 0
UNION ALL
SELECT s.name, o.name, 'history in ' + hs.name + '.' + h.name, e.event
FROM sys.tables AS o
JOIN sys.schemas AS s ON s.schema_id = o.schema_id
JOIN sys.tables AS h ON h.object_id = o.history_table_id
JOIN sys.schemas AS hs ON hs.schema_id = h.schema_id
CROSS JOIN (VALUES ('update'), ('delete')) AS e (event)
WHERE o.temporal_type = 2
ORDER BY 1, 2, 3, 4`
)

// reader fills a catalogue.
type reader struct {
	db *sql.DB
	catalogue.Catalogue
	places map[catalogue.Name]int
}

func describe(ctx context.Context, db *sql.DB) (catalogue.Catalogue, error) {
	r := reader{db: db, places: map[catalogue.Name]int{}}
	for _, read := range []func(context.Context) error{r.columns, r.keys, r.foreignKeys, r.checks, r.triggers} {
		if err := read(ctx); err != nil {
			return catalogue.Catalogue{}, err
		}
	}
	return r.Catalogue, nil
}

func (r *reader) columns(ctx context.Context) error {
	var n catalogue.Name
	var c catalogue.Column
	var view, computed bool
	var native string
	var length, precision, scale int
	into := []any{&n.Schema, &n.Table, &view, &c.Name, &native, &length, &precision, &scale, &c.NotNull, &computed}
	return relational.Each(ctx, r.db, queryColumns, nil, into, func() {
		i, ok := r.places[n]
		if !ok {
			i = len(r.Tables)
			r.places[n] = i
			r.Tables = append(r.Tables, catalogue.Table{Name: n, View: view})
		}
		c := c
		typed(&c, native, length, precision, scale)
		c.Generated = c.Generated || computed
		r.Tables[i].Columns = append(r.Tables[i].Columns, c)
	})
}

func (r *reader) keys(ctx context.Context) error {
	var n, lastTable catalogue.Name
	var column string
	var index, last int
	var primary bool
	return relational.Each(ctx, r.db, queryKeys, nil, []any{&n.Schema, &n.Table, &index, &primary, &column}, func() {
		t := r.table(n)
		if t == nil {
			return
		}
		if primary {
			t.PrimaryKey = append(t.PrimaryKey, column)
			return
		}
		if n != lastTable || index != last {
			t.Unique = append(t.Unique, nil)
		}
		lastTable, last = n, index
		t.Unique[len(t.Unique)-1] = append(t.Unique[len(t.Unique)-1], column)
	})
}

func (r *reader) foreignKeys(ctx context.Context) error {
	var n, target catalogue.Name
	var id, last int64
	var name, from, to, onDelete, onUpdate string
	into := []any{&n.Schema, &n.Table, &id, &name, &from, &target.Schema, &target.Table, &to, &onDelete, &onUpdate}
	return relational.Each(ctx, r.db, queryForeignKeys, nil, into, func() {
		t := r.table(n)
		if t == nil {
			return
		}
		if id != last {
			t.ForeignKeys = append(t.ForeignKeys, catalogue.ForeignKey{Name: name, References: target, OnDelete: action(onDelete), OnUpdate: action(onUpdate)})
		}
		last = id
		f := &t.ForeignKeys[len(t.ForeignKeys)-1]
		f.Columns, f.ReferencedColumns = append(f.Columns, from), append(f.ReferencedColumns, to)
	})
}

// action reads NO_ACTION, SET_NULL and so on.
func action(description string) string {
	return strings.ReplaceAll(strings.ToLower(description), "_", " ")
}

func (r *reader) checks(ctx context.Context) error {
	var n catalogue.Name
	var id, last int64
	var name, expression, column string
	return relational.Each(ctx, r.db, queryChecks, nil, []any{&n.Schema, &n.Table, &id, &name, &expression, &column}, func() {
		t := r.table(n)
		if t == nil {
			return
		}
		if id != last {
			t.Checks = append(t.Checks, catalogue.Check{Name: name, Expression: expression})
		}
		last = id
		if k := &t.Checks[len(t.Checks)-1]; column != "" && !slices.Contains(k.Columns, column) {
			k.Columns = append(k.Columns, column)
		}
	})
}

func (r *reader) triggers(ctx context.Context) error {
	var n catalogue.Name
	var name, event string
	return relational.Each(ctx, r.db, queryTriggers, nil, []any{&n.Schema, &n.Table, &name, &event}, func() {
		t := r.table(n)
		if t == nil {
			return
		}
		if k := len(t.Triggers); k > 0 && t.Triggers[k-1].Name == name {
			t.Triggers[k-1].On = append(t.Triggers[k-1].On, event)
			return
		}
		t.Triggers = append(t.Triggers, catalogue.Trigger{Name: name, On: []string{event}})
	})
}

func (r *reader) table(n catalogue.Name) *catalogue.Table {
	if i, ok := r.places[n]; ok {
		return &r.Tables[i]
	}
	return nil
}
