package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// It is built as the other tests are, so that they share what is compiled: a
// little larger than the one that make build gives.
func TestProgramIsSmallerThan60Megabytes(t *testing.T) { // F13
	binary := filepath.Join(t.TempDir(), "volenti")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-ldflags", "-s -w", "-o", binary, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	info, err := os.Stat(binary)
	if err != nil {
		t.Fatal(err)
	}
	if info.Size() >= 60e6 {
		t.Errorf("it has %d bytes", info.Size())
	}
}
