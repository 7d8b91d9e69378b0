package dynamodb

import (
	"context"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"volenti.dev/volenti/connector"
	"volenti.dev/volenti/connector/documents"
	"volenti.dev/volenti/datamap/catalogue"
	"volenti.dev/volenti/datamap/value"
)

// batch is a connector.Batch after it was checked.
type batch struct {
	db *DB
	connector.Batch
	query              // of the columns that are compared, by key
	keys  []item       // by change; nil when it identifies nothing
	ahead map[int]item // by change: what was read of all at once, nil when there is none
}

// prepare reads the items of a batch.
func (db *DB) prepare(ctx context.Context, verb string, b connector.Batch) (documents.Target[attribute], error) {
	doing, err := db.doing(verb, b.Table)
	if err == nil {
		err = db.open(doing)
	}
	if err != nil {
		return nil, err
	}
	if !slices.Equal(b.KeyColumns, b.Table.PrimaryKey) {
		return nil, db.misfit(connector.Permanent, doing, "items are told apart by the primary key alone: %s", strings.Join(b.Table.PrimaryKey, ", "))
	}
	p := &batch{db: db, Batch: b, query: query{doing: doing, table: b.Table, columns: b.Compared()}, ahead: map[int]item{}}
	var wanted []item
	changes := map[string][]int{} // by canonical key
	for n, c := range b.Changes {
		if len(c.Key) != len(b.KeyColumns) {
			return nil, db.misfit(connector.Permanent, doing, "a key of %d columns with %d values", len(b.KeyColumns), len(c.Key))
		}
		key, at := itemKey(b.Table, c.Key)
		p.keys = append(p.keys, key)
		p.ahead[n] = nil
		if key != nil && changes[at] == nil {
			wanted = append(wanted, key)
		}
		changes[at] = append(changes[at], n)
	}
	for keys := range slices.Chunk(wanted, together) {
		err := db.get(ctx, p.query, keys, func(i item) error {
			for _, n := range changes[keyOf(b.Table, i)] {
				p.ahead[n] = i
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return p, nil
}

// itemKey gives the primary key as the service has it; nil when it can be that
// of no item.
func itemKey(t *catalogue.Table, key connector.Tuple) (item, string) {
	if slices.Contains(key, nil) {
		return nil, ""
	}
	values, ok := storable(t, t.PrimaryKey, key)
	if !ok {
		return nil, ""
	}
	out := item{}
	for i, name := range t.PrimaryKey {
		out[name], _ = encode(values[i], nil) // was encoded before
	}
	return out, value.Key(values)
}

// Load gives the item of a change: first as it was read together with all
// others, and then as it is by now.
func (p *batch) Load(ctx context.Context, n int) (now item, reason string, err error) {
	if p.keys[n] == nil {
		return nil, "the key is null or not of its type: the item cannot be told apart", nil
	}
	if now, ok := p.ahead[n]; ok {
		delete(p.ahead, n)
		return now, "", nil
	}
	err = p.db.get(ctx, p.query, p.keys[n:n+1], func(i item) error { now = i; return nil })
	return now, "", err
}

// Update writes what differs in fields while the item holds what was compared.
func (p *batch) Update(ctx context.Context, n int, fields []documents.Field[attribute]) (stood bool, reason string, err error) {
	in, err := p.update(n, fields)
	if err != nil {
		return false, "", err
	}
	_, err = p.db.client.UpdateItem(ctx, in)
	if reason, no := refused(err); no && ctx.Err() == nil {
		return false, reason, nil
	}
	if conditionFailed(err) {
		return false, "", nil
	}
	return true, "", p.db.fail(ctx, p.doing, err)
}

// update makes the call that writes what differs. The parts are named one by
// one as long as that fits into an expression.
func (p *batch) update(n int, fields []documents.Field[attribute]) (*dynamodb.UpdateItemInput, error) {
	in, fits := p.assign(n, fields)
	if fits {
		return in, nil
	}
	whole := make([]documents.Field[attribute], len(fields))
	for i, f := range fields {
		var err error
		if whole[i], err = f.Whole(); err != nil {
			return nil, err
		}
	}
	in, _ = p.assign(n, whole)
	return in, nil
}

func (p *batch) assign(n int, fields []documents.Field[attribute]) (in *dynamodb.UpdateItemInput, fits bool) {
	e := newExpression()
	var set []string
	var where []leaf
	for _, f := range fields {
		for _, l := range f.Set {
			set = append(set, e.path(l.Path)+" = "+e.value(l.Value))
		}
		where = append(where, f.Where...)
	}
	update, condition := "SET "+strings.Join(set, ", "), e.stands(p.table, where)
	return &dynamodb.UpdateItemInput{TableName: &p.table.Name.Table, Key: p.keys[n], UpdateExpression: &update, ConditionExpression: &condition,
		ExpressionAttributeNames: e.names, ExpressionAttributeValues: e.bound()}, len(update) <= longest && len(condition) <= longest && len(where) <= 100
}

// Remove deletes an item while it holds what was compared.
func (p *batch) Remove(ctx context.Context, n int, where []leaf) (stood bool, err error) {
	e := newExpression()
	condition := e.stands(p.table, where)
	_, err = p.db.client.DeleteItem(ctx, &dynamodb.DeleteItemInput{TableName: &p.table.Name.Table, Key: p.keys[n], ConditionExpression: &condition,
		ExpressionAttributeNames: e.names, ExpressionAttributeValues: e.bound()})
	if conditionFailed(err) {
		return false, nil
	}
	return true, p.db.fail(ctx, p.doing, err)
}

// stands writes the condition that an item is there and holds these parts.
func (e *expression) stands(t *catalogue.Table, where []leaf) string {
	all := []string{"attribute_exists(" + e.name(t.PrimaryKey[0]) + ")"}
	for _, l := range where {
		if l.Value == nil {
			all = append(all, "attribute_not_exists("+e.path(l.Path)+")")
		} else {
			all = append(all, e.path(l.Path)+" = "+e.value(l.Value))
		}
	}
	return strings.Join(all, " AND ")
}
