package delivery

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"

	"volenti.dev/volenti/datamap/value"
)

// WriteJSON writes {"dataset:collection": [rows]} in the given order, without
// the collections that have no rows; values as value.ForJSON says. No address
// may come twice: several access rules are several files.
func WriteJSON(w io.Writer, collections []Collection) error {
	b := bufio.NewWriter(w)
	j := jsonWriter{w: b, separator: "{\n  "}
	seen := map[string]bool{}
	for _, c := range collections {
		if seen[c.Address] {
			return fmt.Errorf("write json: %s is given twice", c.Address)
		}
		seen[c.Address] = true
		if err := j.collection(c); err != nil {
			return fmt.Errorf("write json: %s: %w", c.Address, err)
		}
	}
	b.WriteString(j.end())
	if err := b.Flush(); err != nil {
		return fmt.Errorf("write json: %w", err)
	}
	return nil
}

type jsonWriter struct {
	w         *bufio.Writer
	separator string // what comes before the next collection
	row       []byte
}

func (j *jsonWriter) collection(c Collection) error {
	separator := ""
	err := c.Rows(func(row map[string]any) error {
		if separator == "" {
			separator = j.separator + quoted(c.Address) + ": [\n    "
		}
		var err error
		if j.row, err = value.AppendJSON(j.row[:0], row, "    "); err != nil {
			return err
		}
		j.w.WriteString(separator)
		separator = ",\n    "
		_, err = j.w.Write(j.row)
		return err
	})
	if separator != "" {
		j.w.WriteString("\n  ]")
		j.separator = ",\n  "
	}
	return err
}

func (j *jsonWriter) end() string {
	if j.separator == ",\n  " {
		return "\n}\n"
	}
	return "{}\n"
}

func quoted(s string) string {
	b, _ := json.Marshal(s) // text always marshals
	return string(b)
}
