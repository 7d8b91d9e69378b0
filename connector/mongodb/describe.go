package mongodb

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"

	"volenti.dev/volenti/datamap/catalogue"
	"volenti.dev/volenti/datamap/value"
)

// listed is an entry of listCollections.
type listed struct {
	Name    string `bson:"name"`
	Type    string `bson:"type"` // "collection", "view" or "timeseries"
	Options struct {
		Validator        bson.Raw `bson:"validator"`
		ValidationAction string   `bson:"validationAction"`
	} `bson:"options"`
}

// Describe reads the live catalogue: the collections, their unique indexes
// and what their validators demand. No document is looked at.
func (db *DB) Describe(ctx context.Context) (catalogue.Catalogue, error) {
	var found []listed
	cursor, err := db.database.ListCollections(ctx, bson.D{})
	if err == nil {
		err = cursor.All(ctx, &found)
	}
	if err != nil {
		return catalogue.Catalogue{}, db.fail(ctx, "describe", err)
	}
	var c catalogue.Catalogue
	for _, l := range found {
		if strings.HasPrefix(l.Name, "system.") {
			continue
		}
		t := table(l)
		if !t.View {
			if t.Unique, err = db.unique(ctx, l.Name); err != nil {
				return catalogue.Catalogue{}, db.fail(ctx, "describe "+l.Name, err)
			}
		}
		c.Tables = append(c.Tables, t)
	}
	slices.SortFunc(c.Tables, func(a, b catalogue.Table) int { return cmp.Compare(a.Name.Table, b.Name.Table) })
	return c, nil
}

// unique gives the fields of the unique indexes but that of _id.
func (db *DB) unique(ctx context.Context, collection string) ([][]string, error) {
	var indexes []struct {
		Key    bson.D `bson:"key"`
		Unique bool   `bson:"unique"`
	}
	cursor, err := db.database.Collection(collection).Indexes().List(ctx)
	if err == nil {
		err = cursor.All(ctx, &indexes)
	}
	if err != nil {
		return nil, err
	}
	var out [][]string
	for _, x := range indexes {
		if !x.Unique || len(x.Key) == 1 && x.Key[0].Key == key {
			continue
		}
		var fields []string
		for _, e := range x.Key {
			fields = append(fields, e.Key)
		}
		out = append(out, fields)
	}
	slices.SortFunc(out, slices.Compare)
	return out, nil
}

// table describes a collection. What a validator of JSON Schema says of the
// fields at the top becomes columns; a validator that only warns says nothing.
func table(l listed) catalogue.Table {
	t := catalogue.Table{
		Name:       catalogue.Name{Table: l.Name},
		Columns:    []catalogue.Column{{Name: key, Native: "any", NotNull: true}},
		PrimaryKey: []string{key},
		View:       l.Type == "view",
		Open:       true,
	}
	if len(l.Options.Validator) == 0 || l.Options.ValidationAction == "warn" {
		return t
	}
	var v struct {
		Schema struct {
			Properties map[string]property `bson:"properties"`
		} `bson:"$jsonSchema"`
	}
	if err := bson.Unmarshal(l.Options.Validator, &v); err == nil {
		for name, p := range v.Schema.Properties {
			if c, simple := p.column(name); simple && name != key {
				t.Columns = append(t.Columns, c)
			}
		}
	}
	slices.SortFunc(t.Columns, func(a, b catalogue.Column) int { return cmp.Compare(a.Name, b.Name) })
	t.Checks = []catalogue.Check{{Name: "validator", Expression: l.Options.Validator.String()}}
	return t
}

// property is what JSON Schema says of a field.
type property struct {
	Type      bson.RawValue `bson:"bsonType"` // a name, or an array of names
	MaxLength int           `bson:"maxLength"`
	Enum      []any         `bson:"enum"`
}

// bsonTypes are the names of types in JSON Schema, and what they are here.
var bsonTypes = map[string]catalogue.Column{
	"string":   {Type: value.Type{Kind: value.String}},
	"int":      {Type: value.Type{Kind: value.Integer}, Bits: 32},
	"long":     {Type: value.Type{Kind: value.Integer}, Bits: 64},
	"double":   {Type: value.Type{Kind: value.Float}},
	"decimal":  {Type: value.Type{Kind: value.Number}},
	"bool":     {Type: value.Type{Kind: value.Boolean}},
	"date":     {Type: value.Type{Kind: value.Timestamp}},
	"objectId": {Type: value.Type{Kind: value.ObjectID}},
}

// column makes a column of a field that has one scalar type, with or without
// null; simple is false for all others.
func (p property) column(name string) (c catalogue.Column, simple bool) {
	var names []string
	if one, ok := p.Type.StringValueOK(); ok {
		names = []string{one}
	} else if p.Type.Type == bson.TypeArray {
		_ = p.Type.Unmarshal(&names) // names stays short when they are none
	}
	nullable := slices.Contains(names, "null")
	names = slices.DeleteFunc(names, func(n string) bool { return n == "null" })
	if len(names) != 1 {
		return c, false
	}
	if c, simple = bsonTypes[names[0]]; !simple {
		return c, false
	}
	c.Name, c.Native, c.NotNull, c.Length = name, names[0], !nullable, p.MaxLength
	for _, e := range p.Enum {
		if s, ok := e.(string); ok {
			c.Labels = append(c.Labels, s)
		}
	}
	return c, true
}
