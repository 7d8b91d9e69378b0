package server

import (
	"context"
	"encoding/json"
	"fmt"

	"volenti.dev/volenti/audit"
	"volenti.dev/volenti/connector"
	"volenti.dev/volenti/request"
	"volenti.dev/volenti/request/graph"
	"volenti.dev/volenti/request/task"
	"volenti.dev/volenti/subject"
)

// nobody is asked by the command line: whoever runs it answers.
type nobody struct{}

func (nobody) Assignees() []subject.Personal[string] { return nil }
func (nobody) Close() error                          { return nil }

func (l *Local) colleagues() colleagues {
	return colleagues{db: l.House.Store, now: l.Now, connect: func(string) (connector.Connector, error) { return nobody{}, nil }}
}

// Unanswered gives what people are asked for a request and have not answered.
func (l *Local) Unanswered(ctx context.Context, id string) ([]task.Ask, error) {
	r, err := l.House.Store.Requests().Get(ctx, l.tenant(), id)
	if err != nil || r.Status.Terminal() {
		return nil, err
	}
	plan := &graph.Plan{}
	if err := json.Unmarshal(r.Plan, plan); err != nil {
		return nil, fmt.Errorf("read the stored plan: %w", err)
	}
	given, err := l.colleagues().Answers(ctx, l.tenant(), id)
	if err != nil {
		return nil, err
	}
	var open []task.Ask
	for _, a := range plan.Asks {
		if _, answered := given[a.Connection]; !answered {
			open = append(open, a)
		}
	}
	return open, nil
}

// enter answers what a request waits for, by Answers. It says whether the
// request goes on.
func (l *Local) enter(ctx context.Context, id string) (resumed bool, err error) {
	r, err := l.House.Store.Requests().Get(ctx, l.tenant(), id)
	if err != nil || r.Status != request.RequiresInput || l.Answers == nil {
		return false, err
	}
	open, err := l.Unanswered(ctx, id)
	if err != nil {
		return false, err
	}
	for _, a := range open {
		form, err := l.Answers(a)
		if err != nil {
			return false, err
		}
		entry := audit.Entry{Act: "task.answer", Object: "request/" + id, Details: map[string]any{"by": l.By}}
		if resumed, err = l.colleagues().take(ctx, l.tenant(), id, a, form, nil, entry); err != nil {
			return false, fmt.Errorf("answer %s: %w", a.Connection, err)
		}
	}
	return resumed, nil
}
