package store_test

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"

	"volenti.dev/volenti/audit"
	"volenti.dev/volenti/internal/store"
	"volenti.dev/volenti/internal/store/storetest"
	"volenti.dev/volenti/request"
)

// childVariable makes this test binary a process that writes to the database
// that it names until it is killed, and prints each write once the store has
// acknowledged it: "<request> <number>".
const childVariable = "STORE_TEST_CHILD"

func child() int {
	db, err := store.Open(ctx, store.Config{URL: os.Getenv(childVariable), Master: storetest.Master()})
	if err != nil {
		fmt.Println("failed", err)
		return 1
	}
	if os.Getenv(childRole) != "" {
		if err := raceChild(db); err != nil {
			fmt.Fprintln(os.Stderr, "failed", err)
			return 1
		}
		return 0
	}
	write := writeForever
	if os.Getenv(childChooses) != "" {
		write = chooseForever
	}
	if os.Getenv(childBridges) != "" {
		write = bridgeForever
	}
	if os.Getenv(childCounts) != "" {
		write = countForever
	}
	if os.Getenv(childKeeps) != "" {
		write = keepForever
	}
	if os.Getenv(childRotates) != "" {
		fmt.Println(rotateSlowly(db))
		return 1
	}
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if err := write(db); err != nil {
				fmt.Println("failed", err)
			}
		})
	}
	all.Wait()
	return 1
}

func writeForever(db *store.DB) error {
	id := uuid.Must(uuid.NewV7()).String()
	r := request.Request{ID: id, Tenant: tenant, Policy: "p", Status: request.Approved}
	if err := db.Requests().Create(ctx, r, person(canary), entry("request.create")); err != nil {
		return err
	}
	l, _, err := db.Requests().Claim(ctx, tenant, id, owner, ttl, false, entry("request.start"))
	if err != nil {
		return err
	}
	for i := int64(1); ; i++ {
		p := request.Progress{Address: people, Action: request.Erasure, Position: i}
		if err := db.Work().Save(ctx, l, p, nil, request.LogLine{RowsMasked: i}); err != nil {
			return err
		}
		if err := db.Work().Audit(ctx, l, audit.Entry{Act: "test.act", Object: fmt.Sprintf("%s %d", id, i)}); err != nil {
			return err
		}
		fmt.Printf("%s %d\n", id, i)
	}
}

func TestKilledProcessLosesNoAcknowledgedWrite(t *testing.T) { // R1
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		must(t, db.Close())
		const rounds = 3
		last := map[string]int64{}
		for range rounds {
			killWhileWriting(t, db.Config, last)
		}
		// The lock of a killed process does not stand in the way.
		db.Reopen(t)
		logged := map[string]int{}
		all, err := db.Audit().Records(ctx, tenant, 0, 1_000_000)
		must(t, err)
		for _, r := range all {
			logged[r.Object]++
		}
		for id, n := range last {
			lines, err := db.Work().Log(ctx, tenant, id, 0, 1_000_000)
			must(t, err)
			if int64(len(lines)) < n || int64(len(lines)) > n+1 {
				t.Errorf("%d lines, %d were acknowledged", len(lines), n)
			}
			for i := range n {
				if lines[i].RowsMasked != i+1 || logged[fmt.Sprintf("%s %d", id, i+1)] != 1 {
					t.Errorf("write %d of %s: line %d, %d records", i+1, id, lines[i].RowsMasked, logged[fmt.Sprintf("%s %d", id, i+1)])
				}
			}
		}
		if len(last) == 0 {
			t.Error("nothing was acknowledged")
		}
		verify(t, db, int64(len(all)))
	})
}

// killWhileWriting notes in last what the process acknowledged before it was
// killed with signal 9.
func killWhileWriting(t *testing.T, config store.Config, last map[string]int64) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childVariable+"="+config.URL)
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	lines := bufio.NewScanner(out)
	for acknowledged := 0; lines.Scan(); acknowledged++ {
		id, n, _ := strings.Cut(lines.Text(), " ")
		if last[id], err = strconv.ParseInt(n, 10, 64); err != nil {
			t.Error(lines.Text())
			break
		}
		if acknowledged == 100 {
			secondOpenIsRefused(t, config, cmd.Process.Pid)
			must(t, cmd.Process.Kill())
		}
	}
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
}

func secondOpenIsRefused(t *testing.T, config store.Config, holder int) {
	t.Helper()
	second, err := store.Open(ctx, config)
	if err == nil {
		if second.Exclusive() {
			t.Error("two processes have an embedded database open")
		}
		must(t, second.Close())
	} else if !errors.Is(err, store.ErrInUse) || !strings.Contains(err.Error(), fmt.Sprintf("process %d on ", holder)) {
		t.Errorf("second open: %v", err)
	}
}

// readElsewhere reads a file in another process.
func readElsewhere(t *testing.T, file string) []byte {
	t.Helper()
	content, err := exec.Command("cat", file).Output()
	must(t, err)
	return content
}
