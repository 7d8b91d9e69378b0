package mongodb

import (
	"context"
	"errors"
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"volenti.dev/volenti/connector"
	"volenti.dev/volenti/datamap/value"
)

// attempts is how often a document is compared again when it was changed
// between the comparison and the write.
const attempts = 5

// batch is a connector.Batch after it was checked.
type batch struct {
	connector.Batch
	doing string
	ids   [][]bson.RawValue // by change: the _id of each document that has its key
}

// prepare finds the documents of a batch by their keys.
func (db *DB) prepare(ctx context.Context, verb string, b connector.Batch) (batch, error) {
	doing, err := db.doing(verb, b.Table)
	if err != nil {
		return batch{}, err
	}
	if !slices.Equal(b.KeyColumns, []string{key}) {
		return batch{}, db.misfit(connector.Permanent, doing, "documents are told apart by %s alone", key)
	}
	p := batch{b, doing, make([][]bson.RawValue, len(b.Changes))}
	at := map[string][]int{} // canonical key -> changes
	var values bson.A
	for i, c := range b.Changes {
		if len(c.Key) != 1 {
			return p, db.misfit(connector.Permanent, doing, "a key of 1 field with %d values", len(c.Key))
		}
		if compound, ok := c.Key[0].(map[string]any); ok {
			if p.ids[i], err = db.compound(ctx, p, compound); err != nil {
				return p, err
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
			return p, err
		}
	}
	return p, nil
}

// compound finds the documents whose _id is an object. The order of its fields
// counts for the server and is not known here, so they are asked for one by
// one.
func (db *DB) compound(ctx context.Context, p batch, id map[string]any) (found []bson.RawValue, err error) {
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
func (db *DB) find(ctx context.Context, p batch, filter bson.D, each func(id bson.RawValue, v any)) error {
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

// each calls do for every change that has one document, and gives the
// outcomes; absent is that of a change that has none.
func (p batch) each(absent connector.Status, do func(id bson.RawValue, c connector.Change) (connector.Outcome, error)) ([]connector.Outcome, error) {
	out := make([]connector.Outcome, len(p.Changes))
	for i, c := range p.Changes {
		switch {
		case !identifies(c.Key[0]):
			out[i] = connector.Outcome{Status: connector.Failed, Reason: "the key is null or of a type that no _id has: the document cannot be told apart"}
		case len(p.ids[i]) == 0:
			out[i].Status = absent
		case len(p.ids[i]) > 1:
			out[i] = connector.Outcome{Status: connector.Failed, Reason: "documents have this _id in different types, as text and as ObjectID for example: they cannot be told apart"}
		default:
			var err error
			if out[i], err = do(p.ids[i][0], c); err != nil {
				return nil, err
			}
		}
	}
	return out, nil
}

// identifies says whether an _id may be of this value.
func identifies(v any) bool {
	_, compound := v.(map[string]any)
	return compound || len(keyForms(v)) > 0
}

func (db *DB) writable(doing string) error {
	if db.readOnly {
		return db.misfit(connector.Denied, doing, "the connection grants read access only: set its access to write")
	}
	return nil
}

// Mask writes documents one by one, each whole or not at all, with the guard
// before each. Where a document changes between its comparison and its write,
// it is compared again.
func (db *DB) Mask(ctx context.Context, b connector.Batch) ([]connector.Outcome, error) {
	if err := db.writable("mask"); err != nil {
		return nil, err
	}
	p, err := db.prepare(ctx, "mask", b)
	if err != nil {
		return nil, err
	}
	return p.each(connector.Missing, func(id bson.RawValue, c connector.Change) (connector.Outcome, error) {
		var columns []string
		for _, name := range p.Columns {
			if _, asked := c.After[name]; asked {
				columns = append(columns, name)
			}
		}
		out, err := db.mask(ctx, p, id, c, columns)
		if err == nil && len(out.Fields) > 0 && len(out.Fields) == len(columns) {
			out.Status, out.Reason = connector.Failed, "no field of the document can take its mask"
		}
		return out, err
	})
}

// mask writes columns of one document. When the server refuses them together,
// each is written by itself, so that only what was refused is missing.
func (db *DB) mask(ctx context.Context, p batch, id bson.RawValue, c connector.Change, columns []string) (connector.Outcome, error) {
	for range attempts {
		doc, err := db.document(ctx, p, id, columns)
		if doc == nil {
			return connector.Outcome{Status: connector.Missing}, err
		}
		out, set, where, err := db.compare(p, doc, c, columns)
		if err != nil || len(set) == 0 {
			return out, err
		}
		if err := p.guard(ctx); err != nil {
			return out, err
		}
		where = append(bson.D{{Key: key, Value: id}}, where...)
		result, err := db.collection(p.Table).UpdateOne(ctx, where, bson.D{{Key: "$set", Value: set}})
		if err != nil {
			return db.refusal(ctx, p, id, c, columns, out, err)
		}
		if result.MatchedCount > 0 {
			out.Status = connector.Changed
			return out, nil
		}
	}
	return connector.Outcome{Status: connector.Conflict}, nil
}

// refusal says what became of a document whose masks the server would not
// take.
func (db *DB) refusal(ctx context.Context, p batch, id bson.RawValue, c connector.Change, columns []string, out connector.Outcome, err error) (connector.Outcome, error) {
	m := explain(err)
	if m.kind != connector.Constraint || ctx.Err() != nil {
		return out, db.fail(ctx, p.doing, err)
	}
	if out.Fields == nil {
		out.Fields = map[string]string{}
	}
	if len(columns) == 1 {
		out.Fields[columns[0]] = m.reason
		return out, nil
	}
	for _, column := range columns {
		one, err := db.mask(ctx, p, id, c, []string{column})
		if err != nil {
			return out, err
		}
		for name, reason := range one.Fields {
			out.Fields[name] = reason
		}
		if one.Status == connector.Conflict || one.Status == connector.Missing {
			return one, nil
		}
		if one.Status == connector.Changed {
			out.Status = connector.Changed
		}
	}
	return out, nil
}

// compare judges the columns of a document. set is empty when there is nothing
// to write, and then out is what became of the change.
func (db *DB) compare(p batch, doc bson.Raw, c connector.Change, columns []string) (out connector.Outcome, set, where bson.D, err error) {
	out = connector.Outcome{Status: connector.AlreadyDone}
	for _, name := range columns {
		j, err := judge(name, doc, c.Before[name], c.After[name])
		switch {
		case err != nil:
			return out, nil, nil, db.misfit(connector.Permanent, p.doing, "%v", err)
		case j.state == changed:
			return connector.Outcome{Status: connector.Conflict}, nil, nil, nil
		case j.refused != "":
			if out.Fields == nil {
				out.Fields = map[string]string{}
			}
			out.Fields[name] = j.refused
		}
		set, where = append(set, j.set...), append(where, j.where...)
	}
	return out, set, where, nil
}

// document reads columns of one document, nil when it is gone.
func (db *DB) document(ctx context.Context, p batch, id bson.RawValue, columns []string) (bson.Raw, error) {
	projection, err := db.projection(p.doing, columns)
	if err != nil {
		return nil, err
	}
	raw, err := db.collection(p.Table).FindOne(ctx, bson.D{{Key: key, Value: id}}, options.FindOne().SetProjection(projection)).Raw()
	if errors.Is(err, mongo.ErrNoDocuments) {
		return nil, nil
	}
	return raw, db.fail(ctx, p.doing, err)
}

func (p batch) guard(ctx context.Context) error {
	if p.Guard == nil {
		return nil
	}
	return p.Guard(ctx)
}

// Delete removes documents one by one, with the guard before each. Where
// Before is given, a document that holds something else is a Conflict.
func (db *DB) Delete(ctx context.Context, b connector.Batch) ([]connector.Outcome, error) {
	if err := db.writable("delete from"); err != nil {
		return nil, err
	}
	p, err := db.prepare(ctx, "delete from", b)
	if err != nil {
		return nil, err
	}
	return p.each(connector.AlreadyDone, func(id bson.RawValue, c connector.Change) (connector.Outcome, error) {
		return db.delete(ctx, p, id, c)
	})
}

func (db *DB) delete(ctx context.Context, p batch, id bson.RawValue, c connector.Change) (connector.Outcome, error) {
	var columns []string
	for name := range c.Before {
		columns = append(columns, name)
	}
	for range attempts {
		doc, err := db.document(ctx, p, id, columns)
		if doc == nil {
			return connector.Outcome{Status: connector.AlreadyDone}, err
		}
		where := bson.D{{Key: key, Value: id}}
		for _, name := range columns {
			raw := doc.Lookup(name)
			now, err := decode(raw, depth)
			if err != nil {
				return connector.Outcome{}, db.misfit(connector.Permanent, p.doing, "%v", err)
			}
			if !value.Equal(now, c.Before[name]) {
				return connector.Outcome{Status: connector.Conflict}, nil
			}
			if name != key {
				where = append(where, bson.E{Key: name, Value: exactly(raw)})
			}
		}
		if err := p.guard(ctx); err != nil {
			return connector.Outcome{}, err
		}
		result, err := db.collection(p.Table).DeleteOne(ctx, where)
		if err != nil {
			return connector.Outcome{}, db.fail(ctx, p.doing, err)
		}
		if result.DeletedCount > 0 {
			return connector.Outcome{Status: connector.Changed}, nil
		}
	}
	return connector.Outcome{Status: connector.Conflict}, nil
}

// Verify compares the documents of a batch with their masks. A Conflict names
// the fields that hold something else.
func (db *DB) Verify(ctx context.Context, b connector.Batch) ([]connector.Outcome, error) {
	p, err := db.prepare(ctx, "verify", b)
	if err != nil {
		return nil, err
	}
	deleted := len(b.Columns) == 0
	absent := connector.Missing
	if deleted {
		absent = connector.AlreadyDone
	}
	return p.each(absent, func(id bson.RawValue, c connector.Change) (connector.Outcome, error) {
		doc, err := db.document(ctx, p, id, p.Columns)
		switch {
		case doc == nil:
			return connector.Outcome{Status: absent}, err
		case deleted:
			return connector.Outcome{Status: connector.Conflict, Reason: "the document is still there"}, nil
		}
		return db.verify(p, doc, c)
	})
}

func (db *DB) verify(p batch, doc bson.Raw, c connector.Change) (connector.Outcome, error) {
	fields := map[string]string{}
	for _, name := range p.Columns {
		after, asked := c.After[name]
		if !asked {
			continue
		}
		j, err := judge(name, doc, c.Before[name], after)
		switch {
		case err != nil:
			return connector.Outcome{}, db.misfit(connector.Permanent, p.doing, "%v", err)
		case j.refused != "":
			fields[name] = "does not hold its mask: it cannot take it"
		case j.state == read:
			fields[name] = "still holds what was read"
		case j.state == changed:
			fields[name] = "holds neither what was read nor its mask"
		}
	}
	if len(fields) > 0 {
		return connector.Outcome{Status: connector.Conflict, Fields: fields}, nil
	}
	return connector.Outcome{Status: connector.AlreadyDone}, nil
}
