package value

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"
)

// Equal says whether two values are the same: numbers by what they count,
// whatever type holds them, text by its bytes, times by their instant, arrays
// and maps by what is in them. A value never equals one of another nature: the
// text "5" is not the number 5, and a Date is not an instant. NaN equals NaN,
// so that Equal is an equivalence.
func Equal(a, b any) bool {
	switch a := a.(type) {
	case nil:
		return b == nil
	case string:
		b, ok := b.(string)
		return ok && a == b
	case int64:
		if b, ok := b.(int64); ok {
			return a == b
		}
	case []byte:
		b, ok := b.([]byte)
		return ok && bytes.Equal(a, b)
	}
	return b != nil && Key(a) == Key(b)
}

// Key gives a form to find values by: Key(a) == Key(b) exactly when
// Equal(a, b). It contains the value, and is not to be shown or stored.
func Key(v any) string {
	switch v := v.(type) {
	case string:
		return "s" + v
	case int64:
		return "n" + strconv.FormatInt(v, 10)
	}
	return string(appendKey(nil, v))
}

func appendKey(dst []byte, v any) []byte {
	switch v := v.(type) {
	case nil:
		return append(dst, '0')
	case bool:
		return strconv.AppendBool(append(dst, 'b'), v)
	case string:
		return append(append(dst, 's'), v...)
	case int:
		return strconv.AppendInt(append(dst, 'n'), int64(v), 10)
	case int64:
		return strconv.AppendInt(append(dst, 'n'), v, 10)
	case float64:
		return append(append(dst, 'n'), floatText(v)...)
	case Decimal:
		n, ok := parseNumber(string(v))
		if !ok {
			return append(append(dst, 'x'), v...)
		}
		return append(append(dst, 'n'), n.text()...)
	case time.Time:
		dst = strconv.AppendInt(append(dst, 't'), v.Unix(), 10)
		return strconv.AppendInt(append(dst, '.'), int64(v.Nanosecond()), 10)
	case Date:
		return append(append(dst, 'd'), v...)
	case []byte:
		return append(append(dst, 'y'), v...)
	case []any:
		dst = append(dst, 'a')
		for _, element := range v {
			dst = appendPart(dst, appendKey(nil, element))
		}
		return dst
	case map[string]any:
		dst = append(dst, 'm')
		for _, name := range slices.Sorted(maps.Keys(v)) {
			dst = appendPart(dst, []byte(name))
			dst = appendPart(dst, appendKey(nil, v[name]))
		}
		return dst
	default: // outside the contract; equal to itself at least
		return fmt.Appendf(dst, "?%T:%v", v, v)
	}
}

// appendPart writes its length first, so that no two lists of parts look the
// same.
func appendPart(dst, part []byte) []byte {
	dst = strconv.AppendInt(dst, int64(len(part)), 10)
	return append(append(dst, ':'), part...)
}
