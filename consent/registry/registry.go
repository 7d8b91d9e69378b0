// Package registry knows the services of others that sites embed: who is behind
// them, where their scripts come from, what they store on a visitor's device and
// for how long. It is data, in services.yaml, with the public pages to compare it
// with.
//
//	Service    one of them            -> All, Find, Search
//	Recognise  addresses of a page    -> the services behind them
//	Sync       a site's draft         -> its vendors as the registry has them, and a Report
//
// What a provider does changes, and depends on how a site has set it up. So the
// registry proposes: it edits a draft, and leaves what operators have set.
package registry

import (
	_ "embed"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"

	"github.com/goccy/go-yaml"
	"golang.org/x/text/language"

	"volenti.dev/volenti/consent"
	"volenti.dev/volenti/consent/signal"
	"volenti.dev/volenti/consent/site"
)

// Service is something of somebody else's that sites embed.
type Service struct {
	Key      string `json:"key" yaml:"key"` // stable, for good; consent.ValidKey
	Name     string `json:"name" yaml:"name"`
	Provider string `json:"provider" yaml:"provider"` // the company that runs it
	Country  string `json:"country" yaml:"country"`   // of the provider, ISO 3166-1 alpha-2
	// Category is the most careful reading of what the service does as it comes.
	Category Category `json:"category" yaml:"category" enum:"necessary,functional,statistics,marketing"`
	// Sale says that the provider uses what it learns for others too, which Global
	// Privacy Control opts out of.
	Sale bool `json:"sale,omitempty" yaml:"sale"`
	// Google names the types of Google Consent Mode v2 that it asks for.
	Google   []string `json:"google,omitempty" yaml:"google"`
	Purposes []string `json:"purposes" yaml:"purposes" nullable:"false"`
	Privacy  string   `json:"privacy" yaml:"privacy"` // URL of the provider's privacy policy
	// RetentionDays is how long a visitor can be recognised, at the longest;
	// Retention says where that is from.
	RetentionDays int           `json:"retention_days" yaml:"retention_days"`
	Retention     Retention     `json:"retention" yaml:"retention" enum:"provider,cookies,category"`
	Cookies       []site.Cookie `json:"cookies,omitempty" yaml:"cookies"`
	Hosts         []string      `json:"hosts,omitempty" yaml:"hosts"`     // as site.Vendor has them
	Scripts       []string      `json:"scripts,omitempty" yaml:"scripts"` // as site.Vendor has them
	// Source is the public pages to compare the facts with.
	Source     []string   `json:"source" yaml:"source" nullable:"false"`
	Confidence Confidence `json:"confidence" yaml:"confidence" enum:"high,medium"`
}

// Confidence says how sure the facts are.
type Confidence string

// How sure the facts are; services.yaml says what they mean.
const (
	High   Confidence = "high"
	Medium Confidence = "medium"
)

// Category is what a service is for. A site may call it otherwise: see
// Options.Categories.
type Category string

// The categories.
const (
	Necessary  Category = "necessary"  // what the visitor asked for cannot be had without
	Functional Category = "functional" // it adds to the page: a film, a map, a chat
	Statistics Category = "statistics"
	Marketing  Category = "marketing"
)

var categories = []Category{Necessary, Functional, Statistics, Marketing}

// Retention says where the days of a service are from.
type Retention string

// Where they can be from.
const (
	OfProvider Retention = "provider" // it documents them
	OfCookies  Retention = "cookies"  // the lifetime of the longest of its cookies
	// OfCategory: the provider names none, and no cookie outlasts the session. A
	// yes to the category holds for as long, and a vendor is given no days.
	OfCategory Retention = "category"
)

//go:embed services.yaml
var text []byte

var load = sync.OnceValue(func() []Service {
	services, err := read(text)
	if err != nil {
		panic(err) // the file is part of the program, and a test reads it
	}
	return services
})

// All lists the services, by key.
func All() []Service { return slices.Clone(load()) }

// Find gives the service of a key.
func Find(key string) (Service, bool) {
	at, found := slices.BinarySearchFunc(load(), key, func(s Service, key string) int { return strings.Compare(s.Key, key) })
	if !found {
		return Service{}, false
	}
	return load()[at], true
}

// Search lists the services whose key, name, provider, category or hosts hold
// all words of a text, in whatever case; all services for no word.
func Search(text string) []Service {
	words := strings.Fields(strings.ToLower(text))
	return slices.DeleteFunc(All(), func(s Service) bool {
		about := strings.ToLower(strings.Join(append([]string{s.Key, s.Name, s.Provider, string(s.Category)}, s.Hosts...), "\n"))
		return slices.ContainsFunc(words, func(word string) bool { return !strings.Contains(about, word) })
	})
}

// read reads services and fills in the retention that is not written out. The
// error names all that is wrong.
func read(text []byte) ([]Service, error) {
	var services []Service
	if err := yaml.UnmarshalWithOptions(text, &services, yaml.Strict()); err != nil {
		return nil, fmt.Errorf("read the services: %w", err)
	}
	for i := range services {
		s := &services[i]
		switch {
		case s.Retention == "" && s.RetentionDays > 0:
			s.Retention = OfProvider
		case s.Retention == OfCookies && s.RetentionDays == 0:
			for _, c := range s.Cookies {
				s.RetentionDays = max(s.RetentionDays, c.Days)
			}
		case s.Retention == OfCategory && s.RetentionDays == 0:
			s.RetentionDays = site.UsualDays(string(s.Category))
		}
	}
	return services, check(services)
}

// check tells all that is wrong with services.
func check(services []Service) error {
	var wrong []error
	hosts, scripts := map[string]string{}, map[string]string{}
	for i, s := range services {
		say := func(format string, args ...any) {
			wrong = append(wrong, fmt.Errorf("service %q: %s", s.Key, fmt.Sprintf(format, args...)))
		}
		if i > 0 && services[i-1].Key >= s.Key {
			say("it must come before %q, and only once", services[i-1].Key)
		}
		for _, problem := range s.problems() {
			say("%s", problem)
		}
		for _, at := range []struct {
			of    map[string]string
			names []string
		}{{hosts, s.Hosts}, {scripts, s.Scripts}} {
			for _, name := range at.names {
				if other := at.of[name]; other != "" {
					say("%q belongs to %q", name, other)
				}
				at.of[name] = s.Key
			}
		}
	}
	return errors.Join(wrong...)
}

// problems are what is wrong with a service by itself.
func (s Service) problems() (all []string) {
	say := func(wrong bool, format string, args ...any) {
		if wrong {
			all = append(all, fmt.Sprintf(format, args...))
		}
	}
	say(!consent.ValidKey(s.Key), "the key is none")
	say(s.Name == "" || s.Provider == "" || len(s.Purposes) == 0, "name, provider and purposes must be there")
	say(!country(s.Country), "%q is no country", s.Country)
	say(!slices.Contains(categories, s.Category), "there is no category %q", s.Category)
	say(s.Retention == "" || s.RetentionDays <= 0, "it has no retention: give retention_days, or retention: cookies or category")
	say(s.Retention == OfCookies && s.RetentionDays < minDays, "its cookies live for %d days, which says nothing about what the provider keeps: say category", s.RetentionDays)
	say(!address(s.Privacy), "the privacy policy %q is no https address", s.Privacy)
	say(len(s.Source) == 0 || !every(s.Source, address), "the sources must be https addresses")
	say(s.Confidence != High && s.Confidence != Medium, "it does not say how sure it is: confidence is high or medium")
	say(len(s.Hosts)+len(s.Scripts)+len(s.Cookies) == 0, "it can be told by nothing: give hosts, scripts or cookies")
	say(!every(s.Hosts, host), "the hosts must be names of hosts, in lower case, or *.name")
	say(!every(s.Scripts, script), "the scripts must be parts of addresses, in lower case")
	say(!every(s.Google, func(t string) bool { return slices.Contains(signal.GoogleTypes(), t) }), "consent mode has no such types: %v", s.Google)
	for i, c := range s.Cookies {
		say(!cookie(c.Name), "%q is no name of a cookie", c.Name)
		say(slices.ContainsFunc(s.Cookies[:i], func(o site.Cookie) bool { return o.Name == c.Name }), "the cookie %q is there twice", c.Name)
		say(c.Days < 0 || c.Days > maxDays || c.Purpose == "", "the cookie %q must have a purpose and live for up to %d days", c.Name, maxDays)
	}
	return all
}

const (
	// maxDays is the longest life of a cookie that is believed: 20 years.
	maxDays = 7305
	// minDays is the shortest retention that is taken from cookies. A yes holds no
	// longer than it, and visitors would be asked all the time.
	minDays = 30
)

func every(all []string, holds func(string) bool) bool {
	return !slices.ContainsFunc(all, func(s string) bool { return !holds(s) })
}

func country(code string) bool {
	r, err := language.ParseRegion(code)
	return err == nil && r.IsCountry() && r.Canonicalize().String() == code
}

func address(s string) bool {
	u, err := url.Parse(s)
	return err == nil && u.Scheme == "https" && host(u.Host) && u.User == nil
}

// host is a name of at least two labels, or *. and such a name.
func host(s string) bool {
	labels := strings.Split(strings.TrimPrefix(s, "*."), ".")
	return len(labels) > 1 && every(labels, func(l string) bool {
		return l != "" && strings.Trim(l, "abcdefghijklmnopqrstuvwxyz0123456789-") == "" && l[0] != '-' && l[len(l)-1] != '-'
	})
}

// script is a part of an address that is long enough to mean something.
func script(s string) bool {
	return len(s) > 5 && strings.ToLower(s) == s && !strings.ContainsAny(s, " *\"'<>\\")
}

// cookie is the name of a cookie or a key of local storage; it may end in *. What
// is so short may be the site's own, which must not go with the vendor.
func cookie(s string) bool {
	return len(strings.Trim(s, "*_-.")) > 1 && len(strings.TrimSuffix(s, "*")) > 2 && !strings.ContainsAny(strings.TrimSuffix(s, "*"), " *;,=\"\\<>[]{}")
}
