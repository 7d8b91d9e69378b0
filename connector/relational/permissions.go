package relational

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"strings"
	"time"

	"volenti.dev/volenti/connector"
	"volenti.dev/volenti/datamap/catalogue"
	"volenti.dev/volenti/datamap/value"
	"volenti.dev/volenti/subject"
)

// The columns of the two tables, in the order of their values. Those of a key
// cannot be made later.
const (
	keyed     = 3 // identity_type, identity and purpose
	required  = 4 // and subject
	permitted = 8
)

var (
	permissionNames = [permitted]string{"identity_type", "identity", "purpose", "subject", "allowed", "choice", "since", "sequence"}
	freshnessNames  = []string{"keeper", "fence", "sequence", "as_of", "checked"}
)

// kept is a permission table in the words of the database.
type kept struct {
	db        *DB
	table     connector.PermissionTable
	fresh     catalogue.Name
	columns   []*catalogue.Column // of the permissions
	freshness []*catalogue.Column
}

// keep checks that a table can be kept here.
func (db *DB) keep(t connector.PermissionTable) (k kept, err error) {
	p, doing := db.dialect.Permissions, "keep "+t.Name.String()
	if p == nil {
		return k, db.misfit(connector.Permanent, doing, "permission tables are kept in PostgreSQL, MariaDB, MySQL and SQLite only")
	}
	if _, err := connector.ParsePermissionTable(t.Name.String()); err != nil {
		return k, db.misfit(connector.Permanent, "keep a permission table", "%v", err)
	}
	column := func(name, native string, kind value.Kind) *catalogue.Column {
		return &catalogue.Column{Name: name, Native: native, Type: value.Type{Kind: kind}}
	}
	k = kept{db: db, table: t, fresh: connector.FreshnessOf(t.Name)}
	for i, name := range permissionNames {
		native, kind := p.Key, value.String
		switch name {
		case "identity":
			native = p.Identity
		case "allowed":
			native, kind = p.Boolean, value.Boolean
		case "since":
			native, kind = p.Time, value.Timestamp
		case "sequence":
			native, kind = p.Integer, value.Integer
		}
		k.columns = append(k.columns, column(name, native, kind))
		k.columns[i].NotNull = i < required
	}
	for i, name := range freshnessNames {
		native, kind := p.Integer, value.Integer
		switch name {
		case "keeper":
			native, kind = p.Key, value.String
		case "as_of", "checked":
			native, kind = p.Time, value.Timestamp
		}
		k.freshness = append(k.freshness, column(name, native, kind))
		k.freshness[i].NotNull = i < 2
	}
	return k, nil
}

// Take makes what is not there of a permission table and takes it.
func (db *DB) Take(ctx context.Context, t connector.PermissionTable) (made bool, err error) {
	k, err := db.keep(t)
	if err != nil {
		return false, err
	}
	doing := "take " + t.Name.String()
	there, err := k.names(ctx, t.Name)
	if err != nil {
		return false, db.fail(ctx, doing, err)
	}
	about, err := k.names(ctx, k.fresh)
	if err != nil {
		return false, db.fail(ctx, doing, err)
	}
	if err := k.foreign(ctx, doing, there, about); err != nil {
		return false, err
	}
	var taken bool
	err = db.transact(ctx, doing, nil, func(tx *sql.Tx) error {
		if about == nil {
			if err := k.create(ctx, tx, k.fresh, k.freshness, `PRIMARY KEY (`+k.list(k.freshness[:1])+`)`); err != nil {
				return err
			}
		}
		if taken, err = k.take(ctx, tx); err != nil || !taken {
			return err
		}
		made, err = k.complete(ctx, tx, there)
		return err
	})
	if err == nil && !taken {
		err = connector.ErrTaken
	}
	return made, err
}

// names gives the columns of a table, nil when there is no such table.
func (k kept) names(ctx context.Context, n catalogue.Name) ([]string, error) {
	rows, err := k.db.pool.QueryContext(ctx, "SELECT * FROM "+k.db.dialect.Name(n)+" WHERE 1 = 0")
	if err != nil {
		if kind, _ := k.db.explain(err); kind == connector.Drift {
			return nil, nil
		}
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	names, err := rows.Columns()
	return names, errors.Join(err, rows.Err())
}

// foreign refuses tables that are not ours. There are none, or the one of one row
// says who keeps them; one that was left empty was being made.
func (k kept) foreign(ctx context.Context, doing string, there, about []string) error {
	refuse := func(n catalogue.Name) error {
		return k.db.misfit(connector.Permanent, doing, "there is a table %s that is not kept for this connection: name another one, or drop %s and %s", n, k.table.Name, k.fresh)
	}
	if about != nil && !contains(about, k.freshness) {
		return refuse(k.fresh)
	}
	var ours bool
	if about != nil {
		s := k.db.dialect.statement("SELECT ", k.db.dialect.Quote("keeper"), " FROM ")
		s.table(k.fresh)
		err := k.db.stream(ctx, k.db.pool, s, k.freshness[:1], func(values []any) error {
			if ours = values[0] == k.table.Keeper; !ours {
				return refuse(k.fresh)
			}
			return nil
		})
		if err != nil {
			return k.db.fail(ctx, doing, err)
		}
	}
	if there == nil {
		return nil
	}
	if !ours {
		return refuse(k.table.Name)
	}
	if !contains(there, k.columns[:required]) {
		return k.db.misfit(connector.Permanent, doing, "%s lacks one of the columns %s: drop the table, and it is made again", k.table.Name, k.list(k.columns[:required]))
	}
	return nil
}

func contains(names []string, columns []*catalogue.Column) bool {
	return !slices.ContainsFunc(columns, func(c *catalogue.Column) bool { return !slices.Contains(names, c.Name) })
}

// complete makes the table, or the columns that it lacks.
func (k kept) complete(ctx context.Context, tx *sql.Tx, there []string) (made bool, err error) {
	if there == nil {
		subjects := slices.Concat(k.columns[keyed:required], k.columns[:keyed]) // rows are found by them
		return true, k.create(ctx, tx, k.table.Name, k.columns, "PRIMARY KEY ("+k.list(k.columns[:keyed])+"), UNIQUE ("+k.list(subjects)+")")
	}
	for _, c := range k.columns[required:] {
		if slices.Contains(there, c.Name) {
			continue
		}
		made = true
		if _, err := tx.ExecContext(ctx, "ALTER TABLE "+k.db.dialect.Name(k.table.Name)+" ADD COLUMN "+k.declared(c)); err != nil {
			return made, err
		}
	}
	return made, nil
}

func (k kept) create(ctx context.Context, tx *sql.Tx, n catalogue.Name, columns []*catalogue.Column, keys string) error {
	var all []string
	for _, c := range columns {
		all = append(all, k.declared(c))
	}
	_, err := tx.ExecContext(ctx, "CREATE TABLE "+k.db.dialect.Name(n)+" ("+strings.Join(append(all, keys), ", ")+")"+k.db.dialect.Permissions.Options)
	return err
}

func (k kept) declared(c *catalogue.Column) string {
	declared := k.db.dialect.Quote(c.Name) + " " + c.Native
	if c.NotNull {
		declared += " NOT NULL"
	}
	return declared
}

func (k kept) list(columns []*catalogue.Column) string { return strings.Join(k.quoted(columns), ", ") }

func (k kept) quoted(columns []*catalogue.Column) []string {
	all := make([]string, len(columns))
	for i, c := range columns {
		all[i] = k.db.dialect.Quote(c.Name)
	}
	return all
}

// take raises the fence, unless it is higher.
func (k kept) take(ctx context.Context, tx *sql.Tx) (bool, error) {
	fence, there, err := k.fence(ctx, tx)
	if err != nil || there && fence > k.table.Fence {
		return false, err
	}
	s := k.db.dialect.statement()
	if there {
		s.write("UPDATE ")
		s.table(k.fresh)
		s.write(" SET ", k.db.dialect.Quote("fence"), " = ", s.operand(k.freshness[1], k.table.Fence))
		s.write(" WHERE ", k.db.dialect.Quote("keeper"), " = ", s.operand(k.freshness[0], k.table.Keeper))
	} else {
		s.write("INSERT INTO ")
		s.table(k.fresh)
		s.write(" (", k.list(k.freshness[:2]), ") VALUES (")
		if err := s.values(k.db, k.freshness[:2], []any{k.table.Keeper, k.table.Fence}); err != nil {
			return false, err
		}
		s.write(")")
	}
	_, err = k.db.exec(ctx, tx, s.String(), s.args)
	return true, err
}

// fence reads the fence and keeps it until the commit.
func (k kept) fence(ctx context.Context, tx *sql.Tx) (fence int64, there bool, err error) {
	s := k.db.dialect.statement("SELECT ", k.list(k.freshness[1:2]), " FROM ")
	s.table(k.fresh)
	s.write(k.db.dialect.Hint, " WHERE ", k.db.dialect.Quote("keeper"), " = ", s.operand(k.freshness[0], k.table.Keeper), k.db.dialect.Lock)
	err = k.db.stream(ctx, tx, s, k.freshness[1:2], func(values []any) error {
		fence, there = values[0].(int64)
		return nil
	})
	return fence, there, err
}

// held runs work in a transaction in which the table cannot be taken by another.
func (k kept) held(ctx context.Context, doing string, work func(*sql.Tx) error) error {
	taken := false
	err := k.db.transact(ctx, doing+" "+k.table.Name.String(), nil, func(tx *sql.Tx) error {
		fence, there, err := k.fence(ctx, tx)
		if err != nil {
			return err
		}
		if taken = !there || fence != k.table.Fence; taken {
			return nil
		}
		return work(tx)
	})
	if err == nil && taken {
		return connector.ErrTaken
	}
	return err
}

// Permit makes rows the only ones of the subjects.
func (db *DB) Permit(ctx context.Context, t connector.PermissionTable, subjects []string, rows []connector.Permission) error {
	k, err := db.keep(t)
	if err != nil {
		return err
	}
	all := make([][]any, 0, len(rows))
	for _, r := range rows {
		if connector.Permittable(r.Identity) {
			all = append(all, []any{string(r.Identity.Type), r.Identity.Value.Reveal(), r.Purpose, r.Subject, r.Allowed, r.Choice, r.Since, r.Sequence})
		}
	}
	return k.held(ctx, "write", func(tx *sql.Tx) error {
		for some := range slices.Chunk(subjects, db.dialect.Parameters) {
			if err := k.remove(ctx, tx, some); err != nil {
				return err
			}
		}
		for some := range slices.Chunk(all, db.dialect.Parameters/permitted) {
			if err := k.insert(ctx, tx, some); err != nil {
				return err
			}
		}
		return nil
	})
}

// remove deletes the rows of subjects.
func (k kept) remove(ctx context.Context, tx *sql.Tx, subjects []string) error {
	s := k.db.dialect.statement("DELETE FROM ")
	s.table(k.table.Name)
	s.write(" WHERE ", k.db.dialect.Quote("subject"), " IN (")
	for i, id := range subjects {
		s.comma(i)
		s.write(s.operand(k.columns[keyed], id))
	}
	s.write(")")
	_, err := k.db.exec(ctx, tx, s.String(), s.args)
	return err
}

// insert writes rows, over those of others with the same key: an identity may have
// been an erased person's.
func (k kept) insert(ctx context.Context, tx *sql.Tx, rows [][]any) error {
	s := k.db.dialect.statement("INSERT INTO ")
	s.table(k.table.Name)
	s.write(" (", k.list(k.columns), ") VALUES ")
	for i, row := range rows {
		s.comma(i)
		s.write("(")
		if err := s.values(k.db, k.columns, row); err != nil {
			return err
		}
		s.write(")")
	}
	s.write(k.db.dialect.Permissions.Upsert(k.quoted(k.columns[:keyed]), k.quoted(k.columns[keyed:])))
	_, err := k.db.exec(ctx, tx, s.String(), s.args)
	return err
}

// values binds the values of a row. An error of an encoding has no data in it.
func (s *statement) values(db *DB, columns []*catalogue.Column, row []any) error {
	for i, v := range row {
		s.comma(i)
		encoded, err := db.encode(columns[i], v)
		if err != nil {
			return err
		}
		s.assign(columns[i], encoded)
	}
	return nil
}

// Permissions reads the rows of a stretch of subjects.
func (db *DB) Permissions(ctx context.Context, t connector.PermissionTable, after, through string, limit int) ([]connector.Permission, error) {
	k, err := db.keep(t)
	if err != nil {
		return nil, err
	}
	s := db.dialect.statement()
	s.selection(&catalogue.Table{Name: t.Name}, k.columns)
	id, join := db.dialect.Quote("subject"), " WHERE "
	if after != "" {
		s.write(join, id, " > ", s.operand(k.columns[keyed], after))
		join = " AND "
	}
	if through != "" {
		s.write(join, id, " <= ", s.operand(k.columns[keyed], through))
	}
	if limit > 0 {
		s.write(" ", db.limited(limit))
	}
	var all []connector.Permission
	err = db.read(ctx, "read "+t.Name.String(), func(tx querier) error {
		all = nil
		return db.stream(ctx, tx, s, k.columns, func(v []any) error {
			all = append(all, permission(v))
			return nil
		})
	})
	return all, err
}

// permission reads a row. What others have put there may be anything: it comes out
// as nothing, and is not equal to a row of ours.
func permission(v []any) (p connector.Permission) {
	text := func(i int) string {
		s, _ := v[i].(string)
		return s
	}
	p = connector.Permission{Subject: text(3), Purpose: text(2), Choice: text(5)}
	p.Identity = subject.Identity{Type: subject.Type(text(0)), Value: subject.Conceal(text(1))}
	p.Allowed, _ = v[4].(bool)
	p.Since, _ = v[6].(time.Time)
	p.Sequence, _ = v[7].(int64)
	return p
}

// Freshen writes the one row that says as of when the table is right.
func (db *DB) Freshen(ctx context.Context, t connector.PermissionTable, f connector.Freshness) error {
	k, err := db.keep(t)
	if err != nil {
		return err
	}
	columns, values := k.freshness[4:], []any{f.Checked}
	if !f.AsOf.IsZero() {
		columns, values = k.freshness[2:], []any{f.Sequence, f.AsOf, f.Checked}
	}
	return k.held(ctx, "freshen", func(tx *sql.Tx) error {
		s := db.dialect.statement("UPDATE ")
		s.table(k.fresh)
		s.write(" SET ")
		for i, c := range columns {
			s.comma(i)
			encoded, err := db.encode(c, values[i])
			if err != nil {
				return err
			}
			s.write(db.dialect.Quote(c.Name), " = ")
			s.assign(c, encoded)
		}
		s.write(" WHERE ", db.dialect.Quote("keeper"), " = ", s.operand(k.freshness[0], k.table.Keeper))
		_, err := db.exec(ctx, tx, s.String(), s.args)
		return err
	})
}

// OnConflict is the Upsert of systems that name the key.
func OnConflict(key, set []string) string {
	all := make([]string, len(set))
	for i, name := range set {
		all[i] = name + " = excluded." + name
	}
	return " ON CONFLICT (" + strings.Join(key, ", ") + ") DO UPDATE SET " + strings.Join(all, ", ")
}
