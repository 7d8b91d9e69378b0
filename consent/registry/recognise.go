package registry

import (
	"cmp"
	"net/url"
	"slices"
	"strings"

	"volenti.dev/volenti/consent/site"
)

// Recognise gives the keys of the services behind hosts or addresses of scripts
// and frames, as they are found on a page. Of what matches an address the
// longest counts: a part of it before the host that it is on.
func Recognise(addresses []string) []string {
	var keys []string
	for _, a := range addresses {
		keys = append(keys, behind(load(), a)...)
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}

// Among gives those of the vendors of a site that match an address best.
func Among(vendors []site.Vendor, address string) (found []site.Vendor) {
	services := make([]Service, len(vendors))
	for i, v := range vendors {
		services[i] = Service{Key: v.Key, Hosts: v.Hosts, Scripts: v.Scripts}
	}
	keys := behind(services, address)
	for _, v := range vendors {
		if slices.Contains(keys, v.Key) {
			found = append(found, v)
		}
	}
	return found
}

// Asked names the service behind an address, of those of a site, nil for one that shows
// nothing yet, or of the registry; "" where there is none for which visitors are asked.
func Asked(shown *site.Version, address string) string {
	var vendors []site.Vendor
	necessary := map[string]bool{}
	if shown != nil {
		for _, k := range shown.Categories {
			necessary[k.Key] = k.Necessary
		}
		for _, n := range shown.Vendors {
			vendors = append(vendors, n.Vendor)
		}
	}
	if of := Among(vendors, address); len(of) > 0 {
		if necessary[of[0].Category] {
			return ""
		}
		return of[0].Name
	}
	for _, key := range Recognise([]string{address}) {
		if s, _ := Find(key); s.Category != Necessary {
			return s.Name
		}
	}
	return ""
}

// behind gives those of the services that match an address best.
func behind(services []Service, address string) (keys []string) {
	address = strings.ToLower(strings.TrimSpace(address))
	best := match{}
	for _, s := range services {
		m := s.match(address)
		switch c := m.compare(best); {
		case m == match{} || c < 0:
		case c == 0:
			keys = append(keys, s.Key)
		default:
			best, keys = m, []string{s.Key}
		}
	}
	return keys
}

// match is how well a pattern fits an address.
type match struct {
	script bool // a part of the address, which says more than its host
	length int  // of the pattern; 0 for none
}

func (m match) compare(other match) int {
	switch {
	case m.script == other.script:
		return cmp.Compare(m.length, other.length)
	case m.script:
		return 1
	}
	return -1
}

// match gives the best match of a service.
func (s Service) match(address string) match {
	best := match{}
	for _, part := range s.Scripts {
		if strings.Contains(address, part) {
			best = match{script: true, length: max(best.length, len(part))}
		}
	}
	if best.script {
		return best
	}
	on := hostOf(address)
	for _, h := range s.Hosts {
		below, any := strings.CutPrefix(h, "*")
		if on == h || any && strings.HasSuffix(on, below) {
			best.length = max(best.length, len(h))
		}
	}
	return best
}

// hostOf gives the host of an address, which may be one already.
func hostOf(address string) string {
	if rest, relative := strings.CutPrefix(address, "//"); relative {
		address = "https://" + rest
	}
	if !strings.Contains(address, "://") {
		address = "https://" + address
	}
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return strings.TrimSuffix(u.Hostname(), ".")
}
