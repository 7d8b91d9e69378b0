package store

import (
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"

	"volenti.dev/volenti/audit"
	"volenti.dev/volenti/config/source"
	"volenti.dev/volenti/datamap/inventory"
)

// Configurations keeps the files of each configuration that was applied,
// sealed: they may hold secrets.
type Configurations struct{ db *DB }

// Configurations gives access to the configurations.
func (db *DB) Configurations() *Configurations { return &Configurations{db} }

// ErrNoConfiguration: none was applied.
var ErrNoConfiguration = errors.New("no configuration was applied")

// Apply makes files the next version, with its entry, and what they declare the
// managed part of the inventory. Files that are those of the latest version make
// no other. version is the one that holds afterwards.
//
// inventoried is how often the inventory had been changed when the files were
// checked together with it: inventory.ErrChanged when it has been since. The error
// is an *inventory.Clash where they declare what was made elsewhere.
func (c *Configurations) Apply(ctx context.Context, tenant string, files []source.File, d inventory.Declared, inventoried int64, entry audit.Entry) (version int64, err error) {
	plain, err := json.Marshal(files)
	if err != nil {
		return 0, fmt.Errorf("write the configuration: %w", err)
	}
	err = c.db.write(ctx, tenant, func(ctx context.Context, t *tx) error {
		// Whoever takes the ledger's end first has the next version.
		_, now, err := t.growth.next(ctx, t, t.tenant)
		if err != nil {
			return fmt.Errorf("lock the ledger: %w", err)
		}
		if seen, err := seenIn(ctx, t, t.tenant); err != nil || seen.Inventory != inventoried {
			return cmp.Or(err, inventory.ErrChanged)
		}
		if err := t.declare(ctx, d, now); err != nil {
			return err
		}
		version = 0
		digest := hmac.New(sha256.New, t.keys.RecallKey())
		digest.Write(plain)
		content, latest := hex.EncodeToString(digest.Sum(nil)), ""
		err = t.row(ctx, `SELECT version, content FROM configurations WHERE tenant = $1 ORDER BY version DESC LIMIT 1`, t.tenant).Scan(&version, &latest)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return fmt.Errorf("read the latest configuration: %w", err)
		}
		if latest == content {
			return nil
		}
		version++
		_, err = t.exec(ctx, `INSERT INTO configurations (tenant, version, content, sealed, applied) VALUES ($1, $2, $3, $4, {now})`,
			t.tenant, version, content, t.keys.Seal(plain, configurationPlace(t.tenant, version)))
		if err != nil {
			return fmt.Errorf("store a configuration: %w", err)
		}
		return t.log(ctx, entry)
	})
	return version, err
}

// Version is the number of the latest version; 0 when none was applied.
func (c *Configurations) Version(ctx context.Context, tenant string) (version int64, err error) {
	err = c.db.engine.row(ctx, `SELECT COALESCE(MAX(version), 0) FROM configurations WHERE tenant = $1`, tenant).Scan(&version)
	if err != nil {
		return 0, fmt.Errorf("read the version of the configuration: %w", err)
	}
	return version, nil
}

// Latest gives the files of the latest version, or ErrNoConfiguration.
func (c *Configurations) Latest(ctx context.Context, tenant string) (version int64, files []source.File, err error) {
	keys, err := c.db.Tenant(ctx, tenant)
	if err != nil {
		return 0, nil, err
	}
	var sealed []byte
	err = c.db.engine.row(ctx, `SELECT version, sealed FROM configurations WHERE tenant = $1 ORDER BY version DESC LIMIT 1`, tenant).Scan(&version, &sealed)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, nil, ErrNoConfiguration
	}
	if err != nil {
		return 0, nil, fmt.Errorf("read the configuration: %w", err)
	}
	plain, err := keys.Open(sealed, configurationPlace(tenant, version))
	if err != nil {
		return 0, nil, fmt.Errorf("open version %d of the configuration: %w", version, err)
	}
	if err := json.Unmarshal(plain, &files); err != nil {
		return 0, nil, fmt.Errorf("version %d of the configuration is damaged", version)
	}
	return version, files, nil
}

func configurationPlace(tenant string, version int64) []byte {
	return fmt.Appendf(nil, "configuration/%s/%d", tenant, version)
}
