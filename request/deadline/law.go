// Package deadline says by when a request must be answered. The periods of
// each law are data, in laws.yml; the arithmetic of days is here, and is pure.
//
//	Law    what a law gives: months, days or business days, and what prolongs them
//	Clock  one request under a law: received, stopped, extended -> Due
//
// Where a law leaves room, the earlier day is taken.
package deadline

import (
	_ "embed"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/goccy/go-yaml"
)

// Law is what one law says of the time for an answer.
type Law struct {
	Key  string
	Name string
	// Where it applies: ISO 3166 codes, of countries or, as US-CA, of states.
	Where []string
	// Answer runs from receipt, whose day does not count.
	Answer Period
	// Acknowledge is the time to confirm the receipt; zero where none is set.
	Acknowledge Period
	// Extension is what the answer may be put off by once, with a reason and a
	// notice to the person before Answer has run out; zero where it may not.
	Extension Period
	// Pauses are the grounds on which the clock may be stopped.
	Pauses []Ground
	// NextWorkingDay: when the last day is no working day, the next one is.
	NextWorkingDay bool `yaml:"next_working_day"`
	Source         string
	Confidence     Confidence
}

// Period is a length of time: just one of its fields is set, or none.
type Period struct {
	Months       int
	Days         int
	BusinessDays int `yaml:"business_days"`
}

// String writes a period as one says it: "1 month", "10 business days".
func (p Period) String() string {
	n, what := p.Days, "day"
	switch {
	case p.Months != 0:
		n, what = p.Months, "month"
	case p.BusinessDays != 0:
		n, what = p.BusinessDays, "business day"
	}
	if n != 1 {
		what += "s"
	}
	return fmt.Sprintf("%d %s", n, what)
}

// Ground is why a clock stands still.
type Ground string

// The grounds that laws know.
const (
	Identity      Ground = "identity"      // who asks could not be told, and was asked for proof
	Clarification Ground = "clarification" // it was asked what the request is about
)

// Confidence says how sure a period is.
type Confidence string

// How sure a period is; laws.yml says what they mean.
const (
	High   Confidence = "high"
	Medium Confidence = "medium"
)

//go:embed laws.yml
var text []byte

var load = sync.OnceValue(func() []Law {
	var laws []Law
	if err := yaml.UnmarshalWithOptions(text, &laws, yaml.Strict()); err != nil {
		panic(err) // the file is part of the program
	}
	return laws
})

// Laws lists all laws that are built in.
func Laws() []Law { return slices.Clone(load()) }

// ByKey finds a law; the error names those that there are.
func ByKey(key string) (Law, error) {
	at := slices.IndexFunc(load(), func(l Law) bool { return l.Key == key })
	if at < 0 {
		var keys []string
		for _, l := range load() {
			keys = append(keys, l.Key)
		}
		return Law{}, fmt.Errorf("there is no law %q: use one of %s", key, strings.Join(keys, ", "))
	}
	return load()[at], nil
}

// For finds the law of a place: that of the state, else that of its country.
// It is false where none is known.
func For(place string) (Law, bool) {
	place = strings.ToUpper(strings.TrimSpace(place))
	country, _, _ := strings.Cut(place, "-")
	for _, code := range []string{place, country} {
		if at := slices.IndexFunc(load(), func(l Law) bool { return slices.Contains(l.Where, code) }); at >= 0 {
			return load()[at], true
		}
	}
	return Law{}, false
}
