package store

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"sync"

	"volenti.dev/volenti/consent"
	"volenti.dev/volenti/subject"
)

// known are subjects that were found lately by an identity, on an embedded
// database, where nobody else can erase one. An erasure empties it: they are
// rare beside checks, and an identity may be a new subject's afterwards.
//
// Identities themselves are not in it: what they are found by is a digest
// under a secret of the process.
type known struct {
	secret [sha256.Size]byte

	mu      sync.RWMutex
	young   map[whose]consent.SubjectID
	old     map[whose]consent.SubjectID // found before the young ones
	changes int                         // what is read before one is out of date after it
	closed  bool
}

type whose [sha256.Size]byte

// mostKnown is how many there are at most, each some hundred bytes.
const mostKnown = 100_000

// Find gives the subject who is known by an identity, or consent.ErrNotFound.
func (c *Consents) Find(ctx context.Context, tenant string, identity subject.Identity) (consent.SubjectID, error) {
	if !c.db.Exclusive() {
		return c.find(ctx, tenant, identity)
	}
	k := &c.db.consents.known
	who := k.digest(tenant, identity)
	id, mark := k.lately(who)
	if id != (consent.SubjectID{}) {
		return id, nil
	}
	id, err := c.find(ctx, tenant, identity)
	if err == nil {
		k.keep(who, id, mark)
	}
	return id, err
}

func (k *known) digest(tenant string, identity subject.Identity) whose {
	b := append(make([]byte, 0, 256), k.secret[:]...)
	for _, part := range [...]string{tenant, string(identity.Type)} {
		b = append(binary.LittleEndian.AppendUint32(b, uint32(len(part))), part...)
	}
	return sha256.Sum256(append(b, identity.Value.Reveal()...))
}

// lately gives who was found, if anyone, and a mark for keep.
func (k *known) lately(who whose) (id consent.SubjectID, mark int) {
	k.mu.RLock()
	defer k.mu.RUnlock()
	id, ok := k.young[who]
	if !ok {
		id = k.old[who]
	}
	return id, k.changes
}

// keep keeps what was read after mark, unless somebody was erased since. When
// there are many, those that were not found lately go.
func (k *known) keep(who whose, id consent.SubjectID, mark int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.changes != mark || k.closed {
		return
	}
	if k.young == nil || len(k.young) >= mostKnown/2 {
		k.young, k.old = map[whose]consent.SubjectID{}, k.young
	}
	k.young[who] = id
}

// forget forgets all, before an erasure is told to anyone.
func (k *known) forget() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.changes++
	k.young, k.old = nil, nil
}

// close is for when another process may erase somebody.
func (k *known) close() {
	k.forget()
	k.mu.Lock()
	defer k.mu.Unlock()
	k.closed = true
}
