package propagate

import (
	"context"
	"slices"
	"strings"
	"time"

	"volenti.dev/volenti/connector"
	"volenti.dev/volenti/consent"
	"volenti.dev/volenti/datamap/catalogue"
	"volenti.dev/volenti/datamap/taxonomy"
	"volenti.dev/volenti/subject"
)

// TableStore keeps how far permission tables are, and reads what is to be in them.
type TableStore interface {
	// Table tells how far a table is, of which nothing may be known yet.
	Table(ctx context.Context, tenant, connection string) (Kept, error)
	// ClaimTable takes the right to keep a table for ttl, under a new fence; ErrFenced
	// when another has it.
	ClaimTable(ctx context.Context, tenant, connection, owner string, ttl time.Duration) (Kept, error)
	// SaveTable keeps how far the table is, and the right to it for ttl more, or gives
	// it back when ttl is 0; ErrFenced when another has it.
	SaveTable(ctx context.Context, k Kept, ttl time.Duration) error
	// Horizon tells how long the ledger is, what the rules are, and the time, by the
	// clock of the store. What it does not tell of yet comes at a later sequence.
	Horizon(ctx context.Context, tenant string) (Horizon, error)
	// Touched gives the people whom something was recorded about from a sequence on
	// and before another, or who were erased.
	Touched(ctx context.Context, tenant string, from, to int64) ([]consent.SubjectID, error)
	// Links gives people who are known by one more identity since, of whom no record
	// may tell, and Unlink notes that they were looked at.
	Links(ctx context.Context, tenant, connection string, limit int) ([]Link, error)
	Unlink(ctx context.Context, tenant, connection string, links []Link) error
	// PeopleBehind gives up to limit people behind one, in their order; "" begins.
	PeopleBehind(ctx context.Context, tenant, after string, limit int) ([]consent.SubjectID, error)
	// People gives what stands about people as of now, with their identities of these
	// types. Who was erased has none.
	People(ctx context.Context, tenant string, ids []consent.SubjectID, types []subject.Type) ([]Person, error)
}

// Horizon is how far one can see.
type Horizon struct {
	Size  int64 // of the ledger
	Rules *consent.Rules
	Now   time.Time
}

// Link is a person who became known by an identity.
type Link struct {
	Subject consent.SubjectID
	At      int64 // microseconds since 1970; tells this link from a later one
}

// Person is somebody as a permission table is to show them.
type Person struct {
	Subject    consent.SubjectID
	Identities []subject.Identity
	States     map[string]consent.State // by purpose
}

// Kept is how far a permission table is.
type Kept struct {
	Tenant, Connection string
	Keeper             string // by which the table tells that it is ours
	Owner              string // of the lease
	Fence              int64

	Shape  string // what the table was filled by: another one fills it again
	Cursor int64  // all records before this one are in it

	// All rows were judged by the rules with this stamp and as of this time, or
	// later; while Stale some may not be, until the walk is over.
	Stamp  int64
	Judged time.Time
	Stale  bool

	Walking bool   // all people are gone through
	Walk    string // up to this one
	Walked  time.Time
	Wanted  int64 // walks that were asked for
	Begun   int64 // of those

	Holds   bool // there were rows in it
	AsOf    time.Time
	Checked time.Time
	Mended  int64 // people whose rows somebody else had changed

	Failing int
	Quiet   time.Time // no try is made until then
	Trouble string    // why the last one failed; no value of a person

	Linked bool // there are Links
}

// table is the permission table as its connector knows it.
func (k Kept) table(name catalogue.Name) connector.PermissionTable {
	return connector.PermissionTable{Name: name, Keeper: k.Keeper, Fence: k.Fence}
}

// begin begins to go through all people. Stale: because rows may be wrong.
func (k *Kept) begin(h Horizon, stale bool) {
	k.Walking, k.Walk, k.Stale = true, "", k.Stale || stale
	k.Stamp, k.Judged, k.Begun = h.Rules.Stamp, h.Now, k.Wanted
}

// misjudged says that some rows were judged by other rules than those that hold
// now, or that grants have ended meanwhile without a record that says so.
func (k *Kept) misjudged(h Horizon) bool {
	if k.Stamp != h.Rules.Stamp {
		return true
	}
	for _, eras := range h.Rules.Eras {
		for _, e := range eras {
			if e.BlocksFrom.After(k.Judged) && !e.BlocksFrom.After(h.Now) {
				return true
			}
		}
	}
	return false
}

// Permissions are the rows of a person: for each of their identities, whatever they
// have said about the purposes. Who is not known by one has none. A grant counts for
// as long as the gate says yes.
func (p Person) Permissions(purposes []string, judgements map[string]*consent.Judgement, now time.Time) []connector.Permission {
	var all []connector.Permission
	for _, purpose := range purposes {
		s, said := p.States[purpose]
		if !said {
			continue
		}
		allowed := judgements[purpose].Decide(s.Choice, s.Era, s.Given, now).Allowed
		for _, i := range p.Identities {
			all = append(all, connector.Permission{
				Subject: p.Subject.String(), Identity: i, Purpose: purpose,
				Allowed: allowed, Choice: string(s.Choice), Since: s.Given, Sequence: s.Sequence,
			})
		}
	}
	return all
}

// takes are the purposes of which choices go to the target: the table has rows of no
// others.
func (t Target) takes(rules *consent.Rules) []string {
	var all []string
	for _, p := range rules.Purposes {
		uses := make([]taxonomy.Use, len(p.Uses))
		for i, u := range p.Uses {
			uses[i] = taxonomy.Use(u)
		}
		if status, _ := Route(Change{Purpose: p.Key}, t, uses); status == Pending {
			all = append(all, p.Key)
		}
	}
	return all
}

// shape says what a table is filled by, so that another one is noticed.
func shape(name catalogue.Name, types []subject.Type, purposes []string) string {
	all := []string{name.String()}
	for _, t := range types {
		all = append(all, string(t))
	}
	return strings.Join(all, " ") + "; " + strings.Join(purposes, " ")
}

// differing are the people whose rows are not as they are to be, of those who have
// some or are to have some.
func differing(want, got []connector.Permission) []string {
	rows := map[string][]connector.Permission{}
	for _, r := range got {
		rows[r.Subject] = append(rows[r.Subject], r)
	}
	wanted := map[string][]connector.Permission{}
	for _, r := range want {
		wanted[r.Subject] = append(wanted[r.Subject], r)
	}
	var all []string
	for id, w := range wanted {
		if !sameRows(w, rows[id]) {
			all = append(all, id)
		}
	}
	for id := range rows {
		if wanted[id] == nil {
			all = append(all, id)
		}
	}
	slices.Sort(all)
	return all
}

// sameRows compares rows of one person, of which those of long identities are not
// in a table.
func sameRows(want, got []connector.Permission) bool {
	type row struct {
		kind                subject.Type
		id, purpose, choice string
		allowed             bool
		since, sequence     int64
	}
	key := func(p connector.Permission) row {
		return row{p.Identity.Type, p.Identity.Value.Reveal(), p.Purpose, p.Choice, p.Allowed, p.Since.UnixMicro(), p.Sequence}
	}
	there := map[row]bool{}
	for _, p := range got {
		there[key(p)] = true
	}
	n := 0
	for _, p := range want {
		if !connector.Permittable(p.Identity) {
			continue
		}
		if n++; !there[key(p)] {
			return false
		}
	}
	return n == len(got)
}
