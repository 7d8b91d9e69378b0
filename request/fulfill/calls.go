package fulfill

import (
	"strings"
	"sync"

	"volenti.dev/volenti/connector"
	"volenti.dev/volenti/request"
)

// mostCalls is how many kinds of calls a line of the execution log tells apart.
const mostCalls = 50

// otherCalls stands for those beyond mostCalls.
const otherCalls = "others"

// calls are those over HTTP that no line of the execution log has told of yet. Calls
// that went alike are counted, so that ten thousand pages are one entry.
type calls struct {
	mu sync.Mutex
	of map[place][]request.Call
}

// place is a collection of a connection; "" is for calls of the connection that are
// about none, as to sign in.
type place struct{ connection, collection string }

// note takes an attempt of a call, or what is to be shown of an answer.
func (c *calls) note(e connector.Exchange) {
	one := request.Call{Call: e.Call, Status: e.Status, Times: 1, Attempts: e.Attempt, Took: e.Took, Note: e.Note}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.of == nil {
		c.of = map[place][]request.Call{}
	}
	at := place{e.Connection, e.Collection}
	c.of[at] = add(c.of[at], one)
}

// add counts a call to those that went like it.
func add(all []request.Call, one request.Call) []request.Call {
	if len(all) >= mostCalls {
		one = request.Call{Call: otherCalls, Times: one.Times, Attempts: one.Attempts, Took: one.Took}
	}
	for i := range all {
		if was := &all[i]; was.Call == one.Call && was.Status == one.Status && was.Note == one.Note {
			was.Times += one.Times
			was.Took += one.Took
			was.Attempts = max(was.Attempts, one.Attempts)
			return all
		}
	}
	return append(all, one)
}

// take gives the calls that were made for a collection, and for its connection.
func (c *calls) take(connection, address string) (all []request.Call) {
	_, collection, _ := strings.Cut(address, ":")
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, at := range []place{{connection, ""}, {connection, collection}} {
		all = append(all, c.of[at]...)
		delete(c.of, at)
	}
	return all
}
