package store

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"volenti.dev/volenti/consent"
	"volenti.dev/volenti/consent/propagate"
	"volenti.dev/volenti/internal/seal"
	"volenti.dev/volenti/subject"
)

// people are those that deliveries are about, as they stand.
type people map[consent.SubjectID]*someone

// someone is who was not erased.
type someone struct {
	wrapped []byte
	stands  map[string]int64 // by purpose, the sequence of the latest record
	given   map[string]time.Time
	known   []knownBy
}

// knownBy is an identity that is still sealed.
type knownBy struct {
	kind   subject.Type
	place  []byte // what it is bound to
	sealed []byte
	linked int64
}

const (
	standingOf = `SELECT subject, purpose, seq, given FROM consent_state WHERE tenant = $1 AND subject {in $2}`
	knownAs    = `SELECT subject, type, digest, sealed, linked FROM subject_identities {index subject_identities_by_subject} WHERE tenant = $1 AND subject {in $2}`
)

// people reads those whom rows are about. The end of the log is locked, so that
// nothing of it changes until the commit.
func (p *Propagation) people(ctx context.Context, t *tx, rows []delivery) (people, error) {
	all := people{}
	var ids, owners []string
	for _, d := range rows {
		if _, ok := all[d.Subject]; ok {
			continue
		}
		all[d.Subject] = nil
		ids, owners = append(ids, d.Subject.String()), append(owners, keyOf(d.Subject))
	}
	if len(ids) == 0 {
		return all, nil
	}
	err := t.all(ctx, []statement{
		{`SELECT owner, wrapped FROM keys WHERE tenant = $1 AND owner {in $2}`, []any{t.tenant, owners}, all.scanKey},
		{standingOf, []any{t.tenant, ids}, all.scanState},
		{knownAs, []any{t.tenant, ids}, func(s scanner) error { return all.scanIdentity(s, t.tenant) }},
	})
	if err != nil {
		return nil, fmt.Errorf("read whom deliveries are about: %w", err)
	}
	return all, nil
}

func (p people) scanKey(s scanner) error {
	who := &someone{stands: map[string]int64{}, given: map[string]time.Time{}}
	var owner string
	if err := s.Scan(&owner, &who.wrapped); err != nil {
		return err
	}
	id, err := consent.ParseSubjectID(strings.TrimPrefix(owner, "subject/"))
	p[id] = who
	return err
}

func (p people) scanState(s scanner) error {
	var text, purpose string
	var seq, given int64
	if err := s.Scan(&text, &purpose, &seq, &given); err != nil {
		return err
	}
	id, err := consent.ParseSubjectID(text)
	if who := p[id]; who != nil {
		who.stands[purpose], who.given[purpose] = seq, instant(given)
	}
	return err
}

func (p people) scanIdentity(s scanner, tenant string) error {
	var text, digest string
	var k knownBy
	if err := s.Scan(&text, &k.kind, &digest, &k.sealed, &k.linked); err != nil {
		return err
	}
	k.place = identityOf(tenant, k.kind, digest)
	id, err := consent.ParseSubjectID(text)
	if who := p[id]; who != nil {
		who.known = append(who.known, k)
	}
	return err
}

// judge says whether a delivery may be sent as people stand now: Sending, or what
// becomes of it instead.
func (p people) judge(d delivery, target propagate.Target) (propagate.Status, propagate.Reason) {
	who := p[d.Subject]
	switch {
	case who == nil:
		return propagate.Skipped, propagate.Erased
	case who.stands[d.Purpose] != d.Sequence:
		return propagate.Superseded, propagate.Newer
	case !slices.ContainsFunc(who.known, func(k knownBy) bool { return slices.Contains(target.Identities, k.kind) }):
		return propagate.Skipped, propagate.MissingIdentity
	}
	return propagate.Sending, propagate.NoReason
}

// opened is what a target is told of someone: all identities of its types, in their
// order, and without the values which they are.
type opened struct {
	*someone
	identities []subject.Identity
	sent       []propagate.Sent
}

// open opens what the target of a delivery is told of a person. It fails where that is
// damaged, so that nobody is told a part of it; the error names the record only.
func (p *Propagation) open(t *tx, who *someone, d delivery, target propagate.Target) (opened, error) {
	key, err := p.db.consents.keyring.open(t.keys, keyName{t.tenant, d.Subject}, who.wrapped)
	if err != nil {
		return opened{}, fmt.Errorf("the key of whom record %d is about cannot be opened, so that %s is not told: %w", d.Sequence, d.Connection, err)
	}
	o, err := who.as(key, target.Identities)
	if err != nil {
		return opened{}, fmt.Errorf("an identity of whom record %d is about cannot be opened, so that %s is not told: %w", d.Sequence, d.Connection, err)
	}
	return o, nil
}

func (p *Propagation) troubles(all []error) {
	for _, err := range all {
		p.db.trouble(err)
	}
}

func (who *someone) as(key *seal.Key, types []subject.Type) (opened, error) {
	type known struct {
		subject.Identity
		linked int64
	}
	all := opened{someone: who}
	for _, kind := range types {
		var some []known
		for _, k := range who.known {
			if k.kind != kind {
				continue
			}
			value, err := key.Open(k.sealed, k.place)
			if err != nil {
				return opened{}, err
			}
			some = append(some, known{subject.Identity{Type: kind, Value: subject.Conceal(string(value))}, k.linked})
		}
		slices.SortFunc(some, func(a, b known) int {
			return cmp.Or(cmp.Compare(a.linked, b.linked), cmp.Compare(a.Value.Reveal(), b.Value.Reveal()))
		})
		for _, o := range some {
			all.identities = append(all.identities, o.Identity)
			all.sent = append(all.sent, propagate.Sent{Type: kind, Linked: o.linked})
		}
	}
	return all, nil
}
