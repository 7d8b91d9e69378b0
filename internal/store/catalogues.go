package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"volenti.dev/volenti/audit"
	"volenti.dev/volenti/datamap/catalogue"
)

// Catalogues keeps what connected databases said of themselves, in versions.
type Catalogues struct{ db *DB }

// Catalogues gives access to the stored catalogues.
func (db *DB) Catalogues() *Catalogues { return &Catalogues{db} }

// Latest gives the last version of a connection's catalogue, nil when none is
// stored yet.
func (s *Catalogues) Latest(ctx context.Context, tenant, connection string) (*catalogue.Stored, error) {
	c, err := latestCatalogue(ctx, s.db.engine, tenant, connection)
	if err != nil {
		return nil, fmt.Errorf("read the stored catalogue of %s: %w", connection, err)
	}
	return c, nil
}

// Keep stores a catalogue that was just read. One that differs from the last
// becomes a new version, with an entry in the audit log; otherwise only the
// time is noted. It gives the version that holds now.
func (s *Catalogues) Keep(ctx context.Context, tenant, connection string, live *catalogue.Catalogue, by string) (version int64, err error) {
	content, digest, err := live.Encode()
	if err != nil {
		return 0, fmt.Errorf("store the catalogue of %s: %w", connection, err)
	}
	err = s.db.write(ctx, tenant, func(ctx context.Context, t *tx) error {
		// One after the other, so that two do not take the same number.
		if err := t.row(ctx, `SELECT created FROM tenants WHERE tenant = $1 {lock}`, tenant).Scan(new(int64)); err != nil {
			return err
		}
		last, err := latestCatalogue(ctx, t, tenant, connection)
		if err != nil {
			return err
		}
		if last != nil && last.Digest == digest {
			version = last.Version
			_, err := t.exec(ctx, `UPDATE catalogues SET read = {now} WHERE tenant = $1 AND connection = $2 AND version = $3`, tenant, connection, version)
			return err
		}
		version = 1
		if last != nil {
			version = last.Version + 1
		}
		if _, err := t.exec(ctx, `
			INSERT INTO catalogues (tenant, connection, version, digest, content, read) VALUES ($1, $2, $3, $4, $5, {now})`,
			tenant, connection, version, digest, content); err != nil {
			return err
		}
		return t.log(ctx, audit.Entry{Act: "catalogue.refresh", Object: "connection/" + connection, Details: map[string]any{"by": by, "version": version, "digest": digest}})
	})
	if err != nil {
		return 0, fmt.Errorf("store the catalogue of %s: %w", connection, err)
	}
	return version, nil
}

func latestCatalogue(ctx context.Context, q querier, tenant, connection string) (*catalogue.Stored, error) {
	var c catalogue.Stored
	var content []byte
	var read int64
	err := q.row(ctx, `
		SELECT version, digest, content, read FROM catalogues WHERE tenant = $1 AND connection = $2
		ORDER BY version DESC LIMIT 1`, tenant, connection).Scan(&c.Version, &c.Digest, &content, &read)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	c.Read = instant(read)
	c.Catalogue, err = catalogue.Decode(content)
	return &c, err
}
