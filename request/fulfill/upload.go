package fulfill

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"volenti.dev/volenti/connector"
	"volenti.dev/volenti/request/delivery"
	"volenti.dev/volenti/request/graph"
)

// Writer is where a package is written to.
type Writer = io.Writer

// returns says whether the policy gives anything to the data subject.
func (r *run) returns() bool {
	return returnsInput(r.plan) || slices.ContainsFunc(r.plan.Nodes, func(n graph.Node) bool { return len(n.Returned) > 0 })
}

// upload writes what each access rule gives: access.json for programs,
// package.zip for the person; in a folder per rule when there are several.
func (r *run) upload(ctx context.Context) error {
	if err := r.pack(ctx, &omissions{}); err != nil {
		return err
	}
	if err := r.keepAddress(ctx); err != nil {
		return fmt.Errorf("keep the address for links: %w", err)
	}
	return r.work.Audit(ctx, r.lease, r.entry("request.package", map[string]any{"rules": rulesOf(r.plan)}))
}

// pack writes the packages without what is left out.
func (r *run) pack(ctx context.Context, out *omissions) error {
	rules := rulesOf(r.plan)
	agreed, err := r.agreed(ctx)
	if err != nil {
		return fmt.Errorf("gather what the person agreed to: %w", err)
	}
	for _, rule := range rules {
		folder := ""
		if len(rules) > 1 {
			folder = rule + "/"
		}
		entered, files, err := r.entered(ctx, rule, out)
		if err != nil {
			return err
		}
		p := delivery.Package{Controller: r.Controller, RequestID: r.lease.Request, Language: r.request.Language, Created: r.Now().UTC(), Collections: append(r.collections(ctx, rule, out), entered...), Kept: r.kept(), LeftOut: out.told(), Files: files, Agreed: agreed}
		err = r.Output.Put(ctx, folder+"access.json", func(data Writer) error {
			err := r.Output.Put(ctx, folder+"package.zip", func(w Writer) error {
				if err := delivery.WritePackage(w, p, data); err != nil {
					return err
				}
				return out.check(rule)
			})
			crash("upload.half")
			return err
		})
		if err != nil {
			return fmt.Errorf("write access.json and package.zip: %w", err)
		}
	}
	return nil
}

func rulesOf(plan *graph.Plan) []string {
	var rules []string
	for _, n := range plan.Nodes {
		for rule := range n.Returned {
			rules = append(rules, rule)
		}
	}
	for _, a := range plan.Asks {
		for rule := range a.Returned {
			rules = append(rules, rule)
		}
	}
	slices.Sort(rules)
	return slices.Compact(rules)
}

// collections gives what a rule returns and is not left out, streamed from the store.
func (r *run) collections(ctx context.Context, rule string, out *omissions) []delivery.Collection {
	var all []delivery.Collection
	for i := range r.plan.Nodes {
		n := &r.plan.Nodes[i]
		paths := n.Returned[rule]
		if len(paths) == 0 || r.found(n.Address) == 0 {
			continue
		}
		all = append(all, delivery.Collection{
			Address: n.Address,
			Fields:  columns(paths),
			Rows: func(yield func(map[string]any) error) error {
				selected, less := graph.Selector(paths), out.less(n)
				return r.latest(ctx, n, func(row connector.Row, keep graph.Keep) error {
					own := keep.Own(row)
					given := selected(own)
					if given == nil {
						return nil // nothing left of the row (D20)
					}
					if less == nil {
						return yield(given)
					}
					given, err := less(own, given)
					if err != nil {
						return err
					}
					return yield(given)
				})
			},
		})
	}
	return all
}

// columns lists the columns that paths begin in, each once.
func columns(paths []string) []string {
	var tops []string
	for _, path := range paths {
		top, _, _ := strings.Cut(path, ".")
		tops = append(tops, top)
	}
	return slices.Compact(slices.Sorted(slices.Values(tops)))
}

// kept tells the person what stays, and why: once for each reason.
func (r *run) kept() []delivery.Kept {
	var kept []delivery.Kept
	for _, n := range r.plan.Nodes {
		at := map[string]int{} // by reason, within the collection
		_, collection, _ := strings.Cut(n.Address, ":")
		for _, k := range n.Kept {
			if k.Ground == "" || r.found(n.Address) == 0 {
				continue
			}
			if i, ok := at[k.Reason]; ok {
				kept[i].What += ", " + words(k.Field)
				continue
			}
			at[k.Reason] = len(kept)
			kept = append(kept, delivery.Kept{What: words(collection) + ": " + words(k.Field), Reason: k.Reason, Ground: k.Ground, Until: k.Until})
		}
	}
	return kept
}

// words writes a name of a database as one would say it.
func words(name string) string {
	return strings.ReplaceAll(strings.ReplaceAll(name, "_", " "), ".", " ")
}
