package api

import (
	"context"

	"volenti.dev/volenti/auth"
	"volenti.dev/volenti/consent/registry"
)

type servicesInput struct {
	Q      string `query:"q" maxLength:"200" doc:"Words that are all in the key, name, provider, category or hosts"`
	Limit  int    `query:"limit" doc:"How many services at once" minimum:"1" maximum:"1000" default:"100"`
	Cursor string `query:"cursor" maxLength:"64" doc:"The next of the page before"`
}

type servicesOutput struct {
	Body ServicePage
}

// ServicePage is a page of services, by key.
type ServicePage struct {
	Items []registry.Service `json:"items" nullable:"false"`
	Next  string             `json:"next,omitempty" doc:"The cursor of the next page; absent on the last"`
}

func listServices(_ *API, _ context.Context, _ auth.Caller, in *servicesInput) (*servicesOutput, error) {
	page := ServicePage{Items: []registry.Service{}}
	for _, s := range registry.Search(in.Q) {
		switch {
		case s.Key <= in.Cursor: // the key of the last of the page before
		case len(page.Items) == in.Limit:
			page.Next = page.Items[in.Limit-1].Key
			return &servicesOutput{page}, nil
		default:
			page.Items = append(page.Items, s)
		}
	}
	return &servicesOutput{page}, nil
}

type recogniseInput struct {
	Body struct {
		Addresses []string `json:"addresses" minItems:"1" maxItems:"1000" doc:"Hosts, or addresses of scripts and frames, as a page loads them"`
	}
}

const exampleAddresses = `{"addresses":["https://www.googletagmanager.com/gtag/js?id=G-1","player.vimeo.com"]}`

func recogniseServices(_ *API, _ context.Context, _ auth.Caller, in *recogniseInput) (*servicesOutput, error) {
	page := ServicePage{Items: []registry.Service{}}
	for _, key := range registry.Recognise(in.Body.Addresses) {
		s, _ := registry.Find(key)
		page.Items = append(page.Items, s)
	}
	return &servicesOutput{page}, nil
}
