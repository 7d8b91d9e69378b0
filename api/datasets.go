package api

import (
	"context"
	"net/http"
	"strings"

	"volenti.dev/volenti/auth"
	"volenti.dev/volenti/config/source"
	"volenti.dev/volenti/datamap/dataset"
	"volenti.dev/volenti/datamap/taxonomy"
)

// Datasets are what the configuration says of the data that a company holds.
type Datasets interface {
	// Described gives what is described, and all that is wrong or doubtful in the
	// configuration.
	Described(ctx context.Context, tenant string) ([]DescribedDataset, []source.Problem, error)
}

// DescribedDataset is a dataset and what belongs to it.
type DescribedDataset struct {
	dataset.Dataset
	Connection string // that serves it; "" for none
	Managed    bool   // it comes from a configuration directory
	Text       string // as it stands in its file; "" where it is written in brackets
}

// ConfigurationProblem is what is wrong, or doubtful, in the configuration.
type ConfigurationProblem source.Problem

func shownProblems(all []source.Problem) []ConfigurationProblem {
	shown := []ConfigurationProblem{}
	for _, p := range all {
		shown = append(shown, ConfigurationProblem(p))
	}
	return shown
}

// problems are those that lie in it.
func (d DescribedDataset) problems(all []source.Problem) (found []source.Problem) {
	for _, p := range all {
		if p.File == d.At.File && p.Line >= d.At.Line && p.Line <= d.At.Line+max(0, strings.Count(d.Text, "\n")-1) {
			found = append(found, p)
		}
	}
	return found
}

// DatasetSummary is what the list says of a dataset.
type DatasetSummary struct {
	Key         string              `json:"key"`
	Name        string              `json:"name,omitempty"`
	Description string              `json:"description,omitempty"`
	Connection  string              `json:"connection,omitempty" doc:"Key of the one that serves it"`
	Collections int                 `json:"collections" doc:"How many it has"`
	Fields      int                 `json:"fields" doc:"How many they have together, parts of documents too"`
	Categories  []taxonomy.Category `json:"data_categories" nullable:"false" doc:"Those that its fields have"`
	Errors      int                 `json:"errors" doc:"How many problems must be mended"`
	Warnings    int                 `json:"warnings"`
	Managed     bool                `json:"managed" doc:"It comes from a configuration directory, and is changed there"`
	File        string              `json:"file,omitempty" doc:"Where it is described, in the directory that was applied; dataset/KEY for one that was made over HTTP"`
	Line        int                 `json:"line,omitempty"`
}

func (d DescribedDataset) summary(all []source.Problem) DatasetSummary {
	s := DatasetSummary{
		Key: d.Key, Name: d.Name, Description: d.Description, Connection: d.Connection, Collections: len(d.Collections), Categories: []taxonomy.Category{},
		Managed: d.Managed, File: d.At.File, Line: d.At.Line,
	}
	seen := map[taxonomy.Category]bool{}
	add := func(categories []taxonomy.Category) {
		for _, c := range categories {
			if !seen[c] {
				seen[c], s.Categories = true, append(s.Categories, c)
			}
		}
	}
	for i := range d.Collections {
		add(d.Collections[i].Categories)
		d.Collections[i].Walk(func(f *dataset.Field) {
			s.Fields++
			add(f.Categories)
		})
	}
	for _, p := range d.problems(all) {
		if p.Severity == source.Error {
			s.Errors++
		} else {
			s.Warnings++
		}
	}
	return s
}

type datasetsOutput struct {
	Body DatasetList
}

// DatasetList is all datasets of the configuration.
type DatasetList struct {
	Items    []DatasetSummary       `json:"items" nullable:"false" doc:"In the order of the configuration"`
	Problems []ConfigurationProblem `json:"problems" nullable:"false" doc:"All of the configuration, as volenti check finds them"`
}

func listDatasets(a *API, ctx context.Context, caller auth.Caller, _ *struct{}) (*datasetsOutput, error) {
	all, problems, err := a.config.Datasets.Described(ctx, caller.Tenant)
	if err != nil {
		return nil, err
	}
	out := DatasetList{Items: []DatasetSummary{}, Problems: shownProblems(problems)}
	for _, d := range all {
		out.Items = append(out.Items, d.summary(problems))
	}
	return &datasetsOutput{out}, nil
}

// DatasetView is a dataset with all that is described of it.
type DatasetView struct {
	DatasetSummary
	Collections []DatasetCollection    `json:"described" nullable:"false" doc:"Its collections, in their order"`
	Text        string                 `json:"text,omitempty" doc:"Its description, as it stands in the file"`
	Problems    []ConfigurationProblem `json:"problems" nullable:"false" doc:"Those that lie in it"`
}

// DatasetCollection is a collection of a dataset.
type DatasetCollection struct {
	Name       string              `json:"name"`
	Categories []taxonomy.Category `json:"data_categories,omitempty" doc:"Of whole rows"`
	Skipped    bool                `json:"skip_processing,omitempty" doc:"Nothing is looked for in it"`
	Line       int                 `json:"line,omitempty"`
	Fields     []DatasetField      `json:"fields" nullable:"false" doc:"In their order, parts of documents behind what they are in"`
}

// DatasetField is a field of a collection.
type DatasetField struct {
	Path       string              `json:"path" doc:"With dots between the parts of a document"`
	Type       string              `json:"data_type,omitempty"`
	Categories []taxonomy.Category `json:"data_categories,omitempty"`
	PrimaryKey bool                `json:"primary_key,omitempty"`
	Identity   string              `json:"identity,omitempty" doc:"The type of identity that it holds"`
	ReadOnly   bool                `json:"read_only,omitempty" doc:"It is never masked"`
	References []DatasetReference  `json:"references,omitempty"`
	Line       int                 `json:"line,omitempty"`
}

// DatasetReference ties a field to another.
type DatasetReference struct {
	Collection string            `json:"collection" doc:"Its address, like shop:customers"`
	Field      string            `json:"field"`
	Direction  dataset.Direction `json:"direction,omitempty" enum:"from,to" doc:"from: the other is read first; to: this one is; absent: whichever is nearer to an identity"`
}

type datasetOutput struct {
	Body DatasetView
}

type datasetInput struct {
	Key string `path:"key" maxLength:"256" doc:"Of the dataset"`
}

func showDataset(a *API, ctx context.Context, caller auth.Caller, in *datasetInput) (*datasetOutput, error) {
	all, problems, err := a.config.Datasets.Described(ctx, caller.Tenant)
	if err != nil {
		return nil, err
	}
	for _, d := range all {
		if d.Key == in.Key {
			return &datasetOutput{DatasetView{d.summary(problems), shownCollections(d.Collections), d.Text, shownProblems(d.problems(problems))}}, nil
		}
	}
	return nil, &Problem{Status: http.StatusNotFound, Detail: "There is no dataset with this key in the configuration that was applied."}
}

func shownCollections(all []dataset.Collection) []DatasetCollection {
	shown := []DatasetCollection{}
	for i := range all {
		c := DatasetCollection{Name: all[i].Address.Collection, Categories: all[i].Categories, Skipped: all[i].Skip, Line: all[i].At.Line, Fields: []DatasetField{}}
		all[i].Walk(func(f *dataset.Field) {
			field := DatasetField{
				Path: f.Path, Type: f.Type.String(), Categories: f.Categories, PrimaryKey: f.PrimaryKey, Identity: f.Identity, ReadOnly: f.ReadOnly, Line: f.At.Line,
			}
			for _, r := range f.References {
				field.References = append(field.References, DatasetReference{r.Target.String(), r.Field, r.Direction})
			}
			c.Fields = append(c.Fields, field)
		})
		shown = append(shown, c)
	}
	return shown
}
