package server

import (
	"errors"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"volenti.dev/volenti/api"
	"volenti.dev/volenti/auth"
	"volenti.dev/volenti/config"
	"volenti.dev/volenti/config/source"
	"volenti.dev/volenti/connector/builtin"
	"volenti.dev/volenti/datamap/inventory"
	"volenti.dev/volenti/internal/store"
	"volenti.dev/volenti/internal/store/storetest"
	"volenti.dev/volenti/request"
)

// makeInventory makes a connection that belongs to a system, and gives the key of
// what a route is about and that of the system. There is a system crm, too.
func (s *site) makeInventory(route api.Route, tenant string) (key, system string) {
	s.t.Helper()
	key, system = "k"+uuid.NewString(), "s"+uuid.NewString()
	for _, y := range []string{"crm", system} {
		err := s.db.Systems().Create(s.t.Context(), tenant, inventory.System{Key: y}, act("system.create"))
		if !errors.Is(err, inventory.ErrTaken) {
			s.must(err)
		}
	}
	if strings.Contains(route.Path, "/systems/") {
		return system, system
	}
	seen, err := s.db.Connections().Seen(s.t.Context(), tenant)
	s.must(err)
	made, err := config.MadeOf(key, map[string]any{"type": "webhook", "secrets": map[string]any{"url": "https://x.example", "secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}})
	s.must(err)
	s.must(s.db.Connections().Create(s.t.Context(), tenant, inventory.Connection{Key: key, Type: "webhook"}, made.Text, seen, act("connection.create")))
	_, err = s.db.SystemLinks().Put(s.t.Context(), tenant, key, []string{system}, act("link.set"))
	s.must(err)
	return key, system
}

const newsletterBody = `{"key":"newsletter","name":"Newsletter","type":"webhook","receives":"identities","secrets":{"url":"https://news.example","secret":"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}}`

// inventory sends something about systems, connections or links, and gives the
// answer, which must have a status.
func (s *site) inventory(key, method, path, body string, status int) string {
	s.t.Helper()
	got := s.send(method, "/api/v1"+path, key, strings.NewReader(body), "Idempotency-Key", uuid.NewString(), "Content-Type", "application/json")
	if got.status != status {
		s.t.Errorf("%s %s: %d, want %d: %s", method, path, got.status, status, got.body)
	}
	return strings.TrimSpace(got.body)
}

func TestLinksOverHTTP(t *testing.T) { // C24, C25, C26, C27, C29, C32
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		s := newSite(t, db)
		ask := func(method, path, body string, status int, want string) {
			t.Helper()
			if got := s.inventory(s.key, method, path, body, status); !regexp.MustCompile(want).MatchString(got) {
				t.Errorf("%s %s: %s, want %s", method, path, got, want)
			}
		}
		ask("POST", "/systems", `{"key":"crm","name":"Customer relations","data_uses":["marketing"]}`, 201, `"connections":\[\]`)
		ask("POST", "/systems", `{"name":"The Ads"}`, 201, `"key":"the_ads"`)
		ask("POST", "/systems", `{"key":"crm"}`, 409, "with this key already")
		ask("POST", "/systems", `{"key":"x","data_uses":["marketting"]}`, 422, "did you mean marketing")
		ask("POST", "/connections", newsletterBody, 201, `"links":\[\].*"secrets":\["secret","url"\]`)
		ask("POST", "/connections", newsletterBody, 409, "with this key already")

		const links = "/connections/newsletter/links"
		crm := `^\[\{"system_key":"crm","system_name":"Customer relations","created_at":"[^"]+Z"\}\]$`
		ask("GET", links, "", 200, `^\[\]$`)
		ask("PUT", links, `[{"system_key":"crm"}]`, 200, crm)
		first := s.inventory(s.key, "GET", links, "", 200)
		ask("PUT", links, `[{"system_key":"crm"}]`, 200, regexp.QuoteMeta(first))
		ask("PUT", "/connections/nothing/links", `[{"system_key":"no"},{"system_key":"nor"}]`, 404, "There is no connection with this key.")
		ask("PUT", links, `[{"system_key":"no"},{"system_key":"nor"}]`, 400, "the connection newsletter can belong to 1 system at most")
		ask("PUT", links, `[{"system_key":"no"}]`, 404, "There is no system with this key.")
		ask("DELETE", "/connections/nothing/links/no", "", 404, "There is no connection with this key.")
		ask("DELETE", links+"/no", "", 404, "There is no system with this key.")
		ask("DELETE", links+"/the_ads", "", 404, "The connection does not belong to this system.")
		for _, malformed := range []string{``, `null`, `{}`, `[{}]`, `["crm"]`, `[{"system_key":"crm","more":1}]`, `[{"system_key":""}]`} {
			if got := s.send("PUT", "/api/v1"+links, s.key, strings.NewReader(malformed), "Content-Type", "application/json"); got.status != 400 && got.status != 422 {
				t.Errorf("%q: %d %s", malformed, got.status, got.body)
			}
		}
		ask("GET", links, "", 200, regexp.QuoteMeta(first))
		ask("GET", "/connections", "", 200, `"links":\[\{"system_key":"crm"`)
		ask("GET", "/systems/crm", "", 200, `"connections":\[\{"key":"newsletter"`)
		ask("PUT", links, `[{"system_key":"the_ads"}]`, 200, `^\[\{"system_key":"the_ads","system_name":"The Ads"`)
		ask("PUT", links, `[]`, 200, `^\[\]$`)
		ask("PUT", links, `[{"system_key":"crm"}]`, 200, crm)
		ask("DELETE", links+"/crm", "", 204, `^$`)
		ask("DELETE", links+"/crm", "", 404, "The connection does not belong to this system.")

		ask("PUT", links, `[{"system_key":"crm"}]`, 200, crm)
		ask("DELETE", "/systems/crm", "", 204, `^$`)
		ask("GET", links, "", 200, `^\[\]$`)
		ask("GET", "/systems/crm", "", 404, "There is no system with this key.")
		ask("DELETE", "/connections/newsletter", "", 204, `^$`)
		ask("GET", "/connections/newsletter", "", 404, "There is no connection with this key.")
	})
}

func TestLinksHavePermissionsOfTheirOwn(t *testing.T) { // C31
	t.Parallel()
	s := newSite(t, storetest.SQLite(t))
	route := api.Route{Path: "/api/v1/connections/{key}/links"}
	for _, c := range []struct {
		scope         auth.Scope
		get, put, del int
		shown         bool
	}{
		{auth.ReadSystems, 403, 403, 403, false}, {auth.ManageSystems, 403, 403, 403, false},
		{auth.ReadLinks, 200, 403, 403, true}, {auth.WriteLinks, 403, 200, 403, false}, {auth.DeleteLinks, 403, 403, 204, false},
	} {
		connection, system := s.makeInventory(route, store.DefaultTenant)
		key, path := s.makeKey(store.DefaultTenant, time.Time{}, c.scope), "/connections/"+connection+"/links"
		s.inventory(key, "GET", path, "", c.get)
		s.inventory(key, "PUT", path, `[{"system_key":"crm"}]`, c.put)
		s.inventory(s.key, "PUT", path, `[{"system_key":"`+system+`"}]`, 200)
		s.inventory(key, "DELETE", path+"/"+system, "", c.del)
		both := s.makeKey(store.DefaultTenant, time.Time{}, auth.ReadSystems, c.scope)
		for _, path := range []string{"/connections", "/systems/crm"} {
			got := s.inventory(both, "GET", path, "", 200)
			if shown := strings.Contains(got, `"links"`) || strings.Contains(got, `"connections"`); shown != c.shown {
				t.Errorf("%s shows links to %s: %t: %s", path, c.scope, shown, got)
			}
		}
	}
}

func TestSecretsOfConnectionsGoInAndNeverComeOut(t *testing.T) { // SE9, SE10
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		s := newSite(t, db)
		const canary = "canary5c1d"
		var answers strings.Builder
		ask := func(method, path, body string, status int) string {
			t.Helper()
			got := s.inventory(s.key, method, path, body, status)
			answers.WriteString(got)
			return got
		}
		url := "postgres://u:" + canary + "@db.invalid/shop"
		ask("POST", "/connections", `{"key":"a","type":"postgres","secrets":{"url":"`+url+`"}}`, 201)
		ask("PUT", "/connections/a", `{"type":"postgres","access":"write"}`, 200)
		reveal := func() string {
			t.Helper()
			made, _, err := db.Connections().Made(t.Context(), store.DefaultTenant)
			s.must(err)
			if len(made) == 0 {
				return ""
			}
			return string(made[0].Text)
		}
		if !strings.Contains(reveal(), canary) {
			t.Error("a secret that was left out is gone")
		}
		ask("PUT", "/connections/a", `{"type":"postgres","secrets":{"url":null}}`, 422)
		ask("PUT", "/connections/a", `{"type":"mysql"}`, 422) // another system gets no secret of this one
		ask("PUT", "/connections/a", `{"type":"postgres","secrets":{"url":"`+url+`","`+canary+`":1}}`, 422)
		if got := ask("POST", "/connections", `{"type":"postgres","secrets":{"url":"`+url+`"}}`, 422); !strings.Contains(got, "the connection has no key") {
			t.Error(got)
		}
		ask("POST", "/connections", `{"key":"b","type":"postgres","secrets":{"url":["`+canary+`"]}}`, 422)
		ask("POST", "/connections", `{"key":"b","type":"postgres","secrets":"`+canary+`"}`, 422)
		ask("POST", "/connections", `{"key":"b","type":"postgres","secrets":{"url":"sqlite:`+canary+`"}}`, 422)
		ask("POST", "/connections", `{"key":"b","type":"sqlite","secrets":{"url":"sqlite:`+canary+`"}}`, 422)
		ask("POST", "/connections/a/test", "", 200)
		ask("GET", "/connections/a", "", 200)
		ask("GET", "/connections", "", 200)
		ask("DELETE", "/connections/a", "", 204)
		entries := s.get("/api/v1/audit/export").body
		named := strings.NewReplacer(`{"where":"body.secrets.`+canary+`","what":"unknown key \"`+canary+`\"`, "") // a key is no secret
		if strings.Contains(named.Replace(answers.String()), canary) || strings.Contains(entries, canary) || strings.Contains(s.log.String(), canary) {
			t.Errorf("a secret is shown:\n%s\n%s", answers.String(), s.log)
		}
		for _, act := range []string{"connection.create", "connection.edit", "connection.remove"} {
			if strings.Count(entries, `"`+act+`"`) != 1 {
				t.Errorf("%s is not in the log once", act)
			}
		}
	})
}

func TestAConnectionMadeOverHTTPServesARequestAtOnce(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		s := newSite(t, db)
		w := newWorld(t, "sqlite", "postgres")
		w.write(shopDataset, shopPolicies)
		w.apply(&storeOf{db.DB, store.DefaultTenant})
		body := `{"key":"db","type":"postgres","access":"write","datasets":["shop"],"secrets":{"url":"` + strings.Replace(w.url, "postgres@", "postgres:any@", 1) + `"}}`
		s.inventory(s.key, "POST", "/connections", body, 201)
		s.inventory(s.key, "POST", "/connections", strings.Replace(body, `"db"`, `"again"`, 1), 422) // the dataset is served
		r := s.submit("access", "anna@example.com")
		if got := s.act(r.ID, "approve", `{"plan_hash":"`+r.PlanHash+`"}`); got.status != 200 {
			t.Fatalf("%d %s", got.status, got.body)
		}
		if done := s.await(r.ID, request.Complete, request.Errored); done.Status != string(request.Complete) {
			t.Errorf("%+v", done)
		}

		// Without it nothing is found any more, at once.
		s.inventory(s.key, "DELETE", "/connections/db", "", 204)
		if got := s.send("POST", "/api/v1/requests", s.key, strings.NewReader(submission("access", "ben@example.com")), "Idempotency-Key", "again", "Content-Type", "application/json"); got.status == 201 {
			t.Errorf("without its connection: %s", got.body)
		}
	})
}

func TestWhatADirectoryDeclaresIsChangedThere(t *testing.T) {
	t.Parallel()
	s := newSite(t, storetest.SQLite(t))
	for _, c := range [][3]string{
		{"PUT", "/systems/crm", `{}`}, {"DELETE", "/systems/crm", ""}, {"PUT", "/connections/hook", `{"type":"webhook"}`},
		{"DELETE", "/connections/hook", ""}, {"PUT", "/connections/hook/links", `[]`}, {"DELETE", "/connections/hook/links/crm", ""},
	} {
		s.must(applyText(s, "system: [{key: crm}]\nconnection: [{key: hook, type: webhook, system: crm, secrets: {url: u, secret: s}}]\n"))
		if got := s.inventory(s.key, c[0], c[1], c[2], 409); !strings.Contains(got, "configuration directory") {
			t.Errorf("%v: %s", c, got)
		}
	}
	s.inventory(s.key, "POST", "/connections", `{"key":"hook","type":"webhook","secrets":{"url":"u","secret":"s"}}`, 422)

	// What a policy of the directory calls stays as it needs it.
	const policy = "policy:\n- key: p\n  rules: [{key: r, action: consent}]\n  webhooks: {post: [{key: w, connection: called}]}\n"
	s.must(applyText(s, "system: []\n"))
	s.inventory(s.key, "POST", "/connections", `{"key":"called","type":"webhook","receives":"identities","secrets":{"url":"u","secret":"s"}}`, 201)
	s.must(applyText(s, policy))
	for _, c := range [][3]string{{"DELETE", "/connections/called", ""}, {"PUT", "/connections/called", `{"type":"webhook"}`}, {"PUT", "/connections/called", `{"type":"webhook","receives":"identities","disabled":true}`}} {
		if got := s.inventory(s.key, c[0], c[1], c[2], 422); !strings.Contains(got, "the webhook w ") {
			t.Errorf("%v: %s", c, got)
		}
	}
	s.inventory(s.key, "PUT", "/connections/called", `{"type":"webhook","receives":"identities","name":"Called"}`, 200)
}

// applyText applies a directory of one file.
func applyText(s *site, text string) error {
	files := []source.File{{Name: "a.yml", Data: []byte(text)}}
	c, _ := config.Read(files, config.Options{Registry: builtin.Registry()})
	seen, err := s.db.Connections().Seen(s.t.Context(), store.DefaultTenant)
	if err != nil {
		return err
	}
	_, err = s.db.Configurations().Apply(s.t.Context(), store.DefaultTenant, files, c.Declared(), seen.Inventory, act("config.apply"))
	return err
}
