package store

import "strings"

// dialect is all that statements differ in. They are written once, with $N
// for values and these two words where the databases part ways:
//
//	{now}   the database's clock, in microseconds since 1970
//	{lock}  keeps the selected rows from others until the commit
type dialect struct {
	name  string // the folder of its migrations
	words *strings.Replacer
}

// SQLite's clock has milliseconds. It has no row locks and needs none: there
// is one writer.
const (
	nowSQLite    = `CAST(unixepoch('subsec') * 1000 AS INTEGER) * 1000`
	nowPostgres  = `(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000)::bigint`
	lockSQLite   = ``
	lockPostgres = `FOR UPDATE`
)

func sqliteDialect() dialect {
	return dialect{"sqlite", strings.NewReplacer("{now}", nowSQLite, "{lock}", lockSQLite)}
}

func postgresDialect() dialect {
	return dialect{"postgres", strings.NewReplacer("{now}", nowPostgres, "{lock}", lockPostgres)}
}
