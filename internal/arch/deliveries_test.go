package arch_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// writes is a statement that changes what became of a choice at a connection.
var writes = regexp.MustCompile(`(?i)(insert into|update|delete from|truncate)\s+(deliveries|delivery_\w+)\b|\binto\("(deliveries|delivery_\w+)"`)

func TestOneRoomWritesWhatBecameOfChoices(t *testing.T) { // C4
	onlyWriters(t, writes, "propagation")
}

// links is a statement that changes which system a connection belongs to.
var links = regexp.MustCompile(`(?i)(insert into|update|delete from|truncate)\s+connection_links\b|\binto\("connection_links"`)

// The demo and what else fills a state in have no way of their own to link.
func TestOneRoomLinksConnections(t *testing.T) { // C8
	onlyWriters(t, links, "links", "connections", "systems")
}

// onlyWriters fails for each source beside some of internal/store that has such a
// statement.
func onlyWriters(t *testing.T, writes *regexp.Regexp, files ...string) {
	t.Helper()
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
		if slices.ContainsFunc(files, func(file string) bool { return strings.HasPrefix(name, "../../internal/store/"+file) }) {
			writers++
			return nil
		}
		t.Errorf("%s writes: of internal/store only %s may", strings.TrimPrefix(name, "../../"), strings.Join(files, ", "))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if writers == 0 {
		t.Error("nobody writes: the pattern is out of date")
	}
}
