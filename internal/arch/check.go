package arch

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

// Check tells what in the packages breaks the plan, one line each: the
// sentence, then the package or the chain of imports.
func Check(packages []Package) []string {
	h := house{}
	for _, p := range packages {
		h[p.Path] = p
	}
	var broken []string
	for _, p := range packages {
		for _, b := range bans {
			if chain := h.breaks(b, p.Path); chain != nil {
				broken = append(broken, b.sentence+": "+strings.Join(chain, " -> "))
			}
		}
		if chain := h.clock(p.Path); chain != nil && matches(pure, p.Path) {
			broken = append(broken, pureClock+": "+strings.Join(chain, " -> "))
		}
		broken = append(broken, manners(p)...)
	}
	if chain := h.deepest(); len(chain)-1 > deepest {
		broken = append(broken, fmt.Sprintf("at most %d imports follow one another, here %d: %s",
			deepest, len(chain)-1, strings.Join(chain, " -> ")))
	}
	return broken
}

// manners are the sentences about a package by itself.
func manners(p Package) []string {
	var broken []string
	if !p.Doc {
		broken = append(broken, "every package has a package comment: "+p.Path)
	}
	if p.Inits > 0 {
		broken = append(broken, "no init functions: "+p.Path)
	}
	if p.DotNames > 0 {
		broken = append(broken, "no imports under the name \".\": "+p.Path)
	}
	if slices.Contains(emptyWords, p.Name) || slices.Contains(emptyWords, path.Base(p.Path)) {
		broken = append(broken, "a package is named after what it is about: "+p.Path)
	}
	return broken
}

type house map[string]Package

// breaks gives the shortest chain of imports from a package under the ban to
// what it must not reach, nil when there is none.
func (h house) breaks(b ban, from string) []string {
	if !matches(b.from, from) {
		return nil
	}
	return h.reach(from, func(p string) bool { return p != from && matches(b.to, p) })
}

// clock gives the shortest chain to a call that reads the clock.
func (h house) clock(from string) []string {
	chain := h.reach(from, func(p string) bool { return len(h[p].Clock) > 0 })
	if chain == nil {
		return nil
	}
	return append(chain, h[chain[len(chain)-1]].Clock[0])
}

// reach searches breadth first for a package that is wanted.
func (h house) reach(from string, wanted func(string) bool) []string {
	chains := [][]string{{from}}
	seen := map[string]bool{from: true}
	for len(chains) > 0 {
		chain := chains[0]
		chains = chains[1:]
		last := chain[len(chain)-1]
		if wanted(last) {
			return chain
		}
		for _, next := range h[last].Imports {
			if !seen[next] {
				seen[next] = true
				chains = append(chains, append(slices.Clone(chain), next))
			}
		}
	}
	return nil
}

// deepest gives the longest chain of imports among our packages.
func (h house) deepest() []string {
	known := map[string][]string{}
	var from func(string) []string
	from = func(p string) []string {
		if chain, ok := known[p]; ok {
			return chain
		}
		longest := []string{p}
		for _, next := range h[p].Imports {
			if _, ours := h[next]; !ours {
				continue
			}
			if below := from(next); len(below) >= len(longest) {
				longest = append([]string{p}, below...)
			}
		}
		known[p] = longest
		return longest
	}
	var longest []string
	for p := range h {
		chain := from(p)
		if len(chain) > len(longest) || len(chain) == len(longest) && slices.Compare(chain, longest) < 0 {
			longest = chain
		}
	}
	return longest
}

func matches(patterns []string, p string) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool {
		if parent, ok := strings.CutSuffix(pattern, "/*..."); ok {
			return strings.HasPrefix(p, parent+"/")
		}
		if top, ok := strings.CutSuffix(pattern, "/..."); ok {
			return p == top || strings.HasPrefix(p, top+"/")
		}
		return p == pattern
	})
}
