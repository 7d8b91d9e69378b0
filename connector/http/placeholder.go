package http

import (
	"bytes"
	"encoding/json"
	"regexp"
	"strconv"
	"strings"

	"volenti.dev/volenti/datamap/value"
)

// holes are placeholders: <a>, <a.b>, <a?>. What is between other brackets is
// text.
var holes = regexp.MustCompile(`<([A-Za-z_][A-Za-z0-9_.-]*)(\?)?>`)

// values are what placeholders stand for, by name. Null is as good as missing.
type values map[string]any

// get follows a dotted name: a member of a value unless it is a name itself.
func (v values) get(name string) any {
	if found, ok := v[name]; ok {
		return found
	}
	for at, c := range name {
		if c != '.' {
			continue
		}
		if found, ok := v[name[:at]]; ok {
			return dig(found, name[at+1:])
		}
	}
	return nil
}

// dig follows a path through objects and arrays: "a.b", "a[0].b", "a.0.b". It
// gives nil where it leads nowhere.
func dig(v any, path string) any {
	if path == "" {
		return v
	}
	for step := range strings.SplitSeq(strings.ReplaceAll(path, "[", "."), ".") {
		step = strings.TrimSuffix(step, "]")
		switch in := v.(type) {
		case map[string]any:
			v = in[step]
		case []any:
			i, err := strconv.Atoi(step)
			if err == nil && i < 0 {
				i += len(in)
			}
			if err != nil || i < 0 || i >= len(in) {
				return nil
			}
			v = in[i]
		default:
			return nil
		}
	}
	return v
}

// fill puts values into a text, each through escape. missing is the first name
// without a value, "" when there is none.
func fill(template string, v values, escape func(string) string) (text, missing string) {
	text = holes.ReplaceAllStringFunc(template, func(hole string) string {
		name := strings.TrimSuffix(hole[1:len(hole)-1], "?")
		found := v.get(name)
		if found == nil && missing == "" {
			missing = name
		}
		return escape(inText(found))
	})
	return text, missing
}

func asIs(s string) string { return s }

// inText writes a value as it stands in a text: an object as JSON without its
// outer braces, a list as JSON.
func inText(v any) string {
	switch v := v.(type) {
	case map[string]any:
		text := appendJSON(nil, v)
		return string(text[1 : len(text)-1])
	case []any:
		return string(appendJSON(nil, v))
	}
	return value.Text(v)
}

// fillJSON puts values into a template of JSON, so that what comes out is JSON
// when the template is: inside quotes as text, elsewhere as JSON, an object
// among the members of another as its members. An optional one that is missing
// is null, its quotes included.
func fillJSON(template string, v values) (out []byte, missing string) {
	w := jsonWriter{template: template}
	for w.at < len(template) {
		hole := []int(nil)
		if template[w.at] == '<' {
			hole = holes.FindStringSubmatchIndex(template[w.at:])
		}
		if hole == nil || hole[0] != 0 {
			w.copy(template[w.at])
			continue
		}
		name, optional := template[w.at+hole[2]:w.at+hole[3]], hole[4] >= 0
		found := v.get(name)
		if found == nil && !optional {
			return nil, name
		}
		w.at += hole[1]
		w.put(found)
	}
	return w.out, ""
}

// jsonWriter copies a template and knows where in a JSON text it is.
type jsonWriter struct {
	template string
	at       int // in template
	out      []byte
	open     []byte // the brackets that are not closed
	key      bool   // in an object: a member's name comes next
	quoted   bool
	escaped  bool
	quote    int  // where in out the text began
	comma    bool // the next comma is left out: nothing stands before it
}

func (w *jsonWriter) copy(c byte) {
	w.at++
	if w.quoted {
		w.out = append(w.out, c)
		w.quoted = w.escaped || c != '"'
		w.escaped = !w.escaped && c == '\\'
		return
	}
	if w.comma && !space(c) {
		w.comma = false
		if c == ',' {
			return
		}
	}
	switch c {
	case '"':
		w.quoted, w.quote = true, len(w.out)
	case '{', '[':
		w.open, w.key = append(w.open, c), c == '{'
	case '}', ']':
		w.open, w.key = w.open[:max(0, len(w.open)-1)], false
	case ':':
		w.key = false
	case ',':
		w.key = len(w.open) > 0 && w.open[len(w.open)-1] == '{'
	}
	w.out = append(w.out, c)
}

func (w *jsonWriter) put(v any) {
	object, isObject := v.(map[string]any)
	switch {
	case w.quoted && v == nil && w.alone():
		w.out = append(w.out[:w.quote], "null"...)
		w.quoted = false
		w.at++ // its closing quote
	case w.quoted && v == nil:
	case w.quoted:
		text := appendJSON(nil, inQuotes(v))
		w.out = append(w.out, text[1:len(text)-1]...)
	case w.key && v == nil, w.key && isObject && len(object) == 0:
		w.nothing()
	case w.key && isObject:
		text := appendJSON(nil, object)
		w.out = append(w.out, text[1:len(text)-1]...)
	default:
		if s, ok := v.(string); ok && !w.key && json.Valid([]byte(s)) && strings.Trim(s, " \t\r\n") == s && !strings.ContainsAny(s, `"{[`) {
			w.out = append(w.out, s...) // a number or truth value that came as text
			break
		}
		w.out = appendJSON(w.out, v)
	}
}

// alone says whether a placeholder was all that the quotes hold.
func (w *jsonWriter) alone() bool {
	return !w.key && len(w.out) == w.quote+1 && w.at < len(w.template) && w.template[w.at] == '"'
}

// nothing leaves out a comma beside an object without members.
func (w *jsonWriter) nothing() {
	kept := bytes.TrimRight(w.out, " \t\r\n")
	if bytes.HasSuffix(kept, []byte(",")) {
		w.out = kept[:len(kept)-1]
		return
	}
	w.comma = true
}

func space(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\n' }

// inQuotes is a value as the content of a JSON text.
func inQuotes(v any) string {
	switch v.(type) {
	case map[string]any, []any:
		return string(appendJSON(nil, v))
	}
	return value.Text(v)
}

// appendJSON writes a value as vendors read it: numbers as numbers, however
// large, and nothing escaped for HTML.
func appendJSON(dst []byte, v any) []byte {
	text, err := value.EncodeJSON(v)
	if err != nil { // outside the contract of package value
		text = "null"
	}
	return append(dst, text...)
}

// parseJSON reads an answer into the types of package value.
func parseJSON(data []byte) (any, error) {
	v, ok := value.DecodeJSON(string(data))
	if !ok {
		return nil, errNoJSON
	}
	return v, nil
}
