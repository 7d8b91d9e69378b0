package store

import (
	"context"
	"strings"

	"volenti.dev/volenti/consent"
	"volenti.dev/volenti/subject"
)

// tables are those that batches write into, in this order.
var (
	intoSubjects   = into("subjects", "id text, created bigint, erased bigint", "")
	intoKeys       = into("keys", "owner text, wrapped bytea", "")
	intoIdentities = into("subject_identities", "type text, digest text, digest_key bigint, subject text, sealed bytea, linked bigint", "")
	intoRecords    = into("consent_records", "seq bigint, id text, subject text, purpose text, choice text, at bigint, given bigint, notice text, digest text, language text, legal_basis text, source text, supersedes bigint, trace text, facts text, version bigint, salt bytea, commitment text", "")
	intoTraces     = into("consent_traces", "seq bigint, sealed bytea", "")
	intoState      = into("consent_state", "subject text, purpose text, seq bigint, record text, choice text, given bigint, notice text, digest text, language text, era bigint", `
		ON CONFLICT (tenant, subject, purpose) DO UPDATE SET seq = excluded.seq, record = excluded.record, choice = excluded.choice,
			given = excluded.given, notice = excluded.notice, digest = excluded.digest, language = excluded.language, era = excluded.era
		WHERE consent_state.seq < excluded.seq`)
	intoAnswers = into("consent_keys", "key text, content text, subject text, answer bytea", "")

	tables = []*insertion{intoSubjects, intoKeys, intoIdentities, intoRecords, intoTraces, intoState, intoAnswers}
)

// find gives the statements that find who the people of the group are, and
// what was answered before. A condition names each column of the key that it
// looks into, or all of the tenant is read.
func (b *batch) find(group []*choices) (all []statement) {
	var keys []string
	digests := map[subject.Type][]string{}
	for _, p := range group {
		if p.key != "" {
			keys = append(keys, p.key)
		}
		for i, e := range p.entries {
			for n, identity := range e.Identities {
				digests[identity.Type] = append(digests[identity.Type], p.digests[i][n]...)
			}
			if e.Subject != (consent.SubjectID{}) {
				b.ids = append(b.ids, e.Subject.String())
			}
		}
	}
	if len(keys) > 0 {
		all = append(all, statement{`SELECT key, content, subject, answer FROM consent_keys WHERE tenant = $1 AND key {in $2}`, []any{b.t.tenant, keys}, b.scanAnswer})
	}
	for kind, values := range digests {
		all = append(all, statement{`SELECT type, digest, subject FROM subject_identities WHERE tenant = $1 AND type = $2 AND digest {in $3}`,
			[]any{b.t.tenant, string(kind), values}, b.scanIdentity})
	}
	return all
}

// read gives the statements that read what stands about those who were found.
func (b *batch) read() []statement {
	if len(b.ids) == 0 {
		return nil
	}
	owners := make([]string, len(b.ids))
	for i, id := range b.ids {
		owners[i] = "subject/" + id
	}
	return []statement{
		{`SELECT owner, wrapped FROM keys WHERE tenant = $1 AND owner {in $2}`, []any{b.t.tenant, owners}, b.scanKey},
		{selectStates + ` WHERE tenant = $1 AND subject {in $2}`, []any{b.t.tenant, b.ids}, b.scanState},
	}
}

// readErased tells who was erased among those who are named and have no key.
func (b *batch) readErased(ctx context.Context, group []*choices) error {
	var ids []string
	for _, p := range group {
		for _, e := range p.entries {
			if e.Subject != (consent.SubjectID{}) && b.people[e.Subject] == nil {
				ids = append(ids, e.Subject.String())
			}
		}
	}
	if len(ids) == 0 {
		return nil
	}
	return b.t.each(ctx, func(s scanner) error {
		var text string
		var erased int64
		if err := s.Scan(&text, &erased); err != nil {
			return err
		}
		id, err := consent.ParseSubjectID(text)
		b.erased[id] = erased != 0
		return err
	}, `SELECT id, erased FROM subjects WHERE tenant = $1 AND id {in $2}`, b.t.tenant, ids)
}

func (b *batch) scanAnswer(s scanner) error {
	var key, id string
	var a answer
	if err := s.Scan(&key, &a.content, &id, &a.text); err != nil {
		return err
	}
	var err error
	a.subject, err = consent.ParseSubjectID(id)
	b.answers[key] = a
	b.ids = append(b.ids, id) // whose key may open it
	return err
}

func (b *batch) scanIdentity(s scanner) error {
	var kind, digest, text string
	if err := s.Scan(&kind, &digest, &text); err != nil {
		return err
	}
	id, err := consent.ParseSubjectID(text)
	b.found[kind+"/"+digest] = id
	b.ids = append(b.ids, text)
	return err
}

// scanKey reads a subject's key: who has none was erased.
func (b *batch) scanKey(s scanner) error {
	var owner string
	var wrapped []byte
	if err := s.Scan(&owner, &wrapped); err != nil {
		return err
	}
	id, err := consent.ParseSubjectID(strings.TrimPrefix(owner, "subject/"))
	b.people[id] = &person{wrapped: wrapped}
	return err
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

// unstored is the failure of records whose content is in order.
type unstored struct{ err error }

func (e *unstored) Error() string { return "store consent records: " + e.err.Error() }

func (e *unstored) Unwrap() error { return e.err }

// flush writes all that was decided.
func (b *batch) flush(ctx context.Context) error {
	for a := range b.dirty {
		s := b.states[a]
		b.add(intoState, a.subject.String(), a.purpose, s.Sequence, s.Record, string(s.Choice), micros(s.Given), s.Notice, s.Digest, s.Language, int64(s.Era))
	}
	var all []statement
	for _, table := range tables {
		all = append(all, b.t.fill(table, b.t.tenant, b.rows[table])...)
	}
	if err := b.t.all(ctx, append(all, b.links()...)); err != nil {
		return &unstored{err}
	}
	for _, l := range b.leaves {
		b.t.growth.leaves = append(b.t.growth.leaves, grown{b.t.tenant, l})
	}
	b.t.growth.after = append(b.t.growth.after, func(stands bool) {
		if stands {
			b.c.keepRules(b.t.tenant, b.rules)
		}
	})
	b.c.follow(b)
	return nil
}
