package main

import (
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	_ "modernc.org/sqlite"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"volenti": main})
}

// TestStories runs the stories of testdata/scripts. Beside the commands of
// testscript they have:
//
//	sqlite FILE 'SQL'          runs statements; the rows of a query go to stdout
//	exits CODE volenti ...     runs a command that must end with this exit code
//	hashof PLAN NAME           keeps the hash of a plan in JSON as $NAME
//	idof REPORT NAME           keeps the request's id of a report as $NAME
//	idofhold NAME              keeps the id of the hold that was just shown in JSON as $NAME
//	spoil FILE                 changes one byte in the middle of a file
//	copy DIR TO                copies a directory
//	edit FILE OLD NEW          replaces a piece of text, which must be there
//	keeps FILE NEW             NEW has every line of FILE, in their order
func TestStories(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: filepath.Join("..", "..", "testdata", "scripts"),
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"sqlite": runSQL, "exits": exits, "spoil": spoil, "copy": copyTree, "edit": edit, "keeps": keeps,
			"hashof": func(ts *testscript.TestScript, _ bool, args []string) {
				var plan struct{ Hash string }
				ts.Check(json.Unmarshal([]byte(ts.ReadFile(args[0])), &plan))
				ts.Setenv(args[1], plan.Hash)
			},
			"idof": func(ts *testscript.TestScript, _ bool, args []string) {
				var report struct{ Request string }
				ts.Check(json.Unmarshal([]byte(ts.ReadFile(args[0])), &report))
				ts.Setenv(args[1], report.Request)
			},
			"idofhold": func(ts *testscript.TestScript, _ bool, args []string) {
				var holds []struct{ ID string }
				ts.Check(json.Unmarshal([]byte(ts.ReadFile("stdout")), &holds))
				ts.Setenv(args[0], holds[0].ID)
			},
		},
		RequireExplicitExec: true,
	})
}

func copyTree(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: copy DIR TO")
	}
	ts.Check(os.CopyFS(ts.MkAbs(args[1]), os.DirFS(ts.MkAbs(args[0]))))
}

func edit(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: edit FILE OLD NEW")
	}
	text := ts.ReadFile(args[0])
	if !strings.Contains(text, args[1]) {
		ts.Fatalf("%s does not hold %q", args[0], args[1])
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(strings.Replace(text, args[1], args[2], 1)), 0o600))
}

func keeps(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: keeps FILE NEW")
	}
	rest := strings.Split(ts.ReadFile(args[1]), "\n")
	for line := range strings.Lines(ts.ReadFile(args[0])) {
		at := slices.Index(rest, strings.TrimSuffix(line, "\n"))
		if at < 0 {
			ts.Fatalf("%s lacks, or has elsewhere, the line %q", args[1], line)
		}
		rest = rest[at+1:]
	}
}

func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE PROGRAM ARGS...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	code := 0
	var ended *exec.ExitError
	if err := ts.Exec(args[1], args[2:]...); errors.As(err, &ended) {
		code = ended.ExitCode()
	} else if err != nil {
		ts.Fatalf("%v", err)
	}
	if code != want {
		ts.Fatalf("exit code %d, want %d", code, want)
	}
}

func spoil(ts *testscript.TestScript, _ bool, args []string) {
	path := ts.MkAbs(args[0])
	b, err := os.ReadFile(path)
	ts.Check(err)
	b[len(b)/2] ^= 1
	ts.Check(os.WriteFile(path, b, 0o600))
}

func runSQL(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: sqlite FILE SQL")
	}
	db, err := sql.Open("sqlite", ts.MkAbs(args[0]))
	ts.Check(err)
	defer db.Close()
	if !strings.HasPrefix(strings.ToUpper(args[1]), "SELECT") {
		_, err := db.Exec(args[1])
		ts.Check(err)
		return
	}
	rows, err := db.Query(args[1])
	ts.Check(err)
	defer rows.Close()
	columns, err := rows.Columns()
	ts.Check(err)
	for rows.Next() {
		cells := make([]any, len(columns))
		for i := range cells {
			cells[i] = new(sql.NullString)
		}
		ts.Check(rows.Scan(cells...))
		words := make([]string, len(cells))
		for i, c := range cells {
			words[i] = c.(*sql.NullString).String
		}
		fmt.Fprintln(ts.Stdout(), strings.Join(words, "|"))
	}
	ts.Check(rows.Err())
}
