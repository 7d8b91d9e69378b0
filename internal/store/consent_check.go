package store

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"volenti.dev/volenti/consent"
)

var _ consent.Checker = (*Checks)(nil)

// Checks answer whether a purpose is allowed. On an embedded database the
// states are in memory, changed with each commit before it is acknowledged;
// until they are loaded, and with several processes, each check asks the
// database, because a state in memory could be one that another process has
// ended.
type Checks struct {
	c      *Consents
	tenant string
	memory *memory // nil: ask the database
}

// memory is the index of a tenant on an embedded database, and what keeps it.
// One goroutine loads it, again when it was given up; Close waits for it.
type memory struct {
	tenant string
	index  atomic.Pointer[consent.Index] // nil while there is none
	gone   chan struct{}                 // holds a signal when the index was given up
	loaded chan struct{}                 // closed once an index was ready

	saving   sync.Mutex
	saved    int64 // length of the log that the snapshot on the disk is of
	distrust bool  // the snapshot on the disk
}

// The pauses between tries to load.
const (
	firstRest   = 100 * time.Millisecond
	longestRest = time.Minute
)

// Checks gives the checks of a tenant at once. On an embedded database its
// states are loaded in the background meanwhile, and kept until Close.
func (c *Consents) Checks(ctx context.Context, tenant string) (*Checks, error) {
	k := &Checks{c: c, tenant: tenant}
	if !c.db.Exclusive() {
		return k, nil
	}
	if _, err := c.db.Tenant(ctx, tenant); err != nil {
		return nil, err
	}
	m := &c.db.consents
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return nil, fmt.Errorf("%w: it was closed", ErrUnavailable)
	}
	if k.memory = m.memories[tenant]; k.memory != nil {
		return k, nil
	}
	k.memory = &memory{tenant: tenant, gone: make(chan struct{}, 1), loaded: make(chan struct{}), saved: -1}
	if m.memories == nil {
		m.memories = map[string]*memory{}
		m.background, m.stop = context.WithCancel(context.WithoutCancel(ctx))
	}
	m.memories[tenant] = k.memory
	m.loads.Go(func() { c.keep(m.background, k.memory) })
	return k, nil
}

// Loaded is closed once the states are in memory; on a database that others
// write to, it is nil.
func (k *Checks) Loaded() <-chan struct{} {
	if k.memory == nil {
		return nil
	}
	return k.memory.loaded
}

// Check implements consent.Checker.
func (k *Checks) Check(ctx context.Context, tenant string, id consent.SubjectID, purpose string, now time.Time) (consent.Decision, error) {
	if k.memory != nil && tenant == k.tenant {
		if x := k.memory.index.Load(); x != nil {
			if d, ok := x.Decide(id, purpose, now); ok {
				return d, nil
			}
		}
	}
	return k.c.ask(ctx, tenant, id, purpose, now)
}

// askTime bounds a check that has to ask the database; whoever waits longer
// is better told no.
const askTime = 5 * time.Second

// ask reads rules and state in one statement, so that they belong together.
func (c *Consents) ask(ctx context.Context, tenant string, id consent.SubjectID, purpose string, now time.Time) (consent.Decision, error) {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	if _, err := c.db.Tenant(ctx, tenant); err != nil {
		return consent.Decision{}, err
	}
	var stamp, era, given int64
	var choice string
	err := c.db.engine.row(ctx, `
		SELECT COALESCE(MAX(r.stamp), 0), COALESCE(MAX(s.choice), ''), COALESCE(MAX(s.era), 0), COALESCE(MAX(s.given), 0)
		FROM (SELECT COALESCE(MAX(stamp), 0) AS stamp FROM consent_rules WHERE tenant = $1) r
		LEFT JOIN consent_state s ON s.tenant = $1 AND s.subject = $2 AND s.purpose = $3`, tenant, id.String(), purpose).Scan(&stamp, &choice, &era, &given)
	if err != nil {
		return consent.Decision{}, fmt.Errorf("check consent: %w", err)
	}
	rules, err := c.rulesAt(ctx, c.db.engine, tenant, stamp)
	if err != nil {
		return consent.Decision{}, err
	}
	c.keepRules(tenant, rules)
	return rules.Judgements()[purpose].Decide(consent.Choice(choice), int(era), instant(given), now), nil
}

// keep loads the index of a tenant until ctx ends, whenever there is none.
func (c *Consents) keep(ctx context.Context, m *memory) {
	rest := firstRest
	for {
		err := c.load(ctx, m)
		again := time.After(rest)
		if rest = min(2*rest, longestRest); err == nil {
			again, rest = nil, firstRest
		} else if ctx.Err() == nil {
			c.db.trouble(fmt.Errorf("load the states for checks: %w", err))
		}
		select {
		case <-ctx.Done():
			return
		case <-m.gone:
		case <-again:
		}
	}
}

func (c *Consents) load(ctx context.Context, m *memory) error {
	x, err := c.fresh(ctx, m)
	if err != nil {
		return err
	}
	restored, err := c.restore(ctx, m, x)
	if err != nil {
		return err
	}
	if !restored {
		if err := c.loadAll(ctx, m.tenant, x); err != nil {
			return err
		}
	}
	x.Ready()
	select {
	case <-m.loaded:
	default:
		close(m.loaded)
	}
	return nil
}

// fresh begins an index where writes are made, so that no change passes it by.
func (c *Consents) fresh(ctx context.Context, m *memory) (x *consent.Index, err error) {
	err = c.db.write(ctx, m.tenant, func(ctx context.Context, t *tx) error {
		rules, err := c.rulesIn(ctx, t, m.tenant)
		if err != nil {
			return err
		}
		t.growth.after = append(t.growth.after, func(bool) {
			x = consent.NewIndex(rules)
			m.index.Store(x)
		})
		return nil
	})
	return x, err
}

// loadSlice is how many states are read at once: a longer read would hold up
// the writer, whose log cannot be cut behind a reader.
const loadSlice = 20_000

// loadAll loads the states, two halves at the same time. Ids begin with the
// time at which they were made, so the halves are cut in the middle of it.
func (c *Consents) loadAll(ctx context.Context, tenant string, x *consent.Index) error {
	var first, last string
	err := c.db.engine.row(ctx, `SELECT COALESCE(MIN(subject), ''), COALESCE(MAX(subject), '') FROM consent_state WHERE tenant = $1`, tenant).Scan(&first, &last)
	if err != nil || first == "" {
		return err
	}
	middle, err := between(first, last)
	if err != nil {
		return err
	}
	var older, newer error
	var both sync.WaitGroup
	both.Go(func() { older = c.loadRange(ctx, tenant, x, first, middle) })
	both.Go(func() { newer = c.loadRange(ctx, tenant, x, middle, last+"~") })
	both.Wait()
	return errors.Join(older, newer)
}

// between gives the first 48 bits of an id in the middle of two.
func between(first, last string) (string, error) {
	from, err := consent.ParseSubjectID(first)
	if err != nil {
		return "", errors.New("a state in the database is damaged")
	}
	to, err := consent.ParseSubjectID(last)
	if err != nil {
		return "", errors.New("a state in the database is damaged")
	}
	a, b := binary.BigEndian.Uint64(from[:])>>16, binary.BigEndian.Uint64(to[:])>>16
	middle := a + (b-a)/2
	return fmt.Sprintf("%08x-%04x", middle>>16, middle&0xffff), nil
}

// loadRange loads the states of the subjects from one on and before another,
// in their order. A slice comes as one text, which costs less than rows. The
// last subject may have been cut in two, so the next slice begins with it.
func (c *Consents) loadRange(ctx context.Context, tenant string, x *consent.Index, from, before string) error {
	for {
		var n int
		var last, text string
		err := c.db.engine.row(ctx, `
			SELECT COUNT(*), COALESCE(MAX(subject), ''), COALESCE(group_concat(line, ''), '') FROM
				(SELECT subject, subject || ' ' || purpose || ' ' || choice || ' ' || given || ' ' || era || char(10) AS line
				FROM consent_state WHERE tenant = $1 AND subject >= $2 AND subject < $3 ORDER BY subject, purpose LIMIT $4)`,
			tenant, from, before, loadSlice).Scan(&n, &last, &text)
		if err != nil {
			return err
		}
		for line := range strings.Lines(text) {
			a, state, err := parseBrief(line)
			if err != nil {
				return err
			}
			x.Load(a.subject, a.purpose, state)
		}
		switch {
		case n < loadSlice:
			return nil
		case last == from:
			return errors.New("a subject has more states than can be read at once")
		}
		from = last
	}
}

// parseBrief reads a line of loadAll.
func parseBrief(line string) (a about, state consent.State, err error) {
	var rest, choice, given string
	id, rest, _ := strings.Cut(line, " ")
	a.purpose, rest, _ = strings.Cut(rest, " ")
	choice, rest, _ = strings.Cut(rest, " ")
	given, rest, _ = strings.Cut(rest, " ")
	at, errGiven := strconv.ParseInt(given, 10, 64)
	era, errEra := strconv.Atoi(strings.TrimSuffix(rest, "\n"))
	a.subject, err = consent.ParseSubjectID(id)
	if err != nil || errGiven != nil || errEra != nil {
		return a, state, errors.New("a state in the database is damaged") // the errors would show it
	}
	return a, consent.State{Choice: consent.Choice(choice), Given: instant(at), Era: era}, nil
}

// selectBrief reads of states what checks need.
const selectBrief = `SELECT subject, purpose, choice, given, era FROM consent_state`

func scanBrief(s scanner) (a about, state consent.State, err error) {
	var id string
	var given int64
	if err := s.Scan(&id, &a.purpose, &state.Choice, &given, &state.Era); err != nil {
		return a, state, err
	}
	state.Given = instant(given)
	a.subject, err = consent.ParseSubjectID(id)
	return a, state, err
}

// follow hands the batch's states over when they stand.
func (c *Consents) follow(b *batch) {
	tenant := b.t.tenant
	b.t.growth.after = append(b.t.growth.after, func(stands bool) {
		x := c.current(tenant, stands)
		if x == nil {
			return
		}
		for a := range b.dirty {
			x.Set(a.subject, a.purpose, *b.states[a])
		}
	})
}

func (c *Consents) followRules(tenant string, rules *consent.Rules, stands bool) {
	if stands {
		c.keepRules(tenant, rules)
	}
	if x := c.current(tenant, stands); x != nil {
		x.Follow(rules)
	}
}

// current gives the index to be changed, if there is one. When it is not
// known whether a change stands, the index ends: checks ask the database until
// it was loaded anew.
func (c *Consents) current(tenant string, stands bool) *consent.Index {
	m := &c.db.consents
	m.mu.Lock()
	defer m.mu.Unlock()
	k := m.memories[tenant]
	if k == nil {
		return nil
	}
	if stands {
		return k.index.Load()
	}
	if x := k.index.Swap(nil); x != nil {
		x.Stop()
	}
	select {
	case k.gone <- struct{}{}:
	default:
	}
	return nil
}

// close ends the work in the background, and saves the states. Checks say no
// from then on: another process may open the database.
func (c *Consents) close() {
	m := &c.db.consents
	m.mu.Lock()
	m.closed = true
	if m.stop != nil {
		m.stop()
	}
	m.mu.Unlock()
	m.loads.Wait()
	m.known.close()
	if err := c.SaveChecks(context.Background()); err != nil {
		c.db.trouble(err)
	}
	for _, k := range m.memories { // there are no more
		if x := k.index.Swap(nil); x != nil {
			x.Stop()
		}
	}
}
