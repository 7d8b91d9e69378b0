package delivery

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"volenti.dev/volenti/datamap/value"
)

// WriteCSV writes a collection as RFC 4180 says: a header with the names of
// its fields, CRLF after each line, UTF-8. A null is nothing, the empty text
// is "". Text that a spreadsheet could take for a formula gets an apostrophe
// in front; so a CSV file is not lossless, and the JSON is.
func WriteCSV(w io.Writer, c Collection) error {
	b := bufio.NewWriter(w)
	known := map[string]bool{}
	for i, name := range c.Fields {
		known[name] = true
		separate(b, i)
		b.WriteString(quote(harmless(name)))
	}
	b.WriteString("\r\n")
	err := c.Rows(func(row map[string]any) error {
		for name := range row {
			if !known[name] {
				return fmt.Errorf("a row has a field %s that is not in Fields", name)
			}
		}
		for i, name := range c.Fields {
			separate(b, i)
			b.WriteString(csvCell(row[name], len(c.Fields)))
		}
		_, err := b.WriteString("\r\n")
		return err
	})
	if err != nil {
		return fmt.Errorf("write csv: %s: %w", c.Address, err)
	}
	if err := b.Flush(); err != nil {
		return fmt.Errorf("write csv: %w", err)
	}
	return nil
}

func separate(b *bufio.Writer, i int) {
	if i > 0 {
		b.WriteByte(',')
	}
}

// csvCell gives "" for a null that is the only cell of its line: readers skip
// a line with nothing on it.
func csvCell(v any, columns int) string {
	if v == nil && columns > 1 {
		return ""
	}
	if left, ok := v.(LeftOut); ok {
		return quote("[" + leftOutKey + ": " + string(left) + "]")
	}
	text := value.Text(v)
	if isNumber(v, text) {
		return text
	}
	return quote(harmless(text))
}

// isNumber says whether the cell is nothing but a number: -5 is a value, and
// a spreadsheet may read it as one.
func isNumber(v any, text string) bool {
	switch v.(type) {
	case int64, float64, value.Decimal:
		return text != "" && strings.Trim(text, "+-.0123456789eE") == ""
	}
	return false
}

// formula are the first characters that make spreadsheets calculate or, as
// tabs and line ends do, skip to a cell that would.
const formula = "=+-@\t\r\n＝＋－＠"

// harmless marks text that would be a formula as text.
func harmless(s string) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	first, size := utf8.DecodeRuneInString(s)
	if size > 0 && strings.ContainsRune(formula, first) {
		return "'" + s
	}
	return s
}

func quote(s string) string {
	if s != "" && !strings.ContainsAny(s, "\",\r\n") && strings.TrimSpace(s) == s {
		return s
	}
	return `"` + strings.ReplaceAll(s, `"`, `""`) + `"`
}
