package server

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"volenti.dev/volenti/api"
	"volenti.dev/volenti/config"
	"volenti.dev/volenti/connector/builtin"
	"volenti.dev/volenti/internal/store"
	"volenti.dev/volenti/internal/store/storetest"
	"volenti.dev/volenti/message"
	"volenti.dev/volenti/request"
)

// posted is a letter as it lies in the store.
type posted struct {
	kind    message.Kind
	request string
	to      string
	values  map[string]any
}

// letters opens all letters of a tenant, oldest first.
func (s *site) letters(tenant string) (all []posted) {
	s.t.Helper()
	keys, err := s.db.Tenant(s.t.Context(), tenant)
	s.must(err)
	rows, err := s.db.Raw(s.t).QueryContext(s.t.Context(), `SELECT l.id, l.kind, l.request, l.sealed, k.wrapped FROM letters l
		JOIN keys k ON k.tenant = l.tenant AND k.owner = 'letter/' || l.id WHERE l.tenant = '`+tenant+`' ORDER BY l.id`)
	s.must(err)
	defer rows.Close()
	for rows.Next() {
		var p posted
		var id string
		var sealed, wrapped []byte
		s.must(rows.Scan(&id, &p.kind, &p.request, &sealed, &wrapped))
		key, err := keys.OpenKey("letter/"+id, wrapped)
		s.must(err)
		plain, err := key.Open(sealed, []byte("letter/"+tenant+"/"+id))
		s.must(err)
		var c struct {
			To     string
			Values map[string]any
		}
		s.must(json.Unmarshal(plain, &c))
		p.to, p.values = c.To, c.Values
		all = append(all, p)
	}
	s.must(rows.Err())
	return all
}

// public sends a body to a route for people.
func (s *site) public(path, body string) reply {
	s.t.Helper()
	return s.send("POST", "/api/v1/public/"+path, "", strings.NewReader(body), "Content-Type", "application/json")
}

// askFor asks as a person and gives the reference.
func (s *site) askFor(body string) string {
	s.t.Helper()
	got := s.public("requests", body)
	if got.status != http.StatusAccepted {
		s.t.Fatalf("ask: %d %s", got.status, got.body)
	}
	var asked api.AskedFor
	s.must(json.Unmarshal([]byte(got.body), &asked))
	return asked.Reference
}

// codeFor gives the last code that was sent about a request to an address.
func (s *site) codeFor(reference, to string) string {
	s.t.Helper()
	code := ""
	for _, p := range s.letters(store.DefaultTenant) {
		if p.kind == message.Code && p.request == reference && p.to == to {
			code, _ = p.values["code"].(string)
		}
	}
	if len(code) != request.CodeDigits {
		s.t.Fatalf("no code went to that address, but %q", code)
	}
	return code
}

func (s *site) prove(reference, code string) (r api.RequestOfPerson) {
	s.t.Helper()
	got := s.public("requests/prove", fmt.Sprintf(`{"reference":%q,"code":%q}`, reference, code))
	if got.status != http.StatusOK {
		s.t.Fatalf("prove: %d %s", got.status, got.body)
	}
	s.must(json.Unmarshal([]byte(got.body), &r))
	return r
}

func (s *site) follow(token string) (r api.RequestOfPerson) {
	s.t.Helper()
	got := s.public("requests/status", fmt.Sprintf(`{"token":%q}`, token))
	if got.status != http.StatusOK {
		s.t.Fatalf("follow: %d %s", got.status, got.body)
	}
	s.must(json.Unmarshal([]byte(got.body), &r))
	return r
}

// provePublic gives a body with which a route for people succeeds.
func (s *site) provePublic(route api.Route) string {
	s.t.Helper()
	s.openShop()
	email := uuid.NewString() + "@example.org"
	body := strings.ReplaceAll(route.Example, "anna@example.org", email)
	if strings.HasSuffix(route.Path, "/public/requests") {
		return body
	}
	reference := s.askFor(submission("erasure", email))
	code := s.codeFor(reference, email)
	if strings.Contains(body, "vr_...") {
		return strings.ReplaceAll(body, "vr_...", s.prove(reference, code).Token)
	}
	return strings.NewReplacer("0198c0de-0000-7000-8000-000000000001", reference, "12345678", code).Replace(body)
}

func TestPersonAsksProvesAndFollowsARequestToItsEnd(t *testing.T) { // X1, SE1
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		s := newSiteWith(t, db, func(srv *Server) { srv.PublicURL = "https://privacy.example.org" })
		s.openShop()
		reference := s.askFor(`{"policy":"access","identities":[{"type":"email","value":" ANNA@example.com "}],"place":"de","language":"de-DE"}`)
		var shown api.RequestWithReport
		s.ask("GET", "/api/v1/requests/"+reference, "", http.StatusOK, &shown)
		if shown.Status != string(request.IdentityUnverified) || shown.PlanHash != "" {
			t.Errorf("before it is proven: %+v", shown.Request)
		}
		s.problem("approved before", s.act(reference, "approve", `{"plan_hash":"`+strings.Repeat("0", 64)+`"}`), http.StatusConflict)

		proven := s.prove(reference, s.codeFor(reference, "anna@example.com"))
		if proven.Status != api.ToBeRead || proven.Reference != reference || proven.Due == nil || proven.Verified == nil || !proven.Withdraw || !strings.HasPrefix(proven.Token, "vr_") {
			t.Errorf("proven: %+v", proven)
		}
		letters := s.letters(store.DefaultTenant)
		receipt := letters[len(letters)-1]
		if receipt.kind != message.Receipt || receipt.to != "anna@example.com" || receipt.values["url"] != "https://privacy.example.org/requests/"+proven.Token || receipt.values["due"] == "" {
			t.Errorf("the receipt: %+v", receipt)
		}
		s.ask("GET", "/api/v1/requests/"+reference, "", http.StatusOK, &shown)
		s.approve(shown.Request)
		if done := s.await(reference, request.Complete); len(done.Report.Collections) != 3 {
			t.Errorf("the report: %+v", done.Report)
		}
		if got := s.follow(proven.Token); got.Status != api.Finished || got.Ended == nil || got.Withdraw {
			t.Errorf("at the end: %+v", got)
		}
		acts := s.actsOn("request/" + reference)
		if want := []string{"request.submit", "request.verify", "request.plan", "request.approve"}; !slices.Equal(acts[:4], want) {
			t.Errorf("acts: %v", acts)
		}
		if strings.Contains(strings.ToLower(s.log.String()), "anna") {
			t.Error("the log names the person")
		}
	})
}

// withPolicies applies the shop with other policies.
func (s *site) withPolicies(dataset, policies string) {
	s.t.Helper()
	s.openShop()
	s.world.configure(dataset, policies)
	s.world.apply(&storeOf{s.db.DB, store.DefaultTenant})
}

func TestWhoAsksForTheSameAgainIsLedToTheEarlierRequest(t *testing.T) { // X20
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		s := newSite(t, db)
		s.openShop()
		first, second, vouched := s.askFor(submission("access", "anna@example.com")), s.askFor(submission("access", "Anna@Example.com")), s.askFor(submission("erasure", "anna@example.com"))
		later := s.prove(second, s.codeFor(second, "anna@example.com"))
		if later.Reference != second {
			t.Errorf("one that nobody has proven stands for another: %+v", later)
		}
		again := s.prove(first, s.codeFor(first, "anna@example.com"))
		if again.Reference != second || again.Status != api.ToBeRead || s.follow(again.Token).Reference != second {
			t.Errorf("led to %+v", again)
		}
		s.problem("a code that was used", s.public("requests/prove", fmt.Sprintf(`{"reference":%q,"code":%q}`, first, s.codeFor(first, "anna@example.com"))), http.StatusForbidden)
		s.await(first, request.Duplicate)
		s.world.equal("acts", s.actsOn("request/"+first), []string{"request.submit", "request.duplicate"})
		mine := s.submit("erasure", "anna@example.com") // by an operator
		if got := s.prove(vouched, s.codeFor(vouched, "anna@example.com")); got.Reference != mine.ID {
			t.Errorf("an operator's request does not stand for it: %+v", got)
		}
		letters := s.letters(store.DefaultTenant)
		if last := letters[len(letters)-1]; last.kind != message.Receipt || last.values["reference"] != mine.ID {
			t.Errorf("the receipt: %+v", last)
		}
	})
}

const agentsBody = `{"policy":"access","identities":[{"type":"email","value":"anna@example.com"}],"agent":{"name":"Adam Attorney","email":"adam@law.example","authority":"a power of attorney of May"}}`

func TestAgentsRequestWaitsForThePersonOrAnOperator(t *testing.T) { // SE1, X1
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		s := newSite(t, db)
		s.openShop()
		reference := s.askFor(agentsBody)
		agents := s.codeFor(reference, "adam@law.example")
		s.problem("the agent's code as the person's", s.public("requests/prove", fmt.Sprintf(`{"reference":%q,"code":%q}`, reference, agents)), http.StatusForbidden)
		got := s.public("requests/prove", fmt.Sprintf(`{"reference":%q,"party":"agent","code":%q}`, reference, agents))
		if got.status != http.StatusOK || !strings.Contains(got.body, `"to_be_proven"`) || strings.Contains(got.body, "vr_") {
			t.Fatalf("the agent: %d %s", got.status, got.body)
		}
		var r api.RequestWithReport
		s.ask("GET", "/api/v1/requests/"+reference, "", http.StatusOK, &r)
		if r.Status != string(request.IdentityUnverified) || !strings.Contains(r.Message, "vouch") {
			t.Errorf("it is %s: %s", r.Status, r.Message)
		}
		s.problem("approved", s.act(reference, "approve", `{"plan_hash":"`+strings.Repeat("0", 64)+`"}`), http.StatusConflict)
		var who api.PersonShown
		s.ask("GET", "/api/v1/requests/"+reference+"/person", "", http.StatusOK, &who)
		if who.Agent == nil || who.Agent.Authority != "a power of attorney of May" || who.Identities[0] != (api.IdentityShown{Type: "email", Value: "anna@example.com", Origin: "claimed"}) {
			t.Errorf("who asks: %+v", who)
		}
		if got := s.act(reference, "vouch", `{"note":"the original was shown"}`); got.status != http.StatusOK {
			t.Fatalf("vouch: %d %s", got.status, got.body)
		}
		s.problem("vouched again", s.act(reference, "vouch", `{"note":"again"}`), http.StatusConflict)
		for _, l := range s.letters(store.DefaultTenant) {
			if l.kind != message.Code && l.to != "anna@example.com" {
				t.Errorf("a letter of kind %s goes to the agent", l.kind)
			}
		}
		s.ask("GET", "/api/v1/requests/"+reference, "", http.StatusOK, &r)
		s.approve(r.Request)
		s.await(reference, request.Complete)
		s.problem("who it was, at the end", s.get("/api/v1/requests/"+reference+"/person"), http.StatusNotFound)
		s.world.equal("acts", s.actsOn("request/" + reference)[:6], []string{"request.submit", "request.agent", "request.reveal", "request.verify", "request.plan", "request.approve"})

		reference = s.askFor(strings.Replace(agentsBody, `"access"`, `"erasure"`, 1))
		if got := s.prove(reference, s.codeFor(reference, "anna@example.com")); got.Status != api.ToBeRead {
			t.Errorf("with the person's proof: %+v", got)
		}
	})
}

// peopleDataset finds customers by telephone, too.
var peopleDataset = strings.Replace(shopDataset, "{name: phone, data_categories: [user.contact.phone_number]}", "{name: phone, data_categories: [user.contact.phone_number], fides_meta: {identity: phone_number}}", 1)

func TestOnlyWhatWasProvenLeadsToData(t *testing.T) { // SE1
	t.Parallel()
	s := newSite(t, storetest.SQLite(t))
	s.withPolicies(peopleDataset, shopPolicies)
	reference := s.askFor(`{"policy":"access","identities":[{"type":"email","value":"ben@example.com"},{"type":"phone_number","value":"+49 30 123"}]}`)
	s.prove(reference, s.codeFor(reference, "ben@example.com"))
	var r api.RequestWithReport
	s.ask("GET", "/api/v1/requests/"+reference, "", http.StatusOK, &r)
	s.approve(r.Request)
	s.await(reference, request.Complete)
	got := s.get("/api/v1/requests/" + reference + "/package")
	if text := unzipped(t, got.body); !strings.Contains(text, "Nebenweg") || strings.Contains(text, "Hauptweg") || strings.Contains(text, "anna@") {
		t.Errorf("the package has not what is Ben's, or what is Anna's:\n%s", text)
	}
}

func TestPolicyApprovesByItselfWhereItSaysSo(t *testing.T) { // X1
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		s := newSiteWith(t, db, func(srv *Server) { srv.FourEyes = true })
		s.withPolicies(shopDataset, strings.ReplaceAll(shopPolicies, "{public: true}", "{public: true, approval: automatic}"))
		access, erasure := s.askFor(submission("access", "anna@example.com")), s.askFor(submission("erasure", "anna@example.com"))
		s.prove(access, s.codeFor(access, "anna@example.com"))
		s.await(access, request.Complete)
		s.prove(erasure, s.codeFor(erasure, "anna@example.com"))
		if r := s.await(erasure, request.AwaitingApproval); r.PlanHash == "" {
			t.Error("an erasure that needs a second person was not planned")
		}
		if mine := s.submit("access", "ben@example.com"); mine.Status != string(request.AwaitingApproval) {
			t.Errorf("an operator's is %s", mine.Status)
		}
	})
}

func TestWhatCannotBePlannedWaitsWithItsReason(t *testing.T) { // X1, X6
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		s := newSite(t, db)
		s.openShop()
		s.withPolicies(shopDataset, strings.ReplaceAll(shopPolicies, "{public: true}", "{public: true, approval: automatic}"))
		access, erasure := s.askFor(submission("access", "anna@example.com")), s.askFor(submission("erasure", "anna@example.com"))
		s.world.exec("ALTER TABLE note RENAME TO notes;\n")
		if got := s.prove(access, s.codeFor(access, "anna@example.com")); got.Status != api.ToBeRead {
			t.Errorf("the person is told %+v", got)
		}
		s.prove(erasure, s.codeFor(erasure, "anna@example.com"))
		var r api.RequestWithReport
		s.ask("GET", "/api/v1/requests/"+access, "", http.StatusOK, &r)
		if r.Status != string(request.AwaitingApproval) || r.PlanHash != "" || !strings.Contains(r.Message, "no table note") {
			t.Errorf("it is %s: %s", r.Status, r.Message)
		}
		s.problem("its plan", s.get("/api/v1/requests/"+access+"/plan"), http.StatusNotFound)
		none := `{"plan_hash":"` + strings.Repeat("0", 64) + `"}`
		s.problem("approved", s.act(access, "approve", none), http.StatusUnprocessableEntity)
		s.world.exec("ALTER TABLE notes RENAME TO note;\n")
		s.problem("approved when it can be planned", s.act(access, "approve", none), http.StatusConflict)
		s.await(access, request.Complete) // its policy approves
		f := (&Server{House: &House{Store: db.DB}, Now: time.Now, Log: slog.New(slog.DiscardHandler), Configuration: config.Options{Registry: builtin.Registry()}}).front()
		s.must(f.keepUp(t.Context()))
		s.await(erasure, request.Complete)
		s.must(f.desk.latest.Close())
	})
}

func TestPersonGivesARequestUp(t *testing.T) { // X23
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		s := newSite(t, db)
		s.openShop()
		reference := s.askFor(submission("erasure", "anna@example.com"))
		token := s.prove(reference, s.codeFor(reference, "anna@example.com")).Token
		for range 2 {
			got := s.public("requests/withdraw", fmt.Sprintf(`{"token":%q}`, token))
			if got.status != http.StatusOK || !strings.Contains(got.body, `"given_up"`) {
				t.Errorf("%d %s", got.status, got.body)
			}
		}
		s.world.equal("acts", s.actsOn("request/"+reference), []string{"request.submit", "request.verify", "request.plan", "request.cancel"})
		reference = s.askFor(submission("erasure", "ben@example.com"))
		token = s.prove(reference, s.codeFor(reference, "ben@example.com")).Token
		var r api.RequestWithReport
		s.ask("GET", "/api/v1/requests/"+reference, "", http.StatusOK, &r)
		s.approve(r.Request)
		s.await(reference, request.Complete)
		s.problem("too late", s.public("requests/withdraw", fmt.Sprintf(`{"token":%q}`, token)), http.StatusConflict)
		for _, path := range []string{"requests/status", "requests/withdraw"} {
			for _, wrong := range []string{"vr_x", altered(token), "vd_" + token[3:], "vr_" + strings.Repeat("x", 150)} {
				s.problem(path, s.public(path, fmt.Sprintf(`{"token":%q}`, wrong)), http.StatusForbidden)
			}
		}
	})
}

// Whoever asks, the same is stored and answered, and no database of the
// company is asked: here there is none that could be.
func TestWhoIsKnownCannotBeToldFromOutside(t *testing.T) { // SE2
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		s := newSite(t, db)
		s.openShop()
		before := s.submit("access", "anna@example.com") // Anna is a customer, and known here
		s.approve(before)
		s.await(before.ID, request.Complete)
		s.world.target, s.world.url = "postgres", "postgres://nobody@127.0.0.1:1/none?connect_timeout=1"
		s.world.configure(shopDataset, shopPolicies)
		s.world.apply(&storeOf{db.DB, store.DefaultTenant})

		id := regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f-]{27}`)
		rows := func() (n int) {
			for _, table := range db.Tables(t) {
				var of int
				s.must(db.Raw(t).QueryRowContext(t.Context(), "SELECT count(*) FROM "+table).Scan(&of))
				n += of
			}
			return n
		}
		told := func(email string) (answers []string) {
			at := rows()
			got := s.public("requests", submission("access", email))
			var asked api.AskedFor
			s.must(json.Unmarshal([]byte(got.body), &asked))
			for _, body := range []string{`{"reference":"` + asked.Reference + `"}`, `{"reference":"` + asked.Reference + `","party":"agent"}`} {
				again := s.public("requests/code", body)
				answers = append(answers, fmt.Sprint(again.status, id.ReplaceAllString(again.body, "ID")))
			}
			wrong := s.public("requests/prove", fmt.Sprintf(`{"reference":%q,"code":"00000000"}`, asked.Reference))
			answers = append(answers, fmt.Sprint(got.status, id.ReplaceAllString(got.body, "ID"), wrong.status, wrong.body))
			return append(answers, fmt.Sprint(rows()-at, " rows more"))
		}
		known, unknown := told("anna@example.com"), told("nobody@example.net")
		s.world.equal("what is told and stored", known, unknown)
		for range 5 {
			s.askFor(submission("access", "nobody@example.net"))
		}
		for _, reference := range []string{uuid.NewString(), before.ID} {
			got := s.public("requests/code", fmt.Sprintf(`{"reference":%q}`, reference))
			if fmt.Sprint(got.status, id.ReplaceAllString(got.body, "ID")) != known[0] {
				t.Errorf("another code for what is not to be proven: %d %s", got.status, got.body)
			}
			wrong := s.public("requests/prove", fmt.Sprintf(`{"reference":%q,"code":"00000000"}`, reference))
			if !strings.HasSuffix(known[2], fmt.Sprint(wrong.status, wrong.body)) {
				t.Errorf("a code for what is not to be proven: %d %s", wrong.status, wrong.body)
			}
		}
	})
}

func TestNothingPersonalOfWhoAsksIsLogged(t *testing.T) { // SE10
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		s := newSite(t, db)
		s.withPolicies(peopleDataset, strings.ReplaceAll(shopPolicies, "{public: true}", `{public: true, fields: [{key: where, label: Where, type: text}, {key: since, label: Since, type: date}]}`))
		body := `{"policy":"access","identities":[{"type":"email","value":"Canary.1@example.com"},{"type":"phone_number","value":"+49 30 99887766"}],
			"fields":{"where":"canary.2","since":"1987-06-05"},"place":"US-CA","agent":{"name":"canary.3","email":"canary.4@example.com","authority":"canary.5"}}`
		reference := s.askFor(body)
		for _, bad := range []string{
			strings.Replace(body, "1987-06-05", "canary.6", 1), strings.Replace(body, "US-CA", "Canary", 1), strings.Replace(body, "+49 30 99887766", "canary.7", 1),
			strings.Replace(body, `"where":`, `"canary":`, 1), strings.Replace(body, "canary.4@example.com", "canary.1@example.com", 1), strings.Replace(body, `{"policy"`, `{"canary.8":1,"policy"`, 1),
		} {
			if got := s.public("requests", bad); got.status != http.StatusUnprocessableEntity {
				t.Errorf("%d %s", got.status, got.body)
			}
		}
		s.public("requests/code", `{"reference":"`+reference+`","party":"agent"}`)
		s.public("requests/prove", fmt.Sprintf(`{"reference":%q,"party":"agent","code":%q}`, reference, s.codeFor(reference, "canary.4@example.com")))
		code := s.codeFor(reference, "canary.1@example.com")
		token := s.prove(reference, code).Token
		s.follow(token)
		s.get("/api/v1/requests/" + reference + "/person")
		var r api.RequestWithReport
		s.ask("GET", "/api/v1/requests/"+reference, "", http.StatusOK, &r)
		s.approve(r.Request)
		s.await(reference, request.Complete)
		if dump := strings.ToLower(string(db.Dump(t))); strings.Contains(dump, "canary") || strings.Contains(dump, "99887766") || strings.Contains(dump, "1987-06-05") || strings.Contains(dump, code) || strings.Contains(dump, token) {
			t.Error("the database shows something of it in the clear")
		}
		for _, secret := range []string{"canary", "99887766", "1987-06-05", code, token} {
			if strings.Contains(strings.ToLower(s.log.String()), strings.ToLower(secret)) {
				t.Errorf("the log has %s", secret)
			}
		}
	})
}

func TestWhatIsAskedInABrokenWayIsRefusedAndLeavesNothing(t *testing.T) { // SE7, SE8
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		s := newSite(t, db)
		s.withPolicies(shopDataset, strings.Replace(shopPolicies, "intake: {public: true}", `intake: {public: true, fields: [{key: sure, label: Sure, type: boolean, required: true}]}`, 1))
		before := s.entries()
		for body, want := range map[string]string{
			`{"policy":"access","identities":[{"type":"device_id","value":"x"}],"place":"Mars","language":"??","fields":{"x":1}}`: "body.fields.sure body.fields body.identities body.identities body.place body.language",
			`{"policy":"none","identities":[{"type":"email","value":"a@example.org"},{"type":"email","value":"b@example.org"}]}`:  "body.policy body.identities",
			`{"policy":"erasure","identities":[{"type":"email","value":"a@example.org"}],"fields":{"__proto__":"x"}}`:             "body.fields",
		} {
			got := s.public("requests", body)
			var p api.Problem
			s.must(json.Unmarshal([]byte(got.body), &p))
			var where []string
			for _, e := range p.Errors {
				where = append(where, e.Where)
			}
			if got.status != http.StatusUnprocessableEntity || strings.Join(where, " ") != want {
				t.Errorf("%s: %d %s", body, got.status, got.body)
			}
		}
		good := submission("erasure", "a@example.org")
		s.problem("no such tenant", s.public("requests", `{"tenant":"nobody",`+good[1:]), http.StatusNotFound)
		s.must(db.CreateTenant(t.Context(), "bare"))
		s.problem("no configuration", s.public("requests", `{"tenant":"bare",`+good[1:]), http.StatusServiceUnavailable)
		if got := s.send("GET", "/api/v1/public/policies?tenant=bare", "", nil); got.status != http.StatusOK || strings.TrimSpace(got.body) != `{"items":[]}` {
			t.Errorf("without configuration: %d %s", got.status, got.body)
		}
		s.problem("too large", s.public("requests", good+strings.Repeat(" ", 70_000)), http.StatusRequestEntityTooLarge)
		for path, body := range map[string]string{
			"requests/prove": `{"reference":"` + uuid.NewString() + `","code":"1234567x"}`, "requests/code": `{"reference":"x"}`, "requests/status": `{"token":""}`, "requests/withdraw": `{}`,
		} {
			s.problem(path, s.public(path, body), http.StatusUnprocessableEntity)
		}
		if n := s.entries() - before; n != 0 || len(s.letters(store.DefaultTenant)) > 0 {
			t.Errorf("%d entries", n)
		}
		s.world.write(shopDataset, shopPolicies, "connection:\n- {key: db, type: sqlite, access: write, datasets: [shop], secrets: {url: '${NOT_SET_ANYWHERE}'}}\n")
		s.world.apply(&storeOf{db.DB, store.DefaultTenant})
		got := s.public("requests", good)
		s.problem("a configuration that cannot be used", got, http.StatusServiceUnavailable)
		if strings.Contains(got.body, "NOT_SET") || !strings.Contains(s.log.String(), "NOT_SET") {
			t.Errorf("the public is told what is wrong, or the operator is not: %s", got.body)
		}
	})
}

func TestPeopleSeeWhatTheyCanAskFor(t *testing.T) { // W12
	t.Parallel()
	s := newSite(t, storetest.SQLite(t))
	s.withPolicies(shopDataset, strings.Replace(strings.Replace(shopPolicies, "  intake: {public: true}\n", "", 1), "{public: true}",
		`{public: true, fields: [{key: why, label: {en: Why, de: Warum}, type: choice, choices: [{key: a, label: {en: Because, de: Darum}}]}]}`, 1))
	got := s.send("GET", "/api/v1/public/policies?language=de-AT", "", nil)
	if want := `{"items":[{"policy":"erasure","actions":["access","erasure"],"identities":["email"],"fields":[{"key":"why","label":"Warum","type":"choice","required":false,"choices":[{"key":"a","label":"Darum"}]}]}]}`; got.status != http.StatusOK || strings.TrimSpace(got.body) != want {
		t.Errorf("%d %s", got.status, got.body)
	}
	s.problem("what people cannot ask for", s.public("requests", submission("access", "a@example.org")), http.StatusUnprocessableEntity)
	s.problem("of nobody", s.send("GET", "/api/v1/public/policies?tenant=nobody", "", nil), http.StatusNotFound)
}

func TestOneNetworkDoesNotAskForAll(t *testing.T) { // SE15
	t.Parallel()
	s := newSiteWith(t, storetest.SQLite(t), func(srv *Server) {
		srv.Limiter = &api.Limiter{Most: 3, Proxies: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, Now: func() time.Time { return time.Unix(1_800_000_020, 0) }}
	})
	from := func(client string) reply {
		return s.send("POST", "/api/v1/public/requests/status", "", strings.NewReader(`{"token":"vr_x"}`), "Content-Type", "application/json", "X-Forwarded-For", client)
	}
	for range 3 {
		s.problem("within", from("203.0.113.7"), http.StatusForbidden)
	}
	got := from("203.0.113.99")
	s.problem("beyond", got, http.StatusTooManyRequests)
	if got.header.Get("Retry-After") != "40" {
		t.Errorf("Retry-After is %q", got.header.Get("Retry-After"))
	}
	s.problem("another network", from("198.51.100.1"), http.StatusForbidden)
	if got := s.get("/api/v1/requests"); got.status != http.StatusOK {
		t.Errorf("who has a key: %d", got.status)
	}
	if strings.Contains(s.log.String(), "203.0.113") {
		t.Error("the log has addresses of clients")
	}
}

func TestManyAskAboutOneRequestAtOnce(t *testing.T) { // R4
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		s := newSite(t, db)
		s.openShop()
		reference := s.askFor(submission("erasure", "anna@example.com"))
		code := s.codeFor(reference, "anna@example.com")
		var proven, refused atomic.Int64
		var token atomic.Value
		var all sync.WaitGroup
		for range 64 {
			all.Go(func() {
				got := s.public("requests/prove", fmt.Sprintf(`{"reference":%q,"code":%q}`, reference, code))
				var r api.RequestOfPerson
				if got.status == http.StatusOK && json.Unmarshal([]byte(got.body), &r) == nil {
					proven.Add(1)
					token.Store(r.Token)
				} else if got.status == http.StatusForbidden {
					refused.Add(1)
				} else {
					t.Errorf("%d %s", got.status, got.body)
				}
			})
		}
		all.Wait()
		if proven.Load() != 1 || refused.Load() != 63 {
			t.Errorf("proven %d times, refused %d times", proven.Load(), refused.Load())
		}
		var letters, given int
		for _, l := range s.letters(store.DefaultTenant) {
			if l.kind == message.Receipt {
				letters++
			}
		}
		for range 64 {
			all.Go(func() {
				path := []string{"requests/status", "requests/withdraw"}[rand.IntN(2)]
				if got := s.public(path, fmt.Sprintf(`{"token":%q}`, token.Load())); got.status != http.StatusOK {
					t.Errorf("%s: %d %s", path, got.status, got.body)
				}
			})
		}
		all.Wait()
		for _, act := range s.actsOn("request/" + reference) {
			if act == "request.cancel" {
				given++
			}
		}
		if letters != 1 || given != 1 {
			t.Errorf("%d receipts, given up %d times", letters, given)
		}
	})
}

func TestWhoSubmitsForSomebodySaysHowItCameIn(t *testing.T) { // X1
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		s := newSite(t, db)
		s.withPolicies(shopDataset, strings.Replace(shopPolicies, "intake: {public: true}", `intake: {public: true, fields: [{key: number, label: N, type: text, required: true}, {key: sure, label: Sure, type: boolean}]}`, 1))
		var r api.Request
		s.ask("POST", "/api/v1/requests", `{"policy":"access","identities":[{"type":"email","value":"anna@example.com"}],"source":"letter","place":"de","language":"de","received":"2026-05-04T00:00:00Z","fields":{"sure":true}}`, http.StatusCreated, &r)
		kept, err := db.Requests().Get(t.Context(), store.DefaultTenant, r.ID)
		s.must(err)
		if kept.Source != "letter" || kept.Place != "DE" || kept.Language != "de" || kept.Received.Format(time.DateOnly) != "2026-05-04" || kept.Status != request.AwaitingApproval {
			t.Errorf("%+v", kept)
		}
		var who api.PersonShown
		s.ask("GET", "/api/v1/requests/"+r.ID+"/person", "", http.StatusOK, &who)
		if who.Fields["sure"] != true || who.Identities[0].Origin != "vouched" {
			t.Errorf("%+v", who)
		}
		for what, body := range map[string]string{
			"source": `"source":"dream"`, "place": `"place":"Mars"`, "language": `"language":"??"`, "received": `"received":"2999-01-01T00:00:00Z"`, "fields.sure": `"fields":{"sure":"x"}`, "fields": `"fields":{"x":1}`,
		} {
			got := s.send("POST", "/api/v1/requests", s.key, strings.NewReader(`{"policy":"access","identities":[{"type":"email","value":"anna@example.com"}],`+body+`}`), "Idempotency-Key", uuid.NewString(), "Content-Type", "application/json")
			s.problem(what, got, http.StatusUnprocessableEntity)
			if !strings.Contains(got.body, `"body.`+what+`"`) {
				t.Errorf("%s: %s", what, got.body)
			}
		}
	})
}
