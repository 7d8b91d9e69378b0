package dynamodb

import (
	"context"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"volenti.dev/volenti/connector"
	"volenti.dev/volenti/datamap/catalogue"
	"volenti.dev/volenti/datamap/value"
)

// comparisons is how often an item is compared again when it was changed
// between the comparison and the write.
const comparisons = 5

// batch is a connector.Batch after it was checked.
type batch struct {
	connector.Batch
	query // of the columns that are compared, by key
	keys  []item
	at    []string        // by change: its canonical key, "" when it identifies nothing
	found map[string]item // the items that there are
}

// prepare reads the items of a batch.
func (db *DB) prepare(ctx context.Context, verb string, b connector.Batch) (*batch, error) {
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
	p := &batch{Batch: b, query: query{doing: doing, table: b.Table, columns: compared(b)}, found: map[string]item{}}
	var wanted []item
	seen := map[string]bool{}
	for _, c := range b.Changes {
		if len(c.Key) != len(b.KeyColumns) {
			return nil, db.misfit(connector.Permanent, doing, "a key of %d columns with %d values", len(b.KeyColumns), len(c.Key))
		}
		key, at := itemKey(b.Table, c.Key)
		p.keys, p.at = append(p.keys, key), append(p.at, at)
		if key != nil && !seen[at] {
			seen[at] = true
			wanted = append(wanted, key)
		}
	}
	for keys := range slices.Chunk(wanted, together) {
		err := db.get(ctx, p.query, keys, func(i item) error {
			p.found[keyOf(b.Table, i)] = i
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return p, nil
}

// compared gives the columns that must hold Before: those to be written, or
// for deletes those that Before knows.
func compared(b connector.Batch) []string {
	if len(b.Columns) > 0 {
		return b.Columns
	}
	var out []string
	for _, c := range b.Changes {
		for name := range c.Before {
			if !slices.Contains(out, name) {
				out = append(out, name)
			}
		}
	}
	slices.Sort(out)
	return out
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

// each calls do for every change that has an item, and gives the outcomes;
// absent is that of a change that has none.
func (p *batch) each(absent connector.Status, do func(n int, now item) (connector.Outcome, error)) ([]connector.Outcome, error) {
	out := make([]connector.Outcome, len(p.Changes))
	for n := range p.Changes {
		now, there := p.found[p.at[n]]
		switch {
		case p.keys[n] == nil:
			out[n] = connector.Outcome{Status: connector.Failed, Reason: "the key is null or not of its type: the item cannot be told apart"}
		case !there:
			out[n].Status = absent
		default:
			var err error
			if out[n], err = do(n, now); err != nil {
				return nil, err
			}
		}
	}
	return out, nil
}

func (p *batch) guard(ctx context.Context) error {
	if p.Guard == nil {
		return nil
	}
	return p.Guard(ctx)
}

func (db *DB) writable(verb string) error {
	if db.readOnly {
		return db.misfit(connector.Denied, verb, "the connection grants read access only: set its access to write")
	}
	return nil
}

// Mask writes items one by one, each whole or not at all, with the guard
// before each. Where an item changes between its comparison and its write, it
// is compared again.
func (db *DB) Mask(ctx context.Context, b connector.Batch) ([]connector.Outcome, error) {
	if err := db.writable("mask"); err != nil {
		return nil, err
	}
	p, err := db.prepare(ctx, "mask", b)
	if err != nil {
		return nil, err
	}
	return p.each(connector.Missing, func(n int, now item) (connector.Outcome, error) {
		var columns []string
		for _, name := range p.Columns {
			if _, asked := p.Changes[n].After[name]; asked {
				columns = append(columns, name)
			}
		}
		out, err := db.mask(ctx, p, n, now, columns)
		if err == nil && len(out.Fields) > 0 && len(out.Fields) == len(columns) {
			out.Status, out.Reason = connector.Failed, "no field of the item can take its mask"
		}
		return out, err
	})
}

// mask writes columns of one item. When the service refuses them together,
// each is written by itself, so that only what was refused is missing.
func (db *DB) mask(ctx context.Context, p *batch, n int, now item, columns []string) (out connector.Outcome, err error) {
	for range comparisons {
		if now == nil {
			return connector.Outcome{Status: connector.Missing}, nil
		}
		fields := p.judge(n, now, columns)
		if out = outcome(fields, columns); out.Status == connector.Conflict {
			return out, nil
		}
		in := p.update(n, fields)
		if in == nil {
			return out, nil
		}
		if err := p.guard(ctx); err != nil {
			return out, err
		}
		_, err := db.client.UpdateItem(ctx, in)
		if reason, no := refused(err); no && ctx.Err() == nil {
			return db.maskApart(ctx, p, n, now, columns, out, reason)
		}
		if !conditionFailed(err) {
			out.Status = connector.Changed
			return out, db.fail(ctx, p.doing, err)
		}
		if now, err = db.again(ctx, p, n); err != nil {
			return out, err
		}
	}
	return connector.Outcome{Status: connector.Conflict}, nil
}

// maskApart writes the columns of an item one by one.
func (db *DB) maskApart(ctx context.Context, p *batch, n int, now item, columns []string, out connector.Outcome, reason string) (connector.Outcome, error) {
	fields := map[string]string{}
	for name, r := range out.Fields {
		fields[name] = r
	}
	if len(columns) == 1 {
		fields[columns[0]] = reason
		return connector.Outcome{Status: connector.AlreadyDone, Fields: fields}, nil
	}
	out = connector.Outcome{Status: connector.AlreadyDone, Fields: fields}
	for _, column := range columns {
		one, err := db.mask(ctx, p, n, now, []string{column})
		if err != nil {
			return out, err
		}
		for name, r := range one.Fields {
			fields[name] = r
		}
		switch one.Status {
		case connector.Conflict, connector.Missing:
			return one, nil
		case connector.Changed:
			out.Status = connector.Changed
		}
	}
	return out, nil
}

// again reads one item that changed meanwhile; nil when it is gone.
func (db *DB) again(ctx context.Context, p *batch, n int) (now item, err error) {
	err = db.get(ctx, p.query, p.keys[n:n+1], func(i item) error { now = i; return nil })
	return now, err
}

// judge compares columns of an item.
func (p *batch) judge(n int, now item, columns []string) []judged {
	out := make([]judged, len(columns))
	for i, name := range columns {
		out[i] = judge(p.table, name, now[name], p.Changes[n].Before[name], p.Changes[n].After[name])
	}
	return out
}

// outcome is what becomes of an item when nothing is written to it.
func outcome(fields []judged, columns []string) connector.Outcome {
	out := connector.Outcome{Status: connector.AlreadyDone}
	for i, f := range fields {
		if f.state == changed {
			return connector.Outcome{Status: connector.Conflict}
		}
		if f.refused != "" {
			if out.Fields == nil {
				out.Fields = map[string]string{}
			}
			out.Fields[columns[i]] = f.refused
		}
	}
	return out
}

// update makes the call that writes what differs; nil when nothing does. The
// parts are named one by one as long as that fits into an expression.
func (p *batch) update(n int, fields []judged) *dynamodb.UpdateItemInput {
	for _, whole := range []bool{false, true} {
		e := newExpression()
		var set []string
		var where []leaf
		for _, f := range fields {
			if f.refused != "" || f.state != read {
				continue
			}
			parts, stands := f.set, f.where
			if whole {
				parts, stands = []leaf{f.whole}, []leaf{f.was}
			}
			for _, l := range parts {
				set = append(set, e.path(l.path)+" = "+e.value(l.value))
			}
			where = append(where, stands...)
		}
		if len(set) == 0 {
			return nil
		}
		update, condition := "SET "+strings.Join(set, ", "), e.stands(p.table, where)
		if whole || len(update) <= longest && len(condition) <= longest && len(where) <= 100 {
			return &dynamodb.UpdateItemInput{TableName: &p.table.Name.Table, Key: p.keys[n], UpdateExpression: &update, ConditionExpression: &condition,
				ExpressionAttributeNames: e.names, ExpressionAttributeValues: e.bound()}
		}
	}
	return nil
}

// stands writes the condition that an item is there and holds these parts.
func (e *expression) stands(t *catalogue.Table, where []leaf) string {
	all := []string{"attribute_exists(" + e.name(t.PrimaryKey[0]) + ")"}
	for _, l := range where {
		if l.value == nil {
			all = append(all, "attribute_not_exists("+e.path(l.path)+")")
		} else {
			all = append(all, e.path(l.path)+" = "+e.value(l.value))
		}
	}
	return strings.Join(all, " AND ")
}

// Delete removes items one by one, with the guard before each. Where Before
// is given, an item that holds something else is a Conflict.
func (db *DB) Delete(ctx context.Context, b connector.Batch) ([]connector.Outcome, error) {
	if err := db.writable("delete from"); err != nil {
		return nil, err
	}
	b.Columns = nil
	p, err := db.prepare(ctx, "delete from", b)
	if err != nil {
		return nil, err
	}
	return p.each(connector.AlreadyDone, func(n int, now item) (connector.Outcome, error) { return db.remove(ctx, p, n, now) })
}

func (db *DB) remove(ctx context.Context, p *batch, n int, now item) (out connector.Outcome, err error) {
	for range comparisons {
		if now == nil {
			return connector.Outcome{Status: connector.AlreadyDone}, nil
		}
		e := newExpression()
		var where []leaf
		for name, before := range p.Changes[n].Before {
			if !value.Equal(decode(now[name]), before) {
				return connector.Outcome{Status: connector.Conflict}, nil
			}
			where = append(where, leaf{[]any{name}, now[name]})
		}
		if err := p.guard(ctx); err != nil {
			return out, err
		}
		condition := e.stands(p.table, where)
		_, err := db.client.DeleteItem(ctx, &dynamodb.DeleteItemInput{TableName: &p.table.Name.Table, Key: p.keys[n], ConditionExpression: &condition,
			ExpressionAttributeNames: e.names, ExpressionAttributeValues: e.bound()})
		if !conditionFailed(err) {
			return connector.Outcome{Status: connector.Changed}, db.fail(ctx, p.doing, err)
		}
		if now, err = db.again(ctx, p, n); err != nil {
			return out, err
		}
	}
	return connector.Outcome{Status: connector.Conflict}, nil
}

// Verify compares the items of a batch with their masks, as they are now. A
// Conflict names the fields that hold something else in Fields.
func (db *DB) Verify(ctx context.Context, b connector.Batch) ([]connector.Outcome, error) {
	p, err := db.prepare(ctx, "verify", b)
	if err != nil {
		return nil, err
	}
	if len(b.Columns) == 0 {
		return p.each(connector.AlreadyDone, func(int, item) (connector.Outcome, error) {
			return connector.Outcome{Status: connector.Conflict, Reason: "the item is still there"}, nil
		})
	}
	return p.each(connector.Missing, func(n int, now item) (connector.Outcome, error) { return p.verify(n, now), nil })
}

func (p *batch) verify(n int, now item) connector.Outcome {
	fields := map[string]string{}
	for _, name := range p.Columns {
		after, asked := p.Changes[n].After[name]
		if !asked {
			continue
		}
		switch j := judge(p.table, name, now[name], p.Changes[n].Before[name], after); {
		case j.refused != "":
			fields[name] = "does not hold its mask: it cannot take it"
		case j.state == read:
			fields[name] = "still holds what was read"
		case j.state == changed:
			fields[name] = "holds neither what was read nor its mask"
		}
	}
	if len(fields) > 0 {
		return connector.Outcome{Status: connector.Conflict, Fields: fields}
	}
	return connector.Outcome{Status: connector.AlreadyDone}
}
