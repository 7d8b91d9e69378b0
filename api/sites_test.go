package api

import (
	"net/http"
	"net/netip"
	"testing"
)

func TestCountryIsBelievedFromATrustedProxyOnly(t *testing.T) { // SE15
	a := &API{config: Config{CountryHeader: "CF-IPCountry", Limiter: &Limiter{Proxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}}}}
	said := func(remote string, countries ...string) *http.Request {
		r := from(remote)
		for _, c := range countries {
			r.Header.Add("CF-IPCountry", c)
		}
		return r
	}
	for what, c := range map[string]struct {
		r    *http.Request
		want string
	}{
		"a proxy":               {said("10.1.1.1:1", "DE"), "DE"},
		"a part of a country":   {said("10.1.1.1:1", "US-CA"), "US-CA"},
		"an IPv6 form of it":    {said("[::ffff:10.1.1.1]:1", "DE"), "DE"},
		"a client":              {said("203.0.113.7:1", "US"), ""},
		"nothing":               {said("10.1.1.1:1"), ""},
		"a country not known":   {said("10.1.1.1:1", "XX"), ""},
		"Tor":                   {said("10.1.1.1:1", "T1"), ""},
		"two countries":         {said("10.1.1.1:1", "US", "DE"), ""},
		"a list":                {said("10.1.1.1:1", "US, DE"), ""},
		"nonsense":              {said("10.1.1.1:1", "<script>"), ""},
		"no address":            {said("nowhere", "DE"), ""},
		"a client with a proxy": {said("203.0.113.7:1", "US"), ""},
	} {
		if got := a.country(c.r); got != c.want {
			t.Errorf("%s: %q, want %q", what, got, c.want)
		}
	}
	for what, c := range map[string]Config{"no header is named": {Limiter: a.config.Limiter}, "no proxy is named": {CountryHeader: "CF-IPCountry", Limiter: &Limiter{}}, "there is no limiter": {CountryHeader: "CF-IPCountry"}} {
		if got := (&API{config: c}).country(said("10.1.1.1:1", "DE")); got != "" {
			t.Errorf("%s: %q", what, got)
		}
	}
}

func TestTagsAreComparedAsTheStandardSays(t *testing.T) { // RFC 9110, section 13.1.2
	for header, want := range map[string]bool{`"a"`: true, `W/"a"`: true, `"b", "a"`: true, `*`: true, `"b"`: false, ``: false, `a`: false, `"ab"`: false} {
		if got := known([]string{header}, `"a"`); got != want {
			t.Errorf("%s: %t", header, got)
		}
	}
}
