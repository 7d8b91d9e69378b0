package server

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"volenti.dev/volenti/request/fulfill"
)

var crashingDir string

// crashing gives the program with its crash points compiled in.
var crashing = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "volenti-crash-*")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "volenti") // removed by TestMain
	crashingDir = dir
	out, err := exec.Command("go", "build", "-tags", "crashpoints", "-o", path, "volenti.dev/volenti/cmd/volenti").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	return path, nil
})

// crashPoints are all kinds of boundary that a request crosses.
var crashPoints = []string{
	"claimed", "step.advanced", "step.advanced:3", "collection.begun", "chunk.stored", "collection.read", "collection.saved:2",
	"upload.half", "batch.intended", "batch.intended:3", "batch.guarded:2", "batch.written", "batch.written:3", "batch.saved", "batch.saved:2",
	"round.begun", "step.advanced:6", "collection.read:5", "collection.saved:9", "batch.intended:5", "batch.saved:5",
	"verified", "finished",
}

// TestKilledAtEveryBoundaryEndsAsIfNothingHadHappened kills the program with
// SIGKILL at each boundary, runs the same command again, and compares what
// there is then with a run that nobody disturbed (R1, X16).
func TestKilledAtEveryBoundaryEndsAsIfNothingHadHappened(t *testing.T) {
	t.Parallel()
	binary, err := crashing()
	if err != nil {
		t.Fatal(err)
	}
	for _, store := range []string{"sqlite", "postgres"} {
		t.Run(store, func(t *testing.T) {
			undisturbed := newStory(t, store, binary)
			undisturbed.run("", 0)
			want := undisturbed.end()
			for _, point := range crashPoints {
				t.Run(point, func(t *testing.T) {
					t.Parallel()
					s := newStory(t, store, binary)
					s.run(point, -1)
					s.run("", 0)
					if d := cmp.Diff(want, s.end()); d != "" {
						t.Errorf("killed at %s, the end is another (-undisturbed +killed):\n%s", point, d)
					}
				})
			}
		})
	}
}

// story is one erasure by the command line, with more rows than one chunk and
// two rounds.
type story struct {
	*world
	binary string
	tally  string // the file that counts the points that are passed, "" for none
}

func newStory(t *testing.T, store, binary string) *story {
	target := "sqlite"
	if store == "postgres" {
		target = "postgres"
	}
	w := newWorld(t, store, target)
	w.exec("INSERT INTO orders WITH RECURSIVE s(n) AS (SELECT 100 UNION ALL SELECT n + 1 FROM s WHERE n < 2199) SELECT n, 0, CASE WHEN n % 3 > 0 THEN 'Weg ' || n END, 1 FROM s;\n")
	// A row appears while others are masked, so that there is a second round.
	late := "CREATE TRIGGER late AFTER UPDATE ON customer BEGIN INSERT OR IGNORE INTO orders VALUES (9999, NEW.id, 'Spätweg 3', 1); END;\n"
	if target == "postgres" {
		late = "CREATE FUNCTION late() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO orders VALUES (9999, NEW.id, 'Spätweg 3', 1) ON CONFLICT DO NOTHING; RETURN NULL; END $$;\n" +
			"CREATE TRIGGER late AFTER UPDATE ON customer FOR EACH ROW EXECUTE FUNCTION late();\n"
	}
	w.exec(late)
	// A constant in place of the hash, whose secret is another in every request.
	w.configure(shopDataset, strings.Replace(shopPolicies, "{strategy: hash, configuration: {algorithm: SHA-256}}", "{strategy: string_rewrite, configuration: {rewrite_value: gone}}", 1))
	return &story{world: w, binary: binary}
}

// killed runs the command until it ends well, at first killed at each of the
// points. One that it does not come to lets it end.
func (s *story) killed(points ...string) {
	s.t.Helper()
	for _, point := range points {
		if !s.run(point, 0) {
			return
		}
	}
	s.run("", 0)
}

// run runs the command and says whether it was killed; code -1 expects that,
// code 0 with a crash point that it ended well or was killed.
func (s *story) run(crash string, code int) bool {
	s.t.Helper()
	args := []string{"request", "run", "--config", filepath.Join(s.dir, "config"), "--policy", "erasure", "--identity", "email=anna@example.com",
		"--out", s.out, "--state", s.house.Data, "--yes", "--max-rows", "10000", "--json"}
	if s.house.Database != "" {
		args = append(args, "--database", s.house.Database)
	}
	cmd := exec.Command(s.binary, args...)
	cmd.Env = append(os.Environ(), "VOLENTI_CRASH="+crash, "VOLENTI_CRASH_TALLY="+s.tally)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	err := cmd.Run()
	var ended *exec.ExitError
	killed := errors.As(err, &ended) && ended.Sys().(syscall.WaitStatus).Signal() == syscall.SIGKILL
	if code < 0 && !killed {
		s.t.Fatalf("it was to be killed at %s, and ended with %v: %s", crash, err, &stderr)
	}
	if code >= 0 && cmd.ProcessState.ExitCode() != code && (!killed || crash == "") {
		s.t.Fatalf("exit %v, want %d: %s", err, code, &stderr)
	}
	return killed
}

// end is everything that must not depend on crashes.
type end struct {
	Customers, Orders, Notes []string
	Access                   string
	Files                    []string
	Report                   fulfill.Report
}

func (s *story) end() end {
	s.t.Helper()
	e := end{
		Customers: s.table("SELECT * FROM customer ORDER BY id"),
		Orders:    s.table("SELECT no, customer_id, street FROM orders ORDER BY no"),
		Notes:     s.table("SELECT * FROM note ORDER BY id"),
	}
	access, err := os.ReadFile(filepath.Join(s.out, "access.json"))
	if err != nil {
		s.t.Fatal(err)
	}
	e.Access = string(access)
	files, err := os.ReadDir(s.out)
	if err != nil {
		s.t.Fatal(err)
	}
	for _, f := range files {
		e.Files = append(e.Files, f.Name())
	}
	report, err := os.ReadFile(filepath.Join(s.out, "report.json"))
	if err != nil {
		s.t.Fatal(err)
	}
	if err := json.Unmarshal(report, &e.Report); err != nil {
		s.t.Fatal(err)
	}
	e.Report.Request, e.Report.Plan = "", "" // the hash covers the target's own address
	for i := range e.Report.Collections {
		e.Report.Collections[i].Attempts = 0
	}
	return e
}
