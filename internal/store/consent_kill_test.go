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
	"volenti.dev/volenti/internal/store"
	"volenti.dev/volenti/internal/store/storetest"
)

// childChooses makes the child process of child_test.go record choices. It
// prints each once it was acknowledged: "<subject> <record>
// <choice>".
const childChooses = "STORE_TEST_CHILD_CHOOSES"

func chooseForever(db *store.DB) error {
	mail := uuid.NewString() + "@example.com"
	for i := 0; ; i++ {
		o, err := db.Consents().Append(ctx, tenant, "", []consent.Entry{says(mail, "analytics", i%2 == 0)})
		if err != nil {
			return err
		}
		fmt.Printf("%s %s %s\n", o[0].Subject, o[0].Record, o[0].Choice)
	}
}

// The last thing that a killed process acknowledged about a person is what
// the next one goes by, unless one more choice came through unacknowledged.
func TestAKilledProcessLosesNoAcknowledgedChoice(t *testing.T) { // R1
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		must(t, db.Close())
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), childVariable+"="+db.Config.URL, childChooses+"=1")
		out, err := cmd.StdoutPipe()
		must(t, err)
		must(t, cmd.Start())
		acknowledged := map[string]bool{}
		last := map[string]consent.Choice{}
		for lines := bufio.NewScanner(out); lines.Scan(); {
			words := strings.Fields(lines.Text())
			if len(words) != 3 {
				t.Error(lines.Text())
				break
			}
			acknowledged[words[1]], last[words[0]] = true, consent.Choice(words[2])
			if len(acknowledged) == 200 {
				must(t, cmd.Process.Kill())
			}
		}
		_ = cmd.Process.Kill()
		_ = cmd.Wait()

		db.Reopen(t)
		all, err := db.Consents().Records(ctx, tenant, 0, 100_000)
		must(t, err)
		after := map[string]int{} // records behind the last acknowledged one
		for _, r := range all {
			after[r.Subject.String()]++
			if acknowledged[r.ID] {
				after[r.Subject.String()] = 0
			}
			delete(acknowledged, r.ID)
		}
		if len(acknowledged) != 0 || len(last) == 0 {
			t.Errorf("%d acknowledged records are lost, %d subjects", len(acknowledged), len(last))
		}
		g := gate(t, db, time.Now())
		for text, choice := range last {
			id, err := consent.ParseSubjectID(text)
			must(t, err)
			if n := after[text]; n > 1 {
				t.Errorf("%d records that nobody was told of", n)
			} else if got := g.Allowed(ctx, id, "analytics"); n == 0 && got.Allowed != (choice == consent.Granted) {
				t.Errorf("%s was acknowledged, the gate says %v", choice, got)
			}
		}
		sound(t, db)
		verify(t, db, int64(records(t, db)))
	})
}
