package chromiumtest

import (
	"context"
	"embed"
	"os"
	"os/exec"
	"path/filepath"
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
	dir := t.TempDir()
	if err := os.CopyFS(dir, node); err != nil {
		t.Fatal(err)
	}
	dir = filepath.Join(dir, "node")
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	npm := exec.CommandContext(ctx, "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")
	npm.Dir = dir
	if out, err := npm.CombinedOutput(); err != nil {
		t.Fatalf("npm: %v\n%s", err, out)
	}
	source, err := os.ReadFile(filepath.Join(dir, "node_modules", "axe-core", "axe.min.js"))
	if err != nil {
		t.Fatal(err)
	}
	return string(source)
}
