package arch_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// writes is a statement that changes what became of a choice at a connection.
var writes = regexp.MustCompile(`(?i)(insert into|update|delete from|truncate)\s+(deliveries|delivery_attempts|delivery_legacy)\b|\binto\("(deliveries|delivery_attempts|delivery_legacy)"`)

func TestOneRoomWritesWhatBecameOfChoices(t *testing.T) { // C4
	root, writers := "../..", 0
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && path != root && (strings.HasPrefix(d.Name(), ".") || d.Name() == "node_modules"):
			return fs.SkipDir
		case d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go"):
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil || !writes.Match(text) {
			return err
		}
		name := filepath.ToSlash(path)
		if strings.HasPrefix(name, "../../internal/store/propagation") {
			writers++
			return nil
		}
		t.Errorf("%s writes deliveries: only internal/store/propagation*.go does", strings.TrimPrefix(name, "../../"))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if writers == 0 {
		t.Error("nobody writes deliveries: the pattern is out of date")
	}
}
