// Package dynalitetest gives tests servers that speak DynamoDB's protocol:
// dynalite, from npm, which keeps everything in memory. It is installed into
// the user's cache when a test first asks for it. Each test process starts one
// Node.js, which ends with it, however it ends; each URL is a server of its
// own in there.
//
// dynalite is not DynamoDB: it never throttles, has no transactions, and its
// indexes are never late.
package dynalitetest

import (
	"bufio"
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// sources are what is installed and run; the lock pins every package.
//
//go:embed testdata/dynalite
var sources embed.FS

// shared is the Node.js of this test process.
var shared struct {
	mu    sync.Mutex
	ports *bufio.Reader
	ask   io.WriteCloser // its standard input: it ends with us
	err   error          // why it did not start; not tried again
}

// URL starts an empty server and returns its address.
func URL(t testing.TB) string {
	t.Helper()
	shared.mu.Lock()
	defer shared.mu.Unlock()
	if shared.ports == nil && shared.err == nil {
		shared.err = start()
	}
	if shared.err != nil {
		t.Fatalf("start dynalite: %v", shared.err)
	}
	if _, err := io.WriteString(shared.ask, "\n"); err != nil {
		t.Fatal(err)
	}
	port, err := shared.ports.ReadString('\n')
	if err != nil {
		t.Fatalf("dynalite gave no port: %v", err)
	}
	return "http://127.0.0.1:" + strings.TrimSpace(port)
}

func start() error {
	dir, err := install()
	if err != nil {
		return err
	}
	node := exec.CommandContext(context.Background(), "node", "serve.js")
	node.Dir, node.Stderr = dir, os.Stderr
	ask, err := node.StdinPipe()
	if err != nil {
		return err
	}
	out, err := node.StdoutPipe()
	if err != nil {
		return err
	}
	shared.ask, shared.ports = ask, bufio.NewReader(out)
	return node.Start()
}

// install gives the directory with the packages of this lock.
func install() (string, error) {
	const source = "testdata/dynalite"
	entries, err := sources.ReadDir(source)
	if err != nil {
		return "", err
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	base := filepath.Join(cache, "volenti")
	if err := os.MkdirAll(base, 0o755); err != nil {
		return "", err
	}
	fresh, err := os.MkdirTemp(base, "dynalite-new-")
	if err != nil {
		return "", err
	}
	defer func() { _ = os.RemoveAll(fresh) }()
	digest := sha256.New()
	for _, e := range entries {
		text, err := sources.ReadFile(source + "/" + e.Name())
		if err != nil {
			return "", err
		}
		digest.Write(text)
		if err := os.WriteFile(filepath.Join(fresh, e.Name()), text, 0o600); err != nil {
			return "", err
		}
	}
	dir := filepath.Join(base, "dynalite-"+hex.EncodeToString(digest.Sum(nil)[:8]))
	if _, err := os.Stat(dir); err == nil {
		return dir, nil
	}
	npm := exec.CommandContext(context.Background(), "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")
	npm.Dir = fresh
	if said, err := npm.CombinedOutput(); err != nil {
		return "", fmt.Errorf("npm ci: %w\n%s", err, said)
	}
	if err := os.Rename(fresh, dir); err != nil {
		if _, there := os.Stat(dir); there == nil {
			return dir, nil // another test process was first
		}
		return "", err
	}
	return dir, nil
}
