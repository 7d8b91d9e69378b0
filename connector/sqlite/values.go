package sqlite

import (
	"errors"
	"strconv"
	"strings"
	"time"

	"volenti.dev/volenti/datamap/catalogue"
	"volenti.dev/volenti/datamap/value"
)

// written is how times are written.
const written = "2006-01-02 15:04:05.999999"

// selected keeps the driver from reading times itself, which loses the zone
// and whatever it cannot read: it goes by the declared type, and an expression
// has none.
func selected(c *catalogue.Column, quoted string) string {
	switch strings.ToUpper(c.Native) {
	case "DATE", "DATETIME", "TIMESTAMP":
		return "+" + quoted
	}
	return quoted
}

func matched(_ *catalogue.Column, quoted string) string { return quoted }

func decode(c *catalogue.Column, v any) any {
	switch c.Type.Kind {
	case value.Boolean:
		if i, ok := v.(int64); ok && (i == 0 || i == 1) {
			return i == 1
		}
	case value.Float:
		if i, ok := v.(int64); ok {
			return float64(i)
		}
	case value.Number:
		return decimal(v, c.Scale)
	case value.String:
		if s, ok := v.(string); ok && strings.EqualFold(c.Native, "string") {
			return converted(s)
		}
	case value.Timestamp:
		return instant(v)
	case value.Day:
		return day(v)
	case value.JSON:
		if s, ok := v.(string); ok {
			if decoded, ok := value.DecodeJSON(s); ok {
				return decoded
			}
		}
	}
	return v
}

// decimal gives a number at least the decimal places that were declared, and
// all those that it has.
func decimal(v any, scale int) any {
	var s string
	switch v := v.(type) {
	case int64:
		s = strconv.FormatInt(v, 10)
	case float64:
		s = strconv.FormatFloat(v, 'f', -1, 64)
	case string:
		if d, err := value.Cast(v, value.Type{Kind: value.Number}); err == nil {
			s = string(d.(value.Decimal))
		}
	}
	if strings.Trim(s, "-.0123456789") != "" || s == "" {
		return v
	}
	_, fraction, point := strings.Cut(s, ".")
	if missing := scale - len(fraction); missing > 0 {
		if !point {
			s += "."
		}
		s += strings.Repeat("0", missing)
	}
	return value.Decimal(s)
}

// converted is what becomes of a text in a column declared as STRING, which
// SQLite knows nothing of: what looks like a number is stored as one, and loses
// its zeros. https://sqlite.org/datatype3.html section 3.
func converted(s string) any {
	trimmed := strings.Trim(s, " \t\n\v\f\r")
	if i, err := strconv.ParseInt(trimmed, 10, 64); err == nil {
		return i
	}
	f, err := strconv.ParseFloat(trimmed, 64)
	if err != nil || strings.Trim(trimmed, "+-.0123456789eE") != "" {
		return s
	}
	if i := int64(f); float64(i) == f && f >= -(1<<63) && f < 1<<63 {
		return i
	}
	return f
}

// instant reads the forms in which a time may be stored: text, or a Unix time
// in seconds, or in milliseconds when the seconds would lie beyond the year
// 5138.
func instant(v any) any {
	switch v := v.(type) {
	case int64:
		if v > 1e11 || v < -1e11 {
			return time.UnixMilli(v).UTC()
		}
		return time.Unix(v, 0).UTC()
	case string:
		if t, err := value.Cast(v, value.Type{Kind: value.Timestamp}); err == nil {
			return t
		}
	}
	return v
}

func day(v any) any {
	if s, ok := v.(string); ok {
		if d, err := value.Cast(s, value.Type{Kind: value.Day}); err == nil {
			return d
		}
	}
	return v
}

func encode(c *catalogue.Column, v any) (any, error) {
	if c.Type.Kind == value.JSON {
		return value.EncodeJSON(v)
	}
	switch v := v.(type) {
	case bool:
		if v {
			return int64(1), nil
		}
		return int64(0), nil
	case int64, float64, string, []byte:
		return v, nil
	case value.Decimal:
		return string(v), nil
	case value.Date:
		return string(v), nil
	case time.Time:
		return v.UTC().Format(written), nil
	default:
		return nil, errors.New("SQLite has no type for it")
	}
}

// forms lists what else a time or a day may look like in a comparison.
func forms(c *catalogue.Column, v any) []any {
	switch v := v.(type) {
	case time.Time:
		v = v.UTC()
		out := []any{
			v.Format("2006-01-02T15:04:05.999999"),
			v.Format("2006-01-02T15:04:05.999999Z"),
			v.Format("2006-01-02 15:04:05.999999+00:00"),
			v.Format("2006-01-02T15:04:05.999999+00:00"),
		}
		if v.Nanosecond() == 0 {
			out = append(out, v.Unix(), v.Format("2006-01-02 15:04:05.000"), v.Format("2006-01-02T15:04:05.000Z"))
		}
		return append(out, v.UnixMilli())
	case value.Date:
		return []any{string(v) + " 00:00:00", string(v) + "T00:00:00Z"}
	}
	return nil
}
