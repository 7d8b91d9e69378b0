package connector

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"
	"unicode/utf8"

	"volenti.dev/volenti/datamap/catalogue"
	"volenti.dev/volenti/subject"
)

// ErrTaken: another one keeps the permission table since, with a later fence.
var ErrTaken = errors.New("another process keeps the permission table")

// Permitter keeps a table of who allows what, which queries join, and beside it a
// table of one row that says as of when it is right. Every change is one
// transaction, which an older fence than the table has seen cannot commit: what
// comes late changes nothing.
type Permitter interface {
	// Take makes the tables and the columns that are not there, and takes them
	// under the fence; made says that something was missing, so that the table is to
	// be filled. A table of that name that is not the keeper's is refused, and nothing
	// is changed in it.
	Take(ctx context.Context, t PermissionTable) (made bool, err error)
	// Permit makes these rows the only ones of the subjects. It may be called again.
	Permit(ctx context.Context, t PermissionTable, subjects []string, rows []Permission) error
	// Permissions gives the rows of the subjects behind one and up to another, which
	// is one of them; "" for no bound. For a limit other than 0 it gives that many at
	// most.
	Permissions(ctx context.Context, t PermissionTable, after, through string, limit int) ([]Permission, error)
	// Freshen writes down as of when the table is right; without AsOf only when it
	// was worked on.
	Freshen(ctx context.Context, t PermissionTable, f Freshness) error
}

// PermissionTable is a permission table and who keeps it.
type PermissionTable struct {
	Name   catalogue.Name
	Keeper string // a random id; the table tells by it whose it is
	Fence  int64  // larger with each who takes the table
}

// Freshness is what a permission table says of itself.
type Freshness struct {
	Sequence int64     // what was recorded before this one is in it
	AsOf     time.Time // when that was so last; zero for not known
	Checked  time.Time // when it was last worked on
}

// Permission is a row: what somebody who is known by an identity says of a purpose.
type Permission struct {
	Subject  string // a random id of the person, always the same
	Identity subject.Identity
	Purpose  string
	Allowed  bool   // the gate says yes
	Choice   string // the last one
	Since    time.Time
	Sequence int64 // of the record
}

// MaxPermitted is how many letters an identity in a permission table has at most:
// as many as every database takes into a key. A longer one has no row.
const MaxPermitted = 700

// Permittable says that an identity can be in a permission table.
func Permittable(i subject.Identity) bool {
	return utf8.RuneCountInString(i.Value.Reveal()) <= MaxPermitted
}

var permissionTable = regexp.MustCompile(`^(?:([A-Za-z_][A-Za-z0-9_]{0,62})\.)?([A-Za-z_][A-Za-z0-9_]{0,49})$`)

// ParsePermissionTable reads the name of a permission table, with a schema before it
// or without.
func ParsePermissionTable(s string) (catalogue.Name, error) {
	m := permissionTable.FindStringSubmatch(s)
	if m == nil || strings.HasSuffix(s, freshness) {
		return catalogue.Name{}, fmt.Errorf("the name of a permission table has up to 50 letters, digits and underscores, no digit first and not %s at the end, like consent_permissions; a schema may come before it, with a dot", freshness)
	}
	return catalogue.Name{Schema: m[1], Table: m[2]}, nil
}

const freshness = "_freshness"

// FreshnessOf names the table of one row that is beside a permission table.
func FreshnessOf(n catalogue.Name) catalogue.Name {
	n.Table += freshness
	return n
}
