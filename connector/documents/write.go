package documents

import (
	"context"

	"volenti.dev/volenti/connector"
	"volenti.dev/volenti/datamap/value"
)

// Writer is the half of a connector that writes documents and verifies them.
type Writer[R any] struct {
	connection string
	readOnly   bool
	prepare    Prepare[R]
}

// Prepare checks a batch and finds its documents. The verb is for errors.
type Prepare[R any] func(ctx context.Context, verb string, b connector.Batch) (Target[R], error)

// New makes the writing half of a connector. That a read-only one cannot write
// is up to the database; the Writer only makes the refusal early.
func New[R any](s connector.Settings, p Prepare[R]) Writer[R] {
	return Writer[R]{s.Key, s.ReadOnly, p}
}

// Mask writes documents one by one, each whole or not at all, with the guard
// before each.
func (w Writer[R]) Mask(ctx context.Context, b connector.Batch) ([]connector.Outcome, error) {
	t, err := w.open(ctx, "mask", b)
	if err != nil {
		return nil, err
	}
	return t.each(ctx, connector.Missing, func(n int, now map[string]R) (connector.Outcome, bool, error) {
		columns := t.asked(n)
		out, done, err := t.mask(ctx, n, now, columns)
		if len(out.Fields) > 0 && len(out.Fields) == len(columns) {
			out.Status, out.Reason = connector.Failed, "no field of it can take its mask"
		}
		return out, done, err
	})
}

// Delete removes documents one by one, with the guard before each. Where
// Before is given, a document that holds something else is a Conflict.
func (w Writer[R]) Delete(ctx context.Context, b connector.Batch) ([]connector.Outcome, error) {
	b.Columns = nil
	t, err := w.open(ctx, "delete from", b)
	if err != nil {
		return nil, err
	}
	return t.each(ctx, connector.AlreadyDone, func(n int, now map[string]R) (connector.Outcome, bool, error) {
		return t.remove(ctx, n, now)
	})
}

// Verify compares documents with their masks. A Conflict names the fields that
// hold something else.
func (w Writer[R]) Verify(ctx context.Context, b connector.Batch) ([]connector.Outcome, error) {
	target, err := w.prepare(ctx, "verify", b)
	if err != nil {
		return nil, err
	}
	t := task[R]{target, b}
	if len(b.Columns) == 0 {
		return t.each(ctx, connector.AlreadyDone, func(int, map[string]R) (connector.Outcome, bool, error) {
			return connector.Outcome{Status: connector.Conflict, Reason: "it is still there"}, true, nil
		})
	}
	return t.each(ctx, connector.Missing, func(n int, now map[string]R) (connector.Outcome, bool, error) {
		out, err := t.verify(n, now)
		return out, true, err
	})
}

// open prepares what is to be written.
func (w Writer[R]) open(ctx context.Context, verb string, b connector.Batch) (task[R], error) {
	if w.readOnly {
		return task[R]{}, &connector.Error{Kind: connector.Denied, Connection: w.connection, Doing: verb,
			Reason: "the connection grants read access only: set its access to write"}
	}
	target, err := w.prepare(ctx, verb, b)
	return task[R]{target, b}, err
}

// task is what is to be done, and to which documents.
type task[R any] struct {
	Target[R]
	connector.Batch
}

// attempts is how often a document is compared again when it was changed
// between the comparison and the write.
const attempts = 5

// try does something to a document; done is false when it changed meanwhile.
type try[R any] func(n int, now map[string]R) (out connector.Outcome, done bool, err error)

// each does something to every document that there is, and gives the outcomes;
// absent is that of a change that has none.
func (t task[R]) each(ctx context.Context, absent connector.Status, do try[R]) ([]connector.Outcome, error) {
	out := make([]connector.Outcome, len(t.Changes))
	for n := range t.Changes {
		var err error
		if out[n], err = t.one(ctx, n, absent, do); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (t task[R]) one(ctx context.Context, n int, absent connector.Status, do try[R]) (connector.Outcome, error) {
	for range attempts {
		now, reason, err := t.Load(ctx, n)
		switch {
		case err != nil:
			return connector.Outcome{}, err
		case reason != "":
			return connector.Outcome{Status: connector.Failed, Reason: reason}, nil
		case now == nil:
			return connector.Outcome{Status: absent}, nil
		}
		if out, done, err := do(n, now); done || err != nil {
			return out, err
		}
	}
	return connector.Outcome{Status: connector.Conflict}, nil
}

// asked gives the columns that a change has masks for.
func (t task[R]) asked(n int) (columns []string) {
	for _, name := range t.Columns {
		if _, ok := t.Changes[n].After[name]; ok {
			columns = append(columns, name)
		}
	}
	return columns
}

func (t task[R]) mask(ctx context.Context, n int, now map[string]R, columns []string) (connector.Outcome, bool, error) {
	out, fields, err := t.compare(n, now, columns)
	if err != nil || len(fields) == 0 {
		return out, true, err
	}
	if err := t.guard(ctx); err != nil {
		return out, true, err
	}
	stood, reason, err := t.Update(ctx, n, fields)
	if reason != "" {
		out, err = t.apart(ctx, n, columns, out, reason)
		return out, true, err
	}
	out.Status = connector.Changed
	return out, stood, err
}

// compare judges columns of a document. There are no fields when there is
// nothing to write, and then out is what became of the change.
func (t task[R]) compare(n int, now map[string]R, columns []string) (out connector.Outcome, fields []Field[R], err error) {
	out.Status = connector.AlreadyDone
	for _, name := range columns {
		f, err := t.judge(n, now, name)
		switch {
		case err != nil:
			return out, nil, err
		case f.State == Changed:
			return connector.Outcome{Status: connector.Conflict}, nil, nil
		case f.Refused != "":
			refuse(&out, name, f.Refused)
		case f.State == Read:
			fields = append(fields, f)
		}
	}
	return out, fields, nil
}

func (t task[R]) judge(n int, now map[string]R, name string) (Field[R], error) {
	return Judge(t.Target, name, now[name], t.Changes[n].Before[name], t.Changes[n].After[name])
}

func refuse(out *connector.Outcome, name, reason string) {
	if out.Fields == nil {
		out.Fields = map[string]string{}
	}
	out.Fields[name] = reason
}

// apart writes the columns that a database refused together, each by itself,
// so that only what was refused is missing.
func (t task[R]) apart(ctx context.Context, n int, columns []string, out connector.Outcome, reason string) (connector.Outcome, error) {
	if len(columns) == 1 {
		refuse(&out, columns[0], reason)
		return out, nil
	}
	for i := range columns {
		single, err := t.one(ctx, n, connector.Missing, func(n int, now map[string]R) (connector.Outcome, bool, error) {
			return t.mask(ctx, n, now, columns[i:i+1])
		})
		if err != nil || single.Status == connector.Conflict || single.Status == connector.Missing {
			return single, err
		}
		for name, reason := range single.Fields {
			refuse(&out, name, reason)
		}
		if single.Status == connector.Changed {
			out.Status = connector.Changed
		}
	}
	return out, nil
}

func (t task[R]) guard(ctx context.Context) error {
	if t.Guard == nil {
		return nil
	}
	return t.Guard(ctx)
}

func (t task[R]) remove(ctx context.Context, n int, now map[string]R) (connector.Outcome, bool, error) {
	var where []Leaf[R]
	for name, before := range t.Changes[n].Before {
		holds, err := t.Decode(now[name])
		if err != nil || !value.Equal(holds, before) {
			return connector.Outcome{Status: connector.Conflict}, true, err
		}
		where = append(where, Leaf[R]{[]any{name}, now[name]})
	}
	if err := t.guard(ctx); err != nil {
		return connector.Outcome{}, true, err
	}
	stood, err := t.Remove(ctx, n, where)
	return connector.Outcome{Status: connector.Changed}, stood, err
}

func (t task[R]) verify(n int, now map[string]R) (connector.Outcome, error) {
	out := connector.Outcome{Status: connector.AlreadyDone}
	for _, name := range t.asked(n) {
		f, err := t.judge(n, now, name)
		switch {
		case err != nil:
			return out, err
		case f.Refused != "":
			refuse(&out, name, "does not hold its mask: it cannot take it")
		case f.State == Read:
			refuse(&out, name, "still holds what was read")
		case f.State == Changed:
			refuse(&out, name, "holds neither what was read nor its mask")
		}
	}
	if len(out.Fields) > 0 {
		out.Status = connector.Conflict
	}
	return out, nil
}
