package store

import (
	"context"
	"fmt"

	"volenti.dev/volenti/audit"
	"volenti.dev/volenti/datamap/inventory"
	"volenti.dev/volenti/internal/seal"
)

// Datasets keeps the datasets that no configuration directory describes, sealed:
// what a company holds of whom concerns nobody who reads its disks. Connections.Made
// gives them.
type Datasets struct{ db *DB }

// Datasets gives access to the datasets.
func (db *DB) Datasets() *Datasets { return &Datasets{db} }

func readDatasets(ctx context.Context, q querier, keys *seal.Tenant, tenant string) ([]inventory.Made, error) {
	all, err := collect(ctx, q, func(row scanner) (inventory.Made, error) {
		m := inventory.Made{What: inventory.OfDataset}
		var version int64
		var sealed []byte
		err := row.Scan(&m.Key, &m.Of, &version, &sealed)
		if err != nil {
			return m, err
		}
		if m.Text, err = keys.Open(sealed, datasetPlace(tenant, m, version)); err != nil {
			return m, fmt.Errorf("open the dataset %s: %w", m.Key, err)
		}
		return m, nil
	}, `SELECT key, connection, version, sealed FROM datasets WHERE tenant = $1 ORDER BY ordinal`, tenant)
	if err != nil {
		return nil, fmt.Errorf("read datasets: %w", err)
	}
	return all, nil
}

func datasetPlace(tenant string, m inventory.Made, version int64) []byte {
	return fmt.Appendf(nil, "dataset/%s/%s/%s/%d", tenant, m.Key, m.Of, version)
}

// Create stores a dataset; inventory.ErrTaken when there is one with its key,
// inventory.ErrChanged when something else holds by now than what it was checked
// against.
func (s *Datasets) Create(ctx context.Context, tenant string, m inventory.Made, seen Seen, entry audit.Entry) error {
	return s.db.inventoryChange(ctx, tenant, seen, func(ctx context.Context, t *tx, version, now int64) error {
		made, err := t.exec(ctx, `
			INSERT INTO datasets (tenant, key, connection, version, sealed, created, ordinal)
			VALUES ($1, $2, $3, $4, $5, $6, (SELECT COALESCE(MAX(ordinal), 0) + 1 FROM datasets WHERE tenant = $1)) ON CONFLICT DO NOTHING`,
			tenant, m.Key, m.Of, version, t.keys.Seal(m.Text, datasetPlace(tenant, m, version)), now)
		if err != nil {
			return fmt.Errorf("create a dataset: %w", err)
		}
		if made == 0 {
			return inventory.ErrTaken
		}
		return t.log(ctx, entry)
	})
}

// Edit replaces a dataset; inventory.ErrNoDataset when there is none. See Create.
func (s *Datasets) Edit(ctx context.Context, tenant string, m inventory.Made, seen Seen, entry audit.Entry) error {
	return s.db.inventoryChange(ctx, tenant, seen, func(ctx context.Context, t *tx, version, _ int64) error {
		changed, err := t.exec(ctx, `UPDATE datasets SET connection = $3, version = $4, sealed = $5 WHERE tenant = $1 AND key = $2`,
			tenant, m.Key, m.Of, version, t.keys.Seal(m.Text, datasetPlace(tenant, m, version)))
		if err != nil {
			return fmt.Errorf("edit a dataset: %w", err)
		}
		if changed == 0 {
			return inventory.ErrNoDataset
		}
		return t.log(ctx, entry)
	})
}

// Remove removes a dataset; inventory.ErrNoDataset when there is none.
func (s *Datasets) Remove(ctx context.Context, tenant, key string, seen Seen, entry audit.Entry) error {
	return s.db.inventoryChange(ctx, tenant, seen, func(ctx context.Context, t *tx, _, _ int64) error {
		removed, err := t.exec(ctx, `DELETE FROM datasets WHERE tenant = $1 AND key = $2`, tenant, key)
		if err != nil {
			return fmt.Errorf("remove a dataset: %w", err)
		}
		if removed == 0 {
			return inventory.ErrNoDataset
		}
		return t.log(ctx, entry)
	})
}
