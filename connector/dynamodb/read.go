package dynamodb

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"golang.org/x/sync/errgroup"

	"volenti.dev/volenti/connector"
	"volenti.dev/volenti/datamap/catalogue"
	"volenti.dev/volenti/datamap/value"
)

// firstWait is how long to wait before asking again for keys that the service
// left out.
const firstWait = 50 * time.Millisecond

// together is how many items BatchGetItem gets.
const together = 100

// Queries shows the calls of a Read without sending them: which keys and
// indexes are of use, or that the whole table is read.
func (db *DB) Queries(r connector.Read) ([]string, error) {
	doing, err := db.doing("plan", r.Table)
	if err != nil || len(r.Where) == 0 {
		return nil, err
	}
	q := query{doing: doing, table: r.Table, columns: r.Columns}
	for _, c := range r.Partition {
		q.conditions = append(q.conditions, condition{c.Column, c.Operator, c.Constant})
	}
	for _, m := range r.Where {
		one := match{columns: m.Columns}
		for _, c := range m.Columns {
			one.paths = append(one.paths, strings.Split(c, "."))
		}
		q.matches = append(q.matches, one)
	}
	var out []string
	for _, m := range q.matches {
		w, ok := m.way(q.table)
		if !ok {
			return []string{q.describeScan()}, nil
		}
		out = append(out, w.describe(q))
	}
	return out, nil
}

// Read streams the items that match. Of an item that lacks a field, the row
// lacks it.
func (db *DB) Read(ctx context.Context, r connector.Read, each func(connector.Row) error) (connector.ReadResult, error) {
	q, err := db.query("read", r)
	result := connector.ReadResult{Dropped: q.dropped}
	if err != nil {
		return result, err
	}
	err = db.find(ctx, q, func(found map[string]any) error {
		row := make(connector.Row, len(q.columns))
		for _, c := range q.columns {
			if v, there := found[c]; there {
				row[c] = v
			}
		}
		result.Rows++
		return each(row)
	})
	return result, err
}

// Count tells how many items match. It reads what Read does.
func (db *DB) Count(ctx context.Context, r connector.Read) (n int64, err error) {
	r.Columns = nil
	q, err := db.query("count", r)
	if err != nil {
		return 0, err
	}
	err = db.find(ctx, q, func(map[string]any) error { n++; return nil })
	return n, err
}

// Size gives the items of a table as the service counts them, about every six
// hours. Where it has counted none, those of the first megabyte are counted.
func (db *DB) Size(ctx context.Context, name catalogue.Name) (int64, error) {
	doing := "estimate " + name.String()
	if err := db.open(doing); err != nil {
		return 0, err
	}
	found, err := db.client.DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: &name.Table})
	if err != nil {
		return 0, db.fail(ctx, doing, err)
	}
	if n := aws.ToInt64(found.Table.ItemCount); n > 0 {
		return n, nil
	}
	page, err := db.client.Scan(ctx, &dynamodb.ScanInput{TableName: &name.Table, Select: types.SelectCount})
	if err != nil {
		return 0, db.fail(ctx, doing, err)
	}
	return int64(page.Count), nil
}

// Sample reads the first items of a scan, in the order of nothing: partitions
// lie by a hash.
func (db *DB) Sample(ctx context.Context, t *catalogue.Table, limit int) ([]connector.Row, error) {
	doing, err := db.doing("sample", t)
	if err != nil || limit <= 0 {
		return nil, err
	}
	if err := db.open(doing); err != nil {
		return nil, err
	}
	var rows []connector.Row
	pages := dynamodb.NewScanPaginator(db.client.Scan, &dynamodb.ScanInput{TableName: &t.Name.Table, Limit: aws.Int32(int32(min(limit, 1000)))})
	for pages.HasMorePages() && len(rows) < limit {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, db.fail(ctx, doing, err)
		}
		for _, i := range page.Items {
			rows = append(rows, object(i))
		}
	}
	return rows[:min(len(rows), limit)], nil
}

// find gives the items that a query asks for, each once, one after the other.
// Errors of each come back as they are.
func (db *DB) find(ctx context.Context, q query, each func(map[string]any) error) error {
	if len(q.matches) == 0 {
		return nil
	}
	if err := db.open(q.doing); err != nil {
		return err
	}
	take := func(i item) error {
		if row := object(i); q.holds(row) {
			return each(row)
		}
		return nil
	}
	ways, scan := q.ways()
	if scan {
		return db.scan(ctx, q, take)
	}
	var mu sync.Mutex
	seen := map[string]bool{}
	once := func(i item) error {
		mu.Lock()
		defer mu.Unlock()
		if k := keyOf(q.table, i); !seen[k] {
			seen[k] = true
			return take(i)
		}
		return nil
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(db.parallel)
	for _, w := range ways {
		if w.whole {
			for keys := range slices.Chunk(w.keys, together) {
				group.Go(func() error { return db.get(ctx, q, keys, once) })
			}
			continue
		}
		for _, k := range w.keys {
			group.Go(func() error { return db.ask(ctx, q, w, k, once) })
		}
	}
	return group.Wait()
}

// keyOf gives the canonical primary key of an item.
func keyOf(t *catalogue.Table, i item) string {
	key := make([]any, len(t.PrimaryKey))
	for n, name := range t.PrimaryKey {
		key[n] = decode(i[name])
	}
	return value.Key(key)
}

func (db *DB) scan(ctx context.Context, q query, take func(item) error) error {
	e := newExpression()
	in := &dynamodb.ScanInput{TableName: &q.table.Name.Table, ConsistentRead: aws.Bool(true)}
	if filter := q.filter(e); filter != "" {
		in.FilterExpression = &filter
	} else {
		e = newExpression() // the service refuses what no expression uses
	}
	in.ProjectionExpression = e.fields(q.fields())
	in.ExpressionAttributeNames, in.ExpressionAttributeValues = e.names, e.bound()
	pages := dynamodb.NewScanPaginator(db.client.Scan, in)
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return db.fail(ctx, q.doing, err)
		}
		for _, i := range page.Items {
			if err := take(i); err != nil {
				return err
			}
		}
	}
	return nil
}

// ask queries a table or an index for one key. An index that does not hold
// whole items gives primary keys, by which they are got.
func (db *DB) ask(ctx context.Context, q query, w way, key item, take func(item) error) error {
	e := newExpression()
	fields := q.fields()
	in := &dynamodb.QueryInput{TableName: &q.table.Name.Table, ConsistentRead: aws.Bool(true)}
	if w.index != nil {
		in.IndexName = &w.index.Name
		in.ConsistentRead = aws.Bool(!w.index.Late)
		if w.index.Partial {
			fields = q.table.PrimaryKey
		}
	}
	conditions := make([]string, len(w.key))
	for i, c := range w.key {
		conditions[i] = e.name(c) + " = " + e.value(key[c])
	}
	in.KeyConditionExpression = aws.String(strings.Join(conditions, " AND "))
	in.ProjectionExpression = e.fields(fields)
	in.ExpressionAttributeNames, in.ExpressionAttributeValues = e.names, e.values
	pages := dynamodb.NewQueryPaginator(db.client.Query, in)
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return db.fail(ctx, q.doing, err)
		}
		if w.index != nil && w.index.Partial {
			for keys := range slices.Chunk(page.Items, together) {
				if err := db.get(ctx, q, keys, take); err != nil {
					return err
				}
			}
			continue
		}
		for _, i := range page.Items {
			if err := take(i); err != nil {
				return err
			}
		}
	}
	return nil
}

// get reads the items of at most 100 primary keys, each of them once.
func (db *DB) get(ctx context.Context, q query, keys []item, take func(item) error) error {
	e := newExpression()
	asked := types.KeysAndAttributes{Keys: keys, ConsistentRead: aws.Bool(true), ProjectionExpression: e.fields(q.fields()), ExpressionAttributeNames: e.names}
	left := map[string]types.KeysAndAttributes{q.table.Name.Table: asked}
	for wait := firstWait; len(left) > 0; wait *= 2 {
		if wait > throttled {
			return &connector.Error{Kind: connector.Transient, Connection: db.key, Doing: q.doing, RetryAfter: throttled,
				Reason: "the table's capacity is used up: try later, or give it more"}
		}
		page, err := db.client.BatchGetItem(ctx, &dynamodb.BatchGetItemInput{RequestItems: left})
		if err != nil {
			return db.fail(ctx, q.doing, err)
		}
		for _, i := range page.Responses[q.table.Name.Table] {
			if err := take(i); err != nil {
				return err
			}
		}
		if len(page.Responses[q.table.Name.Table]) > 0 {
			wait = firstWait
		}
		if left = page.UnprocessedKeys; len(left) > 0 { // too much at once, or throttled
			select {
			case <-ctx.Done():
				return db.fail(ctx, q.doing, ctx.Err())
			case <-time.After(wait):
			}
		}
	}
	return nil
}
