package docs_test

import (
	"cmp"
	"path/filepath"
	"strings"
	"testing"

	diff "github.com/google/go-cmp/cmp"

	"volenti.dev/volenti/consent/propagate"
)

func TestStatusesAndReasonsOfThePageAreThoseOfTheCode(t *testing.T) { // P4
	var want [][]string
	for _, s := range propagate.Statuses() {
		want = append(want, []string{"`" + string(s) + "`", s.Sentence()})
	}
	_, rows := table(t, "propagation.md", "status |")
	if d := diff.Diff(want, rows); d != "" {
		t.Errorf("statuses (-code +page):\n%s", d)
	}
	want = nil
	for _, r := range propagate.Reasons() {
		want = append(want, []string{"`" + string(r) + "`", r.Sentence(), cmp.Or(r.Mend(), "nothing")})
	}
	_, rows = table(t, "propagation.md", "reason |")
	if d := diff.Diff(want, rows); d != "" {
		t.Errorf("reasons (-code +page):\n%s", d)
	}
}

func TestLimitsOfPropagationAreThoseOfTheCode(t *testing.T) {
	text, code := read(t, "propagation.md"), ""
	for _, file := range []string{"../api/deliveries_import.go", "../consent/propagate/carriers.go", "../consent/propagate/lane.go", "../consent/propagate/propagate.go", "../consent/propagate/key.go"} {
		code += read(t, file)
	}
	code = strings.Join(strings.Fields(code), " ")
	for inCode, inText := range map[string]string{
		"maxLegacy = 32 << 20": "up to 32 MiB", "twelve attempts in about": "twelve times in about three days", "openTime = 5 * time.Minute": "grows up to five minutes",
		"DefaultLimit = 4": "four, or `concurrency`", `"vc_" + hex.EncodeToString(sum[:])[:40]`: "`vc_` and 40 hex digits",
	} {
		if !strings.Contains(code, inCode) || !strings.Contains(text, inText) {
			t.Errorf("the code must say %q and propagation.md %q", inCode, inText)
		}
	}
}

func TestThePageSaysWhoReadsTheRollUpAndWhatReadersMustChange(t *testing.T) { // C3, C14
	page, news := read(t, "propagation.md"), read(t, "../changelog/unreleased/propagation.md")
	for _, said := range []string{"for readers who know systems only", "Nothing of ours decides by the roll-up", "Queries that look for the key of a system find nothing there: use `systems`"} {
		if !strings.Contains(page, said) {
			t.Errorf("propagation.md does not say %q", said)
		}
	}
	for _, said := range []string{"**High risk**", "Old rows are not rewritten", "Change each query that looks for the key of a system"} {
		if !strings.Contains(news, said) {
			t.Errorf("the changelog does not say %q", said)
		}
	}
	// Nobody else makes a roll-up, so that nothing can decide by one.
	var makers []string
	for _, pattern := range []string{"../*/*.go", "../*/*/*.go", "../*/*/*/*.go"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			if !strings.HasSuffix(file, "_test.go") && strings.Contains(read(t, file), "propagate.RollUp(") {
				makers = append(makers, file)
			}
		}
	}
	if d := diff.Diff([]string{"../api/deliveries.go", "../internal/store/propagation_read.go"}, makers); d != "" {
		t.Errorf("who makes roll-ups (-known +found):\n%s", d)
	}
}
