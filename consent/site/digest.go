package site

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"unicode/utf16"
)

// Canonical writes v as one text for one content: JSON as RFC 8785 has it, with
// keys in the order of their UTF-16, no space, and no escape that is not
// needed. All numbers are whole.
func (v Version) Canonical() []byte {
	plain, err := json.Marshal(v)
	var tree any
	if err == nil {
		d := json.NewDecoder(bytes.NewReader(plain))
		d.UseNumber()
		err = d.Decode(&tree)
	}
	if err != nil {
		panic(err) // it has nothing that is not JSON
	}
	var w bytes.Buffer
	canonical(&w, tree)
	return w.Bytes()
}

// Digest is the hex SHA-256 of the canonical text: of all that is shown, in all
// languages.
func (v Version) Digest() string { return digest(v.Canonical()) }

func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

func canonical(w *bytes.Buffer, v any) {
	switch v := v.(type) {
	case map[string]any:
		keys := slices.SortedFunc(maps.Keys(v), func(a, b string) int {
			return slices.Compare(utf16.Encode([]rune(a)), utf16.Encode([]rune(b)))
		})
		w.WriteByte('{')
		for i, key := range keys {
			if i > 0 {
				w.WriteByte(',')
			}
			quote(w, key)
			w.WriteByte(':')
			canonical(w, v[key])
		}
		w.WriteByte('}')
	case []any:
		w.WriteByte('[')
		for i, item := range v {
			if i > 0 {
				w.WriteByte(',')
			}
			canonical(w, item)
		}
		w.WriteByte(']')
	case string:
		quote(w, v)
	case json.Number:
		w.WriteString(v.String())
	case bool:
		w.WriteString(strconv.FormatBool(v))
	default:
		w.WriteString("null")
	}
}

// quote writes a string as RFC 8785, section 3.2.2.2, has it.
func quote(w *bytes.Buffer, s string) {
	w.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			w.WriteByte('\\')
			w.WriteRune(r)
		case short[r] != 0:
			w.WriteByte('\\')
			w.WriteByte(short[r])
		case r < ' ':
			fmt.Fprintf(w, `\u%04x`, r)
		default:
			w.WriteRune(r)
		}
	}
	w.WriteByte('"')
}

// short are the control characters that have an escape of one letter.
var short = map[rune]byte{'\b': 'b', '\t': 't', '\n': 'n', '\f': 'f', '\r': 'r'}
