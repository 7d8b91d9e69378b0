package connector

import (
	"time"

	"volenti.dev/volenti/datamap/catalogue"
)

// Instance stands in a description for the key of the dataset that belongs to a
// connection.
const Instance = "<instance_fides_key>"

// InputsColumn is what such a system calls catalogue.Asked.Column.
const InputsColumn = "_inputs"

// Endpoint is a collection of a system that is asked for rows, as the description
// of its kind has it. Its table is catalogue.Table.Asked.
type Endpoint struct {
	Name   string
	Inputs []Input
	// Ways are the inputs that one question takes, by name: all of those that refer
	// to fields, and where there are identities, one of these that is known.
	Ways       [][]string
	After      []string // dataset.collection: what is read before
	EraseAfter []string // dataset.collection
	Skip       bool     // it is kept out of requests
	Masks      catalogue.Masks
}

// Input is something that an endpoint is asked by, or that its masks need.
type Input struct {
	Name       string
	Identity   string      // the type of identity that it is, or
	References []Reference // the fields that it comes from
	// Grouped inputs of an endpoint come from one row together.
	Grouped bool
}

// Bounds are where the connections of a kind call, and how often.
type Bounds struct {
	// Hosts may be patterns, with * for any letters; a secret that is a host itself, and
	// may be any, stands in brackets: <domain>.
	Hosts []string
	Rates []Rate
}

// Rate is how many calls there may be in a time, of all or of those that count together.
type Rate struct {
	Calls    int64
	Period   time.Duration
	Together string // what those have in common; "" for all calls of a connection
}

// Reference is a field of a collection of any dataset.
type Reference struct{ Dataset, Collection, Field string }
