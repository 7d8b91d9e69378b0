package js_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/evanw/esbuild/pkg/api"
)

func TestSuiteOfTheScript(t *testing.T) { // W15, W16, W17, B10, B14
	ctx, cancel := context.WithTimeout(t.Context(), 8*time.Minute)
	defer cancel()
	install(ctx, t)
	if said, err := exec.CommandContext(ctx, "node", "node_modules/typescript/bin/tsc", "--noEmit").CombinedOutput(); err != nil {
		t.Errorf("tsc: %v\n%s", err, said)
	}
	said, err := exec.CommandContext(ctx, "node", append([]string{"--test"}, suites(t)...)...).CombinedOutput()
	if err != nil {
		t.Errorf("node --test: %v\n%s", err, said)
	}
	t.Logf("%s", said)
}

// install brings the packages that the suite needs, where they are not there by
// the lock.
func install(ctx context.Context, t *testing.T) {
	t.Helper()
	lock, err := os.ReadFile("package-lock.json")
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(lock)
	mark := filepath.Join("node_modules", ".installed-"+hex.EncodeToString(sum[:8]))
	if _, err := os.Stat(mark); err == nil {
		return
	}
	if said, err := exec.CommandContext(ctx, "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund").CombinedOutput(); err != nil {
		t.Fatalf("npm ci: %v (it needs Node.js 18 with npm, or later)\n%s", err, said)
	}
	if err := os.WriteFile(mark, nil, 0o600); err != nil {
		t.Fatal(err)
	}
}

// suites bundles the tests for Node.js and gives their files.
func suites(t *testing.T) []string {
	t.Helper()
	var sources []string
	err := filepath.WalkDir("test", func(path string, _ fs.DirEntry, err error) error {
		if strings.HasSuffix(path, ".test.ts") {
			sources = append(sources, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	out := api.Build(api.BuildOptions{
		AbsWorkingDir: here, EntryPoints: sources, Outdir: t.TempDir(), Bundle: true, Write: true,
		Format: api.FormatESModule, Platform: api.PlatformNode, Target: api.ES2022, OutExtension: map[string]string{".js": ".mjs"},
	})
	if len(out.Errors) > 0 {
		t.Fatal(strings.Join(api.FormatMessages(out.Errors, api.FormatMessagesOptions{}), ""))
	}
	var files []string
	for _, file := range out.OutputFiles {
		files = append(files, file.Path)
	}
	return files
}
