// Package shop makes up an online shop with some thousand customers, for the
// demo and for tests that want a company rather than three rows: a shop
// database and a help desk's, both SQLite files. The same seed gives the same
// rows.
//
// Nobody in it exists. Mail addresses lie in the domains of RFC 2606, network
// addresses in the blocks of RFC 5737, phone numbers in the ranges that
// regulators keep for films, and account numbers have check digits that no
// account has.
//
// One person has a story that the demo tells: Anna.
package shop

import (
	"context"
	"path/filepath"

	"golang.org/x/sync/errgroup"
)

// The databases that Write makes. The configuration in examples/demo-shop
// finds them in the directory that the environment variable Directory names.
const (
	Shop      = "shop.db"
	Helpdesk  = "helpdesk.db"
	Directory = "DEMO_SHOP"
)

// Anna Keller has been a customer for years. She once wrote to the help desk
// from a phone that spells her address with capitals, and that ticket was
// never tied to her customer record: only the spelling leads to it.
const (
	AnnaID      = 1042
	AnnaEmail   = "anna.keller@example.com"
	AnnaSpelled = "Anna.Keller@Example.com"
)

// customers is how many there are; everything else grows with it.
const customers = 5000

// Write makes both databases in dir, which must exist and hold neither.
func Write(ctx context.Context, dir string) error {
	w := invent([32]byte{1})
	both, ctx := errgroup.WithContext(ctx)
	both.Go(func() error { return store(ctx, filepath.Join(dir, Shop), shopSchema, w.shop()) })
	both.Go(func() error { return store(ctx, filepath.Join(dir, Helpdesk), helpdeskSchema, w.helpdesk()) })
	return both.Wait()
}
