package mariadbtest_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"volenti.dev/volenti/internal/mariadbtest"
)

// held makes the test binary play a test process that is killed.
const held = "MARIADBTEST_HELD"

func TestMain(m *testing.M) { os.Exit(mariadbtest.Run(m)) }

func TestEveryURLIsAnEmptyDatabaseOfItsOwn(t *testing.T) {
	t.Parallel()
	one, two := mariadbtest.Open(t, mariadbtest.URL(t)), mariadbtest.Open(t, mariadbtest.URL(t))
	if _, err := one.Exec("CREATE TABLE person (name text)"); err != nil {
		t.Fatal(err)
	}
	var tables int
	if err := two.QueryRow("SELECT count(*) FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE()").Scan(&tables); err != nil {
		t.Fatal(err)
	}
	if tables != 0 {
		t.Errorf("a new database has %d tables, want none", tables)
	}
}

func TestServerIsDurable(t *testing.T) {
	t.Parallel()
	db := mariadbtest.Open(t, mariadbtest.URL(t))
	for setting, want := range map[string]string{
		"innodb_flush_log_at_trx_commit": "1", "innodb_doublewrite": "1", "bind_address": "127.0.0.1",
	} {
		var got string
		if err := db.QueryRow("SELECT @@" + setting).Scan(&got); err != nil {
			t.Fatal(err)
		}
		if got != want {
			t.Errorf("%s is %q, want %q", setting, got, want)
		}
	}
}

func TestCommittedRowsSurviveRestart(t *testing.T) {
	url := mariadbtest.URL(t)
	db := mariadbtest.Open(t, url)
	before, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = before.Close() }()
	if _, err := before.ExecContext(t.Context(), "CREATE TABLE person (name text); INSERT INTO person VALUES ('Anna')"); err != nil {
		t.Fatal(err)
	}

	mariadbtest.Restart(t)

	if _, err := before.ExecContext(t.Context(), "DO 1"); err == nil {
		t.Error("a connection outlived the restart")
	}
	var name string
	if err := db.QueryRow("SELECT name FROM person").Scan(&name); err != nil {
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
	db := mariadbtest.Open(t, strings.TrimSpace(line))
	if err := db.Ping(); err != nil {
		t.Fatal(err)
	}

	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = child.Wait()

	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	// Sleeps on the server until that is killed.
	if _, err := db.ExecContext(ctx, "DO SLEEP(60)"); err == nil || ctx.Err() != nil {
		t.Errorf("the server outlived its test process: %v", err)
	}
}

// TestHeldServer is the process that TestServerDiesWithAProcessThatIsKilled
// kills; run by itself it has nothing to do.
func TestHeldServer(t *testing.T) {
	if os.Getenv(held) == "" {
		return
	}
	fmt.Println(mariadbtest.URL(t))
	_, _ = io.Copy(io.Discard, os.Stdin)
}
