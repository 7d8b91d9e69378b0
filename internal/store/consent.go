package store

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"sync"

	"volenti.dev/volenti/consent"
	"volenti.dev/volenti/internal/seal"
)

// Consents keeps the consent ledger. Records are leaves of the tenant's audit
// tree; whoever adds some locks the end of the tree first and reads then, so
// that in a tenant all choices come one after the other, on PostgreSQL too.
//
//	Append -> line: what waits goes into one transaction -> batch.go
type Consents struct{ db *DB }

var _ consent.Ledger = (*Consents)(nil)

// Consents gives access to the consent ledger.
func (db *DB) Consents() *Consents { return &Consents{db} }

// consents is what a process keeps in memory of the ledgers.
type consents struct {
	lines lines[*choices]

	mu       sync.Mutex
	rules    map[string]*consent.Rules
	memories map[string]*memory // on an exclusive database
	closed   bool

	known   known
	keyring keyring

	background context.Context // of what loads the memories
	stop       context.CancelFunc
	loads      sync.WaitGroup
}

// choices are the entries of one Append.
type choices struct {
	ctx     context.Context
	key     string // digest; "" for none
	content string // digest
	entries []consent.Entry
	// digests of the identities of each entry, each under every key that it may
	// be found by, the newest first; and the number of that one.
	digests   [][][]string
	digestKey int64
	only      *int64 // the record that must stand for all this to happen, of a sweep

	outcomes []consent.Outcome
	err      error
	turn     chan bool // true: it is done; false: it has the turn
}

func newChoices(ctx context.Context, entries []consent.Entry, keys *seal.Tenant) *choices {
	p := &choices{ctx: ctx, entries: entries, turn: make(chan bool, 1)}
	p.digest(keys)
	return p
}

func (p *choices) told() chan bool { return p.turn }

// digest digests the identities, before the ledger is locked; and once more
// when it turns out that the key was rotated meanwhile.
func (p *choices) digest(keys *seal.Tenant) {
	secrets := keys.DigestKeys()
	p.digestKey, p.digests = keys.DigestKeyNumber(), make([][][]string, len(p.entries))
	for i, e := range p.entries {
		for _, identity := range e.Identities {
			under := make([]string, len(secrets))
			for k, secret := range secrets {
				under[k] = identity.Digest(secret)
			}
			p.digests[i] = append(p.digests[i], under)
		}
	}
}

// Append implements consent.Ledger.
func (c *Consents) Append(ctx context.Context, tenant, key string, entries []consent.Entry) ([]consent.Outcome, error) {
	keys, err := c.db.Tenant(ctx, tenant)
	if err != nil {
		return nil, err
	}
	p := newChoices(ctx, entries, keys)
	if key != "" {
		secret := keys.RecallKey()
		p.key, p.content = digest(secret, "key", key), digest(secret, "content", contentOf(entries, secret))
	}
	c.wait(tenant, p)
	return p.outcomes, p.err
}

// wait returns when the choices are durable or refused.
func (c *Consents) wait(tenant string, p *choices) {
	c.db.consents.lines.tenant(tenant).wait(p, whoseTurn, func(group []*choices) { c.together(tenant, group) })
}

// whoseTurn takes those along whose turn it is: the first that waits, and of the
// others as many as make no more entries than one large Append and a group of
// single choices. Who imports much lets those pass who choose now: they wait
// for one slice of an import, not for all that wait before them.
func whoseTurn(waiting []*choices) (group, rest []*choices) {
	entries := 0
	for _, p := range waiting {
		if len(group) > 0 && (len(group) == groupLimit || entries+len(p.entries) > consent.MaxEntries+groupLimit) {
			rest = append(rest, p)
			continue
		}
		entries += len(p.entries)
		group = append(group, p)
	}
	return group, rest
}

// together writes a group. One that cannot be written must not take the
// others with it, so after a failure that is about the content each goes by
// itself.
func (c *Consents) together(tenant string, group []*choices) {
	// The others do not end with the one whose turn it is.
	ctx := context.WithoutCancel(group[0].ctx)
	err := c.write(ctx, tenant, group)
	if err == nil {
		return
	}
	alone := len(group) > 1 && !errors.Is(err, ErrUnknown) && !errors.Is(err, ErrUnavailable)
	for _, p := range group {
		if alone {
			err = c.write(ctx, tenant, []*choices{p})
		}
		var log *unstored
		switch {
		case errors.As(err, &log): // also alone
			p.outcomes, p.err = nil, unwritable("append consent records", err)
		case err != nil:
			p.outcomes, p.err = nil, fmt.Errorf("append consent records: %w", err)
		}
	}
}

func (c *Consents) write(ctx context.Context, tenant string, group []*choices) error {
	return c.db.write(ctx, tenant, func(ctx context.Context, t *tx) error {
		b, err := c.open(ctx, t, group)
		if err != nil {
			return err
		}
		for _, p := range group {
			p.outcomes, p.err = nil, p.ctx.Err()
			if p.err == nil {
				p.outcomes, p.err = b.take(p)
			}
		}
		return b.flush(ctx)
	})
}

// contentOf writes what entries say, for a digest.
func contentOf(entries []consent.Entry, secret []byte) string {
	type content struct {
		Entry      consent.Entry
		Identities []string
		Trace      consent.Trace
	}
	all := make([]content, len(entries))
	for i, e := range entries {
		all[i] = content{Entry: e, Trace: e.Trace()}
		for _, id := range e.Identities {
			all[i].Identities = append(all[i].Identities, string(id.Type)+"/"+id.Digest(secret))
		}
		all[i].Entry.Identities = nil
	}
	b, err := json.Marshal(all)
	if err != nil { // a time beyond the year 9999, which the rules refuse
		return "unwritable"
	}
	return string(b)
}

func digest(secret []byte, kind, text string) string {
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte("consent/" + kind + "\x00" + text))
	return hex.EncodeToString(mac.Sum(nil))
}
