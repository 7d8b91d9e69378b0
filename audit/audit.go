// Package audit is the log of every act: who did what to which object, when.
// Entries are the leaves of one Merkle tree per tenant, appended in the same
// commit as what they record, so that neither exists without the other.
//
// A leaf holds nothing personal. What is personal about an act (the name of
// an operator, the digest of an identity) stands in its details, to which the
// leaf commits by a salted hash: details can be erased, and every proof still
// verifies.
package audit

import "time"

// Entry is one act, before it is logged. It carries nothing personal outside
// Details.
type Entry struct {
	Act    string // "request.approve": noun.verb
	Object string // "request/0198c0de-...": what it was done to
	// Details tell the rest as a JSON object; they are sealed, and erasable.
	Details map[string]any
}

// Record is an entry as logged.
type Record struct {
	Leaf
	Salt    []byte // 32 bytes; nil once erased
	Details []byte // JSON; nil when there were none or once erased
}

// Leaf is what the tree commits to.
type Leaf struct {
	Version    int       `json:"v"` // 1
	Tenant     string    `json:"tenant"`
	Sequence   int64     `json:"seq"` // index in the tree, from 0
	At         time.Time `json:"at"`  // UTC, by the database's clock
	Act        string    `json:"act"`
	Object     string    `json:"object"`
	Commitment string    `json:"commitment"` // hex SHA-256 of salt and details
}
