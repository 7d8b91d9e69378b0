package mongodb

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"

	"volenti.dev/volenti/connector"
	"volenti.dev/volenti/connector/documents"
)

// leaf is a part of a document.
type leaf = documents.Leaf[bson.RawValue]

var _ documents.Target[bson.RawValue] = (*batch)(nil)

// Decode gives a value as a read gives it.
func (p *batch) Decode(raw bson.RawValue) (any, error) {
	v, err := decode(raw, depth)
	return v, p.unreadable(err)
}

func (p *batch) unreadable(err error) error {
	if err == nil {
		return nil
	}
	return p.db.misfit(connector.Permanent, p.doing, "%v", err)
}

// Encode gives what to write in place of a value.
func (p *batch) Encode(v any, was bson.RawValue) (bson.RawValue, error) {
	encoded, err := encode(v, was)
	if err != nil {
		return bson.RawValue{}, err
	}
	return marshal(encoded)
}

func marshal(v any) (bson.RawValue, error) {
	if v == nil {
		return bson.RawValue{Type: bson.TypeNull}, nil
	}
	kind, data, err := bson.MarshalValue(v)
	if err != nil {
		return bson.RawValue{}, errors.New("MongoDB cannot hold it")
	}
	return bson.RawValue{Type: kind, Value: data}, nil
}

// Split gives the parts of an object or an array. It takes the first of fields
// that have the same name, as decode does.
func (p *batch) Split(raw bson.RawValue) (map[string]bson.RawValue, []bson.RawValue, error) {
	if array, ok := raw.ArrayOK(); ok {
		elements, err := array.Values()
		if err != nil {
			return nil, nil, p.unreadable(errMalformed)
		}
		return nil, elements, nil
	}
	doc, ok := raw.DocumentOK()
	if !ok {
		return nil, nil, nil
	}
	elements, err := doc.Elements()
	if err != nil {
		return nil, nil, p.unreadable(errMalformed)
	}
	members := make(map[string]bson.RawValue, len(elements))
	for _, e := range elements {
		if name := e.Key(); members[name].Type == 0 {
			members[name] = e.Value()
		}
	}
	return members, nil, nil
}

// Join keeps the order of fields, and to the bit all that is not new.
func (p *batch) Join(was bson.RawValue, members map[string]bson.RawValue, elements []bson.RawValue) (bson.RawValue, error) {
	if members == nil {
		return marshal(elements)
	}
	var out bson.D
	old, err := was.Document().Elements()
	if err != nil {
		return was, p.unreadable(errMalformed)
	}
	for _, e := range old {
		name := e.Key()
		v, first := members[name]
		if !first {
			v = e.Value()
		}
		delete(members, name)
		out = append(out, bson.E{Key: name, Value: v})
	}
	for _, name := range slices.Sorted(maps.Keys(members)) {
		out = append(out, bson.E{Key: name, Value: members[name]})
	}
	return marshal(out)
}

// Refuse looks for names in the paths of a field that an update cannot say.
func (p *batch) Refuse(f documents.Field[bson.RawValue], _ any) string {
	for _, l := range f.Set {
		for _, step := range l.Path {
			if name, ok := step.(string); ok && !addressable(name) {
				return "a field in it has a name that is empty, begins with $ or holds a dot, which an update cannot address"
			}
		}
	}
	return ""
}

// dotted writes a path as MongoDB has it.
func dotted(path []any) string {
	steps := make([]string, len(path))
	for i, step := range path {
		steps[i] = fmt.Sprint(step)
	}
	return strings.Join(steps, ".")
}

// exactly asks for a value of just this type. Equality alone would take an
// array that holds the value, or a number of another type. Null is also what
// is absent.
func exactly(raw bson.RawValue) bson.D {
	if raw.Type == 0 || raw.Type == bson.TypeNull {
		return bson.D{{Key: "$eq", Value: nil}}
	}
	is := bson.D{{Key: "$eq", Value: raw}}
	if raw.Type != bson.TypeArray {
		is = append(is, bson.E{Key: "$not", Value: bson.D{{Key: "$type", Value: int32(bson.TypeArray)}}})
	}
	if raw.Type == bson.TypeMinKey {
		return is // the one type whose number is another in queries
	}
	return append(is, bson.E{Key: "$type", Value: int32(raw.Type)})
}
