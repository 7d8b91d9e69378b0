package request

import (
	"fmt"
	"strings"

	"volenti.dev/volenti/subject"
)

// Sealer seals and opens under the key of one request.
type Sealer interface {
	Seal(plain, associated []byte) []byte
	Open(sealed, associated []byte) ([]byte, error)
}

// Key seals the working data of one request, and derives its secrets.
type Key interface {
	Sealer
	Derive(purpose string) []byte
}

// SealIdentity makes the stored form of an identity: found by the digest
// under the tenant's digest key, read only with the request's key.
func SealIdentity(k Sealer, tenant, id string, i subject.Identity, digestKey []byte) Identity {
	stored := Identity{Type: i.Type, Digest: i.Digest(digestKey)}
	forms := []string{i.Value.Reveal()} // none can hold a 0 byte
	for _, g := range i.Given {
		forms = append(forms, g.Reveal())
	}
	stored.Sealed = k.Seal([]byte(strings.Join(forms, "\x00")), stored.associated(tenant, id))
	return stored
}

// Unseal opens a stored identity.
func (i Identity) Unseal(k Sealer, tenant, id string) (subject.Identity, error) {
	plain, err := k.Open(i.Sealed, i.associated(tenant, id))
	if err != nil {
		return subject.Identity{}, fmt.Errorf("open identity of type %s: %w", i.Type, err)
	}
	forms := strings.Split(string(plain), "\x00")
	known := subject.Identity{Type: i.Type, Value: subject.Conceal(forms[0])}
	for _, given := range forms[1:] {
		known.Given = append(known.Given, subject.Conceal(given))
	}
	return known, nil
}

// associated ties the ciphertext to its row, so that it opens nowhere else.
func (i Identity) associated(tenant, id string) []byte {
	return []byte("request-identity/" + tenant + "/" + id + "/" + string(i.Type) + "/" + i.Digest)
}
