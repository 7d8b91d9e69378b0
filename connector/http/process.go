package http

import (
	"fmt"
	"strings"

	"volenti.dev/volenti/datamap/value"
)

// process takes the data of a page through the postprocessors, and gives its
// rows. Note is what is to be shown in the execution log.
func process(data any, all []Processor, in func(Processor) []any) (rows []map[string]any, note string, err error) {
	for _, p := range all {
		switch p.Strategy {
		case "unwrap":
			data = unwrap(data, p.Path)
		case "filter":
			data = p.filter(data, in(p))
		case "extract_for_execution_log":
			note = inText(dig(data, p.Path))
		}
	}
	rows, err = asRows(data)
	return rows, note, err
}

// unwrap follows a path in each row of a list, and joins the lists that it
// leads to.
func unwrap(data any, path string) any {
	list, ok := data.([]any)
	if !ok {
		return dig(data, path)
	}
	var all []any
	for _, element := range list {
		switch found := dig(element, path).(type) {
		case nil:
		case []any:
			all = append(all, found...)
		default:
			all = append(all, found)
		}
	}
	return all
}

// filter keeps the rows in which the field is one of the wanted values. A
// field that is a list has to hold one of them.
func (p Processor) filter(data any, wanted []any) any {
	rows, isList := data.([]any)
	if !isList && data != nil {
		rows = []any{data}
	}
	kept := []any{}
	for _, row := range rows {
		if p.holds(dig(row, p.Field), wanted) {
			kept = append(kept, row)
		}
	}
	return kept
}

func (p Processor) holds(field any, wanted []any) bool {
	switch field := field.(type) {
	case nil:
		return false
	case []any:
		for _, element := range field {
			if p.holds(element, wanted) {
				return true
			}
		}
		return false
	default:
		text := p.folded(field)
		for _, w := range wanted {
			want := p.folded(w)
			if want != "" && (text == want || p.Inexact && strings.Contains(text, want)) {
				return true
			}
		}
		return false
	}
}

func (p Processor) folded(v any) string {
	text := value.Text(v)
	if p.AnyCase {
		return strings.ToLower(text)
	}
	return text
}

// asRows takes an object for a row and a list for rows; null is none.
func asRows(data any) ([]map[string]any, error) {
	switch data := data.(type) {
	case nil:
		return nil, nil
	case map[string]any:
		if len(data) == 0 {
			return nil, nil
		}
		return []map[string]any{data}, nil
	case []any:
		rows := make([]map[string]any, 0, len(data))
		for _, element := range data {
			row, ok := element.(map[string]any)
			if !ok {
				return nil, fmt.Errorf("the answer holds a list of %s where rows are expected: data_path or unwrap must lead to a list of objects", value.Of(element))
			}
			rows = append(rows, row)
		}
		return rows, nil
	}
	return nil, fmt.Errorf("the answer holds %s where rows are expected: data_path must lead to an object or a list of objects", value.Of(data))
}
