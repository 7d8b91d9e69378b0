package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"volenti.dev/volenti/consent"
)

// How many people are queued in a commit: few where choices are made
// meanwhile, which on a file wait for it, many otherwise.
const (
	fewQueued  = 100
	mostQueued = 3200
)

// QueueAll queues all who are to be asked again, and gives how many grants
// that are. It gives way to choices: where some are made, it writes less at
// once and rests as long as it took. When it is stopped the next call goes on.
func (c *Consents) QueueAll(ctx context.Context, tenant string) (queued int64, err error) {
	people, end := fewQueued, int64(-1)
	for {
		began := time.Now()
		q, err := c.queue(ctx, tenant, people)
		if queued += q.grants; q.done || err != nil {
			return queued, err
		}
		if q.end == end {
			people = min(2*people, mostQueued)
			continue
		}
		people, end = fewQueued, q.end
		select {
		case <-ctx.Done():
			return queued, ctx.Err()
		case <-time.After(time.Since(began)):
		}
	}
}

// Queue goes on to write down whom each material version found due, for up to
// limit subjects of one version, and gives how many grants it queued and
// whether all are. It goes on where it stopped, and may be called again at any
// time: nobody is queued twice for a version. Whether somebody is due does not
// depend on it, nor does Due.
func (c *Consents) Queue(ctx context.Context, tenant string, limit int) (queued int64, done bool, err error) {
	q, err := c.queue(ctx, tenant, limit)
	return q.grants, q.done, err
}

// queued is what came of one commit.
type queued struct {
	grants int64
	done   bool
	end    int64 // of the ledger, which others move
}

func (c *Consents) queue(ctx context.Context, tenant string, limit int) (q queued, err error) {
	err = c.db.write(ctx, tenant, func(ctx context.Context, t *tx) error {
		rules, err := c.rulesIn(ctx, t, tenant)
		if err != nil {
			return err
		}
		version, from, err := t.unqueued(ctx, rules)
		if q = (queued{done: version == ""}); q.done || err != nil {
			return err
		}
		if err := t.row(ctx, `SELECT size FROM audit_heads WHERE tenant = $1`, tenant).Scan(&q.end); err != nil {
			return err
		}
		q.grants, err = t.queue(ctx, version, rules.Begins(version), from, limit)
		return err
	})
	if err != nil {
		return queued{}, fmt.Errorf("queue who is to be asked again: %w", err)
	}
	return q, nil
}

// unqueued gives the first version whose queue is not whole, and the last
// subject that is in it; "" when there is none.
func (t *tx) unqueued(ctx context.Context, rules *consent.Rules) (version, from string, err error) {
	whole, last := map[string]bool{}, map[string]string{}
	err = t.each(ctx, func(s scanner) error {
		var walk, subject string
		var done bool
		err := s.Scan(&walk, &subject, &done)
		whole[walk], last[walk] = done, subject
		return err
	}, `SELECT walk, subject, done = 1 FROM consent_walks WHERE tenant = $1`, t.tenant)
	for _, v := range rules.Versions {
		if v.Material && !whole[queueOf(v.Version)] {
			return v.Version, last[queueOf(v.Version)], err
		}
	}
	return "", "", err
}

func (t *tx) queue(ctx context.Context, version string, begun map[string]int, from string, limit int) (grants int64, err error) {
	to, done, err := t.slice(ctx, from, limit)
	if err != nil {
		return 0, err
	}
	era, args := eraBegun(begun, t.tenant, from, to, version)
	err = t.each(ctx, func(s scanner) error {
		var purposes string
		err := s.Scan(&purposes)
		grants += int64(strings.Count(purposes, " ") + 1)
		return err
	}, `INSERT INTO consent_queue (tenant, version, subject, purposes)
		SELECT tenant, $4, subject, string_agg(purpose, ' ') FROM consent_state
		WHERE tenant = $1 AND subject > $2 AND subject <= $3 AND choice = 'granted' AND era < `+era+`
		GROUP BY tenant, subject
		ON CONFLICT DO NOTHING RETURNING purposes`, args...)
	if err != nil {
		return 0, err
	}
	return grants, t.walked(ctx, queueOf(version), to, done)
}

func queueOf(version string) string { return "queue/" + version }

// slice gives the end of a slice of up to limit subjects, and whether it is
// the last one.
func (t *tx) slice(ctx context.Context, from string, limit int) (to string, last bool, err error) {
	err = t.row(ctx, `SELECT id FROM subjects WHERE tenant = $1 AND id > $2 ORDER BY id LIMIT 1 OFFSET $3`, t.tenant, from, limit-1).Scan(&to)
	if errors.Is(err, sql.ErrNoRows) {
		return "~", true, nil // behind every UUID
	}
	return to, false, err
}

// walkedTo gives the last subject that a walk has come to.
func (t *tx) walkedTo(ctx context.Context, walk string) (subject string, err error) {
	err = t.row(ctx, `SELECT subject FROM consent_walks WHERE tenant = $1 AND walk = $2`, t.tenant, walk).Scan(&subject)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	return subject, err
}

// walked keeps how far a walk has come.
func (t *tx) walked(ctx context.Context, walk, to string, done bool) error {
	ended := 0
	if done {
		ended = 1
	}
	_, err := t.exec(ctx, `
		INSERT INTO consent_walks (tenant, walk, subject, done) VALUES ($1, $2, $3, $4)
		ON CONFLICT (tenant, walk) DO UPDATE SET subject = excluded.subject, done = excluded.done`, t.tenant, walk, to, ended)
	return err
}

// eraBegun writes an expression for the era of a state's purpose, 0 for the
// purposes that are not among them, and adds what it needs to args.
func eraBegun(eras map[string]int, args ...any) (string, []any) {
	expression := "CASE purpose"
	for _, purpose := range slices.Sorted(maps.Keys(eras)) {
		args = append(args, purpose)
		expression += fmt.Sprintf(" WHEN $%d THEN %d", len(args), eras[purpose])
	}
	return expression + " ELSE 0 END", args
}

// Asked tells how many people a version has queued, and how many of them have
// not answered.
func (c *Consents) Asked(ctx context.Context, tenant, version string) (people, open int64, err error) {
	rules, err := c.Rules(ctx, tenant)
	if err != nil {
		return 0, 0, err
	}
	begun := rules.Begins(version)
	if len(begun) == 0 {
		return 0, 0, nil
	}
	era, args := eraBegun(begun, tenant, version)
	err = c.db.engine.row(ctx, `
		SELECT COUNT(*), COUNT(*) FILTER (WHERE EXISTS (
			SELECT 1 FROM consent_state s
			WHERE s.tenant = $1 AND s.subject = q.subject AND s.choice = 'granted' AND s.era < `+era+`))
		FROM consent_queue q WHERE q.tenant = $1 AND q.version = $2`, args...).Scan(&people, &open)
	if err != nil {
		return 0, 0, fmt.Errorf("count who was asked: %w", err)
	}
	return people, open, nil
}

// Due gives up to limit people behind one who are to be asked again, in the
// order of their ids; the zero id begins with the first, and none is the end.
func (c *Consents) Due(ctx context.Context, tenant string, now time.Time, after consent.SubjectID, limit int) ([]consent.Due, error) {
	rules, err := c.Rules(ctx, tenant)
	if err != nil {
		return nil, err
	}
	last := map[string]int{}
	for _, p := range rules.Purposes {
		if n := len(rules.Eras[p.Key]); n > 0 {
			last[p.Key] = n
		}
	}
	due := []consent.Due{}
	for len(last) > 0 && len(due) < limit {
		people, states, err := c.grantedBefore(ctx, tenant, last, after, limit)
		if err != nil {
			return nil, fmt.Errorf("list who is to be asked again: %w", err)
		}
		for _, id := range people {
			after = id
			renewals := rules.Due(states[id], now) // expired ones are not among them
			if len(renewals) > 0 && len(due) < limit {
				due = append(due, consent.Due{Subject: id, Renewals: renewals})
			}
		}
		if len(people) < limit {
			break
		}
	}
	return due, nil
}

// grantedBefore gives up to limit people with grants of eras before the last
// ones, and these grants by person and purpose.
func (c *Consents) grantedBefore(ctx context.Context, tenant string, last map[string]int, after consent.SubjectID, limit int) (people []consent.SubjectID, states map[consent.SubjectID]map[string]consent.State, err error) {
	era, args := eraBegun(last, tenant, after.String(), limit*len(last))
	states = map[consent.SubjectID]map[string]consent.State{}
	enough := errors.New("enough")
	err = c.db.engine.each(ctx, func(s scanner) error {
		a, state, err := scanState(s)
		if err != nil {
			return err
		}
		if states[a.subject] == nil {
			if len(people) == limit {
				return enough
			}
			people = append(people, a.subject)
			states[a.subject] = map[string]consent.State{}
		}
		states[a.subject][a.purpose] = state
		return nil
	}, selectStates+` WHERE tenant = $1 AND subject > $2 AND choice = 'granted' AND era < `+era+` ORDER BY subject, purpose LIMIT $3`, args...)
	if errors.Is(err, enough) {
		err = nil
	}
	return people, states, err
}

// Sweep makes records of grants that have expired, up to about limit of them,
// and gives how many. It writes a few at a time. A grant that was renewed or
// withdrawn meanwhile is left alone.
func (c *Consents) Sweep(ctx context.Context, tenant string, limit int) (expired int, err error) {
	rules, err := c.Rules(ctx, tenant)
	if err != nil {
		return 0, err
	}
	for _, p := range rules.Purposes {
		if p.Expires <= 0 {
			continue
		}
		for expired < limit {
			n := min(sweepSlice, limit-expired)
			group, err := c.ended(ctx, tenant, p, n)
			if err != nil {
				return expired, err
			}
			if len(group) == 0 {
				break
			}
			c.together(tenant, group)
			for _, e := range group {
				if e.err != nil {
					return expired, e.err
				}
				expired++
			}
			if len(group) < n {
				break
			}
		}
	}
	for more := true; more && expired < limit; {
		var n int
		if n, more, err = c.db.Devices().EndGrants(ctx, tenant, min(sweepSlice, limit-expired)); err != nil {
			return expired, err
		}
		expired += n
	}
	return expired, nil
}

const sweepSlice = 100 // records in a commit

// ended gives choices that end grants.
func (c *Consents) ended(ctx context.Context, tenant string, p consent.Purpose, limit int) ([]*choices, error) {
	keys, err := c.db.Tenant(ctx, tenant)
	if err != nil {
		return nil, err
	}
	group, err := collect(ctx, c.db.engine, func(s scanner) (*choices, error) {
		var seq int64
		var text string
		if err := s.Scan(&text, &seq); err != nil {
			return nil, err
		}
		id, err := consent.ParseSubjectID(text)
		e := consent.Entry{Subject: id, Purpose: p.Key, Source: consent.SourceExpiry}
		p := newChoices(ctx, []consent.Entry{e}, keys)
		p.only = &seq
		return p, err
	}, `SELECT subject, seq FROM consent_state
		WHERE tenant = $1 AND purpose = $2 AND choice = 'granted' AND given + $3 <= {now} ORDER BY subject LIMIT $4`,
		tenant, p.Key, p.Expires.Microseconds(), limit)
	if err != nil {
		return nil, fmt.Errorf("find expired consent: %w", err)
	}
	return group, nil
}
