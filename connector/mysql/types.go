package mysql

import (
	"regexp"
	"strings"

	"volenti.dev/volenti/datamap/catalogue"
	"volenti.dev/volenti/datamap/value"
)

// kinds of the systems' types, by the first word of their declaration. A year
// is none of the numbers: it takes four digits or none.
var kinds = map[string]value.Kind{
	"tinyint": value.Integer, "smallint": value.Integer, "mediumint": value.Integer, "int": value.Integer, "bigint": value.Integer, "bit": value.Integer,
	"float": value.Float, "double": value.Float, "decimal": value.Number,
	"char": value.String, "varchar": value.String, "tinytext": value.String, "text": value.String, "mediumtext": value.String, "longtext": value.String,
	"enum": value.String, "set": value.String,
	"binary": value.Bytes, "varbinary": value.Bytes, "tinyblob": value.Bytes, "blob": value.Bytes, "mediumblob": value.Bytes, "longblob": value.Bytes,
	"datetime": value.Timestamp, "timestamp": value.Timestamp, "date": value.Day, "time": value.Clock,
	"json": value.JSON, "uuid": value.UUID,
}

var bits = map[string]int{"tinyint": 8, "smallint": 16, "mediumint": 24, "int": 32, "bigint": 64}

// geometries are handed out as text, "POINT(1 2)", and take null alone.
var geometries = map[string]bool{
	"geometry": true, "point": true, "linestring": true, "polygon": true, "multipoint": true, "multilinestring": true,
	"multipolygon": true, "geometrycollection": true, "geomcollection": true,
}

// limits are the numbers that information_schema gives beside a type.
type limits struct{ length, precision, scale int }

// typed fills in what a declared type says.
func typed(c *catalogue.Column, l limits) {
	base := baseOf(c)
	c.Type.Kind = kinds[base]
	switch {
	case c.Native == "tinyint(1)" || c.Native == "bit(1)": // what BOOLEAN declares, and what programs use for it
		c.Type.Kind = value.Boolean
	case base == "bit":
		c.Bits = l.precision
	case c.Type.Kind == value.Integer:
		c.Bits = bits[base]
	case base == "decimal":
		c.Precision, c.Scale = l.precision, l.scale
	case base == "enum" || base == "set":
		c.Labels = labels(c.Native)
	case base == "char" || base == "varchar" || base == "binary" || base == "varbinary" || base == "tinyblob":
		c.Length = l.length
	case base == "tinytext": // its limit is in bytes, of which a letter has up to four
		c.Length = l.length / 4
	case c.Type.Kind == value.Unknown:
		c.Type.Kind = value.Other
	}
}

func baseOf(c *catalogue.Column) string {
	if end := strings.IndexAny(c.Native, "( "); end >= 0 {
		return c.Native[:end]
	}
	return c.Native
}

func unsigned(c *catalogue.Column) bool {
	return strings.Contains(c.Native, " unsigned")
}

// label is one of the quoted words of an enumeration.
var label = regexp.MustCompile(`'(?:[^']|'')*'`)

// unescape undoes what the server writes in them.
var unescape = strings.NewReplacer("''", "'", `\\`, `\`, `\n`, "\n", `\r`, "\r", `\0`, "\x00", `\Z`, "\x1a")

func labels(native string) []string {
	var out []string
	for _, quoted := range label.FindAllString(native, -1) {
		out = append(out, unescape.Replace(quoted[1:len(quoted)-1]))
	}
	return out
}

// charset is where Native says that a text column is not in utf8mb4.
const charset = " character set "

func charsetOf(c *catalogue.Column) string {
	if i := strings.LastIndex(c.Native, charset); i >= 0 && !strings.HasSuffix(c.Native, ")") {
		return c.Native[i+len(charset):]
	}
	return ""
}

// comparable character sets are those that package values knows the letters
// of: a letter that the column cannot have would make the whole comparison
// fail, or find nothing.
func comparable(charset string) bool { return charset == "" || letters[charset] != nil }

func selected(c *catalogue.Column, quoted string) string {
	if geometries[baseOf(c)] {
		return "ST_AsText(" + quoted + ")"
	}
	return quoted
}

func matched(c *catalogue.Column, quoted string) string {
	switch base := baseOf(c); {
	case geometries[base]:
		return "ST_AsText(" + quoted + ")"
	case base == "json":
		return "CAST(" + quoted + " AS CHAR)"
	case !comparable(charsetOf(c)):
		return "CONVERT(" + quoted + " USING utf8mb4)"
	}
	return quoted
}

// operand keeps exact numbers exact: compared with a text they would be
// compared as floating point.
func operand(c *catalogue.Column, placeholder string) string {
	if c.Type.Kind == value.Number {
		return "CAST(" + placeholder + " AS " + decimalType(c) + ")"
	}
	return placeholder
}

func bytewise(c *catalogue.Column, quoted string) string {
	if c.Type.Kind != value.String || len(c.Labels) > 0 {
		return ""
	}
	if charsetOf(c) != "" {
		quoted = "CONVERT(" + quoted + " USING utf8mb4)"
	}
	return "CAST(" + quoted + " AS BINARY)"
}
