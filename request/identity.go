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
// under the tenant's digest key, read only with the request's key. It makes
// none that is Proven: see Proof.Seal.
func SealIdentity(k Sealer, tenant, id string, i subject.Identity, from Origin, digestKey []byte) Identity {
	if from == Proven {
		panic("request: an identity is proven by a Proof alone")
	}
	stored := Identity{Type: i.Type, Origin: from, Digest: i.Digest(digestKey)}
	stored.seal(k, tenant, id, i)
	return stored
}

func (i *Identity) seal(k Sealer, tenant, id string, known subject.Identity) {
	forms := []string{known.Value.Reveal()} // none can hold a 0 byte
	for _, g := range known.Given {
		forms = append(forms, g.Reveal())
	}
	i.Sealed = k.Seal([]byte(strings.Join(forms, "\x00")), i.associated(tenant, id))
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

// associated ties the ciphertext to its row and its origin, so that it opens
// nowhere else, and what was claimed never as what was proven.
func (i Identity) associated(tenant, id string) []byte {
	place := "request-identity/" + tenant + "/" + id + "/" + string(i.Type) + "/" + i.Digest
	if i.Origin != Vouched {
		place += "/" + string(i.Origin)
	}
	return []byte(place)
}

// Paper is something else that a request works with, sealed under its key:
// custom fields, answers of colleagues, instructions to third parties. A
// request has one of each kind and name.
type Paper struct {
	Kind   string
	Name   string
	Sealed []byte
}

// NewPaper seals what is kept under a kind and a name.
func NewPaper(k Sealer, tenant, id, kind, name string, plain []byte) Paper {
	p := Paper{Kind: kind, Name: name}
	p.Sealed = k.Seal(plain, p.associated(tenant, id))
	return p
}

// Unseal opens a paper.
func (p Paper) Unseal(k Sealer, tenant, id string) ([]byte, error) {
	plain, err := k.Open(p.Sealed, p.associated(tenant, id))
	if err != nil {
		return nil, fmt.Errorf("open a paper of kind %s: %w", p.Kind, err)
	}
	return plain, nil
}

func (p Paper) associated(tenant, id string) []byte {
	return []byte("request-paper/" + tenant + "/" + id + "/" + p.Kind + "/" + p.Name)
}
