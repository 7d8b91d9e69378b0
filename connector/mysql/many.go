package mysql

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"volenti.dev/volenti/datamap/catalogue"
	"volenti.dev/volenti/datamap/value"
)

// updateMany joins the table with a document of the rows, which is one bound
// value whatever their number. With 2,000 rows it took half the time of a
// UNION ALL and a third of that of a CASE, with 500 rows less than both. Kinds
// that this package knows nothing of have no sure form in a document.
func updateMany(t *catalogue.Table, key, set []*catalogue.Column, rows [][]any) (string, []any) {
	columns := slices.Concat(key, set)
	if slices.ContainsFunc(columns, func(c *catalogue.Column) bool { return c.Type.Kind == value.Other }) {
		return "", nil
	}
	document := make([][]any, len(rows))
	for i, row := range rows {
		for _, v := range row {
			document[i] = append(document[i], inDocument(v))
		}
	}
	encoded, err := json.Marshal(document)
	if err != nil {
		return "", nil
	}
	paths := make([]string, len(columns))
	for i := range columns {
		paths[i] = fmt.Sprintf("c%d LONGTEXT PATH '$[%[1]d]' ERROR ON ERROR", i)
	}
	var sets, keys, where []string
	args := []any{string(encoded)}
	for i, c := range columns {
		v := fmt.Sprintf("v.c%d", i)
		name := "t." + quote(c.Name)
		if i >= len(key) {
			sets = append(sets, name+" = "+assigned(c, v))
			continue
		}
		left, right, indexed := joined(c, name, v)
		keys = append(keys, left+" = "+right)
		if !indexed {
			where = append(where, matched(c, name)+" IN (?"+strings.Repeat(", ?", len(rows)-1)+")")
			for _, row := range rows {
				args = append(args, row[i])
			}
		}
	}
	text := "UPDATE " + quote(t.Name.Table) + " AS t JOIN JSON_TABLE(?, '$[*]' COLUMNS (" + strings.Join(paths, ", ") + ")) AS v ON " +
		strings.Join(keys, " AND ") + " SET " + strings.Join(sets, ", ")
	if len(where) > 0 {
		text += " WHERE " + strings.Join(where, " AND ")
	}
	return text, args
}

// inDocument writes an encoded value as a text of the document.
func inDocument(v any) any {
	switch v := v.(type) {
	case nil:
		return nil
	case []byte:
		return hex.EncodeToString(v)
	default:
		return fmt.Sprint(v)
	}
}

// assigned turns a text of the document into what is assigned to a column.
func assigned(c *catalogue.Column, v string) string {
	switch {
	case c.Type.Kind == value.Bytes:
		return "UNHEX(" + v + ")"
	case baseOf(c) == "bit":
		return "CAST(" + v + " AS UNSIGNED)"
	}
	// A text that is copied as it is would be cut to the column's length, also
	// where the session is strict; that of an expression is refused.
	return "CONCAT(" + v + ")"
}

// joined compares a key with a text of the document. Numbers are compared as
// they are, which an index helps with. All else is compared by its bytes, and
// found by its values first.
func joined(c *catalogue.Column, name, v string) (left, right string, indexed bool) {
	switch c.Type.Kind {
	case value.Integer, value.Boolean:
		if baseOf(c) == "bit" || unsigned(c) {
			return name, "CAST(" + v + " AS UNSIGNED)", true
		}
		return name, "CAST(" + v + " AS SIGNED)", true
	case value.Number:
		return name, "CAST(" + v + " AS " + decimalType(c) + ")", true
	case value.Bytes:
		return name, "UNHEX(" + v + ")", true
	}
	if exact := bytewise(c, name); exact != "" {
		return exact, "CAST(" + v + " AS BINARY)", false
	}
	return matched(c, name), v, false
}
