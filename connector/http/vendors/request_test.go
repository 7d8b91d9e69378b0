package vendors_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"volenti.dev/volenti/config/source"
	"volenti.dev/volenti/connector"
	vendor "volenti.dev/volenti/connector/http"
	"volenti.dev/volenti/connector/http/vendors"
	"volenti.dev/volenti/datamap/catalogue"
	"volenti.dev/volenti/datamap/dataset"
	"volenti.dev/volenti/datamap/taxonomy"
	"volenti.dev/volenti/internal/vendortest"
	"volenti.dev/volenti/request/masking"
	"volenti.dev/volenti/subject"
)

// described is a description that comes with Volenti.
type described struct {
	about *vendor.Description
	holds dataset.Dataset
}

func describe(t testing.TB, name string) described {
	t.Helper()
	file := name + ".yml"
	data, err := vendors.Files.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	report := &source.Report{}
	d := described{about: vendor.Parse(file, data, report)}
	for _, n := range source.Parse(file, data, report) {
		for _, entry := range n.Mapping("a file", &source.Report{}).List("dataset") {
			d.holds, _ = dataset.Decode(entry, report, taxonomy.Standard())
		}
	}
	for _, p := range report.Problems() {
		t.Errorf("%s", p)
	}
	if t.Failed() {
		t.FailNow()
	}
	return d
}

// request is what a request does with a description: it stands in for the
// plan, which joins endpoints by what they are asked by.
type request struct {
	testing.TB
	described
	*vendor.Connector
	tables map[string]*catalogue.Table
	rows   map[string][]connector.Row // by endpoint
}

func (d described) open(t testing.TB, secrets map[string]string, vs ...*vendortest.Vendor) *request {
	t.Helper()
	return d.openBy(t, secrets, vendor.Options{Client: vendortest.Client(vs...)})
}

func (d described) openBy(t testing.TB, secrets map[string]string, o vendor.Options) *request {
	t.Helper()
	c, err := d.about.Open(connector.Settings{Key: "account", Secrets: secrets}, o)
	if err != nil {
		t.Fatal(err)
	}
	r := &request{TB: t, described: d, Connector: c.About(connector.Facts{RequestID: "0199aa00-0000-7000-8000-000000000001"}).(*vendor.Connector),
		tables: map[string]*catalogue.Table{}, rows: map[string][]connector.Row{}}
	all, err := c.Describe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for i := range all.Tables {
		r.tables[all.Tables[i].Name.Table] = &all.Tables[i]
	}
	return r
}

// access reads all endpoints, each after those that it refers to.
func (r *request) access(ctx context.Context, person ...subject.Identity) error {
	for len(r.rows) < len(r.about.Endpoints) {
		before := len(r.rows)
		for _, e := range r.about.Endpoints {
			where, ready := r.where(e.Name, person)
			if r.rows[e.Name] != nil || !ready {
				continue
			}
			r.rows[e.Name] = []connector.Row{}
			_, err := r.Read(ctx, connector.Read{Table: r.tables[e.Name], Where: where}, func(row connector.Row) error {
				r.rows[e.Name] = append(r.rows[e.Name], row)
				return nil
			})
			if err != nil {
				return err
			}
		}
		if len(r.rows) == before {
			r.Fatal("endpoints refer to each other in a circle")
		}
	}
	return nil
}

// where gives the matches of an endpoint, and whether all that it refers to
// was read.
func (r *request) where(endpoint string, person []subject.Identity) (where []connector.Match, ready bool) {
	var group []vendor.Input
	for _, in := range r.Inputs(endpoint, "account") {
		m := connector.Match{Columns: []string{in.Name}}
		for _, id := range person {
			if string(id.Type) == in.Identity {
				m.Tuples = append(m.Tuples, connector.Tuple{id.Value.Reveal()})
			}
		}
		for _, ref := range in.References {
			collection, field, _ := strings.Cut(ref.Field, ".")
			rows, read := r.rows[collection]
			if !read {
				return nil, false
			}
			for _, row := range rows {
				m.Tuples = append(m.Tuples, connector.Tuple{row[field]})
			}
		}
		if in.Group {
			group = append(group, in)
			continue
		}
		where = append(where, m)
	}
	if len(group) > 0 {
		where = append(where, r.together(group))
	}
	return where, true
}

// together keeps what comes from one row in one tuple.
func (r *request) together(group []vendor.Input) (m connector.Match) {
	collection, _, _ := strings.Cut(group[0].References[0].Field, ".")
	for _, row := range r.rows[collection] {
		var tuple connector.Tuple
		for _, in := range group {
			_, field, _ := strings.Cut(in.References[0].Field, ".")
			tuple = append(tuple, row[field])
		}
		m.Tuples = append(m.Tuples, tuple)
	}
	for _, in := range group {
		m.Columns = append(m.Columns, in.Name)
	}
	return m
}

// erase masks or deletes all that was read, in the order of erase_after, and
// then asks the vendor again. What the vendor does later is done when finish
// is called.
func (r *request) erase(ctx context.Context, finish func()) {
	r.Helper()
	var batches []connector.Batch
	for _, e := range r.order() {
		b := r.batch(e)
		if len(b.Changes) == 0 || e.Update == nil && e.Delete == nil {
			continue
		}
		if len(b.Columns) == 0 {
			r.Errorf("no policy reaches %s: the dataset has no field in it that could be erased", e.Name)
		}
		outcomes, err := r.Mask(ctx, b)
		if waiting := (*connector.Waiting)(nil); errors.As(err, &waiting) {
			outcomes, err = r.wait(ctx, b, waiting, finish)
		}
		if err != nil {
			r.Fatalf("erase %s: %v", e.Name, err)
		}
		for i, o := range outcomes {
			if o.Status != connector.Changed {
				r.Errorf("%s row %d: %s %s, want changed", e.Name, i, o.Status, o.Reason)
			}
		}
		batches = append(batches, b)
	}
	finish()
	for _, b := range batches {
		outcomes, err := r.Verify(ctx, b)
		if err != nil {
			r.Fatalf("verify %s: %v", b.Table.Name.Table, err)
		}
		for i, o := range outcomes {
			if o.Status != connector.AlreadyDone {
				r.Errorf("%s row %d is %s when asked again, want already_done", b.Table.Name.Table, i, o.Status)
			}
		}
	}
}

// wait asks twice: before the vendor is done, and after.
func (r *request) wait(ctx context.Context, b connector.Batch, w *connector.Waiting, finish func()) ([]connector.Outcome, error) {
	<-time.After(time.Until(w.Again))
	if _, err := r.ResumeMask(ctx, b, w.State, nil); !errors.As(err, &w) {
		r.Errorf("%s was done before the vendor was: %v", b.Table.Name.Table, err)
	}
	finish()
	<-time.After(time.Until(w.Again))
	return r.ResumeMask(ctx, b, w.State, nil)
}

func (r *request) order() []*vendor.Endpoint {
	var ordered []*vendor.Endpoint
	done := func(name string) bool {
		return slices.ContainsFunc(ordered, func(e *vendor.Endpoint) bool { return e.Name == name })
	}
	for len(ordered) < len(r.about.Endpoints) {
		before := len(ordered)
		for i := range r.about.Endpoints {
			e := &r.about.Endpoints[i]
			if !done(e.Name) && !slices.ContainsFunc(e.EraseAfter, func(a string) bool { return !done(strings.TrimPrefix(a, vendor.Instance+".")) }) {
				ordered = append(ordered, e)
			}
		}
		if len(ordered) == before {
			r.Fatal("erase_after goes in a circle")
		}
	}
	return ordered
}

// batch is the masking of all rows of an endpoint: null, or the text of the
// dataset's own strategy, in each field of a person that may be written.
func (r *request) batch(e *vendor.Endpoint) connector.Batch {
	collection := r.collection(e.Name)
	b := connector.Batch{Table: r.tables[e.Name], KeyColumns: []string{vendor.InputsColumn}}
	var fields []dataset.Field
	for _, f := range collection.Fields {
		if f.PrimaryKey {
			b.KeyColumns = append(b.KeyColumns, f.Name)
		} else if masks(f) {
			b.Columns, fields = append(b.Columns, f.Name), append(fields, f)
		}
	}
	for _, row := range r.rows[e.Name] {
		change := connector.Change{Before: row, After: connector.Row{}}
		for _, column := range b.KeyColumns {
			change.Key = append(change.Key, row[column])
		}
		for _, f := range fields {
			change.After[f.Name] = masked(f, row[f.Name])
		}
		b.Changes = append(b.Changes, change)
	}
	return b
}

func (r *request) collection(name string) dataset.Collection {
	for _, c := range r.holds.Collections {
		if c.Address.Collection == name {
			return c
		}
	}
	r.Fatalf("the dataset has no collection %s", name)
	return dataset.Collection{}
}

// masks says whether anything in a field is to be masked.
func masks(f dataset.Field) bool {
	if f.ReadOnly {
		return false
	}
	return slices.ContainsFunc(f.Fields, masks) ||
		slices.ContainsFunc(f.Categories, func(c taxonomy.Category) bool { return strings.HasPrefix(string(c), "user") })
}

func masked(f dataset.Field, v any) any {
	if object, isObject := v.(map[string]any); isObject && len(f.Fields) > 0 {
		after := map[string]any{}
		for name, inner := range object {
			after[name] = inner
			for _, field := range f.Fields {
				if field.Name == name && masks(field) {
					after[name] = masked(field, inner)
				}
			}
		}
		return after
	}
	if f.Masking != nil && f.Masking.Strategy != masking.NullRewrite && v != nil {
		return "erased"
	}
	return nil
}

// prefer tells one choice, and gives what became of it.
func (r *request) prefer(ctx context.Context, granted bool, items []string, person ...subject.Identity) []connector.Call {
	r.Helper()
	calls, err := r.Prefer(ctx, []connector.Preference{{
		Key: "vc_0123456789abcdef0123456789abcdef01234567", Subject: "s1", Identities: person, Purpose: "marketing_email",
		Items: items, Granted: granted, Since: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
	}})
	if err != nil {
		r.Fatal(err)
	}
	return calls[0]
}

func identity(t testing.TB, kind subject.Type, value string) subject.Identity {
	t.Helper()
	id, err := subject.New(kind, value)
	if err != nil {
		t.Fatal(err)
	}
	return id
}
