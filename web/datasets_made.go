package web

import (
	"net/http"
	"net/url"
	"strings"

	"volenti.dev/volenti/auth"
)

// describePages lead from a connection to a dataset that describes it.
func describePages() []Page {
	return []Page{
		{Method: http.MethodGet, Path: "/admin/connections/{key}/describe", Scope: auth.ManageSystems, Does: "Say what happens when a database is looked at", Act: askProposal},
		{Method: http.MethodPost, Path: "/admin/connections/{key}/describe", Scope: auth.ManageSystems, Does: "Propose a description of a database", Act: proposeDataset},
		{Method: http.MethodGet, Path: "/admin/new/dataset", Scope: auth.ManageSystems, Does: "Ask for the description of a dataset", Act: newDataset},
		{Method: http.MethodPost, Path: "/admin/new/dataset", Scope: auth.ManageSystems, MaxBody: maxDescription, Does: "Check a description, or make a dataset of it", Act: makeDataset},
		{Method: http.MethodGet, Path: "/admin/datasets/{key}/edit", Scope: auth.ManageSystems, Does: "Show the description of a dataset to be changed", Act: changeDataset},
		{Method: http.MethodPost, Path: "/admin/datasets/{key}/edit", Scope: auth.ManageSystems, MaxBody: maxDescription, Does: "Check a description, or replace that of a dataset", Act: editDataset},
		{Method: http.MethodPost, Path: "/admin/datasets/{key}/remove", Scope: auth.ManageSystems, Does: "Remove a dataset that nothing refers to", Act: removeDataset},
	}
}

// maxDescription is the longest form with a description, in bytes. Forms write many
// signs of YAML with three.
const maxDescription = 12 << 20

// What the API proposes.
type (
	proposals struct {
		Items     []proposal      `json:"items"`
		Drift     []configProblem `json:"drift"`
		Unsampled []string        `json:"unsampled"`
	}
	proposal struct {
		Key         string               `json:"key"`
		Schema      string               `json:"schema"`
		Described   bool                 `json:"described"`
		Identities  int64                `json:"identities"`
		Labelled    int64                `json:"labelled"`
		Mentioned   int64                `json:"mentioned"`
		Undecided   int64                `json:"undecided"`
		References  int64                `json:"references"`
		Collections []proposedCollection `json:"collections"`
		Text        string               `json:"text"`
	}
	proposedCollection struct {
		Name      string          `json:"name"`
		Skipped   string          `json:"skipped"`
		Unreached bool            `json:"unreached"`
		Notes     []string        `json:"notes"`
		Fields    []proposedField `json:"fields"`
	}
	proposedField struct {
		Path       string              `json:"path"`
		Type       string              `json:"type"`
		PrimaryKey bool                `json:"primary_key"`
		Identity   string              `json:"identity"`
		Category   string              `json:"data_category"`
		Written    bool                `json:"written"`
		Confidence string              `json:"confidence"`
		Reasons    []string            `json:"reasons"`
		References []proposedReference `json:"references"`
	}
	proposedReference struct {
		To       string `json:"to"`
		Reason   string `json:"reason"`
		Withheld string `json:"withheld"`
	}
)

// Tables is how many collections there are.
func (p proposal) Tables() int64 { return int64(len(p.Collections)) }

// Personal counts the fields of a collection that hold personal data, or perhaps do.
func (c proposedCollection) Personal() (n int64) {
	for _, f := range c.Fields {
		if strings.HasPrefix(f.Category, "user") {
			n++
		}
	}
	return n
}

// describing is what the pages show before a description is edited: what happens, and
// what was found where that is not one new dataset.
type describing struct {
	Connection string
	Datasets   []datasetSummary // that describe it already
	Found      *proposals       // nil before
}

func (v *visit) describing(status int, found *proposals, f *form) error {
	key := v.r.PathValue("key")
	v.here = "/admin/connections/" + url.PathEscape(key) + "/describe"
	var is connection
	if err := v.get("/connections/"+url.PathEscape(key), &is); err != nil {
		return err
	}
	var sets datasetList
	if err := v.get("/datasets", &sets); err != nil {
		return err
	}
	d := describing{Connection: key, Found: found}
	for _, s := range sets.Items {
		if s.Connection == key {
			d.Datasets = append(d.Datasets, s)
		}
	}
	return v.show(status, "admin/dataset-describe", d, f)
}

func askProposal(v *visit) error { return v.describing(http.StatusOK, nil, nil) }

// proposeDataset shows a proposal. One new dataset is there to be edited at once.
func proposeDataset(v *visit) error {
	key := v.r.PathValue("key")
	samples := 0
	if v.value("rows") != "" {
		samples = 100
	}
	var found proposals
	err := v.post("/connections/"+url.PathEscape(key)+"/describe", map[string]int{"samples": samples}, &found)
	if err != nil {
		f, status, err := v.mistaken(err, nil)
		if err != nil {
			return err
		}
		return v.describing(status, nil, f)
	}
	if len(found.Items) == 1 && !found.Items[0].Described {
		v.here = "/admin/connections/" + url.PathEscape(key) + "/describe"
		return v.edit(http.StatusOK, editing{Connection: key, Text: found.Items[0].Text, Proposal: &found.Items[0], Unsampled: found.Unsampled})
	}
	return v.describing(http.StatusOK, &found, nil)
}

// editing is a description that is edited.
type editing struct {
	Key        string // of the dataset that it replaces; "" for a new one
	Connection string
	Text       string
	Proposal   *proposal // what it was proposed of, before it was edited
	Unsampled  []string
	Read       described // how it is read
	Checked    bool      // it was asked for
	Refused    bool      // it was to be saved
	Problem    string    // why not, besides what is wrong with it
}

// edit shows a description with what is wrong with it.
func (v *visit) edit(status int, e editing) error {
	body := map[string]string{"connection": e.Connection, "text": e.Text}
	if e.Key != "" {
		body["key"] = e.Key
	}
	if err := v.post("/datasets/check", body, &e.Read); err != nil {
		return err
	}
	return v.show(status, "admin/dataset-edit", e, nil)
}

// Action is where the form is sent to.
func (e editing) Action() string {
	if e.Key == "" {
		return "/admin/new/dataset"
	}
	return "/admin/datasets/" + url.PathEscape(e.Key) + "/edit"
}

// Lines are those of the text, with what is wrong in them.
func (e editing) Lines() []sourceLine {
	return described{datasetSummary: datasetSummary{Line: 1}, Text: e.Text, Problems: e.Read.own()}.Lines()
}

// Rows is how many lines the text has.
func (e editing) Rows() int { return max(8, strings.Count(e.Text, "\n")+1) }

// own are the problems that lie in the text.
func (d described) own() (all []configProblem) {
	for _, p := range d.Problems {
		if p.inText() {
			all = append(all, p)
		}
	}
	return all
}

// inText says whether a problem lies in a text that was made here.
func (m configProblem) inText() bool { return strings.HasPrefix(m.File, "dataset/") }

// Here is the line of a problem in the text that is edited; 0 for one elsewhere, or of
// the text as a whole.
func (e editing) Here(m configProblem) int64 {
	if m.File == "dataset/"+e.Read.Key || m.File == "dataset/" {
		return int64(m.Line)
	}
	return 0
}

// skeleton is where a description begins that nobody proposed.
const skeleton = `dataset:
- fides_key: %
  collections:
  - name: customers
    fields:
    - name: id
      fides_meta: {primary_key: true}
    - name: email
      data_categories: [user.contact.email]
      fides_meta: {identity: email}
`

func newDataset(v *visit) error {
	connection := v.r.URL.Query().Get("connection")
	if connection == "" {
		return v.redirect("/admin/connections")
	}
	return v.edit(http.StatusOK, editing{Connection: connection, Text: strings.Replace(skeleton, "%", connection, 1)})
}

func makeDataset(v *visit) error {
	v.here = v.r.URL.Path + "?connection=" + url.QueryEscape(v.value("connection"))
	e := editing{Connection: v.value("connection"), Text: v.text()}
	var made datasetSummary
	return v.saved(e, func() (string, error) {
		err := v.post("/datasets", map[string]string{"connection": e.Connection, "text": e.Text}, &made)
		return made.Key, err
	})
}

func changeDataset(v *visit) error {
	var d described
	if err := v.get("/datasets/"+url.PathEscape(v.r.PathValue("key")), &d); err != nil {
		return err
	}
	if d.Managed {
		return notFound
	}
	return v.edit(http.StatusOK, editing{Key: d.Key, Connection: d.Connection, Text: d.Text})
}

func editDataset(v *visit) error {
	v.here = v.r.URL.Path
	e := editing{Key: v.r.PathValue("key"), Connection: v.value("connection"), Text: v.text()}
	return v.saved(e, func() (string, error) {
		return e.Key, v.ask(http.MethodPut, "/datasets/"+url.PathEscape(e.Key), map[string]string{"text": e.Text}, nil)
	})
}

// saved checks what is edited or saves it, as the button says that was pressed.
func (v *visit) saved(e editing, save func() (key string, err error)) error {
	if v.value("do") == "check" {
		e.Checked = true
		return v.edit(http.StatusOK, e)
	}
	key, err := save()
	if err == nil {
		return v.redirect("/admin/datasets/" + url.PathEscape(key))
	}
	f, status, err := v.mistaken(err, nil)
	if err != nil {
		return err
	}
	if e.Refused = true; status != http.StatusUnprocessableEntity {
		e.Problem = f.Problem
	}
	return v.edit(status, e)
}

// text is the description that was entered, with the ends of lines that it had.
func (v *visit) text() string {
	return strings.ReplaceAll(v.r.PostForm.Get("text"), "\r\n", "\n")
}

func removeDataset(v *visit) error {
	key := v.r.PathValue("key")
	if v.value("confirm") != key {
		return v.dataset(http.StatusUnprocessableEntity, "remove", v.lacking("confirm", "systems.unconfirmed"))
	}
	return v.changed(v.ask(http.MethodDelete, "/datasets/"+url.PathEscape(key), nil, nil), "/admin/datasets", "remove", v.dataset)
}
