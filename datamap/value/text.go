package value

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"time"
)

// safe is the largest integer that every reader of JSON holds exactly: one
// that uses float64 counts in ones up to 2^53.
const safe = int64(1) << 53

// ForJSON gives what encoding/json should write for a value in a package or a
// report: integers beyond 2^53, decimals, and floats that are no number as
// text; times in RFC 3339 (UTC, without trailing zeros), dates as YYYY-MM-DD,
// bytes in base64 (RFC 4648, section 4); arrays and maps all the way down.
func ForJSON(v any) any {
	switch v := v.(type) {
	case int:
		return ForJSON(int64(v))
	case int64:
		if v < -safe || v > safe {
			return strconv.FormatInt(v, 10)
		}
		return v
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return floatText(v)
		}
		return v
	case Decimal:
		return string(v)
	case time.Time:
		return timeText(v)
	case Date:
		return string(v)
	case []byte:
		return base64.StdEncoding.EncodeToString(v)
	case []any:
		out := make([]any, len(v))
		for i, element := range v {
			out[i] = ForJSON(element)
		}
		return out
	case map[string]any:
		out := make(map[string]any, len(v))
		for name, element := range v {
			out[name] = ForJSON(element)
		}
		return out
	default:
		return v
	}
}

// Text writes a value as one readable cell: nothing for null, numbers without
// an exponent, everything else as JSON does but without its quotes; arrays and
// maps as JSON.
func Text(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case bool:
		return strconv.FormatBool(v)
	case string:
		return v
	case int64:
		return strconv.FormatInt(v, 10)
	case float64:
		return floatText(v)
	case Decimal:
		return string(v)
	}
	if s, ok := ForJSON(v).(string); ok {
		return s
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(ForJSON(v)); err != nil { // outside the contract
		return ""
	}
	return strings.TrimSuffix(b.String(), "\n")
}

func timeText(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }
