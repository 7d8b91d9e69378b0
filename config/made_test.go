package config_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/quick"

	"github.com/google/go-cmp/cmp"

	"volenti.dev/volenti/config"
	"volenti.dev/volenti/config/source"
	"volenti.dev/volenti/connector"
	"volenti.dev/volenti/datamap/inventory"
	"volenti.dev/volenti/datamap/taxonomy"
)

// madeOf reads a connection that was made elsewhere, beside a directory.
func madeOf(t *testing.T, says map[string]any, directory string) (config.Connection, []string) {
	t.Helper()
	made, err := config.MadeOf("made", says)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := config.SaysOf(made); err != nil || again["type"] != says["type"] {
		t.Errorf("%v, %v", again, err)
	}
	files := []source.File{{Name: "c.yml", Data: []byte(directory)}}
	o := config.Options{Registry: registry, Env: func(string) (string, bool) { return "hunter2", true }}
	_, before := config.Read(files, o)
	c, after := config.ReadWith(files, []inventory.Made{made}, o)
	if len(c.Files) != 1 {
		t.Errorf("%d files are those of the directory", len(c.Files))
	}
	conn, _ := c.Connection("made")
	return conn, config.ProblemsOf(before, after)
}

func TestNobodyReadsTheEnvironmentThroughAConnectionMadeOverHTTP(t *testing.T) { // SE9
	for _, text := range []string{"${PASSWORD}", "$${PASSWORD}", "${a${PASSWORD}", "$$${PASSWORD}}", "${", "a\n\"b': {c}"} {
		conn, wrong := madeOf(t, map[string]any{"type": "http", "secrets": map[string]any{"host": "h", "token": text}}, "")
		if got := conn.Secrets["token"].Reveal(); got != text || len(wrong) > 0 {
			t.Errorf("%q became %q: %v", text, got, wrong)
		}
	}
	conn, _ := one(t, "connection: [{key: made, type: http, secrets: {host: h, token: \"${PASSWORD}\"}}]")
	if got := conn.Connections[0].Secrets["token"].Reveal(); got != "hunter2" {
		t.Errorf("of a directory it became %q", got)
	}
}

func TestWhatIsMadeIsReadAsItWasSaid(t *testing.T) {
	same := func(token, name string) bool {
		token, name = strings.ToValidUTF8(token, ""), strings.ToValidUTF8(name, "")
		conn, wrong := madeOf(t, map[string]any{"type": "http", "name": name, "secrets": map[string]any{"host": "h", "token": token}}, "")
		return len(wrong) > 0 || conn.Secrets["token"].Reveal() == token && conn.Name == name
	}
	if err := quick.Check(same, &quick.Config{MaxCount: 500}); err != nil {
		t.Error(err)
	}
	for _, text := range []string{"a\u2028b", "\u0085", "\ufeff", "a\tb", "\r\n", "#x", "- a", "<&>", "😀", " x ", "~", "null", "0x1", "*a", "!!str x"} {
		conn, wrong := madeOf(t, map[string]any{"type": "http", "name": text, "secrets": map[string]any{"host": "h", "token": text}}, "")
		if got := conn.Secrets["token"].Reveal(); len(wrong) > 0 || got != text || conn.Name != text {
			t.Errorf("%q became %q and %q: %v", text, got, conn.Name, wrong)
		}
	}
}

func TestWhatYAMLCannotHoldIsRefused(t *testing.T) {
	if _, wrong := madeOf(t, map[string]any{"type": "http", "secrets": map[string]any{"host": "h", "token": "a\u007fb"}}, ""); len(wrong) == 0 {
		t.Error("a control character was taken")
	}
}

func TestAConnectionIsCheckedBesideTheDirectory(t *testing.T) {
	const directory = "dataset: [{fides_key: shop, collections: []}, {fides_key: desk, collections: []}]\n" +
		"connection: [{key: db, type: http, datasets: [shop], secrets: {host: h}}, {key: broken, type: http}]\n"
	for name, c := range map[string]struct {
		says map[string]any
		want []string
	}{
		"sound":           {map[string]any{"type": "http", "datasets": []any{"desk"}, "secrets": map[string]any{"host": "h"}}, nil},
		"served already":  {map[string]any{"type": "http", "datasets": []any{"shop"}, "secrets": map[string]any{"host": "h"}}, []string{"the dataset shop belongs to the connection db already, at c.yml:2 (remove it from one of them)"}},
		"unknown dataset": {map[string]any{"type": "http", "datasets": []any{"shp"}, "secrets": map[string]any{"host": "h"}}, []string{`there is no dataset "shp" (did you mean shop?)`}},
		"other keys":      {map[string]any{"type": "http", "acess": "write", "secrets": map[string]any{"host": "h"}}, []string{`unknown key "acess" (did you mean access?)`}},
		"no secret":       {map[string]any{"type": "http"}, []string{"the connection made lacks the secret host (add host: a host name)"}},
	} {
		if _, wrong := madeOf(t, c.says, directory); !cmp.Equal(wrong, c.want) {
			t.Errorf("%s: %q", name, wrong)
		}
	}
}

func TestProblemsOfAConnectionSayWhereInItTheyAre(t *testing.T) { // W8
	made, err := config.MadeOf("made", map[string]any{"type": "http", "access": "all", "secrets": map[string]any{"host": "", "token": []any{"x"}}, "datasets": []any{"shop", "desk"}})
	if err != nil {
		t.Fatal(err)
	}
	_, found := config.ReadWith(nil, []inventory.Made{made}, config.Options{Registry: registry})
	var wrong *inventory.Invalid
	if err := config.InvalidOf(nil, found, made); !errors.As(err, &wrong) {
		t.Fatal(err)
	}
	at := map[string]string{}
	for i, text := range wrong.Problems {
		at[wrong.Place(i)] = text
	}
	for place, want := range map[string]string{"access": "access cannot be", "secrets.host": "is empty", "secrets.token": "must be text", "datasets[0]": `"shop"`, "datasets[1]": `"desk"`} {
		if !strings.Contains(at[place], want) {
			t.Errorf("at %s: %q in %v", place, at[place], at)
		}
	}
	if err := config.InvalidOf(found, found, made); err != nil {
		t.Errorf("what was wrong before: %v", err)
	}
}

func TestWhatUsesTheServerItselfIsRefused(t *testing.T) {
	with := connector.Registry{"file": {Type: "file", Secrets: []connector.Setting{{Name: "path", Local: func(string) error { return errors.New("it is a file") }}}}}
	made, err := config.MadeOf("made", map[string]any{"type": "file", "secrets": map[string]any{"path": "/etc/passwd"}})
	if err != nil {
		t.Fatal(err)
	}
	_, found := config.ReadWith(nil, []inventory.Made{made}, config.Options{Registry: with})
	if got := config.ProblemsOf(nil, found); len(got) != 1 || !strings.Contains(got[0], "it is a file") || strings.Contains(got[0], "passwd") {
		t.Errorf("%q", got)
	}
	_, found = config.Read([]source.File{{Name: "a.yml", Data: made.Text}}, config.Options{Registry: with})
	if len(found) > 0 {
		t.Errorf("of a directory: %v", found)
	}
}

func TestSystemsAreReadAsThoseOfADirectory(t *testing.T) {
	y, err := config.ReadSystem(inventory.System{Key: "crm", Description: "x", Uses: []taxonomy.Use{"marketing", "marketing"}}, taxonomy.Standard())
	if err != nil || y.Key != "crm" || y.Name != "crm" || y.Description != "x" || len(y.Uses) != 1 {
		t.Errorf("%+v, %v", y, err)
	}
	for want, y := range map[string]inventory.System{
		"has no key": {}, "cannot be the key": {Key: "a b"}, "did you mean marketing?": {Key: "a", Uses: []taxonomy.Use{"marketting"}}, "not allowed": {Key: "constructor"},
	} {
		var wrong *inventory.Invalid
		if _, err := config.ReadSystem(y, taxonomy.Standard()); !errors.As(err, &wrong) || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v", y, err)
		}
	}
}

func TestSystemsAndLinksFromElsewhereJoinThoseOfTheDirectory(t *testing.T) { // P8
	c, _ := one(t, "system: [{key: crm, data_uses: [marketing]}]\nconnection:\n- {key: a, type: http, system: crm, secrets: {host: h}}\n- {key: b, type: http, data_uses: [essential], secrets: {host: h}}\n- {key: c, type: http, system: ads, secrets: {host: h}}\n")
	c.Adopt(inventory.Declared{
		Systems: []inventory.System{{Key: "ads", Uses: []taxonomy.Use{"analytics"}}, {Key: "crm"}},
		Links:   map[string]string{"a": "ads", "b": "ads", "gone": "ads"},
	})
	var got []string
	for _, conn := range c.Connections {
		for _, use := range c.UsesOf(conn) {
			got = append(got, conn.Key+" "+conn.System+" "+string(use))
		}
	}
	if want := []string{"a crm marketing", "b ads analytics", "c ads analytics"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestSecretsAreNotTakenToAnotherAddress(t *testing.T) { // SE9
	spec := connector.Spec{Secrets: []connector.Setting{{Name: "host", Leads: true}, {Name: "token"}, {Name: "note"}}}
	type says = map[string]any
	before := says{"type": "http", "secrets": says{"host": "h", "token": "t", "note": "n"}}
	for what, c := range map[string]struct{ given, want says }{
		"nothing":            {says{"type": "http"}, says{"host": "h", "token": "t", "note": "n"}},
		"another token":      {says{"type": "http", "secrets": says{"token": "u"}}, says{"host": "h", "token": "u", "note": "n"}},
		"the same address":   {says{"type": "http", "secrets": says{"host": "h", "note": nil}}, says{"host": "h", "token": "t"}},
		"another address":    {says{"type": "http", "secrets": says{"host": "evil"}}, says{"host": "evil"}},
		"no address":         {says{"type": "http", "secrets": says{"host": nil}}, says{"host": nil}},
		"another type":       {says{"type": "other", "secrets": says{"note": "n"}}, says{"note": "n"}},
		"both, and the rest": {says{"type": "http", "secrets": says{"host": "new", "token": "u"}}, says{"host": "new", "token": "u"}},
	} {
		if diff := cmp.Diff(c.want, config.KeepSecrets(before, c.given, spec)["secrets"]); diff != "" {
			t.Errorf("%s (-want +got):\n%s", what, diff)
		}
	}
}
