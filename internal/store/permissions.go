package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"

	"volenti.dev/volenti/audit"
	"volenti.dev/volenti/consent"
	"volenti.dev/volenti/consent/propagate"
	"volenti.dev/volenti/subject"
)

var _ propagate.TableStore = (*Permissions)(nil)

// Permissions keeps how far permission tables are, which lie in databases of the
// company, and reads what is to be in them.
type Permissions struct{ db *DB }

// Permissions gives access to what is known of permission tables.
func (db *DB) Permissions() *Permissions { return &Permissions{db} }

const selectKept = `SELECT connection, keeper, shape, seq, stamp, judged, walking = 1, walk, stale = 1, walked, wanted, begun, holds = 1, as_of, checked,
	mended, failing, quiet, trouble, fence,
	EXISTS (SELECT 1 FROM permission_links l WHERE l.tenant = p.tenant AND l.connection = p.connection)
	FROM permission_tables p WHERE tenant = $1`

func scanKept(s scanner) (k propagate.Kept, err error) {
	var judged, walked, asOf, checked, quiet int64
	err = s.Scan(&k.Connection, &k.Keeper, &k.Shape, &k.Cursor, &k.Stamp, &judged, &k.Walking, &k.Walk, &k.Stale, &walked, &k.Wanted, &k.Begun, &k.Holds, &asOf, &checked,
		&k.Mended, &k.Failing, &quiet, &k.Trouble, &k.Fence, &k.Linked)
	k.Judged, k.Walked, k.AsOf, k.Checked, k.Quiet = instant(judged), instant(walked), instant(asOf), instant(checked), instant(quiet)
	return k, err
}

// Table implements propagate.TableStore.
func (p *Permissions) Table(ctx context.Context, tenant, connection string) (propagate.Kept, error) {
	return p.table(ctx, p.db.engine, tenant, connection)
}

func (p *Permissions) table(ctx context.Context, q querier, tenant, connection string) (propagate.Kept, error) {
	k, err := scanKept(q.row(ctx, selectKept+` AND connection = $2`, tenant, connection))
	k.Tenant, k.Connection = tenant, connection
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return k, fmt.Errorf("read how far a permission table is: %w", err)
	}
	return k, nil
}

// Tables tells how far all tables of a tenant are, also of connections that are
// gone, by their connections.
func (p *Permissions) Tables(ctx context.Context, tenant string) ([]propagate.Kept, error) {
	all, err := collect(ctx, p.db.engine, func(s scanner) (propagate.Kept, error) {
		k, err := scanKept(s)
		k.Tenant = tenant
		return k, err
	}, selectKept+` ORDER BY connection`, tenant)
	if err != nil {
		return nil, fmt.Errorf("read how far permission tables are: %w", err)
	}
	return all, nil
}

// ClaimTable implements propagate.TableStore. A fence is no smaller than the clock,
// so that it is larger than all before it also where the store was restored from a
// backup.
func (p *Permissions) ClaimTable(ctx context.Context, tenant, connection, owner string, ttl time.Duration) (k propagate.Kept, err error) {
	err = p.db.write(ctx, tenant, func(ctx context.Context, t *tx) error {
		keeper, err := uuid.NewRandomFromReader(t.rand)
		if err != nil {
			return fmt.Errorf("make an id: %w", err)
		}
		if _, err := t.exec(ctx, `
			INSERT INTO permission_tables (tenant, connection, keeper, shape, seq, stamp, judged, walking, walk, stale, walked, wanted, begun, holds, as_of, checked,
				mended, failing, quiet, trouble, lease_owner, lease_until, fence)
			VALUES ($1, $2, $3, '', 0, 0, 0, 0, '', 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, '', '', 0, 0)
			ON CONFLICT DO NOTHING`, tenant, connection, keeper.String()); err != nil {
			return fmt.Errorf("make a permission table known: %w", err)
		}
		claimed, err := t.exec(ctx, `
			UPDATE permission_tables SET lease_owner = $3, lease_until = {now} + $4, fence = CASE WHEN fence < {now} THEN {now} ELSE fence + 1 END
			WHERE tenant = $1 AND connection = $2 AND (lease_owner IN ('', $3) OR lease_until <= {now} OR $5)`,
			tenant, connection, owner, ttl.Microseconds(), p.db.Exclusive())
		if err != nil {
			return fmt.Errorf("claim a permission table: %w", err)
		}
		if claimed == 0 {
			return propagate.ErrFenced
		}
		k, err = p.table(ctx, t, tenant, connection)
		k.Owner = owner
		return err
	})
	return k, err
}

// SaveTable implements propagate.TableStore.
func (p *Permissions) SaveTable(ctx context.Context, k propagate.Kept, ttl time.Duration) error {
	owner := k.Owner
	if ttl == 0 {
		owner = ""
	}
	return p.db.write(ctx, k.Tenant, func(ctx context.Context, t *tx) error {
		saved, err := t.exec(ctx, `
			UPDATE permission_tables SET lease_owner = $5, lease_until = {now} + $6, shape = $7, seq = $8, stamp = $9, judged = $10, walking = $11, walk = $12, stale = $13,
				walked = $14, begun = $15, holds = $16, as_of = $17, checked = $18, mended = $19, failing = $20, quiet = $21, trouble = $22
			WHERE tenant = $1 AND connection = $2 AND lease_owner = $3 AND fence = $4`,
			k.Tenant, k.Connection, k.Owner, k.Fence, owner, ttl.Microseconds(), k.Shape, k.Cursor, k.Stamp, micros(k.Judged), number(k.Walking), k.Walk, number(k.Stale),
			micros(k.Walked), k.Begun, number(k.Holds), micros(k.AsOf), micros(k.Checked), k.Mended, k.Failing, micros(k.Quiet), readable(k.Trouble))
		if err != nil {
			return fmt.Errorf("note how far a permission table is: %w", err)
		}
		if saved == 0 {
			return propagate.ErrFenced
		}
		return nil
	})
}

// Fill lets a permission table be compared with all that stands, now;
// propagate.ErrNotFound when nothing is known of it.
func (p *Permissions) Fill(ctx context.Context, tenant, connection string, entry audit.Entry) error {
	return p.db.write(ctx, tenant, func(ctx context.Context, t *tx) error {
		known, err := t.exec(ctx, `UPDATE permission_tables SET wanted = wanted + 1, quiet = 0 WHERE tenant = $1 AND connection = $2`, tenant, connection)
		if err != nil {
			return fmt.Errorf("fill a permission table again: %w", err)
		}
		if known == 0 {
			return propagate.ErrNotFound
		}
		return t.log(ctx, entry)
	})
}

// Horizon implements propagate.TableStore. The rules are read after the size: what
// they say of later records is said again.
func (p *Permissions) Horizon(ctx context.Context, tenant string) (h propagate.Horizon, err error) {
	var now int64
	if err := p.db.engine.row(ctx, `SELECT size, {now} FROM audit_heads WHERE tenant = $1`, tenant).Scan(&h.Size, &now); err != nil {
		return h, fmt.Errorf("read the end of the ledger: %w", err)
	}
	h.Now = instant(now)
	h.Rules, err = p.db.Consents().Rules(ctx, tenant)
	return h, err
}

// Touched implements propagate.TableStore.
func (p *Permissions) Touched(ctx context.Context, tenant string, from, to int64) ([]consent.SubjectID, error) {
	ids, err := p.db.Consents().touched(ctx, tenant, from, to)
	if err != nil {
		return nil, fmt.Errorf("read whom the ledger tells of: %w", err)
	}
	var all []consent.SubjectID
	for _, text := range ids {
		if id, err := consent.ParseSubjectID(text); err == nil {
			all = append(all, id)
		}
	}
	return all, nil
}

// PeopleBehind implements propagate.TableStore.
func (p *Permissions) PeopleBehind(ctx context.Context, tenant, after string, limit int) ([]consent.SubjectID, error) {
	all, err := collect(ctx, p.db.engine, scanSubject, `SELECT id FROM subjects WHERE tenant = $1 AND id > $2 ORDER BY id LIMIT $3`, tenant, after, limit)
	if err != nil {
		return nil, fmt.Errorf("go through all people: %w", err)
	}
	return all, nil
}

func scanSubject(s scanner) (id consent.SubjectID, err error) {
	var text string
	if err := s.Scan(&text); err != nil {
		return id, err
	}
	return consent.ParseSubjectID(text)
}

// People implements propagate.TableStore. An identity that cannot be opened is
// damaged, or its key: it is left out, and the log names the latest record about whom
// it is.
func (p *Permissions) People(ctx context.Context, tenant string, ids []consent.SubjectID, types []subject.Type) ([]propagate.Person, error) {
	keys, err := p.db.Tenant(ctx, tenant)
	if err != nil {
		return nil, err
	}
	at, all := map[consent.SubjectID]int{}, make([]propagate.Person, len(ids))
	names, owners := make([]string, len(ids)), make([]string, len(ids))
	for i, id := range ids {
		at[id], all[i] = i, propagate.Person{Subject: id, States: map[string]consent.State{}}
		names[i], owners[i] = id.String(), keyOf(id)
	}
	wrapped := map[string][]byte{}
	type sealed struct {
		kind   subject.Type
		digest string
		owner  string
		value  []byte
	}
	var known []sealed
	err = p.db.engine.all(ctx, []statement{
		{`SELECT owner, wrapped FROM keys WHERE tenant = $1 AND owner {in $2}`, []any{tenant, owners}, func(s scanner) error {
			var owner string
			var key []byte
			err := s.Scan(&owner, &key)
			wrapped[strings.TrimPrefix(owner, "subject/")] = key
			return err
		}},
		{`SELECT type, digest, subject, sealed FROM subject_identities WHERE tenant = $1 AND subject {in $2}`, []any{tenant, names}, func(s scanner) error {
			var i sealed
			err := s.Scan(&i.kind, &i.digest, &i.owner, &i.value)
			known = append(known, i)
			return err
		}},
		{selectStates + ` WHERE tenant = $1 AND subject {in $2}`, []any{tenant, names}, func(s scanner) error {
			a, state, err := scanState(s)
			if err == nil {
				all[at[a.subject]].States[a.purpose] = state
			}
			return err
		}},
	})
	if err != nil {
		return nil, fmt.Errorf("read what stands about people: %w", err)
	}
	asked := map[subject.Type]bool{}
	for _, t := range types {
		asked[t] = true
	}
	for _, i := range known {
		key, alive := wrapped[i.owner]
		if !alive || !asked[i.kind] {
			continue
		}
		id, err := consent.ParseSubjectID(i.owner)
		if err != nil {
			return nil, err
		}
		person := &all[at[id]]
		own, err := keys.OpenKey(keyOf(id), key)
		if err != nil {
			p.db.trouble(fmt.Errorf("the key of whom record %d is about cannot be opened, so that no permission table has them: %w", latest(person.States), err))
			continue
		}
		value, err := own.Open(i.value, identityOf(tenant, i.kind, i.digest))
		if err != nil {
			p.db.trouble(fmt.Errorf("an identity of whom record %d is about cannot be opened, so that no permission table has it: %w", latest(person.States), err))
			continue
		}
		person.Identities = append(person.Identities, subject.Identity{Type: i.kind, Value: subject.Conceal(string(value))})
	}
	return all, nil
}

// latest is the newest record about a person that stands.
func latest(states map[string]consent.State) (sequence int64) {
	for _, s := range states {
		sequence = max(sequence, s.Sequence)
	}
	return sequence
}

// links notes whom permission tables are to look at although no record may tell of
// them. A table that is compared with everybody before long needs no note.
func (b *batch) links() []statement {
	var all []statement
	for _, id := range b.linked {
		all = append(all, statement{text: `
			INSERT INTO permission_links (tenant, connection, subject, at) SELECT $1, connection, $2, $3 FROM permission_tables WHERE tenant = $1 AND walked > $4
			ON CONFLICT (tenant, connection, subject) DO UPDATE SET at = excluded.at`,
			args: []any{b.t.tenant, id.String(), micros(b.now), micros(b.now.Add(-longestUncompared))}})
	}
	return all
}

// longestUncompared is more than the hour after which a table that is kept is
// compared.
const longestUncompared = 2 * time.Hour

// Links implements propagate.TableStore.
func (p *Permissions) Links(ctx context.Context, tenant, connection string, limit int) ([]propagate.Link, error) {
	all, err := collect(ctx, p.db.engine, func(s scanner) (l propagate.Link, err error) {
		var text string
		if err := s.Scan(&text, &l.At); err != nil {
			return l, err
		}
		l.Subject, err = consent.ParseSubjectID(text)
		return l, err
	}, `SELECT subject, at FROM permission_links WHERE tenant = $1 AND connection = $2 ORDER BY subject LIMIT $3`, tenant, connection, limit)
	if err != nil {
		return nil, fmt.Errorf("read who is known by one more identity: %w", err)
	}
	return all, nil
}

// Unlink implements propagate.TableStore.
func (p *Permissions) Unlink(ctx context.Context, tenant, connection string, links []propagate.Link) error {
	return p.db.write(ctx, tenant, func(ctx context.Context, t *tx) error {
		var all []statement
		for _, l := range links {
			all = append(all, statement{text: `DELETE FROM permission_links WHERE tenant = $1 AND connection = $2 AND subject = $3 AND at = $4`,
				args: []any{tenant, connection, l.Subject.String(), l.At}})
		}
		if err := t.all(ctx, all); err != nil {
			return fmt.Errorf("note who was looked at: %w", err)
		}
		return nil
	})
}
