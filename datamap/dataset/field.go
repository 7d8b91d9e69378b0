package dataset

import (
	"regexp"
	"slices"
	"strings"

	"volenti.dev/volenti/config/source"
	"volenti.dev/volenti/datamap/value"
	"volenti.dev/volenti/request/masking"
)

// kinds are the data types of the format; each may be an array too.
var kinds = []value.Kind{value.String, value.Integer, value.Float, value.Boolean, value.ObjectID, value.Object}

// identityType is the form of an identity type, also of a custom one.
var identityType = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)

// fields reads the fields of a collection, or below a field.
func (d decoder) fields(m *source.Mapping, above *Field) []Field {
	seen := names{what: "field", report: d.report}
	var fields []Field
	for _, n := range m.List("fields") {
		f := d.field(n, above)
		if seen.first(f.Name, f.At) {
			fields = append(fields, f)
		}
	}
	return fields
}

func (d decoder) field(n *source.Node, above *Field) Field {
	m := n.Mapping("a field", d.report)
	m.Need("name")
	m.Ignore(unusedEverywhere...)
	m.Ignore("description")
	f := Field{Name: d.name(m, "field", "."), Categories: d.categories(m), At: n.At}
	f.Path = strings.TrimPrefix(above.Path+"."+f.Name, ".")
	meta := d.meta(m)
	f.PrimaryKey = meta.Bool("primary_key")
	f.Identity = d.identity(meta)
	f.Type = d.dataType(meta)
	f.Length = d.length(meta)
	f.References = d.references(meta)
	f.ReturnAllElements = meta.Bool("return_all_elements") || above.ReturnAllElements
	f.ReadOnly = meta.Bool("read_only") || above.ReadOnly
	f.CustomRequestField = meta.String("custom_request_field")
	f.Redact = d.redact(meta)
	f.Masking = masking.Decode(meta, "masking_strategy_override", d.report)
	meta.Done()
	f.Fields = d.fields(m, &f)
	m.Done()
	d.consistent(meta, f)
	return f
}

func (d decoder) identity(meta *source.Mapping) string {
	identity := meta.String("identity")
	if identity != "" && !identityType.MatchString(identity) {
		d.report.Errorf(meta.Where("identity"), "use lower case letters, digits and _, such as loyalty_id", "%q cannot be the type of an identity", identity)
		return ""
	}
	return identity
}

func (d decoder) dataType(meta *source.Mapping) value.Type {
	text := meta.String("data_type")
	base, array := strings.CutSuffix(text, "[]")
	kind := value.Kind(base)
	if text == "" || slices.Contains(kinds, kind) {
		return value.Type{Kind: kind, Array: array}
	}
	known := func(yield func(string) bool) {
		for _, k := range kinds {
			if !yield(string(k)) || !yield(string(k)+"[]") {
				return
			}
		}
	}
	d.report.Errorf(meta.Where("data_type"), source.DidYouMean(text, known, "use string, integer, float, boolean, object_id or object, each also with [] behind it"),
		"unknown data_type %q", text)
	return value.Type{}
}

func (d decoder) length(meta *source.Mapping) int {
	length := meta.Int("length")
	if n := meta.Node("length"); n != nil && n.Kind == source.Int && (length < 1 || length > 1<<31-1) {
		d.report.Errorf(meta.Where("length"), "write how many characters the field holds, 1 or more", "length is out of range")
		return 0
	}
	return int(length)
}

func (d decoder) references(meta *source.Mapping) []Reference {
	var references []Reference
	for _, n := range meta.List("references") {
		m := n.Mapping("a reference", d.report)
		m.Need("dataset", "field")
		dataset, field := m.String("dataset"), m.String("field")
		ref := Reference{Direction: Direction(m.String("direction")), At: n.At}
		m.Done()
		collection, path, _ := strings.Cut(field, ".")
		ref.Target, ref.Field = Address{dataset, collection}, path
		switch {
		case dataset == "" || field == "":
			continue
		case slices.Contains(strings.Split(path, "."), "") || collection == "":
			d.report.Errorf(m.Where("field"), "write collection.field, with dots also between the parts of a nested field", "%q does not name a field", field)
			continue
		case ref.Direction != From && ref.Direction != To && ref.Direction != Either:
			d.report.Errorf(m.Where("direction"), "write from (the other field is read first), to (this one is), or leave it out", "direction cannot be %q", ref.Direction)
			continue
		}
		references = append(references, ref)
	}
	return references
}

// consistent checks what the parts of a field say of one another.
func (d decoder) consistent(meta *source.Mapping, f Field) {
	if len(f.Fields) > 0 && f.Type.Kind != value.Unknown && f.Type.Kind != value.Object {
		d.report.Errorf(meta.Where("data_type"), "write object or object[], or leave it out", "the field %s has fields below it, so its data_type cannot be %s", f.Path, f.Type)
	}
	if meta.Bool("return_all_elements") && !f.Type.Array {
		d.report.Errorf(meta.Where("return_all_elements"), "declare the data_type of the array, such as string[] or object[], or remove return_all_elements",
			"return_all_elements is for arrays, and %s is not declared as one", f.Path)
	}
	if f.Masking != nil && masking.Deletes(*f.Masking) {
		d.report.Errorf(meta.Where("masking_strategy_override"), "write it on the collection, or use null_rewrite here", "delete removes whole rows and cannot mask the field %s", f.Path)
	}
}
