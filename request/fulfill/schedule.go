package fulfill

import (
	"context"
	"errors"
	"sync"
)

// task is a piece of work on collections that has to wait for others.
type task struct {
	name  string
	after []string // names of tasks that must have succeeded
	do    func(context.Context) error
}

// errUpstream marks a task that was not tried, since one before it failed.
var errUpstream = errors.New("not tried: a collection before it failed")

// parallel runs tasks as soon as what they wait for is done, at most limit at
// once. A task that fails stops those behind it and no others, as does one that
// waits for its system. It returns when nothing runs any more, with the failures
// of the tasks that were tried, and without any with what is waited for, which
// also comes before what was not to be tried.
// Names in after that are no task are taken as done.
func parallel(ctx context.Context, tasks []task, limit int) error {
	done := make(map[string]chan struct{}, len(tasks))
	for _, t := range tasks {
		done[t.name] = make(chan struct{})
	}
	var (
		mu     sync.Mutex
		failed = map[string]bool{}
		errs   []error
		aside  []error
		waits  *Awaits
		wait   sync.WaitGroup
		slots  = make(chan struct{}, limit)
	)
	fail := func(name string, err error) {
		mu.Lock()
		defer mu.Unlock()
		failed[name] = true
		switch a := awaits(err); {
		case a != nil:
			waits = a.join(waits)
		case errors.As(err, &untried{}):
			aside = append(aside, err)
		case !errors.Is(err, errUpstream):
			errs = append(errs, err)
		}
	}
	blocked := func(t task) bool {
		for _, a := range t.after {
			if c, ok := done[a]; ok {
				<-c
			}
		}
		mu.Lock()
		defer mu.Unlock()
		for _, a := range t.after {
			if failed[a] {
				return true
			}
		}
		return false
	}
	for _, t := range tasks {
		wait.Go(func() {
			defer close(done[t.name])
			if blocked(t) {
				fail(t.name, errUpstream)
				return
			}
			slots <- struct{}{}
			defer func() { <-slots }()
			if err := ctx.Err(); err != nil {
				fail(t.name, context.Cause(ctx))
				return
			}
			if err := t.do(ctx); err != nil {
				fail(t.name, err)
			}
		})
	}
	wait.Wait()
	if waits != nil && len(errs) == 0 {
		return waits
	}
	return errors.Join(append(errs, aside...)...)
}
