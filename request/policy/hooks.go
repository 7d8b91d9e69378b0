package policy

import (
	"slices"

	"volenti.dev/volenti/config/source"
	"volenti.dev/volenti/subject"
)

// Hooks are the webhooks of a policy, in the order in which they are called.
type Hooks struct {
	Pre  []Hook // before the first database is asked
	Post []Hook // when all is done, and before the person is told
}

// Hook is a program of the company that is called when a request under the
// policy is carried out.
type Hook struct {
	Key        string // of one policy only one hook has it
	Connection string // the key of one that is marked to receive identities
	Direction  Direction
	// Derives are the types of the identities that it may add to the person's.
	Derives []subject.Type
	At      source.Position
}

// Direction says whether what a webhook answers counts.
type Direction string

// The directions.
const (
	OneWay Direction = "one_way" // it is told; when that fails the request goes on
	TwoWay Direction = "two_way" // it may answer, and when it does not the request stops
)

func (d decoder) hooks(m *source.Mapping) (h Hooks) {
	seen := map[string]source.Position{}
	read := func(list string) (hooks []Hook) {
		for _, entry := range m.List(list) {
			hook := d.hook(entry)
			if before, again := seen[hook.Key]; again && hook.Key != "" {
				d.report.Errorf(hook.At, "rename or remove one of them", "the webhook %s is already given at %s", hook.Key, before)
				continue
			}
			seen[hook.Key] = hook.At
			if list == "post" && len(hook.Derives) > 0 {
				d.report.Errorf(hook.At, "move it to pre, or remove derives", "the webhook %s is called when all is done: what it derives would lead to nothing", hook.Key)
			}
			hooks = append(hooks, hook)
		}
		return hooks
	}
	h.Pre, h.Post = read("pre"), read("post")
	m.Done()
	return h
}

func (d decoder) hook(n *source.Node) Hook {
	m := n.Mapping("a webhook", d.report)
	m.Need("key", "connection")
	h := Hook{Key: d.key(m, "webhook"), Connection: m.String("connection"), Direction: OneWay, At: n.At}
	switch direction := Direction(m.String("direction")); direction {
	case "":
	case OneWay, TwoWay:
		h.Direction = direction
	default:
		d.report.Errorf(m.Where("direction"), "use one_way or two_way", "direction cannot be %q", direction)
	}
	for _, t := range m.Strings("derives") {
		kind, err := subject.ParseType(t.Value)
		if err != nil {
			d.report.Errorf(t.At, "write a type of identity", "the webhook %s cannot derive %q: %s", h.Key, t.Value, err)
			continue
		}
		h.Derives = append(h.Derives, kind)
	}
	if h.Direction == OneWay && len(h.Derives) > 0 {
		d.report.Errorf(m.Where("derives"), "add direction: two_way", "the webhook %s is one_way: nobody reads what it derives", h.Key)
	}
	m.Done()
	return h
}

// Derived lists the types of identities that webhooks may add, each once.
func (p Policy) Derived() []subject.Type {
	var types []subject.Type
	for _, h := range p.Webhooks.Pre {
		types = append(types, h.Derives...)
	}
	slices.Sort(types)
	return slices.Compact(types)
}
