package taxonomy

import (
	"maps"
	"regexp"
	"slices"
	"strings"

	"volenti.dev/volenti/config/source"
)

// Decode adds the words of the top-level lists data_category, data_use and
// data_subject; key names the list. A word of the standard set may be given
// again, with a name and description of one's own. Complete must follow when
// all lists are read.
func (s *Set) Decode(key string, n *source.Node, r *source.Report) {
	tree := map[string]*Tree{"data_category": &s.Categories, "data_use": &s.Uses, "data_subject": &s.Subjects}[key]
	for _, entry := range n.List(key, r) {
		m := entry.Mapping("a "+tree.what, r)
		m.Ignore(unused[key]...)
		m.Need("fides_key")
		w := Word{Key: m.String("fides_key"), Name: m.String("name"), Description: m.String("description"), At: m.Where("fides_key")}
		parent := m.String("parent_key")
		m.Done()
		if w.Key != "" && tree.well(w, parent, key != "data_subject", r) {
			tree.words[w.Key] = w
		}
	}
}

// unused are the keys of the fideslang format that are accepted and not read.
var unused = map[string][]string{
	"data_category": common,
	"data_use":      append(slices.Clone(common), "legal_basis", "special_category", "recipients", "legitimate_interest", "legitimate_interest_impact_assessment"),
	"data_subject":  append(slices.Clone(common), "rights", "automated_decisions_or_profiling"),
}

var common = []string{"organization_fides_key", "tags", "is_default", "active", "version_added", "version_deprecated", "replaced_by", "id", "created_at", "updated_at"}

var form = regexp.MustCompile(`^[A-Za-z0-9_<>-]+(\.[A-Za-z0-9_<>-]+)*$`)

// well says whether a word can be taken in.
func (t *Tree) well(w Word, parent string, nested bool, r *source.Report) bool {
	before, known := t.words[w.Key]
	switch {
	case !form.MatchString(w.Key) || !nested && strings.Contains(w.Key, "."):
		r.Errorf(w.At, "use letters, digits, _ and -, and dots between the parts of a tree", "%q cannot be the key of a %s", w.Key, t.what)
	case slices.ContainsFunc(strings.Split(w.Key, "."), source.Refused):
		r.Errorf(w.At, "use another name", "%s is not allowed as a key", w.Key)
	case parent != "" && parent != above(w.Key):
		r.Errorf(w.At, "call it "+parent+"."+last(w.Key)+", or leave parent_key out", "the %s %s does not lie below its parent_key %q", t.what, w.Key, parent)
	case known && before.At.File != "":
		r.Errorf(w.At, "remove one of them", "the %s %s is already given at %s", t.what, w.Key, before.At)
	default:
		return true
	}
	return false
}

// Complete reports the words whose parent does not exist.
func (s *Set) Complete(r *source.Report) {
	for _, t := range []Tree{s.Categories, s.Uses, s.Subjects} {
		for w := range maps.Values(t.words) {
			if parent := above(w.Key); parent != "" && !t.Known(parent) {
				r.Errorf(w.At, source.DidYouMean(parent, t.keys(), "add "+parent+" too"), "the %s %s lies below %s, which does not exist", t.what, w.Key, parent)
			}
		}
	}
}

// above gives the parent of a key, "" at the top.
func above(key string) string { return key[:max(0, strings.LastIndex(key, "."))] }
