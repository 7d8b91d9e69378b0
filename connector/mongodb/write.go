package mongodb

import (
	"context"
	"errors"
	"maps"
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"volenti.dev/volenti/connector"
	"volenti.dev/volenti/connector/documents"
	"volenti.dev/volenti/datamap/value"
)

// batch is a connector.Batch after it was checked.
type batch struct {
	db *DB
	connector.Batch
	doing string
	ids   [][]bson.RawValue // by change: the _id of each document that has its key
}

// prepare finds the documents of a batch by their keys.
func (db *DB) prepare(ctx context.Context, verb string, b connector.Batch) (documents.Target[bson.RawValue], error) {
	doing, err := db.doing(verb, b.Table)
	if err != nil {
		return nil, err
	}
	if !slices.Equal(b.KeyColumns, []string{key}) {
		return nil, db.misfit(connector.Permanent, doing, "documents are told apart by %s alone", key)
	}
	p := &batch{db, b, doing, make([][]bson.RawValue, len(b.Changes))}
	at := map[string][]int{} // canonical key -> changes
	var values bson.A
	for i, c := range b.Changes {
		if len(c.Key) != 1 {
			return nil, db.misfit(connector.Permanent, doing, "a key of 1 field with %d values", len(c.Key))
		}
		if compound, ok := c.Key[0].(map[string]any); ok {
			if p.ids[i], err = db.compound(ctx, p, compound); err != nil {
				return nil, err
			}
			continue
		}
		k := value.Key(c.Key[0])
		at[k] = append(at[k], i)
		values = append(values, keyForms(c.Key[0])...)
	}
	for chunk := range slices.Chunk(values, most) {
		err := db.find(ctx, p, bson.D{{Key: key, Value: bson.D{{Key: "$in", Value: chunk}}}}, func(id bson.RawValue, v any) {
			for _, i := range at[value.Key(v)] {
				p.ids[i] = append(p.ids[i], id)
			}
		})
		if err != nil {
			return nil, err
		}
	}
	return p, nil
}

// compound finds the documents whose _id is an object. The order of its fields
// counts for the server and is not known here, so they are asked for one by
// one.
func (db *DB) compound(ctx context.Context, p *batch, id map[string]any) (found []bson.RawValue, err error) {
	var where bson.D
	for name, v := range id {
		if f := forms(v); addressable(name) && len(f) > 0 {
			where = append(where, bson.E{Key: key + "." + name, Value: oneOf(f)})
		}
	}
	if where == nil {
		return nil, db.misfit(connector.Permanent, p.doing, "a document has an _id whose parts cannot be asked for: give it another")
	}
	err = db.find(ctx, p, where, func(raw bson.RawValue, v any) {
		if value.Equal(v, id) {
			found = append(found, raw)
		}
	})
	return found, err
}

// find gives the _id of each document that a filter finds.
func (db *DB) find(ctx context.Context, p *batch, filter bson.D, each func(id bson.RawValue, v any)) error {
	found, err := db.collection(p.Table).Find(ctx, filter, options.Find().SetProjection(bson.D{{Key: key, Value: 1}}))
	if err != nil {
		return db.fail(ctx, p.doing, err)
	}
	return db.stream(ctx, p.doing, found, func(raw bson.Raw) error {
		id := raw.Lookup(key)
		v, err := decode(id, depth)
		if err != nil {
			return db.misfit(connector.Permanent, p.doing, "%v", err)
		}
		id.Value = slices.Clone(id.Value) // the cursor uses its memory again
		each(id, v)
		return nil
	})
}

// Load reads what a change concerns of its document.
func (p *batch) Load(ctx context.Context, n int) (map[string]bson.RawValue, string, error) {
	c := p.Changes[n]
	switch {
	case !identifies(c.Key[0]):
		return nil, "the key is null or of a type that no _id has: the document cannot be told apart", nil
	case len(p.ids[n]) == 0:
		return nil, "", nil
	case len(p.ids[n]) > 1:
		return nil, "documents have this _id in different types, as text and as ObjectID for example: they cannot be told apart", nil
	}
	columns := p.Columns
	if len(columns) == 0 {
		columns = slices.Collect(maps.Keys(c.Before))
	}
	projection, err := p.db.projection(p.doing, columns)
	if err != nil {
		return nil, "", err
	}
	raw, err := p.db.collection(p.Table).FindOne(ctx, bson.D{{Key: key, Value: p.ids[n][0]}}, options.FindOne().SetProjection(projection)).Raw()
	if errors.Is(err, mongo.ErrNoDocuments) {
		return nil, "", nil
	}
	if err != nil {
		return nil, "", p.db.fail(ctx, p.doing, err)
	}
	now := make(map[string]bson.RawValue, len(columns))
	for _, name := range columns {
		now[name] = raw.Lookup(name)
	}
	return now, "", nil
}

// identifies says whether an _id may be of this value.
func identifies(v any) bool {
	_, compound := v.(map[string]any)
	return compound || len(keyForms(v)) > 0
}

// Update sets the leaves of fields where they still are as they were compared.
func (p *batch) Update(ctx context.Context, n int, fields []documents.Field[bson.RawValue]) (stood bool, reason string, err error) {
	var set bson.D
	var where []leaf
	for _, f := range fields {
		set, where = append(set, assigned(f.Set)...), append(where, f.Where...)
	}
	result, err := p.db.collection(p.Table).UpdateOne(ctx, p.stands(n, where), bson.D{{Key: "$set", Value: set}})
	if err == nil {
		return result.MatchedCount > 0, "", nil
	}
	if m := explain(err); m.kind == connector.Constraint && ctx.Err() == nil {
		return false, m.reason, nil
	}
	return false, "", p.db.fail(ctx, p.doing, err)
}

func assigned(leaves []leaf) (out bson.D) {
	for _, l := range leaves {
		out = append(out, bson.E{Key: dotted(l.Path), Value: l.Value})
	}
	return out
}

// Remove deletes a document where it still is as it was compared.
func (p *batch) Remove(ctx context.Context, n int, where []leaf) (stood bool, err error) {
	result, err := p.db.collection(p.Table).DeleteOne(ctx, p.stands(n, where))
	if err != nil {
		return false, p.db.fail(ctx, p.doing, err)
	}
	return result.DeletedCount > 0, nil
}

// stands asks for the document of a change while it holds these leaves.
func (p *batch) stands(n int, where []leaf) bson.D {
	out := bson.D{{Key: key, Value: p.ids[n][0]}}
	for _, l := range where {
		if path := dotted(l.Path); path != key {
			out = append(out, bson.E{Key: path, Value: exactly(l.Value)})
		}
	}
	return out
}
