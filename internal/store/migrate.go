package store

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"io/fs"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

// A migration is never changed once released, and there is no way back:
// whoever needs one restores a backup.
//
//go:embed migrations
var migrations embed.FS

// migrate brings the tables up to date, or fails with ErrNewer. Processes that
// start together on one server do it one after the other.
func migrate(ctx context.Context, kind goose.Dialect, db *sql.DB, d dialect) error {
	folder, err := fs.Sub(migrations, "migrations/"+d.name)
	if err != nil {
		return err
	}
	options := []goose.ProviderOption{goose.WithDisableGlobalRegistry(true)}
	if kind == goose.DialectPostgres {
		locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(1, 300)) // each second, for five minutes
		if err != nil {
			return err
		}
		options = append(options, goose.WithSessionLocker(locker))
	}
	provider, err := goose.NewProvider(kind, db, folder, options...)
	if err != nil {
		return err
	}
	have, known, err := provider.GetVersions(ctx)
	if err != nil {
		return fmt.Errorf("read the schema's version: %w", err)
	}
	if have > known {
		return fmt.Errorf("%w: it has schema %d and this program knows %d; start a newer version, or restore a backup from before the upgrade", ErrNewer, have, known)
	}
	if _, err := provider.Up(ctx); err != nil {
		return fmt.Errorf("bring the schema up to date: %w", err)
	}
	return nil
}
