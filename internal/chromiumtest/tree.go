package chromiumtest

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/chromedp/cdproto/accessibility"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/dom"
	"github.com/chromedp/chromedp"
)

// Thing is what somebody who does not see the page is told of one thing on it.
type Thing struct {
	Role, Name, Description string
	Focused, Disabled       bool
	// State is "true", "false" or "mixed" for what can be checked or pressed, and
	// "" for all else.
	State string
	// Expanded is "true" or "false" for what opens, and "" for all else.
	Expanded string

	node cdp.BackendNodeID
}

func (t Thing) String() string { return fmt.Sprintf("%s %q", t.Role, t.Name) }

// Tree gives what is on the page for those who do not see it, in the order in
// which it is read: names and roles, also from shadow trees. Frames of other
// sites are not opened.
func (b *Browser) Tree() []Thing {
	b.t.Helper()
	return run(b, "read the accessibility tree", tree)
}

func tree(ctx context.Context, t *chromedp.Target) ([]Thing, error) {
	got, err := cdp.Call(ctx, t, accessibility.GetFullAXTree, accessibility.GetFullAXTreeParams{})
	if err != nil {
		return nil, err
	}
	nodes := map[accessibility.NodeID]*accessibility.Node{}
	for _, n := range got.Nodes {
		nodes[n.NodeID] = n
	}
	var things []Thing
	var walk func(n *accessibility.Node)
	walk = func(n *accessibility.Node) {
		if n == nil {
			return
		}
		if !n.Ignored {
			things = append(things, thing(n))
		}
		for _, child := range n.ChildIDs {
			walk(nodes[child])
		}
	}
	if len(got.Nodes) > 0 {
		walk(got.Nodes[0])
	}
	return things, nil
}

func thing(n *accessibility.Node) Thing {
	t := Thing{Role: said(n.Role), Name: said(n.Name), Description: said(n.Description), node: n.BackendDOMNodeID}
	for _, p := range n.Properties {
		switch value := said(p.Value); p.Name {
		case accessibility.PropertyNameFocused:
			t.Focused = value == "true"
		case accessibility.PropertyNameDisabled:
			t.Disabled = value == "true"
		case accessibility.PropertyNameChecked, accessibility.PropertyNamePressed:
			t.State = value
		case accessibility.PropertyNameExpanded:
			t.Expanded = value
		}
	}
	return t
}

func said(v *accessibility.Value) string {
	if v == nil {
		return ""
	}
	var text string
	if err := json.Unmarshal(v.Value, &text); err != nil {
		return string(v.Value) // it is a number, or true or false
	}
	return text
}

// Find gives the things of a role and a name that are there now.
func (b *Browser) Find(role, name string) []Thing {
	b.t.Helper()
	return slices.DeleteFunc(b.Tree(), func(t Thing) bool { return t.Role != role || t.Name != name })
}

// Sees says whether there is a thing of this role and name.
func (b *Browser) Sees(role, name string) bool {
	b.t.Helper()
	return len(b.Find(role, name)) > 0
}

// AwaitThing waits for the one thing of a role and a name.
func (b *Browser) AwaitThing(role, name string) Thing {
	b.t.Helper()
	var found []Thing
	b.until(fmt.Sprintf("for %s %q", role, name), func(ctx context.Context) bool {
		things, err := chromedp.Run(ctx, tree)
		found = slices.DeleteFunc(things, func(t Thing) bool { return t.Role != role || t.Name != name })
		return err == nil && len(found) > 0
	})
	if len(found) != 1 {
		b.t.Fatalf("there are %d of %s %q", len(found), role, name)
	}
	return found[0]
}

// AwaitGone waits until there is no thing of this role and name.
func (b *Browser) AwaitGone(role, name string) {
	b.t.Helper()
	b.until(fmt.Sprintf("for the end of %s %q", role, name), func(ctx context.Context) bool {
		things, err := chromedp.Run(ctx, tree)
		return err == nil && !slices.ContainsFunc(things, func(t Thing) bool { return t.Role == role && t.Name == name })
	})
}

// Use clicks on the thing of a role and a name, once it is there, with the mouse:
// what lies over it gets the click in its place.
func (b *Browser) Use(role, name string) {
	b.t.Helper()
	b.click(b.AwaitThing(role, name))
}

// Show scrolls to the thing of a role and a name, once it is there.
func (b *Browser) Show(role, name string) {
	b.t.Helper()
	b.middle(b.AwaitThing(role, name))
}

func (b *Browser) click(at Thing) {
	b.t.Helper()
	x, y := b.middle(at)
	b.do("click on "+at.String(), chromedp.MouseClickXY(x, y))
}

// Size gives how wide and high a thing is, in CSS pixels.
func (b *Browser) Size(of Thing) [2]float64 {
	b.t.Helper()
	q := b.quad(of)
	return [2]float64{q[4] - q[0], q[5] - q[1]}
}

// middle scrolls a thing into the window and says where its middle is.
func (b *Browser) middle(at Thing) (x, y float64) {
	b.t.Helper()
	q := b.quad(at)
	return (q[0] + q[4]) / 2, (q[1] + q[5]) / 2
}

func (b *Browser) quad(at Thing) dom.Quad {
	b.t.Helper()
	quads := run(b, "look where "+at.String()+" is", func(ctx context.Context, t *chromedp.Target) ([]dom.Quad, error) {
		if _, err := cdp.Call(ctx, t, dom.ScrollIntoViewIfNeeded, dom.ScrollIntoViewIfNeededParams{BackendNodeID: at.node}); err != nil {
			return nil, err
		}
		got, err := cdp.Call(ctx, t, dom.GetContentQuads, dom.GetContentQuadsParams{BackendNodeID: at.node})
		return got.Quads, err
	})
	if len(quads) == 0 || len(quads[0]) != 8 {
		b.t.Fatalf("%s has no place on the page", at)
	}
	return quads[0]
}

// Focus gives the thing that has the focus.
func (b *Browser) Focus() Thing {
	b.t.Helper()
	var last Thing
	for _, t := range b.Tree() {
		if t.Focused {
			last = t
		}
	}
	return last
}

// TabTo moves the focus on until it is on the thing of this role and name, at
// most so many times round.
func (b *Browser) TabTo(role, name string, most int) {
	b.t.Helper()
	var passed []string
	for range most {
		b.Key(Tab)
		at := b.Focus()
		if at.Role == role && at.Name == name {
			return
		}
		passed = append(passed, at.String())
	}
	b.t.Fatalf("the focus does not come to %s %q; it was on %s", role, name, strings.Join(passed, ", "))
}

// Read gives all that is said on the page, shadow trees included.
func (b *Browser) Read() string {
	b.t.Helper()
	var lines []string
	for _, t := range b.Tree() {
		if t.Role == "StaticText" {
			lines = append(lines, t.Name)
		}
	}
	return strings.Join(lines, "\n")
}
