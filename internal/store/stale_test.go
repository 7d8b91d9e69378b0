package store_test

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"volenti.dev/volenti/consent"
	"volenti.dev/volenti/internal/store"
	"volenti.dev/volenti/internal/store/storetest"
)

// Several processes check while others withdraw and grant, and some of those
// that check are stopped for a while in between. A check is stale when it
// began after a withdrawal was acknowledged, ended before the next grant was
// asked for, and said yes.
func TestNoProcessGivesAStaleYes(t *testing.T) { // A27
	t.Parallel()
	checks := uint64(20_000)
	if os.Getenv("SOAK") != "" {
		checks = 1_000_000
	}
	r := race(t, "check", checks)
	if r.stale != 0 || r.yes == 0 || r.yes == r.checks {
		t.Errorf("%+v", r)
	}
	t.Logf("%+v", r)
}

// A process that goes by states which it has read once is found out.
func TestAProcessThatRemembersStatesGivesAStaleYes(t *testing.T) { // A27
	t.Parallel()
	r := race(t, "remember", 4_000)
	if r.stale == 0 {
		t.Errorf("%+v", r)
	}
	t.Logf("%+v", r)
}

// The environment of a child that takes part in a race: its role, the file of
// the clock, and the subjects.
const (
	childRole     = "STORE_TEST_CHILD_ROLE" // "check", "remember" or "choose"
	childClock    = "STORE_TEST_CHILD_CLOCK"
	childSubjects = "STORE_TEST_CHILD_SUBJECTS"
)

// span is what happened to a subject between two readings of the clock.
type span struct {
	subject  int
	from, to uint64
}

type result struct {
	checks, yes, stale int
	withdrawn          int // spans in which a subject had withdrawn
	stops              int
}

// race runs the processes until so many checks were made.
func race(t *testing.T, role string, checks uint64) (r result) {
	db := storetest.Postgres(t)
	var ids []consent.SubjectID
	var names []string
	for i := range 4 {
		id := give(t, db, says(fmt.Sprintf("p%d@example.com", i), "analytics", true))[0].Subject
		ids, names = append(ids, id), append(names, id.String())
	}
	file := filepath.Join(t.TempDir(), "clock")
	must(t, os.WriteFile(file, make([]byte, os.Getpagesize()), 0o600))
	now, err := sharedClock(file)
	must(t, err)
	start := func(role string) *racer {
		p := &racer{}
		p.cmd = exec.Command(os.Args[0])
		p.cmd.Env = append(os.Environ(), childVariable+"="+db.Config.URL, childRole+"="+role, childClock+"="+file, childSubjects+"="+strings.Join(names, ","))
		p.start(t)
		return p
	}
	choosing := start("choose")
	checking := []*racer{start(role), start(role), start(role)}
	var withdrawn []span
	for now.Load() < 2*checks || len(withdrawn) < 40 {
		stopped := checking[r.stops%len(checking)]
		must(t, stopped.cmd.Process.Signal(syscall.SIGSTOP))
		some, err := withdrawAndGrant(db.DB, now, ids, 0)
		must(t, err)
		must(t, stopped.cmd.Process.Signal(syscall.SIGCONT))
		r.stops++
		more, err := withdrawAndGrant(db.DB, now, ids, 0)
		must(t, err)
		withdrawn = append(withdrawn, append(some, more...)...)
	}
	var said []span
	for _, p := range checking {
		spans, total := p.end(t)
		said, r.checks = append(said, spans...), r.checks+total
	}
	others, _ := choosing.end(t)
	withdrawn = append(withdrawn, others...)
	r.yes, r.withdrawn = len(said), len(withdrawn)
	by := map[int][]span{} // the spans of a subject do not meet
	for _, s := range withdrawn {
		by[s.subject] = append(by[s.subject], s)
	}
	for _, yes := range said {
		all := by[yes.subject]
		after := sort.Search(len(all), func(i int) bool { return all[i].from > yes.from })
		if after > 0 && yes.to < all[after-1].to {
			r.stale++
		}
	}
	return r
}

// racer is a process of a race.
type racer struct {
	cmd   *exec.Cmd
	in    io.Closer // it ends when this is closed
	spans []span
	total int
	done  chan error
}

func (p *racer) start(t *testing.T) {
	t.Helper()
	in, err := p.cmd.StdinPipe()
	must(t, err)
	out, err := p.cmd.StdoutPipe()
	must(t, err)
	p.cmd.Stderr = os.Stderr
	must(t, p.cmd.Start())
	t.Cleanup(func() { _ = p.cmd.Process.Kill() })
	p.in, p.done = in, make(chan error, 1)
	lines := bufio.NewScanner(out)
	lines.Scan() // it is ready
	go func() { p.done <- p.read(lines) }()
}

func (p *racer) read(lines *bufio.Scanner) error {
	for lines.Scan() {
		var s span
		if _, err := fmt.Sscan(lines.Text(), &s.subject, &s.from, &s.to); err == nil {
			p.spans = append(p.spans, s)
		} else if _, err := fmt.Sscan(lines.Text(), &p.total); err != nil {
			return fmt.Errorf("it says %q", lines.Text())
		}
	}
	return lines.Err()
}

// end gives what the process saw.
func (p *racer) end(t *testing.T) ([]span, int) {
	t.Helper()
	must(t, p.in.Close())
	must(t, <-p.done)
	must(t, p.cmd.Wait())
	return p.spans, p.total
}

// raceChild is what such a process does.
func raceChild(db *store.DB) error {
	var ids []consent.SubjectID
	for name := range strings.SplitSeq(os.Getenv(childSubjects), ",") {
		id, err := consent.ParseSubjectID(name)
		if err != nil {
			return err
		}
		ids = append(ids, id)
	}
	now, err := sharedClock(os.Getenv(childClock))
	if err != nil {
		return err
	}
	var stop atomic.Bool
	go func() { _, _ = io.Copy(io.Discard, os.Stdin); stop.Store(true) }()
	if os.Getenv(childRole) == "choose" {
		fmt.Println("ready")
		for !stop.Load() {
			spans, err := withdrawAndGrant(db, now, ids, 1)
			if err != nil {
				return err
			}
			for _, s := range spans {
				fmt.Println(s.subject, s.from, s.to)
			}
		}
		return nil
	}
	allowed, err := checker(db, ids, os.Getenv(childRole) == "remember")
	if err != nil {
		return err
	}
	fmt.Println("ready")
	var mu sync.Mutex
	var said []span
	var total int
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			// A check from memory would be noted a million times a second.
			for n := 0; !stop.Load() && db.Ready(ctx) == nil; n++ {
				s := span{subject: n % len(ids), from: now.Add(1)}
				yes := allowed(ids[s.subject])
				s.to = now.Add(1)
				mu.Lock()
				total++
				if yes {
					said = append(said, s)
				}
				mu.Unlock()
			}
		})
	}
	all.Wait()
	for _, s := range said {
		fmt.Println(s.subject, s.from, s.to)
	}
	fmt.Println(total)
	return nil
}

// checker gives the gate's answer, or one from states that were read once.
func checker(db *store.DB, ids []consent.SubjectID, remembers bool) (func(consent.SubjectID) bool, error) {
	checks, err := db.Consents().Checks(ctx, tenant)
	if err != nil {
		return nil, err
	}
	g := &consent.Gate{Tenant: tenant, States: checks, Now: time.Now}
	if !remembers {
		return func(id consent.SubjectID) bool { return g.Allowed(ctx, id, "analytics").Allowed }, nil
	}
	rules, err := db.Consents().Rules(ctx, tenant)
	if err != nil {
		return nil, err
	}
	x := consent.NewIndex(rules)
	for _, id := range ids {
		states, err := db.Consents().States(ctx, tenant, id)
		if err != nil {
			return nil, err
		}
		x.Set(id, "analytics", states["analytics"])
	}
	x.Ready()
	return func(id consent.SubjectID) bool {
		d, _ := x.Decide(id, "analytics", time.Now())
		return d.Allowed
	}, nil
}

// withdrawAndGrant withdraws the consent of every second subject and grants it
// again. It gives the spans between what was acknowledged and what was asked.
func withdrawAndGrant(db *store.DB, now *atomic.Uint64, ids []consent.SubjectID, first int) (spans []span, err error) {
	choose := func(i int, granted bool) error {
		_, err := db.Consents().Append(ctx, tenant, "", []consent.Entry{{Subject: ids[i], Purpose: "analytics", Granted: granted, Source: consent.API}})
		return err
	}
	for i := first; i < len(ids); i += 2 {
		if err := choose(i, false); err != nil {
			return nil, err
		}
		spans = append(spans, span{subject: i, from: now.Add(1)})
	}
	for n := range spans {
		spans[n].to = now.Add(1)
		if err := choose(spans[n].subject, true); err != nil {
			return nil, err
		}
	}
	return spans, nil
}

// sharedClock gives a number in memory that processes share. Each reading adds
// one, so that any two have an order.
func sharedClock(file string) (*atomic.Uint64, error) {
	f, err := os.OpenFile(file, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	page, err := syscall.Mmap(int(f.Fd()), 0, os.Getpagesize(), syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_SHARED)
	if err != nil {
		return nil, err
	}
	return (*atomic.Uint64)(unsafe.Pointer(&page[0])), nil // until the process ends
}
