package store

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/google/uuid"

	"volenti.dev/volenti/audit"
	"volenti.dev/volenti/consent"
	"volenti.dev/volenti/internal/seal"
	"volenti.dev/volenti/subject"
)

// batch is a group of choices in one transaction. What it needs is read in a
// few statements, then everything is decided in memory, then written in a few
// statements.
type batch struct {
	c     *Consents
	t     *tx
	rules *consent.Rules
	now   time.Time
	next  int64                // sequence
	facts map[[2]string]string // digests, by purpose and version

	ids []string // of who was named or found

	// What stands, and what the choices taken so far add to it.
	answers map[string]answer             // by digest of the idempotency key
	found   map[string]consent.SubjectID  // by identity
	people  map[consent.SubjectID]*person // alive
	erased  map[consent.SubjectID]bool    // of those that entries name
	states  map[about]*consent.State      // replaced, never changed
	dirty   map[about]bool                // states to be stored
	undo    []func()                      // takes back what one choice changed above
	rows    map[*insertion][][]any        // to be stored
	added   []*insertion                  // to which table each of them was added
	leaves  []audit.Leaf                  //
	linked  []consent.SubjectID           // those who may be known by one more identity
}

// person is a subject with its key.
type person struct {
	wrapped []byte
	key     *seal.Key // nil until it is needed
}

type about struct {
	subject consent.SubjectID
	purpose string
}

// answer is what is kept under an idempotency key: the outcomes, and a digest
// of what was asked. In the table both are sealed with the subject's key, so
// that they go with it; or, from before, in the clear.
type answer struct {
	subject consent.SubjectID
	content string // sealedAnswer: it is in the text
	text    []byte
}

const sealedAnswer = "sealed"

// open locks the end of the tree and reads what the group needs.
func (c *Consents) open(ctx context.Context, t *tx, group []*choices) (*batch, error) {
	b := &batch{
		c: c, t: t, facts: map[[2]string]string{},
		answers: map[string]answer{}, found: map[string]consent.SubjectID{}, people: map[consent.SubjectID]*person{}, erased: map[consent.SubjectID]bool{},
		states: map[about]*consent.State{}, dirty: map[about]bool{}, rows: map[*insertion][][]any{},
	}
	var stamp, digestKey int64
	all := append(t.growth.lock(t.tenant), standing(t.tenant, &stamp, &digestKey))
	if err := t.all(ctx, append(all, b.find(group)...)); err != nil {
		return nil, fmt.Errorf("lock the ledger: %w", err)
	}
	if err := b.follow(ctx, group, digestKey); err != nil {
		return nil, err
	}
	if err := t.all(ctx, b.read()); err != nil {
		return nil, fmt.Errorf("read what people chose before: %w", err)
	}
	if err := b.readErased(ctx, group); err != nil {
		return nil, fmt.Errorf("read who was erased: %w", err)
	}
	for _, text := range b.ids { // who was erased, perhaps by another process
		if id, err := consent.ParseSubjectID(text); err == nil && b.people[id] == nil {
			c.db.consents.keyring.forget(keyName{t.tenant, id})
		}
	}
	next, at, err := t.growth.end(t.tenant)
	if err != nil {
		return nil, fmt.Errorf("lock the ledger: %w", err)
	}
	b.next, b.now = next, instant(at)
	b.rules, err = c.rulesAt(ctx, t, t.tenant, stamp)
	return b, err
}

// follow goes over to the digest keys that stand, for choices that were
// digested under others: another process may have rotated them, and what is
// written with the ledger locked must be found by all.
func (b *batch) follow(ctx context.Context, group []*choices, digestKey int64) (err error) {
	if digestKey != b.t.keys.DigestKeyNumber() {
		if b.t.keys, err = b.c.db.unwrap(ctx, b.t, b.t.tenant); err != nil {
			return err
		}
		b.c.db.followKeys(b.t)
	}
	again := false
	for _, p := range group {
		if p.digestKey != digestKey {
			p.digest(b.t.keys)
			again = true
		}
	}
	if !again {
		return nil
	}
	b.ids = nil
	clear(b.found)
	if err := b.t.all(ctx, b.find(group)); err != nil {
		return fmt.Errorf("find whose choices these are: %w", err)
	}
	return nil
}

// take decides about one Append: all of its entries, or none.
func (b *batch) take(p *choices) (outcomes []consent.Outcome, err error) {
	if a, ok := b.answers[p.key]; ok && p.key != "" {
		return b.again(p, a)
	}
	if p.only == nil {
		if err := b.rules.Check(p.key, p.entries, b.now); err != nil {
			return nil, err
		}
	}
	next, leaves, added := b.next, len(b.leaves), len(b.added)
	b.undo = b.undo[:0]
	defer func() {
		if err == nil {
			return
		}
		for _, f := range slices.Backward(b.undo) {
			f()
		}
		for _, table := range b.added[added:] {
			b.rows[table] = b.rows[table][:len(b.rows[table])-1]
		}
		b.next, b.leaves, b.added = next, b.leaves[:leaves], b.added[:added]
	}()
	for i, e := range p.entries {
		id, err := b.person(p, i, e)
		if err != nil {
			return nil, err
		}
		o, err := b.choose(id, e, p.only)
		if err != nil {
			return nil, err
		}
		outcomes = append(outcomes, o)
	}
	if p.key != "" {
		if err := b.remember(p, outcomes); err != nil {
			return nil, err
		}
	}
	return outcomes, nil
}

// person finds or makes the subject of an entry.
func (b *batch) person(p *choices, i int, e consent.Entry) (consent.SubjectID, error) {
	id, none := e.Subject, consent.SubjectID{}
	for n, identity := range e.Identities {
		known, ok := b.known(identity, p.digests[i][n])
		if !ok {
			continue
		}
		if id != none && id != known {
			return none, &consent.Invalid{Violations: []consent.Violation{{Entry: i, Field: "subject", Text: "the identities belong to different subjects"}}}
		}
		id = known
	}
	known := id != none
	if !known {
		fresh, err := uuid.NewV7FromReader(b.t.rand)
		if err != nil {
			return none, fmt.Errorf("make an id: %w", err)
		}
		id = consent.SubjectID(fresh)
		key, wrapped, err := b.t.keys.NewKey(keyOf(id))
		if err != nil {
			return none, err
		}
		set(b, b.people, id, &person{wrapped, key})
		b.c.db.consents.keyring.keep(keyName{b.t.tenant, id}, person{wrapped, key})
		b.add(intoSubjects, id.String(), micros(b.now), int64(0))
		b.add(intoKeys, keyOf(id), wrapped)
	}
	if b.erased[id] {
		return none, consent.ErrErased
	}
	if b.people[id] == nil {
		return none, consent.ErrNotFound
	}
	for n, identity := range e.Identities {
		digests := p.digests[i][n]
		if _, ok := b.known(identity, digests); ok {
			continue
		}
		set(b, b.found, nameOf(identity, digests[0]), id)
		if known {
			b.linked = append(b.linked, id)
		}
		key, err := b.keyOf(id)
		if err != nil {
			return none, err
		}
		b.add(intoIdentities, string(identity.Type), digests[0], b.t.keys.DigestKeyNumber(), id.String(),
			key.Seal([]byte(identity.Value.Reveal()), identityOf(b.t.tenant, identity.Type, digests[0])), b.next)
	}
	return id, nil
}

// keyOf gives the key of a subject that is alive.
func (b *batch) keyOf(id consent.SubjectID) (*seal.Key, error) {
	p := b.people[id]
	if p.key == nil {
		key, err := b.c.db.consents.keyring.open(b.t.keys, keyName{b.t.tenant, id}, p.wrapped)
		if err != nil {
			return nil, err
		}
		p.key = key
	}
	return p.key, nil
}

// choose makes the record of one entry, where there is one to be made.
func (b *batch) choose(id consent.SubjectID, e consent.Entry, only *int64) (o consent.Outcome, err error) {
	a := about{id, e.Purpose}
	prior := b.states[a]
	o = consent.Outcome{Subject: id, Purpose: e.Purpose}
	stands := func() consent.Outcome {
		o.Choice, o.Record, o.Sequence = prior.Choice, prior.Record, prior.Sequence
		return o
	}
	given := e.Given.UTC().Truncate(time.Microsecond)
	if e.Given.IsZero() {
		given = b.now
	} else if prior != nil && given.Before(prior.Given) {
		o.Older = true
		return stands(), nil
	}
	version, shown, language := b.rules.Shown(e, prior)
	choice, record := consent.Decide(prior, e, version, prior != nil && b.rules.Ended(e.Purpose, prior.Given, b.now))
	if only != nil {
		choice, record = consent.Expired, prior != nil && prior.Choice == consent.Granted && prior.Sequence == *only
	}
	if !record {
		o.Unchanged = true
		if prior == nil {
			return o, nil
		}
		return stands(), nil
	}
	r := consent.Record{
		Sequence: b.next, Subject: id, Purpose: e.Purpose, Choice: choice, At: b.now, Given: given,
		Notice: version, Digest: shown, Language: language, LegalBasis: e.LegalBasis, Source: e.Source, Supersedes: -1,
	}
	if r.LegalBasis == "" {
		r.LegalBasis = "consent"
	}
	if prior != nil {
		r.Supersedes = prior.Sequence
	}
	if r.Facts, err = b.factsOf(e.Purpose, version); err != nil {
		return o, err
	}
	if err := b.record(&r, e.Trace()); err != nil {
		return o, err
	}
	b.settle(a, r, e.Shown)
	prior, o.At = b.states[a], r.At
	return stands(), nil
}

// factsOf gives the digest of what receipts say of the purpose and version.
func (b *batch) factsOf(purpose, version string) (digest string, err error) {
	of := [2]string{purpose, version}
	if digest, ok := b.facts[of]; ok {
		return digest, nil
	}
	if _, digest, err = b.rules.Facts(purpose, version); err == nil {
		b.facts[of] = digest
	}
	return digest, err
}

// record adds the rows of a record, which is a leaf too.
func (b *batch) record(r *consent.Record, trace consent.Trace) error {
	id, err := uuid.NewV7FromReader(b.t.rand)
	if err != nil {
		return fmt.Errorf("make an id: %w", err)
	}
	r.ID = id.String()
	tenant := b.t.tenant
	salts := make([]byte, 2*audit.SaltSize)
	if _, err := io.ReadFull(b.t.rand, salts); err != nil {
		return fmt.Errorf("make a salt: %w", err)
	}
	if trace != (consent.Trace{}) {
		text, err := json.Marshal(trace)
		if err != nil {
			return fmt.Errorf("write the trace: %w", err)
		}
		plain := slices.Concat(salts[audit.SaltSize:], text)
		sum := sha256.Sum256(plain)
		r.Trace = hex.EncodeToString(sum[:])
		key, err := b.keyOf(r.Subject)
		if err != nil {
			return err
		}
		b.add(intoTraces, r.Sequence, key.Seal(plain, traceOf(tenant, r.Sequence)))
	}
	logged, err := r.Logged(tenant, salts[:audit.SaltSize:audit.SaltSize])
	if err != nil {
		return err
	}
	b.add(intoRecords, r.Sequence, r.ID, r.Subject.String(), r.Purpose, string(r.Choice), micros(r.At), micros(r.Given),
		r.Notice, r.Digest, r.Language, r.LegalBasis, string(r.Source), r.Supersedes, r.Trace, r.Facts,
		int64(logged.Version), logged.Salt, logged.Commitment)
	b.leaves = append(b.leaves, logged.Leaf)
	b.next++
	return nil
}

// settle makes the record the state of what it is about.
func (b *batch) settle(a about, r consent.Record, shown *consent.Shown) {
	era := b.rules.Era(r.Purpose, r.Notice)
	if prior := b.states[a]; shown != nil {
		era = b.rules.EraAt(r.Purpose, shown.Published)
	} else if prior != nil && prior.Notice == r.Notice {
		era = prior.Era // a banner is no notice that the rules know
	}
	s := &consent.State{
		Record: r.ID, Sequence: r.Sequence, Choice: r.Choice, Given: r.Given,
		Notice: r.Notice, Digest: r.Digest, Language: r.Language, Era: era,
	}
	set(b, b.states, a, s)
	set(b, b.dirty, a, true)
}

// again gives the outcomes that were kept, to who asks the same.
func (b *batch) again(p *choices, a answer) (outcomes []consent.Outcome, err error) {
	content, text := a.content, a.text
	if content == sealedAnswer {
		if b.people[a.subject] == nil { // erased: a late retry must not bring the person back
			return nil, consent.ErrConflict
		}
		key, err := b.keyOf(a.subject)
		if err != nil {
			return nil, err
		}
		plain, err := key.Open(text, keptUnder(b.t.tenant, p.key))
		if err != nil || len(plain) < len(p.content) {
			return nil, errors.New("what was answered before cannot be opened")
		}
		content, text = string(plain[:len(p.content)]), plain[len(p.content):]
	}
	if content != p.content {
		return nil, consent.ErrConflict
	}
	if err := json.Unmarshal(text, &outcomes); err != nil {
		return nil, fmt.Errorf("read what was answered before: %w", err)
	}
	return outcomes, nil
}

// remember keeps the answer for who sends the same again.
func (b *batch) remember(p *choices, outcomes []consent.Outcome) error {
	text, err := json.Marshal(outcomes)
	if err != nil {
		panic("store: " + err.Error()) // outcomes are plain text and numbers
	}
	id := outcomes[0].Subject
	key, err := b.keyOf(id)
	if err != nil {
		return err
	}
	sealed := key.Seal(append([]byte(p.content), text...), keptUnder(b.t.tenant, p.key))
	set(b, b.answers, p.key, answer{id, sealedAnswer, sealed})
	b.add(intoAnswers, p.key, sealedAnswer, id.String(), sealed)
	return nil
}

// keptUnder is the associated data of a sealed answer.
func keptUnder(tenant, key string) []byte { return fmt.Appendf(nil, "consent-key/%s/%s", tenant, key) }

func (b *batch) add(into *insertion, row ...any) {
	b.rows[into] = append(b.rows[into], row)
	b.added = append(b.added, into)
}

func nameOf(i subject.Identity, digest string) string { return string(i.Type) + "/" + digest }

// known gives the subject who has this identity, under whichever key.
func (b *batch) known(i subject.Identity, digests []string) (consent.SubjectID, bool) {
	for _, digest := range digests {
		if id, ok := b.found[nameOf(i, digest)]; ok {
			return id, true
		}
	}
	return consent.SubjectID{}, false
}

// set changes a map of the batch so that it can be taken back.
func set[K comparable, V any](b *batch, m map[K]V, k K, v V) {
	old, had := m[k]
	b.undo = append(b.undo, func() {
		if had {
			m[k] = old
		} else {
			delete(m, k)
		}
	})
	m[k] = v
}

func keyOf(id consent.SubjectID) string { return "subject/" + id.String() }

func identityOf(tenant string, t subject.Type, digest string) []byte {
	return fmt.Appendf(nil, "identity/%s/%s/%s", tenant, t, digest)
}

func traceOf(tenant string, seq int64) []byte { return fmt.Appendf(nil, "consent/%s/%d", tenant, seq) }
