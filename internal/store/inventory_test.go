package store_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"volenti.dev/volenti/config/source"
	"volenti.dev/volenti/datamap/inventory"
	"volenti.dev/volenti/datamap/taxonomy"
	"volenti.dev/volenti/internal/store"
	"volenti.dev/volenti/internal/store/storetest"
)

// shelf is a store with an inventory.
type shelf struct {
	t  *testing.T
	db *storetest.Database
}

func (s shelf) system(key string) {
	s.t.Helper()
	must(s.t, s.db.Systems().Create(ctx, tenant, inventory.System{Key: key, Name: "The " + key, Uses: []taxonomy.Use{"marketing", "analytics"}}, entry("system.create")))
}

func (s shelf) connection(key string) {
	s.t.Helper()
	must(s.t, s.db.Connections().Create(ctx, tenant, inventory.Connection{Key: key, Name: "The " + key, Type: "webhook"}, []byte("secret canary "+key), s.seen(), entry("connection.create")))
}

func (s shelf) seen() store.Seen {
	s.t.Helper()
	seen, err := s.db.Connections().Seen(ctx, tenant)
	must(s.t, err)
	return seen
}

// link puts links and gives them as texts.
func (s shelf) link(connection string, systems ...string) (string, error) {
	links, err := s.db.SystemLinks().Put(ctx, tenant, connection, systems, entry("link.set"))
	return textOf(links), err
}

func (s shelf) links(connection string) string {
	s.t.Helper()
	links, err := s.db.SystemLinks().Of(ctx, tenant, connection)
	must(s.t, err)
	return textOf(links)
}

func textOf(links []inventory.Link) string {
	var texts []string
	for _, l := range links {
		name := "null"
		if l.Name != nil {
			name = *l.Name
		}
		texts = append(texts, l.System+": "+name)
	}
	return strings.Join(texts, ", ")
}

// apply applies a directory that declares connections and the systems that they
// belong to, "" for none, and further systems.
func (s shelf) apply(text string, connections map[string]string, systems ...string) error {
	s.t.Helper()
	d := inventory.Declared{Links: map[string]string{}}
	for _, key := range slices.Sorted(maps.Keys(connections)) {
		system := connections[key]
		d.Connections = append(d.Connections, inventory.Connection{Key: key, Name: text, Type: "sqlite"})
		d.Links[key] = system
	}
	for _, key := range systems {
		d.Systems = append(d.Systems, inventory.System{Key: key, Name: text + " " + key})
	}
	_, err := s.db.Configurations().Apply(ctx, tenant, []source.File{{Name: "a.yml", Data: []byte(text)}}, d, s.seen().Inventory, entry("config.apply"))
	return err
}

// whole is the inventory as texts.
func (s shelf) whole() (all []string) {
	s.t.Helper()
	systems, err := s.db.Systems().List(ctx, tenant)
	must(s.t, err)
	for _, y := range systems {
		var keys []string
		for _, c := range y.Connections {
			keys = append(keys, c.Key)
		}
		all = append(all, fmt.Sprintf("system %s %q managed %t: %s", y.Key, y.Name, y.Managed, strings.Join(keys, " ")))
	}
	connections, err := s.db.Connections().List(ctx, tenant)
	must(s.t, err)
	for _, c := range connections {
		all = append(all, fmt.Sprintf("connection %s %q managed %t: %s", c.Key, c.Name, c.Managed, textOf(c.Links)))
	}
	return all
}

func onShelf(t *testing.T, test func(*testing.T, shelf)) {
	storetest.Each(t, func(t *testing.T, db *storetest.Database) { test(t, shelf{t, db}) })
}

func TestASystemHasManyConnectionsAndAConnectionOneSystem(t *testing.T) { // C22, C23, C26, C27
	t.Parallel()
	onShelf(t, func(t *testing.T, s shelf) {
		s.system("crm")
		s.system("ads")
		for _, key := range []string{"z", "b", "a"} {
			s.connection(key)
			if got := s.links(key); got != "" {
				t.Errorf("a new connection belongs to %s", got)
			}
		}
		for _, key := range []string{"a", "z", "b"} {
			if got, err := s.link(key, "crm"); err != nil || got != "crm: The crm" {
				t.Errorf("%s, %v", got, err)
			}
		}
		crm, err := s.db.Systems().Get(ctx, tenant, "crm")
		must(t, err)
		var keys []string
		for _, c := range crm.Connections {
			keys = append(keys, c.Key)
		}
		if diff := cmp.Diff([]string{"z", "b", "a"}, keys); diff != "" {
			t.Errorf("in the order of creation (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(inventory.System{Key: "crm", Name: "The crm", Uses: []taxonomy.Use{"marketing", "analytics"}}, crm, cmpopts.IgnoreFields(inventory.System{}, "Created", "Connections")); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if _, err := s.db.Raw(t).Exec(`INSERT INTO connection_links (tenant, connection, system, managed, created) VALUES ('default', 'a', 'ads', 0, 1)`); err == nil {
			t.Error("the database takes a second system for a connection")
		}
		if err := s.db.Systems().Create(ctx, tenant, inventory.System{Key: "crm"}, entry("system.create")); !errors.Is(err, inventory.ErrTaken) {
			t.Errorf("a second system of this key: %v", err)
		}
		if err := s.db.Connections().Create(ctx, tenant, inventory.Connection{Key: "a"}, nil, s.seen(), entry("connection.create")); !errors.Is(err, inventory.ErrTaken) {
			t.Errorf("a second connection of this key: %v", err)
		}
	})
}

func TestPuttingLinksIsAReplacementThatMayBeRepeated(t *testing.T) { // C24, C32
	t.Parallel()
	onShelf(t, func(t *testing.T, s shelf) {
		s.system("crm")
		s.system("ads")
		s.connection("a")
		acts := func() (n int) {
			records, err := s.db.Audit().Records(ctx, tenant, 0, 1000)
			must(t, err)
			for _, r := range records {
				if r.Act == "link.set" {
					n++
				}
			}
			return n
		}
		for i, step := range []struct {
			put  []string
			want string
			acts int
		}{
			{[]string{"crm"}, "crm: The crm", 1}, {[]string{"crm"}, "crm: The crm", 1}, {[]string{"ads"}, "ads: The ads", 2},
			{nil, "", 3}, {[]string{}, "", 3}, {[]string{"ads"}, "ads: The ads", 4},
		} {
			before, err := s.db.SystemLinks().Of(ctx, tenant, "a")
			must(t, err)
			seen := s.seen()
			if got, err := s.link("a", step.put...); err != nil || got != step.want || s.links("a") != step.want {
				t.Errorf("step %d: %s, %v, then %s", i, got, err, s.links("a"))
			}
			after, err := s.db.SystemLinks().Of(ctx, tenant, "a")
			must(t, err)
			if stays := textOf(before) == step.want; stays != (s.seen() == seen) || stays && !cmp.Equal(before, after) {
				t.Errorf("step %d: what stands was made anew: %v, then %v", i, before, after)
			}
			if got := acts(); got != step.acts {
				t.Errorf("step %d: %d acts, want %d", i, got, step.acts)
			}
		}
	})
}

func TestErrorsOfLinksComeInTheirOrderAndChangeNothing(t *testing.T) { // C24, C25, C26
	t.Parallel()
	onShelf(t, func(t *testing.T, s shelf) {
		s.system("crm")
		s.system("ads")
		s.connection("a")
		_, err := s.link("a", "crm")
		must(t, err)
		before := s.whole()
		for name, c := range map[string]struct {
			connection string
			systems    []string
			want       error
			text       string
		}{
			"all three":             {"none", []string{"no", "nor"}, inventory.ErrNoConnection, ""},
			"too many, unknown":     {"a", []string{"no", "nor"}, nil, "the connection a can belong to 1 system at most"},
			"too many, one of them": {"a", []string{"ads", "ads"}, nil, "the connection a can belong to 1 system at most"},
			"unknown system":        {"a", []string{"no"}, inventory.ErrNoSystem, ""},
		} {
			_, err := s.link(c.connection, c.systems...)
			var many *inventory.TooMany
			if c.want != nil && !errors.Is(err, c.want) || c.want == nil && (!errors.As(err, &many) || err.Error() != c.text) {
				t.Errorf("%s: %v", name, err)
			}
		}
		remove := func(connection, system string) error {
			return s.db.SystemLinks().Remove(ctx, tenant, connection, system, entry("link.remove"))
		}
		for name, c := range map[string]struct {
			connection, system string
			want               error
		}{
			"unknown connection": {"none", "no", inventory.ErrNoConnection}, "unknown system": {"a", "no", inventory.ErrNoSystem}, "no such link": {"a", "ads", inventory.ErrNoLink},
		} {
			if err := remove(c.connection, c.system); !errors.Is(err, c.want) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if diff := cmp.Diff(before, s.whole()); diff != "" {
			t.Errorf("something changed (-want +got):\n%s", diff)
		}
		must(t, remove("a", "crm"))
		if err := remove("a", "crm"); !errors.Is(err, inventory.ErrNoLink) || s.links("a") != "" {
			t.Errorf("removed twice: %v, %s", err, s.links("a"))
		}
	})
}

func TestRemovingOneEndOfALinkLeavesTheOther(t *testing.T) { // C29, C30
	t.Parallel()
	onShelf(t, func(t *testing.T, s shelf) {
		s.system("crm")
		s.system("ads")
		for _, key := range []string{"a", "b", "c"} {
			s.connection(key)
			_, err := s.link(key, map[string]string{"a": "crm", "b": "crm", "c": "ads"}[key])
			must(t, err)
		}
		must(t, s.db.Systems().Remove(ctx, tenant, "crm", entry("system.remove")))
		must(t, s.db.Connections().Remove(ctx, tenant, "c", s.seen(), entry("connection.remove")))
		want := []string{`system ads "The ads" managed false: `, `connection a "The a" managed false: `, `connection b "The b" managed false: `}
		if diff := cmp.Diff(want, s.whole()); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		for _, err := range []error{s.db.Systems().Remove(ctx, tenant, "crm", entry("x.x")), s.db.Systems().Edit(ctx, tenant, inventory.System{Key: "crm"}, entry("x.x"))} {
			if !errors.Is(err, inventory.ErrNoSystem) {
				t.Error(err)
			}
		}
	})
}

func TestALinkWhoseSystemIsGoneIsShownAndCanBeRemoved(t *testing.T) { // C29
	t.Parallel()
	onShelf(t, func(t *testing.T, s shelf) {
		must(t, s.apply("one", map[string]string{"a": "crm"}))
		s.system("crm")
		if got := s.links("a"); got != "crm: The crm" {
			t.Errorf("the system is there: %s", got)
		}
		must(t, s.db.Systems().Remove(ctx, tenant, "crm", entry("system.remove")))
		if got := s.links("a"); got != "crm: null" {
			t.Errorf("the system is gone: %s", got)
		}
		s.system("ads")
		s.connection("b")
		_, err := s.link("b", "ads")
		must(t, err)
		if _, err := s.db.Raw(t).Exec(`DELETE FROM systems WHERE key = 'ads'`); err != nil {
			t.Fatal(err)
		}
		want := []string{`connection a "one" managed true: crm: null`, `connection b "The b" managed false: ads: null`}
		if diff := cmp.Diff(want, s.whole()); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		must(t, s.db.SystemLinks().Remove(ctx, tenant, "b", "ads", entry("link.remove")))
	})
}

func TestADirectoryKeepsItsPartOfTheInventory(t *testing.T) {
	t.Parallel()
	onShelf(t, func(t *testing.T, s shelf) {
		s.system("mine")
		s.connection("made")
		_, err := s.link("made", "mine")
		must(t, err)
		must(t, s.apply("one", map[string]string{"a": "crm", "b": ""}, "crm", "ads"))
		created := func(key string) string {
			c, err := s.db.Connections().Get(ctx, tenant, key)
			must(t, err)
			return fmt.Sprint(c.Created, c.Links)
		}
		first := created("a")
		_, err = s.link("b", "mine")
		must(t, err)
		must(t, s.apply("two", map[string]string{"a": "crm", "b": ""}, "crm"))
		want := []string{
			`system mine "The mine" managed false: made b`, `system crm "two crm" managed true: a`,
			`connection made "The made" managed false: mine: The mine`, `connection a "two" managed true: crm: two crm`, `connection b "two" managed true: mine: The mine`,
		}
		if diff := cmp.Diff(want, s.whole()); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if got := created("a"); !strings.HasPrefix(got, first[:30]) {
			t.Errorf("it was made at %s, now at %s", first, got)
		}
		for name, err := range map[string]error{
			"edit the system":       s.db.Systems().Edit(ctx, tenant, inventory.System{Key: "crm"}, entry("x.x")),
			"remove the system":     s.db.Systems().Remove(ctx, tenant, "crm", entry("x.x")),
			"edit the connection":   s.db.Connections().Edit(ctx, tenant, inventory.Connection{Key: "a"}, nil, s.seen(), entry("x.x")),
			"remove the connection": s.db.Connections().Remove(ctx, tenant, "a", s.seen(), entry("x.x")),
			"remove the link":       s.db.SystemLinks().Remove(ctx, tenant, "a", "crm", entry("x.x")),
			"put the link":          func() error { _, err := s.link("a", "mine"); return err }(),
			"clear the link":        func() error { _, err := s.link("a"); return err }(),
		} {
			if !errors.Is(err, inventory.ErrManaged) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if got, err := s.link("a", "crm"); err != nil || got != "crm: two crm" {
			t.Errorf("put as it is: %s, %v", got, err)
		}
		for name, err := range map[string]error{
			"system":     s.apply("three", nil, "crm", "mine"),
			"connection": s.apply("three", map[string]string{"made": ""}, "crm"),
			"link":       s.apply("three", map[string]string{"b": "crm"}, "crm"),
		} {
			var clash *inventory.Clash
			if !errors.As(err, &clash) || clash.What != name {
				t.Errorf("%s: %v", name, err)
			}
		}
		if diff := cmp.Diff(want, s.whole()); diff != "" {
			t.Errorf("a clash has changed something (-want +got):\n%s", diff)
		}
		must(t, s.apply("four", nil))
		if diff := cmp.Diff([]string{`system mine "The mine" managed false: made`, want[2]}, s.whole()); diff != "" {
			t.Errorf("nothing is declared (-want +got):\n%s", diff)
		}
	})
}

func TestWhatConnectionsSayIsSealed(t *testing.T) { // SE9
	t.Parallel()
	onShelf(t, func(t *testing.T, s shelf) {
		s.connection("a")
		s.connection("b")
		read := func() (texts []string, err error) {
			made, _, err := s.db.Connections().Made(ctx, tenant)
			for _, m := range made {
				texts = append(texts, m.Key+" "+string(m.Text))
			}
			if strings.Contains(fmt.Sprintf("%v %+v %s", made, made, made), "canary") {
				t.Error("what a connection says is shown")
			}
			return texts, err
		}
		got, err := read()
		if diff := cmp.Diff([]string{"a secret canary a", "b secret canary b"}, got); diff != "" || err != nil {
			t.Errorf("%v (-want +got):\n%s", err, diff)
		}
		exec := func(statement string) {
			t.Helper()
			if _, err := s.db.Raw(t).Exec(statement); err != nil {
				t.Fatal(err)
			}
		}
		var sealed []byte
		if err := s.db.Raw(t).QueryRow(`SELECT sealed FROM connections WHERE key = 'a'`).Scan(&sealed); err != nil || strings.Contains(string(sealed), "canary") {
			t.Errorf("it is not sealed: %v", err)
		}
		exec(`UPDATE connections SET sealed = (SELECT sealed FROM connections WHERE key = 'b'), version = (SELECT version FROM connections WHERE key = 'b') WHERE key = 'a'`)
		if _, err := read(); err == nil {
			t.Error("what one connection says was taken for another's")
		}
	})
}

func TestAConnectionIsNotChangedByWhatIsOutOfDate(t *testing.T) {
	t.Parallel()
	onShelf(t, func(t *testing.T, s shelf) {
		s.connection("a")
		for name, meanwhile := range map[string]func(){
			"a connection":    func() { s.connection("b") },
			"a system":        func() { s.system("crm") },
			"a configuration": func() { must(t, s.apply("one", nil)) },
		} {
			seen := s.seen()
			meanwhile()
			for act, err := range map[string]error{
				"create": s.db.Connections().Create(ctx, tenant, inventory.Connection{Key: "c"}, nil, seen, entry("x.x")),
				"edit":   s.db.Connections().Edit(ctx, tenant, inventory.Connection{Key: "a"}, nil, seen, entry("x.x")),
				"remove": s.db.Connections().Remove(ctx, tenant, "a", seen, entry("x.x")),
			} {
				if !errors.Is(err, inventory.ErrChanged) {
					t.Errorf("%s after %s has changed: %v", act, name, err)
				}
			}
		}
		d := inventory.Declared{}
		if _, err := s.db.Configurations().Apply(ctx, tenant, nil, d, s.seen().Inventory-1, entry("config.apply")); !errors.Is(err, inventory.ErrChanged) {
			t.Errorf("a directory that was checked before: %v", err)
		}
	})
}

func TestLinksThatArePutAtOnceAreNeverTwo(t *testing.T) { // C23, C32, R4
	t.Parallel()
	onShelf(t, func(t *testing.T, s shelf) {
		s.connection("a")
		var systems []string
		for i := range 8 {
			systems = append(systems, fmt.Sprintf("s%d", i))
			s.system(systems[i])
		}
		var all sync.WaitGroup
		for i := range 64 {
			all.Go(func() {
				if _, err := s.link("a", systems[i%8]); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		var rows, acts int
		if err := s.db.Raw(t).QueryRow(`SELECT COUNT(*) FROM connection_links`).Scan(&rows); err != nil || rows != 1 {
			t.Errorf("%d links, %v", rows, err)
		}
		records, err := s.db.Audit().Records(ctx, tenant, 0, 1000)
		must(t, err)
		last := ""
		for _, r := range records {
			if r.Act == "link.set" {
				acts++
				var details struct{ To []string }
				must(t, json.Unmarshal(r.Details, &details))
				last = strings.Join(details.To, " ")
			}
		}
		if now := s.links("a"); !strings.HasPrefix(now, last+":") {
			t.Errorf("it belongs to %s, and the last of %d acts says %s", now, acts, last)
		}
	})
}

func TestListsWithLinksAreOneStatementHoweverManyThereAre(t *testing.T) { // C28
	t.Parallel()
	onShelf(t, func(t *testing.T, s shelf) {
		for i := range 20 {
			key := fmt.Sprintf("k%02d", i)
			s.system(key)
			s.connection(key)
			_, err := s.link(key, key)
			must(t, err)
		}
		for name, list := range map[string]func() int{
			"connections": func() int {
				all, err := s.db.Connections().List(ctx, tenant)
				must(t, err)
				return len(slices.DeleteFunc(all, func(c inventory.Connection) bool { return len(c.Links) != 1 }))
			},
			"systems": func() int {
				all, err := s.db.Systems().List(ctx, tenant)
				must(t, err)
				return len(slices.DeleteFunc(all, func(s inventory.System) bool { return len(s.Connections) != 1 }))
			},
		} {
			n := 0
			if read := s.db.Statements(func() { n = list() }); read != 1 || n != 20 {
				t.Errorf("%s: %d with their links by %d statements", name, n, read)
			}
		}
	})
}

func TestAnotherTenantHasAnInventoryOfItsOwn(t *testing.T) { // SE14
	t.Parallel()
	onShelf(t, func(t *testing.T, s shelf) {
		const other = "other"
		must(t, s.db.CreateTenant(ctx, other))
		s.system("crm")
		s.connection("a")
		_, err := s.link("a", "crm")
		must(t, err)
		for name, c := range map[string]struct{ got, want error }{
			"system":     {ignore(s.db.Systems().Get(ctx, other, "crm")), inventory.ErrNoSystem},
			"connection": {ignore(s.db.Connections().Get(ctx, other, "a")), inventory.ErrNoConnection},
			"links":      {ignore(s.db.SystemLinks().Of(ctx, other, "a")), inventory.ErrNoConnection},
			"remove":     {s.db.Systems().Remove(ctx, other, "crm", entry("x.x")), inventory.ErrNoSystem},
			"unlink":     {s.db.SystemLinks().Remove(ctx, other, "a", "crm", entry("x.x")), inventory.ErrNoConnection},
		} {
			if !errors.Is(c.got, c.want) {
				t.Errorf("%s: %v", name, c.got)
			}
		}
		must(t, s.db.Systems().Create(ctx, other, inventory.System{Key: "crm", Name: "Theirs"}, entry("system.create")))
		if got := s.links("a"); got != "crm: The crm" {
			t.Errorf("the link leads to %s", got)
		}
	})
}

func ignore[T any](_ T, err error) error { return err }
