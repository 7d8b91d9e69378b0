package registry

import (
	"slices"
	"testing"
	"time"

	"volenti.dev/volenti/consent/site"
)

// shop is the draft that a site begins with, after a sync.
func shop(t *testing.T, services []Service, use ...string) site.Draft {
	t.Helper()
	d := site.Start()
	d.Origins = []string{"https://shop.example"}
	d, _ = mustSync(t, d, services, Options{Use: use})
	return d
}

func TestAllServicesCanBePublished(t *testing.T) { // B31, B32
	var keys []string
	for _, s := range All() {
		keys = append(keys, s.Key)
	}
	d := shop(t, All(), keys...)
	for _, p := range d.Problems(nil) {
		t.Errorf("%s: %s", p.Field, p.Text)
	}
	if len(d.Vendors) != len(All()) {
		t.Errorf("%d vendors of %d services", len(d.Vendors), len(All()))
	}
}

func TestSyncThatWidensAsksVisitorsAgain(t *testing.T) { // B31
	published, err := site.Publish(shop(t, services(nil), "counter"), nil, site.Publication{At: time.Unix(1, 0)})
	if err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct {
		newer    []Service
		use      []string
		material bool
	}{
		"nothing new":       {services(nil), nil, false},
		"another service":   {services(nil), []string{"chat"}, true},
		"another purpose":   {services(func(s *Service) { s.Purposes = append(s.Purposes, "Sells what it counts") }), nil, true},
		"kept for longer":   {services(func(s *Service) { s.RetentionDays = 61 }), nil, true},
		"another company":   {services(func(s *Service) { s.Provider = "Buyer Inc." }), nil, true},
		"another category":  {services(func(s *Service) { s.Category = Marketing }), nil, true},
		"kept for less":     {services(func(s *Service) { s.RetentionDays = 30 }), nil, false},
		"another privacy":   {services(func(s *Service) { s.Privacy = "https://counter.example/new" }), nil, false},
		"a service is gone": {nil, nil, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			d, report := mustSync(t, shop(t, services(nil), "counter"), test.newer, Options{Use: test.use})
			change := d.Change(&published)
			if change.Material != test.material || report.Changes() != (len(change.Differences) > 0) {
				t.Errorf("%+v after %+v", change, report)
			}
			p := site.Publication{At: time.Unix(2, 0), Material: test.material}
			if test.material {
				p.Summary = map[string]string{"en": "There is something new."}
			}
			next, err := site.Publish(d, &published, p)
			if err != nil {
				t.Fatal(err)
			}
			if asked := next.Material == 2; asked != test.material {
				t.Errorf("version %d asks since %d", next.Number, next.Material)
			}
			at := slices.IndexFunc(next.Vendors, func(n site.Named) bool { return n.Key == "counter" })
			if gone := at < 0; gone != (test.newer == nil) {
				t.Errorf("vendors: %+v", next.Vendors)
			}
		})
	}
}
