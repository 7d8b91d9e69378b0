package request

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/big"
	"strings"
	"time"

	"volenti.dev/volenti/subject"
)

// How codes are (SE2).
const (
	CodeDigits = 8
	CodeLasts  = 10 * time.Minute
	CodeTries  = 5
)

// ErrRefused: the code is not right, or is no longer good. Which of them is
// not told.
var ErrRefused = errors.New("the code is not right or no longer good")

// Party is who answers with a code.
type Party string

// The parties of a request.
const (
	Person Party = "person" // whose data it is
	Agent  Party = "agent"  // who asks for them
)

// Challenge is a code that was sent to an identity, as it is kept: under which
// HMAC. Whoever reads one to judge an answer counts that as a try first.
type Challenge struct {
	Tenant  string
	Request string
	Party   Party
	Type    subject.Type
	Digest  string // of the identity
	MAC     []byte
}

// NewChallenge draws a code to be sent to an identity. The key is one of the
// tenant's.
func NewChallenge(tenant, id string, party Party, to subject.Identity, key []byte, random io.Reader) (c Challenge, code string, err error) {
	n, err := rand.Int(random, big.NewInt(100_000_000))
	if err != nil {
		return c, "", fmt.Errorf("draw a code: %w", err)
	}
	code = fmt.Sprintf("%0*d", CodeDigits, n)
	c = Challenge{Tenant: tenant, Request: id, Party: party, Type: to.Type, Digest: to.Digest(key)}
	c.MAC = c.mac(code, key)
	return c, code, nil
}

// mac ties the code to the request and to the identity.
func (c Challenge) mac(code string, key []byte) []byte {
	m := hmac.New(sha256.New, key)
	m.Write([]byte(strings.Join([]string{"request-code", c.Tenant, c.Request, string(c.Party), string(c.Type), c.Digest, code}, "\x00")))
	return m.Sum(nil)
}

// Answer judges a code; ErrRefused when it is another one.
func (c Challenge) Answer(code string, key []byte) (Proof, error) {
	if len(code) != CodeDigits || !hmac.Equal(c.MAC, c.mac(code, key)) {
		return Proof{}, ErrRefused
	}
	return Proof{c}, nil
}

// Proof says that somebody has answered at an identity. Only Answer makes one,
// and without one no identity becomes Proven (SE1).
type Proof struct{ of Challenge }

// Tenant is whose request it is about.
func (p Proof) Tenant() string { return p.of.Tenant }

// Request is the id of the request.
func (p Proof) Request() string { return p.of.Request }

// Party is who has answered.
func (p Proof) Party() Party { return p.of.Party }

// Covers says whether it is this identity that was answered at.
func (p Proof) Covers(i Identity) bool {
	return p.of.Request != "" && p.of.Party == Person && p.of.Type == i.Type && p.of.Digest == i.Digest
}

// Seal gives the identity that was answered at as Proven, in the place of what
// was Claimed.
func (p Proof) Seal(k Sealer, claimed Identity) (Identity, error) {
	if !p.Covers(claimed) {
		return Identity{}, errors.New("seal an identity as proven: another one was answered at")
	}
	known, err := claimed.Unseal(k, p.of.Tenant, p.of.Request)
	if err != nil {
		return Identity{}, err
	}
	proven := claimed
	proven.Origin = Proven
	proven.seal(k, p.of.Tenant, p.of.Request, known)
	return proven, nil
}
