package server

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"volenti.dev/volenti/api"
	"volenti.dev/volenti/auth"
	banner "volenti.dev/volenti/consent/site"
	"volenti.dev/volenti/internal/store"
	"volenti.dev/volenti/internal/store/storetest"
)

const shopOrigin = "https://shop.example"

// visitor is a page of a site in the browser of somebody.
type visitor struct {
	s      *site
	key    string // of the site
	at     banner.Place
	shown  *banner.Published
	device string
}

// visits opens a page of a published site.
func (s *site) visits(key string) *visitor {
	s.t.Helper()
	at, err := s.db.Sites().Place(s.t.Context(), key)
	s.must(err)
	shown, err := s.db.Sites().Shown(s.t.Context(), at.Tenant, at.ID, at.Version)
	s.must(err)
	return &visitor{s, key, at, shown, strings.ReplaceAll(uuid.NewString(), "-", "")}
}

// submission is a choice as the page sends it.
func (v *visitor) submission(statistics bool) map[string]any {
	return map[string]any{
		"device": v.device, "submission": uuid.NewString(), "version": v.shown.Number, "digest": v.shown.Digest,
		"language": "en", "region": v.shown.Regions[0].Key, "categories": map[string]bool{"statistics": statistics}, "source": "banner",
	}
}

func asText(body any) string {
	b, err := json.Marshal(body)
	if err != nil {
		panic(err)
	}
	return string(b)
}

// post sends a body to one of the routes for visitors; headers as in send.
func (v *visitor) post(route string, body any, headers ...string) reply {
	v.s.t.Helper()
	sent, ok := body.(string)
	if !ok {
		sent = asText(body)
	}
	return v.s.send("POST", "/api/v1/public/sites/"+v.key+"/consents"+route, "", strings.NewReader(sent),
		append([]string{"Content-Type", "application/json", "Origin", shopOrigin}, headers...)...)
}

// choose records a choice about statistics.
func (v *visitor) choose(statistics bool, headers ...string) *banner.Standing {
	v.s.t.Helper()
	return v.stands(v.post("", v.submission(statistics), headers...), http.StatusCreated)
}

func (v *visitor) current() *banner.Standing {
	v.s.t.Helper()
	return v.stands(v.post("/current", map[string]string{"device": v.device}), http.StatusOK)
}

func (v *visitor) stands(got reply, status int) *banner.Standing {
	v.s.t.Helper()
	var answer api.VisitorsConsent
	if err := json.Unmarshal([]byte(got.body), &answer); got.status != status || err != nil || answer.HasConsent != (answer.Consent != nil) {
		v.s.t.Fatalf("%d %s", got.status, got.body)
	}
	if answer.Consent == nil && !strings.Contains(got.body, `"consent":null`) {
		v.s.t.Errorf("the page cannot read %s", got.body)
	}
	return answer.Consent
}

// visitorsBody gives a body that a route for visitors takes: another one where
// the example's digest is not that of the site, or nothing stands for its device.
func (s *site) visitorsBody(path, body string) string {
	s.t.Helper()
	key, rest, _ := strings.Cut(strings.TrimPrefix(path, "/api/v1/public/sites/"), "/")
	if _, err := s.db.Sites().Place(s.t.Context(), key); err != nil || !strings.HasPrefix(rest, "consents") {
		return body
	}
	v := s.visits(key)
	if rest == "consents" {
		return asText(v.submission(true))
	}
	v.choose(true)
	known := map[string]string{"device": v.device}
	if rest == "consents/withdraw" {
		known["submission"] = uuid.NewString()
	}
	return asText(known)
}

func newShop(t *testing.T, db *storetest.Database) (*site, *visitor) {
	t.Helper()
	s := newSite(t, db)
	_, key := s.makeSite(store.DefaultTenant, true)
	return s, s.visits(key)
}

func TestAVisitorChoosesSeesTakesAndWithdraws(t *testing.T) { // B1 B2 B5 B6 B23 B33 W17
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		s, v := newShop(t, db)
		if v.current() != nil {
			t.Error("something stands before anything was chosen")
		}
		first := v.choose(true)
		if !first.Categories["statistics"].Granted || first.Categories["marketing"].Granted || first.Digest != v.shown.Digest {
			t.Errorf("%+v", first)
		}
		sent := v.submission(false)
		sent["consent_string"] = `<&>`
		changed := v.stands(v.post("", sent), http.StatusCreated)
		again := v.stands(v.post("", sent), http.StatusCreated)
		if again.Sequence != changed.Sequence || v.current().Sequence != changed.Sequence {
			t.Errorf("%+v, again %+v", changed, again)
		}
		sent["source"] = "preferences"
		s.problem("another content", v.post("", sent), http.StatusConflict)
		got := v.post("/receipt", map[string]string{"device": v.device})
		if e, _, err := banner.VerifyReceipt([]byte(got.body), ""); err != nil || e.Sequence != changed.Sequence || e.Record.ConsentString != "<&>" {
			t.Errorf("%+v, %v: %s", e, err, got.body)
		}
		withdrawal := map[string]string{"device": v.device, "submission": uuid.NewString()}
		for range 2 {
			if got := v.post("/withdraw", withdrawal); got.status != http.StatusOK || got.body != "{\"success\":true,\"message\":\"Consent withdrawn\"}\n" {
				t.Errorf("%d %q", got.status, got.body)
			}
		}
		s.problem("withdrawn", v.post("/withdraw", map[string]string{"device": v.device, "submission": uuid.NewString()}), http.StatusNotFound)
		if v.current() != nil {
			t.Error("it stands still")
		}
		var all api.VisitorsRecords
		s.must(json.Unmarshal([]byte(v.post("/export", map[string]string{"device": v.device}).body), &all))
		if len(all.Consents) != 1 || len(all.Trail) != 3 || all.Trail[0].Act != banner.ActWithdrawn || all.Trail[2].Act != banner.ActGiven || all.Trail[1].Record.Digest != v.shown.Digest {
			t.Errorf("%+v", all)
		}
		at := "/api/v1/sites/" + v.at.ID + "/consents/" + first.ID
		var kept api.SiteConsent
		s.ask("GET", at, "", http.StatusOK, &kept)
		if kept.HasConsent || len(kept.Trail) != 3 {
			t.Errorf("%+v", kept)
		}
		v.choose(true)
		s.ask("POST", at+"/withdraw", "", http.StatusOK, nil)
		s.problem("a bad id", s.get("/api/v1/sites/"+v.at.ID+"/consents/x"), http.StatusUnprocessableEntity)
		s.problem("a bad site", s.get("/api/v1/sites/x/consents/"+first.ID), http.StatusUnprocessableEntity) // B7
		s.problem("another site", s.get("/api/v1/sites/"+uuid.NewString()+"/consents/"+first.ID), http.StatusNotFound)
		if strings.Contains(s.log.String(), v.device) {
			t.Error("the log tells the device")
		}
	})
}

func TestOnlyPagesOfTheSiteMayChoose(t *testing.T) {
	t.Parallel()
	s, v := newShop(t, storetest.SQLite(t))
	at := "/api/v1/public/sites/" + v.key + "/consents"
	for what, headers := range map[string][]string{
		"another origin": {"Origin", "https://evil.example"}, "a part of it": {"Origin", "https://shop.example.evil.example"}, "another scheme": {"Origin", "http://shop.example"},
		"another port": {"Origin", "https://shop.example:8443"}, "null": {"Origin", "null"}, "nothing": nil, "two": {"Origin", shopOrigin, "Origin", "https://evil.example"},
		"a key of ours": {"Authorization", "Bearer " + s.key}, "any": {"Origin", "*"},
	} {
		for _, method := range []string{"POST", "OPTIONS"} {
			got := s.send(method, at, "", strings.NewReader(asText(v.submission(true))), append([]string{"Content-Type", "application/json"}, headers...)...)
			s.problem(method+" from "+what, got, http.StatusForbidden)
			if got.header.Get("Access-Control-Allow-Origin") != "" {
				t.Errorf("%s may read the answer", what)
			}
		}
	}
	s.problem("unknown site", s.send("POST", "/api/v1/public/sites/aaaaaaaaaaaaaaaa/consents", "", strings.NewReader("{}"), "Origin", shopOrigin), http.StatusNotFound)
	before := s.send("OPTIONS", at, "", nil, "Origin", shopOrigin, "Access-Control-Request-Method", "POST", "Access-Control-Request-Headers", "content-type")
	for name, want := range map[string]string{
		"Access-Control-Allow-Origin": shopOrigin, "Access-Control-Allow-Methods": "POST", "Access-Control-Allow-Headers": "Content-Type",
		"Access-Control-Max-Age": "7200", "Access-Control-Allow-Credentials": "", "Vary": "Origin",
	} {
		if got := before.header.Get(name); got != want || before.status != http.StatusNoContent {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	wrong := v.post("", "{}") // which the page must be able to read
	if s.problem("an empty choice", wrong, http.StatusUnprocessableEntity); wrong.header.Get("Access-Control-Allow-Origin") != shopOrigin || wrong.header.Get("Vary") != "Origin" {
		t.Errorf("%v", wrong.header)
	}
	if v.current() != nil {
		t.Error("something was recorded")
	}
}

func TestAChoiceIsTakenWholeOrRefused(t *testing.T) { // B8 B18
	t.Parallel()
	s, v := newShop(t, storetest.SQLite(t))
	many := map[string]bool{}
	for i := range 2000 {
		many[fmt.Sprint("vendor_", i)] = true
	}
	for what, c := range map[string]struct {
		change func(map[string]any)
		status int
	}{
		"tampered digest":       {func(b map[string]any) { b["digest"] = strings.Repeat("0", 64) }, 422},
		"unknown version":       {func(b map[string]any) { b["version"] = 9 }, 422},
		"no version":            {func(b map[string]any) { delete(b, "version") }, 422},
		"version 0":             {func(b map[string]any) { b["version"], b["digest"] = 0, "" }, 422},
		"negative version":      {func(b map[string]any) { b["version"] = -1 }, 422},
		"unknown category":      {func(b map[string]any) { b["categories"] = map[string]bool{"x": true} }, 422},
		"hostile category":      {func(b map[string]any) { b["categories"] = map[string]bool{"__proto__": true, "constructor": true} }, 422},
		"unknown vendor":        {func(b map[string]any) { b["vendors"] = map[string]bool{"x": false} }, 422},
		"categories as a list":  {func(b map[string]any) { b["categories"] = []string{"statistics"} }, 422},
		"no categories":         {func(b map[string]any) { delete(b, "categories") }, 422},
		"null":                  {func(b map[string]any) { b["categories"] = nil }, 422},
		"a text for a yes":      {func(b map[string]any) { b["categories"] = map[string]string{"statistics": "true"} }, 422},
		"source of ours":        {func(b map[string]any) { b["source"] = "ledger" }, 422},
		"submission":            {func(b map[string]any) { b["submission"] = "1" }, 422},
		"short device":          {func(b map[string]any) { b["device"] = "abc" }, 422},
		"device with a space":   {func(b map[string]any) { b["device"] = strings.Repeat(" ", 32) }, 422},
		"language":              {func(b map[string]any) { b["language"] = "tlh" }, 422},
		"region":                {func(b map[string]any) { b["region"] = "../all" }, 422},
		"a field that is not":   {func(b map[string]any) { b["admin"] = true }, 422},
		"so many vendors":       {func(b map[string]any) { b["vendors"] = many }, 422},
		"long consent string":   {func(b map[string]any) { b["consent_string"] = strings.Repeat("x", 4097) }, 422},
		"larger than a request": {func(b map[string]any) { b["consent_string"] = strings.Repeat("x", 65<<10) }, 413},
	} {
		body := v.submission(true)
		c.change(body)
		got := v.post("", body)
		s.problem(what, got, c.status)
		if strings.Contains(got.body, "__proto__") || strings.Contains(got.body, v.device) {
			t.Errorf("%s: repeats what was sent: %s", what, got.body)
		}
	}
	s.problem("no JSON", v.post("", `{"device":`), http.StatusBadRequest)
	if v.current() != nil {
		t.Error("something was recorded")
	}
	// What is in order is taken in whatever way it is written.
	body := v.submission(true)
	if got := v.post("", " "+asText(body)+"\n"); got.status != http.StatusCreated || v.current() == nil {
		t.Errorf("%d %s", got.status, got.body)
	}
}

func TestASiteThatHasPublishedNothingTakesChoices(t *testing.T) { // B13 B19
	t.Parallel()
	s := newSite(t, storetest.SQLite(t))
	id, key := s.makeSite(store.DefaultTenant, false)
	v := &visitor{s, key, banner.Place{Tenant: store.DefaultTenant, ID: id}, &banner.Published{Version: banner.Version{Regions: []banner.Region{{}}}}, strings.ReplaceAll(uuid.NewString(), "-", "")}
	for _, none := range []any{"", nil} {
		sent := v.submission(true)
		sent["digest"] = none
		chosen := v.stands(v.post("", sent), http.StatusCreated)
		if days := chosen.Expires.Sub(chosen.Updated).Hours() / 24; !chosen.Categories["statistics"].Granted || chosen.Version != 0 || chosen.Digest != "" || days != banner.OtherDays {
			t.Errorf("%+v", chosen)
		}
	}
	got := v.post("/receipt", map[string]string{"device": v.device})
	if e, _, err := banner.VerifyReceipt([]byte(got.body), ""); err != nil || e.Record.Version != 0 || e.Record.Digest != "" {
		t.Errorf("%+v, %v: %s", e, err, got.body)
	}
	sent := v.submission(true)
	sent["digest"] = strings.Repeat("0", 64)
	s.problem("a digest of nothing", v.post("", sent), http.StatusUnprocessableEntity)
	s.problem("a page that the draft does not name", v.post("", v.submission(true), "Origin", "https://evil.example"), http.StatusForbidden)

	// Once it is published, that is what counts.
	s.ask("POST", "/api/v1/sites/"+id+"/publish", `{"revision":1,"material":true,"classified_by":"x"}`, 201, nil)
	s.problem("what is no longer shown", v.post("", v.submission(true)), http.StatusUnprocessableEntity)
	v.shown = s.visits(key).shown
	if chosen := v.choose(true); chosen.Version != 1 || chosen.Digest != v.shown.Digest {
		t.Errorf("%+v", chosen)
	}
}

func TestOnlyTheExactSignalIsOne(t *testing.T) {
	t.Parallel()
	_, v := newShop(t, storetest.SQLite(t))
	for _, c := range []struct {
		headers []string
		signal  bool
	}{
		{nil, false}, {[]string{"Sec-GPC", "1"}, true}, {[]string{"Sec-GPC", " 1"}, true}, // space around a value is no part of it: RFC 9110, section 5.5
		{[]string{"Sec-GPC", "true"}, false}, {[]string{"Sec-GPC", "0"}, false}, {[]string{"Sec-GPC", "01"}, false}, {[]string{"Sec-GPC", "1, 1"}, false},
		{[]string{"Sec-GPC", "0", "Sec-GPC", "1"}, true}, {[]string{"Sec-GPC", "1", "Sec-GPC", "x"}, true}, {[]string{"Sec-GPC", ""}, false},
	} {
		v.device = strings.ReplaceAll(uuid.NewString(), "-", "")
		body := v.submission(true)
		body["categories"], body["source"] = map[string]bool{"marketing": true}, "script"
		s := v.stands(v.post("", body, c.headers...), http.StatusCreated)
		if s.Signal != c.signal || s.Categories["marketing"].Granted == c.signal {
			t.Errorf("%q: %+v", c.headers, s)
		}
	}
}

func TestPagesThatChooseAtOnce(t *testing.T) { // B3 B18
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		s, v := newShop(t, db)
		var all sync.WaitGroup
		for i := range 100 { // of one device, in two tabs
			all.Go(func() { v.choose(i%2 == 0) })
		}
		all.Wait()
		_, trail, err := db.SiteConsents().Kept(t.Context(), v.at.Tenant, v.at.ID, v.device)
		s.must(err)
		if len(trail) != 100 || trail[99].Act != banner.ActGiven || trail[98].Act != banner.ActUpdated {
			t.Errorf("%d records", len(trail))
		}

		// A thousand visitors, while other texts are published.
		digests := map[int]string{1: v.shown.Digest}
		published, chosen := make(chan struct{}), make(chan struct{}, 1000)
		all.Go(func() {
			defer close(published)
			sites := sites{db.Sites()}
			for revision := int64(1); revision <= 4; revision++ {
				for range 50 { // between visitors
					<-chosen
				}
				as, d, err := sites.Get(t.Context(), v.at.Tenant, v.at.ID)
				s.must(err)
				d.Texts = map[string]map[string]string{"en": {"title": fmt.Sprint("Cookies ", revision)}}
				s.must(sites.Edit(t.Context(), v.at.Tenant, v.at.ID, as.Revision, as.Name, d, act("site.edit")))
				as, _, err = sites.Get(t.Context(), v.at.Tenant, v.at.ID)
				s.must(err)
				made, _, err := sites.Publish(t.Context(), v.at.Tenant, v.at.ID, as.Revision, banner.Publication{}, "test", act("site.publish"))
				s.must(err)
				digests[made.Number] = made.Digest
			}
		})
		ids := make(chan string, 1000)
		for range 20 {
			all.Go(func() {
				for range 50 {
					ids <- s.visits(v.key).choose(true).ID
					chosen <- struct{}{}
				}
			})
		}
		all.Wait()
		<-published
		close(ids)
		versions := map[int]int{}
		for id := range ids {
			trail, err := db.SiteConsents().Trail(t.Context(), v.at.Tenant, v.at.ID, id)
			s.must(err)
			r := trail[0].Record
			if versions[r.Version]++; len(trail) != 1 || digests[r.Version] != r.Digest || r.Digest == "" {
				t.Errorf("%+v was never published", r)
			}
		}
		if len(digests) != 5 || len(versions) < 2 {
			t.Errorf("%d versions, chosen by visitors: %v", len(digests), versions)
		}
	})
}

func TestVisitorsAreBoundedByNetworkAndDevice(t *testing.T) { // SE15
	t.Parallel()
	s := newSiteWith(t, storetest.SQLite(t), func(server *Server) {
		noon := time.Now().Truncate(time.Minute)
		server.Limiter = &api.Limiter{Most: 4, Now: func() time.Time { return noon }}
	})
	_, key := s.makeSite(store.DefaultTenant, true)
	v := s.visits(key)
	v.choose(true)
	v.choose(true)
	got := v.post("", v.submission(true))
	if s.problem("a device", got, http.StatusTooManyRequests); got.header.Get("Retry-After") == "" || got.header.Get("Access-Control-Allow-Origin") != shopOrigin {
		t.Errorf("%v", got.header)
	}
	s.problem("its withdrawal", v.post("/withdraw", map[string]string{"device": v.device, "submission": uuid.NewString()}), http.StatusTooManyRequests)
	for range 40 - 4 {
		v = s.visits(key)
		v.choose(true)
	}
	s.problem("a network", s.visits(key).post("", v.submission(true)), http.StatusTooManyRequests)
	for range 60 {
		if got := s.send("GET", "/api/v1/public/sites/"+key+"/configuration", "", nil); got.status != http.StatusOK {
			t.Fatalf("what pages load: %d", got.status)
		}
	}
}

// linkedShop gives a page of a site whose statistics are the purpose analytics,
// on a device of anna@example.org that has agreed to them; gate asks for her.
func linkedShop(t *testing.T, db *storetest.Database) (s *site, v *visitor, gate func(what string, want bool)) {
	t.Helper()
	s = newSite(t, db)
	d := banner.Start()
	d.Origins, d.Categories[2].Purposes = []string{shopOrigin}, []string{"analytics"}
	made := sites{db.Sites()}
	id, err := made.Create(t.Context(), auth.Caller{Tenant: store.DefaultTenant}, "Shop", d)
	s.must(err)
	_, _, err = made.Publish(t.Context(), store.DefaultTenant, id, 1, banner.Publication{Material: true}, "test", act("site.publish"))
	s.must(err)
	as, _, err := made.Get(t.Context(), store.DefaultTenant, id)
	s.must(err)
	v = s.visits(as.Key)
	v.choose(true)
	anna := `"identities":[{"type":"email","value":"anna@example.org"}]`
	s.ask("POST", "/api/v1/sites/"+id+"/link", `{"device":"`+v.device+`",`+anna+`}`, http.StatusOK, nil)
	var person api.Found
	s.ask("POST", "/api/v1/subjects/find", `{`+anna+`}`, http.StatusOK, &person)
	return s, v, func(what string, want bool) {
		t.Helper()
		if d := s.allowed(person.Subject, "analytics"); d.Allowed != want {
			t.Errorf("%s: %+v", what, d)
		}
	}
}

func TestTheGateHeedsALinkedDeviceAtOnce(t *testing.T) { // B6 B29
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		s, v, gate := linkedShop(t, db)
		gate("linked", true)
		linked := v.choose(false)
		if gate("refused", false); !linked.Linked {
			t.Errorf("%+v", linked)
		}
		agreed := v.choose(true)
		gate("agreed again", true)
		if got := v.post("/withdraw", map[string]string{"device": v.device, "submission": uuid.NewString()}); got.status != http.StatusOK {
			t.Errorf("%d %s", got.status, got.body)
		}
		gate("withdrawn", false)
		v.choose(true)
		gate("agreed after that", true)
		s.ask("POST", "/api/v1/sites/"+v.at.ID+"/consents/"+agreed.ID+"/withdraw", "", http.StatusOK, nil)
		gate("withdrawn in the visitor's place", false)
	})
}

func TestTheServerKeepsDevicesUp(t *testing.T) { // B15 B29
	t.Parallel()
	s, v, gate := linkedShop(t, storetest.SQLite(t))
	s.makeConsent(store.DefaultTenant, "anna@example.org", "analytics", false)
	for until := time.Now().Add(time.Minute); v.current().Categories["statistics"].Granted; <-time.After(10 * time.Millisecond) {
		if time.Now().After(until) {
			t.Fatal("the device does not follow what its person said elsewhere")
		}
	}
	v.choose(true)
	_, err := s.db.SiteConsents().Withdraw(t.Context(), v.at.Tenant, v.at.ID, v.device, uuid.NewString()) // and a crash before the bridge
	s.must(err)
	gate("not bridged yet", true)
	s.must(keepUp(t.Context(), s.db.DB))
	gate("bridged by the upkeep", false)

	v.choose(true)
	_, err = s.db.Raw(t).ExecContext(t.Context(), `UPDATE site_consents SET expires = 1`)
	s.must(err)
	s.must(keepUp(t.Context(), s.db.DB))
	if _, _, err := s.db.SiteConsents().Kept(t.Context(), v.at.Tenant, v.at.ID, v.device); !errors.Is(err, banner.ErrNotFound) {
		t.Errorf("what has expired is kept: %v", err)
	}
}
