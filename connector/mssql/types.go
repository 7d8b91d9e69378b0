package mssql

import (
	"fmt"
	"strconv"
	"strings"

	"volenti.dev/volenti/datamap/catalogue"
	"volenti.dev/volenti/datamap/value"
)

// kinds of the system's types, by sys.types.name.
var kinds = map[string]value.Kind{
	"tinyint": value.Integer, "smallint": value.Integer, "int": value.Integer, "bigint": value.Integer,
	"bit": value.Boolean, "real": value.Float, "float": value.Float,
	"decimal": value.Number, "numeric": value.Number, "money": value.Number, "smallmoney": value.Number,
	"char": value.String, "varchar": value.String, "nchar": value.String, "nvarchar": value.String, "text": value.String, "ntext": value.String,
	"binary": value.Bytes, "varbinary": value.Bytes, "image": value.Bytes, "timestamp": value.Bytes,
	"date": value.Day, "time": value.Clock, "uniqueidentifier": value.UUID, "json": value.JSON,
	"datetime": value.Timestamp, "smalldatetime": value.Timestamp, "datetime2": value.Timestamp, "datetimeoffset": value.Timestamp,
}

var bits = map[string]int{"tinyint": 8, "smallint": 16, "int": 32, "bigint": 64}

// typed fills in a column from its type's name and limits. Length is in
// bytes, -1 for no limit; for text of one byte a character it is that of
// characters.
func typed(c *catalogue.Column, name string, length, precision, scale int) {
	c.Native = name
	c.Type.Kind, c.Bits = kinds[name], bits[name]
	switch name {
	case "nchar", "nvarchar":
		c.Length = max(0, length/2)
		c.Native += "(" + limit(length, length/2) + ")"
	case "char", "varchar":
		c.Length = max(0, length)
		c.Native += "(" + limit(length, length) + ")"
	case "binary", "varbinary":
		c.Native += "(" + limit(length, length) + ")"
	case "decimal", "numeric":
		c.Precision, c.Scale = precision, scale
		c.Native += fmt.Sprintf("(%d,%d)", precision, scale)
	case "money", "smallmoney":
		c.Precision, c.Scale = precision, scale
	case "time", "datetime2", "datetimeoffset":
		c.Native += "(" + strconv.Itoa(scale) + ")"
	case "timestamp":
		c.Generated = true
	}
	if c.Type.Kind == value.Unknown {
		c.Type.Kind = value.Other
	}
}

func limit(length, n int) string {
	if length < 0 {
		return "max"
	}
	return strconv.Itoa(n)
}

// base is a type without its limits.
func base(c *catalogue.Column) string {
	name, _, _ := strings.Cut(c.Native, "(")
	return name
}

// digits of a second that a type keeps, of time(3), for example.
func digits(c *catalogue.Column) int {
	if i := strings.IndexByte(c.Native, '('); i >= 0 && i+1 < len(c.Native) {
		return int(c.Native[i+1] - '0')
	}
	return 7
}

// written says whether the server is to write a value as text: what has no
// type here.
func written(c *catalogue.Column) bool {
	return c.Type.Kind == value.Other || c.Type.Kind == value.JSON
}

// selected lets the server write ids as text: the order of their bytes is its
// own.
func selected(c *catalogue.Column, quoted string) string {
	switch {
	case c.Type.Kind == value.UUID:
		return "CONVERT(char(36), " + quoted + ")"
	case written(c):
		return "CONVERT(nvarchar(max), " + quoted + ")"
	default:
		return quoted
	}
}

// matched converts what has no comparison of its own.
func matched(c *catalogue.Column, quoted string) string {
	switch base(c) {
	case "text", "ntext":
		return "CONVERT(nvarchar(max), " + quoted + ")"
	case "image":
		return "CONVERT(varbinary(max), " + quoted + ")"
	case "money", "smallmoney":
		return "CONVERT(decimal(19,4), " + quoted + ")"
	}
	if written(c) {
		return "CONVERT(nvarchar(max), " + quoted + ")"
	}
	return quoted
}

// exact compares text code point by code point: most collations take upper
// for lower case. None tells blanks at the end. One byte text is widened
// first, since a collation brings its own code page.
func exact(c *catalogue.Column, quoted string) string {
	if c.Type.Kind != value.String && !written(c) {
		return ""
	}
	if base(c) != "nvarchar" && base(c) != "nchar" {
		quoted = "CONVERT(nvarchar(max), " + quoted + ")"
	}
	return quoted + " COLLATE Latin1_General_100_BIN2"
}

// assigned casts what is written: not all types take text, and a null is text
// to the driver. Text itself is not cast, since that would cut it where an
// assignment refuses.
func assigned(c *catalogue.Column, placeholder string) string {
	switch {
	case c.Type.Kind == value.Bytes:
		return "CAST(" + placeholder + " AS varbinary(max))"
	case c.Type.Kind == value.String || written(c):
		return placeholder
	default:
		return "CAST(" + placeholder + " AS " + c.Native + ")"
	}
}
