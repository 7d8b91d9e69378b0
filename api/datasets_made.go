package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"volenti.dev/volenti/auth"
	"volenti.dev/volenti/config/source"
	"volenti.dev/volenti/connector"
	"volenti.dev/volenti/datamap/discover"
	"volenti.dev/volenti/datamap/inventory"
	"volenti.dev/volenti/datamap/taxonomy"
)

// MadeDatasets keeps the datasets that are described over HTTP. What the tenant does
// not have is inventory.ErrNoDataset, what comes from a configuration directory
// inventory.ErrManaged, and what is wrong with a text, or would be with what needs it, a
// *FaultyDataset. Changes commit together with their audit entry.
type MadeDatasets interface {
	// Check gives what a text describes, and all that is wrong or doubtful with it, or
	// would be elsewhere. It keeps nothing.
	Check(ctx context.Context, tenant string, d DatasetText) (DescribedDataset, []source.Problem, error)
	// Create keeps what a text describes; inventory.ErrTaken when there is a dataset
	// with its key.
	Create(ctx context.Context, caller auth.Caller, d DatasetText) (key string, err error)
	Edit(ctx context.Context, caller auth.Caller, d DatasetText) error
	Remove(ctx context.Context, caller auth.Caller, key string) error
	// Propose looks at the database of a connection and at so many rows of each of its
	// tables at most. ErrProposing, when others are looked at; a *TooLong, when it is not
	// done in its time; a *connector.Error, when the database cannot be looked at.
	Propose(ctx context.Context, caller auth.Caller, connection string, samples int) (Proposals, error)
}

// DatasetText is a text that describes a dataset.
type DatasetText struct {
	Key        string // of the one that it is to replace; "" for none
	Connection string // that is to serve it; "" for the one that does
	Text       string
}

// Proposals is what was found out about a database. No value of a row is in it.
type Proposals struct {
	Drafts    []Proposal // of what is not described yet
	Drift     []source.Problem
	Unsampled []string // tables that were judged by names and types only
}

// Proposal is the draft of a dataset, or of what one lacks.
type Proposal struct {
	discover.Draft
	Described bool // there is such a dataset, and Text is what it lacks
	Text      string
}

// FaultyDataset is all that is wrong with a text that was to describe a dataset, or
// would be with what needs the dataset.
type FaultyDataset struct {
	Place    string // the file of the problems that lie in the text
	Problems []source.Problem
}

// Error counts them.
func (e *FaultyDataset) Error() string {
	return fmt.Sprintf("the dataset cannot be kept: %d problems", len(e.Problems))
}

// ErrProposing: as many databases are looked at as may be at once.
var ErrProposing = errors.New("other databases are looked at")

// TooLong says that a database could not be looked at within a time.
type TooLong struct{ Limit time.Duration }

// Error names the limit.
func (e *TooLong) Error() string { return "it took longer than " + e.Limit.String() }

// ofDataset tells why a dataset was not kept, or none was proposed.
func ofDataset(err error) *Problem {
	var faulty *FaultyDataset
	var long *TooLong
	told := func(status int, detail string) *Problem {
		return &Problem{Title: http.StatusText(status), Status: status, Detail: detail}
	}
	switch {
	case errors.Is(err, inventory.ErrNoDataset):
		return told(http.StatusNotFound, "There is no dataset with this key.")
	case errors.Is(err, ErrProposing):
		p := told(http.StatusTooManyRequests, "Other databases are being looked at. Wait a minute.")
		p.retry = time.Minute
		return p
	case errors.As(err, &long):
		return told(http.StatusConflict, "The database did not tell what it holds in time. Look at no rows, or use volenti dataset generate, which has no limit.")
	case errors.As(err, &faulty):
		p := told(http.StatusUnprocessableEntity, notValid)
		for _, w := range faulty.Problems {
			if w.Severity == source.Error {
				p.Errors = append(p.Errors, faulty.violation(w))
			}
		}
		return p
	}
	return nil
}

// violation names the line and the column of a problem in the text, and the file and
// the line of one elsewhere.
func (e *FaultyDataset) violation(w source.Problem) Violation {
	what := w.Message
	if w.Fix != "" {
		what += " (" + w.Fix + ")"
	}
	switch {
	case w.File != e.Place:
		return Violation{"body", w.Position.String() + ": " + what}
	case w.Line == 0:
		return Violation{"body.text", what}
	}
	return Violation{fmt.Sprintf("body.text:%d:%d", w.Line, w.Column), what}
}

// maxDescription is the longest body with the text of a dataset, in bytes: some
// thousand collections.
const maxDescription = 4 << 20

type (
	datasetText struct {
		Connection string `json:"connection" minLength:"1" maxLength:"256" doc:"Key of the one that serves it"`
		Text       string `json:"text" minLength:"1" doc:"Its description in YAML, as in a configuration directory: the list dataset with one entry"`
	}
	createDatasetInput struct {
		Body datasetText
	}
	editDatasetInput struct {
		Key  string `path:"key" maxLength:"256" doc:"Of the dataset"`
		Body struct {
			Connection string `json:"connection,omitempty" maxLength:"256" doc:"Key of the one that serves it; as it is, where it is left out"`
			Text       string `json:"text" minLength:"1" doc:"Its description in YAML"`
		}
	}
	checkDatasetInput struct {
		Body struct {
			Connection string `json:"connection" minLength:"1" maxLength:"256" doc:"Key of the one that is to serve it"`
			Text       string `json:"text" minLength:"1" doc:"Its description in YAML"`
			Key        string `json:"key,omitempty" maxLength:"256" doc:"Of the dataset that it is to replace"`
		}
	}
)

const exampleDataset = `{"connection":"warehouse","text":"dataset:\n- fides_key: warehouse\n  collections:\n  - name: customers\n    fields:\n    - {name: id, fides_meta: {primary_key: true}}\n    - {name: email, data_categories: [user.contact.email], fides_meta: {identity: email}}\n"}`

// DatasetSaved is a dataset as it was kept.
type DatasetSaved struct {
	DatasetSummary
	Problems []ConfigurationProblem `json:"problems" nullable:"false" doc:"Those that lie in it: warnings"`
}

type datasetSavedOutput struct {
	Status   int
	Location string `header:"Location"`
	Body     DatasetSaved
}

func createDataset(a *API, ctx context.Context, caller auth.Caller, in *createDatasetInput) (*datasetSavedOutput, error) {
	key, err := a.config.MadeDatasets.Create(ctx, caller, DatasetText{Connection: in.Body.Connection, Text: in.Body.Text})
	if err != nil {
		return nil, err
	}
	out, err := savedDataset(a, ctx, caller, key)
	if err == nil {
		out.Status, out.Location = http.StatusCreated, "/api/v1/datasets/"+key
	}
	return out, err
}

func editDataset(a *API, ctx context.Context, caller auth.Caller, in *editDatasetInput) (*datasetSavedOutput, error) {
	if err := a.config.MadeDatasets.Edit(ctx, caller, DatasetText{in.Key, in.Body.Connection, in.Body.Text}); err != nil {
		return nil, err
	}
	return savedDataset(a, ctx, caller, in.Key)
}

func savedDataset(a *API, ctx context.Context, caller auth.Caller, key string) (*datasetSavedOutput, error) {
	shown, err := showDataset(a, ctx, caller, &datasetInput{key})
	if err != nil {
		return nil, err
	}
	return &datasetSavedOutput{Status: http.StatusOK, Body: DatasetSaved{shown.Body.DatasetSummary, shown.Body.Problems}}, nil
}

func removeDataset(a *API, ctx context.Context, caller auth.Caller, in *datasetInput) (*goneOutput, error) {
	return &goneOutput{http.StatusNoContent}, a.config.MadeDatasets.Remove(ctx, caller, in.Key)
}

// checkDataset shows a text as a dataset, with its problems, and with those that it
// would make elsewhere.
func checkDataset(a *API, ctx context.Context, caller auth.Caller, in *checkDatasetInput) (*datasetOutput, error) {
	d, problems, err := a.config.MadeDatasets.Check(ctx, caller.Tenant, DatasetText{in.Body.Key, in.Body.Connection, in.Body.Text})
	if err != nil {
		return nil, err
	}
	return &datasetOutput{DatasetView{d.summary(problems), shownCollections(d.Collections), d.Text, shownProblems(problems)}}, nil
}

type proposeDatasetInput struct {
	Key  string `path:"key" maxLength:"256" pattern:"^[A-Za-z0-9][A-Za-z0-9_.-]*$" doc:"Of the connection"`
	Body struct {
		Samples int `json:"samples" minimum:"0" maximum:"1000" doc:"How many rows of each table are looked at. Their values are not kept, and not shown."`
	}
}

type proposeDatasetOutput struct {
	Body DatasetProposals
}

// DatasetProposals is what was found out about a database, for a person to review.
type DatasetProposals struct {
	Items     []DatasetProposal      `json:"items" nullable:"false" doc:"One for each schema that has something which is not described yet"`
	Drift     []ConfigurationProblem `json:"drift" nullable:"false" doc:"Where the database is not as it is described"`
	Unsampled []string               `json:"unsampled" nullable:"false" doc:"Tables that may not be looked into, or that there was no time for: names and types speak for them"`
}

// DatasetProposal is a dataset as it could be described.
type DatasetProposal struct {
	Key         string               `json:"key" doc:"Of the dataset"`
	Schema      string               `json:"schema,omitempty"`
	Described   bool                 `json:"described" doc:"There is such a dataset, and text is what it lacks"`
	Identities  int                  `json:"identities" doc:"How many fields hold an identity"`
	Labelled    int                  `json:"labelled" doc:"How many fields have a category"`
	Mentioned   int                  `json:"mentioned" doc:"How many more perhaps have one"`
	Undecided   int                  `json:"undecided" doc:"How many nothing is known of"`
	References  int                  `json:"references"`
	Collections []ProposedCollection `json:"collections" nullable:"false"`
	Text        string               `json:"text" doc:"The description in YAML, with its reasons in comments"`
}

// ProposedCollection is a table as it could be described.
type ProposedCollection struct {
	Name      string          `json:"name"`
	Skipped   string          `json:"skipped,omitempty" doc:"Why nothing is to be looked for in it"`
	Unreached bool            `json:"unreached,omitempty" doc:"No identity leads to its rows"`
	Notes     []string        `json:"notes,omitempty"`
	Fields    []ProposedField `json:"fields" nullable:"false" doc:"In their order, parts of documents behind what they are in"`
}

// ProposedField is a column as it could be described.
type ProposedField struct {
	Path       string              `json:"path"`
	Type       string              `json:"type,omitempty" doc:"In the words of the database"`
	PrimaryKey bool                `json:"primary_key,omitempty"`
	Identity   string              `json:"identity,omitempty"`
	Category   taxonomy.Category   `json:"data_category,omitempty"`
	Written    bool                `json:"written,omitempty" doc:"The category is in the text, and not only mentioned there"`
	Confidence discover.Confidence `json:"confidence,omitempty" enum:"high,medium,low"`
	Reasons    []string            `json:"reasons,omitempty" doc:"What speaks for the category"`
	References []ProposedReference `json:"references,omitempty"`
	Notes      []string            `json:"notes,omitempty"`
}

// ProposedReference ties a field to another.
type ProposedReference struct {
	To         string              `json:"to" doc:"Like shop:customers.id"`
	Confidence discover.Confidence `json:"confidence" enum:"high,medium,low"`
	Reason     string              `json:"reason"`
	Withheld   string              `json:"withheld,omitempty" doc:"Why it is only mentioned"`
}

func proposeDataset(a *API, ctx context.Context, caller auth.Caller, in *proposeDatasetInput) (*proposeDatasetOutput, error) {
	found, err := a.config.MadeDatasets.Propose(ctx, caller, in.Key, in.Body.Samples)
	var system *connector.Error
	switch {
	case errors.As(err, &system):
		return nil, &Problem{Status: http.StatusConflict, Detail: "The database cannot be looked at.", Errors: []Violation{{"connection", system.Error()}}}
	case err != nil:
		return nil, err
	}
	out := DatasetProposals{Items: []DatasetProposal{}, Drift: shownProblems(found.Drift), Unsampled: append([]string{}, found.Unsampled...)}
	for _, p := range found.Drafts {
		out.Items = append(out.Items, shownProposal(p))
	}
	return &proposeDatasetOutput{out}, nil
}

func shownProposal(p Proposal) DatasetProposal {
	n := p.Count()
	shown := DatasetProposal{
		Key: p.Key, Schema: p.Schema, Described: p.Described, Text: p.Text, Collections: []ProposedCollection{},
		Identities: n.Identities, Labelled: n.Labelled, Mentioned: n.Mentioned, Undecided: n.Undecided, References: n.References,
	}
	for i := range p.Tables {
		t := &p.Tables[i]
		c := ProposedCollection{Name: t.Name, Skipped: t.Skipped, Unreached: t.Unreached, Notes: t.Notes, Fields: []ProposedField{}}
		t.Walk(func(f *discover.Field, path string) {
			field := ProposedField{Path: path, Type: f.Native, PrimaryKey: f.PrimaryKey, Identity: string(f.Identity), Notes: f.Notes}
			if l := f.Label; l != nil {
				field.Category, field.Written, field.Confidence, field.Reasons = l.Category, l.Written, l.Confidence, l.Reasons
			}
			for _, r := range f.References {
				field.References = append(field.References, ProposedReference{r.To, r.Confidence, r.Reason, r.Withheld})
			}
			c.Fields = append(c.Fields, field)
		})
		shown.Collections = append(shown.Collections, c)
	}
	return shown
}
