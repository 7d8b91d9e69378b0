package store

import "sync"

// lines are those of the tenants, one each.
type lines[P waits] struct {
	mu sync.Mutex
	of map[string]*line[P]
}

func (l *lines[P]) tenant(tenant string) *line[P] {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.of == nil {
		l.of = map[string]*line[P]{}
	}
	if l.of[tenant] == nil {
		l.of[tenant] = &line[P]{}
	}
	return l.of[tenant]
}

// line is where what is to be written for one tenant waits. The one whose turn
// it is takes a group along and then passes the turn on; there is no goroutine
// besides those of the callers.
type line[P waits] struct {
	mu      sync.Mutex
	waiting []P
	taken   bool // somebody has the turn
}

// waits is what stands in a line.
type waits interface {
	// told hears true when it is done, and false when it has the turn.
	told() chan bool // holds one
}

// wait returns when p was written, or refused, by together. Of all that waits,
// the first of which is p itself or has waited longer, group takes those along
// whose turn it is, the first among them.
func (l *line[P]) wait(p P, group func(waiting []P) (group, rest []P), together func([]P)) {
	l.mu.Lock()
	l.waiting = append(l.waiting, p)
	lead := !l.taken
	l.taken = true
	l.mu.Unlock()
	if !lead && <-p.told() {
		return
	}
	l.mu.Lock()
	taken, rest := group(l.waiting)
	l.waiting = rest
	l.mu.Unlock()
	together(taken)
	l.mu.Lock()
	if l.taken = len(l.waiting) > 0; l.taken {
		l.waiting[0].told() <- false
	}
	l.mu.Unlock()
	for _, other := range taken {
		other.told() <- true
	}
}
