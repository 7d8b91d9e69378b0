package site

import "github.com/goccy/go-yaml"

// allLanguages is how YAML names the link of all languages without one of their
// own, which is "" in a draft: a key of YAML says something.
const allLanguages = "all"

// FormatDraft writes a draft as YAML that ParseDraft reads.
func FormatDraft(d Draft) ([]byte, error) {
	links := map[string]map[string]string{}
	for kind, languages := range d.Links {
		links[kind] = map[string]string{}
		for language, url := range languages {
			if language == "" {
				language = allLanguages
			}
			links[kind][language] = url
		}
	}
	d.Links = links
	return yaml.MarshalWithOptions(d, yaml.OmitEmpty(), yaml.IndentSequence(false))
}
