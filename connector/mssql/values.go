package mssql

import (
	"errors"
	"math"
	"math/big"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	driver "github.com/microsoft/go-mssqldb"

	"volenti.dev/volenti/datamap/catalogue"
	"volenti.dev/volenti/datamap/value"
)

// How times are written: with the T, so that no setting of the server turns
// month and day around.
const (
	local = "2006-01-02T15:04:05.9999999"
	zoned = "2006-01-02T15:04:05.9999999-07:00"
	clock = "15:04:05.9999999"
)

var errRange = errors.New("out of range")

func decode(c *catalogue.Column, v any) any {
	switch v := v.(type) {
	case driver.VarChar:
		return decodeText(c, string(v))
	case string:
		return decodeText(c, v)
	case []byte:
		if c.Type.Kind == value.Number {
			return value.Decimal(v)
		}
	case float64:
		if base(c) == "real" { // 0.1 and not the nearest real to it
			short, _ := strconv.ParseFloat(strconv.FormatFloat(v, 'g', -1, 32), 64)
			return short
		}
	case time.Time:
		switch c.Type.Kind {
		case value.Day:
			return value.Date(v.Format(time.DateOnly))
		case value.Clock:
			return v.Format(clock)
		default:
			return v.UTC()
		}
	}
	return v
}

func decodeText(c *catalogue.Column, s string) any {
	switch c.Type.Kind {
	case value.String:
		if b := base(c); b == "char" || b == "nchar" { // filled up to their length
			return strings.TrimRight(s, " ")
		}
	case value.UUID:
		return strings.ToLower(s)
	case value.Number:
		return value.Decimal(s)
	case value.Day:
		return value.Date(s)
	case value.Timestamp:
		for _, layout := range []string{local, zoned} {
			if t, err := time.Parse(layout, s); err == nil {
				return t.UTC()
			}
		}
	case value.JSON:
		if v, ok := value.DecodeJSON(s); ok {
			return v
		}
	}
	return s
}

func encode(c *catalogue.Column, v any) (any, error) {
	if c.Type.Kind == value.JSON {
		return value.EncodeJSON(v)
	}
	switch v := v.(type) {
	case bool:
		if c.Type.Kind == value.Boolean {
			return v, nil
		}
	case int64:
		return v, within(c, v)
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return nil, errRange
		}
		if base(c) == "real" {
			v = float64(float32(v))
		}
		return v, nil
	case value.Decimal:
		if c.Type.Kind == value.Number {
			return places(c, string(v))
		}
	case time.Time:
		return instant(c, v.UTC())
	case string:
		switch c.Type.Kind {
		case value.Clock:
			return timeOfDay(c, v)
		case value.String:
			return text(c, v)
		}
	case []byte:
		return filled(c, v), nil
	}
	s := value.Text(v)
	if !utf8.ValidString(s) {
		return nil, errors.New("not a text that SQL Server can hold")
	}
	return s, nil
}

// within checks an integer; tinyint knows no negative ones.
func within(c *catalogue.Column, v int64) error {
	switch {
	case c.Bits == 8 && (v < 0 || v > 255), c.Bits > 8 && c.Bits < 64 && v>>(c.Bits-1) != 0 && v>>(c.Bits-1) != -1:
		return errRange
	}
	return nil
}

// money holds 64 bits and smallmoney 32, in ten-thousandths.
var money = map[string]*big.Rat{"money": big.NewRat(math.MaxInt64, 10000), "smallmoney": big.NewRat(math.MaxInt32, 10000)}

// places writes a number with the places that the column has, as an
// assignment does: half away from zero.
func places(c *catalogue.Column, s string) (string, error) {
	_, exponent, _ := strings.Cut(strings.ToLower(s), "e")
	if n, _ := strconv.Atoi(exponent); len(s) > 1000 || n > 1000 || n < -1000 {
		return "", errRange
	}
	r, ok := new(big.Rat).SetString(s)
	if !ok {
		return "", errRange
	}
	s = r.FloatString(c.Scale)
	if whole, _, _ := strings.Cut(strings.TrimPrefix(s, "-"), "."); whole != "0" && len(whole) > c.Precision-c.Scale {
		return "", errRange
	}
	if most := money[c.Native]; most != nil && new(big.Rat).Abs(r).Cmp(most) > 0 {
		return "", errRange
	}
	return s, nil
}

// text goes as text of one byte to columns of that where it is ASCII, so that
// their indexes are of use. Other characters go as they are, and the server
// looks for them in the column's code page.
func text(c *catalogue.Column, s string) (any, error) {
	if !utf8.ValidString(s) {
		return nil, errors.New("not a text that SQL Server can hold")
	}
	if b := base(c); (b == "varchar" || b == "char") && len(s) <= 8000 && ascii(s) {
		return driver.VarChar(s), nil
	}
	return s, nil
}

func ascii(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// filled adds the zeros that binary(n) has at its end.
func filled(c *catalogue.Column, b []byte) []byte {
	if base(c) != "binary" {
		return b
	}
	n, _ := strconv.Atoi(strings.Trim(strings.TrimPrefix(c.Native, "binary"), "()"))
	return append(b[:len(b):len(b)], make([]byte, max(0, n-len(b)))...)
}

// The first and last days of the types.
var (
	datetimeFrom      = time.Date(1753, 1, 1, 0, 0, 0, 0, time.UTC)
	smalldatetimeFrom = time.Date(1900, 1, 1, 0, 0, 0, 0, time.UTC)
	smalldatetimeTo   = time.Date(2079, 6, 6, 23, 59, 0, 0, time.UTC)
)

// instant writes a time in UTC with what the column keeps of it.
func instant(c *catalogue.Column, t time.Time) (string, error) {
	layout := local
	switch base(c) {
	case "datetime":
		t = ticked(t)
		if t.Before(datetimeFrom) {
			return "", errRange
		}
	case "smalldatetime":
		t = t.Round(time.Minute)
		if t.Before(smalldatetimeFrom) || t.After(smalldatetimeTo) {
			return "", errRange
		}
	case "datetimeoffset":
		layout = zoned
		fallthrough
	default:
		t = t.Round(unit(digits(c)))
	}
	if y := t.Year(); y < 1 || y > 9999 {
		return "", errRange
	}
	return t.Format(layout), nil
}

// ticked rounds to the three hundredths of a second that datetime keeps, and
// gives them in milliseconds, as the driver reads them.
func ticked(t time.Time) time.Time {
	second := t.Truncate(time.Second)
	ticks := math.Round(float64(t.Nanosecond()) * 3 / 1e7)
	return second.Add(time.Duration(math.Round(ticks*10/3)) * time.Millisecond)
}

func unit(digits int) time.Duration {
	u := time.Second
	for range digits {
		u /= 10
	}
	return max(u, 1)
}

func timeOfDay(c *catalogue.Column, s string) (string, error) {
	t, err := time.Parse(time.TimeOnly, s)
	if err != nil {
		return "", errRange
	}
	rounded := t.Round(unit(digits(c)))
	if rounded.Day() != t.Day() {
		return "", errRange
	}
	return rounded.Format(clock), nil
}
