package fulfill

import (
	"context"
	"fmt"
	"io"
	"strings"

	"volenti.dev/volenti/auth"
	"volenti.dev/volenti/message"
	"volenti.dev/volenti/request"
	"volenti.dev/volenti/request/delivery"
	"volenti.dev/volenti/request/graph"
	tasks "volenti.dev/volenti/request/task"
)

// Colleagues answer what no system can.
type Colleagues interface {
	// Answers gives the answers that a request has, by connection.
	Answers(ctx context.Context, tenant, id string) (map[string]tasks.Answer, error)
	// Prepare makes the task for an ask, and the letters to those who are asked
	// with the passes that stand behind their links.
	Prepare(ctx context.Context, r request.Request, ask tasks.Ask) (tasks.Task, []message.Letter, []auth.Pass, error)
	// Contents writes a file of an answer.
	Contents(ctx context.Context, tenant, id, connection string, given tasks.Answer, f tasks.File, w io.Writer) error
}

// patientColleagues are those whose answers wait for the store.
type patientColleagues struct {
	Colleagues
	p patient
}

func (c patientColleagues) Answers(ctx context.Context, tenant, id string) (map[string]tasks.Answer, error) {
	return ask(ctx, c.p, func() (map[string]tasks.Answer, error) { return c.Colleagues.Answers(ctx, tenant, id) })
}

// asks says whether the plan asks colleagues.
func (r *run) asks() bool { return len(r.plan.Asks) > 0 }

// manualInput lets the request wait until every connection that people answer
// has its answer (X4). All are asked in one commit, so that nobody is asked
// twice.
func (r *run) manualInput(ctx context.Context) error {
	if r.Colleagues == nil {
		return fmt.Errorf("the plan asks people (%s), and nobody can be asked here", strings.Join(connections(r.plan.Asks), ", "))
	}
	given, err := r.given(ctx)
	if err != nil {
		return err
	}
	turn := request.Turn{Event: request.Ask}
	for _, a := range r.plan.Asks {
		if _, answered := given[a.Connection]; answered {
			continue
		}
		t, letters, passes, err := r.Colleagues.Prepare(ctx, r.request, a)
		if err != nil {
			return fmt.Errorf("ask about %s: %w", a.Connection, err)
		}
		turn.Tasks, turn.Letters, turn.Passes = append(turn.Tasks, t), append(turn.Letters, letters...), append(turn.Passes, passes...)
		turn.Parked.Needed = append(turn.Parked.Needed, "answer "+a.Connection)
	}
	if len(turn.Tasks) == 0 {
		return nil
	}
	turn.Message = "waits for answers of colleagues"
	crash("tasks.made")
	entry := r.entry("task.wait", map[string]any{"needed": turn.Parked.Needed})
	if err := r.requests.Move(ctx, r.lease, turn, entry); err != nil {
		return fmt.Errorf("ask colleagues: %w", err)
	}
	crash("tasks.asked")
	return asked{turn.Message}
}

// asked is the result of a step that has let the request wait, which is in the
// store already.
type asked struct{ reason string }

func (a asked) Error() string { return a.reason }

// Is makes it an ErrPaused.
func (asked) Is(target error) bool { return target == ErrPaused }

func connections(asks []tasks.Ask) (keys []string) {
	for _, a := range asks {
		keys = append(keys, a.Connection)
	}
	return keys
}

// given reads the answers of colleagues.
func (r *run) given(ctx context.Context) (map[string]tasks.Answer, error) {
	if !r.asks() || r.Colleagues == nil {
		return nil, nil
	}
	return r.Colleagues.Answers(ctx, r.lease.Tenant, r.lease.Request)
}

// unconfirmed counts the erasures that colleagues were asked for and did not
// confirm.
func (r *run) unconfirmed(ctx context.Context) (n int64, err error) {
	given, err := r.given(ctx)
	for i := range r.plan.Asks {
		a := &r.plan.Asks[i]
		n += int64(a.Unconfirmed(given[a.Connection]))
	}
	return n, err
}

// entered gives what colleagues have entered and an access rule returns: a
// collection for each connection, whose only row is the answer, and the files
// that it names (X9), without what is left out.
func (r *run) entered(ctx context.Context, rule string, out *omissions) (all []delivery.Collection, files []delivery.File, err error) {
	given, err := r.given(ctx)
	if err != nil {
		return nil, nil, err
	}
	for i := range r.plan.Asks {
		a := &r.plan.Asks[i]
		answer, keys := given[a.Connection], a.Returned[rule]
		address, row := a.Connection+":input", map[string]any{}
		for _, key := range keys {
			q := a.Question(key)
			if v := q.Value(answer); v != nil {
				row[key] = v
			}
			if out.covers(address, key) {
				if len(answer.Files[key]) > 0 {
					row[key] = nil
				}
				continue
			}
			var named []any
			for _, f := range answer.Files[key] {
				file := delivery.File{Type: f.Type, Name: f.Name, Write: func(w io.Writer) error {
					return r.Colleagues.Contents(ctx, r.lease.Tenant, r.lease.Request, a.Connection, answer, f, w)
				}}
				files = append(files, file)
				named = append(named, map[string]any{"file": delivery.FileName(len(files), file), "name": f.Name, "type": f.Type, "bytes": f.Size})
			}
			if named != nil {
				row[key] = named
			}
		}
		if len(row) == 0 {
			continue
		}
		row = out.answer(address, row)
		all = append(all, delivery.Collection{
			Address: address, Title: or(a.Name, "Looked up by hand"), Fields: keys,
			Rows: func(yield func(map[string]any) error) error { return yield(row) },
		})
	}
	return all, files, nil
}

// returnsInput says whether a policy gives answers of colleagues to the person.
func returnsInput(p *graph.Plan) bool {
	for i := range p.Asks {
		if len(p.Asks[i].Returned) > 0 {
			return true
		}
	}
	return false
}
