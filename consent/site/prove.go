package site

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

// How the codes are by which a visitor proves an address (B28).
const (
	CodeDigits = 8
	CodeLasts  = 15 * time.Minute
	CodeTries  = 5
)

// Sentinels of linking.
var (
	// ErrRefused: the code is not right, or is no longer good. Which of them is
	// not told.
	ErrRefused = errors.New("the code is not right or no longer good")
	// ErrLinked: the device is linked to a person already.
	ErrLinked = errors.New("the device is linked: unlink it first")
)

// The acts of linking; their object is that of the consent.
const (
	ActLinked   = "device.link"
	ActUnlinked = "device.unlink"
)

// Challenge is a code that was sent to an address, as it is kept: under which
// HMAC. Whoever reads one to judge an answer counts that as a try first.
type Challenge struct {
	Tenant string
	Site   string // id
	Device string // digest
	Digest string // of the address
	MAC    []byte
}

// NewChallenge draws a code that is to link a device. The key is one of the
// tenant's.
func NewChallenge(tenant, site, device string, to subject.Identity, key []byte, random io.Reader) (c Challenge, code string, err error) {
	n, err := rand.Int(random, big.NewInt(100_000_000))
	if err != nil {
		return c, "", fmt.Errorf("draw a code: %w", err)
	}
	code = fmt.Sprintf("%0*d", CodeDigits, n)
	c = Challenge{Tenant: tenant, Site: site, Device: device, Digest: to.Digest(key)}
	c.MAC = c.mac(code, key)
	return c, code, nil
}

// mac ties the code to the device and to the address.
func (c Challenge) mac(code string, key []byte) []byte {
	m := hmac.New(sha256.New, key)
	m.Write([]byte(strings.Join([]string{"device-code", c.Tenant, c.Site, c.Device, c.Digest, code}, "\x00")))
	return m.Sum(nil)
}

// Answer judges a code; ErrRefused when it is another one.
func (c Challenge) Answer(code string, key []byte) (Proof, error) {
	if len(code) != CodeDigits || !hmac.Equal(c.MAC, c.mac(code, key)) {
		return Proof{}, ErrRefused
	}
	return Proof{c}, nil
}

// Proof says that who has the device has answered at an address. Only Answer
// makes one.
type Proof struct{ of Challenge }

// Of is the challenge that was answered.
func (p Proof) Of() Challenge { return p.of }
