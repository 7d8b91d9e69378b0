package page

import (
	"net/url"
	"slices"
	"strings"
)

// policy is one Content-Security-Policy: sources by directive.
// https://www.w3.org/TR/CSP3/
type policy map[string][]string

// policies reads the policies of a page, each of which must allow what is done.
func policies(texts []string) (all []policy) {
	for text := range strings.SplitSeq(strings.Join(texts, ","), ",") {
		p := policy{}
		for directive := range strings.SplitSeq(text, ";") {
			words := strings.Fields(directive)
			if len(words) == 0 {
				continue
			}
			name := strings.ToLower(words[0])
			if _, twice := p[name]; !twice {
				p[name] = words[1:]
			}
		}
		all = append(all, p)
	}
	return all
}

// rules gives the first of the directives that the policy has, and its sources.
func (p policy) rules(directives ...string) (name string, sources []string, ok bool) {
	for _, name := range directives {
		if sources, ok := p[name]; ok {
			return name, sources, true
		}
	}
	return "", nil, false
}

// script gives the directive that blocks a script of a page; "" for none.
func (p policy) script(t tag, at *url.URL) string {
	name, sources, ruled := p.rules("script-src-elem", "script-src", "default-src")
	if !ruled || slices.Contains(sources, "'nonce-"+t.attributes["nonce"]+"'") {
		return ""
	}
	if slices.Contains(lowered(sources), "'strict-dynamic'") || !allows(sources, t.at, at) {
		return name
	}
	return ""
}

// connect gives the directive that keeps a page from asking a server; "" for none.
func (p policy) connect(server, at *url.URL) string {
	name, sources, ruled := p.rules("connect-src", "default-src")
	if !ruled || allows(sources, server, at) {
		return ""
	}
	return name
}

// holdsScripts says whether the scripts that have waited could not be run.
func (p policy) holdsScripts() bool {
	names, ruled := p["trusted-types"]
	return ruled && slices.Contains(p["require-trusted-types-for"], "'script'") && !slices.Contains(names, "volenti") && !slices.Contains(names, "*")
}

// allows says whether one of the sources is for an address.
func allows(sources []string, to, at *url.URL) bool {
	return slices.ContainsFunc(lowered(sources), func(source string) bool {
		switch {
		case source == "*":
			return true
		case source == "'self'":
			return to.Scheme == at.Scheme && to.Host == at.Host
		case strings.HasSuffix(source, ":"):
			return upgraded(strings.TrimSuffix(source, ":"), to.Scheme)
		}
		return isHost(source, to, at)
	})
}

// isHost compares an address with a source like https://*.example.com:443/sdk/.
func isHost(source string, to, at *url.URL) bool {
	if scheme, rest, ok := strings.Cut(source, "://"); ok {
		if source = rest; !upgraded(scheme, to.Scheme) {
			return false
		}
	} else if !upgraded(at.Scheme, to.Scheme) {
		return false
	}
	source, path, _ := strings.Cut(source, "/")
	name, port := source, ""
	if i := strings.LastIndex(source, ":"); i >= 0 && !strings.HasSuffix(source, "]") {
		name, port = source[:i], source[i+1:]
	}
	if port != "*" && portOf(port, to.Scheme) != portOf(to.Port(), to.Scheme) {
		return false
	}
	if path = "/" + path; path != "/" && to.Path != path && !(strings.HasSuffix(path, "/") && strings.HasPrefix(to.Path, path)) {
		return false
	}
	below, any := strings.CutPrefix(name, "*")
	return name == to.Hostname() || any && strings.HasSuffix(to.Hostname(), below)
}

// upgraded says whether a scheme in a policy is for another one: the one with TLS is
// allowed where the one without is.
func upgraded(scheme, to string) bool { return scheme == to || scheme == "http" && to == "https" }

func portOf(port, scheme string) string {
	usual := map[string]string{"https": "443", "http": "80"}[scheme]
	if port == "" {
		return usual
	}
	return port
}

func lowered(all []string) []string {
	small := make([]string, len(all))
	for i, s := range all {
		small[i] = strings.ToLower(s)
	}
	return small
}
