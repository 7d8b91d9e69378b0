package pgtest_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"volenti.dev/volenti/internal/pgtest"
)

// held makes the test binary play a test process that is killed.
const held = "PGTEST_HELD"

func TestMain(m *testing.M) { os.Exit(pgtest.Run(m)) }

func TestEveryURLIsAnEmptyDatabaseOfItsOwn(t *testing.T) {
	t.Parallel()
	one, two := connect(t, pgtest.URL(t)), connect(t, pgtest.URL(t))
	execute(t, one, "CREATE TABLE person (name text)")
	var tables int
	query := "SELECT count(*) FROM information_schema.tables WHERE table_schema = 'public'"
	if err := two.QueryRow(t.Context(), query).Scan(&tables); err != nil {
		t.Fatal(err)
	}
	if tables != 0 {
		t.Errorf("a new database has %d tables, want none", tables)
	}
}

func TestCopiesOfAModelBeginAlikeAndThenDiffer(t *testing.T) {
	t.Parallel()
	prepared := 0
	model := pgtest.Model{Prepare: func(url string) error {
		prepared++
		conn, err := pgx.Connect(t.Context(), url)
		if err != nil {
			return err
		}
		_, err = conn.Exec(t.Context(), "CREATE TABLE person AS SELECT 'Anna' AS name")
		return errors.Join(err, conn.Close(t.Context()))
	}}
	one, two := connect(t, model.URL(t)), connect(t, model.URL(t))
	execute(t, one, "INSERT INTO person VALUES ('Ben')")
	for conn, want := range map[*pgx.Conn]int{one: 2, two: 1} {
		var people int
		if err := conn.QueryRow(t.Context(), "SELECT count(*) FROM person").Scan(&people); err != nil {
			t.Fatal(err)
		}
		if people != want {
			t.Errorf("a copy has %d people, want %d", people, want)
		}
	}
	if prepared != 1 {
		t.Errorf("the model was prepared %d times", prepared)
	}
}

func TestDatabaseIsDroppedWithItsTest(t *testing.T) {
	t.Parallel()
	var url string
	t.Run("inner", func(t *testing.T) {
		url = pgtest.URL(t)
		connect(t, url)
	})
	if conn, err := pgx.Connect(t.Context(), url); err == nil {
		_ = conn.Close(t.Context())
		t.Error("the database of a test that ended still answers")
	}
}

func TestServerIsDurable(t *testing.T) {
	t.Parallel()
	conn := connect(t, pgtest.URL(t))
	for setting, want := range map[string]string{
		"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on",
		"max_connections": "400", "listen_addresses": "127.0.0.1",
	} {
		var got string
		if err := conn.QueryRow(t.Context(), "SHOW "+setting).Scan(&got); err != nil {
			t.Fatal(err)
		}
		if got != want {
			t.Errorf("%s is %q, want %q", setting, got, want)
		}
	}
}

func TestCommittedRowsSurviveRestart(t *testing.T) {
	url := pgtest.URL(t)
	before := connect(t, url)
	execute(t, before, "CREATE TABLE person (name text)")
	execute(t, before, "INSERT INTO person VALUES ('Anna')")

	pgtest.Restart(t)

	if err := before.Ping(t.Context()); err == nil {
		t.Error("a connection outlived the restart")
	}
	var name string
	if err := connect(t, url).QueryRow(t.Context(), "SELECT name FROM person").Scan(&name); err != nil {
		t.Fatal(err)
	}
	if name != "Anna" {
		t.Errorf("read %q after the restart", name)
	}
}

func TestServerDiesWithAProcessThatIsKilled(t *testing.T) {
	child := exec.Command(os.Args[0], "-test.run=^TestHeldServer$")
	child.Env = append(os.Environ(), held+"=1")
	hold, err := child.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = hold.Close() }()
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	conn := connect(t, strings.TrimSpace(line))

	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = child.Wait()

	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if _, err := conn.WaitForNotification(ctx); ctx.Err() != nil {
		t.Errorf("the server outlived its test process: %v", err)
	}
}

// TestHeldServer is the process that TestServerDiesWithAProcessThatIsKilled
// kills; run by itself it has nothing to do.
func TestHeldServer(t *testing.T) {
	if os.Getenv(held) == "" {
		return
	}
	fmt.Println(pgtest.URL(t))
	_, _ = io.Copy(io.Discard, os.Stdin)
}

func connect(t *testing.T, url string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

func execute(t *testing.T, conn *pgx.Conn, statement string) {
	t.Helper()
	if _, err := conn.Exec(t.Context(), statement); err != nil {
		t.Fatal(err)
	}
}
