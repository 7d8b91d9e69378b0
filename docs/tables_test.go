package docs_test

import (
	"encoding/json"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"volenti.dev/volenti/api"
	"volenti.dev/volenti/auth"
	"volenti.dev/volenti/consent"
)

func TestRoutesOfThePageAreThoseOfTheTable(t *testing.T) {
	want, got := map[string]string{}, map[string]string{}
	for _, r := range api.Table() {
		needs := r.Proof
		switch {
		case !r.Public:
			needs = "`" + string(r.Scope) + "`"
		case needs == "":
			needs = "nothing"
		}
		want["`"+r.Method+" "+r.Path+"`"] = needs
	}
	_, rows := table(t, "server.md", "method and path |")
	for _, row := range rows {
		got[row[0]] = row[1]
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("routes (-code +page):\n%s", diff)
	}
}

func TestScopesOfThePageAreThoseOfTheCode(t *testing.T) {
	var want []string
	for _, s := range auth.Scopes() {
		want = append(want, "`"+string(s)+"`")
	}
	_, rows := table(t, "server.md", "scope |")
	if diff := cmp.Diff(want, first(rows)); diff != "" {
		t.Errorf("scopes (-code +page):\n%s", diff)
	}
}

func TestRolesOfThePageAreThoseOfTheCode(t *testing.T) {
	var want []string
	for _, r := range auth.Roles() {
		want = append(want, "`"+string(r)+"`")
	}
	_, rows := table(t, "server.md", "role |")
	if diff := cmp.Diff(want, first(rows)); diff != "" {
		t.Errorf("roles (-code +page):\n%s", diff)
	}
	for _, row := range rows[2:] { // the first two may do all
		var told []string
		for _, word := range regexp.MustCompile("`[a-z:]+`").FindAllString(row[1], -1) {
			word = strings.Trim(word, "`")
			for _, s := range auth.Scopes() {
				if string(s) == word || strings.HasSuffix(word, ":") && strings.HasPrefix(string(s), word) {
					told = append(told, string(s))
				}
			}
		}
		var scopes []string
		for _, s := range auth.Role(strings.Trim(row[0], "`")).Scopes() {
			if s != auth.OwnSession {
				scopes = append(scopes, string(s))
			}
		}
		slices.Sort(told)
		slices.Sort(scopes)
		if diff := cmp.Diff(scopes, told); diff != "" {
			t.Errorf("%s (-code +page):\n%s", row[0], diff)
		}
	}
}

func TestLimitsOfTheServerAreThoseOfTheCode(t *testing.T) {
	code := ""
	for _, file := range []string{"../internal/server/serve.go", "../api/guard.go", "../api/route.go", "../api/audit.go", "../api/events.go", "../internal/store/idempotency.go", "../cli/serve.go", "../cli/apikey.go"} {
		code += read(t, file)
	}
	code, text := strings.Join(strings.Fields(code), " "), read(t, "server.md")
	for inCode, inText := range map[string]string{
		"headerTime = 10 * time.Second": "within 10 seconds", "headerBytes = 32 << 10": "32 KiB", "maxQuery = 4 << 10": "4 KiB",
		"defaultBody = 64 << 10": "64 KiB", "readTime = 30 * time.Second": "within 30 seconds", "handlerTime = 30 * time.Second": "| an act | 30 seconds",
		"writeTime = time.Minute": "| 1 minute;", "stallTime = 30 * time.Second": "30 seconds for each piece", "streamLimit = 64": "| 64 of a tenant, then 429 |", "idleTime = 2 * time.Minute": "| 2 minutes |",
		"graceTime = 8 * time.Second": "8 seconds", "answerTime = 24 * time.Hour": "for 24 hours", `default:"127.0.0.1:8080"`: "`127.0.0.1:8080` unless told",
		`default:"90d"`: "`90d` (the default)", "most = 3650": "up to 3650",
	} {
		if !strings.Contains(code, inCode) || !strings.Contains(text, inText) {
			t.Errorf("the code must say %q and server.md %q", inCode, inText)
		}
	}
}

func TestStatusesAndStepsOfThePageAreThoseOfTheCode(t *testing.T) {
	var statuses, steps, told []string
	for _, m := range regexp.MustCompile(`(?m)^\t\w+ +Status = "([a-z_]+)"`).FindAllStringSubmatch(read(t, "../request/status.go"), -1) {
		statuses = append(statuses, m[1])
	}
	_, rows := table(t, "requests.md", "status | what it waits for")
	for _, cell := range first(rows) {
		for name := range strings.SplitSeq(cell, ", ") {
			told = append(told, strings.Trim(name, "`"))
		}
	}
	slices.Sort(statuses)
	slices.Sort(told)
	if diff := cmp.Diff(statuses, told); diff != "" || len(statuses) == 0 {
		t.Errorf("statuses (-code +page):\n%s", diff)
	}
	code := read(t, "../request/fulfill/steps.go") + read(t, "../request/fulfill/review.go")
	for _, m := range regexp.MustCompile(`\{name: ("[a-z ]+"|\w+),`).FindAllStringSubmatch(code, -1) {
		name := m[1]
		if named := regexp.MustCompile("const " + name + ` = ("[a-z ]+")`).FindStringSubmatch(code); named != nil {
			name = named[1]
		}
		steps = append(steps, "`"+strings.Trim(name, `"`)+"`")
	}
	_, rows = table(t, "requests.md", "step |")
	if diff := cmp.Diff(steps, first(rows)); diff != "" || len(steps) == 0 {
		t.Errorf("steps (-code +page):\n%s", diff)
	}
}

func TestReasonsOfThePageAreThoseOfTheGate(t *testing.T) {
	got := map[string]bool{}
	_, rows := table(t, "consent.md", "reason |")
	for _, cell := range first(rows) {
		for name := range strings.SplitSeq(cell, ", ") {
			got[strings.Trim(name, "`")] = true
		}
	}
	want := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^\t\w+ +Reason = "([a-z_]+)"`).FindAllStringSubmatch(read(t, "../consent/judge.go"), -1) {
		want[m[1]] = true
	}
	if diff := cmp.Diff(want, got); diff != "" || len(want) == 0 {
		t.Errorf("reasons (-code +page):\n%s", diff)
	}
}

func TestColumnsSourcesAndPurposesOfThePageAreThoseOfTheCode(t *testing.T) {
	text := read(t, "consent.md")
	var names []string
	_, columns, _ := strings.Cut(read(t, "../consent/intake/row.go"), "func entryOf(")
	columns, _, _ = strings.Cut(columns, "\n}\n")
	for _, m := range regexp.MustCompile(`case "([a-z_]+)":`).FindAllStringSubmatch(columns, -1) {
		names = append(names, m[1])
	}
	if len(names) < 7 {
		t.Errorf("only %d columns were found in the code: the pattern is out of date", len(names))
	}
	for _, m := range regexp.MustCompile("`json:\"([a-z_]+)\"`").FindAllStringSubmatch(read(t, "../cli/consent_purposes.go"), -1) {
		names = append(names, m[1])
	}
	for _, s := range consent.Sources() {
		names = append(names, string(s))
	}
	for _, p := range consent.DefaultPurposes() {
		names = append(names, p.Key)
	}
	for _, name := range slices.DeleteFunc(names, func(n string) bool { return n == "purposes" }) {
		if !strings.Contains(text, "`"+name+"`") {
			t.Errorf("consent.md does not explain %s", name)
		}
	}
}

// What the pages show of Go compiles: each block is a file of a package that
// is laid over the checkout, and nowhere else.
func TestGoOfThePagesCompiles(t *testing.T) {
	dir, found := t.TempDir(), map[string]string{}
	checkout, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	for _, page := range pages(t) {
		texts, lines := blocks(t, page, "go")
		for i, text := range texts {
			name := strings.ReplaceAll(page, ".", "_") + string(rune('a'+i)) + ".go"
			file := filepath.Join(dir, name)
			if err := os.WriteFile(file, []byte(strings.Repeat("\n", lines[i])+text), 0o600); err != nil {
				t.Fatal(err)
			}
			found[filepath.Join(checkout, "docs", "snippets", name)] = file
		}
	}
	if len(found) == 0 {
		t.Fatal("the pages show no Go")
	}
	overlay, err := json.Marshal(map[string]any{"Replace": found})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "overlay.json"), overlay, 0o600); err != nil {
		t.Fatal(err)
	}
	build := exec.CommandContext(t.Context(), "go", "build", "-C", checkout, "-overlay", filepath.Join(dir, "overlay.json"), "./docs/snippets")
	if out, err := build.CombinedOutput(); err != nil {
		t.Errorf("%v: %v\n%s", slices.Sorted(maps.Keys(found)), err, out)
	}
}

// first gives the first cell of each row.
func first(rows [][]string) (cells []string) {
	for _, row := range rows {
		cells = append(cells, row[0])
	}
	return cells
}

// free gives an address that nobody listens on.
func free(t *testing.T) string {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}
