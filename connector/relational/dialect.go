package relational

import (
	"context"
	"database/sql"

	"volenti.dev/volenti/connector"
	"volenti.dev/volenti/datamap/catalogue"
)

// Dialect is all that this package does not know about a database system.
// Every field is set unless it says otherwise.
type Dialect struct {
	// Quote is the one way for a name to get into a statement. The name is
	// the catalogue's and holds no NUL.
	Quote func(name string) string
	// Placeholder writes the n-th bound value, counted from 1.
	Placeholder func(n int) string
	// Parameters is how many values one statement carries at most. It need
	// not be the system's limit: it is what was measured to be fastest.
	Parameters int
	// Rows opens and closes a list of tuples in "(a, b) IN (...)". Empty where
	// the system has no such lists: each tuple is compared by itself then.
	Rows [2]string

	// Select writes an expression that reads a column in a form that Decode
	// understands; quoted is its name.
	Select func(c *catalogue.Column, quoted string) string
	// Match writes a column as the left side of a comparison with bound
	// values.
	Match func(c *catalogue.Column, quoted string) string
	// Operand writes a bound value as the right side of a comparison with a
	// column; nil where the placeholder is enough.
	Operand func(c *catalogue.Column, placeholder string) string
	// Bytes writes a column as the left side of a comparison that takes only
	// the same bytes, where the equality of Match takes more: texts in another
	// case, say. Empty where both are one; nil where they always are. Rows are
	// found by Match; those that are written must pass both.
	Bytes func(c *catalogue.Column, quoted string) string
	// Overlap writes that an array column has one of the elements; nil where
	// there are no array columns.
	Overlap func(c *catalogue.Column, quoted, elements string) string
	// Decode turns what the driver gives into a value of package value. What
	// does not fit the declared type comes through as it is: it never fails.
	Decode func(c *catalogue.Column, v any) any
	// Encode turns a value that was cast to the column's type, and is not
	// null, into what the driver binds. What Decode makes of the result is
	// what a read gives after it was written. The error has no data in it.
	Encode func(c *catalogue.Column, v any) (any, error)
	// Raw encodes what a read can give although it is none of the column's
	// kind, such as a day that no calendar has; nil where there is no such
	// thing that can be compared or written.
	Raw func(c *catalogue.Column, v any) (encoded any, ok bool)
	// Forms gives further forms in which the same value may be stored, for
	// comparisons; nil where a value has one form.
	Forms func(c *catalogue.Column, v any) []any

	// Limit ends a SELECT that gives at most n rows; nil where it is LIMIT n.
	Limit func(n int) string
	// Assign writes a bound value as it is given to a column; nil where that is
	// the placeholder.
	Assign func(c *catalogue.Column, placeholder string) string

	// Lock ends a SELECT whose rows are to be written; Hint follows its
	// table's name. A system knows one of them.
	Lock, Hint string
	// Begin is sent at the start of every transaction that writes; may be
	// empty.
	Begin string
	// Savepoint sets a savepoint, releases it (empty for nothing) and undoes
	// what came after it. Empty for the words of the standard.
	Savepoint [3]string
	// NoReadOnly: the system has no transactions in which it refuses to write.
	NoReadOnly bool
	// Exec runs a statement that writes and counts its rows; nil where the
	// driver counts them right.
	Exec func(ctx context.Context, tx *sql.Tx, text string, args []any) (int64, error)
	// UpdateMany writes different values to many rows in one statement; nil
	// where a loop is as fast. Each row holds the values of key and then
	// those of set, encoded; keys have no nulls and each comes once. Without
	// a text the rows are written one by one. With BindsRows the statement
	// binds every value by itself, and gets no more rows than Parameters
	// allows.
	UpdateMany func(t *catalogue.Table, key, set []*catalogue.Column, rows [][]any) (text string, args []any)
	BindsRows  bool

	// Permissions is how permission tables are made; nil where they are not.
	Permissions *Permissions

	Describe func(ctx context.Context, db *sql.DB) (catalogue.Catalogue, error)
	// Size is a query for the number of rows, near enough for limits, or a
	// negative number when the system has no idea. Empty: rows are counted.
	Size func(n catalogue.Name) (text string, args []any)

	// Explain says what an error of the driver stands for, from codes and
	// names only; ok is false when it is not the driver's.
	Explain func(err error) (kind connector.Kind, reason string, ok bool)
}

// Permissions is how a system makes permission tables.
type Permissions struct {
	// Key, Identity, Boolean, Integer and Time are types, as Encode and Decode take
	// them in a column's Native. Key has up to 64 letters of ASCII, Identity up to
	// connector.MaxPermitted of any script; both are equal where their bytes are, and
	// Key is ordered by them.
	Key, Identity, Boolean, Integer, Time string
	// Options ends CREATE TABLE; may be empty.
	Options string
	// Upsert ends an INSERT that writes over the rows with the same key. The names
	// are quoted.
	Upsert func(key, set []string) string
}
