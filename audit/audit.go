// Package audit is the log of every act: who did what to which object, when.
// Entries are the leaves of one Merkle tree per tenant, appended in the same
// commit as what they record, so that neither exists without the other.
//
// A leaf holds nothing personal. What is personal about an act (the name of
// an operator, the digest of an identity) stands in its details, to which the
// leaf commits by a salted hash: details can be erased, and every proof still
// verifies.
//
// # Export
//
// An exported log (Exporter writes it, Verify checks it) is JSON Lines: every
// line is one JSON object without space between its tokens, and ends in a
// newline. The first line is the header:
//
//	{"format":"volenti-audit/1","tenant":T,"verifier":V,"checkpoint":C}
//
// V is the public key in the text form of golang.org/x/mod/sumdb/note. C is a
// signed note in the form of https://c2sp.org/tlog-checkpoint: the origin, the
// number of records and the base64 root of the tree over them, a line each.
// The origin is the name of the key. Then follows every record from sequence
// 0 on, a line each:
//
//	{"leaf":L,"salt":S,"details":D}
//
// L is the leaf; its bytes here are those that the tree hashes (RFC 6962
// section 2.1). S is base64, D a JSON object. The leaf's commitment is the hex
// SHA-256 of the 32 bytes of the salt followed by D as it stands. A record
// without details has no D, one with erased details has neither S nor D.
//
// Verifying proves that the records are those that were signed. That none was
// cut off at the end, and that there is no second log, takes an earlier
// checkpoint that was kept elsewhere; that the key is the right one takes a
// key from elsewhere.
package audit

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Entry is one act, before it is logged. It carries nothing personal outside
// Details.
type Entry struct {
	Act    string // "request.approve": noun.verb
	Object string // "request/0198c0de-...": what it was done to
	// Details tell the rest as a JSON object; they are sealed, and erasable.
	Details map[string]any
}

// Record is an entry as logged.
type Record struct {
	Leaf
	Salt    []byte // 32 bytes; nil once erased
	Details []byte // JSON; nil when there were none or once erased
}

// Leaf is what the tree commits to.
type Leaf struct {
	Version    int       `json:"v"` // 1
	Tenant     string    `json:"tenant"`
	Sequence   int64     `json:"seq"` // index in the tree, from 0
	At         time.Time `json:"at"`  // UTC, by the database's clock
	Act        string    `json:"act"`
	Object     string    `json:"object"`
	Commitment string    `json:"commitment"` // hex SHA-256 of salt and details
}

// The sizes of a record in bytes.
const (
	SaltSize   = 32
	MaxDetails = 64 << 10
	maxTenant  = 128
	maxAct     = 128
	maxObject  = 512
)

const leafVersion = 1

// NewRecord makes the record of e with sequence seq. The time is cut to
// microseconds. It refuses an act that is not noun.verb, and what is too
// large.
func NewRecord(tenant string, seq int64, at time.Time, e Entry, salt []byte) (Record, error) {
	var details []byte
	if len(e.Details) > 0 {
		var err error
		if details, err = canonical(e.Details); err != nil {
			return Record{}, errors.New("audit record: the details cannot be written as JSON")
		}
	}
	return Commit(tenant, seq, at, e.Act, e.Object, details, bytes.Clone(salt))
}

// Commit is NewRecord for details that are canonical JSON already: sorted
// keys, no space. It keeps details and salt.
func Commit(tenant string, seq int64, at time.Time, act, object string, details, salt []byte) (Record, error) {
	if len(salt) != SaltSize {
		return Record{}, fmt.Errorf("audit record: the salt has %d bytes and needs %d", len(salt), SaltSize)
	}
	if len(details) > MaxDetails {
		return Record{}, fmt.Errorf("audit record: the details have %d bytes, more than %d", len(details), MaxDetails)
	}
	l := Leaf{leafVersion, tenant, seq, at.UTC().Truncate(time.Microsecond), act, object, commitment(salt, details)}
	if err := l.check(); err != nil {
		return Record{}, fmt.Errorf("audit record: %w", err)
	}
	return Record{Leaf: l, Salt: salt, Details: details}, nil
}

// Bytes is the canonical JSON of the leaf, which the tree hashes. A change of
// one byte of it would break every log that exists.
func (l Leaf) Bytes() []byte {
	b := make([]byte, 0, 256)
	b = strconv.AppendInt(append(b, `{"v":`...), int64(l.Version), 10)
	b = AppendText(append(b, `,"tenant":`...), l.Tenant)
	b = strconv.AppendInt(append(b, `,"seq":`...), l.Sequence, 10)
	b = AppendTime(append(b, `,"at":`...), l.At)
	b = AppendText(append(b, `,"act":`...), l.Act)
	b = AppendText(append(b, `,"object":`...), l.Object)
	b = AppendText(append(b, `,"commitment":`...), l.Commitment)
	return append(b, '}')
}

func (l Leaf) check() error {
	year := l.At.UTC().Year()
	switch {
	case l.Version != leafVersion:
		return fmt.Errorf("the version is not %d", leafVersion)
	case !printable(l.Tenant, maxTenant):
		return fmt.Errorf("the tenant needs 1 to %d bytes of printable text", maxTenant)
	case l.Sequence < 0:
		return errors.New("the sequence is negative")
	case year < 1 || year > 9999 || l.At.IsZero():
		return errors.New("the time is missing or not in the years 1 to 9999")
	case len(l.Act) > maxAct || !nounVerb(l.Act):
		return errors.New("the act is not of the form noun.verb in lower case")
	case !printable(l.Object, maxObject):
		return fmt.Errorf("the object needs 1 to %d bytes of printable text", maxObject)
	}
	return nil
}

func printable(s string, limit int) bool {
	return s != "" && len(s) <= limit && utf8.ValidString(s) &&
		strings.IndexFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) < 0
}

func nounVerb(act string) bool {
	noun, verb, _ := strings.Cut(act, ".")
	return word(noun) && word(verb)
}

func word(s string) bool {
	return s != "" && s[0] != '_' && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz_") == ""
}

func commitment(salt, details []byte) string {
	h := sha256.New()
	h.Write(salt)
	h.Write(details)
	return hex.EncodeToString(h.Sum(nil))
}

// AppendText appends s as canonical JSON.
func AppendText(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			text, _ := canonical(s) // a string can be written
			return append(b, text...)
		}
	}
	return append(append(append(b, '"'), s...), '"')
}

// AppendTime appends t in UTC as canonical JSON.
func AppendTime(b []byte, t time.Time) []byte {
	return append(t.UTC().AppendFormat(append(b, '"'), time.RFC3339Nano), '"')
}

// canonical writes JSON with sorted keys, no space, and no escapes that JSON
// does not ask for.
func canonical(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}
