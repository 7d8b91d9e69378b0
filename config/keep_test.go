package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"volenti.dev/volenti/config"
	"volenti.dev/volenti/config/source"
)

func TestLastDayThatIsOverIsAWarning(t *testing.T) { // D5, X28
	dir := t.TempDir()
	text := "policy:\n- key: p\n  rules:\n  - key: r\n    action: erasure\n    targets: [user]\n    masking: {strategy: null_rewrite}\n" +
		"    keep:\n    - {category: user.financial, reason: books, ground: HGB 257, until: 2026-11-20}\n    - {category: user.name, reason: books, ground: HGB 257}\n"
	if err := os.WriteFile(filepath.Join(dir, "a.yml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c, problems, err := config.Load(dir, config.Options{Registry: registry})
	if err != nil || source.Failed(problems) {
		t.Fatal(problems, err)
	}
	if found := config.CheckDates(c, "2026-11-20"); len(found) != 0 {
		t.Errorf("on its last day: %v", found)
	}
	found := config.CheckDates(c, "2026-11-21")
	if len(found) != 1 || found[0].Severity != source.Warning || !strings.Contains(found[0].String(), "a.yml:9:") || !strings.Contains(found[0].String(), "kept this until 2026-11-20: requests mask it now") {
		t.Errorf("on the day after: %v", found)
	}
}
