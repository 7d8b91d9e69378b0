package registry

import (
	"fmt"
	"maps"
	"reflect"
	"slices"

	"volenti.dev/volenti/consent/site"
)

// Options say what a draft shall have of the registry.
type Options struct {
	// Use names the services that the site uses, by key, beside those that are in
	// its draft already.
	Use []string
	// Categories says which of the site's categories a category of the registry
	// is; without it, the one of the same key, and for a vendor that is there
	// already the one that it is in.
	Categories map[Category]string
}

// Report says what became of a draft.
type Report struct {
	Added   []string `json:"added" nullable:"false"`   // vendors by key, as in all lists here
	Changed []Fields `json:"changed" nullable:"false"` // the fields that are new
	// Removed are vendors whose service the registry does not know any more. They
	// are inactive now.
	Removed []string `json:"removed" nullable:"false"`
	// Kept are the fields that the operator has set and the registry has otherwise.
	Kept []Fields `json:"kept" nullable:"false"`
	// Inactive are vendors that were switched off and stay so.
	Inactive []string `json:"inactive" nullable:"false"`
	// Lacks says what the services ask of the site's categories, which nobody but
	// the operator sets.
	Lacks []Lack `json:"lacks" nullable:"false"`
}

// Changes says whether the draft is another one than before.
func (r Report) Changes() bool { return len(r.Added)+len(r.Changed)+len(r.Removed) > 0 }

// Fields are some of a vendor.
type Fields struct {
	Vendor string   `json:"vendor"`
	Fields []string `json:"fields" nullable:"false"`
}

// Lack is what a category does not say and its vendors need.
type Lack struct {
	Category string `json:"category"`
	// Sale: a vendor sells or shares data, and Global Privacy Control would not
	// refuse it.
	Sale bool `json:"sale,omitempty"`
	// Google are types of consent mode that a vendor asks for.
	Google []string `json:"google,omitempty"`
}

// Invalid tells what of the options cannot be done.
type Invalid struct {
	Field string // of the options: like services[2], or categories.marketing
	Text  string
}

// Error implements error.
func (e *Invalid) Error() string { return e.Field + ": " + e.Text }

// Sync brings the vendors of a draft to what services say. A vendor of the
// site's own is left alone, and so are the fields in Kept; what is switched off
// stays off. The same again changes nothing. The error is *Invalid, and the
// draft as it was.
func Sync(draft site.Draft, services []Service, o Options) (site.Draft, Report, error) {
	s := syncer{draft: draft, services: map[string]Service{}, options: o, report: Report{
		Added: []string{}, Changed: []Fields{}, Removed: []string{}, Kept: []Fields{}, Inactive: []string{}, Lacks: []Lack{},
	}}
	s.draft.Vendors = slices.Clone(draft.Vendors)
	for _, service := range services {
		s.services[service.Key] = service
	}
	if err := s.mapped(); err != nil {
		return draft, Report{}, err
	}
	for i := range s.draft.Vendors {
		s.refresh(&s.draft.Vendors[i])
	}
	for i, key := range o.Use {
		if err := s.add(i, key); err != nil {
			return draft, Report{}, err
		}
	}
	s.lacks()
	return s.draft, s.report, nil
}

// syncer is one run of Sync.
type syncer struct {
	draft    site.Draft
	services map[string]Service
	options  Options
	report   Report
}

// mapped checks that the categories are there.
func (s *syncer) mapped() error {
	for _, from := range slices.Sorted(maps.Keys(s.options.Categories)) {
		switch {
		case !slices.Contains(categories, from):
			return &Invalid{"categories", "the registry has only necessary, functional, statistics and marketing"}
		case !s.has(s.options.Categories[from]):
			return &Invalid{"categories." + string(from), "the site has no such category: add it to the draft first"}
		}
	}
	return nil
}

func (s *syncer) has(category string) bool {
	return slices.ContainsFunc(s.draft.Categories, func(c site.Category) bool { return c.Key == category })
}

// category gives the site's category of a service, or otherwise.
func (s *syncer) category(of Service, otherwise string) string {
	if to := s.options.Categories[of.Category]; to != "" {
		return to
	}
	if s.has(string(of.Category)) {
		return string(of.Category)
	}
	return otherwise
}

// refresh brings a vendor that is there already up to date.
func (s *syncer) refresh(v *site.Vendor) {
	if v.Service == "" {
		return
	}
	service, known := s.services[v.Service]
	switch {
	case v.Inactive:
		s.report.Inactive = append(s.report.Inactive, v.Key)
	case !known:
		v.Inactive = true
		s.report.Removed = append(s.report.Removed, v.Key)
	}
	if !known {
		return
	}
	changed, kept := Fields{Vendor: v.Key}, Fields{Vendor: v.Key}
	want := service.vendor(s.category(service, v.Category))
	for _, f := range fields {
		switch {
		case f.same(v, &want):
		case slices.Contains(v.Kept, f.name):
			kept.Fields = append(kept.Fields, f.name)
		default:
			f.take(v, &want)
			changed.Fields = append(changed.Fields, f.name)
		}
	}
	if len(changed.Fields) > 0 {
		s.report.Changed = append(s.report.Changed, changed)
	}
	if len(kept.Fields) > 0 {
		s.report.Kept = append(s.report.Kept, kept)
	}
}

// add adds the vendor of a service, unless it is there.
func (s *syncer) add(i int, key string) error {
	at := fmt.Sprintf("services[%d]", i)
	service, known := s.services[key]
	if !known {
		return &Invalid{at, "the registry has no such service"}
	}
	for _, v := range s.draft.Vendors {
		switch {
		case v.Service == key:
			return nil
		case v.Key == key:
			return &Invalid{at, "the site has a vendor of its own under this key: rename it, or say by its field service that it is this one"}
		}
	}
	category := s.category(service, "")
	if category == "" {
		return &Invalid{at, fmt.Sprintf("the service is for %s, and the site has no category of this key: add it to the draft, or say by categories which it is", service.Category)}
	}
	s.draft.Vendors = append(s.draft.Vendors, service.vendor(category))
	s.report.Added = append(s.report.Added, key)
	return nil
}

// lacks looks for what categories do not say of their active vendors.
func (s *syncer) lacks() {
	for _, c := range s.draft.Categories {
		lack := Lack{Category: c.Key}
		for _, v := range s.draft.Vendors {
			service, known := s.services[v.Service]
			if !known || v.Inactive || v.Category != c.Key {
				continue
			}
			lack.Sale = lack.Sale || service.Sale && !c.Sale
			for _, t := range service.Google {
				if !slices.Contains(c.Google, t) && !slices.Contains(lack.Google, t) {
					lack.Google = append(lack.Google, t)
				}
			}
		}
		if lack.Sale || len(lack.Google) > 0 {
			s.report.Lacks = append(s.report.Lacks, lack)
		}
	}
}

// vendor is the service as a site has it.
func (s Service) vendor(category string) site.Vendor {
	v := site.Vendor{
		Key: s.Key, Service: s.Key, Name: s.Name, Provider: s.Provider, Country: s.Country, Category: category,
		Purposes: slices.Clone(s.Purposes), Privacy: s.Privacy, RetentionDays: s.RetentionDays,
		Cookies: slices.Clone(s.Cookies), Hosts: slices.Clone(s.Hosts), Scripts: slices.Clone(s.Scripts),
	}
	if s.Retention == OfCategory {
		v.RetentionDays = 0
	}
	return v
}

// field is a field of a vendor that is the registry's unless it is in Kept.
type field struct {
	name string
	same func(a, b *site.Vendor) bool
	take func(to, from *site.Vendor)
}

var fields = []field{
	of("name", func(v *site.Vendor) *string { return &v.Name }),
	of("provider", func(v *site.Vendor) *string { return &v.Provider }),
	of("country", func(v *site.Vendor) *string { return &v.Country }),
	of("category", func(v *site.Vendor) *string { return &v.Category }),
	of("purposes", func(v *site.Vendor) *[]string { return &v.Purposes }),
	of("privacy", func(v *site.Vendor) *string { return &v.Privacy }),
	of("retention_days", func(v *site.Vendor) *int { return &v.RetentionDays }),
	of("cookies", func(v *site.Vendor) *[]site.Cookie { return &v.Cookies }),
	of("hosts", func(v *site.Vendor) *[]string { return &v.Hosts }),
	of("scripts", func(v *site.Vendor) *[]string { return &v.Scripts }),
}

func of[T any](name string, at func(*site.Vendor) *T) field {
	return field{
		name: name,
		same: func(a, b *site.Vendor) bool {
			return alike(reflect.ValueOf(at(a)).Elem(), reflect.ValueOf(at(b)).Elem())
		},
		take: func(to, from *site.Vendor) { *at(to) = *at(from) },
	}
}

// alike compares two values; a list that is nil is an empty one.
func alike(a, b reflect.Value) bool {
	if a.Kind() == reflect.Slice && a.Len() == 0 && b.Len() == 0 {
		return true
	}
	return reflect.DeepEqual(a.Interface(), b.Interface())
}
