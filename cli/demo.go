package cli

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"volenti.dev/volenti/audit"
	"volenti.dev/volenti/demo/shop"
	"volenti.dev/volenti/examples"
	"volenti.dev/volenti/internal/server"
	"volenti.dev/volenti/internal/store"
)

type demoCommand struct {
	Once bool   `help:"Tell the story once, remove what was made in a temporary directory, and leave."`
	Dir  string `help:"Where to make the shop, which stays there; a new temporary directory unless told." placeholder:"DIR"`
}

// Run makes up a shop and carries Anna's requests out on it.
func (c *demoCommand) Run(s *session) error {
	dir := c.Dir
	if dir == "" {
		var err error
		if dir, err = os.MkdirTemp("", "volenti-demo-*"); err != nil {
			return err
		}
		if c.Once {
			defer func() { _ = os.RemoveAll(dir) }()
		}
	}
	t := &tour{session: s, dir: dir, once: c.Once}
	story := []func() error{t.makeShop, t.openHouse, t.consents, t.openCounter, t.carry, t.openSite, t.visit, t.access, t.erasure, t.look, t.verifyAudit}
	if !c.Once {
		story = append(story, t.states, t.welcome)
	}
	for _, step := range story {
		if err := step(); err != nil {
			return errors.Join(err, t.close())
		}
	}
	return t.close()
}

// tour is the demo as it goes on.
type tour struct {
	*session
	dir     string
	once    bool
	told    []told // so far
	house   *server.House
	counter *counter
	front   *shopfront

	mu      sync.Mutex
	letters int // that were kept
}

func (t *tour) say(title, format string, args ...any) {
	step := told{title, strings.Split(strings.TrimRight(fmt.Sprintf(format, args...), "\n"), "\n")}
	t.told = append(t.told, step)
	fmt.Fprintf(t.Out, "%d. %s\n", len(t.told), step.Title)
	for _, line := range step.Lines {
		fmt.Fprintf(t.Out, "   %s\n", line)
	}
}

// told is a step of the story.
type told struct {
	Title string
	Lines []string
}

func (t *tour) makeShop() error {
	if err := os.MkdirAll(filepath.Join(t.dir, "config"), 0o700); err != nil {
		return err
	}
	if err := shop.Write(t.ctx, t.dir); err != nil {
		return fmt.Errorf("make the shop in %s: %w", t.dir, err)
	}
	config := examples.DemoShop()
	err := fs.WalkDir(config, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := fs.ReadFile(config, path)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(t.dir, "config", path), text, 0o600)
	})
	if err != nil {
		return err
	}
	var people, tickets int
	if err := t.query(shop.Shop, "SELECT count(*) FROM customers", &people); err != nil {
		return err
	}
	if err := t.query(shop.Helpdesk, "SELECT count(*) FROM tickets", &tickets); err != nil {
		return err
	}
	t.say("A shop opens", "%d made-up customers in %s, %d tickets in %s.\nThe configuration that describes both databases passes its check.", people, shop.Shop, tickets, shop.Helpdesk)
	return nil
}

func (t *tour) openHouse() (err error) {
	outer := t.Env
	t.Env = func(name string) (string, bool) {
		if name == shop.Directory {
			return t.dir, true
		}
		return outer(name)
	}
	t.house, err = server.Open(t.ctx, server.Config{Data: filepath.Join(t.dir, "state")})
	return err
}

// look asks the shop's own database, past Volenti.
func (t *tour) look() error {
	var name, email string
	var invoices, others int
	if err := t.query(shop.Shop, "SELECT first_name || ' ' || last_name FROM customers WHERE id = ?", &name, shop.AnnaID); err != nil {
		return err
	}
	if err := t.query(shop.Shop, "SELECT email FROM customers WHERE id = ?", &email, shop.AnnaID); err != nil {
		return err
	}
	if err := t.query(shop.Shop, "SELECT count(*) FROM invoices i JOIN orders o ON o.number = i.order_number WHERE o.customer_id = ?", &invoices, shop.AnnaID); err != nil {
		return err
	}
	if err := t.query(shop.Shop, "SELECT count(*) FROM customers WHERE first_name = 'erased'", &others); err != nil {
		return err
	}
	if others != 1 || email == shop.AnnaEmail {
		return fmt.Errorf("the database does not hold what the report says: %d customers erased", others)
	}
	t.say("The shop's database, asked directly", "Customer %d is now %q <%s>, the only one of all who is erased.\nHer %d invoices are still there, as the law demands, and she is told so.", shop.AnnaID, name, email, invoices)
	return nil
}

func (t *tour) verifyAudit() error {
	var export bytes.Buffer
	if err := t.house.Store.Audit().Export(t.ctx, store.DefaultTenant, &export); err != nil {
		return err
	}
	report, err := audit.Verify(&export, audit.Options{})
	if err != nil {
		return err
	}
	t.say("The proof", "%d acts are in the audit log; every one is in its place, unchanged and signed for.", report.Size)
	return nil
}

func (t *tour) query(file, statement string, into any, args ...any) error {
	db, err := sql.Open("sqlite", filepath.Join(t.dir, file))
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	return db.QueryRowContext(context.WithoutCancel(t.ctx), statement, args...).Scan(into)
}

func (t *tour) close() error {
	var err error
	if t.front != nil {
		t.front.stop()
	}
	if t.counter != nil {
		err = t.counter.stop()
	}
	if t.house != nil {
		err = errors.Join(err, t.house.Close())
	}
	return err
}
