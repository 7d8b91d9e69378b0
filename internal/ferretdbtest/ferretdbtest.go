// Package ferretdbtest gives tests a server that speaks the MongoDB protocol:
// FerretDB, which is written in Go and so needs nothing installed. It is built
// from a module of its own, which keeps its dependencies out of ours, when a
// test first asks for it; the program is kept in the user's cache. Each test
// process starts one server on a free loopback port, and each URL is a new
// empty database on it. The server stops when the process ends, however it
// ends.
//
// FerretDB is not MongoDB: it has no transactions, no 128-bit decimals, and
// its indexes are SQLite's.
package ferretdbtest

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"

	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

// shared is the server of this test process.
var shared struct {
	mu        sync.Mutex
	address   string // "mongodb://127.0.0.1:PORT/"
	err       error  // why it did not start; not tried again
	databases int
	hold      io.Closer // the server's standard input: it ends with us
}

// URL makes an empty database and returns its address. The database is
// dropped when the test ends.
func URL(t testing.TB) string {
	t.Helper()
	shared.mu.Lock()
	defer shared.mu.Unlock()
	if shared.address == "" && shared.err == nil {
		shared.address, shared.err = start()
	}
	if shared.err != nil {
		t.Fatalf("start ferretdb: %v", shared.err)
	}
	shared.databases++
	name := fmt.Sprintf("test_%d", shared.databases)
	t.Cleanup(func() {
		if err := drop(shared.address, name); err != nil {
			t.Error(err)
		}
	})
	return shared.address + name
}

func drop(address, name string) error {
	ctx := context.Background()
	client, err := mongo.Connect(options.Client().ApplyURI(address))
	if err != nil {
		return err
	}
	return errors.Join(client.Database(name).Drop(ctx), client.Disconnect(ctx))
}

// start runs the program and gives the address that it prints.
func start() (string, error) {
	program, err := build()
	if err != nil {
		return "", err
	}
	server := exec.CommandContext(context.Background(), program)
	server.Stderr = os.Stderr
	hold, err := server.StdinPipe()
	if err != nil {
		return "", err
	}
	out, err := server.StdoutPipe()
	if err != nil {
		return "", err
	}
	if err := server.Start(); err != nil {
		return "", err
	}
	shared.hold = hold
	address, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		return "", errors.Join(err, server.Wait())
	}
	return strings.TrimSpace(address), nil
}

// build gives the path of the program, built when there is none of this
// module by this version of Go.
func build() (string, error) {
	root, err := output("", "go", "list", "-m", "-f", "{{.Dir}}", "volenti.dev/volenti")
	if err != nil {
		return "", err
	}
	source := filepath.Join(root, "internal/ferretdbtest/testdata/ferretdb")
	digest := sha256.New()
	digest.Write([]byte(runtime.Version()))
	for _, name := range []string{"go.mod", "go.sum", "main.go"} {
		text, err := os.ReadFile(filepath.Join(source, name))
		if err != nil {
			return "", err
		}
		digest.Write(text)
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(cache, "volenti")
	program := filepath.Join(dir, "ferretdb-"+hex.EncodeToString(digest.Sum(nil)[:8]))
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	// Test processes start together: one builds, which takes a minute, and the
	// others wait. The lock ends with its file.
	lock, err := os.Create(program + ".lock")
	if err != nil {
		return "", err
	}
	defer func() { _ = lock.Close() }()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return "", err
	}
	if _, err := os.Stat(program); err == nil {
		return program, nil
	}
	half := program + ".half"
	if _, err := output(source, "go", "build", "-o", half, "."); err != nil {
		return "", err
	}
	return program, os.Rename(half, program)
}

// output runs a command in a directory and gives what it printed.
func output(dir, name string, arguments ...string) (string, error) {
	command := exec.CommandContext(context.Background(), name, arguments...)
	command.Dir = dir
	command.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=-mod=readonly", "GOWORK=off")
	var said strings.Builder
	command.Stderr = &said
	printed, err := command.Output()
	if err != nil {
		return "", fmt.Errorf("%s %s: %w\n%s", name, arguments[0], err, said.String())
	}
	return strings.TrimSpace(string(printed)), nil
}
