package postgres

import (
	"encoding/hex"
	"errors"
	"math/big"
	"net/netip"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"volenti.dev/volenti/datamap/catalogue"
	"volenti.dev/volenti/datamap/value"
)

// timeLayouts are what PostgreSQL writes for timestamp and timestamptz in UTC
// and with DateStyle ISO; years before Christ, beyond 9999, and infinity stay
// text.
const (
	local = "2006-01-02 15:04:05.999999"
	zoned = "2006-01-02 15:04:05.999999-07"
)

func decode(c *catalogue.Column, v any) any {
	s, ok := v.(string)
	if !ok {
		return v
	}
	if c.Type.Array {
		if array, ok := parseArray(s, func(e string) any { return decodeText(c, e) }); ok {
			return array
		}
		return s
	}
	return decodeText(c, s)
}

func decodeText(c *catalogue.Column, s string) any {
	switch c.Type.Kind {
	case value.Integer:
		if i, err := strconv.ParseInt(s, 10, 64); err == nil {
			return i
		}
	case value.Float:
		if f, err := strconv.ParseFloat(s, 64); err == nil && s != "NaN" && !strings.HasSuffix(s, "Infinity") {
			return f
		}
	case value.Number:
		if strings.Trim(s, "-.0123456789") == "" {
			return value.Decimal(s)
		}
	case value.Boolean:
		return s == "t" || s == "true"
	case value.Bytes:
		if b, err := hex.DecodeString(strings.TrimPrefix(s, `\x`)); err == nil {
			return b
		}
	case value.Timestamp:
		for _, layout := range []string{local, zoned} {
			if t, err := time.Parse(layout, s); err == nil {
				return t.UTC()
			}
		}
	case value.Day:
		if _, err := time.Parse(time.DateOnly, s); err == nil {
			return value.Date(s)
		}
	case value.JSON:
		if v, ok := value.DecodeJSON(s); ok {
			return v
		}
	case value.Other:
		if strings.HasPrefix(c.Native, "inet") { // the cast to text adds the mask of a single host
			return strings.TrimSuffix(strings.TrimSuffix(s, "/32"), "/128")
		}
	}
	return s
}

func encode(c *catalogue.Column, v any) (any, error) {
	if !c.Type.Array {
		return encodeText(c, v)
	}
	elements, ok := v.([]any)
	if !ok {
		elements = []any{v}
	}
	return writeArray(elements, func(e any) (string, error) { return encodeText(c, e) })
}

func encodeText(c *catalogue.Column, v any) (string, error) {
	switch v := v.(type) {
	case bool:
		if c.Type.Kind != value.JSON {
			return strconv.FormatBool(v), nil
		}
	case int64:
		if c.Bits > 0 && c.Bits < 64 && (v >= 1<<(c.Bits-1) || v < -1<<(c.Bits-1)) {
			return "", errors.New("out of range")
		}
	case float64:
		if c.Type.Kind == value.Float && strings.HasPrefix(c.Native, "real") {
			return strconv.FormatFloat(v, 'g', -1, 32), nil
		}
	case value.Decimal:
		if c.Type.Kind == value.Number {
			return rounded(c, string(v)), nil
		}
	case string:
		if strings.Contains(v, "\x00") || !utf8.ValidString(v) {
			return "", errors.New("not a text that PostgreSQL can hold")
		}
		if strings.HasPrefix(c.Native, "inet") && !address(v) {
			return "", errors.New("not an address")
		}
	case []byte:
		if c.Type.Kind == value.Bytes {
			return `\x` + hex.EncodeToString(v), nil
		}
	case time.Time:
		if c.Type.Kind == value.Timestamp {
			return instant(c, v)
		}
	}
	if c.Type.Kind == value.JSON {
		s, err := value.EncodeJSON(v)
		if strings.Contains(s, `\u0000`) {
			return "", errors.New("not a text that PostgreSQL can hold")
		}
		return s, err
	}
	return value.Text(v), nil
}

// rounded gives a number the places that the column has, as an assignment
// does: half away from zero.
func rounded(c *catalogue.Column, s string) string {
	r, ok := new(big.Rat), false
	if c.Precision > 0 && len(s) < 1000 && !strings.ContainsAny(s, "eE") {
		_, ok = r.SetString(s)
	}
	if !ok {
		return s
	}
	return r.FloatString(c.Scale)
}

func address(s string) bool {
	if _, err := netip.ParseAddr(s); err == nil {
		return true
	}
	_, err := netip.ParsePrefix(s)
	return err == nil
}

// instant writes a time with the digits of a second that the column keeps.
func instant(c *catalogue.Column, t time.Time) (string, error) {
	t = t.UTC()
	if y := t.Year(); y < 1 || y > 9999 {
		return "", errors.New("out of range")
	}
	digits := 6
	if i := strings.IndexByte(c.Native, '('); i >= 0 && i+1 < len(c.Native) {
		digits = int(c.Native[i+1] - '0')
	}
	unit := time.Second
	for range digits {
		unit /= 10
	}
	t = t.Truncate(time.Microsecond).Round(unit)
	if strings.HasSuffix(strings.TrimSuffix(c.Native, "[]"), "with time zone") {
		return t.Format(zoned), nil
	}
	return t.Format(local), nil
}
