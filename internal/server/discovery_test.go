package server

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"volenti.dev/volenti/config"
	"volenti.dev/volenti/config/source"
	"volenti.dev/volenti/connector/builtin"
	"volenti.dev/volenti/datamap/dataset"
	"volenti.dev/volenti/datamap/discover"
	"volenti.dev/volenti/datamap/taxonomy"
	"volenti.dev/volenti/demo/shop"
	"volenti.dev/volenti/examples"
	"volenti.dev/volenti/internal/mariadbtest"
	"volenti.dev/volenti/subject"
)

// found is what a draft or a description says, by kind.
type found map[string]map[string]string

// said writes down what a description by hand says, with names spelled alike
// on all databases.
func said(c *config.Config) found {
	f := found{"identities": {}, "categories": {}, "references": {}}
	for d := range c.Datasets.Collections() {
		d.Walk(func(field *dataset.Field) {
			at := spell(d.Address.String() + "." + field.Path)
			if field.Identity != "" {
				f["identities"][at] = field.Identity
			}
			categories := field.Categories
			if len(categories) == 0 && !field.PrimaryKey && len(field.References) == 0 && len(field.Fields) == 0 {
				categories = d.Categories
			}
			for _, k := range categories {
				if taxonomy.Category("user").Covers(k) {
					f["categories"][at] = string(k)
				}
			}
			for _, r := range field.References {
				f["references"][at] = spell(r.Target.String() + "." + r.Field)
			}
		})
	}
	return f
}

// proposed writes down what drafts propose as facts, not what they mention.
func proposed(drafts ...discover.Draft) found {
	f := found{"identities": {}, "categories": {}, "references": {}}
	for _, d := range drafts {
		for _, t := range d.Tables {
			var down func(string, []discover.Field)
			down = func(above string, fields []discover.Field) {
				for _, field := range fields {
					at := spell(d.Key + ":" + t.Name + "." + above + field.Name)
					if field.Identity != "" {
						f["identities"][at] = string(field.Identity)
					}
					if l := field.Label; l != nil && l.Written && taxonomy.Category("user").Covers(l.Category) {
						f["categories"][at] = string(l.Category)
					}
					for _, r := range field.References {
						if r.Withheld == "" {
							f["references"][at] = spell(r.To)
						}
					}
					down(above+field.Name+".", field.Fields)
				}
			}
			down("", t.Fields)
		}
	}
	return f
}

func spell(name string) string { return strings.ToLower(strings.ReplaceAll(name, "_", "")) }

// measure compares kind by kind: how much of what is proposed is right, and
// how much of what is right is proposed. Right is the same word, near also one
// above or below it.
func (f found) measure(t *testing.T, truth found, kind string, near bool) (precision, recall float64) {
	t.Helper()
	same := func(a, b string) bool {
		return a == b || near && (taxonomy.Category(a).Covers(taxonomy.Category(b)) || taxonomy.Category(b).Covers(taxonomy.Category(a)))
	}
	right := 0
	for at, what := range f[kind] {
		if truth[kind][at] != "" && same(what, truth[kind][at]) {
			right++
		} else {
			t.Logf("%s: proposed %s as %s, by hand %q", kind, at, what, truth[kind][at])
		}
	}
	for at, what := range truth[kind] {
		if f[kind][at] == "" {
			t.Logf("%s: missed %s as %s", kind, at, what)
		}
	}
	return float64(right) / float64(max(1, len(f[kind]))), float64(right) / float64(max(1, len(truth[kind])))
}

// least is the quality that a kind of proposal must have.
type least struct {
	kind              string
	near              bool
	precision, recall float64
}

func (f found) atLeast(t *testing.T, truth found, wanted ...least) {
	t.Helper()
	for _, l := range wanted {
		precision, recall := f.measure(t, truth, l.kind, l.near)
		t.Logf("%s, near %v: precision %.2f, recall %.2f", l.kind, l.near, precision, recall)
		if precision < l.precision || recall < l.recall {
			t.Errorf("%s: precision %.2f, recall %.2f; want at least %.2f and %.2f", l.kind, precision, recall, l.precision, l.recall)
		}
	}
}

// drafted proposes descriptions of some connections, one after the other, and
// writes them into a directory that holds the connections and policies.
func drafted(t *testing.T, dir string, env map[string]string, keys ...string) []discover.Draft {
	t.Helper()
	var drafts []discover.Draft
	for _, key := range keys {
		systems := NewSystems(loaded(t, dir, env, true), builtin.Registry())
		d, err := systems.Discover(t.Context(), key, 100, "2026-11-26")
		if err := systems.Close(); err != nil {
			t.Error(err)
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, draft := range d.Drafts {
			drafts = append(drafts, draft)
			if err := os.WriteFile(filepath.Join(dir, draft.Key+".yml"), []byte(draft.YAML(key)), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	return drafts
}

func loaded(t *testing.T, dir string, env map[string]string, undescribed bool) *config.Config {
	t.Helper()
	c, problems, err := config.Load(dir, config.Options{Registry: builtin.Registry(), Undescribed: undescribed, Env: func(k string) (string, bool) { return env[k], env[k] != "" }})
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		if p.Severity == source.Error {
			t.Error(p)
		}
	}
	return c
}

// passes checks and plans with a directory, as it was proposed.
func passes(t *testing.T, dir string, env map[string]string, want string) {
	t.Helper()
	c := loaded(t, dir, env, false)
	for _, p := range config.Check(c) {
		if p.Severity == source.Error {
			t.Error(p)
		}
	}
	systems := NewSystems(c, builtin.Registry())
	defer func() { _ = systems.Close() }()
	for _, p := range c.Policies {
		plan, err := systems.Plan(t.Context(), p, []subject.Type{subject.Email}, "2026-11-26")
		if err != nil {
			t.Fatalf("policy %s: %v", p.Key, err)
		}
		var reached []string
		for _, n := range plan.Nodes {
			reached = append(reached, spell(n.Address))
		}
		if slices.Sort(reached); strings.Join(reached, " ") != want {
			t.Errorf("the policy %s reaches %v, want %s", p.Key, reached, want)
		}
	}
	for _, key := range systems.Databases() {
		if drift, err := systems.Drift(t.Context(), key); err != nil || len(drift) > 0 {
			t.Errorf("the database has drifted from its own description: %v %v", drift, err)
		}
	}
}

func TestADraftOfTheDemoShopIsNearlyWhatAPersonWrote(t *testing.T) { // D5
	t.Parallel()
	dir := t.TempDir()
	if err := shop.Write(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
	env := map[string]string{shop.Directory: dir}
	byHand, drafting := t.TempDir(), t.TempDir()
	if err := os.CopyFS(byHand, examples.DemoShop()); err != nil {
		t.Fatal(err)
	}
	keepOnly(t, byHand, drafting, "connections.yml", "policies.yml")
	drafts := drafted(t, drafting, env, "shop", "helpdesk")
	truth := said(loaded(t, byHand, env, false))
	// By hand these are left out, since nothing is found through them; they are
	// foreign keys all the same.
	for from, to := range map[string]string{"shop:orders.addressid": "shop:addresses.id", "shop:orderitems.sku": "shop:products.sku", "shop:reviews.sku": "shop:products.sku"} {
		truth["references"][from] = to
	}
	// By hand the people who answer are kept out of the graph.
	truth["identities"]["helpdesk:agents.email"] = "employee_email"
	proposed(drafts...).atLeast(t, truth,
		least{"identities", false, 1, 1},
		least{"references", false, 1, 1},
		least{"categories", false, 0.85, 0.75},
		least{"categories", true, 0.9, 0.8},
	)
	passes(t, drafting, env, "helpdesk:calllogs helpdesk:ticketmessages helpdesk:tickets shop:addresses shop:customers shop:invoices"+
		" shop:newslettersubscriptions shop:orderitems shop:orders shop:payments shop:reviews shop:sessions")
	quiet(t, drafts, "anna", "keller", shop.AnnaEmail, "@example.", "Mozilla", "10.0.0", "Berlin")
}

func TestADraftOfChinookIsNearlyWhatAPersonWrote(t *testing.T) { // D5
	t.Parallel()
	data := filepath.Join("..", "..", "..", "shared", "data", "chinook")
	if _, err := os.Stat(data); err != nil {
		t.Skip("the Chinook scripts are not beside this checkout; of drafts from real databases only that of the demo shop is judged then") //nolint:forbidigo // data that a fresh clone does not have
	}
	for target, chinook := range map[string]func(t *testing.T, script string) string{
		"sqlite":   func(t *testing.T, script string) string { return chinookIn(t, "sqlite", script) },
		"postgres": func(t *testing.T, script string) string { return chinookIn(t, "postgres", script) },
		"mysql":    chinookInMariaDB,
	} {
		t.Run(target, func(t *testing.T) {
			t.Parallel()
			script := map[string]string{"sqlite": "Chinook_Sqlite.sql", "postgres": "Chinook_PostgreSql.sql", "mysql": "Chinook_MySql.sql"}[target]
			env := map[string]string{"CHINOOK_URL": chinook(t, filepath.Join(data, script))}
			byHand := filepath.Join("..", "..", "examples", "chinook", map[string]string{"sqlite": "sqlite", "postgres": "postgres", "mysql": "sqlite"}[target])
			truth := said(loaded(t, byHand, env, false))
			// By hand these are left out: no policy looks at what is for sale.
			for from, to := range map[string]string{
				"track.mediatypeid": "mediatype.mediatypeid", "track.genreid": "genre.genreid",
				"playlisttrack.playlistid": "playlist.playlistid", "playlisttrack.trackid": "track.trackid",
			} {
				truth["references"]["chinook:"+from] = "chinook:" + to
			}
			drafting := t.TempDir()
			keepOnly(t, byHand, drafting, "connections.yml", "policies.yml")
			connections := filepath.Join(drafting, "connections.yml")
			if err := os.WriteFile(connections, []byte("connection:\n- {key: chinook, type: "+target+", access: write, datasets: [chinook], secrets: {url: '${CHINOOK_URL}'}}\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			drafts := drafted(t, drafting, env, "chinook")
			proposed(drafts...).atLeast(t, truth,
				least{"identities", false, 1, 1},
				least{"references", false, 1, 1},
				least{"categories", false, 0.95, 0.9},
			)
			passes(t, drafting, env, "chinook:customer chinook:invoice chinook:invoiceline")
			quiet(t, drafts, "luisg@embraer", "Embraer", "Köhler", "Stuttgart", "+55", "AC/DC")
		})
	}
}

func chinookIn(t *testing.T, target, script string) string {
	w := newWorld(t, "sqlite", target)
	w.loadChinook(script)
	return w.url
}

func chinookInMariaDB(t *testing.T, script string) string {
	text, err := os.ReadFile(script)
	if err != nil {
		t.Fatal(err)
	}
	_, text, _ = bytes.Cut(text, []byte("USE `Chinook`;"))
	url := mariadbtest.URL(t)
	db := mariadbtest.Open(t, url)
	if _, err := db.ExecContext(t.Context(), string(text)); err != nil {
		t.Fatal(err)
	}
	return url
}

func TestACommentOnAColumnSaysWhatItIs(t *testing.T) {
	t.Parallel()
	pg := newWorld(t, "sqlite", "postgres")
	pg.exec("COMMENT ON COLUMN customer.vip IS 'the Sozialversicherungsnummer, since 2019';\n")
	maria := mariadbtest.URL(t)
	if _, err := mariadbtest.Open(t, maria).ExecContext(t.Context(), "CREATE TABLE customer (id int PRIMARY KEY, email varchar(60), vip int COMMENT 'the Sozialversicherungsnummer, since 2019')"); err != nil {
		t.Fatal(err)
	}
	for kind, url := range map[string]string{"postgres": pg.url, "mysql": maria} {
		dir := t.TempDir()
		text := fmt.Sprintf("connection:\n- {key: db, type: %s, secrets: {url: %q}}\n", kind, url)
		if err := os.WriteFile(filepath.Join(dir, "c.yml"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		got := proposed(drafted(t, dir, nil, "db")...)["categories"]["db:customer.vip"]
		if got != "user.government_id.national_identification_number" {
			t.Errorf("%s: %q", kind, got)
		}
	}
}

func TestATableThatMayNotBeReadIsJudgedByItsNames(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "sqlite", "postgres")
	w.exec("CREATE ROLE describer LOGIN PASSWORD 'canary';\nGRANT SELECT ON orders TO describer;\n")
	t.Cleanup(func() { w.exec("DROP OWNED BY describer;\nDROP ROLE describer;\n") })
	as, err := url.Parse(w.url)
	if err != nil {
		t.Fatal(err)
	}
	as.User = url.UserPassword("describer", "canary")
	w.url = as.String()
	w.configure(strings.ReplaceAll(shopDataset, "key: shop", "key: other"))
	systems := NewSystems(loaded(t, filepath.Join(w.dir, "config"), nil, true), builtin.Registry())
	defer func() { _ = systems.Close() }()
	d, err := systems.Discover(t.Context(), "db", 10, "2026-11-26")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"public.customer", "public.note"}, d.Unsampled); diff != "" {
		t.Errorf("not looked into (-want +got):\n%s", diff)
	}
	if got := proposed(d.Drafts...); got["identities"]["shop:customer.email"] != "email" || got["references"]["shop:orders.customerid"] == "" {
		t.Errorf("proposed %v", got)
	}
}

// keepOnly copies some files of a directory.
func keepOnly(t *testing.T, from, to string, names ...string) {
	t.Helper()
	for _, name := range names {
		b, err := os.ReadFile(filepath.Join(from, name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(to, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// quiet fails when anything that is made of a draft holds what was sampled.
func quiet(t *testing.T, drafts []discover.Draft, canaries ...string) {
	t.Helper()
	for _, d := range drafts {
		b, err := json.Marshal(d)
		if err != nil {
			t.Fatal(err)
		}
		for _, made := range []string{d.YAML("c"), string(b), fmt.Sprintf("%v %+v %#v", d, d, d)} {
			for _, c := range canaries {
				if strings.Contains(strings.ToLower(made), strings.ToLower(c)) {
					t.Errorf("the draft of %s holds %q of a sampled row", d.Key, c)
				}
			}
		}
	}
}
