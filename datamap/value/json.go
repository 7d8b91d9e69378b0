package value

import (
	"encoding/json"
	"fmt"
	"strconv"
	"time"
	"unicode/utf8"
)

// AppendJSON appends what encoding/json writes for ForJSON(v), without its
// escapes for HTML, and indented: each member of an object or array on a line
// of its own that begins with margin and two spaces for each level. The
// error names a Go type that is no value, never a value.
func AppendJSON(dst []byte, v any, margin string) ([]byte, error) {
	switch v := v.(type) {
	case nil:
		return append(dst, "null"...), nil
	case bool:
		return strconv.AppendBool(dst, v), nil
	case string:
		return appendQuoted(dst, v), nil
	case int64:
		if -safe <= v && v <= safe {
			return strconv.AppendInt(dst, v, 10), nil
		}
	case Decimal:
		return appendQuoted(dst, string(v)), nil
	case Date:
		return appendQuoted(dst, string(v)), nil
	case time.Time:
		return append(v.UTC().AppendFormat(append(dst, '"'), time.RFC3339Nano), '"'), nil
	case []any:
		return appendMembers(dst, '[', len(v), margin, func(dst []byte, i int, margin string) ([]byte, error) {
			return AppendJSON(dst, v[i], margin)
		})
	case map[string]any:
		var room [fewNames]string
		names := sorted(v, room[:0])
		return appendMembers(dst, '{', len(v), margin, func(dst []byte, i int, margin string) ([]byte, error) {
			dst = append(appendQuoted(dst, names[i]), ": "...)
			return AppendJSON(dst, v[names[i]], margin)
		})
	}
	b, err := json.Marshal(ForJSON(v)) // nothing that HTML would escape is left
	if err != nil {
		return dst, fmt.Errorf("values of Go type %T cannot be written", v)
	}
	return append(dst, b...), nil
}

func appendMembers(dst []byte, open byte, n int, margin string, member func([]byte, int, string) ([]byte, error)) ([]byte, error) {
	dst = append(dst, open)
	inner := margin + "  "
	for i := range n {
		if i > 0 {
			dst = append(dst, ',')
		}
		var err error
		if dst, err = member(append(append(dst, '\n'), inner...), i, inner); err != nil {
			return dst, err
		}
	}
	if n > 0 {
		dst = append(append(dst, '\n'), margin...)
	}
	return append(dst, open+2), nil // ] follows [ and } follows { after one more, in ASCII
}

// escapes are the letters of the control characters that have one.
var escapes = map[byte]byte{'\b': 'b', '\f': 'f', '\n': 'n', '\r': 'r', '\t': 't', '"': '"', '\\': '\\'}

// appendQuoted writes a text: what is no UTF-8 as U+FFFD, and the two line
// ends that JavaScript has besides those of JSON escaped.
func appendQuoted(dst []byte, s string) []byte {
	const hex = "0123456789abcdef"
	dst = append(dst, '"')
	from := 0
	for i := 0; i < len(s); {
		b := s[i]
		if b >= ' ' && b != '"' && b != '\\' && b < utf8.RuneSelf {
			i++
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		if size > 1 && r != '\u2028' && r != '\u2029' {
			i += size
			continue
		}
		dst = append(dst, s[from:i]...)
		switch letter, short := escapes[b]; {
		case short:
			dst = append(dst, '\\', letter)
		case b < ' ':
			dst = append(dst, '\\', 'u', '0', '0', hex[b>>4], hex[b&15])
		case r == utf8.RuneError:
			dst = append(dst, `\ufffd`...)
		default:
			dst = append(append(dst, `\u202`...), hex[r&15])
		}
		i += size
		from = i
	}
	return append(append(dst, s[from:]...), '"')
}
