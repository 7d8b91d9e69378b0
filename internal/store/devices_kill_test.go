package store_test

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"volenti.dev/volenti/consent"
	"volenti.dev/volenti/consent/site"
	"volenti.dev/volenti/internal/store"
	"volenti.dev/volenti/internal/store/storetest"
)

// childBridges makes the child process of child_test.go choose on a linked
// device. It prints each choice once it was bridged: "<subject> <choice>".
const childBridges = "STORE_TEST_CHILD_BRIDGES"

func bridgeForever(db *store.DB) error {
	device := uuid.NewString()
	choose := func(yes bool) (string, error) {
		s := site.Standing{Version: 1, Source: site.Banner, Expires: time.Now().AddDate(0, 1, 0), Categories: map[string]site.Answer{"statistics": {Granted: yes, Version: 1, Expires: time.Now().AddDate(0, 1, 0)}}}
		return db.ChooseOn(ctx, tenant, "shop", device, s)
	}
	if _, err := choose(false); err != nil {
		return err
	}
	person, err := db.Devices().Link(ctx, tenant, "shop", device, person(device+"@example.com"), nil)
	if err != nil {
		return err
	}
	for i := 0; ; i++ {
		id, err := choose(i%2 == 0)
		if err != nil {
			return err
		}
		if err := db.Devices().Bridge(ctx, tenant, id); err != nil {
			return err
		}
		fmt.Println(person, map[bool]consent.Choice{true: consent.Granted, false: consent.Withdrawn}[i%2 == 0])
	}
}

// A choice that was acknowledged is in the ledger, and one that was not gets
// there: after the sweep each purpose is as its device says.
func TestAKilledProcessLeavesNoChoiceBeforeTheBridge(t *testing.T) { // R1, B29
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		askingShop(t, db)
		must(t, db.Close())
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), childVariable+"="+db.Config.URL, childBridges+"=1")
		out, err := cmd.StdoutPipe()
		must(t, err)
		must(t, cmd.Start())
		n, last := 0, map[string]string{}
		for lines := bufio.NewScanner(out); lines.Scan(); {
			words := strings.Fields(lines.Text())
			if len(words) != 2 {
				t.Error(lines.Text())
				break
			}
			last[words[0]] = words[1]
			if n++; n == 100 {
				must(t, cmd.Process.Kill())
			}
		}
		_ = cmd.Process.Kill()
		_ = cmd.Wait()

		db.Reopen(t)
		must(t, db.Devices().BridgeRest(ctx, tenant))
		if n < 100 {
			t.Errorf("%d choices were bridged", n)
		}
		for text := range last {
			id, err := consent.ParseSubjectID(text)
			must(t, err)
			all, err := db.Devices().Of(ctx, tenant, id)
			must(t, err)
			if got := choices(t, db, id)["analytics"]; len(all) != 1 || all[0].Categories["statistics"].Granted != (got == consent.Granted) {
				t.Errorf("the device says %v, the ledger %s", all, got)
			}
		}
		sound(t, db)
		verify(t, db, int64(records(t, db)))
	})
}
