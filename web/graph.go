package web

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"volenti.dev/volenti/request"
)

// graphView is the graph of a request, as far as it is shown. One with many collections
// is drawn by systems, and its table is narrowed to some.
type graphView struct {
	Shown  []vertex
	Groups []datasetGroup // only where there are many collections
	All    int64
	Found  int64  // that the filter leaves
	In     string // a dataset, or "" for all
	State  string // a kind of states, or "" for all
}

// datasetGroup is the collections of a dataset, counted by the kinds of their states.
type datasetGroup struct {
	ID     string
	Name   string
	All    int64
	Counts map[string]int64
	from   map[string]bool // ids of the groups that it depends on
}

// How many collections are drawn, and how many rows of the table are shown.
const (
	drawn     = 60
	tableRows = 200
)

// kinds are those of states, what asks for somebody first.
var kinds = []string{"stop", "work", "wait", "done", "over"}

// narrowed shows of a graph what the address asks for.
func narrowed(all []vertex, q url.Values) graphView {
	g := graphView{All: int64(len(all)), In: q.Get("in"), State: q.Get("state")}
	if len(all) > drawn {
		g.Groups = grouped(all)
	} else {
		g.In, g.State = "", "" // all of it is shown
	}
	for _, v := range all {
		if g.In != "" && v.dataset() != g.In || g.State != "" && v.Kind() != g.State {
			continue
		}
		if g.Found++; g.Found <= tableRows {
			g.Shown = append(g.Shown, v)
		}
	}
	return g
}

func grouped(all []vertex) (groups []datasetGroup) {
	at := map[string]int{}
	for _, v := range all {
		name := v.dataset()
		i, known := at[name]
		if !known {
			i = len(groups)
			at[name] = i
			groups = append(groups, datasetGroup{ID: rowOf(name), Name: name, Counts: map[string]int64{}, from: map[string]bool{}})
		}
		groups[i].All++
		groups[i].Counts[v.Kind()]++
		for _, e := range v.From {
			if from, _, _ := strings.Cut(e.Address, ":"); from != name {
				groups[i].from[rowOf(from)] = true
			}
		}
	}
	return groups
}

// Up lists the ids of the rows that it depends on.
func (g datasetGroup) Up() string { return strings.Join(slices.Sorted(maps.Keys(g.from)), " ") }

// Kind is that of its collections which asks for somebody the most.
func (g datasetGroup) Kind() string {
	for _, kind := range kinds {
		if g.Counts[kind] > 0 {
			return kind
		}
	}
	return ""
}

// Kinds are those to choose from.
func (g graphView) Kinds() []string { return kinds }

// Rows is how many rows of the table are shown.
func (g graphView) Rows() int64 { return int64(len(g.Shown)) }

// Most is how many collections are drawn.
func (graphView) Most() int { return drawn }

// Names lists the datasets of the groups.
func (g graphView) Names() (names []string) {
	for _, one := range g.Groups {
		names = append(names, one.Name)
	}
	return names
}

// Query is what the address narrows the graph by, to be added to another one.
func (g graphView) Query() string {
	q := url.Values{}
	for name, value := range map[string]string{"in": g.In, "state": g.State} {
		if value != "" {
			q.Set(name, value)
		}
	}
	return q.Encode()
}

// vertex is a collection of the plan and how far it is: a row of the table that the
// drawing beside it is made of.
type vertex struct {
	node
	ID      string // of its row
	From    []edge
	State   request.CollectionStatus
	Read    int64
	Erased  int64
	Left    int64 // rows that failed, or are not as they must be
	Took    *time.Duration
	Reasons []string
	Waits   []waits
}

func (v vertex) dataset() string {
	dataset, _, _ := strings.Cut(v.Address, ":")
	return dataset
}

// edge leads to a collection that must have been read before.
type edge struct{ ID, Address string }

// graph gives the plan with what became of each collection, in its order.
func (d detailView) graph(log []logLine) (all []vertex) {
	for _, n := range d.Plan.Nodes {
		v := vertex{node: n, ID: rowOf(n.Address), State: request.Pending, Took: spent(log, n.Address)}
		for _, address := range n.Upstream {
			v.From = append(v.From, edge{rowOf(address), address})
		}
		for _, c := range d.Report.Collections {
			if c.Address == n.Address {
				v.add(c)
			}
		}
		for _, s := range d.Report.Skipped {
			if s.Address == n.Address {
				v.State, v.Reasons = request.Skipped, append(v.Reasons, s.Reason)
			}
		}
		all = append(all, v)
	}
	return all
}

// rowOf is the id of the row of a collection.
func rowOf(address string) string { return "at-" + hex.EncodeToString([]byte(address)) }

// urgency orders what steps of one collection are in: the last one that is there is what
// it is in as a whole. A step that is done says so only when no other waits.
var urgency = []request.CollectionStatus{"", request.Done, request.Pending, request.Running, request.Waiting, request.Residual, request.Skipped, request.Failed}

func rank(s request.CollectionStatus) int {
	for i, one := range urgency {
		if one == s {
			return i
		}
	}
	return len(urgency)
}

func (v *vertex) add(c collection) {
	state := request.CollectionStatus(c.Status)
	if v.State == request.Pending && v.Read+v.Erased == 0 && v.Reasons == nil || rank(state) > rank(v.State) {
		v.State = state
	}
	v.Read, v.Erased, v.Left = max(v.Read, c.RowsRead), v.Erased+c.RowsMasked, v.Left+c.RowsFailed+c.RowsResidue
	if c.Waits != nil {
		v.Waits = append(v.Waits, *c.Waits)
	} else if c.Message != "" {
		v.Reasons = append(v.Reasons, c.Message)
	}
}

// Up lists the ids of the rows that it depends on.
func (v vertex) Up() string {
	var ids []string
	for _, e := range v.From {
		ids = append(ids, e.ID)
	}
	return strings.Join(ids, " ")
}

// Stopped says whether it can be tried again.
func (v vertex) Stopped() bool { return v.State == request.Failed }

// Over says whether nothing more will be done there.
func (v vertex) Over() bool { return v.State == request.Done || v.State == request.Skipped }

// Kind is the colour of its state.
func (v vertex) Kind() string {
	switch v.State {
	case request.Done:
		return "done"
	case request.Running:
		return "work"
	case request.Failed, request.Residual:
		return "stop"
	case request.Skipped:
		return "over"
	}
	return "wait"
}

// spent is how long it was worked at: from the first line of the log about a
// collection to the last; nil for not at all.
func spent(log []logLine, address string) *time.Duration {
	var first, last time.Time
	for _, l := range log {
		if l.Address != address {
			continue
		}
		from := l.At
		if l.Started != nil {
			from = *l.Started
		}
		if first.IsZero() || from.Before(first) {
			first = from
		}
		if l.At.After(last) {
			last = l.At
		}
	}
	if first.IsZero() {
		return nil
	}
	took := last.Sub(first)
	return &took
}

// Milliseconds of it.
func (v vertex) Milliseconds() int64 { return v.Took.Milliseconds() }

// renews says whether the page may become another one by itself. It does not while
// somebody looks at what would vanish then.
func (d detailView) renews() bool {
	switch d.Status {
	case request.Approved, request.InProcessing, request.AwaitingEmailSend:
		return d.Person == nil && d.Talk == nil && d.Glimpses == nil && (d.form == nil || !d.form.Failed())
	}
	return false
}

// digest tells one state of the page from another.
func (d detailView) digest() (string, error) {
	text, err := json.Marshal(d)
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:8]), err
}
