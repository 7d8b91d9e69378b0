package registry

import (
	"slices"
	"strings"
	"testing"

	"volenti.dev/volenti/consent/site"
)

func TestRegistryShips(t *testing.T) { // B32
	services, err := read(text)
	if err != nil {
		t.Fatal(err)
	}
	if len(services) < 200 {
		t.Errorf("%d services", len(services))
	}
	count := map[Category]int{}
	for _, s := range services {
		count[s.Category]++
	}
	for _, category := range categories {
		if count[category] < 15 {
			t.Errorf("%d services are %s", count[category], category)
		}
	}
}

// sound is a service that nothing is wrong with.
func sound(key string, change func(*Service)) Service {
	s := Service{
		Key: key, Name: "Counter", Provider: "Counter GmbH", Country: "DE", Category: Statistics,
		Purposes: []string{"Counts visits"}, Privacy: "https://counter.example/privacy",
		RetentionDays: 60, Retention: OfProvider, Cookies: []site.Cookie{{Name: "_count*", Days: 60, Purpose: "tells visitors apart"}},
		Hosts: []string{key + ".example"}, Source: []string{"https://counter.example/cookies"}, Confidence: High,
	}
	if change != nil {
		change(&s)
	}
	return s
}

func TestServiceThatLacksSomethingIsRefused(t *testing.T) { // B32
	tests := map[string]struct {
		change func(*Service)
		want   string
	}{
		"key":             {func(s *Service) { s.Key = "Google" }, "the key is none"},
		"name":            {func(s *Service) { s.Name = "" }, "name, provider and purposes must be there"},
		"purposes":        {func(s *Service) { s.Purposes = nil }, "name, provider and purposes must be there"},
		"country":         {func(s *Service) { s.Country = "UK" }, `"UK" is no country`},
		"continent":       {func(s *Service) { s.Country = "EU" }, `"EU" is no country`},
		"category":        {func(s *Service) { s.Category = "analytics" }, `there is no category "analytics"`},
		"retention":       {func(s *Service) { s.Retention, s.RetentionDays = "", 0 }, "it has no retention"},
		"short retention": {func(s *Service) { s.Retention, s.RetentionDays = OfCookies, 7 }, "say category"},
		"privacy":         {func(s *Service) { s.Privacy = "http://counter.example" }, "is no https address"},
		"source":          {func(s *Service) { s.Source = nil }, "the sources must be https addresses"},
		"confidence":      {func(s *Service) { s.Confidence = "low" }, "it does not say how sure it is"},
		"nothing":         {func(s *Service) { s.Hosts, s.Cookies = nil, nil }, "it can be told by nothing"},
		"host":            {func(s *Service) { s.Hosts = []string{"https://counter.example"} }, "the hosts must be names"},
		"wild host":       {func(s *Service) { s.Hosts = []string{"*.com"} }, "the hosts must be names"},
		"script":          {func(s *Service) { s.Scripts = []string{".js"} }, "the scripts must be parts"},
		"consent mode":    {func(s *Service) { s.Google = []string{"ads"} }, "consent mode has no such types"},
		"short cookie":    {func(s *Service) { s.Cookies[0].Name = "u" }, "is no name of a cookie"},
		"two letters":     {func(s *Service) { s.Cookies[0].Name = "ts" }, "is no name of a cookie"},
		"any cookie":      {func(s *Service) { s.Cookies[0].Name = "___*" }, "is no name of a cookie"},
		"cookie twice":    {func(s *Service) { s.Cookies = append(s.Cookies, s.Cookies[0]) }, "is there twice"},
		"long cookie":     {func(s *Service) { s.Cookies[0].Days = 20000 }, "must have a purpose and live for up to"},
		"no purpose":      {func(s *Service) { s.Cookies[0].Purpose = "" }, "must have a purpose"},
	}
	if err := check([]Service{sound("counter", nil)}); err != nil {
		t.Fatal(err)
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if err := check([]Service{sound("counter", test.change)}); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("want %q in: %v", test.want, err)
			}
		})
	}
}

func TestServicesAreToldApart(t *testing.T) { // B32
	tests := map[string]struct {
		second Service
		want   string
	}{
		"order":  {sound("a", nil), `it must come before "b", and only once`},
		"key":    {sound("b", nil), `it must come before "b", and only once`},
		"host":   {sound("c", func(s *Service) { s.Hosts = []string{"b.example"} }), `"b.example" belongs to "b"`},
		"script": {sound("c", func(s *Service) { s.Scripts = []string{"/count.js"} }), `"/count.js" belongs to "b"`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			first := sound("b", func(s *Service) { s.Scripts = []string{"/count.js"} })
			if err := check([]Service{first, test.second}); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("want %q in: %v", test.want, err)
			}
		})
	}
}

func TestRetentionIsTheLongestCookieWhereTheProviderNamesNone(t *testing.T) { // B31, B32
	const form = `
- key: counter
  name: Counter
  provider: Counter GmbH
  country: DE
  category: statistics
  purposes: [Counts visits]
  privacy: https://counter.example/privacy
  source: [https://counter.example/cookies]
  confidence: high
  cookies: [{name: _count, days: 90, purpose: counts}, {name: _visit, days: 1, purpose: counts}]
`
	tests := map[string]struct {
		line string
		want int
		from Retention
	}{
		"of the provider": {"  retention_days: 400", 400, OfProvider},
		"of the cookies":  {"  retention: cookies", 90, OfCookies},
		"of the category": {"  retention: category", 790, OfCategory},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := read([]byte(form + test.line))
			if err != nil {
				t.Fatal(err)
			}
			if got[0].RetentionDays != test.want || got[0].Retention != test.from {
				t.Errorf("%d days of %q", got[0].RetentionDays, got[0].Retention)
			}
		})
	}
	if _, err := read([]byte(form + "  retention: cookies\n  colour: red")); err == nil {
		t.Error("a field that there is not was read")
	}
}

func TestServiceIsFoundByItsKey(t *testing.T) { // B32
	for _, s := range All() {
		if got, found := Find(s.Key); !found || got.Name != s.Name {
			t.Errorf("%s: found %v %q", s.Key, found, got.Name)
		}
	}
	if _, found := Find("no_such_service"); found {
		t.Error("found what there is not")
	}
}

func TestSearchWantsAllWords(t *testing.T) {
	keys := func(text string) (all []string) {
		for _, s := range Search(text) {
			all = append(all, s.Key)
		}
		return all
	}
	if got := keys("MATOMO"); !slices.Equal(got, []string{"matomo"}) {
		t.Errorf("%v", got)
	}
	if got := keys("player.vimeo.com"); !slices.Equal(got, []string{"vimeo"}) {
		t.Errorf("%v", got)
	}
	if got := keys("google marketing ads"); !slices.Contains(got, "google_ads") || slices.Contains(got, "google_analytics") {
		t.Errorf("%v", got)
	}
	if got := len(keys("  ")); got != len(All()) {
		t.Errorf("%d of %d", got, len(All()))
	}
}

func TestServicesAreRecognisedByTheLongestMatch(t *testing.T) { // B32
	tests := map[string]struct {
		address string
		want    []string
	}{
		"host":                    {"static.hotjar.com", []string{"hotjar"}},
		"address":                 {"https://static.hotjar.com/c/hotjar-1.js?sv=6", []string{"hotjar"}},
		"without scheme":          {"//Static.Hotjar.com/c/hotjar-1.js", []string{"hotjar"}},
		"host below":              {"https://eu.i.posthog.com/e/", []string{"posthog"}},
		"port":                    {"https://js.stripe.com:443/v3/", []string{"stripe"}},
		"tag manager":             {"https://www.googletagmanager.com/gtm.js?id=GTM-1", []string{"google_tag_manager"}},
		"script of another host":  {"https://www.googletagmanager.com/gtag/js?id=G-1", []string{"google_analytics"}},
		"captcha, not the search": {"https://www.google.com/recaptcha/api.js", []string{"google_recaptcha"}},
		"map":                     {"https://www.google.com/maps/embed?pb=1", []string{"google_maps"}},
		"more precise host":       {"https://company.tt.omtrdc.net/m2", []string{"adobe_target"}},
		"less precise host":       {"https://company.sc2.omtrdc.net/b/ss", []string{"adobe_analytics"}},
		"most precise script":     {"https://example.org/vimeo.com/api/matomo.js/matomo.js", []string{"vimeo"}},
		"self-hosted":             {"https://shop.example/matomo.js", []string{"matomo"}},
		"not below":               {"https://nothotjar.com/", nil},
		"in the query only":       {"https://shop.example/?next=static.hotjar.com", nil},
		"unknown":                 {"https://shop.example/app.js", nil},
		"nothing":                 {"", nil},
		"not an address":          {"https://%zz/", nil},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got := Recognise([]string{test.address}); !slices.Equal(got, test.want) {
				t.Errorf("%v, not %v", got, test.want)
			}
		})
	}
	got := Recognise([]string{"player.vimeo.com", "js.stripe.com", "https://player.vimeo.com/api/player.js"})
	if !slices.Equal(got, []string{"stripe", "vimeo"}) {
		t.Errorf("%v", got)
	}
}

func TestEveryServiceIsRecognisedByItsOwnPatterns(t *testing.T) { // B32
	for _, s := range All() {
		for _, h := range s.Hosts {
			if got := Recognise([]string{strings.Replace(h, "*", "some", 1)}); !slices.Contains(got, s.Key) && strings.HasPrefix(h, "*") == false {
				t.Errorf("%s is not recognised by %s: %v", s.Key, h, got)
			}
		}
		for _, part := range s.Scripts {
			if got := Recognise([]string{"https://www." + strings.TrimPrefix(part, "/") + "?a=b", "https://shop.example" + part}); !slices.Contains(got, s.Key) {
				t.Errorf("%s is not recognised by %s: %v", s.Key, part, got)
			}
		}
	}
}

// The script of a page asks which vendor an address is of, and takes the first.
// So it must not matter which of several that is.
func TestAddressIsOfOneCategory(t *testing.T) { // B31
	for _, s := range All() {
		var addresses []string
		for _, h := range s.Hosts {
			addresses = append(addresses, "https://"+strings.Replace(h, "*", "some", 1)+"/")
		}
		for _, part := range s.Scripts {
			addresses = append(addresses, "https://www."+part, "https://shop.example"+part)
		}
		for _, address := range addresses {
			for _, other := range All() {
				if other.match(address) != (match{}) && other.Category != s.Category {
					t.Errorf("%s is of %s, for %s, and of %s, for %s", address, s.Key, s.Category, other.Key, other.Category)
				}
			}
		}
	}
}

func TestOfTheScriptsOfAServiceTheLongestCounts(t *testing.T) { // B32
	s := Service{Scripts: []string{"/longer.js", "ger.js"}}
	if got := s.match("https://shop.example/longer.js"); got != (match{script: true, length: len("/longer.js")}) {
		t.Errorf("%+v", got)
	}
}
