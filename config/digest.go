package config

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"reflect"
	"slices"

	"volenti.dev/volenti/config/source"
	"volenti.dev/volenti/datamap/dataset"
	"volenti.dev/volenti/request/policy"
	"volenti.dev/volenti/subject"
)

// digest hashes what a configuration says. Fields of records and policies
// keep their order, which shows in packages and decides between rules; that
// of everything else is taken away first.
func digest(c *Config) string {
	datasets := slices.Clone(c.Datasets)
	for i := range datasets {
		datasets[i].Collections = slices.SortedFunc(slices.Values(datasets[i].Collections), func(a, b dataset.Collection) int {
			return cmp.Compare(a.Address.Collection, b.Address.Collection)
		})
	}
	slices.SortFunc(datasets, func(a, b dataset.Dataset) int { return cmp.Compare(a.Key, b.Key) })
	policies := slices.SortedFunc(slices.Values(c.Policies), func(a, b policy.Policy) int { return cmp.Compare(a.Key, b.Key) })
	connections := slices.SortedFunc(slices.Values(c.Connections), func(a, b Connection) int { return cmp.Compare(a.Key, b.Key) })
	for i := range connections {
		connections[i].Datasets = slices.Sorted(slices.Values(connections[i].Datasets))
		connections[i].Uses, connections[i].Choices = nil, nil // no plan depends on them
	}
	var text bytes.Buffer
	for _, part := range []any{datasets, policies, connections} {
		canonical(&text, reflect.ValueOf(part))
	}
	sum := sha256.Sum256(text.Bytes())
	return hex.EncodeToString(sum[:])
}

// left out of digests: where things stand, and secrets.
var leftOut = []reflect.Type{
	reflect.TypeFor[source.Position](),
	reflect.TypeFor[[]source.Position](),
	reflect.TypeFor[map[string]subject.Personal[string]](),
}

// canonical writes a value so that equal values have equal texts. Fields that
// hold nothing are left out, so that a later version, which knows more of
// them, gives the same text for a configuration that does not use them.
func canonical(w *bytes.Buffer, v reflect.Value) {
	switch v.Kind() {
	case reflect.Struct:
		w.WriteByte('{')
		for i := range v.NumField() {
			if f := v.Field(i); !empty(f) && !slices.Contains(leftOut, f.Type()) {
				w.WriteString(v.Type().Field(i).Name + ":")
				canonical(w, f)
			}
		}
		w.WriteByte('}')
	case reflect.Slice:
		w.WriteByte('[')
		for i := range v.Len() {
			canonical(w, v.Index(i))
		}
		w.WriteByte(']')
	case reflect.Map:
		keys := v.MapKeys()
		slices.SortFunc(keys, func(a, b reflect.Value) int { return cmp.Compare(a.String(), b.String()) })
		w.WriteByte('(')
		for _, k := range keys {
			fmt.Fprintf(w, "%q:", k.String())
			canonical(w, v.MapIndex(k))
		}
		w.WriteByte(')')
	case reflect.Pointer:
		canonical(w, v.Elem())
	case reflect.Interface:
		if v.IsNil() {
			w.WriteString("null;")
			return
		}
		w.WriteString(v.Elem().Type().String() + " ")
		canonical(w, v.Elem())
	case reflect.String:
		fmt.Fprintf(w, "%q;", v.String())
	default: // numbers and truth values
		fmt.Fprintf(w, "%v;", v)
	}
}

func empty(v reflect.Value) bool {
	if v.Kind() == reflect.Slice || v.Kind() == reflect.Map {
		return v.Len() == 0
	}
	return v.IsZero()
}
