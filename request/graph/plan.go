package graph

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"

	"volenti.dev/volenti/datamap/catalogue"
	"volenti.dev/volenti/datamap/dataset"
	"volenti.dev/volenti/datamap/value"
	"volenti.dev/volenti/request/masking"
	"volenti.dev/volenti/request/policy"
	"volenti.dev/volenti/request/task"
	"volenti.dev/volenti/subject"
)

// Plan is what a request will do, and all that it will do. It holds no
// personal value and, but for Rows, nothing that depends on data: the same
// configuration, catalogue, policy and identity types give the same plan,
// byte for byte.
type Plan struct {
	// Hash is the SHA-256, in hex, of the plan without the hash and the row
	// counts: a line of JSON for all but the nodes, and one for each of them. An
	// approval is bound to it.
	Hash       string         `json:"hash"`
	Policy     string         `json:"policy"`
	Review     bool           `json:"review,omitempty"` // an operator looks at what was done before the person is told
	Identities []subject.Type `json:"identities"`
	// Derived are types of identities that webhooks may add. They lead to data
	// as those above do, and nothing is ever sent to them (SE1).
	Derived []subject.Type `json:"derived,omitempty"`
	// Webhooks are called, in this order, before anything is read (Pre) and when
	// all is done (Post).
	Webhooks *Webhooks `json:"webhooks,omitempty"`
	// Consent names the rule by which all that the person agreed to is withdrawn.
	Consent string `json:"consent,omitempty"`
	// Configuration and Catalogue are digests of what the plan was made from;
	// Catalogue covers its Tables.
	Configuration string    `json:"configuration"`
	Catalogue     string    `json:"catalogue"`
	Nodes         []Node    `json:"nodes"` // in an order in which they can be read
	Skipped       []Skipped `json:"skipped"`
	// Asks are what people are asked before anything is read.
	Asks []task.Ask `json:"asks,omitempty"`
}

// Webhooks are what the plan calls.
type Webhooks struct {
	Pre  []Webhook `json:"pre"`
	Post []Webhook `json:"post"`
}

// Webhook is a program that is called once.
type Webhook struct {
	Key        string           `json:"key"`
	Connection string           `json:"connection"`
	Direction  policy.Direction `json:"direction"`
	Derives    []subject.Type   `json:"derives,omitempty"` // what it may add
}

// Node is one collection of the plan.
type Node struct {
	Address    string         `json:"address"` // "dataset:collection"
	Connection string         `json:"connection"`
	Table      catalogue.Name `json:"table"`
	// Instructed: it is never asked. Whoever has its rows is told which to find,
	// by the inputs, and what to mask of them.
	Instructed bool `json:"instructed,omitempty"`
	// Upstream lists what must have been read before: what feeds this
	// collection, and what its description puts before it.
	Upstream []string `json:"upstream"`
	// Inputs tells, for each field that rows are found by, where its values
	// come from: "identity:TYPE" or "dataset:collection.field".
	Inputs map[string][]string `json:"inputs"`
	// Matches are the same inputs as they are queried: one is enough for a row
	// to belong to the data subject.
	Matches []Match `json:"matches"`
	// Cycle names the group of collections that feed each other in a circle;
	// it is read in rounds until no new key turns up.
	Cycle string `json:"cycle,omitempty"`
	// Rounds is how often a cycle is asked at most; when new keys turn up after
	// that, the request fails before anything is written.
	Rounds  int      `json:"rounds,omitempty"`
	Columns []string `json:"columns"` // what is read
	Queries []string `json:"queries"` // with placeholders, shown for one value each
	// WholeArrays belong to whoever the row belongs to; of other arrays that
	// rows are found by, only the elements that match do.
	WholeArrays []string `json:"whole_arrays,omitempty"`
	// Partitions split the collection: each query runs once for each.
	Partitions []dataset.Partition `json:"partitions,omitempty"`

	FieldsReturned []string            `json:"fields_returned"`
	Returned       map[string][]string `json:"returned,omitempty"` // by access rule
	FieldsMasked   map[string]string   `json:"fields_masked"`      // field -> strategy

	Masks []Mask `json:"masks,omitempty"`
	// Written are the columns that are written with the masks, where a row is only
	// written whole.
	Written []string `json:"written,omitempty"`
	// Unwritten are the fields within Written that are read only: they are left out
	// of it.
	Unwritten []string `json:"unwritten,omitempty"`
	// Delete names the rule whose strategy removes the rows of this collection.
	Delete     string   `json:"delete,omitempty"`
	KeyColumns []string `json:"key_columns,omitempty"` // what a row is addressed by when it is written
	// Keyed: no two rows have the same values in KeyColumns. Otherwise rows
	// that are alike in them are all the person's, since that is what they were
	// found by.
	Keyed      bool     `json:"keyed,omitempty"`
	EraseAfter []string `json:"erase_after,omitempty"` // what must have been erased before
	// Nulled columns lie on a circle of foreign keys: they are set to null in
	// the rows to be deleted, before rows of the circle are deleted.
	Nulled []string `json:"nulled,omitempty"`
	// AfterNulls names the nodes whose Nulled columns must be null before rows
	// of this one are deleted.
	AfterNulls []string `json:"after_nulls,omitempty"`
	// Cascades is what the database does by itself when rows are deleted.
	Cascades []Cascade `json:"cascades,omitempty"`
	// Follows names the node whose rows are removed, and are to take those of this
	// one along: nothing else would erase them. It is asked whether they are gone.
	Follows string `json:"follows,omitempty"`
	// Unverified says why it cannot be asked whether what was erased is: a request
	// that erases something of it cannot end as plain complete.
	Unverified string `json:"unverified,omitempty"`
	// Kept is targeted and stays, for a reason that the data subject is told.
	Kept []Kept `json:"kept,omitempty"`
	// Refused is targeted and cannot be masked: the request cannot end as
	// plain complete.
	Refused []Refused `json:"refused,omitempty"`
	// Blocked says why nothing of this collection can be written at all.
	Blocked string   `json:"blocked,omitempty"`
	Notes   []string `json:"notes,omitempty"`

	Rows *int64 `json:"rows,omitempty"` // on request only, never part of the hash
}

// Rounds bounds a cycle; a chain of managers is rarely deeper than 12.
const Rounds = 100

// Match is one way to find rows: the fields together equal what From gives.
type Match struct {
	From   string       `json:"from"`   // "identity:TYPE" or "dataset:collection"
	Source []string     `json:"source"` // paths in From; empty for an identity
	Fields []string     `json:"fields"` // paths in this collection, as long as Source
	Types  []value.Type `json:"types"`  // what the values are cast to, as long as Fields
}

// Mask is one field and how it is masked.
type Mask struct {
	Field  string       `json:"field"`
	Rule   string       `json:"rule"`
	Spec   masking.Spec `json:"spec"`
	Column string       `json:"column"` // the top-level column that is written
	// Type, Length and the rest of what the catalogue says of the column stand
	// in the live table.
	Type   value.Type `json:"type"`
	Length int        `json:"length,omitempty"`
}

// Cascade is what the database does to the rows of From whose Columns equal To
// in a row that is deleted. All such rows must be the person's own, which is
// asked before anything is written.
type Cascade struct {
	From    string   `json:"from"` // a node whose rows are deleted as well
	Columns []string `json:"columns"`
	To      []string `json:"to"`
	Action  string   `json:"action"` // "cascade", "set null" or "set default"
}

// Kept is a field that a rule targets and that stays.
type Kept struct {
	Field  string     `json:"field"`
	Rule   string     `json:"rule"`
	Reason string     `json:"reason"`
	Ground string     `json:"ground,omitempty"`
	Until  value.Date `json:"until,omitempty"`
}

// Refused is a field that a rule targets and that cannot be masked.
type Refused struct {
	Field  string `json:"field"`
	Rule   string `json:"rule"`
	Reason string `json:"reason"`
}

// Skipped is a collection that the plan leaves out, and why.
type Skipped struct {
	Address string `json:"address"`
	Reason  string `json:"reason"`
}

// Node finds a node by its address, nil when there is none.
func (p *Plan) Node(address string) *Node {
	for i := range p.Nodes {
		if p.Nodes[i].Address == address {
			return &p.Nodes[i]
		}
	}
	return nil
}

// Ask finds what the colleagues of a connection are asked, nil when nothing is.
func (p *Plan) Ask(connection string) *task.Ask {
	for i := range p.Asks {
		if p.Asks[i].Connection == connection {
			return &p.Asks[i]
		}
	}
	return nil
}

// Erases says whether the node writes anything.
func (n *Node) Erases() bool { return !n.Instructed && n.touches() }

// Instructs says whether somebody is told to erase something of the node.
func (n *Node) Instructs() bool { return n.Instructed && n.touches() }

func (n *Node) touches() bool { return n.Blocked == "" && (len(n.Masks) > 0 || n.Delete != "") }

// Targeted says whether an erasure rule wants anything of the node.
func (n *Node) Targeted() bool {
	return n.touches() || n.Follows != "" || n.Blocked != "" || len(n.Kept) > 0 || len(n.Refused) > 0
}

// digest computes the hash of the plan.
func (p *Plan) digest() (string, error) {
	bare := *p
	bare.Hash, bare.Nodes = "", nil
	return hashLines(1+len(p.Nodes), func(i int) any {
		if i == 0 {
			return &bare
		}
		n := p.Nodes[i-1]
		n.Rows = nil
		return &n
	})
}

// Verify says whether a plan that was stored still has its own hash.
func (p *Plan) Verify() error {
	h, err := p.digest()
	if err != nil {
		return err
	}
	if h != p.Hash {
		return fmt.Errorf("the stored plan does not have its hash %.12s: it was changed", p.Hash)
	}
	return nil
}

// Digest of the tables, in the order given. Tables that the plan does not
// use do not count: a new table elsewhere leaves an approval as it is.
func Digest(tables []*catalogue.Table) (string, error) {
	return hashLines(len(tables), func(i int) any { return tables[i] }) // nil counts as null
}

// linesAtOnce are encoded by one goroutine: a tenth of a millisecond or more.
const linesAtOnce = 64

// hashLines is the SHA-256, in hex, of n values as lines of JSON. They are
// encoded in parallel: that is a third of the time that a plan takes.
func hashLines(n int, value func(i int) any) (string, error) {
	texts := make([]bytes.Buffer, (n+linesAtOnce-1)/linesAtOnce)
	failed := make([]error, len(texts))
	var encoders sync.WaitGroup
	var next atomic.Int64
	for range min(len(texts), runtime.GOMAXPROCS(0)) {
		encoders.Go(func() {
			for part := int(next.Add(1)) - 1; part < len(texts); part = int(next.Add(1)) - 1 {
				lines := json.NewEncoder(&texts[part])
				for i := part * linesAtOnce; i < min(n, (part+1)*linesAtOnce) && failed[part] == nil; i++ {
					failed[part] = lines.Encode(value(i))
				}
			}
		})
	}
	encoders.Wait()
	sum := sha256.New()
	for i := range texts {
		if failed[i] != nil {
			return "", failed[i]
		}
		sum.Write(texts[i].Bytes())
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}
