package server

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"volenti.dev/volenti/api"
	"volenti.dev/volenti/auth"
	banner "volenti.dev/volenti/consent/site"
	"volenti.dev/volenti/internal/store"
	"volenti.dev/volenti/internal/store/storetest"
)

// draftOf reads a site, which must have been changed so often.
func (s *site) draftOf(id string, revision int64) banner.Draft {
	s.t.Helper()
	var shown api.Site
	s.ask("GET", "/api/v1/sites/"+id, "", http.StatusOK, &shown)
	if shown.Revision != revision {
		s.t.Errorf("the draft is of revision %d, not %d", shown.Revision, revision)
	}
	return shown.Draft
}

// categoryForm is the form of a category as its page has it.
func categoryForm(changed ...string) []string {
	return append([]string{"key", "functional", "rank", "2", "google", "functionality_storage"}, changed...)
}

func TestDraftIsEditedPartByPartAndNobodysChangeIsLost(t *testing.T) { // W7
	t.Parallel()
	s := newPagesSite(t, storetest.SQLite(t))
	b := s.as(s.makeOperator(store.DefaultTenant, auth.PrivacyOfficer))
	id, _ := s.makeSite(store.DefaultTenant, false)
	at := "/admin/sites/" + id

	// What cannot be read changes nothing, and is shown as it was entered.
	one := at + "/categories/2"
	got := b.send(one, one, categoryForm("revision", "1", "title.en", "Comfort", "retention_days", "thirty", "cookies", "chat_open ever")...)
	for _, want := range []string{"Write a whole number of days.", "Write a line for each", `value="Comfort"`, `value="thirty"`} {
		if got.status != http.StatusUnprocessableEntity || !strings.Contains(got.body, want) {
			t.Errorf("it does not say %q: %d %s", want, got.status, got.body)
		}
	}
	s.draftOf(id, 1)

	// A category is moved by its place.
	form := categoryForm("revision", "1", "rank", "4", "title.en", "Comfort", "retention_days", "30", "cookies", "chat_open 0 Whether the chat is open\n_chat* 30")
	if got := b.send(one, one, form...); got.status != http.StatusSeeOther || got.header.Get("Location") != at+"/categories" {
		t.Fatalf("saved: %d %s", got.status, got.body)
	}
	k := s.draftOf(id, 2).Categories[3]
	if k.Key != "functional" || k.Title["en"] != "Comfort" || k.RetentionDays != 30 || !slices.Equal(k.Google, []string{"functionality_storage"}) ||
		!slices.Equal(k.Cookies, []banner.Cookie{{Name: "chat_open", Purpose: "Whether the chat is open"}, {Name: "_chat*", Days: 30}}) {
		t.Errorf("the category is %+v", k)
	}

	// Whoever saw an earlier draft changes nothing of the later one.
	if got := b.send(one, one, form...); got.status != http.StatusConflict || !strings.Contains(got.body, "The draft was changed or published since you read it") || !strings.Contains(got.body, `value="Comfort"`) {
		t.Errorf("too late: %d %s", got.status, got.body)
	}
	if got := b.send(at, at+"/categories/4", "revision", "2", "do", "remove"); got.status != http.StatusSeeOther {
		t.Errorf("taken out: %d %s", got.status, got.body)
	}
	if all := s.draftOf(id, 3).Categories; slices.ContainsFunc(all, func(k banner.Category) bool { return k.Key == "functional" }) || len(all) != 3 {
		t.Errorf("the categories are %+v", all)
	}
	if got := b.get(at + "/categories/4"); got.status != http.StatusNotFound {
		t.Errorf("a category that is not there: %d", got.status)
	}

	// What is wrong with the draft stands beside its field.
	if got := b.send(at, at, "revision", "3", "name", "Shop", "origins", "https://shop.example/", "languages", "en\nde"); got.status != http.StatusSeeOther {
		t.Fatalf("saved: %d %s", got.status, got.body)
	}
	if got := b.get(at); !strings.Contains(got.body, `id="sites-origins-wrong"`) || !strings.Contains(got.body, "no slash at its end") {
		t.Errorf("the page does not say what is wrong: %s", got.body)
	}
	if got := b.send(at, at, "revision", "4", "name", "", "origins", "https://shop.example", "languages", "en\nde"); got.status != http.StatusUnprocessableEntity || !strings.Contains(got.body, `id="sites-name-wrong"`) {
		t.Errorf("without a name: %d %s", got.status, got.body)
	}
	b.send(at, at, "revision", "4", "name", "The shop", "origins", "https://shop.example", "languages", "en\nde", "link.imprint", "https://shop.example/imprint")

	// Texts that are emptied are as they are built in, and others stay.
	texts := at + "/texts?in=de"
	b.send(texts, at+"/texts", "revision", "5", "language", "de", "text.accept", "Ja", "text.refuse", "Nein")
	if got := b.send(texts, at+"/texts", "revision", "6", "language", "de", "text.accept", "", "text.refuse", "Nein"); got.status != http.StatusSeeOther || got.header.Get("Location") != texts {
		t.Errorf("saved: %d %s", got.status, got.header.Get("Location"))
	}
	b.send(at, at+"/regions", "revision", "7", "key.0", "us", "countries.0", "us, US-CA", "mode.0", "opt_out", "key.1", "rest", "mode.1", "opt_in")
	d := s.draftOf(id, 8)
	if got := d.Texts["de"]; len(got) != 1 || got["refuse"] != "Nein" {
		t.Errorf("the texts are %v", got)
	}
	if len(d.Regions) != 2 || !slices.Equal(d.Regions[0].Countries, []string{"US", "US-CA"}) || d.Regions[1].Mode != banner.OptIn {
		t.Errorf("the regions are %+v", d.Regions)
	}
	if d.Links["imprint"][""] != "https://shop.example/imprint" || len(d.Categories) != 3 {
		t.Errorf("saving a part has changed another: %+v", d)
	}

	// A service of the registry keeps what is changed by hand.
	if got := b.send(at, at+"/services/sync", "revision", "8", "service", "matomo"); got.status != http.StatusOK || !strings.Contains(got.body, "Taken into the draft") {
		t.Fatalf("taken: %d %s", got.status, got.body)
	}
	n := s.draftOf(id, 9).Vendors[0]
	if got := b.send(at, at+"/services/1", "key", n.Key, "name", n.Name, "provider", n.Provider, "country", n.Country, "category", n.Category, "privacy", n.Privacy,
		"purposes", strings.Join(n.Purposes, "\r\n"), "hosts", strings.Join(n.Hosts, "\n"), "scripts", strings.Join(n.Scripts, "\n"), "retention_days", "7", "rank", "1", "revision", "9"); got.status != http.StatusSeeOther {
		t.Fatalf("a service: %d %s", got.status, got.body)
	}
	if n := s.draftOf(id, 10).Vendors[0]; n.RetentionDays != 7 || !slices.Contains(n.Kept, "retention_days") || slices.Contains(n.Kept, "purposes") || n.Service != "matomo" {
		t.Errorf("the service is %+v", n)
	}

	// Whoever may only read sees the draft, and nothing to change it with.
	auditor := s.as(s.makeOperator(store.DefaultTenant, auth.Auditor))
	for _, path := range []string{"", "/categories/2", "/services", "/texts", "/regions", "/publish"} {
		if got := auditor.get(at + path); got.status != http.StatusOK || strings.Contains(got.body, "Save the draft") || strings.Contains(got.body, ">Publish version") || strings.Contains(got.body, "Bring up to date") {
			t.Errorf("%s for who may only read: %d %s", path, got.status, got.body)
		}
	}
}

func TestFrameOfAPreviewIsAStrangerThatCanSendNothing(t *testing.T) { // W7, SE15
	t.Parallel()
	s := newPagesSite(t, storetest.SQLite(t))
	b := s.as(s.makeOperator(store.DefaultTenant, auth.Auditor))
	id, key := s.makeSite(store.DefaultTenant, false)
	at := "/admin/sites/" + id + "/preview"
	page := b.get(at + "?gpc=yes")
	if csp := page.header.Get("Content-Security-Policy"); !strings.HasSuffix(csp, "; frame-src 'self'") || !strings.Contains(csp, "default-src 'none'") {
		t.Errorf("the page around it has %s", csp)
	}
	frame := b.get(at + "/frame?speaks=en&gpc=yes&looks=&look.accent=%23123456&look.text=red%3B%7D%20*%20%7Bcolor:red")
	if csp := frame.header.Get("Content-Security-Policy"); frame.status != http.StatusOK || !strings.HasSuffix(csp, "; sandbox allow-scripts") || strings.Contains(csp, "connect-src") || !strings.Contains(csp, "default-src 'none'") {
		t.Errorf("the frame has %d %s", frame.status, csp)
	}
	for _, want := range []string{`data-site="` + key + `"`, `"gpc":true`, `"look":{"accent":"#123456"}`, `"version":1`} {
		if !strings.Contains(frame.body, want) {
			t.Errorf("the frame has no %s: %s", want, frame.body)
		}
	}
	if strings.Contains(frame.body, "color:red") {
		t.Errorf("the frame takes any rule for a colour: %s", frame.body)
	}
}

func TestVersionsOfASiteAreCompared(t *testing.T) { // W7
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		s := newSite(t, db)
		id, _ := s.makeSite(store.DefaultTenant, true)
		var shown api.Site
		s.ask("GET", "/api/v1/sites/"+id, "", http.StatusOK, &shown)
		d := shown.Draft
		d.Categories[2].Sale = true
		d.Texts = map[string]map[string]string{"en": {"accept": "Yes"}}
		sites := sites{db.Sites()}
		s.must(sites.Edit(t.Context(), store.DefaultTenant, id, shown.Revision, "Shop", d, act("site.edit")))
		_, made, err := sites.Publish(t.Context(), store.DefaultTenant, id, shown.Revision+1, banner.Publication{Material: true, Summary: map[string]string{"en": "It is sold."}}, "test", act("site.publish"))
		if s.must(err); !made {
			t.Fatal("nothing was published")
		}
		var changes api.VersionChanges
		s.ask("GET", "/api/v1/sites/"+id+"/versions/2/changes", "", http.StatusOK, &changes)
		if changes.Since != 1 || changes.Version != 2 || !changes.Material || len(changes.Differences) != 2 ||
			changes.Differences[0].Key != "statistics" || !slices.Equal(changes.Differences[0].Because, []banner.Reason{"sale"}) ||
			changes.Differences[1].Key != "accept" || changes.Differences[1].Because != nil {
			t.Errorf("%+v", changes)
		}
		s.ask("GET", "/api/v1/sites/"+id+"/versions/1/changes", "", http.StatusOK, &changes)
		if changes.Since != 0 || changes.Material {
			t.Errorf("the first: %+v", changes)
		}
		s.problem("a version with itself", s.get("/api/v1/sites/"+id+"/versions/2/changes?since=2"), http.StatusUnprocessableEntity)
		s.problem("no such version", s.get("/api/v1/sites/"+id+"/versions/3/changes?since=1"), http.StatusNotFound)
	})
}
