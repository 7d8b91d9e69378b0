package store

import (
	"context"
	"sync"
)

// turns let those of this process who want the same thing of the database have it one
// after the other, so that they do not all ask for what only one of them gets.
type turns struct {
	mu sync.Mutex
	of map[string]*turn
}

type turn struct {
	wanted int           // those who have it, or wait for it; guarded by turns.mu
	held   chan struct{} // of one place
}

// take returns when it is the caller's turn, until release is called.
func (t *turns) take(ctx context.Context, name string) (release func(), err error) {
	one := t.want(name)
	select {
	case one.held <- struct{}{}:
		return func() {
			<-one.held
			t.leave(name, one)
		}, nil
	case <-ctx.Done():
		t.leave(name, one)
		return nil, ctx.Err()
	}
}

func (t *turns) want(name string) *turn {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.of == nil {
		t.of = map[string]*turn{}
	}
	if t.of[name] == nil {
		t.of[name] = &turn{held: make(chan struct{}, 1)}
	}
	t.of[name].wanted++
	return t.of[name]
}

func (t *turns) leave(name string, one *turn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if one.wanted--; one.wanted == 0 {
		delete(t.of, name)
	}
}
