package fulfill

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"volenti.dev/volenti/connector"
	"volenti.dev/volenti/request"
)

func TestCallsThatWentAlikeAreOneEntry(t *testing.T) { // H16
	var c calls
	page := connector.Exchange{Connection: "crm", Collection: "people", Call: "GET /people", Status: 200, Attempt: 1, Took: time.Second}
	var all sync.WaitGroup
	for range 10_000 {
		all.Go(func() { c.note(page) })
	}
	all.Wait()
	busy, token, other := page, page, page
	busy.Status, busy.Attempt, busy.Note = 429, 3, "the vendor answered 429"
	token.Collection, token.Call = "", "POST /token"
	other.Collection = "orders"
	for _, e := range []connector.Exchange{busy, token, other} {
		c.note(e)
	}
	want := []request.Call{
		{Call: "POST /token", Status: 200, Times: 1, Attempts: 1, Took: time.Second},
		{Call: "GET /people", Status: 200, Times: 10_000, Attempts: 1, Took: 10_000 * time.Second},
		{Call: "GET /people", Status: 429, Times: 1, Attempts: 3, Took: time.Second, Note: busy.Note},
	}
	if d := cmp.Diff(want, c.take("crm", "vendor:people")); d != "" {
		t.Error(d)
	}
	if got := c.take("crm", "vendor:people"); len(got) != 0 {
		t.Errorf("told twice: %v", got)
	}
	if got := c.take("crm", "vendor:orders"); len(got) != 1 {
		t.Errorf("of another collection: %v", got)
	}
}

// What a description wants shown may be something else each time.
func TestALineTellsABoundedNumberOfCallsApart(t *testing.T) { // H16
	var c calls
	for n := range 10_000 {
		c.note(connector.Exchange{Connection: "crm", Collection: "people", Call: "GET /people", Note: fmt.Sprint(n)})
	}
	got := c.take("crm", "vendor:people")
	if last := got[len(got)-1]; len(got) != mostCalls+1 || last.Call != otherCalls || last.Times != 10_000-mostCalls {
		t.Errorf("%d kinds, the last is %+v", len(got), last)
	}
}
