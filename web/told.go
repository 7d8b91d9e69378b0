package web

import (
	"maps"
	"slices"
	"strings"
	"time"

	"volenti.dev/volenti/request"
)

// What the API tells of requests.
type (
	requestPage struct {
		Items []privacyRequest `json:"items"`
		Next  string           `json:"next"`
	}
	privacyRequest struct {
		ID        string         `json:"id"`
		Policy    string         `json:"policy"`
		Status    request.Status `json:"status"`
		PlanHash  string         `json:"plan_hash"`
		Message   string         `json:"message"`
		Created   time.Time      `json:"created"`
		Ended     *time.Time     `json:"ended"`
		Source    string         `json:"source"`
		Place     string         `json:"place"`
		Law       string         `json:"law"`
		Received  *time.Time     `json:"received"`
		Due       *time.Time     `json:"due"`
		Extended  *time.Time     `json:"extended"`
		Overdue   bool           `json:"overdue"`
		Of        string         `json:"of"`
		Report    report         `json:"report"`
		Exchanged *exchanged     `json:"exchanged"`
	}
	report struct {
		Collections []collection `json:"collections"`
		Skipped     []skipped    `json:"skipped"`
		LeftOut     []leftCount  `json:"left_out"`
	}
	// leftCount counts what is left out of the package, of one field.
	leftCount struct {
		Address string `json:"address"`
		Field   string `json:"field"`
		Values  int64  `json:"values"`
		All     bool   `json:"all"`
		Reason  string `json:"reason"`
	}
	collection struct {
		Address     string `json:"address"`
		Action      string `json:"action"`
		Status      string `json:"status"`
		RowsRead    int64  `json:"rows_read"`
		RowsMasked  int64  `json:"rows_masked"`
		RowsAlready int64  `json:"rows_already_masked"`
		RowsFailed  int64  `json:"rows_failed"`
		RowsResidue int64  `json:"rows_residue"`
		Verified    bool   `json:"verified"`
		Message     string `json:"message"`
		Attempts    int    `json:"attempts"`
		Waits       *waits `json:"waits"`
	}
	waits struct {
		Connection string     `json:"connection"`
		Since      *time.Time `json:"since"`
		Until      time.Time  `json:"until"`
		Next       *time.Time `json:"next_asked"`
	}
	skipped struct {
		Address string `json:"address"`
		Reason  string `json:"reason"`
	}
	plan struct {
		Nodes   []node    `json:"nodes"`
		Skipped []skipped `json:"skipped"`
	}
	node struct {
		Address        string              `json:"address"`
		Upstream       []string            `json:"upstream"`
		Inputs         map[string][]string `json:"inputs"`
		Queries        []string            `json:"queries"`
		FieldsReturned []string            `json:"fields_returned"`
		Returned       map[string][]string `json:"returned"`
		FieldsMasked   map[string]string   `json:"fields_masked"`
		Delete         string              `json:"delete"`
		Kept           []unmasked          `json:"kept"`
		Refused        []unmasked          `json:"refused"`
		Blocked        string              `json:"blocked"`
		Notes          []string            `json:"notes"`
	}
	// unmasked is a field that a rule targets and that stays as it is.
	unmasked struct {
		Field  string `json:"field"`
		Reason string `json:"reason"`
		Ground string `json:"ground"`
		Until  string `json:"until"`
	}
	letterList struct {
		Items []letter `json:"items"`
	}
	letter struct {
		Kind     string    `json:"kind"`
		State    string    `json:"state"`
		Attempts int       `json:"attempts"`
		Message  string    `json:"message"`
		Doubtful bool      `json:"possibly_sent_twice"`
		Created  time.Time `json:"created"`
	}
	linkList struct {
		Items []link `json:"items"`
	}
	// link is one of those to a package.
	link struct {
		Rule    string    `json:"rule"`
		Left    int       `json:"left"`
		Expires time.Time `json:"expires"`
	}
	instructionList struct {
		Items []instruction `json:"items"`
	}
	// instruction is what a third party was told to erase.
	instruction struct {
		Dataset  string    `json:"dataset"`
		State    string    `json:"state"`
		Due      time.Time `json:"due"`
		Overdue  bool      `json:"overdue"`
		Answer   string    `json:"answer"`
		Question string    `json:"question"`
	}
	// person is who a request is about, and who asks.
	person struct {
		Identities []identity     `json:"identities"`
		Fields     map[string]any `json:"fields"`
		Agent      *struct {
			Name      string `json:"name"`
			Email     string `json:"email"`
			Authority string `json:"authority"`
		} `json:"agent"`
	}
	logPage struct {
		Items []logLine `json:"items"`
		Next  *int64    `json:"next"`
	}
	logLine struct {
		Sequence   int64      `json:"sequence"`
		At         time.Time  `json:"at"`
		Started    *time.Time `json:"started"`
		Round      int        `json:"round"`
		Address    string     `json:"address"`
		Action     string     `json:"action"`
		Status     string     `json:"status"`
		Attempt    int        `json:"attempt"`
		Message    string     `json:"message"`
		RowsRead   int64      `json:"rows_read"`
		RowsMasked int64      `json:"rows_masked"`
		Calls      []called   `json:"calls"`
	}
	// called is a kind of call to a vendor, and how often there was one.
	called struct {
		Call     string  `json:"call"`
		Status   int     `json:"status"`
		Times    int64   `json:"times"`
		Attempts int     `json:"attempts"`
		Seconds  float64 `json:"seconds"`
		Note     string  `json:"note"`
	}
)

// otherCalls stands for the calls of a line that are not told apart.
const otherCalls = "others"

// Times counts the calls of a line.
func (l logLine) Times() (n int64) {
	for _, c := range l.Calls {
		n += c.Times
	}
	return n
}

// Failed says whether one of the calls of a line did not come to a good end.
func (l logLine) Failed() bool { return slices.ContainsFunc(l.Calls, called.Failed) }

// Others says whether it stands for calls that are not told apart.
func (c called) Others() bool { return c.Call == otherCalls }

// Failed says whether there was no good answer.
func (c called) Failed() bool { return !c.Others() && (c.Status == 0 || c.Status >= 400) }

// Milliseconds all of them took together.
func (c called) Milliseconds() int64 { return int64(c.Seconds * 1000) }

// Erases says whether the plan writes anything.
func (p plan) Erases() bool {
	return slices.ContainsFunc(p.Nodes, func(n node) bool { return n.Delete != "" || len(n.FieldsMasked) > 0 })
}

// Gives says whether the plan hands anything out.
func (p plan) Gives() bool {
	return slices.ContainsFunc(p.Nodes, func(n node) bool { return len(n.FieldsReturned) > 0 })
}

// rules lists the access rules: each has a package.
func (p plan) rules() (rules []string) {
	for _, n := range p.Nodes {
		for rule := range n.Returned {
			if !slices.Contains(rules, rule) {
				rules = append(rules, rule)
			}
		}
	}
	slices.Sort(rules)
	return rules
}

// maskedBy is fields of a collection that are erased in one way.
type maskedBy struct {
	Strategy string
	Fields   []string
}

// Masked puts the fields that are erased in one way together.
func (n node) Masked() (ways []maskedBy) {
	for _, field := range slices.Sorted(maps.Keys(n.FieldsMasked)) {
		how := n.FieldsMasked[field]
		i := slices.IndexFunc(ways, func(w maskedBy) bool { return w.Strategy == how })
		if i < 0 {
			i, ways = len(ways), append(ways, maskedBy{Strategy: how})
		}
		ways[i].Fields = append(ways[i].Fields, field)
	}
	return ways
}

// stays is fields of a collection that stay as they are for one reason: that of the first.
type stays struct {
	unmasked
	Fields []string
}

// Stays puts the fields that stay for one reason together.
func (n node) Stays() (all []stays) {
	for _, u := range slices.Concat(n.Kept, n.Refused) {
		i := slices.IndexFunc(all, func(s stays) bool {
			return s.Reason == u.Reason && s.Ground == u.Ground && s.Until == u.Until
		})
		if i < 0 {
			i, all = len(all), append(all, stays{unmasked: u})
		}
		all[i].Fields = append(all[i].Fields, u.Field)
	}
	return all
}

// Sum counts what the plan does, in collections: looked into, handed out, changed, of
// which whole rows go, and kept in part.
func (p plan) Sum() (s struct{ All, Datasets, Given, Changed, Gone, Kept int64 }) {
	datasets := map[string]bool{}
	add := func(to *int64, is bool) {
		if is {
			*to++
		}
	}
	for _, n := range p.Nodes {
		dataset, _, _ := strings.Cut(n.Address, ":")
		datasets[dataset] = true
		add(&s.All, true)
		add(&s.Given, len(n.FieldsReturned) > 0)
		add(&s.Changed, n.Blocked == "" && n.Delete == "" && len(n.FieldsMasked) > 0)
		add(&s.Gone, n.Blocked == "" && n.Delete != "")
		add(&s.Kept, n.Blocked != "" || len(n.Kept)+len(n.Refused) > 0)
	}
	s.Datasets = int64(len(datasets))
	return s
}

// Writes counts the collections in which the plan writes.
func (p plan) Writes() (n int) {
	for _, c := range p.Nodes {
		if c.Delete != "" || len(c.FieldsMasked) > 0 {
			n++
		}
	}
	return n
}
