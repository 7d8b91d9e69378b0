package sqlite

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"

	"volenti.dev/volenti/connector/relational"
	"volenti.dev/volenti/datamap/catalogue"
)

// The tables of the main database, each joined with what the pragmas say of
// it, so that a database takes a handful of queries.
const (
	queryTables = `
SELECT l.name, l.type, l.wr, coalesce(m.sql, '')
FROM pragma_table_list AS l LEFT JOIN sqlite_master AS m ON m.name = l.name AND m.type IN ('table', 'view')
WHERE l.schema = 'main' AND l.type IN ('table', 'virtual', 'view') AND l.name NOT LIKE 'sqlite\_%' ESCAPE '\'
ORDER BY l.name`

	queryColumns = `
SELECT l.name, c.name, c.type, c."notnull", c.pk, c.hidden
FROM pragma_table_list AS l JOIN pragma_table_xinfo(l.name) AS c
WHERE l.schema = 'main' AND l.type IN ('table', 'virtual') AND c.hidden <> 1
ORDER BY l.name, c.cid`

	queryViewColumns = `SELECT ?1, name, type, "notnull", pk, hidden FROM pragma_table_xinfo(?1) ORDER BY cid`

	// Unique indexes on a part of the rows or on expressions cannot be told
	// in a catalogue and are left out.
	queryUnique = `
SELECT l.name, i.name, c.name
FROM pragma_table_list AS l JOIN pragma_index_list(l.name) AS i JOIN pragma_index_info(i.name) AS c
WHERE l.schema = 'main' AND l.type = 'table' AND i."unique" AND NOT i.partial AND i.origin <> 'pk'
AND NOT EXISTS (SELECT 1 FROM pragma_index_info(i.name) AS e WHERE e.name IS NULL)
ORDER BY l.name, i.name, c.seqno`

	queryForeignKeys = `
SELECT l.name, f.id, f."table", f."from", coalesce(f."to", ''), f.on_update, f.on_delete
FROM pragma_table_list AS l JOIN pragma_foreign_key_list(l.name) AS f
WHERE l.schema = 'main' AND l.type = 'table'
ORDER BY l.name, f.id DESC, f.seq`

	queryTriggers = `SELECT tbl_name, name, sql FROM sqlite_master WHERE type = 'trigger' ORDER BY name`
)

// reader fills a catalogue; tables are kept by name, as SQLite compares names.
type reader struct {
	db     *sql.DB
	names  []string
	tables map[string]*catalogue.Table
	pk     map[string]map[int]string
	whole  map[string]bool // WITHOUT ROWID: no part of the primary key is null
}

func describe(ctx context.Context, db *sql.DB) (catalogue.Catalogue, error) {
	r := reader{db, nil, map[string]*catalogue.Table{}, map[string]map[int]string{}, map[string]bool{}}
	views, err := r.readTables(ctx)
	if err != nil {
		return catalogue.Catalogue{}, err
	}
	if err := r.readColumns(ctx, queryColumns); err != nil {
		return catalogue.Catalogue{}, err
	}
	for _, v := range views {
		// A view over what is no longer there fails here; it cannot be read.
		if err := r.readColumns(ctx, queryViewColumns, v); err != nil && ctx.Err() != nil {
			return catalogue.Catalogue{}, err
		}
	}
	r.keys()
	if err := r.readUnique(ctx); err != nil {
		return catalogue.Catalogue{}, err
	}
	if err := r.readForeignKeys(ctx); err != nil {
		return catalogue.Catalogue{}, err
	}
	if err := r.readTriggers(ctx); err != nil {
		return catalogue.Catalogue{}, err
	}
	var c catalogue.Catalogue
	for _, name := range r.names {
		if t := r.tables[name]; len(t.Columns) > 0 {
			c.Tables = append(c.Tables, *t)
		}
	}
	return c, nil
}

func (r *reader) readTables(ctx context.Context) (views []string, err error) {
	creates := map[string]string{}
	var name, kind, create string
	var withoutRowid bool
	err = relational.Each(ctx, r.db, queryTables, nil, []any{&name, &kind, &withoutRowid, &create}, func() {
		r.names = append(r.names, name)
		r.tables[name] = &catalogue.Table{Name: catalogue.Name{Table: name}, View: kind == "view"}
		r.whole[name] = withoutRowid
		creates[name] = create
		if kind == "view" {
			views = append(views, name)
		}
	})
	for name, t := range r.tables {
		if !slices.Contains(views, name) {
			t.Checks = checks(creates[name])
		}
	}
	return views, err
}

func (r *reader) readColumns(ctx context.Context, query string, args ...any) error {
	var table string
	var c catalogue.Column
	var key, hidden int
	return relational.Each(ctx, r.db, query, args, []any{&table, &c.Name, &c.Native, &c.NotNull, &key, &hidden}, func() {
		t := r.tables[table]
		if t == nil {
			return
		}
		c := c
		c.Generated = hidden != 0
		typed(&c)
		t.Columns = append(t.Columns, c)
		if key > 0 {
			if r.pk[table] == nil {
				r.pk[table] = map[int]string{}
			}
			r.pk[table][key] = c.Name
		}
	})
}

// keys sets the primary keys. A single INTEGER key is the row's own number
// and never null; other keys may hold nulls unless they say otherwise.
func (r *reader) keys() {
	for name, pk := range r.pk {
		t := r.tables[name]
		for i := range len(pk) {
			t.PrimaryKey = append(t.PrimaryKey, pk[i+1])
		}
		for _, k := range t.PrimaryKey {
			if c := t.Column(k); r.whole[name] || (len(pk) == 1 && strings.EqualFold(c.Native, "INTEGER")) {
				c.NotNull = true
			}
		}
	}
	for _, t := range r.tables {
		for i := range t.Checks {
			t.Checks[i].Columns = mentioned(t, t.Checks[i].Expression)
		}
	}
}

func (r *reader) readUnique(ctx context.Context) error {
	var table, index, column, last string
	err := relational.Each(ctx, r.db, queryUnique, nil, []any{&table, &index, &column}, func() {
		t := r.tables[table]
		if t == nil {
			return
		}
		if index != last {
			t.Unique = append(t.Unique, nil)
		}
		last = index
		t.Unique[len(t.Unique)-1] = append(t.Unique[len(t.Unique)-1], column)
	})
	for _, t := range r.tables {
		slices.SortFunc(t.Unique, slices.Compare)
		t.Unique = slices.CompactFunc(t.Unique, slices.Equal)
	}
	return err
}

func (r *reader) readForeignKeys(ctx context.Context) error {
	var table, target, from, to, onUpdate, onDelete, last string
	var id int
	err := relational.Each(ctx, r.db, queryForeignKeys, nil, []any{&table, &id, &target, &from, &to, &onUpdate, &onDelete}, func() {
		t := r.tables[table]
		if t == nil {
			return
		}
		if key := fmt.Sprint(id, " ", table); key != last {
			last = key
			t.ForeignKeys = append(t.ForeignKeys, catalogue.ForeignKey{
				References: catalogue.Name{Table: r.proper(target)},
				OnDelete:   strings.ToLower(onDelete), OnUpdate: strings.ToLower(onUpdate),
			})
		}
		f := &t.ForeignKeys[len(t.ForeignKeys)-1]
		f.Columns = append(f.Columns, from)
		if to != "" {
			f.ReferencedColumns = append(f.ReferencedColumns, to)
		}
	})
	for _, t := range r.tables {
		for i := range t.ForeignKeys { // REFERENCES t without columns means its primary key
			f := &t.ForeignKeys[i]
			if target := r.tables[f.References.Table]; len(f.ReferencedColumns) == 0 && target != nil {
				f.ReferencedColumns = slices.Clone(target.PrimaryKey)
			}
		}
		slices.SortStableFunc(t.ForeignKeys, func(a, b catalogue.ForeignKey) int {
			return cmp.Or(slices.Compare(a.Columns, b.Columns), cmp.Compare(a.References.Table, b.References.Table))
		})
	}
	return err
}

func (r *reader) readTriggers(ctx context.Context) error {
	var table, name, create string
	return relational.Each(ctx, r.db, queryTriggers, nil, []any{&table, &name, &create}, func() {
		if event := fires(create); r.tables[r.proper(table)] != nil && event != "insert" {
			t := r.tables[r.proper(table)]
			t.Triggers = append(t.Triggers, catalogue.Trigger{Name: name, On: []string{event}})
		}
	})
}

// proper gives a table's name as it was created: references may be written in
// another case.
func (r *reader) proper(name string) string {
	for _, n := range r.names {
		if strings.EqualFold(n, name) {
			return n
		}
	}
	return name
}
