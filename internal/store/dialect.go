package store

import (
	"regexp"
	"strings"
	"sync"
)

// dialect is all that statements differ in. They are written once, with $N
// for values and these words where the databases part ways:
//
//	{now}    the database's clock, in microseconds since 1970
//	{lock}   keeps the selected rows from others until the commit
//	{share}  keeps them from those who lock them
//	{by subject}  goes by that index: SQLite, which keeps no statistics, would
//	         read the whole ledger instead, since it is in order
//	{by banner}  likewise, for the leaves of one consent of a banner
//	{index NAME}  goes by that index, likewise
//	{material}  is the number of the version that the snapshot of a site says
//	         was the last that asked everybody
//	{little cache}, {usual cache}  are statements: how many pages SQLite keeps
//	         in memory; PostgreSQL does not have to be told
//	{in $2}  is one of the texts of a slice: at the end of a query of one table
//	{among $2}  likewise, of whole numbers
type dialect struct {
	name  string // the folder of its migrations
	words *strings.Replacer
	in    string    // what a query with {in $2} becomes
	index string    // what {index NAME} becomes, with $1 for the name
	known *sync.Map // statements as written -> as this database has them
}

// SQLite's clock has milliseconds. It has no row locks and needs none: there
// is one writer.
const (
	nowSQLite     = `CAST(unixepoch('subsec') * 1000 AS INTEGER) * 1000`
	nowPostgres   = `(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000)::bigint`
	lockSQLite    = ``
	lockPostgres  = `FOR UPDATE`
	shareSQLite   = ``
	sharePostgres = `FOR SHARE`
	bySQLite      = `INDEXED BY consent_records_by_subject`
	byPostgres    = ``
	bannerSQLite  = `INDEXED BY audit_leaves_of_banners`

	materialSQLite   = `json_extract(CAST(snapshot AS TEXT), '$.material')`
	materialPostgres = `(convert_from(snapshot, 'UTF8')::json->>'material')::bigint`
)

// littleCache is in KiB, and with what the driver adds to a page it takes
// twice that.
const (
	littleCache = `PRAGMA cache_size = -4096`
	usualCache  = `PRAGMA cache_size = ` + sqliteCache
	noCache     = `SELECT 1`
)

// PostgreSQL would read a table whole to find many values, if it did so when
// it made the plan: the table was empty then. OFFSET 0 makes it find them one
// by one.
const (
	inSQLite   = `SELECT $columns FROM $table WHERE $where IN (SELECT value FROM json_each($list))`
	inPostgres = `SELECT $columns FROM (SELECT DISTINCT unnest($list::$kind[]) AS value) AS sought
		CROSS JOIN LATERAL (SELECT $columns FROM $table WHERE $where = sought.value OFFSET 0) AS found`
)

func sqliteDialect() dialect {
	return dialect{"sqlite", strings.NewReplacer("{now}", nowSQLite, "{lock}", lockSQLite, "{share}", shareSQLite, "{by subject}", bySQLite, "{by banner}", bannerSQLite,
		"{material}", materialSQLite, "{little cache}", littleCache, "{usual cache}", usualCache), inSQLite, `INDEXED BY $1`, &sync.Map{}}
}

func postgresDialect() dialect {
	return dialect{"postgres", strings.NewReplacer("{now}", nowPostgres, "{lock}", lockPostgres, "{share}", sharePostgres, "{by subject}", byPostgres, "{by banner}", byPostgres,
		"{material}", materialPostgres, "{little cache}", noCache, "{usual cache}", noCache), inPostgres, ``, &sync.Map{}}
}

var indexed = regexp.MustCompile(`\{index (\w+)\}`)

// lists finds the queries with {in $2} and {among $2}, and says of what the list is.
var lists = map[string]*regexp.Regexp{"text": listQuery("in"), "bigint": listQuery("among")}

func listQuery(word string) *regexp.Regexp {
	return regexp.MustCompile(`^SELECT (?P<columns>.+) FROM (?P<table>\w+(?: INDEXED BY \w+)?) +WHERE (?P<where>.+) \{` + word + ` (?P<list>\$\d+)\}$`)
}

// say gives a statement in the words of the database.
func (d dialect) say(statement string) string {
	if text, ok := d.known.Load(statement); ok {
		return text.(string)
	}
	text := indexed.ReplaceAllString(d.words.Replace(statement), d.index)
	for kind, query := range lists {
		text = query.ReplaceAllString(text, strings.ReplaceAll(d.in, "$kind", kind))
	}
	d.known.Store(statement, text)
	return text
}
