package store

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"sync"
	"time"

	"volenti.dev/volenti/internal/seal"
)

// What a record tells of the network that a choice came from is a digest under
// a key of the tenant that lives for a month: equal networks can be told within
// it, which shows forged choices, and no more. A digest without a key would be
// the network itself, of which there are few enough to try all. The key is
// destroyed after thirteen months, and then nobody can try any.
const (
	networkDigits = 16 // of the hex
	networkMonths = 13
)

// networks keeps the key of the month of each tenant, once it is stored.
type networks struct {
	mu   sync.Mutex
	keys map[string]networkKey // by tenant
}

type networkKey struct {
	owner string
	key   *seal.Key
}

func networkOf(month time.Time) string { return "network/" + month.UTC().Format("2006-01") }

// networkDigest gives what is kept of a truncated address, "" for "".
func (t *tx) networkDigest(ctx context.Context, n *networks, network string, at time.Time) (string, error) {
	if network == "" {
		return "", nil
	}
	key, err := t.networkKey(ctx, n, networkOf(at))
	if err != nil {
		return "", fmt.Errorf("digest a network: %w", err)
	}
	mac := hmac.New(sha256.New, key.Derive("network"))
	mac.Write([]byte(network))
	return hex.EncodeToString(mac.Sum(nil))[:networkDigits], nil
}

// networkKey finds or makes the key of a month. The tenant's log is locked, so
// that no two make it.
func (t *tx) networkKey(ctx context.Context, n *networks, owner string) (*seal.Key, error) {
	n.mu.Lock()
	known := n.keys[t.tenant]
	n.mu.Unlock()
	if known.owner == owner {
		return known.key, nil
	}
	var wrapped []byte
	err := t.row(ctx, `SELECT wrapped FROM keys WHERE tenant = $1 AND owner = $2`, t.tenant, owner).Scan(&wrapped)
	var key *seal.Key
	switch {
	case errors.Is(err, sql.ErrNoRows):
		if key, wrapped, err = t.keys.NewKey(owner); err == nil {
			err = t.keep(ctx, owner, wrapped)
		}
	case err == nil:
		key, err = t.keys.OpenKey(owner, wrapped)
	}
	if err != nil {
		return nil, err
	}
	t.growth.after = append(t.growth.after, func(stands bool) {
		if stands {
			n.mu.Lock()
			defer n.mu.Unlock()
			if n.keys == nil {
				n.keys = map[string]networkKey{}
			}
			n.keys[t.tenant] = networkKey{owner, key}
		}
	})
	return key, nil
}

// forgetNetworks destroys the keys that have had their time.
func (t *tx) forgetNetworks(ctx context.Context, at time.Time) error {
	first := time.Date(at.Year(), at.Month()-networkMonths, 1, 0, 0, 0, 0, time.UTC)
	gone, err := t.exec(ctx, `DELETE FROM keys WHERE tenant = $1 AND owner >= 'network/' AND owner < $2`, t.tenant, networkOf(first))
	if err != nil {
		return fmt.Errorf("destroy keys of networks: %w", err)
	}
	t.growth.destroyed = t.growth.destroyed || gone > 0
	return nil
}
