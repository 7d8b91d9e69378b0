package sqlite

import (
	"errors"
	"regexp"
	"strings"

	driver "modernc.org/sqlite"
	lib "modernc.org/sqlite/lib"

	"volenti.dev/volenti/connector"
)

// The messages of SQLite that hold names of the schema and nothing else.
// Others may quote data: a trigger says what it likes.
var (
	unknownName = regexp.MustCompile(`^SQL logic error: (no such (?:table|column): .*?)(?: - should this .*)? \(\d+\)$`)
	brokenRule  = regexp.MustCompile(`(?:UNIQUE|NOT NULL|CHECK) constraint failed: (.*) \(\d+\)$`)
)

// explain goes by the extended result code, https://sqlite.org/rescode.html.
func explain(err error) (connector.Kind, string, bool) {
	var e *driver.Error
	if !errors.As(err, &e) {
		return "", "", false
	}
	code := e.Code()
	switch code & 0xff {
	case lib.SQLITE_BUSY, lib.SQLITE_LOCKED:
		return connector.Transient, "SQLITE_BUSY: another program holds the database for longer than the time limit", true
	case lib.SQLITE_INTERRUPT:
		return connector.Transient, "SQLITE_INTERRUPT: the statement was stopped", true
	case lib.SQLITE_READONLY:
		return connector.Denied, "SQLITE_READONLY: the database file cannot be written", true
	case lib.SQLITE_PERM, lib.SQLITE_AUTH:
		return connector.Denied, "SQLITE_PERM: access to the database file was refused", true
	case lib.SQLITE_CANTOPEN:
		return connector.Unreachable, "SQLITE_CANTOPEN: the database file cannot be opened: check the path and its permissions", true
	case lib.SQLITE_NOTADB, lib.SQLITE_CORRUPT:
		return connector.Permanent, "SQLITE_NOTADB: the file is no SQLite database, or is damaged", true
	case lib.SQLITE_FULL:
		return connector.Transient, "SQLITE_FULL: the disk is full", true
	case lib.SQLITE_IOERR:
		return connector.Transient, "SQLITE_IOERR: the file could not be read or written", true
	case lib.SQLITE_CONSTRAINT, lib.SQLITE_MISMATCH, lib.SQLITE_TOOBIG:
		return connector.Constraint, constraint(code, e.Error()), true
	case lib.SQLITE_ERROR:
		return logic(e.Error())
	default:
		return connector.Permanent, "SQLite result code " + strings.TrimSpace(driver.ErrorCodeString[code]), true
	}
}

func constraint(code int, message string) string {
	names := ""
	if m := brokenRule.FindStringSubmatch(message); m != nil {
		names = " " + m[1]
	}
	switch code {
	case lib.SQLITE_CONSTRAINT_UNIQUE, lib.SQLITE_CONSTRAINT_PRIMARYKEY, lib.SQLITE_CONSTRAINT_ROWID:
		return "SQLITE_CONSTRAINT_UNIQUE: the value must be unique:" + names
	case lib.SQLITE_CONSTRAINT_NOTNULL:
		return "SQLITE_CONSTRAINT_NOTNULL: the value must not be null:" + names
	case lib.SQLITE_CONSTRAINT_CHECK:
		return "SQLITE_CONSTRAINT_CHECK: a check does not hold:" + names
	case lib.SQLITE_CONSTRAINT_FOREIGNKEY:
		return "SQLITE_CONSTRAINT_FOREIGNKEY: a reference between rows would break"
	case lib.SQLITE_CONSTRAINT_TRIGGER:
		return "SQLITE_CONSTRAINT_TRIGGER: a trigger refused the change"
	case lib.SQLITE_CONSTRAINT_DATATYPE, lib.SQLITE_MISMATCH:
		return "SQLITE_CONSTRAINT_DATATYPE: the value is not of the column's type"
	case lib.SQLITE_TOOBIG:
		return "SQLITE_TOOBIG: the value is too long"
	default:
		return "SQLITE_CONSTRAINT: a constraint of the table does not hold"
	}
}

// logic: statements are made here from names of the catalogue, so that a
// logic error means that the catalogue is no longer true, or a view is broken.
func logic(message string) (connector.Kind, string, bool) {
	if m := unknownName.FindStringSubmatch(message); m != nil {
		return connector.Drift, "SQLITE_ERROR: " + m[1] + ": describe the database again", true
	}
	return connector.Permanent, "SQLITE_ERROR: the statement does not fit the database", true
}
