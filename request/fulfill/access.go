package fulfill

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"volenti.dev/volenti/connector"
	"volenti.dev/volenti/request"
	"volenti.dev/volenti/request/graph"
)

// access finds the rows of every collection of the plan, each after all that
// leads to it, and keeps them sealed with the request (X6, X7).
func (r *run) access(ctx context.Context) error {
	var tasks []task
	for _, group := range r.groups() {
		t := task{name: group[0].Address}
		for _, n := range group {
			t.after = append(t.after, r.heads(n, group)...)
		}
		t.do = func(ctx context.Context) error { return r.accessGroup(ctx, group) }
		tasks = append(tasks, t)
	}
	return parallel(ctx, tasks, r.limits.Collections)
}

// groups splits the plan into what is read at once: a collection, or the
// collections of a cycle.
func (r *run) groups() [][]*graph.Node {
	var groups [][]*graph.Node
	cycles := map[string]int{}
	for i := range r.plan.Nodes {
		n := &r.plan.Nodes[i]
		if at, ok := cycles[n.Cycle]; ok && n.Cycle != "" {
			groups[at] = append(groups[at], n)
			continue
		}
		cycles[n.Cycle] = len(groups)
		groups = append(groups, []*graph.Node{n})
	}
	return groups
}

// heads names the tasks that the upstream of a node belongs to.
func (r *run) heads(n *graph.Node, own []*graph.Node) []string {
	var heads []string
	for _, u := range n.Upstream {
		at := r.plan.Node(u)
		if at == nil || slices.Contains(own, at) {
			continue
		}
		first := slices.IndexFunc(r.plan.Nodes, func(o graph.Node) bool { return o.Address == u || at.Cycle != "" && o.Cycle == at.Cycle })
		heads = append(heads, r.plan.Nodes[first].Address)
	}
	return heads
}

func (r *run) accessGroup(ctx context.Context, group []*graph.Node) error {
	if group[0].Instructed { // and so are all of them
		for _, n := range group {
			if err := r.noteInstructed(ctx, n); err != nil {
				return err
			}
		}
		return nil
	}
	if len(group) == 1 && group[0].Cycle == "" {
		return r.accessOne(ctx, group[0])
	}
	return r.accessCycle(ctx, group)
}

func (r *run) accessOne(ctx context.Context, n *graph.Node) error {
	p := r.at(n.Address, request.Access)
	if passes, err := r.passes(ctx, p); passes || err != nil {
		return err
	}
	found, err := r.gather(ctx, n)
	if err != nil {
		return err
	}
	return r.attempt(ctx, p, func(p *request.Progress, begun func() error) ([]request.Chunk, error) {
		chunks := r.newChunks(ctx, n, n.Keyed && len(n.Partitions) > 1)
		chunks.begun = begun
		chunks.sift = sift(n, r.tables[n.Address], found.matches)
		if chunks.earlier, err = r.earlier(ctx, n); err != nil {
			return nil, err
		}
		misfits := 0
		result, err := r.read(ctx, n, found.matches, func(row connector.Row) error {
			if graph.Misfits(row, n.FieldsReturned) {
				misfits++
			}
			return chunks.add(row)
		})
		if err == nil {
			err = r.readStale(ctx, chunks)
		}
		if err != nil {
			return nil, err
		}
		p.Message = found.remark(result.Dropped, misfits)
		rest := chunks.finish(p)
		crash("collection.read")
		return rest, nil
	})
}

// attempt does one collection until it succeeds, fails for good or has been
// tried often enough; each attempt is in the execution log. What do gives is
// stored with its outcome. Before do stores anything itself, it waits until the
// attempt is begun. Where it never does, the store hears of an attempt when it
// is over.
func (r *run) attempt(ctx context.Context, p request.Progress, do func(p *request.Progress, begun func() error) ([]request.Chunk, error)) error {
	if a := r.undue(p.Address); a != nil && p.Status == request.Waiting {
		return a
	}
	tries := 0
	err := r.patiently(ctx, func() error {
		since, begun := r.Now(), func() error { return nil }
		if p.Action == request.Access {
			p, begun = r.beginAside(ctx, p)
		} else {
			p = anew(p)
		}
		rest, err := do(&p, begun)
		if lost := begun(); lost != nil {
			return lost
		}
		crash("collection.begun")
		p.Took = r.Now().Sub(since)
		if err == nil {
			p.Status = request.Done
			return r.save(ctx, p, nil, rest...)
		}
		if ctx.Err() != nil || errors.Is(err, request.ErrFenced) || lost(err) {
			return err
		}
		if a := awaits(err); a != nil {
			return r.keepWaiting(ctx, p, a)
		}
		tries++
		p.Status, p.Message = request.Failed, err.Error()
		return errors.Join(err, r.save(ctx, p, nil))
	})
	crash("collection.saved")
	if err != nil {
		return located{p.Address, err}
	}
	return nil
}

// read queries a collection on one of its connection's places.
func (r *run) read(ctx context.Context, n *graph.Node, matches []connector.Match, each func(connector.Row) error) (connector.ReadResult, error) {
	var total connector.ReadResult
	if !slices.ContainsFunc(matches, func(m connector.Match) bool { return len(m.Tuples) > 0 }) {
		return total, nil // no values, no query (D16)
	}
	reader, err := capability[connector.Reader](r, n.Connection)
	if err != nil {
		return total, err
	}
	defer r.place(n.Connection)()
	again := r.readBefore(n.Address)
	for _, query := range reads(n, r.tables[n.Address], n.Columns, matches) {
		query.Again = again
		result, err := r.query(ctx, n, reader, query, each)
		total.Rows += result.Rows
		total.Dropped += result.Dropped
		if err != nil {
			return total, err
		}
	}
	return total, nil
}

// readBefore says whether access has read a collection, in any round.
func (r *run) readBefore(address string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for round := 1; round <= r.request.Round; round++ {
		if r.progress[progressKey{round, address, request.Access}].Status == request.Done {
			return true
		}
	}
	return false
}

// place waits for a free place on a system; the result gives it back.
func (r *run) place(connection string) func() {
	r.systems[connection] <- struct{}{}
	return func() { <-r.systems[connection] }
}

// accessCycle reads collections that feed each other, in rounds: each round
// queries only keys that are new, until none is left (D9). What it finds is
// stored when the whole group is done, so a crash repeats the group.
func (r *run) accessCycle(ctx context.Context, group []*graph.Node) error {
	done := true
	inside := map[string]bool{}
	var members []*graph.Node
	for _, n := range group {
		passes, err := r.passes(ctx, r.at(n.Address, request.Access), group...)
		if err != nil {
			return err
		}
		done = done && passes
		inside[n.Address] = true
		if !r.skipped(n.Address) {
			members = append(members, n)
		}
	}
	if done {
		return nil
	}
	if a := r.cycleUndue(members); a != nil {
		return a
	}
	return r.patiently(ctx, func() error {
		rest := make([][]request.Chunk, len(members))
		c := cycle{run: r, group: members, inside: inside, asked: map[string]map[string]bool{}}
		for _, n := range members {
			p, err := r.begin(ctx, r.at(n.Address, request.Access))
			if err != nil {
				return err
			}
			m := &member{node: n, progress: p, chunks: r.newChunks(ctx, n, true)}
			m.chunks.sift = unsifted(n, r.tables[n.Address])
			if m.chunks.earlier, err = r.earlier(ctx, n); err != nil {
				return err
			}
			c.members = append(c.members, m)
		}
		err := c.rounds(ctx)
		if a := awaits(err); a != nil && ctx.Err() == nil {
			return c.keepWaiting(ctx, a)
		}
		for k, m := range c.members {
			m.progress.Status = request.Done
			m.progress.Message = c.remark(m)
			if err == nil {
				rest[k] = m.chunks.finish(&m.progress)
			}
			if err != nil {
				m.progress.Status, m.progress.Message = request.Failed, err.Error()
			}
		}
		for k, m := range c.members {
			if ctx.Err() == nil && !lost(err) {
				err = errors.Join(err, r.save(ctx, m.progress, nil, rest[k]...))
			}
		}
		return err
	})
}

// cycle is the state of one attempt at a group.
type cycle struct {
	*run
	group   []*graph.Node
	inside  map[string]bool
	members []*member
	asked   map[string]map[string]bool // tuples that were queried, by node and match
	round   int
}

type member struct {
	node     *graph.Node
	progress request.Progress
	chunks   *chunks
	fresh    []connector.Row // found in the last round
	dropped  int
}

// remark says how far the circle was followed.
func (c *cycle) remark(m *member) string {
	text := fmt.Sprintf("found in %d rounds, the last without anything new", c.round)
	if d := dropped(m.dropped); d != "" {
		text += "; " + d
	}
	return text
}

func (c *cycle) rounds(ctx context.Context) error {
	for c.round = 1; ; c.round++ {
		if most := or(c.group[0].Rounds, graph.Rounds); c.round > most {
			return fmt.Errorf("%s and what feeds it: new keys still turn up after %d rounds, and a request follows a circle no further; nothing was masked. Leave out the reference that leads on, or give it one direction", c.group[0].Address, most)
		}
		more := false
		next := make([][]connector.Row, len(c.members))
		for k, m := range c.members {
			found, err := c.fresh(ctx, m)
			if err != nil {
				return err
			}
			result, err := c.read(ctx, m.node, found.matches, func(row connector.Row) error {
				added, err := m.chunks.addNew(row)
				if added {
					next[k] = append(next[k], row)
				}
				return err
			})
			if err == nil && c.round == 1 {
				err = c.readStale(ctx, m.chunks)
			}
			if err != nil {
				return located{m.node.Address, err}
			}
			m.dropped += found.dropped + result.Dropped
			more = more || len(next[k]) > 0
		}
		for k, m := range c.members {
			m.fresh = next[k]
		}
		if !more {
			return nil
		}
	}
}

// fresh gives the inputs of a member that were not asked before: in the first
// round what comes from outside, later what the last round found.
func (c *cycle) fresh(ctx context.Context, m *member) (*inputs, error) {
	var found *inputs
	if c.round == 1 {
		var err error
		if found, err = c.gatherFrom(ctx, m.node, func(from string) bool { return !c.inside[from] || c.request.Round > 1 }); err != nil {
			return nil, err
		}
	} else {
		found = c.newInputs(m.node)
		for _, o := range c.members {
			for _, row := range o.fresh {
				found.take(o.node.Address, row)
			}
		}
		found.close()
	}
	for i := range found.matches {
		key := fmt.Sprintf("%s %v", m.node.Address, found.matches[i].Columns)
		asked := c.asked[key]
		if asked == nil {
			asked = map[string]bool{}
			c.asked[key] = asked
		}
		found.matches[i].Tuples = slices.DeleteFunc(found.matches[i].Tuples, func(t connector.Tuple) bool {
			k := tupleKey(t)
			old := asked[k]
			asked[k] = true
			return old
		})
	}
	return found, nil
}
