package propagate

import (
	"context"
	"errors"
	"fmt"
	"time"

	"volenti.dev/volenti/connector"
	"volenti.dev/volenti/consent"
	"volenti.dev/volenti/datamap/catalogue"
)

// Tables keeps permission tables. It follows the ledger behind a cursor of each
// table: it reads what stands about the people whom something was recorded about,
// writes all their rows, and only then moves the cursor. So a second run is
// harmless and a killed one loses nothing.
//
//	cursor < end of the ledger  -> the people of the next stretch
//	another shape, made anew,
//	other rules, a patience over -> all people, page by page; stale until then
//	an hour since               -> all people, and whose rows differ is counted
//
// What the gate says changes with the rules and with time, too. Who expires gets a
// record of it by the upkeep; all else makes it go through all people.
//
// One process keeps a table at a time, by a lease of the store. One that is slow
// and has lost it is stopped by the fence, in the table itself.
type Tables struct {
	Store TableStore
	// Settle completes the deliveries of changes up to a sequence: they are in the
	// table.
	Settle func(ctx context.Context, tenant string, t Target, through int64) error
	Owner  string

	Lease   time.Duration // 0 for a minute
	Look    time.Duration // how often a table is looked at where nothing happens; 0 for half a minute
	Compare time.Duration // how often all rows are compared; 0 for an hour
	Page    int           // people at once; 0 for 500
	Stretch int64         // of the ledger at once; 0 for 1000
}

func or[T comparable](v, usual T) T {
	if v == *new(T) {
		return usual
	}
	return v
}

func (f *Tables) lease() time.Duration { return or(f.Lease, time.Minute) }

// Follow does what there is to do now about a table. A failure of the database is
// kept with the table, and it is tried again after a pause. The error is about the
// store. The table of a connection that is switched off is left as it is.
func (f *Tables) Follow(ctx context.Context, tenant string, t Target, name catalogue.Name, connect func() (connector.Permitter, func(), error)) error {
	if t.Disabled || t.Off || !t.Write {
		return nil
	}
	k, err := f.Store.Table(ctx, tenant, t.Key)
	if err != nil {
		return err
	}
	h, err := f.Store.Horizon(ctx, tenant)
	if err != nil || !f.due(k, h, t, name) {
		return err
	}
	k, err = f.Store.ClaimTable(ctx, tenant, t.Key, f.Owner, f.lease())
	if errors.Is(err, ErrFenced) {
		return nil
	}
	if err != nil {
		return err
	}
	s := &session{Tables: f, target: t, name: name, Kept: k}
	failed := s.keep(ctx, connect)
	if errors.Is(failed, ErrFenced) {
		return nil // another goes on
	}
	s.note(failed, h.Now)
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), endTime)
	defer cancel()
	if err := f.Store.SaveTable(last, s.Kept, 0); err != nil && !errors.Is(err, ErrFenced) {
		return errors.Join(failed, err)
	}
	if errors.As(failed, new(*connector.Error)) || errors.Is(failed, connector.ErrTaken) {
		return nil // it is kept with the table
	}
	return failed
}

// due says whether there is something to do.
func (f *Tables) due(k Kept, h Horizon, t Target, name catalogue.Name) bool {
	if k.Quiet.After(h.Now) {
		return false
	}
	return k.Cursor < h.Size || k.Linked || k.Walking || h.Now.Sub(k.Checked) >= or(f.Look, 30*time.Second) ||
		k.Shape != shape(name, t.Identities, t.takes(h.Rules)) || f.walks(k, h)
}

// walks says whether all people are to be gone through.
func (f *Tables) walks(k Kept, h Horizon) bool {
	return k.misjudged(h) || k.Wanted > k.Begun || !k.Walking && h.Now.Sub(k.Walked) >= or(f.Compare, time.Hour)
}

// session is the work on one table under one lease.
type session struct {
	*Tables
	Kept
	target Target
	name   catalogue.Name
	to     connector.Permitter
}

// keep follows until there is nothing more to do.
func (s *session) keep(ctx context.Context, connect func() (connector.Permitter, func(), error)) error {
	to, release, err := connect()
	if err != nil {
		return err
	}
	defer release()
	s.to = to
	made, err := to.Take(ctx, s.table(s.name))
	if err != nil {
		return err
	}
	if s.Holds && !made {
		some, err := to.Permissions(ctx, s.table(s.name), "", "", 1)
		if err != nil {
			return err
		}
		made = len(some) == 0 // somebody has emptied it
	}
	for {
		h, err := s.Store.Horizon(ctx, s.Tenant)
		if err != nil {
			return err
		}
		purposes := s.target.takes(h.Rules)
		filled := shape(s.name, s.target.Identities, purposes)
		if stale := made || s.Shape != filled || s.misjudged(h); stale || s.walks(s.Kept, h) {
			s.begin(h, stale)
			s.Shape, made = filled, false
			if err := s.Store.SaveTable(ctx, s.Kept, s.lease()); err != nil {
				return err
			}
		}
		w := writer{s, h, purposes, h.Rules.Judgements()}
		if done, err := w.step(ctx); done || err != nil {
			return err
		}
		if err := s.Store.SaveTable(ctx, s.Kept, s.lease()); err != nil {
			return err
		}
	}
}

// writer writes as of a moment.
type writer struct {
	*session
	horizon    Horizon
	purposes   []string
	judgements map[string]*consent.Judgement
}

// freshen is how often a table that is worked on says so.
const freshen = 5 * time.Second

// step follows the ledger for a stretch and all people for a page, so that neither
// waits for the other, and says as of when the table is right.
func (w writer) step(ctx context.Context) (done bool, err error) {
	done = w.Cursor == w.horizon.Size && !w.Walking
	if w.Cursor < w.horizon.Size {
		if err := w.follow(ctx); err != nil {
			return false, err
		}
	}
	if err := w.links(ctx); err != nil {
		return false, err
	}
	if w.Walking {
		if err := w.page(ctx); err != nil {
			return false, err
		}
	}
	f := connector.Freshness{Checked: w.horizon.Now}
	if w.Cursor == w.horizon.Size && !w.Stale {
		w.AsOf = w.horizon.Now
		f.Sequence, f.AsOf = w.Cursor, w.AsOf
	}
	if !done && w.horizon.Now.Sub(w.Checked) < freshen {
		return false, nil
	}
	w.Checked = w.horizon.Now
	if err := w.to.Freshen(ctx, w.table(w.name), f); err != nil {
		return false, err
	}
	return done, w.settle(ctx)
}

// follow writes the people of the next stretch of the ledger, whose deliveries have
// arrived then.
func (w writer) follow(ctx context.Context) error {
	to := min(w.Cursor+or(w.Stretch, 1000), w.horizon.Size)
	ids, err := w.Store.Touched(ctx, w.Tenant, w.Cursor, to)
	if err != nil {
		return err
	}
	if len(ids) > 0 {
		if err := w.write(ctx, ids); err != nil {
			return err
		}
	}
	w.Cursor = to
	return w.settle(ctx)
}

// links writes people who became known by one more identity.
func (w writer) links(ctx context.Context) error {
	links, err := w.Store.Links(ctx, w.Tenant, w.Connection, or(w.Page, 500))
	if err != nil || len(links) == 0 {
		return err
	}
	ids := make([]consent.SubjectID, len(links))
	for i, l := range links {
		ids[i] = l.Subject
	}
	if err := w.write(ctx, ids); err != nil {
		return err
	}
	return w.Store.Unlink(ctx, w.Tenant, w.Connection, links)
}

func (w writer) settle(ctx context.Context) error {
	return w.Settle(ctx, w.Tenant, w.target, w.Cursor-1)
}

// page compares the rows of the next people with what they are to be. Whom the
// ledger tells of meanwhile is left to follow: they are not as they were written,
// and nobody has changed them.
func (w writer) page(ctx context.Context) error {
	limit := or(w.Page, 500)
	ids, err := w.Store.PeopleBehind(ctx, w.Tenant, w.Walk, limit)
	if err != nil {
		return err
	}
	through := "" // rows that lead to nobody come with the last page
	if len(ids) == limit {
		through = ids[limit-1].String()
	}
	want, err := w.rows(ctx, ids)
	if err != nil {
		return err
	}
	got, err := w.to.Permissions(ctx, w.table(w.name), w.Walk, through, 0)
	if err != nil {
		return err
	}
	differ, err := w.settled(ctx, differing(want, got))
	if err != nil {
		return err
	}
	if len(differ) > 0 {
		if err := w.permit(ctx, differ, of(want, differ)); err != nil {
			return err
		}
	}
	if !w.Stale {
		w.Mended += int64(len(differ))
	}
	if w.Walk = through; through == "" {
		w.Walking, w.Stale, w.Walked = false, false, w.horizon.Now
	}
	return nil
}

// settled leaves out whom the ledger tells of behind the cursor.
func (w writer) settled(ctx context.Context, ids []string) ([]string, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	h, err := w.Store.Horizon(ctx, w.Tenant)
	if err != nil {
		return nil, err
	}
	fresh, err := w.Store.Touched(ctx, w.Tenant, w.Cursor, h.Size)
	if err != nil {
		return nil, err
	}
	later := map[string]bool{}
	for _, id := range fresh {
		later[id.String()] = true
	}
	var all []string
	for _, id := range ids {
		if !later[id] {
			all = append(all, id)
		}
	}
	return all, nil
}

// rows are what is to be in the table about people.
func (w writer) rows(ctx context.Context, ids []consent.SubjectID) ([]connector.Permission, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	people, err := w.Store.People(ctx, w.Tenant, ids, w.target.Identities)
	if err != nil {
		return nil, err
	}
	var all []connector.Permission
	for _, p := range people {
		all = append(all, p.Permissions(w.purposes, w.judgements, w.horizon.Now)...)
	}
	return all, nil
}

// write makes what stands about people all that the table has of them.
func (w writer) write(ctx context.Context, ids []consent.SubjectID) error {
	rows, err := w.rows(ctx, ids)
	if err != nil {
		return err
	}
	return w.permit(ctx, texts(ids), rows)
}

func (w writer) permit(ctx context.Context, subjects []string, rows []connector.Permission) error {
	w.Holds = w.Holds || len(rows) > 0
	return w.to.Permit(ctx, w.table(w.name), subjects, rows)
}

// of gives the rows of some people.
func of(rows []connector.Permission, subjects []string) []connector.Permission {
	asked := map[string]bool{}
	for _, id := range subjects {
		asked[id] = true
	}
	var all []connector.Permission
	for _, r := range rows {
		if asked[r.Subject] {
			all = append(all, r)
		}
	}
	return all
}

func texts(ids []consent.SubjectID) []string {
	all := make([]string, len(ids))
	for i, id := range ids {
		all[i] = id.String()
	}
	return all
}

// The pauses after failures.
const (
	firstPause   = time.Second
	longestPause = 5 * time.Minute
)

// note keeps how a try went.
func (s *session) note(failed error, now time.Time) {
	switch {
	case failed == nil:
		s.Failing, s.Quiet, s.Trouble = 0, time.Time{}, ""
	case errors.Is(failed, context.Canceled):
	default:
		pause := longestPause
		if s.Failing < 9 {
			pause = min(firstPause<<s.Failing, longestPause)
		}
		s.Failing++
		s.Quiet = now.Add(pause)
		s.Trouble = trouble(failed)
	}
}

// trouble is what may be shown of a failure.
func trouble(err error) string {
	var e *connector.Error
	switch {
	case errors.As(err, &e):
		return e.Error()
	case errors.Is(err, connector.ErrTaken):
		return fmt.Sprintf("%v, with the same name: is there another installation that keeps it, or was the store restored from a backup?", connector.ErrTaken)
	default:
		return "the store or the connection could not be used; the log says more"
	}
}
