package value

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
)

// ErrCast: the value cannot be of the wanted type.
var ErrCast = errors.New("cannot be cast")

// Cast turns a value into the type of the field that receives it, without
// changing what it says: a number is never rounded, a time never cut to its
// day. Arrays are cast element by element, and for an array type a single
// value is cast as an element, since that is what it is compared with. Nil
// stays nil; Unknown, JSON and Other take every value as it is. Text is
// trimmed where it is read as something else.
//
// The error is an ErrCast that names the two types and never the value.
func Cast(v any, t Type) (any, error) {
	if i, ok := v.(int); ok {
		v = int64(i)
	}
	if v == nil {
		return nil, nil
	}
	cast, ok := casts[t.Kind]
	if !ok {
		return v, nil
	}
	if elements, ok := v.([]any); ok {
		return castArray(elements, t)
	}
	if out, ok := cast(v); ok {
		return out, nil
	}
	return nil, fmt.Errorf("%s %w to %s", Of(v), ErrCast, t.Kind)
}

// Of names the kind of a value, for messages.
func Of(v any) string {
	switch v.(type) {
	case nil:
		return "null"
	case bool:
		return string(Boolean)
	case int, int64:
		return string(Integer)
	case float64:
		return string(Float)
	case string:
		return "text"
	case Decimal:
		return string(Number)
	case time.Time:
		return string(Timestamp)
	case Date:
		return string(Day)
	case []byte:
		return string(Bytes)
	case []any:
		return "array"
	case map[string]any:
		return string(Object)
	default:
		return string(Other)
	}
}

func castArray(elements []any, t Type) (any, error) {
	out := make([]any, len(elements))
	for i, element := range elements {
		var err error
		if out[i], err = Cast(element, t); err != nil {
			return nil, fmt.Errorf("element %d: %w", i, err)
		}
	}
	return out, nil
}

// casts has an entry for every kind that does not take all values.
var casts = map[Kind]func(any) (any, bool){
	String:    toText,
	Integer:   toInteger,
	Float:     toFloat,
	Boolean:   toBoolean,
	ObjectID:  toObjectID,
	Object:    toObject,
	Number:    toDecimal,
	Timestamp: toTime,
	Day:       toDate,
	Clock:     toClock,
	Bytes:     toBytes,
	UUID:      toUUID,
}

func toText(v any) (any, bool) {
	switch v := v.(type) {
	case string:
		return v, true
	case bool:
		return strconv.FormatBool(v), true
	case time.Time:
		return timeText(v), true
	case Date:
		return string(v), true
	}
	n, ok := toNumber(v)
	return n.text(), ok && n.special == ""
}

func toInteger(v any) (any, bool) {
	if i, ok := v.(int64); ok {
		return i, true
	}
	n, ok := toNumber(v)
	if !ok || n.special != "" || n.exponent < 0 || n.exponent > 18 {
		return nil, false
	}
	i, err := strconv.ParseInt(n.text(), 10, 64)
	return i, err == nil
}

func toFloat(v any) (any, bool) {
	if f, ok := v.(float64); ok {
		return f, true
	}
	n, ok := toNumber(v)
	if !ok || n.special != "" {
		return nil, false
	}
	f, err := strconv.ParseFloat(n.text(), 64)
	return f, err == nil && floatText(f) == n.text()
}

func toDecimal(v any) (any, bool) {
	n, ok := toNumber(v)
	if !ok {
		return nil, false
	}
	if d, ok := v.(Decimal); ok {
		return d, true
	}
	return Decimal(n.text()), n.special == ""
}

// toNumber reads numbers and text that is one. Text with an exponent is
// refused: "12e4" is somebody's key, not somebody else's 120000.
func toNumber(v any) (number, bool) {
	switch v := v.(type) {
	case int64:
		return parseNumber(strconv.FormatInt(v, 10))
	case float64:
		return parseNumber(floatText(v))
	case Decimal:
		return parseNumber(string(v))
	case string:
		s := strings.TrimSpace(v)
		n, ok := parseNumber(s)
		return n, ok && n.special == "" && !strings.ContainsAny(s, "eE")
	}
	return number{}, false
}

func toBoolean(v any) (any, bool) {
	switch v := v.(type) {
	case bool:
		return v, true
	case string:
		s := strings.ToLower(strings.TrimSpace(v))
		return s == "true", s == "true" || s == "false"
	}
	n, ok := toNumber(v)
	return n.text() == "1", ok && (n.text() == "1" || n.text() == "0")
}

func toObjectID(v any) (any, bool) {
	s, ok := v.(string)
	if !ok {
		return nil, false
	}
	s = strings.ToLower(strings.TrimSpace(s))
	return s, len(s) == 24 && strings.Trim(s, "0123456789abcdef") == ""
}

func toObject(v any) (any, bool) {
	_, ok := v.(map[string]any)
	return v, ok
}

// layouts are the ways that databases and people write an instant; without a
// zone it is UTC. Parsing takes a fraction of a second after each of them.
var layouts = []string{
	time.RFC3339,
	"2006-01-02 15:04:05",
	"2006-01-02T15:04:05",
	"2006-01-02 15:04:05Z07:00",
	time.DateOnly,
}

func toTime(v any) (any, bool) {
	var s string
	switch v := v.(type) {
	case time.Time:
		return v.UTC(), true
	case Date:
		s = string(v)
	case string:
		s = strings.TrimSpace(v)
	}
	for _, layout := range layouts {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UTC(), true
		}
	}
	return nil, false
}

func toDate(v any) (any, bool) {
	t, ok := toTime(v)
	if !ok {
		return nil, false
	}
	at := t.(time.Time)
	midnight := at.Equal(time.Date(at.Year(), at.Month(), at.Day(), 0, 0, 0, 0, time.UTC))
	return Date(at.Format(time.DateOnly)), midnight
}

func toClock(v any) (any, bool) {
	s, ok := v.(string)
	if !ok {
		return nil, false
	}
	for _, layout := range []string{time.TimeOnly, "15:04"} {
		if t, err := time.Parse(layout, strings.TrimSpace(s)); err == nil {
			return t.Format("15:04:05.999999999"), true
		}
	}
	return nil, false
}

func toBytes(v any) (any, bool) {
	b, ok := v.([]byte)
	return b, ok
}

func toUUID(v any) (any, bool) {
	s, ok := v.(string)
	if !ok {
		return nil, false
	}
	id, err := uuid.Parse(strings.TrimSpace(s))
	return id.String(), err == nil
}
