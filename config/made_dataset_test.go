package config_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"volenti.dev/volenti/config"
	"volenti.dev/volenti/config/source"
	"volenti.dev/volenti/datamap/inventory"
)

func TestATextDescribesOneDatasetAndNothingElse(t *testing.T) { // SE9
	for text, want := range map[string]string{
		"dataset:\n- {fides_key: shop, collections: []}\n":                                        "",
		"dataset:\n- {fides_key: shop, collections: []}\npolicy: []\n":                            `dataset/:3: error: "policy" is no part of the description of a dataset`,
		"dataset:\n- {fides_key: shop, collections: []}\n---\nconnection: []\n":                   `dataset/:4: error: "connection" is no part of the description of a dataset`,
		"dataset:\n- {fides_key: shop, collections: []}\n- {fides_key: other, collections: []}\n": "dataset/:3: error: the text describes a second dataset",
		"dataset: []\n": "dataset/:1: error: the text describes no dataset",
		"":              "dataset/:1: error: the text describes no dataset",
		"dataset:\n- {fides_key: <instance_fides_key>, collections: []}\n": `dataset/:2: error: "<instance_fides_key>" cannot be the key of a dataset that is made here`,
		"dataset: [\n": "dataset/:1: error:",
	} {
		m, found := config.DatasetOf("db", []byte(text))
		if got := strings.Join(textsOf(found), "\n"); !strings.HasPrefix(got, want) || want == "" && got != "" {
			t.Errorf("%q: %s", text, got)
		}
		if want == "" && (m.Key != "shop" || m.Place() != "dataset/shop") {
			t.Errorf("%+v", m)
		}
	}
}

func textsOf(found []source.Problem) (all []string) {
	for _, p := range found {
		all = append(all, p.String())
	}
	return all
}

// beside reads a dataset that was made for the connection db, beside a directory, and
// gives what is wrong with it.
func beside(t *testing.T, directory, text string) (*config.Config, []string) {
	t.Helper()
	m, wrong := config.DatasetOf("db", []byte(text))
	if len(wrong) > 0 {
		t.Fatal(wrong)
	}
	files := []source.File{{Name: "c.yml", Data: []byte(directory)}}
	o := config.Options{Registry: registry}
	before, found := config.Read(files, o)
	found = append(found, config.Check(before)...)
	c, after := config.ReadWith(files, []inventory.Made{m}, o)
	return c, textsOf(config.WrongWith(found, append(after, config.Check(c)...), m))
}

func TestADatasetThatWasMadeIsServedByItsConnection(t *testing.T) {
	const text = "dataset:\n- fides_key: shop\n  collections:\n  - name: people\n    fields:\n    - {name: email, data_categories: [user.contact.email], fides_meta: {identity: email, primary_key: true}}\n"
	const connection = "connection: [{key: db, type: http, secrets: {host: h}}]\n"
	c, wrong := beside(t, connection, text)
	if conn, err := c.Connection("db"); err != nil || !cmp.Equal(conn.Datasets, []string{"shop"}) || len(wrong) > 0 {
		t.Errorf("%v %v %v", conn.Datasets, err, wrong)
	}
	// The same in a directory says the same, so that a plan is the same.
	same, found := one(t, strings.Replace(connection, "type: http,", "type: http, datasets: [shop],", 1)+text)
	if len(found) > 0 || same.Digest != c.Digest {
		t.Errorf("the digests are %s and %s: %v", c.Digest, same.Digest, found)
	}
	for name, k := range map[string]struct{ directory, text, want string }{
		"no connection":    {"connection: [{key: other, type: http, secrets: {host: h}}]\n", text, "dataset/shop:2: error: the dataset shop is one of the connection db, which is not there"},
		"served elsewhere": {"connection: [{key: db, type: http, secrets: {host: h}}, {key: old, type: http, datasets: [shop], secrets: {host: h}}]\n", text, "c.yml:1: error: the dataset shop belongs to the connection db already"},
		"in the directory": {connection + text, text, "dataset/shop:2: error: the dataset shop is already"},
		"its categories":   {connection, strings.Replace(text, "contact.email", "contact.emial", 1), "dataset/shop:6:"},
		"a dangling link":  {connection, text + "    - {name: boss, fides_meta: {references: [{dataset: shop, field: person.id}]}}\n", "dataset/shop:7:"},
		"a warning":        {connection, text + "    - {name: note}\n", "dataset/shop:7: warning: shop:people.note has no category"},
	} {
		if _, wrong := beside(t, k.directory, k.text); !strings.HasPrefix(strings.Join(wrong, "\n"), k.want) {
			t.Errorf("%s: %q, want %q", name, wrong, k.want)
		}
	}
}
