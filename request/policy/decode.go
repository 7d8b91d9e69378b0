package policy

import (
	"regexp"
	"strings"
	"time"

	"volenti.dev/volenti/config/source"
	"volenti.dev/volenti/datamap/taxonomy"
	"volenti.dev/volenti/datamap/value"
	"volenti.dev/volenti/request/masking"
)

// Decode reads one entry of the list `policy`. It gives what could be read,
// and whether that was everything.
func Decode(n *source.Node, r *source.Report, words *taxonomy.Set) (Policy, bool) {
	before := r.Errors()
	d := decoder{r, words}
	return d.policy(n), r.Errors() == before
}

type decoder struct {
	report *source.Report
	words  *taxonomy.Set
}

// keyForm keeps keys fit for file names and URLs.
var keyForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]*$`)

func (d decoder) policy(n *source.Node) Policy {
	m := n.Mapping("a policy", d.report)
	m.Need("key", "rules")
	p := Policy{Key: d.key(m, "policy"), Name: m.String("name"), Intake: d.intake(m), FourEyes: d.fourEyes(m), Review: m.Bool("review"), At: n.At}
	seen := map[string]source.Position{}
	for _, entry := range m.List("rules") {
		rule := d.rule(entry)
		if before, again := seen[rule.Key]; again && rule.Key != "" {
			d.report.Errorf(rule.At, "rename or remove one of them", "the rule %s is already given at %s", rule.Key, before)
			continue
		}
		seen[rule.Key] = rule.At
		p.Rules = append(p.Rules, rule)
	}
	p.Webhooks = d.hooks(m.Mapping("webhooks"))
	m.Done()
	if rules := m.Node("rules"); rules != nil && rules.Kind == source.List && len(p.Rules) == 0 {
		d.report.Errorf(rules.At, "add a rule", "a policy without rules does nothing")
	}
	d.apart(p)
	return p
}

func (d decoder) fourEyes(m *source.Mapping) *FourEyes {
	inner := m.Mapping("four_eyes")
	if inner == nil {
		return nil
	}
	inner.Need("above_rows")
	rows := inner.Int("above_rows")
	if rows < 0 {
		d.report.Errorf(inner.Where("above_rows"), "use 0 for every erasure, or a number of rows", "above_rows cannot be %d", rows)
	}
	inner.Done()
	return &FourEyes{AboveRows: rows}
}

func (d decoder) key(m *source.Mapping, what string) string {
	key := m.String("key")
	if n := m.Node("key"); n != nil && n.Kind == source.String {
		d.fit(key, m.Where("key"), what)
	}
	return key
}

// fit reports what cannot be a key.
func (d decoder) fit(key string, at source.Position, what string) {
	switch {
	case source.Refused(key):
		d.report.Errorf(at, "use another name", "%s is not allowed as a key", key)
	case !keyForm.MatchString(key):
		d.report.Errorf(at, "use letters, digits and _ . -", "%q cannot be the key of a %s", key, what)
	}
}

// apart checks what the rules of one policy must not have in common: two
// masks for one field, and two consent rules (D4).
func (d decoder) apart(p Policy) {
	if consent := p.Of(Consent); len(consent) > 1 {
		d.report.Errorf(consent[1].At, "put them into policies of their own", "a policy has at most one consent rule, and %s is one already", consent[0].Key)
	}
	type target struct {
		category taxonomy.Category
		rule     Rule
	}
	var before []target
	for _, rule := range p.Of(Erasure) {
		for _, c := range rule.Targets {
			for _, b := range before {
				switch {
				case b.category == c:
					d.report.Errorf(rule.At, "keep it in one rule", "the policy %s masks %s twice, in the rules %s and %s", p.Key, c, b.rule.Key, rule.Key)
				case b.category.Covers(c), c.Covers(b.category):
					d.report.Errorf(rule.At, "keep one of them, or split the wider one into its parts",
						"the policy %s masks both %s and %s, and one contains the other: which mask a field gets would depend on chance", p.Key, b.category, c)
				}
			}
			before = append(before, target{c, rule})
		}
	}
}

func (d decoder) rule(n *source.Node) Rule {
	m := n.Mapping("a rule", d.report)
	m.Need("key", "action")
	rule := Rule{
		Key: d.key(m, "rule"), Name: m.String("name"), Action: d.action(m),
		Masking: masking.Decode(m, "masking", d.report), Storage: m.String("storage"), At: n.At,
	}
	for _, t := range m.Strings("targets") {
		if d.words.Categories.Check(t, d.report) {
			rule.Targets = append(rule.Targets, taxonomy.Category(t.Value))
		}
	}
	for _, entry := range m.List("keep") {
		if k, ok := d.keep(entry); ok {
			rule.Keep = append(rule.Keep, k)
		}
	}
	m.Done()
	d.fitting(m, rule)
	return rule
}

func (d decoder) action(m *source.Mapping) Action {
	action := Action(m.String("action"))
	switch action {
	case Access, Erasure, Consent, "":
		return action
	}
	known := func(yield func(string) bool) {
		_ = yield(string(Access)) && yield(string(Erasure)) && yield(string(Consent))
	}
	d.report.Errorf(m.Where("action"), source.DidYouMean(string(action), known, "use access, erasure or consent"), "unknown action %q", action)
	return ""
}

// fitting checks that a rule has what its action needs and nothing else.
func (d decoder) fitting(m *source.Mapping, rule Rule) {
	if rule.Action == "" {
		return
	}
	foreign := func(key, fix string) {
		if m.Node(key) != nil {
			d.report.Errorf(m.Where(key), fix, "a rule for %s has no %s", rule.Action, key)
		}
	}
	if rule.Action != Consent && (m.Node("targets") == nil || m.Node("targets").Kind == source.List && len(m.List("targets")) == 0) {
		d.report.Errorf(m.Where("targets"), "add targets: [user]", "the rule %s has no targets", rule.Key)
	}
	if rule.Action == Erasure {
		if m.Node("masking") == nil {
			d.report.Errorf(m.At, "add masking: {strategy: "+masking.NullRewrite+"}", "the rule %s does not say how to mask", rule.Key)
		}
		foreign("storage", "remove it, or write it in a rule for access")
		return
	}
	foreign("masking", "remove it, or write it in a rule for erasure")
	foreign("keep", "remove it, or write it in a rule for erasure")
	if rule.Action == Consent {
		foreign("storage", "remove it, or write it in a rule for access")
	}
}

func (d decoder) keep(n *source.Node) (Keep, bool) {
	before := d.report.Errors()
	m := n.Mapping("an entry of keep", d.report)
	m.Need("reason", "ground")
	k := Keep{Address: m.String("address"), Reason: m.String("reason"), Ground: m.String("ground"), Until: d.date(m), At: n.At}
	if n := m.Node("category"); n != nil {
		c := source.Text{Value: m.String("category"), At: n.At}
		if c.Value != "" && d.words.Categories.Check(c, d.report) {
			k.Category = taxonomy.Category(c.Value)
		}
	}
	switch {
	case m == nil:
	case (m.Node("category") == nil) == (m.Node("address") == nil):
		d.report.Errorf(m.At, "write category: ... or address: dataset:collection.field", "an entry of keep names either a category or an address")
	case k.Address != "" && !addressed(k.Address):
		d.report.Errorf(m.Where("address"), "write dataset:collection or dataset:collection.field", "%q is no address", k.Address)
	}
	m.Done()
	return k, d.report.Errors() == before
}

func addressed(address string) bool {
	set, rest, ok := strings.Cut(address, ":")
	return ok && set != "" && rest != "" && !strings.Contains("."+rest+".", "..")
}

func (d decoder) date(m *source.Mapping) value.Date {
	until := m.String("until")
	if until == "" {
		return ""
	}
	if _, err := time.Parse(time.DateOnly, until); err != nil {
		d.report.Errorf(m.Where("until"), "write the last day that it is kept, as 2031-12-31", "%q is no date", until)
		return ""
	}
	return value.Date(until)
}
