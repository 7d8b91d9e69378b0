package mongodb

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"volenti.dev/volenti/connector"
	"volenti.dev/volenti/datamap/catalogue"
)

// key is the field that tells documents apart.
const key = "_id"

// query is a Read after it was checked.
type query struct {
	doing      string
	columns    []string
	projection bson.D
	terms      []term
	conditions []bson.D
	dropped    int
}

func (db *DB) query(verb string, r connector.Read) (q query, err error) {
	if q.doing, err = db.doing(verb, r.Table); err != nil {
		return q, err
	}
	q.columns = r.Columns
	if q.projection, err = db.projection(q.doing, r.Columns); err != nil {
		return q, err
	}
	if q.terms, q.dropped, err = db.terms(q.doing, r.Where); err != nil {
		return q, err
	}
	q.conditions, err = db.conditions(q.doing, r.Partition)
	return q, err
}

// doing names what is done to a collection, for errors.
func (db *DB) doing(verb string, t *catalogue.Table) (string, error) {
	if t == nil {
		return verb, db.misfit(connector.Drift, verb, "no collection of the live catalogue was given")
	}
	doing := verb + " " + t.Name.String()
	if !t.Open || t.Name.Schema != "" {
		return doing, db.misfit(connector.Drift, doing, "it is not described as a collection of documents: describe the database again")
	}
	return doing, nil
}

// Queries gives the finds of a Read without sending them.
func (db *DB) Queries(r connector.Read) ([]string, error) {
	r.Where = slices.Clone(r.Where)
	for i, m := range r.Where {
		one := make(connector.Tuple, len(m.Columns))
		for j := range one {
			one[j] = true // any value that has one form
		}
		r.Where[i].Tuples = []connector.Tuple{one}
	}
	q, err := db.query("plan", r)
	if err != nil || len(q.terms) == 0 {
		return nil, err
	}
	return []string{r.Table.Name.Table + ".find(" + text(filter(q.terms, q.conditions)) + ", " + names(q.projection) + ")"}, nil
}

// names shows a projection for people.
func names(projection bson.D) string {
	parts := make([]string, len(projection))
	for i, e := range projection {
		parts[i] = strconv.Quote(e.Key) + ": 1"
	}
	return "{" + strings.Join(parts, ", ") + "}"
}

// Read streams the documents that match. Of a document that lacks a field, the
// row lacks it.
func (db *DB) Read(ctx context.Context, r connector.Read, each func(connector.Row) error) (connector.ReadResult, error) {
	q, err := db.query("read", r)
	result := connector.ReadResult{Dropped: q.dropped}
	if err != nil {
		return result, err
	}
	err = db.distinct(ctx, r.Table, q, q.projection, func(raw bson.Raw) error {
		row, err := rowOf(raw, q.columns)
		if err != nil {
			return db.misfit(connector.Permanent, q.doing, "%v", err)
		}
		result.Rows++
		return each(row)
	})
	return result, err
}

// Count tells how many documents match.
func (db *DB) Count(ctx context.Context, r connector.Read) (n int64, err error) {
	q, err := db.query("count", r)
	if err != nil {
		return 0, err
	}
	if chunks := split(q.terms, most); len(chunks) == 1 {
		n, err = db.collection(r.Table).CountDocuments(ctx, filter(chunks[0], q.conditions))
		return n, db.fail(ctx, q.doing, err)
	}
	err = db.distinct(ctx, r.Table, q, bson.D{{Key: key, Value: 1}}, func(bson.Raw) error { n++; return nil })
	return n, err
}

// distinct gives each document that matches once, however many chunks of the
// values find it.
func (db *DB) distinct(ctx context.Context, t *catalogue.Table, q query, projection bson.D, each func(bson.Raw) error) error {
	chunks := split(q.terms, most)
	seen := map[string]bool{}
	for _, terms := range chunks {
		found, err := db.collection(t).Find(ctx, filter(terms, q.conditions), options.Find().SetProjection(projection))
		if err != nil {
			return db.fail(ctx, q.doing, err)
		}
		err = db.stream(ctx, q.doing, found, func(raw bson.Raw) error {
			if len(chunks) > 1 {
				id := string(raw.Lookup(key).Value)
				if seen[id] {
					return nil
				}
				seen[id] = true
			}
			return each(raw)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// stream gives the documents of a cursor and closes it. Errors of each come
// back as they are.
func (db *DB) stream(ctx context.Context, doing string, found *mongo.Cursor, each func(bson.Raw) error) error {
	defer func() { _ = found.Close(context.WithoutCancel(ctx)) }()
	for found.Next(ctx) {
		if err := each(found.Current); err != nil {
			return err
		}
	}
	return db.fail(ctx, doing, found.Err())
}

// rowOf gives the fields of a document that were asked for.
func rowOf(raw bson.Raw, columns []string) (connector.Row, error) {
	row := make(connector.Row, len(columns))
	for _, c := range columns {
		v, err := raw.LookupErr(c)
		if err != nil {
			continue // absent
		}
		if row[c], err = decode(v, depth); err != nil {
			return nil, err
		}
		if c == key && !findable(v, row[c]) {
			return nil, errKey
		}
	}
	return row, nil
}

var errKey = errors.New("a document has an _id of a type that it cannot be addressed by: give it another")

// findable says whether an _id is found again by what it was read as.
func findable(raw bson.RawValue, v any) bool {
	if _, compound := v.(map[string]any); compound {
		return true // see keyFilter
	}
	for _, form := range keyForms(v) {
		kind, data, err := bson.MarshalValue(form)
		if err != nil {
			continue
		}
		if same := (bson.RawValue{Type: kind, Value: data}); same.IsNumber() && raw.IsNumber() || same.Equal(raw) {
			return true
		}
	}
	return raw.Type == bson.TypeSymbol
}

// Size estimates the documents of a collection.
func (db *DB) Size(ctx context.Context, name catalogue.Name) (int64, error) {
	n, err := db.database.Collection(name.Table).EstimatedDocumentCount(ctx)
	return n, db.fail(ctx, "estimate "+name.String(), err)
}

// Sample reads the oldest and the newest documents by _id, half of each:
// the form of documents changes with time.
func (db *DB) Sample(ctx context.Context, t *catalogue.Table, limit int) ([]connector.Row, error) {
	doing, err := db.doing("sample", t)
	if err != nil || limit <= 0 {
		return nil, err
	}
	var rows []connector.Row
	seen := map[string]bool{}
	for _, half := range []struct{ order, limit int }{{1, limit - limit/2}, {-1, limit / 2}} {
		if half.limit == 0 {
			continue // to the server, 0 is no limit
		}
		found, err := db.collection(t).Find(ctx, bson.D{}, options.Find().SetSort(bson.D{{Key: key, Value: half.order}}).SetLimit(int64(half.limit)))
		if err != nil {
			return nil, db.fail(ctx, doing, err)
		}
		err = db.stream(ctx, doing, found, func(raw bson.Raw) error {
			id := string(raw.Lookup(key).Value)
			if seen[id] {
				return nil
			}
			seen[id] = true
			row, err := decodeDocument(raw, depth)
			if err != nil {
				return db.misfit(connector.Permanent, doing, "%v", err)
			}
			rows = append(rows, row)
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return rows, nil
}

func (db *DB) collection(t *catalogue.Table) *mongo.Collection {
	return db.database.Collection(t.Name.Table)
}
