package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"volenti.dev/volenti/consent"
)

// Queue goes on to write down who is to be asked again, for up to limit
// subjects, and gives how many it queued and whether all are. It goes on where
// it stopped, and may be called again at any time: nobody is queued twice. The
// campaign needs the queue; whether somebody is due does not depend on it.
func (c *Consents) Queue(ctx context.Context, tenant string, limit int) (queued int64, done bool, err error) {
	err = c.db.write(ctx, tenant, func(ctx context.Context, t *tx) error {
		// With the ledger locked nobody answers while they are queued.
		if _, _, err := t.growth.next(ctx, t, tenant); err != nil {
			return fmt.Errorf("lock the ledger: %w", err)
		}
		rules, err := c.rulesIn(ctx, t, tenant)
		if err != nil {
			return err
		}
		queued, done, err = t.queue(ctx, rules, limit)
		return err
	})
	return queued, done, err
}

func (t *tx) queue(ctx context.Context, rules *consent.Rules, limit int) (queued int64, done bool, err error) {
	walk := fmt.Sprintf("renew/%d", rules.Stamp) // changed rules are another walk
	var from, to string
	var ended int64
	err = t.row(ctx, `SELECT subject, done FROM consent_walks WHERE tenant = $1 AND walk = $2`, t.tenant, walk).Scan(&from, &ended)
	if err != nil && !errors.Is(err, sql.ErrNoRows) || ended == 1 {
		return 0, ended == 1, err
	}
	err = t.row(ctx, `SELECT COALESCE(MAX(subject), '') FROM
		(SELECT subject FROM consent_state WHERE tenant = $1 AND subject > $2 ORDER BY subject, purpose LIMIT $3) s`, t.tenant, from, limit).Scan(&to)
	if err != nil {
		return 0, false, fmt.Errorf("queue renewals: %w", err)
	}
	done = to == ""
	last, args := lastEras(rules, []any{t.tenant, from, to})
	if !done && last != "" {
		queued, err = t.exec(ctx, `
			INSERT INTO consent_renewals (tenant, subject, purpose, era, notice, seq, answered)
			SELECT tenant, subject, purpose, last, notice, seq, -1 FROM
				(SELECT tenant, subject, purpose, choice, era, notice, seq, `+last+` AS last
				FROM consent_state WHERE tenant = $1 AND subject > $2 AND subject <= $3) s
			WHERE choice = 'granted' AND era < last
			ON CONFLICT DO NOTHING`, args...)
		if err != nil {
			return 0, false, fmt.Errorf("queue renewals: %w", err)
		}
	}
	if done {
		to = from
	}
	_, err = t.exec(ctx, `
		INSERT INTO consent_walks (tenant, walk, subject, done) VALUES ($1, $2, $3, $4)
		ON CONFLICT (tenant, walk) DO UPDATE SET subject = excluded.subject, done = excluded.done`, t.tenant, walk, to, number(done))
	return queued, done, err
}

// lastEras writes an expression for the last era of a state's purpose, 0 for
// one that nobody is asked about again; "" when that is all of them.
func lastEras(rules *consent.Rules, args []any) (expression string, all []any) {
	cases := ""
	for _, p := range rules.Purposes {
		if last := len(rules.Eras[p.Key]); last > 0 {
			args = append(args, p.Key)
			cases += fmt.Sprintf(" WHEN $%d THEN %d", len(args), last)
		}
	}
	if cases == "" {
		return "", args
	}
	return "CASE purpose" + cases + " ELSE 0 END", args
}

func number(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// Queued is an open entry of the queue.
type Queued struct {
	Subject consent.SubjectID
	Purpose string
	Notice  string // version of the grant; "" unknown
}

// Queued gives up to limit open entries about subjects behind one, in the
// order of the subjects; the zero id begins with the first.
func (c *Consents) Queued(ctx context.Context, tenant string, after consent.SubjectID, limit int) ([]Queued, error) {
	all, err := collect(ctx, c.db.engine, func(s scanner) (q Queued, err error) {
		var id string
		if err := s.Scan(&id, &q.Purpose, &q.Notice); err != nil {
			return q, err
		}
		q.Subject, err = consent.ParseSubjectID(id)
		return q, err
	}, `SELECT subject, purpose, notice FROM consent_renewals r
		WHERE tenant = $1 AND subject > $2 AND answered = -1
			AND era = (SELECT MAX(era) FROM consent_renewals x WHERE x.tenant = r.tenant AND x.subject = r.subject AND x.purpose = r.purpose)
		ORDER BY subject, purpose LIMIT $3`, tenant, after.String(), limit)
	if err != nil {
		return nil, fmt.Errorf("read the queue of renewals: %w", err)
	}
	return all, nil
}

// Sweep makes records of grants that have expired, up to limit of them, and
// gives how many. It writes a few at a time. A grant that was renewed or
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
	return expired, nil
}

const sweepSlice = 100 // records in a commit

// ended gives choices that end grants.
func (c *Consents) ended(ctx context.Context, tenant string, p consent.Purpose, limit int) ([]*choices, error) {
	group, err := collect(ctx, c.db.engine, func(s scanner) (*choices, error) {
		var seq int64
		var text string
		if err := s.Scan(&text, &seq); err != nil {
			return nil, err
		}
		id, err := consent.ParseSubjectID(text)
		e := consent.Entry{Subject: id, Purpose: p.Key, Source: consent.SourceExpiry}
		p := newChoices(ctx, []consent.Entry{e}, nil)
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
