package dataset

import (
	"regexp"
	"strings"
	"unicode"

	"volenti.dev/volenti/config/source"
	"volenti.dev/volenti/datamap/taxonomy"
	"volenti.dev/volenti/request/masking"
)

// Decode reads one entry of the list `dataset`. It gives what could be read,
// and whether that was everything. What needs other datasets is checked by
// Set.
func Decode(n *source.Node, r *source.Report, words *taxonomy.Set) (Dataset, bool) {
	before := r.Errors()
	d := decoder{r, words}
	return d.dataset(n), r.Errors() == before
}

type decoder struct {
	report *source.Report
	words  *taxonomy.Set
}

// What the fideslang format has at each level and nothing here reads.
var (
	unusedEverywhere = []string{"meta", "title", "tags", "data_qualifier", "data_uses", "data_purposes", "data_subjects", "retention", "version"}
	unusedOnDatasets = []string{
		"organization_fides_key", "third_country_transfers", "joint_controller", "contact", "fidesctl_meta",
		"is_default", "active", "id", "created_at", "updated_at",
	}
	unusedInNamespaces = []string{"project_id", "dataset_id"}
)

// datasetKey is the form of a fides_key.
var datasetKey = regexp.MustCompile(`^[A-Za-z0-9_.<>-]+$`)

func (d decoder) dataset(n *source.Node) Dataset {
	m := n.Mapping("a dataset", d.report)
	m.Need("fides_key", "collections")
	m.Ignore(unusedEverywhere...)
	m.Ignore(unusedOnDatasets...)
	out := Dataset{Key: m.String("fides_key"), Name: m.String("name"), Description: m.String("description"), At: n.At}
	switch {
	case out.Key == "":
	case !datasetKey.MatchString(out.Key):
		d.report.Errorf(m.Where("fides_key"), "use letters, digits and _ . < > -", "%q cannot be the key of a dataset", out.Key)
	case source.Refused(out.Key):
		d.report.Errorf(m.Where("fides_key"), "use another name", "%s is not allowed as a key", out.Key)
	}
	if categories := d.categories(m); len(categories) > 0 {
		d.report.Warnf(m.Where("data_categories"), "write them on the collections or fields that hold such data",
			"categories of a whole dataset are not used by policies")
	}
	d.datasetMeta(m, &out)
	seen := names{what: "collection", report: d.report}
	for _, c := range m.List("collections") {
		collection := d.collection(c, out.Key)
		if seen.first(collection.Address.Collection, collection.At) {
			out.Collections = append(out.Collections, collection)
		}
	}
	m.Done()
	return out
}

func (d decoder) datasetMeta(m *source.Mapping, out *Dataset) {
	meta := d.meta(m)
	meta.Ignore("resource_id")
	for _, t := range meta.Strings("after") {
		out.After = append(out.After, t.Value)
	}
	out.Redact = d.redact(meta)
	namespace := meta.Mapping("namespace")
	namespace.Ignore(unusedInNamespaces...)
	out.Namespace = Namespace{Schema: namespace.String("schema"), Database: namespace.String("database_name")}
	namespace.Done()
	meta.Done()
}

func (d decoder) collection(n *source.Node, dataset string) Collection {
	m := n.Mapping("a collection", d.report)
	m.Need("name", "fields")
	m.Ignore(unusedEverywhere...)
	m.Ignore("description")
	c := Collection{
		Address:    Address{dataset, d.name(m, "collection", ".:")},
		Categories: d.categories(m),
		At:         n.At,
	}
	meta := d.meta(m)
	c.After = d.addresses(meta, "after")
	c.EraseAfter = d.addresses(meta, "erase_after")
	c.Skip = meta.Bool("skip_processing")
	c.Redact = d.redact(meta)
	c.Masking = masking.Decode(meta, "masking_strategy_override", d.report)
	c.Partitions = d.partitions(meta)
	meta.Done()
	c.Fields = d.fields(m, &Field{})
	m.Done()
	return c
}

// name reads a name without the letters that divide addresses and paths.
func (d decoder) name(m *source.Mapping, what, dividers string) string {
	name := m.String("name")
	switch {
	case strings.ContainsAny(name, dividers):
		d.report.Errorf(m.Where("name"), "nested fields are listed under fields; other systems need a view with a plain name",
			"the name of a %s cannot contain any of %q: it has a place in addresses", what, dividers)
	case strings.ContainsFunc(name, unicode.IsControl):
		d.report.Errorf(m.Where("name"), "write it as one plain word", "the name of a %s contains a control character", what)
	case name == "" && m.Node("name") != nil && m.Node("name").Kind == source.String:
		d.report.Errorf(m.Where("name"), "give it a name", "the name of a %s is empty", what)
	}
	return name
}

// meta finds fides_meta under its present or its former name.
func (d decoder) meta(m *source.Mapping) *source.Mapping {
	if m.Node("fides_meta") == nil {
		return m.Mapping("fidesops_meta")
	}
	if m.Node("fidesops_meta") != nil {
		d.report.Errorf(m.Where("fidesops_meta"), "keep fides_meta", "fides_meta and fidesops_meta are the same and both given")
	}
	return m.Mapping("fides_meta")
}

func (d decoder) redact(meta *source.Mapping) bool {
	what := meta.String("redact")
	if what != "" && what != "name" {
		d.report.Errorf(meta.Where("redact"), "write redact: name", "redact cannot be %q", what)
	}
	return what == "name"
}

func (d decoder) categories(m *source.Mapping) []taxonomy.Category {
	var categories []taxonomy.Category
	for _, t := range m.Strings("data_categories") {
		if d.words.Categories.Check(t, d.report) {
			categories = append(categories, taxonomy.Category(t.Value))
		}
	}
	return categories
}

// addresses reads dataset.collection; a dataset's key may contain dots.
func (d decoder) addresses(meta *source.Mapping, key string) []Address {
	var addresses []Address
	for _, t := range meta.Strings(key) {
		dot := strings.LastIndex(t.Value, ".")
		if dot < 1 || dot == len(t.Value)-1 {
			d.report.Errorf(t.At, "write dataset.collection", "%q in %s does not name a collection", t.Value, key)
			continue
		}
		addresses = append(addresses, Address{t.Value[:dot], t.Value[dot+1:]})
	}
	return addresses
}

func (d decoder) partitions(meta *source.Mapping) []Partition {
	m := meta.Mapping("partitioning")
	var partitions []Partition
	for _, t := range m.Strings("where_clauses") {
		p, err := parsePartition(t.Value)
		if err != nil {
			d.report.Errorf(t.At, "write comparisons such as: created >= '2024-01-01' AND region = 'eu'", "raw SQL is not run: %v", err)
			continue
		}
		partitions = append(partitions, p)
	}
	m.Done()
	return partitions
}

// names finds names that are given twice at one level.
type names struct {
	what   string
	report *source.Report
	seen   map[string]source.Position
}

// first says whether the name is there for the first time.
func (n *names) first(name string, at source.Position) bool {
	if before, again := n.seen[name]; again && name != "" {
		n.report.Errorf(at, "rename or remove one of them", "the %s %s is already described at %s", n.what, name, before)
		return false
	}
	if n.seen == nil {
		n.seen = map[string]source.Position{}
	}
	n.seen[name] = at
	return name != ""
}
