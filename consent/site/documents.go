package site

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/text/language"
)

// MaxDocuments bounds all documents of a version, in bytes.
const MaxDocuments = 32 << 20

// Rendered is a document as it is handed out.
type Rendered struct {
	Language string
	Region   string
	ETag     string // hex SHA-256 of Body
	Body     []byte // JSON
}

// Render writes the documents of v, of the site with that key: one for each
// language and region. The error is an *Invalid when they are too much.
func Render(v Version, key string) ([]Rendered, error) { return render(v, key, MaxDocuments) }

func render(v Version, key string, most int) ([]Rendered, error) {
	all := make([]Rendered, 0, len(v.Languages)*len(v.Regions))
	size := 0
	for d := range v.documents(key) {
		body, err := json.Marshal(d)
		if err != nil {
			return nil, fmt.Errorf("write a document: %w", err)
		}
		if size += len(body); size > most {
			return nil, &Invalid{[]Problem{{"languages", fmt.Sprintf("all languages and regions together are more than %d MiB: take fewer vendors, languages or regions", most>>20)}}}
		}
		all = append(all, Rendered{d.Language, d.Region, digest(body), body})
	}
	return all, nil
}

func (v Version) documents(key string) func(func(Document) bool) {
	return func(yield func(Document) bool) {
		sum := v.Digest()
		for _, l := range v.Languages {
			for _, r := range v.Regions {
				if !yield(v.document(key, sum, l, r)) {
					return
				}
			}
		}
	}
}

// Document is v as a visitor is shown it. A language or region that v does not
// have is taken for the one that is for everybody else.
func (v Version) Document(key, language, region string) Document {
	r := v.Regions[len(v.Regions)-1]
	if i := slices.IndexFunc(v.Regions, func(r Region) bool { return r.Key == region }); i >= 0 {
		r = v.Regions[i]
	}
	return v.document(key, v.Digest(), v.Speak(language), r)
}

func (v Version) document(key, digest, l string, r Region) Document {
	d := Document{
		Site: key, Version: v.Number, Digest: digest, Language: l, Languages: v.Languages, Direction: direction(l),
		Region: r.Key, Mode: r.Mode, Material: v.Material, Texts: v.Texts[l], Links: v.Links[l], Look: v.Look.Shown(),
		Categories: make([]DocumentCategory, 0, len(v.Categories)), Vendors: make([]DocumentVendor, 0, len(v.Vendors)),
		URL: fmt.Sprintf("/api/v1/public/sites/%s/versions/%d/%s/%s", key, v.Number, l, r.Key),
	}
	for _, k := range v.Categories {
		d.Categories = append(d.Categories, DocumentCategory{
			Key: k.Key, Title: k.Title[l], Description: k.Description[l], Necessary: k.Necessary, Sale: k.Sale,
			Google: k.Google, Since: k.Since, Days: k.Days, Cookies: k.Cookies,
		})
	}
	for _, n := range v.Vendors {
		d.Vendors = append(d.Vendors, DocumentVendor{
			Key: n.Key, Name: n.Name, Provider: n.Provider, Country: n.Country, Category: n.Category, Purposes: n.Purposes,
			Privacy: n.Privacy, Days: n.RetentionDays, Cookies: n.Cookies, Hosts: n.Hosts, Scripts: n.Scripts, Since: n.Since,
		})
	}
	for _, c := range v.Changes {
		d.Changes = append(d.Changes, DocumentChange{
			Version: c.Version, At: c.At, Summary: v.told(c, l), Categories: c.Categories, Vendors: c.Vendors,
		})
	}
	return d
}

// told is the summary of a change in a language, or else in the site's first
// one that has it.
func (v Version) told(c Changed, l string) string {
	summary := c.Summary[l]
	for _, other := range v.Languages {
		summary = cmp.Or(summary, c.Summary[other])
	}
	return summary
}

// Speak gives the language of v that is best for who asks for one, or for
// several as in Accept-Language; the first where none fits.
func (v Version) Speak(asked string) string {
	if slices.Contains(v.Languages, asked) || asked == "" {
		return cmp.Or(asked, v.Languages[0])
	}
	spoken := make([]language.Tag, len(v.Languages))
	for i, l := range v.Languages {
		spoken[i] = language.Make(l)
	}
	_, i := language.MatchStrings(language.NewMatcher(spoken), asked)
	return v.Languages[i]
}

// Region gives the region for a country, of ISO 3166-1 or a part of one like
// US-CA; "" is not known.
func (v Version) Region(country string) Region {
	whole, _, _ := strings.Cut(country, "-")
	for _, r := range v.Regions {
		if country != "" && (slices.Contains(r.Countries, country) || slices.Contains(r.Countries, whole)) {
			return r
		}
	}
	return v.Regions[len(v.Regions)-1]
}

// fromRight are scripts that are written from right to left (Unicode Standard
// Annex 24, and the property Bidi_Class).
var fromRight = []string{"Adlm", "Arab", "Hebr", "Mand", "Mend", "Nkoo", "Rohg", "Samr", "Syrc", "Thaa"}

// direction is ltr or rtl.
func direction(l string) string {
	if script, _ := language.Make(l).Script(); slices.Contains(fromRight, script.String()) {
		return "rtl"
	}
	return "ltr"
}
