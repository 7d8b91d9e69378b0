package web

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"volenti.dev/volenti/auth"
)

// datasetPages are about what the configuration describes.
func datasetPages() []Page {
	return []Page{
		{Method: http.MethodGet, Path: "/admin/datasets", Scope: auth.ReadSystems, Does: "List the datasets, and what is wrong with the configuration", Act: listDatasets},
		{Method: http.MethodGet, Path: "/admin/datasets/{key}", Scope: auth.ReadSystems, Does: "Show a dataset as table, graph and text", Act: showDataset},
	}
}

// What the API tells of datasets.
type (
	datasetList struct {
		Items    []datasetSummary `json:"items"`
		Problems []configProblem  `json:"problems"`
	}
	datasetSummary struct {
		Key         string   `json:"key"`
		Name        string   `json:"name"`
		Description string   `json:"description"`
		Connection  string   `json:"connection"`
		Collections int64    `json:"collections"`
		Fields      int64    `json:"fields"`
		Categories  []string `json:"data_categories"`
		Errors      int64    `json:"errors"`
		Warnings    int64    `json:"warnings"`
		Managed     bool     `json:"managed"`
		File        string   `json:"file"`
		Line        int      `json:"line"`
	}
	// configProblem is what is wrong, or doubtful, in the configuration.
	configProblem struct {
		File     string `json:"file"`
		Line     int    `json:"line"`
		Severity string `json:"severity"`
		Message  string `json:"message"`
		Fix      string `json:"fix"`
	}
	described struct {
		datasetSummary
		Described []describedCollection `json:"described"`
		Text      string                `json:"text"`
		Problems  []configProblem       `json:"problems"`
	}
	describedCollection struct {
		Name       string           `json:"name"`
		Categories []string         `json:"data_categories"`
		Skipped    bool             `json:"skip_processing"`
		Line       int              `json:"line"`
		Fields     []describedField `json:"fields"`
	}
	describedField struct {
		Path       string             `json:"path"`
		Type       string             `json:"data_type"`
		Categories []string           `json:"data_categories"`
		PrimaryKey bool               `json:"primary_key"`
		Identity   string             `json:"identity"`
		ReadOnly   bool               `json:"read_only"`
		References []datasetReference `json:"references"`
	}
	datasetReference struct {
		Collection string `json:"collection"`
		Field      string `json:"field"`
		Direction  string `json:"direction"`
	}
)

// At is where something stands: file and line.
func (m configProblem) At() string { return m.File + ":" + strconv.Itoa(m.Line) }

// Areas are the categories by their first two words: a list has no room for more.
func (s datasetSummary) Areas() (all []string) {
	for _, c := range s.Categories {
		words := strings.Split(c, ".")
		if area := strings.Join(words[:min(2, len(words))], "."); !slices.Contains(all, area) {
			all = append(all, area)
		}
	}
	return all
}

func listDatasets(v *visit) error {
	var all datasetList
	if err := v.get("/datasets", &all); err != nil {
		return err
	}
	return v.show(http.StatusOK, "admin/datasets", all, nil)
}

// datasetView is a dataset with what can be done with it.
type datasetView struct {
	described
	May  bool // it may be changed and removed by the visitor
	Form *form
}

// Read is how the dataset is read.
func (d datasetView) Read() described { return d.described }

func showDataset(v *visit) error { return v.dataset(http.StatusOK, "", nil) }

func (v *visit) dataset(status int, _ string, f *form) error {
	at := "/datasets/" + url.PathEscape(v.r.PathValue("key"))
	v.here = "/admin" + at
	d := datasetView{Form: f}
	if err := v.get(at, &d.described); err != nil {
		return err
	}
	if d.Form == nil {
		d.Form = blank(nil)
	}
	d.May = !d.Managed && v.session.May(auth.ManageSystems)
	return v.show(status, "admin/dataset", d, f)
}

// sourceLine is a line of the text of a dataset.
type sourceLine struct {
	Number   int
	Text     string
	Mistakes []configProblem
}

// Lines is the text with what is wrong in it beside its lines.
func (d described) Lines() (all []sourceLine) {
	number := d.Line
	for text := range strings.Lines(d.Text) {
		l := sourceLine{Number: number, Text: strings.TrimSuffix(text, "\n")}
		for _, m := range d.Problems {
			if m.Line == number {
				l.Mistakes = append(l.Mistakes, m)
			}
		}
		all, number = append(all, l), number+1
	}
	return all
}

// wayIn is a way by which rows are found: From is a collection, or a type of identity.
type wayIn struct {
	From, To string
	Fields   []string
	Either   bool // it is found out when a request is planned which end is read first
}

// Edges are the ways into and out of the collections of the dataset, each pair of ends
// once.
func (d described) Edges() (all []wayIn) {
	add := func(from, to, field string, either bool) {
		same := func(e wayIn) bool { return e.From == from && e.To == to && e.Either == either }
		if i := slices.IndexFunc(all, same); i >= 0 {
			all[i].Fields = append(all[i].Fields, field)
			return
		}
		all = append(all, wayIn{from, to, []string{field}, either})
	}
	for _, c := range d.Described {
		here := d.Key + ":" + c.Name
		for _, f := range c.Fields {
			if f.Identity != "" {
				add(identityMark+f.Identity, here, f.Path, false)
			}
			for _, r := range f.References {
				switch r.Direction {
				case "to":
					add(here, r.Collection, f.Path, false)
				default:
					add(r.Collection, here, f.Path, r.Direction == "")
				}
			}
		}
	}
	return all
}

// identityMark begins the names of identities among the ends of edges. No dataset has
// such a name.
const identityMark = "@"

// Identity is the type of identity that the wayIn comes from; "" for a collection.
func (e wayIn) Identity() string {
	of, is := strings.CutPrefix(e.From, identityMark)
	if !is {
		return ""
	}
	return of
}
