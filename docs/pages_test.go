package docs_test

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"volenti.dev/volenti/cli"
	"volenti.dev/volenti/config"
	"volenti.dev/volenti/config/source"
	"volenti.dev/volenti/connector/builtin"
	"volenti.dev/volenti/datamap/value"
	"volenti.dev/volenti/internal/ferretdbtest"
	"volenti.dev/volenti/internal/mariadbtest"
	"volenti.dev/volenti/internal/pgtest"
	"volenti.dev/volenti/request/fulfill"
	"volenti.dev/volenti/request/masking"
)

func TestMain(m *testing.M) {
	code := pgtest.Run(m)
	mariadbtest.Stop()
	os.Exit(code)
}

// pages lists the documentation that is written for users.
func pages(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("*.md")
	if err != nil {
		t.Fatal(err)
	}
	return slices.DeleteFunc(files, func(f string) bool { return f == "architecture.md" })
}

// blocks gives the blocks of a page that are in a language, and the lines on
// which they begin.
func blocks(t *testing.T, page, language string) (texts []string, lines []int) {
	t.Helper()
	text := read(t, page)
	for _, at := range regexp.MustCompile("(?s)```"+language+"\n(.*?)```").FindAllStringSubmatchIndex(text, -1) {
		texts = append(texts, text[at[2]:at[3]])
		lines = append(lines, strings.Count(text[:at[2]], "\n"))
	}
	return texts, lines
}

// configuration writes all YAML of the pages into one directory: they tell of
// one company. Lines count as they do in the page.
func configuration(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	for _, page := range pages(t) {
		texts, lines := blocks(t, page, "yaml")
		for i, text := range texts {
			name := filepath.Join(dir, fmt.Sprintf("%s.%d.yml", page, i))
			if err := os.WriteFile(name, []byte(strings.Repeat("\n", lines[i])+text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	return dir
}

func TestConfigurationOfThePagesHasNoProblem(t *testing.T) {
	anything := func(string) (string, bool) { return "set", true }
	c, problems, err := config.Load(configuration(t), config.Options{Registry: builtin.Registry(), Env: anything})
	if err != nil {
		t.Fatal(err)
	}
	problems = append(problems, config.Check(c)...)
	for _, p := range source.Sort(problems) {
		t.Error(p)
	}
	if len(c.Datasets) == 0 || len(c.Policies) == 0 || len(c.Connections) == 0 {
		t.Error("the pages describe no datasets, no policies or no connections")
	}
}

// Each page's commands are given to one shell, in order, in a directory that
// holds the practice shop.
func TestCommandsOfThePagesRun(t *testing.T) {
	t.Parallel()
	bin := t.TempDir()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	if out, err := exec.CommandContext(ctx, "go", "build", "-C", root, "-o", filepath.Join(bin, "volenti"), "./cmd/volenti").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	shop := filepath.Join(bin, "practice") // each page gets a copy of its own
	if out, err := exec.CommandContext(ctx, filepath.Join(bin, "volenti"), "demo", "--once", "--dir", shop).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	says := map[string][]string{
		"datasets.md":          {"0 errors, 0 warnings"},
		"requests.md":          {": complete", "deleted    the whole row", "is canceled"},
		"intake.md":            {`"policy":"my-data"`, "a code of 8 digits is on its way", `"status":403`},
		"holds.md":             {"under legal hold, nothing of it may be erased: the person, by an identity of type email", "tax audit 2026", "Lifted ", ": complete"},
		"permission-tables.md": {"anna@example.org analytics 1 granted", "ben@example.org analytics 0 refused", "table of warehouse are compared now"},
		"manual.md":            {"people are asked, and the request waits for them", `"contract": "K-77"`, ": complete"},
		"audit.md":             {"Verified: ", "forged.jsonl does not verify: line "},
		"consent.md":           {"yes: granted", "no: refused", "no: reconsent_due", "line 4: granted", "3 rows: 1 recorded, 0 as before, 1 older", "forged.json does not verify", "no: no_record"},
		"letters.md":           {`there is no value "cod" (did you mean code?)`, "0 errors, 0 warnings", "Subject: Ihr Code", "+ message code in de"},
		"webhooks.md":          {`"type":"consent.granted"`, "event: consent.granted", `"outcome":"delivered"`, `genuine {"id":`, `"reason":"asked"`},
		"desk.md":              {`"due":"`, `"extended":"`, `"done":true`, `volenti_requests{status="denied"} 1`},
		"server.md":            {`{"status":"ok"}`, `"status":"complete"`, "Verified: ", "valid", `"status":"awaiting_approval"`, `"status":"approved"`, `"action":"access"`},
		"policy-webhooks.md":   {"calls ask-crm before (connection crm, two_way, may add identities of type phone_number)", `"status":"paused"`, `"status":"complete"`},
		"delivery.md":          {`"status":"complete"`, `"left":5`, `{"items":[]}`},
		"email.md":             {"shop: succeeded", "0 errors, 0 warnings", "Subject: Was Menschen bei "},
		"systems.md":           {"System crm uses data for: marketing", "newsletter belongs to crm.", "secrets  secret, url", `[{"system_key":"crm","system_name":"Customer relations"`, "newsletter belongs to no system", "System crm is removed"},
		"banner.md":            {"added    google_analytics", "Version 1 of site", "! added    vendor matomo", "must be asked again", "Version 2 of site"},
		"banner-registry.md":   {`"key":"matomo"`, `"key":"google_analytics"`, `"key":"vimeo"`, `"revision":2,"added":["matomo","vimeo"]`, `"revision":2,"added":[]`},
		"propagation.md":       {"ads of marketing: error: vendor_refused", "letters of marketing: complete", "sent email, known since record", "Sent again: 1.", `/ads {"subject":`, `"items":["list_42"],"granted":true`, "2 status maps: 1 taken over, 1 error."},
	}
	for _, page := range pages(t) {
		commands, _ := blocks(t, page, "sh")
		if len(commands) == 0 {
			continue
		}
		t.Run(page, func(t *testing.T) {
			script := "trap 'kill ${server:-} ${receiver:-} 2>/dev/null || :' EXIT\ncp -R '" + shop + "' practice\nexport DEMO_SHOP=\"$PWD/practice\"\n" + strings.Join(commands, "")
			script = strings.ReplaceAll(script, "127.0.0.1:8080", free(t))
			script = strings.ReplaceAll(script, "127.0.0.1:9464", free(t))
			shell := exec.CommandContext(ctx, "/bin/sh", "-eux", "-c", script)
			shell.Dir = t.TempDir()
			shell.Env = append(os.Environ(), "PATH="+bin+string(os.PathListSeparator)+os.Getenv("PATH"))
			output, err := shell.CombinedOutput()
			if err != nil {
				t.Fatalf("%v\n%s", err, output)
			}
			for _, want := range says[page] {
				if !strings.Contains(string(output), want) {
					t.Errorf("the commands never said %q:\n%s", want, output)
				}
			}
		})
	}
}

const pageTables = `
CREATE TABLE customers (id integer PRIMARY KEY, email varchar(254) UNIQUE NOT NULL, name text NOT NULL, preferences jsonb);
CREATE TABLE orders (id integer PRIMARY KEY, customer_id integer REFERENCES customers, delivery_note text, total numeric(10,2));
CREATE TABLE parcels (depot text, number integer, order_id integer REFERENCES orders, recipient text, PRIMARY KEY (depot, number));
CREATE TABLE scans (id integer PRIMARY KEY, depot text, number integer, signature text, FOREIGN KEY (depot, number) REFERENCES parcels);
CREATE TABLE cases (id integer PRIMARY KEY, customer_id integer REFERENCES customers, known_addresses text[]);
CREATE TABLE subscriptions (id integer PRIMARY KEY, email text, subscribed_at timestamptz);
INSERT INTO customers VALUES (1, 'anna@example.org', 'Anna', '{"language": "de"}'), (2, 'ben@example.org', 'Ben', '{"language": "en"}');
INSERT INTO orders VALUES (10, 1, 'ring twice', 12.50), (20, 2, 'at the back', 7);
INSERT INTO parcels VALUES ('north', 1, 10, 'Anna'), ('south', 2, 10, 'Anna'), ('north', 2, 20, 'Ben'), ('south', 1, 20, 'Ben');
INSERT INTO scans VALUES (1, 'north', 1, 'Anna'), (2, 'south', 2, 'Anna'), (3, 'north', 2, 'Ben'), (4, 'south', 1, 'Ben');
INSERT INTO cases VALUES (1, 1, '{anna@example.org,anna@example.com}'), (2, 2, '{ben@example.org}');
INSERT INTO subscriptions VALUES (1, 'anna@example.org', now()), (2, 'ben@example.org', now());`

// The company of the pages, with the rights that the pages grant and nothing
// else: a request finds Anna everywhere, erases her and leaves Ben alone.
func TestRightsOfThePagesAreEnough(t *testing.T) {
	admin := pgtest.URL(t)
	conn, err := pgx.Connect(t.Context(), admin)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.WithoutCancel(t.Context())) })
	grants, _ := blocks(t, "requests.md", "sql")
	if _, err := conn.Exec(t.Context(), pageTables+strings.Join(grants, "")); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := conn.Exec(context.WithoutCancel(t.Context()), "DROP OWNED BY volenti; DROP ROLE volenti"); err != nil {
			t.Error(err)
		}
	})
	webshop, err := url.Parse(admin)
	if err != nil {
		t.Fatal(err)
	}
	webshop.User = url.User("volenti")
	dir := t.TempDir()
	staff, err := sql.Open("sqlite", filepath.Join(dir, "staff.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = staff.Close() }()
	if _, err := staff.ExecContext(t.Context(), `CREATE TABLE employees (id INTEGER PRIMARY KEY, work_email TEXT, replaces_id INTEGER);
		INSERT INTO employees VALUES (1, 'anna@example.org', NULL), (2, 'carl@example.org', 1), (3, 'dora@example.org', NULL)`); err != nil {
		t.Fatal(err)
	}
	feedback := ferretdbtest.URL(t)
	client, err := mongo.Connect(options.Client().ApplyURI(feedback))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = client.Disconnect(context.WithoutCancel(t.Context())) }()
	reviews := client.Database(feedback[strings.LastIndex(feedback, "/")+1:]).Collection("reviews")
	if _, err := reviews.InsertOne(t.Context(), bson.D{{Key: "_id", Value: "r"}, {Key: "reviewer", Value: bson.D{{Key: "customer_id", Value: 1}, {Key: "shown_as", Value: "Anna B."}}},
		{Key: "answers", Value: bson.A{bson.D{{Key: "customer_id", Value: 2}, {Key: "text", Value: "Ben asks"}}, bson.D{{Key: "customer_id", Value: 1.0}, {Key: "text", Value: "says Anna"}}}}}); err != nil {
		t.Fatal(err)
	}
	env := map[string]string{"WEBSHOP_URL": webshop.String(), "STAFF_DIR": dir, "FEEDBACK_URL": feedback,
		"SESSIONS_KEY_ID": "unused", "SESSIONS_KEY": "unused", "ERP_URL": "sqlserver://unused/?database=unused",
		"ANALYTICS_URL": "postgres://unused/unused", "CAMPAIGNS_URL": "https://unused.example/", "CAMPAIGNS_SECRET": "whsec_" + strings.Repeat("AAAA", 8)}
	files := configuration(t)
	mailboxes, err := filepath.Glob(filepath.Join(files, "email.md.*")) // the command line writes to nobody
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range mailboxes {
		if err := os.Remove(file); err != nil {
			t.Fatal(err)
		}
	}
	run := func(policy string) {
		t.Helper()
		var out bytes.Buffer
		code := cli.Main(t.Context(), []string{"request", "run", "--config", files, "--policy", policy, "--identity", "email=anna@example.org", "--out", filepath.Join(dir, policy), "--yes"}, cli.IO{
			In: strings.NewReader(""), Out: &out, Err: &out, User: "test",
			Env: func(name string) (string, bool) { v, ok := env[name]; return v, ok },
			Now: func() time.Time { return time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC) },
		})
		if code != 0 {
			t.Fatalf("%s: exit code %d\n%s", policy, code, out.String())
		}
	}

	run("copy")
	given := read(t, filepath.Join(dir, "copy", "access.json"))
	for _, hers := range []string{"ring twice", "12.50", "anna@example.com", "carl@example.org", "logistics:scans", "newsletter:subscriptions", "Anna B.", "says Anna"} {
		if !strings.Contains(given, hers) {
			t.Errorf("the package lacks %s:\n%s", hers, given)
		}
	}
	for _, others := range []string{"Ben", "ben@", "dora@", "at the back"} {
		if strings.Contains(given, others) {
			t.Errorf("the package has %s:\n%s", others, given)
		}
	}

	run("forget")
	var state string
	err = conn.QueryRow(t.Context(), `SELECT concat_ws(' ',
		(SELECT string_agg(name || ' ' || (email LIKE '%@erased.invalid')::text || ' ' || preferences::text, ', ' ORDER BY id) FROM customers), '|',
		(SELECT string_agg(delivery_note || ' ' || total, ', ' ORDER BY id) FROM orders), '|',
		(SELECT string_agg(recipient, ', ' ORDER BY order_id, depot) FROM parcels), '|',
		(SELECT string_agg(signature, ', ' ORDER BY id) FROM scans), '|',
		(SELECT string_agg(('anna' = ANY (SELECT split_part(a, '@', 1) FROM unnest(known_addresses) AS a))::text, ', ' ORDER BY id) FROM cases), '|',
		(SELECT string_agg(email, ', ') FROM subscriptions))`).Scan(&state)
	if err != nil {
		t.Fatal(err)
	}
	want := `erased true {"language": null}, Ben false {"language": "en"} | erased 12.50, at the back 7.00 | ` +
		`erased, erased, Ben, Ben | erased, erased, Ben, Ben | false, false | ben@example.org`
	if diff := cmp.Diff(want, state); diff != "" {
		t.Errorf("what the databases hold (-want +got):\n%s", diff)
	}
	document, err := reviews.FindOne(t.Context(), bson.D{}).Raw()
	if err != nil {
		t.Fatal(err)
	}
	if text := document.String(); strings.Contains(text, "Anna") || !strings.Contains(text, "Ben asks") {
		t.Errorf("what the documents hold: %s", text)
	}
}

// keyRead is where a key of the configuration or a setting of a strategy is
// read.
var keyRead = regexp.MustCompile(`\.(?:String|Bool|Int|List|Strings|Mapping|Node|text|choice|take|within)\("([a-z_]+)"|(?:Decode|addresses)\(\w+, "([a-z_]+)"`)

func TestEveryKeyOfTheConfigurationIsExplained(t *testing.T) {
	for page, files := range map[string][]string{
		"datasets.md": {"../datamap/dataset/decode.go", "../datamap/dataset/field.go"},
		"policies.md": {"../request/policy/decode.go", "../request/masking/spec.go"},
		"intake.md":   {"../request/policy/intake_decode.go"},
		"requests.md": {"../config/connection.go"},
		"desk.md":     {"../config/calendar.go"},
		"manual.md":   {"../request/task/decode.go"},

		"http-connectors.md": {"../connector/http/parse.go"},
	} {
		text := read(t, page)
		for _, file := range files {
			found := keyRead.FindAllStringSubmatch(read(t, file), -1)
			if len(found) < 4 {
				t.Errorf("%s reads only %d keys: the pattern is out of date", file, len(found))
			}
			for _, m := range found {
				if key := m[1] + m[2]; !regexp.MustCompile("`[a-z_., :{]*\\b" + key + "\\b").MatchString(text) {
					t.Errorf("%s does not explain %s, which %s reads", page, key, file)
				}
			}
		}
	}
}

// table gives the rows of the table whose head begins with head.
func table(t *testing.T, page, head string) (columns []string, rows [][]string) {
	t.Helper()
	_, text, found := strings.Cut(read(t, page), "\n| "+head)
	if !found {
		t.Fatalf("%s has no table that begins with %q", page, head)
	}
	for i, line := range strings.Split("| "+head+text, "\n") {
		if !strings.HasPrefix(line, "|") {
			break
		}
		cells := strings.Split(strings.Trim(line, "| "), " | ")
		switch i {
		case 0:
			columns = cells
		case 1:
		default:
			rows = append(rows, cells)
		}
	}
	return columns, rows
}

func TestTableOfStrategiesIsTrue(t *testing.T) {
	columns, rows := table(t, "policies.md", "strategy | text |")
	kinds := map[string][]masking.Column{
		"text":           {{}, of(value.String)},
		"json":           {of(value.JSON)},
		"integer":        {of(value.Integer)},
		"decimal, float": {of(value.Number), of(value.Float)},
		"date":           {of(value.Day), of(value.Timestamp)},
		"boolean, time":  {of(value.Boolean), of(value.Clock)},
		"uuid":           {of(value.UUID), of(value.ObjectID)},
		"bytes":          {of(value.Bytes)},
		"not null":       {{Type: value.Type{Kind: value.String}, NotNull: true}},
		"unique":         {{Type: value.Type{Kind: value.String}, Unique: true}},
	}
	needed := map[string]map[string]any{
		masking.StringRewrite: {"rewrite_value": "none"}, masking.DateShift: {"days": 9}, masking.NumberRound: {"step": 9}, masking.NumberNoise: {"percent": 9},
	}
	fits := map[string]bool{"yes": true, "if wide enough": true, "no": false, "if it is one": false}
	var named []string
	for _, row := range rows {
		strategy := strings.Trim(row[0], "`")
		named = append(named, strategy)
		spec := masking.Spec{Strategy: strategy, Configuration: needed[strategy]}
		for i, cell := range row[1:] {
			want, known := fits[cell]
			shapes := kinds[columns[i+1]]
			if !known || shapes == nil {
				t.Errorf("%q below %q is not understood", cell, columns[i+1])
			}
			for _, shape := range shapes {
				if err := masking.Fits(spec, shape); (err == nil) != want {
					t.Errorf("the page says %q of %s on %s %q: %v", cell, strategy, columns[i+1], shape.Type, err)
				}
			}
		}
	}
	all := slices.DeleteFunc(slices.Clone(masking.Names), func(name string) bool { return name == masking.Delete })
	if diff := cmp.Diff(all, named); diff != "" {
		t.Errorf("strategies (-code +page):\n%s", diff)
	}
	_, described := table(t, "policies.md", "strategy | configuration")
	for i, name := range masking.Names {
		if described[i][0] != "`"+name+"`" {
			t.Errorf("the page describes %s where %s is due", described[i][0], name)
		}
	}
}

func of(k value.Kind) masking.Column { return masking.Column{Type: value.Type{Kind: k}} }

func TestTableOfExitCodesIsComplete(t *testing.T) {
	var want, got []string
	for _, m := range regexp.MustCompile(`(?m)^\texit[A-Z]\w+ += (\d+)`).FindAllStringSubmatch(read(t, "../cli/cli.go"), -1) {
		want = append(want, m[1])
	}
	_, rows := table(t, "requests.md", "code |")
	for _, row := range rows {
		got = append(got, row[0])
	}
	if diff := cmp.Diff(want, got); diff != "" || len(want) == 0 {
		t.Errorf("exit codes (-code +page):\n%s", diff)
	}
}

func TestEveryFieldOfTheReportIsExplained(t *testing.T) {
	text := read(t, "requests.md")
	for _, part := range []reflect.Type{reflect.TypeFor[fulfill.Report](), reflect.TypeFor[fulfill.CollectionReport](), reflect.TypeFor[fulfill.FieldReport](), reflect.TypeFor[fulfill.RoundReport](), reflect.TypeFor[fulfill.OmissionReport](), reflect.TypeFor[fulfill.WaitReport]()} {
		for i := range part.NumField() {
			name, _, _ := strings.Cut(part.Field(i).Tag.Get("json"), ",")
			if !strings.Contains(text, "`"+name+"`") {
				t.Errorf("requests.md does not explain %s of the report", name)
			}
		}
	}
}

func TestCapsAreThoseOfTheCode(t *testing.T) {
	code, text := read(t, "../request/fulfill/run.go"), read(t, "policies.md")
	for inCode, inText := range map[string]string{
		"l.RowsPerCollection, 1000)": "| 1,000 rows |", "l.ShareOfTable, 0.01)": "| 1 % |", "l.RowsPerHour, 100_000)": "| 100,000 rows |",
	} {
		if !strings.Contains(code, inCode) || !strings.Contains(text, inText) {
			t.Errorf("the code must say %q and policies.md %q", inCode, inText)
		}
	}
}

// act is where an act is named.
var act = regexp.MustCompile(`(?:Act: |entry\(|act :?= .*)"([a-z]+\.[a-z_]+)"`)

func TestEveryActOfTheLogIsExplained(t *testing.T) {
	text, found := read(t, "audit.md"), 0
	for _, pattern := range []string{"../request/fulfill/*.go", "../internal/server/*.go", "../internal/store/*.go", "../cli/*.go"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range slices.DeleteFunc(files, func(f string) bool { return strings.HasSuffix(f, "_test.go") }) {
			for _, m := range act.FindAllStringSubmatch(read(t, file), -1) {
				found++
				if !strings.Contains(text, "`"+m[1]+"`") {
					t.Errorf("audit.md does not explain %s of %s", m[1], file)
				}
			}
		}
	}
	if found < 12 {
		t.Errorf("only %d acts were found in the code: the pattern is out of date", found)
	}
}

var anchored = regexp.MustCompile(`\]\(([a-z]+\.md)?#([a-z-]+)\)`)

func TestAnchorsLeadSomewhere(t *testing.T) {
	for _, page := range pages(t) {
		for _, m := range anchored.FindAllStringSubmatch(read(t, page), -1) {
			target := m[1]
			if target == "" {
				target = page
			}
			heads := strings.ToLower(strings.ReplaceAll(read(t, target), " ", "-"))
			if !strings.Contains(heads, "\n##-"+m[2]+"\n") {
				t.Errorf("%s links to %s of %s, which has no such section", page, m[2], target)
			}
		}
	}
}
