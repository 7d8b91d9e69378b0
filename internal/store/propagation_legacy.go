package store

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"volenti.dev/volenti/audit"
	"volenti.dev/volenti/consent"
	"volenti.dev/volenti/consent/propagate"
	"volenti.dev/volenti/subject"
)

// What another platform knew of deliveries stands under the keys of systems, beside
// the rows, which have those of connections. An entry goes when all connections that
// it may stand for have a row: one alone takes its status over, of several it is
// nobody's, and only the log has it then. One that is pending makes the rows that are
// not there. So nothing stands under both keys.

// legacy is an entry.
type legacy struct {
	propagate.Change
	key    string
	status propagate.Status
}

const (
	selectLegacy  = `SELECT seq, key, record, subject, purpose, choice, changed, status FROM delivery_legacy`
	pendingLegacy = selectLegacy + ` {index delivery_legacy_pending} WHERE status = 'pending' AND tenant = $1 AND key {in $2}`
	legacyOf      = selectLegacy + ` WHERE tenant = $1 AND seq {among $2}`
	placesOf      = `SELECT seq, connection FROM deliveries WHERE tenant = $1 AND seq {among $2}`
)

func scanLegacy(tenant string) func(scanner) (legacy, error) {
	return func(s scanner) (e legacy, err error) {
		var id string
		var at int64
		if err := s.Scan(&e.Sequence, &e.key, &e.Record, &id, &e.Purpose, &e.Choice, &at, &e.status); err != nil {
			return e, err
		}
		e.Tenant, e.At = tenant, instant(at)
		e.Subject, err = consent.ParseSubjectID(id)
		return e, err
	}
}

var intoLegacy = into("delivery_legacy", "seq bigint, key text, record text, subject text, purpose text, choice text, changed bigint, status text, at bigint",
	" ON CONFLICT (tenant, seq, key) DO UPDATE SET status = excluded.status, at = excluded.at")

// Import takes over the status maps of another platform, all or none, and gives of
// how many changes. What is wrong with them is a propagate.LegacyProblems. The targets
// are those of Plan.
func (p *Propagation) Import(ctx context.Context, tenant, by string, targets []propagate.Target, all []propagate.LegacyMap) (changes int, err error) {
	statuses, err := parseMaps(all)
	if err != nil {
		return 0, err
	}
	named, err := p.named(ctx, tenant, all)
	if err != nil {
		return 0, err
	}
	err = p.db.write(ctx, tenant, func(ctx context.Context, t *tx) error {
		of, now, err := p.changesOf(ctx, t, all, named)
		if err != nil {
			return err
		}
		entries, acts := imported(of, statuses, by)
		changes = len(acts)
		var rows [][]any
		for _, e := range entries {
			rows = append(rows, []any{e.Sequence, e.key, e.Record, e.Subject.String(), e.Purpose, string(e.Choice), micros(e.At), string(e.status), micros(now)})
		}
		if err := t.all(ctx, t.fill(intoLegacy, tenant, rows)); err != nil {
			return err
		}
		if err := t.logAll(ctx, acts); err != nil {
			return err
		}
		return p.normalise(ctx, t, entries, targets, now)
	})
	if err != nil {
		return 0, fmt.Errorf("import status maps: %w", err)
	}
	return changes, nil
}

// parseMaps reads the words of all maps.
func parseMaps(all []propagate.LegacyMap) ([]map[string]propagate.Status, error) {
	if len(all) > propagate.MaxLegacy {
		return nil, fmt.Errorf("%w: there are more than %d; import them in several parts", propagate.ErrLegacy, propagate.MaxLegacy)
	}
	statuses, wrong := make([]map[string]propagate.Status, len(all)), propagate.LegacyProblems{}
	for i, m := range all {
		statuses[i] = map[string]propagate.Status{}
		for key, word := range m.Statuses {
			s, ok := propagate.ParseLegacy(word)
			if !ok || key == "" {
				wrong[i] = "it has a status that is none of pending, complete, partial, error and skipped, or one under an empty key"
			}
			statuses[i][key] = s
		}
	}
	if len(wrong) > 0 {
		return nil, wrong
	}
	return statuses, nil
}

// named finds the changes that maps name by the ids of records. There is no index of
// them, because an import is rare and a choice is not: the ids tell the time, and the
// ledger is walked once.
func (p *Propagation) named(ctx context.Context, tenant string, all []propagate.LegacyMap) (map[string]propagate.Change, error) {
	found, wanted := map[string]propagate.Change{}, map[string]bool{}
	var first, last time.Time
	for _, m := range all {
		if m.Record == "" {
			continue
		}
		wanted[m.Record] = true
		if id, err := uuid.Parse(m.Record); err == nil && id.Version() == 7 {
			at := time.Unix(id.Time().UnixTime())
			if first.IsZero() || at.Before(first) {
				first = at
			}
			if at.After(last) {
				last = at
			}
		}
	}
	if first.IsZero() {
		return found, nil
	}
	// The clocks of the database and of this process differ by less.
	err := p.db.engine.each(ctx, func(s scanner) error {
		c, err := scanChange(s, tenant)
		if wanted[c.Record] {
			found[c.Record] = c
		}
		return err
	}, `SELECT seq, id, subject, purpose, choice, at FROM consent_records WHERE tenant = $1 AND at >= $2 AND at <= $3`,
		tenant, micros(first.Add(-time.Hour)), micros(last.Add(time.Hour)))
	if err != nil {
		return nil, fmt.Errorf("find the records of status maps: %w", err)
	}
	return found, nil
}

// changesOf gives the change that each map is about: the record that it names, or the
// latest one of a person about a purpose.
func (p *Propagation) changesOf(ctx context.Context, t *tx, all []propagate.LegacyMap, named map[string]propagate.Change) (of []propagate.Change, now time.Time, err error) {
	entries := make([]consent.Entry, len(all))
	for i, m := range all {
		if m.Record == "" && m.Identity != nil {
			entries[i].Identities = []subject.Identity{*m.Identity}
		}
	}
	asked := newChoices(ctx, entries, t.keys)
	b, err := p.db.Consents().open(ctx, t, []*choices{asked})
	if err != nil {
		return nil, now, err
	}
	latest := make([]int64, len(all))
	var sequences []int64
	for i, m := range all {
		if latest[i] = -1; len(entries[i].Identities) == 0 {
			continue
		}
		if id, ok := b.known(*m.Identity, asked.digests[i][0]); ok && b.states[about{id, m.Purpose}] != nil {
			latest[i] = b.states[about{id, m.Purpose}].Sequence
			sequences = append(sequences, latest[i])
		}
	}
	bySequence := map[int64]propagate.Change{}
	if err := t.each(ctx, func(s scanner) error {
		c, err := scanChange(s, t.tenant)
		bySequence[c.Sequence] = c
		return err
	}, `SELECT seq, id, subject, purpose, choice, at FROM consent_records WHERE tenant = $1 AND seq {among $2}`, t.tenant, sequences); err != nil {
		return nil, now, err
	}
	wrong := propagate.LegacyProblems{}
	for i, m := range all {
		c, ok := named[m.Record]
		if m.Record == "" {
			c, ok = bySequence[latest[i]]
		}
		if !ok || m.Purpose != "" && m.Purpose != c.Purpose {
			wrong[i] = "it is about a record that there is not: name one by its id, or an identity and a purpose about which the person has chosen"
		}
		of = append(of, c)
	}
	if len(wrong) > 0 {
		return nil, now, wrong
	}
	return of, b.now, nil
}

// imported gives the entries, each once, and an act for each change. Of two maps of a
// change the later one holds.
func imported(of []propagate.Change, statuses []map[string]propagate.Status, by string) (entries []legacy, acts []audit.Entry) {
	together := map[int64]map[string]propagate.Status{}
	var order []propagate.Change
	for i, c := range of {
		if together[c.Sequence] == nil {
			together[c.Sequence] = map[string]propagate.Status{}
			order = append(order, c)
		}
		maps.Copy(together[c.Sequence], statuses[i])
	}
	for _, c := range order {
		for _, key := range slices.Sorted(maps.Keys(together[c.Sequence])) {
			entries = append(entries, legacy{c, key, together[c.Sequence][key]})
		}
		acts = append(acts, audit.Entry{Act: "delivery.import", Object: "change/" + c.Record, Details: map[string]any{"statuses": together[c.Sequence], "by": by}})
	}
	return entries, acts
}

// entriesOf gives the live entries of changes, and of those that had some.
func (t *tx) entriesOf(ctx context.Context, changes []propagate.Change, had []legacy) ([]legacy, error) {
	var sequences []int64
	for _, c := range changes {
		sequences = append(sequences, c.Sequence)
	}
	for _, e := range had {
		sequences = append(sequences, e.Sequence)
	}
	entries, err := collect(ctx, t, scanLegacy(t.tenant), legacyOf, t.tenant, sequences)
	if err != nil {
		return nil, fmt.Errorf("read statuses of another platform: %w", err)
	}
	return entries, nil
}

// ended are the statuses that connections take over from another platform.
func ended(entries []legacy, targets []propagate.Target) map[place]propagate.Status {
	over := map[place]propagate.Status{}
	for _, e := range entries {
		if of := propagate.Attributed(e.key, targets); len(of) == 1 && !e.status.Open() {
			over[place{e.Sequence, of[0].Key}] = e.status
		}
	}
	return over
}

// normalise makes the rows that pending entries ask for, and takes the entries off
// whose connections have one each.
func (p *Propagation) normalise(ctx context.Context, t *tx, entries []legacy, targets []propagate.Target, now time.Time) error {
	if len(entries) == 0 {
		return nil
	}
	have, err := t.places(ctx, entries)
	if err != nil {
		return err
	}
	if err := p.adopt(ctx, t, entries, targets, have, now); err != nil {
		return err
	}
	var gone []statement
	var acts []audit.Entry
	for _, e := range entries {
		of := propagate.Attributed(e.key, targets)
		if len(of) == 0 || slices.ContainsFunc(of, func(t propagate.Target) bool { return !have[place{e.Sequence, t.Key}] }) {
			continue
		}
		gone = append(gone, statement{text: `DELETE FROM delivery_legacy WHERE tenant = $1 AND seq = $2 AND key = $3`, args: []any{t.tenant, e.Sequence, e.key}})
		act := audit.Entry{Act: "delivery.unattributed", Object: "change/" + e.Record, Details: map[string]any{"key": e.key, "status": e.status}}
		if len(of) == 1 {
			act.Act, act.Object = "delivery.normalise", propagate.Delivery{Change: e.Change, Connection: of[0].Key}.Object()
		}
		acts = append(acts, act)
	}
	if err := t.all(ctx, gone); err != nil {
		return fmt.Errorf("take off statuses of another platform: %w", err)
	}
	return t.logAll(ctx, acts)
}

// places tells which rows there are of the changes of entries.
func (t *tx) places(ctx context.Context, entries []legacy) (map[place]bool, error) {
	have := map[place]bool{}
	var sequences []int64
	for _, e := range entries {
		sequences = append(sequences, e.Sequence)
	}
	err := t.each(ctx, func(s scanner) error {
		var p place
		err := s.Scan(&p.seq, &p.connection)
		have[p] = true
		return err
	}, placesOf, t.tenant, sequences)
	if err != nil {
		return nil, fmt.Errorf("read deliveries: %w", err)
	}
	return have, nil
}

// adopt makes the rows that are not there of what was pending elsewhere, as people
// stand now: the cursor may be far behind these changes.
func (p *Propagation) adopt(ctx context.Context, t *tx, entries []legacy, targets []propagate.Target, have map[place]bool, now time.Time) error {
	rules, err := p.db.Consents().rulesIn(ctx, t, t.tenant)
	if err != nil {
		return err
	}
	var rows []delivery
	var whose []propagate.Target
	for _, e := range entries {
		if e.status != propagate.Pending {
			continue
		}
		for _, target := range propagate.Attributed(e.key, targets) {
			if at := (place{e.Sequence, target.Key}); !have[at] {
				have[at] = true
				rows, whose = append(rows, planned(e.Change, target, rules, now)), append(whose, target)
			}
		}
	}
	people, err := p.people(ctx, t, rows)
	if err != nil {
		return err
	}
	for i, d := range rows {
		if to, reason := people.judge(d, whose[i]); d.Status == propagate.Pending && to != propagate.Sending {
			rows[i].Status, rows[i].Reason, rows[i].Due = to, reason, time.Time{}
		}
	}
	slices.SortStableFunc(rows, func(a, b delivery) int { return int(a.Sequence - b.Sequence) })
	return t.route(ctx, rows)
}

// keysOf are the keys under which another platform may have kept what is due at the
// targets.
func keysOf(targets []propagate.Target) (keys []string) {
	for _, t := range targets {
		keys = append(keys, t.Key, t.System, t.Name)
	}
	slices.Sort(keys)
	return slices.DeleteFunc(slices.Compact(keys), func(key string) bool { return strings.TrimSpace(key) == "" })
}
