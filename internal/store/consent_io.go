package store

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"volenti.dev/volenti/consent"
)

// insertion is a table as batches write into it.
type insertion struct {
	head    string
	columns int
	tail    string
}

var (
	intoSubjects   = into("subjects", "tenant, id, created, erased", "")
	intoKeys       = into("keys", "tenant, owner, wrapped", "")
	intoIdentities = into("subject_identities", "tenant, type, digest, digest_key, subject, sealed", "")
	intoLeaves     = into("audit_leaves", "tenant, seq, version, at, act, object, commitment", "")
	intoDetails    = into("audit_details", "tenant, seq, sealed", "")
	intoTraces     = into("consent_traces", "tenant, seq, subject, sealed", "")
	intoAnswers    = into("consent_keys", "tenant, key, content, subject, answer", "")
	intoRecords    = into("consent_records", "tenant, seq, id, subject, purpose, choice, at, given, notice, digest, language, legal_basis, source, supersedes, trace", "")
	intoState      = into("consent_state", "tenant, subject, purpose, seq, record, choice, given, notice, digest, language, era", `
		ON CONFLICT (tenant, subject, purpose) DO UPDATE SET seq = excluded.seq, record = excluded.record, choice = excluded.choice,
			given = excluded.given, notice = excluded.notice, digest = excluded.digest, language = excluded.language, era = excluded.era
		WHERE consent_state.seq < excluded.seq`)
)

func into(table, columns, tail string) *insertion {
	return &insertion{"INSERT INTO " + table + " (" + columns + ") VALUES ", strings.Count(columns, ",") + 1, tail}
}

// Rows in a statement. A round trip costs most on a server; in the process it
// is to find a place among many, for which the driver walks all before it.
const (
	manyRows = 64
	someRows = 8
)

// insert writes rows, a few statements for any number of them: of few sizes,
// because databases prepare each text.
func (i *insertion) insert(ctx context.Context, q querier, rows [][]any, most int) error {
	for len(rows) > 0 {
		n := 1
		for _, size := range []int{most, someRows} {
			if len(rows) >= size {
				n = size
				break
			}
		}
		if _, err := q.exec(ctx, i.head+places(n, i.columns)+i.tail, slices.Concat(rows[:n]...)...); err != nil {
			return err
		}
		rows = rows[n:]
	}
	return nil
}

// places writes "($1, $2), ($3, $4), ...".
func places(rows, columns int) string {
	b := make([]byte, 0, rows*columns*6)
	for i := range rows * columns {
		switch {
		case i == 0:
			b = append(b, '(')
		case i%columns == 0:
			b = append(b, "), ("...)
		default:
			b = append(b, ", "...)
		}
		b = strconv.AppendInt(append(b, '$'), int64(i+1), 10)
	}
	return string(append(b, ')'))
}

// among runs a query that ends in "IN " for all of the values, each of them at
// least once.
func among(ctx context.Context, q querier, fn func(scanner) error, query, tenant string, values []string) error {
	slices.Sort(values)
	values = slices.Compact(values)
	for len(values) > 0 {
		n := min(256, len(values))
		size := 1
		for size < n {
			size *= 4
		}
		args := []any{tenant}
		for i := range size {
			args = append(args, values[min(i, n-1)]) // the last one fills up
		}
		list := strings.Replace(places(1, size+1), "$1, ", "", 1)
		if err := q.each(ctx, fn, query+list, args...); err != nil {
			return err
		}
		values = values[n:]
	}
	return nil
}

// read reads what stands about the people of the group.
func (b *batch) read(ctx context.Context, group []*choices) error {
	var keys, digests, ids []string
	for _, p := range group {
		if p.key != "" {
			keys = append(keys, p.key)
		}
		for _, e := range p.entries {
			for _, i := range e.Identities {
				digests = append(digests, i.Digest(b.key))
			}
			if e.Subject != (consent.SubjectID{}) {
				ids = append(ids, e.Subject.String())
			}
		}
	}
	err := among(ctx, b.t, b.scanAnswer, `SELECT key, content, answer FROM consent_keys WHERE tenant = $1 AND key IN `, b.t.tenant, keys)
	if err == nil {
		err = among(ctx, b.t, func(s scanner) error {
			var kind, digest, id string
			if err := s.Scan(&kind, &digest, &id); err != nil {
				return err
			}
			ids = append(ids, id)
			subject, err := consent.ParseSubjectID(id)
			b.found[kind+"/"+digest] = subject
			return err
		}, `SELECT type, digest, subject FROM subject_identities WHERE tenant = $1 AND digest IN `, b.t.tenant, digests)
	}
	if err == nil {
		owners := make([]string, len(ids))
		for i, id := range ids {
			owners[i] = "subject/" + id
		}
		err = among(ctx, b.t, b.scanKey, `SELECT owner, wrapped FROM keys WHERE tenant = $1 AND owner IN `, b.t.tenant, owners)
	}
	if err == nil {
		err = among(ctx, b.t, b.scanState, selectStates+` WHERE tenant = $1 AND subject IN `, b.t.tenant, ids)
	}
	if err != nil {
		return fmt.Errorf("read what people chose before: %w", err)
	}
	return nil
}

func (b *batch) scanAnswer(s scanner) error {
	var key string
	var a answer
	var text []byte
	if err := s.Scan(&key, &a.content, &text); err != nil {
		return err
	}
	b.answers[key] = a
	if err := json.Unmarshal(text, &a.outcomes); err != nil {
		return err
	}
	b.answers[key] = a
	return nil
}

// scanKey reads a subject's key: who has none was erased.
func (b *batch) scanKey(s scanner) error {
	var owner string
	var wrapped []byte
	if err := s.Scan(&owner, &wrapped); err != nil {
		return err
	}
	id, err := consent.ParseSubjectID(strings.TrimPrefix(owner, "subject/"))
	if err != nil {
		return err
	}
	key, err := b.t.keys.OpenKey(owner, wrapped)
	if err != nil {
		return err
	}
	b.people[id] = key
	return nil
}

func (b *batch) scanState(s scanner) error {
	a, state, err := scanState(s)
	b.states[a] = &state
	return err
}

const selectStates = `SELECT subject, purpose, seq, record, choice, given, notice, digest, language, era FROM consent_state`

func scanState(s scanner) (a about, state consent.State, err error) {
	var id string
	var given int64
	if err := s.Scan(&id, &a.purpose, &state.Sequence, &state.Record, &state.Choice, &given, &state.Notice, &state.Digest, &state.Language, &state.Era); err != nil {
		return a, state, err
	}
	state.Given = instant(given)
	a.subject, err = consent.ParseSubjectID(id)
	return a, state, err
}

// flush writes all that was decided.
func (b *batch) flush(ctx context.Context) error {
	tables := []*insertion{intoSubjects, intoKeys, intoIdentities, intoLeaves, intoDetails, intoRecords, intoTraces, intoState, intoAnswers}
	for a := range b.dirty {
		s := b.states[a]
		b.add(intoState, b.t.tenant, a.subject.String(), a.purpose, s.Sequence, s.Record, string(s.Choice), micros(s.Given), s.Notice, s.Digest, s.Language, s.Era)
	}
	most := manyRows
	if b.c.db.Exclusive() {
		most = someRows
	}
	for _, table := range tables {
		if err := table.insert(ctx, b.t, b.rows[table], most); err != nil {
			return fmt.Errorf("store consent records: %w", err)
		}
	}
	for _, r := range b.closed {
		if _, err := b.t.exec(ctx, `UPDATE consent_renewals SET answered = $5 WHERE tenant = $1 AND subject = $2 AND purpose = $3 AND era <= $4 AND answered = -1`,
			b.t.tenant, r.subject.String(), r.purpose, r.era, r.seq); err != nil {
			return fmt.Errorf("close a renewal: %w", err)
		}
	}
	for _, l := range b.leaves {
		b.t.growth.leaves = append(b.t.growth.leaves, grown{b.t.tenant, l})
	}
	b.c.follow(b)
	return nil
}
