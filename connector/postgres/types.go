package postgres

import (
	"regexp"
	"strings"

	"volenti.dev/volenti/datamap/catalogue"
	"volenti.dev/volenti/datamap/value"
)

// kinds of the system's types, by pg_type.typname.
var kinds = map[string]value.Kind{
	"int2": value.Integer, "int4": value.Integer, "int8": value.Integer, "oid": value.Integer,
	"float4": value.Float, "float8": value.Float, "numeric": value.Number, "bool": value.Boolean,
	"text": value.String, "varchar": value.String, "bpchar": value.String, "citext": value.String, "name": value.String, "char": value.String,
	"bytea": value.Bytes, "timestamp": value.Timestamp, "timestamptz": value.Timestamp, "date": value.Day, "time": value.Clock,
	"uuid": value.UUID, "json": value.JSON, "jsonb": value.JSON,
}

var bits = map[string]int{"int2": 16, "int4": 32, "int8": 64, "oid": 64}

// comparison says how a column is compared with what is bound.
type comparison int

const (
	asIs   comparison = iota // by its own equality
	asText                   // it has none, or binding could fail on a value that is none of its type
	asJSON                   // json has none, jsonb has
)

// compares goes by the declared type. Enumerations and all that this package
// knows nothing of are compared by their text.
func compares(c *catalogue.Column) comparison {
	native := strings.TrimSuffix(unmodified(c.Native), "[]")
	switch c.Type.Kind {
	case value.Integer, value.Float, value.Number, value.Boolean, value.Bytes, value.Timestamp, value.Day, value.UUID:
		return asIs
	case value.JSON:
		if native == "json" {
			return asJSON
		}
		return asIs
	case value.String:
		if native == "text" || native == "character varying" || native == "bpchar" || native == "citext" || strings.HasSuffix(native, ".citext") {
			return asIs
		}
	case value.Other:
		if native == "inet" {
			return asIs
		}
	}
	return asText
}

// modifier is the "(20)" of "character varying(20)", outside quotes.
var modifier = regexp.MustCompile(`"(?:[^"]|"")*"|\([^)]*\)`)

// unmodified gives a type without its limits: a cast to the type itself would
// cut what does not fit, silently, where an assignment refuses it. Three types
// mean one character or bit without a limit and have another name then.
func unmodified(native string) string {
	s := modifier.ReplaceAllStringFunc(native, func(m string) string {
		if m[0] == '(' {
			return ""
		}
		return m
	})
	base, array := strings.TrimSuffix(s, "[]"), strings.HasSuffix(s, "[]")
	switch base {
	case "character":
		base = "bpchar"
	case "bit":
		base = "bit varying"
	}
	if array {
		return base + "[]"
	}
	return base
}

func selected(c *catalogue.Column, quoted string) string {
	if !c.Type.Array {
		switch c.Type.Kind {
		case value.Integer, value.Boolean, value.Bytes:
			return quoted
		case value.String:
			if native := unmodified(c.Native); native == "text" || native == "character varying" {
				return quoted
			}
		}
	}
	return quoted + "::text"
}

func matched(c *catalogue.Column, quoted string) string { return comparable(c, quoted) }

func comparable(c *catalogue.Column, expression string) string {
	switch compares(c) {
	case asText:
		return expression + "::text"
	case asJSON:
		return expression + "::jsonb"
	default:
		return expression
	}
}

func overlap(c *catalogue.Column, quoted, elements string) string {
	if compares(c) == asIs {
		return quoted + " && CAST(ARRAY[" + elements + "] AS " + unmodified(c.Native) + ")"
	}
	return quoted + "::text[] && CAST(ARRAY[" + elements + "] AS text[])"
}
