package store

import (
	"bytes"
	"sync"

	"volenti.dev/volenti/consent"
	"volenti.dev/volenti/internal/seal"
)

// keyring keeps keys of subjects, unwrapped, so that it is not done again for
// who comes back soon. It gives a key only to who has read its wrapped form:
// that of an erased subject is gone, whoever erased it.
type keyring struct {
	mu     sync.Mutex
	young  map[keyName]person // at most half of keyringSize
	former map[keyName]person // the half before
}

type keyName struct {
	tenant string
	id     consent.SubjectID
}

// keyringSize bounds the keys in memory; one takes about a kilobyte.
const keyringSize = 4096

// open gives the subject's key.
func (r *keyring) open(keys *seal.Tenant, name keyName, wrapped []byte) (*seal.Key, error) {
	r.mu.Lock()
	known, ok := r.young[name]
	if !ok {
		known = r.former[name]
	}
	r.mu.Unlock()
	if known.key != nil && bytes.Equal(known.wrapped, wrapped) {
		return known.key, nil
	}
	key, err := keys.OpenKey(keyOf(name.id), wrapped)
	if err == nil {
		r.keep(name, person{wrapped, key})
	}
	return key, err
}

func (r *keyring) keep(name keyName, p person) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.young == nil || len(r.young) >= keyringSize/2 {
		r.young, r.former = map[keyName]person{}, r.young
	}
	r.young[name] = p
}

func (r *keyring) forget(name keyName) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.young, name)
	delete(r.former, name)
}
