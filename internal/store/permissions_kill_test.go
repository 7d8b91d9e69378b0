package store_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"testing"
	"time"

	"volenti.dev/volenti/consent"
	"volenti.dev/volenti/internal/store"
	"volenti.dev/volenti/subject"
)

// childKeeps makes the child process of child_test.go choose and keep the permission
// table in the database that it names. It prints the number of each choice once a
// pass that began after it is over.
const childKeeps = "STORE_TEST_CHILD_KEEPS"

// keeping is one at a time: the others of the child only choose.
var keeping sync.Mutex

func keepForever(db *store.DB) error {
	to, err := openPermitter(os.Getenv(childKeeps))
	if err != nil {
		return err
	}
	for i := 0; ; i++ {
		person := fmt.Sprint("c-", i%7)
		e := customer("analytics", time.Now().UnixMicro()%2 == 0, person)
		if _, err := db.Consents().Append(ctx, tenant, "", []consent.Entry{e}); err != nil {
			return err
		}
		if i%5 == 4 {
			id, err := db.Consents().Find(ctx, tenant, subject.Identity{Type: subject.ExternalID, Value: subject.Conceal(person)})
			if err == nil {
				_ = db.Consents().EraseSubject(ctx, tenant, id, entry("subject.erase")) // unless another was quicker
			}
		}
		keeping.Lock()
		err := follower(db).Follow(context.WithoutCancel(ctx), tenant, warehouseTarget(), permissionTable, handing(to))
		keeping.Unlock()
		if err != nil {
			return err
		}
		fmt.Println(i)
	}
}

func TestAKilledFollowerLosesNothing(t *testing.T) { // R1
	t.Parallel()
	eachWarehouse(t, func(t *testing.T, w *warehouse) {
		must(t, w.db.Close())
		for range 3 {
			cmd := exec.Command(os.Args[0])
			cmd.Env = append(os.Environ(), childVariable+"="+w.db.Config.URL, childKeeps+"="+w.url)
			out, err := cmd.StdoutPipe()
			must(t, err)
			must(t, cmd.Start())
			n := 0
			for lines := bufio.NewScanner(out); lines.Scan(); {
				if _, err := strconv.Atoi(lines.Text()); err != nil {
					t.Error(lines.Text())
					break
				}
				if n++; n == 40 {
					must(t, cmd.Process.Kill())
				}
			}
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
			if n < 40 {
				t.Fatalf("%d passes", n)
			}
		}
		w.db.Reopen(t)
		w.tables = follower(w.db.DB)
		must(t, w.db.Statement(ctx, `UPDATE permission_tables SET lease_until = 0, quiet = 0`)) // a minute later
		w.follow()
		if w.agrees() == 0 {
			t.Error("there are no rows")
		}
		if k := w.kept(); k.Mended != 0 {
			t.Errorf("%d were mended: the follower had left them wrong", k.Mended)
		}
	})
}
