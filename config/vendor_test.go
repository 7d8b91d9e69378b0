package config_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"volenti.dev/volenti/config"
	"volenti.dev/volenti/config/source"
	"volenti.dev/volenti/connector/builtin"
	"volenti.dev/volenti/datamap/dataset"
)

// letters is a description with its dataset, as they are written elsewhere.
const letters = `
saas_config:
  fides_key: <instance_fides_key>
  name: Letters
  type: letters
  description: Newsletters.
  version: 1.0.0
  connector_params: [{name: domain, default_value: letters.example}]
  external_references: [{name: account}]
  client_config: {protocol: https, host: <domain>}
  endpoints:
  - name: readers
    requests:
      read:
      - {method: GET, path: /readers, query_params: [{name: mail, value: <mail>}], param_values: [{name: mail, identity: email}]}
      - {method: GET, path: /readers/<account>, param_values: [{name: account, references: [account]}]}
      delete: {method: DELETE, path: /readers/<id>, param_values: [{name: id, references: [{dataset: <instance_fides_key>, field: readers.id, direction: from}]}]}
  - name: clicks
    after: [<instance_fides_key>.readers]
    erase_after: [<instance_fides_key>.lists]
    requests:
      read:
        method: GET
        path: /clicks/<id>/<list>
        grouped_inputs: [id, list]
        param_values:
        - {name: id, references: [{dataset: <instance_fides_key>, field: readers.id, direction: from}]}
        - {name: list, references: [{dataset: <instance_fides_key>, field: readers.list, direction: from}]}
  - {name: lists, skip_processing: true, requests: {read: {method: GET, path: /lists}}}
`

const lettersHold = `
dataset:
- fides_key: <instance_fides_key>
  name: Letters
  collections:
  - name: readers
    fields:
    - {name: id, fides_meta: {primary_key: true}}
    - {name: list, data_categories: [system]}
    - {name: mail, data_categories: [user.contact.email]}
  - name: clicks
    fields: [{name: at, data_categories: [user.behavior], fides_meta: {references: [{dataset: <instance_fides_key>, field: readers.id, direction: to}]}}]
  - name: lists
    fields: [{name: name, data_categories: [system]}]
`

const lettersShop = `
dataset:
- {fides_key: shop, collections: [{name: customer, fields: [{name: id, fides_meta: {primary_key: true}}, {name: account, data_categories: [user.unique_id], fides_meta: {identity: email}}]}]}
connection:
- {key: db, type: sqlite, datasets: [shop], secrets: {url: "sqlite:shop.db"}}
`

// vendored reads files by name that may describe vendors; what is wrong comes as
// lines.
func vendored(files map[string]string) (*config.Config, []string) {
	var all []source.File
	for _, name := range []string{"a.yml", "b.yml", "c.yml"} {
		if text, given := files[name]; given {
			all = append(all, source.File{Name: name, Data: []byte(text)})
		}
	}
	c, found := config.Read(all, config.Options{Registry: builtin.Registry(), Describe: builtin.Describe})
	lines := []string{}
	for _, p := range source.Sort(append(found, config.Check(c)...)) {
		lines = append(lines, p.String())
	}
	return c, lines
}

func TestWhatAVendorIsAskedByAreFieldsOfItsCollections(t *testing.T) { // H3, H5, H7
	c, found := vendored(map[string]string{"a.yml": letters + lettersHold, "b.yml": lettersShop + "- {key: news, type: letters, secrets: {account: shop.customer.account}}\n"})
	if len(found) > 0 {
		t.Fatal(strings.Join(found, "\n"))
	}
	if d := cmp.Diff([]string{"news"}, c.Connections[1].Datasets); d != "" {
		t.Error(d)
	}
	news := c.Datasets.Dataset("news")
	readers, clicks := news.Collection("readers"), news.Collection("clicks")
	if f := readers.Field("_inputs.mail"); f == nil || f.Identity != "email" || !f.Input {
		t.Errorf("mail: %+v", f)
	}
	refers := func(f *dataset.Field) (all []string) {
		for _, r := range f.References {
			all = append(all, r.Target.String()+"."+r.Field+" "+string(r.Direction))
		}
		return all
	}
	for what, pair := range map[string][2][]string{
		"an external reference": {refers(readers.Field("_inputs.account")), {"shop:customer.account from"}},
		"its own dataset":       {refers(clicks.Field("_inputs.list")), {"news:readers.list from"}},
		"written by the user":   {refers(clicks.Field("at")), {"news:readers.id to"}},
	} {
		if d := cmp.Diff(pair[1], pair[0]); d != "" {
			t.Errorf("%s (-want +got):\n%s", what, d)
		}
	}
	if !clicks.Field("_inputs.id").Grouped || readers.Field("_inputs.mail").Grouped {
		t.Error("what comes from one row together is not told from what does not")
	}
	if d := cmp.Diff([][]string{{"_inputs.mail"}, {"_inputs.account"}}, readers.Ways); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]dataset.Address{{Dataset: "news", Collection: "readers"}}, clicks.After); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]dataset.Address{{Dataset: "news", Collection: "lists"}}, clicks.EraseAfter); d != "" || !news.Collection("lists").Skip {
		t.Error(d)
	}
}

func TestTwoAccountsAtAVendorHaveADatasetEach(t *testing.T) { // H3
	c, found := vendored(map[string]string{"a.yml": letters, "b.yml": lettersHold, "c.yml": lettersShop + `
- {key: one, type: letters, secrets: {account: shop.customer.account}}
- {key: two, type: letters, datasets: [papers], secrets: {account: shop.customer.id}}
- {key: told, type: letters, datasets: [], secrets: {account: shop.customer.id}}
`})
	if len(found) > 0 {
		t.Fatal(strings.Join(found, "\n"))
	}
	for key, want := range map[string]string{"one": "account", "papers": "id"} {
		d := c.Datasets.Dataset(key)
		if ref := d.Collection("readers").Field("_inputs.account").References[0]; ref.Field != want {
			t.Errorf("%s is asked by %s", key, ref.Field)
		}
		if ref := d.Collection("clicks").Field("_inputs.id").References[0]; ref.Target.Dataset != key {
			t.Errorf("%s refers to %s", key, ref.Target)
		}
	}
	if c.Datasets.Dataset("told") != nil {
		t.Error("no request was to go to a connection with an empty list of datasets")
	}
}

func TestADescribedDatasetCountsMoreThanThatOfTheDescription(t *testing.T) { // H3
	c, found := vendored(map[string]string{"a.yml": `
dataset:
- {fides_key: payments, collections: [{name: customers, fields: [{name: id, fides_meta: {primary_key: true}}, {name: nickname, data_categories: [user.name]}]}]}
connection:
- {key: stripe, type: stripe, datasets: [payments], secrets: {api_key: k}}
`})
	if len(found) > 0 {
		t.Fatal(strings.Join(found, "\n"))
	}
	d := c.Datasets.Dataset("payments")
	if len(d.Collections) != 1 || d.Collection("customers").Field("nickname") == nil || d.Collection("customers").Field("_inputs.email").Identity != "email" {
		t.Errorf("%+v", d)
	}
}

func TestADescriptionTakesThePlaceOfOneThatComesAlong(t *testing.T) { // H2
	c, found := vendored(map[string]string{"a.yml": strings.Replace(letters+lettersHold, "type: letters", "type: Stripe", 1), "b.yml": lettersShop + "- {key: s, type: stripe, secrets: {account: shop.customer.id}}\n"})
	if len(found) > 0 || c.Datasets.Dataset("s").Collection("readers") == nil {
		t.Errorf("%v", found)
	}
	if builtin.Registry()["stripe"].Digest == c.Registry["stripe"].Digest || c.Connections[1].Digest != c.Registry["stripe"].Digest {
		t.Error("the description is not the one of the directory")
	}
}

// A plan that was approved names the digest, so that it must change with whatever a
// vendor is asked, and with nothing else.
func TestTheDigestOfAConfigurationHasWhatItsVendorsAreAsked(t *testing.T) { // X17
	digest := func(description string) string {
		c, _ := vendored(map[string]string{"a.yml": description, "b.yml": lettersShop + "- {key: s, type: letters, secrets: {account: shop.customer.id}}\n"})
		return c.Digest
	}
	before := digest(letters + lettersHold)
	if digest("# so it is\n"+letters+lettersHold) != before {
		t.Error("it changes with a comment")
	}
	if digest(strings.Replace(letters, "path: /readers/<id>,", "path: /people/<id>,", 1)+lettersHold) == before {
		t.Error("it does not change with the path of a deletion")
	}
}

func TestWhatIsWrongWithVendorsIsSaidWithItsPlace(t *testing.T) { // H4, D5
	for name, test := range map[string]struct{ a, b, want string }{
		"an unknown key":             {strings.Replace(letters, "version: 1.0.0", "versoin: 1.0.0", 1), "", `a.yml:7: error: unknown key "versoin" (did you mean version?)`},
		"a type in code":             {strings.Replace(letters, "type: letters", "type: sqlite", 1), "", "a.yml:3: error: sqlite is a type of connector that needs no description (give it another type)"},
		"a type twice":               {letters, letters, "b.yml:3: error: the type letters is already described at a.yml:3 (give one of them another type)"},
		"another endpoint":           {letters + strings.Replace(lettersHold, "name: clicks", "name: click", 1), lettersShop + "- {key: s, type: letters, secrets: {account: shop.customer.id}}\n", "a.yml:40: error: s:click is none of the endpoints of the type letters (did you mean clicks?)"},
		"two datasets":               {letters + lettersHold, lettersShop + "- {key: s, type: letters, datasets: [a, b], secrets: {account: shop.customer.id}}\n", "b.yml:6: error: the connection s has 2 datasets, and one to a vendor has one (name one, and connect it again for the others)"},
		"a dataset without its kind": {lettersHold, "", "a.yml:3: warning: the dataset <instance_fides_key> belongs to a description of a vendor, and there is none (give it a key of its own, or add the saas_config)"},
		"an external reference":      {letters + lettersHold, lettersShop + "- {key: s, type: letters, secrets: {account: shop.customer.no}}\n", "b.yml:6: error: s:readers._inputs.account refers to the field no, which shop:customer does not have (describe the field, or mend the reference)"},
		"a field that looks asked":   {letters + strings.Replace(lettersHold, "data_categories: [user.contact.email]", "data_categories: [user.contact.email], fides_meta: {identity: email}", 1), lettersShop + "- {key: s, type: letters, secrets: {account: shop.customer.id}}\n", "a.yml:39: warning: s:readers.mail leads to no rows: a vendor is asked by what its description says (add it to the param_values of the description, and remove it here)"},
		"a name that is taken":       {letters + strings.Replace(lettersHold, "name: mail", "name: _inputs", 1), lettersShop + "- {key: s, type: letters, secrets: {account: shop.customer.id}}\n", "a.yml:39: error: s:readers cannot have a field _inputs: it is what rows are asked by (use another name)"},
	} {
		_, found := vendored(map[string]string{"a.yml": test.a, "b.yml": test.b})
		if !strings.Contains(strings.Join(found, "\n"), test.want) {
			t.Errorf("%s: found\n%s\nwant\n%s", name, strings.Join(found, "\n"), test.want)
		}
	}
	_, found := config.Read([]source.File{{Name: "a.yml", Data: []byte(letters)}}, config.Options{})
	if len(found) != 1 || !strings.Contains(found[0].String(), "descriptions of vendors are not read here") {
		t.Errorf("%v", found)
	}
}

func TestAVendorIsToldOfPeopleByWhatItKnowsThemBy(t *testing.T) { // H15
	const warning = "no choice is sent to the connection news: type letters knows people by their email, which identities lacks (add email)"
	told := strings.Replace(letters, "  endpoints:\n", `  consent_requests:
    opt_in: {method: PUT, path: /lists/<item>, body: '{"mail": "<mail>", "phone": "<phone?>"}', param_values: [{name: mail, identity: email}, {name: phone, identity: phone_number}, {name: unused, identity: external_id}]}
    opt_out: {method: DELETE, path: /lists/<item>/<mail>, param_values: [{name: mail, identity: email}]}
  endpoints:
`, 1)
	for identities, want := range map[string]bool{"[external_id]": true, "[external_id, email]": false, "[]": false} {
		_, found := vendored(map[string]string{"a.yml": told + lettersHold, "b.yml": lettersShop + "- {key: news, type: letters, access: write, data_uses: [marketing], secrets: {account: shop.customer.account}, consent: {identities: " + identities + "}}\n"})
		lines := strings.Join(found, "\n")
		if strings.Contains(lines, warning) != want || strings.Count(lines, "which identities lacks") > 1 || strings.Contains(lines, "phone_number") {
			t.Errorf("identities %s: %s", identities, lines)
		}
	}
}
