package chromiumtest

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

//go:embed node/*.json
var node embed.FS

// Rules are the tags of axe's rules for WCAG 2.2 AA, and for good practice.
func Rules() []string {
	return []string{"wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"}
}

// Axe gives the source of axe-core, from npm.
func Axe(t testing.TB) string {
	t.Helper()
	source, err := fetched()
	if err != nil {
		t.Fatal(err)
	}
	return source
}

// fetched fetches it once for all tests of a package.
var fetched = sync.OnceValues(func() (source string, err error) {
	dir, err := os.MkdirTemp("", "axe-*")
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if err := os.CopyFS(dir, node); err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	npm := exec.CommandContext(ctx, "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")
	npm.Dir = filepath.Join(dir, "node")
	if out, err := npm.CombinedOutput(); err != nil {
		return "", fmt.Errorf("npm: %w\n%s", err, out)
	}
	text, err := os.ReadFile(filepath.Join(npm.Dir, "node_modules", "axe-core", "axe.min.js"))
	return string(text), err
})
