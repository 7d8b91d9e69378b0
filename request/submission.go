package request

import (
	"errors"
	"regexp"
	"strings"

	"golang.org/x/text/language"
)

// What stands in the way of a request, or of a decision about it.
var (
	// ErrNoConfiguration: nothing says yet what the company holds.
	ErrNoConfiguration = errors.New("no configuration was applied")
	// ErrConfiguration: what was applied cannot be used here.
	ErrConfiguration = errors.New("the configuration that was applied cannot be used")
	// ErrOtherPlan: the request has another plan than the one that was meant.
	ErrOtherPlan = errors.New("the request has another plan")
	// ErrFourEyes: an erasure is to be approved by another person.
	ErrFourEyes = errors.New("an erasure must be approved by an operator who did not submit it")
	// ErrClosed: people cannot ask for anything now.
	ErrClosed = errors.New("no requests are taken now")
	// ErrNoAddress: there is none that an answer may be sent to.
	ErrNoAddress = errors.New("there is no address that it may be sent to")
	// ErrNotInPlan: the plan of the request has no such collection.
	ErrNotInPlan = errors.New("the plan of the request has no such collection")
)

// Invalid says what is wrong with what was submitted. It repeats no identity.
type Invalid struct {
	Where string // of the submission: "policy", "identities", ...
	What  string
}

func (i *Invalid) Error() string { return i.Where + ": " + i.What }

// Unknown is an Invalid that tells what there is.
func Unknown(where, what string, known []string) *Invalid {
	return &Invalid{where, what + "; there are: " + strings.Join(known, ", ")}
}

// Refused is all that is wrong with what was submitted.
type Refused struct{ All []*Invalid }

func (r *Refused) Error() string {
	var all []string
	for _, i := range r.All {
		all = append(all, i.Error())
	}
	return strings.Join(all, "; ")
}

var places = regexp.MustCompile(`^[A-Z]{2}(-[A-Z0-9]{1,3})?$`)

// ParsePlace reads where a person is; "" is not known.
func ParsePlace(text string) (string, error) {
	place := strings.ToUpper(strings.TrimSpace(text))
	if place == "" {
		return "", nil
	}
	country, _, _ := strings.Cut(place, "-")
	region, err := language.ParseRegion(country)
	if err != nil || !region.IsCountry() || !places.MatchString(place) {
		return "", errors.New("it is no place as ISO 3166 writes them, like DE or US-CA")
	}
	return region.Canonicalize().String() + place[len(country):], nil
}

// ParseLanguage reads the language of letters to a person; "" is the default.
func ParseLanguage(text string) (string, error) {
	if text == "" {
		return "", nil
	}
	tag, err := language.Parse(text)
	if err != nil {
		return "", errors.New("it is no language as BCP 47 writes them, like en or de-AT")
	}
	return tag.String(), nil
}
