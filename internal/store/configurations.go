package store

import (
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
)

// Configurations keeps the files of each configuration that was applied,
// sealed: they may hold secrets.
type Configurations struct{ db *DB }

// Configurations gives access to the configurations.
func (db *DB) Configurations() *Configurations { return &Configurations{db} }

// ErrNoConfiguration: none was applied.
var ErrNoConfiguration = errors.New("no configuration was applied")

// Apply makes files the next version, with its entry. Files that are those of
// the latest version leave everything as it is. version is the one that holds
// afterwards.
func (c *Configurations) Apply(ctx context.Context, tenant string, files []source.File, entry audit.Entry) (version int64, err error) {
	plain, err := json.Marshal(files)
	if err != nil {
		return 0, fmt.Errorf("write the configuration: %w", err)
	}
	err = c.db.write(ctx, tenant, func(ctx context.Context, t *tx) error {
		// Whoever takes the ledger's end first has the next version.
		if _, _, err := t.growth.next(ctx, t, t.tenant); err != nil {
			return fmt.Errorf("lock the ledger: %w", err)
		}
		digest := hmac.New(sha256.New, t.keys.RecallKey())
		digest.Write(plain)
		content, latest := hex.EncodeToString(digest.Sum(nil)), ""
		err := t.row(ctx, `SELECT version, content FROM configurations WHERE tenant = $1 ORDER BY version DESC LIMIT 1`, t.tenant).Scan(&version, &latest)
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
