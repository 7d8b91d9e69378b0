// Package inventory is the list of systems that a company has, of the
// connections by which they are reached, of the links between the two, and of what
// was made of them, and of datasets, elsewhere than in a configuration directory.
//
//	System  <-- Link --  Connection     a connection has one link at most
//
// A link names its system by the key. The system may be gone, or not be there
// yet: such a link dangles, and is shown without a name.
//
// What was applied from a configuration directory is managed: it is changed
// there and nowhere else.
package inventory

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"volenti.dev/volenti/datamap/taxonomy"
)

// MaxLinks is how many systems a connection may belong to.
const MaxLinks = 1

// Sentinels that callers test for.
var (
	// ErrNoSystem, ErrNoConnection, ErrNoLink, ErrNoDataset: the tenant has none like
	// this.
	ErrNoSystem     = errors.New("there is no such system")
	ErrNoConnection = errors.New("there is no such connection")
	ErrNoLink       = errors.New("the connection does not belong to this system")
	ErrNoDataset    = errors.New("there is no such dataset")
	// ErrTaken: there is a system, a connection or a dataset with this key.
	ErrTaken = errors.New("the key is taken")
	// ErrManaged: it comes from a configuration directory.
	ErrManaged = errors.New("it comes from a configuration directory")
	// ErrChanged: the inventory has changed since it was read.
	ErrChanged = errors.New("the inventory has changed since it was read")
)

// System is a system of the company.
type System struct {
	Key         string
	Name        string
	Description string
	Uses        []taxonomy.Use // what it uses data for
	Managed     bool
	Created     time.Time
	Connections []Connection // without their links, in the order of their creation
}

// Connection is a way to a system.
type Connection struct {
	Key, Name string
	Type      string // of a connector.Spec
	Managed   bool
	Created   time.Time
	Links     []Link
}

// Link says which system a connection belongs to.
type Link struct {
	System  string    `json:"system_key"`
	Name    *string   `json:"system_name" doc:"null: there is no such system"`
	Created time.Time `json:"created_at"`
}

// NewLink makes a link of what a join of links and systems gives: name is nil
// where there is no such system.
func NewLink(system string, name *string, created time.Time) Link {
	return Link{System: system, Name: name, Created: created.UTC()}
}

// TooMany says that a connection cannot belong to so many systems.
type TooMany struct{ Connection string }

// Error names the limit and the connection.
func (e *TooMany) Error() string {
	return fmt.Sprintf("the connection %s can belong to %d system at most", e.Connection, MaxLinks)
}

// Invalid is all that is wrong with what was to be kept.
type Invalid struct {
	Problems []string
	// Places are where the problems are in what was said, as "secrets.url": one for
	// each of the first, and "" for what is not there.
	Places []string
}

// Place gives where a problem is; "" where that is not known.
func (e *Invalid) Place(problem int) string {
	if problem < len(e.Places) {
		return e.Places[problem]
	}
	return ""
}

// Error joins the problems.
func (e *Invalid) Error() string { return strings.Join(e.Problems, "; ") }

// What can be Made: a connection, or a dataset.
const (
	OfConnection = "connection"
	OfDataset    = "dataset"
)

// Made is a connection or a dataset that was not applied from a directory: what it
// says, as YAML, which holds the secrets of a connection.
type Made struct {
	What string // OfConnection or OfDataset
	Key  string
	Of   string // of a dataset: the key of the connection that serves it
	Text []byte
}

// Place names what was made. No file of a directory is called so.
func (m Made) Place() string { return m.What + "/" + m.Key }

// Format shows what it is and its key under every verb and flag.
func (m Made) Format(s fmt.State, _ rune) { fmt.Fprint(s, m.Place()) }

// Declared is what a configuration directory says: systems, connections with the key
// of their system, if any, and the keys of datasets.
type Declared struct {
	Systems     []System
	Connections []Connection
	Links       map[string]string // connection -> system
	Datasets    []string
}

// Clash is what a directory names and somebody has made elsewhere.
type Clash struct {
	What string // system, connection, link or dataset
	Key  string // of a link, its connection's
}

// Error says where the two meet, and the mend.
func (e *Clash) Error() string {
	if e.What == "link" {
		return fmt.Sprintf("the connection %s was linked over HTTP: remove that link, or the system here", e.Key)
	}
	return fmt.Sprintf("a %s with the key %s was made over HTTP: remove it there, or rename the one in the directory", e.What, e.Key)
}
