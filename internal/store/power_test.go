package store_test

import (
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"volenti.dev/volenti/consent"
	"volenti.dev/volenti/internal/store"
	"volenti.dev/volenti/internal/store/powertest"
	"volenti.dev/volenti/internal/store/storetest"
)

// A disk loses its power again and again, at any of its calls: while the store
// starts for the first time, while it recovers, in the middle of a group, while
// the log is moved into the database. What was acknowledged is there each time.
func TestPowerLossLosesNothingAcknowledged(t *testing.T) { // R2
	t.Parallel()
	chains, cuts := 20, 5
	if os.Getenv("SOAK") != "" {
		chains, cuts = 1000, 10
	}
	var mu sync.Mutex
	var done, told, commits, untold int64
	t.Run("seed", func(t *testing.T) {
		for seed := range uint64(chains) {
			t.Run(fmt.Sprint(seed), func(t *testing.T) {
				t.Parallel()
				c := newCrowd(t, seed, "")
				for range cuts {
					c.live()
					c.inspect()
				}
				mu.Lock()
				defer mu.Unlock()
				done++
				told, commits, untold = told+int64(c.told()), commits+c.commits, untold+int64(c.untold)
			})
		}
	})
	if all := done == int64(chains); all && (told < 2*commits || untold == 0) {
		t.Errorf("%d choices in %d commits: there were no groups; or no commit of %d came through unacknowledged", told, commits, untold)
	}
	t.Logf("%d cuts, %d acknowledged choices, %d commits, %d found afterwards that nobody was told of", int(done)*cuts, told, commits, untold)
}

// With fewer syncs the same disk loses choices: the test above would see it.
func TestPowerLossWithoutSyncsIsFoundOut(t *testing.T) { // R2
	t.Parallel()
	for _, syncs := range []string{"synchronous(OFF)", "synchronous(NORMAL)"} {
		lost, told := 0, 0
		for seed := range uint64(6) {
			c := newCrowd(t, seed, syncs)
			c.live()
			lost, told = lost+c.lost(), told+c.told()
		}
		if lost == 0 {
			t.Errorf("%s: of %d choices none is lost", syncs, told)
		}
		t.Logf("%s: %d of %d acknowledged choices are lost", syncs, lost, told)
	}
}

// crowd are people who choose, and what they were told, while the store that
// they use dies and starts again.
type crowd struct {
	t       *testing.T
	draw    *rand.Rand
	disk    *powertest.Disk
	syncs   string // in place of the store's own setting
	commits int64
	untold  int // found afterwards, and never acknowledged

	people [8]chooser
	leaver chooser
	erased []consent.SubjectID // acknowledged
}

// chooser says yes and no in turn, to two purposes at once. An append that was
// not acknowledged is sent again with the same key.
type chooser struct {
	mail string
	told [][]consent.Outcome
}

func newCrowd(t *testing.T, seed uint64, syncs string) *crowd {
	c := &crowd{t: t, draw: rand.New(rand.NewPCG(seed, 2)), disk: powertest.New(), syncs: syncs}
	for i := range c.people {
		c.people[i].mail = fmt.Sprintf("p%d@example.com", i)
	}
	return c
}

func (c *crowd) told() (n int) {
	for _, p := range c.people {
		n += 2 * len(p.told)
	}
	return n
}

// open opens the store on a disk of the crowd.
func (c *crowd) open(disk *powertest.Disk) (*storetest.Database, error) {
	return openOn(c.t, disk, c.syncs)
}

// openOn opens the store on a disk. What programs have in common in memory
// lies in a directory of its own and does not outlive them. With syncs, these
// are set in place of the store's own.
func openOn(t *testing.T, disk *powertest.Disk, syncs string) (*storetest.Database, error) {
	mounted, unmount := disk.Mount()
	t.Cleanup(unmount)
	db := &storetest.Database{Config: store.Config{URL: "sqlite:" + filepath.Join(t.TempDir(), "volenti.db"), Master: storetest.Master(), Origin: "test.example"}}
	db.Config.OpenSQLiteWith(func(dsn string) (*sql.DB, error) {
		if syncs != "" {
			dsn = strings.Replace(dsn, "synchronous(EXTRA)", syncs, 1)
		}
		return mounted(dsn)
	})
	var err error
	db.DB, err = store.Open(ctx, db.Config)
	return db, err
}

// live lets people choose until the power goes, and leaves the disk as it is
// found afterwards.
func (c *crowd) live() {
	c.t.Helper()
	if n := 1 + c.draw.IntN(3500); c.syncs == "" && c.draw.IntN(2) == 0 {
		c.disk.CutSyncAfter(n)
	} else {
		c.disk.CutAfter(n)
	}
	db, err := c.open(c.disk)
	if err == nil {
		var all sync.WaitGroup
		for i := range c.people {
			all.Go(func() { c.people[i].choose(db) })
		}
		if c.draw.IntN(3) == 0 { // each erasure empties the log, which is a boundary of its own
			all.Go(func() { c.leave(db) })
		}
		all.Wait()
		c.commits += db.Commits()
		_ = db.Close() // the disk is off
	}
	if !c.disk.Off() {
		c.t.Fatalf("the store failed by itself: %v", err)
	}
	c.disk = c.disk.Survivor(c.draw)
}

// choose goes on until the store fails.
func (p *chooser) choose(db *storetest.Database) {
	for {
		if _, err := p.turn(db); err != nil {
			return
		}
	}
}

func (p *chooser) turn(db *storetest.Database) ([]consent.Outcome, error) {
	n := len(p.told)
	yes := n%2 == 0
	one, other := says(p.mail, "analytics", yes), says(p.mail, "research", yes)
	one.Reaffirm, other.Reaffirm = true, true // without the key they would be further records
	o, err := db.Consents().Append(ctx, tenant, fmt.Sprint(p.mail, n), []consent.Entry{one, other})
	if err == nil {
		p.told = append(p.told, o)
	}
	return o, err
}

// leave makes people who are erased as soon as they have chosen.
func (c *crowd) leave(db *storetest.Database) {
	for {
		c.leaver = chooser{mail: numbered("leaver") + "@example.com"}
		o, err := c.leaver.turn(db)
		if err != nil {
			return
		}
		if db.Consents().EraseSubject(ctx, tenant, o[0].Subject, entry("subject.erase")) != nil {
			return
		}
		c.erased = append(c.erased, o[0].Subject)
	}
}

// inspect starts the store on a copy of the disk and checks all that was
// promised.
func (c *crowd) inspect() {
	t := c.t
	t.Helper()
	copied := c.disk.Survivor(c.draw) // nothing waits for a sync: it is the same
	db, err := c.open(copied)
	must(t, err)
	defer func() { must(t, db.Close()) }()
	sound(t, db)
	all := records(t, db)
	verify(t, db, int64(all))
	g := gate(t, db, time.Now())
	for _, p := range c.people {
		if len(p.told) == 0 {
			continue
		}
		last := p.told[len(p.told)-1]
		history, err := db.Consents().History(ctx, tenant, last[0].Subject)
		must(t, err)
		if n, least := len(history), 2*len(p.told); n != least && n != least+2 {
			t.Errorf("%d records of a person, %d were acknowledged", n, least)
			continue
		}
		at := 0
		for _, o := range p.told {
			for _, o := range o {
				if r := history[at]; r.ID != o.Record || r.Sequence != o.Sequence || r.Choice != o.Choice || r.Purpose != o.Purpose {
					t.Errorf("%+v was acknowledged, the record is %+v", o, r)
				}
				at++
			}
		}
		if d := g.Allowed(ctx, last[0].Subject, "research"); d.Allowed != (history[len(history)-1].Choice == consent.Granted) {
			t.Errorf("after %v the gate says %v", history[len(history)-1], d)
		}
		// Whoever sends it again gets the answer that was lost, or gives it now.
		again := p
		o, err := again.turn(db)
		must(t, err)
		if n := len(history); n > at {
			c.untold++
			if o[1].Record != history[n-1].ID {
				t.Errorf("sent again it became another record: %+v", o)
			}
		}
	}
	for _, id := range c.erased {
		_, err := db.Consents().Append(ctx, tenant, "", []consent.Entry{{Subject: id, Purpose: "research", Source: consent.API}})
		if !errors.Is(err, consent.ErrNotFound) {
			t.Errorf("who was erased is back: %v", err)
		}
	}
	whole(t, db)
}

// whole lets SQLite check its file.
func whole(t *testing.T, db *storetest.Database) {
	t.Helper()
	var verdict string
	must(t, db.Look(ctx, "PRAGMA integrity_check", &verdict))
	if verdict != "ok" {
		t.Error(verdict)
	}
}

// lost counts what was acknowledged and is not there.
func (c *crowd) lost() int {
	db, err := c.open(c.disk)
	if err != nil {
		return c.told()
	}
	defer func() { _ = db.Close() }()
	records, err := db.Consents().Records(ctx, tenant, 0, 1_000_000)
	if err != nil {
		return c.told()
	}
	there := map[string]bool{}
	for _, r := range records {
		there[r.ID] = true
	}
	lost := 0
	for _, p := range c.people {
		for _, o := range p.told {
			for _, o := range o {
				if !there[o.Record] {
					lost++
				}
			}
		}
	}
	return lost
}
