package http

import (
	"slices"
	"strings"

	"volenti.dev/volenti/connector"
)

// bounds gives where connections call and how often, without any of their secrets.
func (d *Description) bounds() (b connector.Bounds) {
	b.Hosts = d.hosts(nil, d.Client.Host)
	if a := d.Client.Auth; a != nil && a.Strategy == ServiceAccount {
		b.Hosts = append(b.Hosts, googleHosts...)
	}
	for _, l := range d.Limits {
		b.Rates = append(b.Rates, connector.Rate{Calls: l.Rate, Period: l.Period, Together: l.Key})
	}
	for _, r := range d.requests() {
		if r.Client != nil {
			b.Hosts = d.hosts(b.Hosts, r.Client.Host)
		}
		for _, l := range r.Limits {
			if rate := (connector.Rate{Calls: l.Rate, Period: l.Period, Together: l.Key}); !slices.Contains(b.Rates, rate) {
				b.Rates = append(b.Rates, rate)
			}
		}
	}
	return b
}

// googleHosts are where the key of a service account may be exchanged for a token.
var googleHosts = []string{"oauth2.googleapis.com", "accounts.google.com", "www.googleapis.com"}

// hosts adds what a host may be: connector params in it stand for what they may be.
func (d *Description) hosts(to []string, host string) []string {
	host, _, _ = strings.Cut(host, "/")
	may := []string{host}
	for _, p := range d.Params {
		if len(p.Allowed) == 0 || !strings.Contains(host, "<"+p.Name+">") {
			continue
		}
		var filled []string
		for _, one := range may {
			for _, value := range p.Allowed {
				filled = append(filled, strings.ReplaceAll(one, "<"+p.Name+">", value))
			}
		}
		may = filled
	}
	for _, one := range may {
		if one != "" && !slices.Contains(to, one) {
			to = append(to, one)
		}
	}
	return to
}

// requests gives all that the description describes, those of signing in too.
func (d *Description) requests() (all []*Request) {
	add := func(more ...*Request) {
		for _, r := range more {
			if r == nil {
				continue
			}
			if all = append(all, r); r.Async != nil {
				all = append(all, slices.DeleteFunc([]*Request{r.Async.Status, r.Async.Result}, func(r *Request) bool { return r == nil })...)
			}
		}
	}
	each := func(of []Request) {
		for i := range of {
			add(&of[i])
		}
	}
	if a := d.Client.Auth; a != nil {
		add(a.Authorization, a.TokenRequest, a.Refresh)
	}
	for _, e := range d.Endpoints {
		each(e.Read)
		add(e.Update, e.Delete)
	}
	add(d.Test, d.Protection)
	each(d.OptIn)
	each(d.OptOut)
	return all
}
