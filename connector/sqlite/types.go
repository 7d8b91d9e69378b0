package sqlite

import (
	"regexp"
	"strconv"
	"strings"

	"volenti.dev/volenti/datamap/catalogue"
	"volenti.dev/volenti/datamap/value"
)

// declared takes a type apart: its words, and the numbers in parentheses.
var declared = regexp.MustCompile(`^([^(]*)(?:\(\s*(\d+)\s*(?:,\s*(\d+)\s*)?\))?`)

// typed fills in what a declared type says.
func typed(c *catalogue.Column) {
	m := declared.FindStringSubmatch(strings.ToUpper(c.Native))
	first, _ := strconv.Atoi(m[2])
	second, _ := strconv.Atoi(m[3])
	c.Type.Kind = kind(strings.TrimSpace(m[1]))
	switch c.Type.Kind {
	case value.Integer:
		c.Bits = 64
	case value.String:
		c.Length = first
	case value.Number:
		c.Precision, c.Scale = first, second
	}
}

// kind follows SQLite's rules of affinity, https://sqlite.org/datatype3.html
// section 3.1, after the words that people use for what SQLite has no type
// for.
func kind(words string) value.Kind {
	switch words {
	case "BOOL", "BOOLEAN":
		return value.Boolean
	case "DATE":
		return value.Day
	case "TIME":
		return value.Clock
	case "JSON", "JSONB":
		return value.JSON
	case "UUID", "GUID", "UNIQUEIDENTIFIER":
		return value.UUID
	case "STRING":
		return value.String
	case "POINT", "INTERVAL", "ANY", "":
		return value.Other
	}
	has := func(parts ...string) bool {
		for _, p := range parts {
			if strings.Contains(words, p) {
				return true
			}
		}
		return false
	}
	switch {
	case has("DATETIME", "TIMESTAMP"):
		return value.Timestamp
	case has("INT"):
		return value.Integer
	case has("CHAR", "CLOB", "TEXT"):
		return value.String
	case has("BLOB", "BINARY"):
		return value.Bytes
	case has("REAL", "FLOA", "DOUB"):
		return value.Float
	case has("NUMERIC", "DECIMAL", "NUMBER", "MONEY"):
		return value.Number
	default:
		return value.Other
	}
}
